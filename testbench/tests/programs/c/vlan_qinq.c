// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Provider edge: a table says for each port and customer VLAN whether to push a
// service tag, pop the outer tag, swap an id, or translate a priority.
#include "net.h"

enum operation { KEEP, PUSH, POP, SWAP, POP_TWO };

struct vlan_key {
	__u16 outer;
	__u16 tags;
};

struct vlan_rule {
	__u16 operation;
	__u16 vid;
	__u32 counter;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct vlan_key);
	__type(value, struct vlan_rule);
} vlan_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u8);
} priorities SEC(".maps");

static __always_inline int push(struct xdp_md *ctx, __u16 tci)
{
	struct ethhdr *eth, copy;
	struct vlan_hdr *tag;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*tag)))
		return XDP_ABORTED;
	eth = (void *)(long)ctx->data;
	if ((void *)eth + sizeof(*tag) + sizeof(*eth) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	__builtin_memcpy(&copy, (void *)eth + sizeof(*tag), sizeof(copy));
	tag = (void *)(eth + 1);
	tag->tci = bpf_htons(tci);
	tag->proto = copy.h_proto;
	copy.h_proto = bpf_htons(ETH_P_8021AD);
	*eth = copy;
	return XDP_TX;
}

static __always_inline int pop(struct xdp_md *ctx, int tags)
{
	struct ethhdr *eth = (void *)(long)ctx->data, copy;
	int cut = tags * (int)sizeof(struct vlan_hdr);

	if ((void *)(eth + 1) + 8 > (void *)(long)ctx->data_end)
		return XDP_DROP;
	copy = *eth;
	copy.h_proto = *(__be16 *)((void *)eth + 12 + cut);
	if (bpf_xdp_adjust_head(ctx, cut))
		return XDP_DROP;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	*eth = copy;
	return XDP_TX;
}

SEC("xdp")
int vlan_qinq(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct vlan_hdr *tag = (void *)(eth + 1);
	struct vlan_key key = {};
	struct vlan_rule *rule;
	__u32 pcp = 0;
	__u16 tci = 0;
	__u8 *mapped;

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_8021Q) || eth->h_proto == bpf_htons(ETH_P_8021AD)) {
		if ((void *)(tag + 1) > end)
			return XDP_DROP;
		tci = bpf_ntohs(tag->tci);
		key.outer = tci & 0xfff;
		key.tags = 1;
		if (tag->proto == bpf_htons(ETH_P_8021Q))
			key.tags = 2;
	}
	rule = bpf_map_lookup_elem(&vlan_rules, &key);
	if (!rule)
		return XDP_PASS;
	__sync_fetch_and_add(&rule->counter, 1);
	pcp = tci >> 13;
	mapped = bpf_map_lookup_elem(&priorities, &pcp);
	if (mapped && *mapped)
		pcp = *mapped & 7;
	switch (rule->operation) {
	case KEEP:
		return XDP_PASS;
	case PUSH:
		return push(ctx, (rule->vid & 0xfff) | pcp << 13);
	case POP:
		return key.tags ? pop(ctx, 1) : XDP_DROP;
	case POP_TWO:
		return key.tags == 2 ? pop(ctx, 2) : XDP_DROP;
	case SWAP:
		if (!key.tags)
			return XDP_DROP;
		if ((void *)(tag + 1) > end)
			return XDP_ABORTED;
		tag->tci = bpf_htons((tci & 0x1000) | (rule->vid & 0xfff) | pcp << 13);
		return XDP_TX;
	}
	return XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
