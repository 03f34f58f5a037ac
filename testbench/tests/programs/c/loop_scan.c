// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Scan of the payload with bpf_loop: a rolling hash over each window of eight
// bytes is looked up in a table of signatures; the loop's callback ends it early.
#include "net.h"

#define WINDOW 8
#define MAX_SCAN 1400

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u32);
} signatures SEC(".maps");

struct scan {
	struct xdp_md *ctx;
	__u32 hash;
	__u32 start;
	__u32 found;
	__u32 steps;
};

__u64 total_steps, matches;

static long step(__u32 index, void *data)
{
	struct scan *scan = data;
	void *end = (void *)(long)scan->ctx->data_end;
	__u32 at = scan->start + index, *signature;
	__u8 *byte;

	if (at > 1500)
		return 1;
	byte = (void *)(long)scan->ctx->data + at;
	if ((void *)(byte + 1) > end)
		return 1;
	scan->steps++;
	scan->hash = (scan->hash << 4) + *byte;
	if (index < WINDOW - 1)
		return 0;
	signature = bpf_map_lookup_elem(&signatures, &scan->hash);
	if (!signature)
		return 0;
	scan->found = *signature;
	return 1;
}

SEC("xdp")
int loop_scan(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct scan scan = { .ctx = ctx };
	long rounds;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	scan.start = sizeof(*eth) + ip->ihl * 4 + (ip->protocol == IPPROTO_TCP ? 20 : 8);
	rounds = bpf_loop(MAX_SCAN, step, &scan, 0);
	if (rounds < 0)
		return XDP_ABORTED;
	total_steps += scan.steps;
	if (!scan.found)
		return XDP_PASS;
	matches++;
	return scan.found == 1 ? XDP_DROP : XDP_TX;
}

char _license[] SEC("license") = "GPL";
