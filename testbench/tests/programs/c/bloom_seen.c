// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Lets only known clients at a service: a bloom filter answers most questions, a
// table those that it lets through; clients get known by an ICMP knock.
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 4096);
	__uint(map_extra, 3);
	__uint(value_size, sizeof(__u32));
} maybe SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} clients SEC(".maps");

__u64 sure_no, checked, knocks;

SEC("xdp")
int bloom_seen(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct ports *ports = (void *)(ip + 1);
	__u32 source, one = 1, *known;

	if ((void *)(ports + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5)
		return XDP_PASS;
	source = ip->saddr;
	if (ip->protocol == IPPROTO_ICMP) {
		knocks++;
		bpf_map_push_elem(&maybe, &source, 0);
		bpf_map_update_elem(&clients, &source, &one, BPF_ANY);
		return XDP_PASS;
	}
	if (ip->protocol != IPPROTO_TCP || ports->dest != bpf_htons(22))
		return XDP_PASS;
	if (bpf_map_peek_elem(&maybe, &source)) {
		sure_no++;
		return XDP_DROP;
	}
	checked++;
	known = bpf_map_lookup_elem(&clients, &source);
	if (!known)
		return XDP_DROP;
	__sync_fetch_and_add(known, 1);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
