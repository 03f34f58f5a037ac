// An object as of 2017: maps as structs, no BTF, no license, a section whose name says nothing.
#include <linux/bpf.h>

struct bpf_map_def {
	unsigned int type, key_size, value_size, max_entries, map_flags;
};

static void *(*lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;

__attribute__((section("maps"), used)) struct bpf_map_def first = {
	BPF_MAP_TYPE_HASH, 4, 8, 64, 1,
};
__attribute__((section("maps"), used)) struct bpf_map_def second = {
	BPF_MAP_TYPE_ARRAY, 4, 4, 2, 0,
};

__attribute__((section("prog"), used)) int filter(struct xdp_md *ctx)
{
	unsigned int key = 1;
	unsigned int *value = lookup(&second, &key);

	if (!value)
		return XDP_ABORTED;
	return lookup(&first, value) ? XDP_DROP : XDP_PASS;
}
