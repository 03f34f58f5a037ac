// Legacy maps whose definitions differ in size within one section, with tails of zeros and of other things; programs in
// sections whose names say nothing.
#include <linux/bpf.h>

#define SEC(name) __attribute__((section(name), used))

struct smallest {
	unsigned int type, key_size, value_size, max_entries;
};
struct usual {
	unsigned int type, key_size, value_size, max_entries, map_flags;
};
struct with_inner {
	unsigned int type, key_size, value_size, max_entries, map_flags, inner_map_idx, numa_node;
};
struct elf_map {
	unsigned int type, size_key, size_value, max_elem, flags, id, pinning, inner_id, inner_idx;
};
struct largest {
	struct elf_map map;
	unsigned int version, magic, name[4];
};

struct smallest tiny SEC("maps") = { BPF_MAP_TYPE_ARRAY, 4, 8, 3 };
struct usual usual SEC("maps") = { BPF_MAP_TYPE_HASH, 4, 8, 5, BPF_F_NO_PREALLOC };
struct with_inner outer SEC("maps") = { BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 2, 0, 1 };
struct elf_map pinned SEC("maps") = { BPF_MAP_TYPE_LRU_HASH, 8, 8, 64, 0, 7, 2 };
struct largest tail SEC("maps") = {
	{ BPF_MAP_TYPE_HASH_OF_MAPS, 4, 4, 4, 0, 0, 0, 7 }, 3, 0xdeadbeef, { 1, 2, 3, 4 }
};
struct usual elsewhere SEC("maps/more") = { BPF_MAP_TYPE_PERCPU_ARRAY, 4, 16, 1 };

static void *(*lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;

SEC("prog") int first(struct xdp_md *ctx)
{
	__u32 key = 1;
	__u64 *value = lookup(&usual, &key);
	void *inner = lookup(&outer, &key);

	if (inner && lookup(inner, &key))
		return XDP_DROP;
	if (lookup(&tiny, &key))
		return XDP_TX;
	return value ? XDP_PASS : XDP_ABORTED;
}

SEC("ingress") int second(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 wide = 0;
	void *inner = lookup(&tail, &key);

	if (inner && lookup(inner, &wide))
		return XDP_DROP;
	return lookup(&pinned, &wide) || lookup(&elsewhere, &key) ? XDP_TX : XDP_PASS;
}
