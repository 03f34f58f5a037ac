// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Chain of features that the host plugs into slots: each does its part and calls
// the next, whose number it takes from the packet's metadata area. A feature that
// calls itself runs into the limit of tail calls.
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 8);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} chain SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps");

struct mark {
	__u32 next;
	__u32 trail;
};

static __always_inline void count(__u32 slot)
{
	__u64 *n = bpf_map_lookup_elem(&runs, &slot);

	if (n)
		++*n;
}

static __always_inline struct mark *mark_of(struct xdp_md *ctx)
{
	struct mark *mark = (void *)(long)ctx->data_meta;

	return (void *)(mark + 1) > (void *)(long)ctx->data ? 0 : mark;
}

SEC("xdp")
int chain_start(struct xdp_md *ctx)
{
	struct mark *mark;

	count(0);
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*mark)))
		return XDP_ABORTED;
	mark = mark_of(ctx);
	if (!mark)
		return XDP_ABORTED;
	mark->next = 1;
	mark->trail = 0;
	bpf_tail_call(ctx, &chain, 1);
	/* Nothing plugged in. */
	return XDP_PASS;
}

/* Drops by EtherType, else goes on. */
SEC("xdp")
int feature_ethertype(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct mark *mark = mark_of(ctx);

	count(1);
	if (!mark || (void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	if (bpf_ntohs(eth->h_proto) < 0x600)
		return XDP_DROP;
	mark->trail |= 1;
	mark->next = eth->h_proto == bpf_htons(ETH_P_IP) ? 2 : 3;
	bpf_tail_call(ctx, &chain, mark->next);
	return XDP_TX;
}

/* Takes the TTL down, with the checksum. */
SEC("xdp")
int feature_ttl(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct mark *mark = mark_of(ctx);

	count(2);
	if (!mark || (void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	if (ip->ttl <= 1)
		return XDP_DROP;
	ip->check = check_replace(ip->check, *(__u16 *)&ip->ttl, *(__u16 *)&ip->ttl - 1);
	ip->ttl--;
	mark->trail |= 2;
	mark->next = ip->tos;
	/* Any slot: most are empty or out of range. */
	bpf_tail_call(ctx, &chain, mark->next);
	return XDP_PASS;
}

/* Calls itself until the kernel has had enough. */
SEC("xdp")
int feature_spin(struct xdp_md *ctx)
{
	struct mark *mark = mark_of(ctx);

	count(3);
	if (!mark)
		return XDP_ABORTED;
	mark->trail += 0x100;
	bpf_tail_call(ctx, &chain, 3);
	return mark->trail >> 8 > 20 ? XDP_TX : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
