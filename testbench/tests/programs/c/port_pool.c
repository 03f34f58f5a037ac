// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Port pool: free ports wait in a queue, the most recently returned ones on a
// stack; SYN takes one for the source, FIN and RST give it back.
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 16);
	__uint(key_size, 0);
	__uint(value_size, sizeof(__u16));
} fresh_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 4);
	__uint(key_size, 0);
	__uint(value_size, sizeof(__u16));
} returned_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __be32);
	__type(value, __u16);
} lent SEC(".maps");

__u32 refilled = 0;
__u64 exhausted, overflowed;

SEC("xdp")
int port_pool(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	__u16 port = 0, top = 0, *have;
	__be32 source;

	if ((void *)(tcp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 ||
	    ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	if (!refilled) {
		refilled = 1;
		for (int i = 0; i < 6; i++) {
			port = 40000 + i;
			bpf_map_push_elem(&fresh_ports, &port, 0);
		}
	}
	source = ip->saddr;
	have = bpf_map_lookup_elem(&lent, &source);
	if (tcp->syn) {
		if (have) {
			tcp->source = bpf_htons(*have);
			return XDP_TX;
		}
		if (bpf_map_pop_elem(&returned_ports, &port) && bpf_map_pop_elem(&fresh_ports, &port)) {
			exhausted++;
			return XDP_DROP;
		}
		bpf_map_update_elem(&lent, &source, &port, BPF_NOEXIST);
		tcp->source = bpf_htons(port);
		return XDP_TX;
	}
	if (!have)
		return XDP_DROP;
	port = *have;
	if (tcp->fin || tcp->rst) {
		bpf_map_delete_elem(&lent, &source);
		if (bpf_map_push_elem(&returned_ports, &port, 0)) {
			overflowed++;
			bpf_map_push_elem(&returned_ports, &port, BPF_EXIST);
		}
		if (!bpf_map_peek_elem(&fresh_ports, &top) && top == 40003)
			return XDP_PASS;
		return XDP_DROP;
	}
	tcp->source = bpf_htons(port);
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
