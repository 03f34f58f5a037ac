// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Changes its LPM map: no hardware for that.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct prefix4 {
	__u32 length;
	__u32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix4);
	__type(value, __u32);
} learned SEC(".maps");

SEC("xdp")
int lpm_learns(struct xdp_md *ctx)
{
	struct prefix4 key = { .length = 32, .address = ctx->ingress_ifindex };
	__u32 value = 1;

	bpf_map_update_elem(&learned, &key, &value, BPF_ANY);
	key.length = 24;
	bpf_map_delete_elem(&learned, &key);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
