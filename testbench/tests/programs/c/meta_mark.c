// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Puts a mark in front of the packet for the stack: class, hash and VLAN, with
// two layouts that need the metadata area to grow; undone for packets it cuts.
#include "net.h"

struct mark {
	__u32 class;
	__u32 hash;
};

struct big_mark {
	struct mark mark;
	__u32 vlan;
	__u32 length;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} classes SEC(".maps");

__u64 marked[2], refused;

SEC("xdp")
int meta_mark(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u32 dscp = 0, hash = 0, vlan = 0, length = end - data, *class;
	struct big_mark *big;
	struct mark *mark;

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_8021Q)) {
		struct vlan_hdr *tag = (void *)(eth + 1);

		if ((void *)(tag + 1) > end)
			return XDP_DROP;
		vlan = bpf_ntohs(tag->tci);
	} else if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end)
			return XDP_DROP;
		dscp = ip->tos >> 2;
		hash = (ip->saddr ^ ip->daddr) * 0x61c88647;
	}
	class = bpf_map_lookup_elem(&classes, &dscp);
	if (!class)
		return XDP_ABORTED;
	if (*class == 0)
		return XDP_PASS;
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*mark))) {
		refused++;
		return XDP_PASS;
	}
	if (vlan && bpf_xdp_adjust_meta(ctx, -8)) {
		refused++;
		return XDP_PASS;
	}
	data = (void *)(long)ctx->data;
	if (vlan) {
		big = (void *)(long)ctx->data_meta;
		if ((void *)(big + 1) > data)
			return XDP_ABORTED;
		big->mark.class = *class;
		big->mark.hash = hash;
		big->vlan = vlan;
		big->length = length;
		marked[1]++;
	} else {
		mark = (void *)(long)ctx->data_meta;
		if ((void *)(mark + 1) > data)
			return XDP_ABORTED;
		mark->class = *class;
		mark->hash = hash;
		marked[0]++;
	}
	if (*class == 7) {
		/* Metadata moves with the head; then it is read again. */
		if (bpf_xdp_adjust_head(ctx, -4))
			return XDP_ABORTED;
		data = (void *)(long)ctx->data;
		mark = (void *)(long)ctx->data_meta;
		if ((void *)(mark + 1) > data || data + 18 > (void *)(long)ctx->data_end)
			return XDP_ABORTED;
		__builtin_memcpy(data, mark, 4);
		return XDP_TX;
	}
	if (*class == 6) {
		/* Not a multiple of four: refused. */
		if (bpf_xdp_adjust_meta(ctx, 2) == 0)
			return XDP_ABORTED;
		if (bpf_xdp_adjust_meta(ctx, 8))
			return XDP_DROP;
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
