// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Heavy hitters: a count-min sketch of sources, and a table of those whose
// estimate has passed the threshold; those far above it are dropped.
#include "net.h"

#define ROWS 4
#define COLUMNS 512

struct row {
	__u32 cells[COLUMNS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ROWS);
	__type(key, __u32);
	__type(value, struct row);
} sketch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u32);
} top SEC(".maps");

const volatile __u32 threshold = 12;
const volatile __u32 limit = 40;
const __u64 seeds[ROWS] = {
	0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9, 0x27d4eb2f165667c5,
};

SEC("xdp")
int heavy_hitters(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u32 smallest = ~0u;
	__u64 source;

	if ((void *)(eth + 1) > end)
		return XDP_ABORTED;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end)
			return XDP_DROP;
		source = ip->saddr;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = (void *)(eth + 1);

		if ((void *)(ip6 + 1) > end)
			return XDP_DROP;
		/* A /64 counts as one source. */
		source = *(__u64 *)&ip6->saddr;
	} else {
		return XDP_PASS;
	}
	for (__u32 i = 0; i < ROWS; i++) {
		__u32 number = i, column;
		struct row *row = bpf_map_lookup_elem(&sketch, &number);
		__u64 hash = (source ^ seeds[i]) * 0xff51afd7ed558ccd;

		if (!row)
			return XDP_ABORTED;
		column = (hash ^ hash >> 33) % COLUMNS;
		row->cells[column]++;
		if (row->cells[column] < smallest)
			smallest = row->cells[column];
	}
	if (smallest >= threshold)
		bpf_map_update_elem(&top, &source, &smallest, BPF_ANY);
	return smallest > limit ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
