// Maps as iproute2 had them (struct bpf_elf_map), with an inner map by id, in a section named after the hook.
#include <linux/bpf.h>

struct bpf_elf_map {
	__u32 type, size_key, size_value, max_elem, flags, id, pinning, inner_id, inner_idx;
};

static void *(*lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;

__attribute__((section("maps"), used)) struct bpf_elf_map template = {
	.type = BPF_MAP_TYPE_HASH, .size_key = 8, .size_value = 2, .max_elem = 10, .id = 42,
};
__attribute__((section("maps"), used)) struct bpf_elf_map per_port = {
	.type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .size_key = 4, .size_value = 4, .max_elem = 16,
	.inner_id = 42, .pinning = 2,
};

__attribute__((section("ingress"), used)) int police(struct xdp_md *ctx)
{
	unsigned int key = 3;

	return lookup(&per_port, &key) ? XDP_DROP : XDP_PASS;
}

char _license[] __attribute__((section("license"), used)) = "GPL";
