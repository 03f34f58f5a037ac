// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sends packets on through every kind of redirect map, chosen by the type of
// service, with different actions for empty slots.
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} ports_by_id SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} taken SEC(".maps");

SEC("xdp")
int redirect_all(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	__u32 way, key;
	__u64 *n;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
	way = ip->tos >> 5;
	key = ip->tos >> 2 & 7;
	n = bpf_map_lookup_elem(&taken, &way);
	if (n)
		++*n;
	switch (way) {
	case 0:
		return bpf_redirect_map(&ports, key, XDP_DROP);
	case 1:
		return bpf_redirect_map(&ports_by_id, key * 100, XDP_PASS);
	case 2:
		return bpf_redirect_map(&cpus, key, XDP_TX);
	case 3:
		return bpf_redirect_map(&sockets, key, 0);
	case 4:
		return bpf_redirect(key + 1, 0);
	case 5:
		return bpf_redirect_map(&ports, 0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS);
	case 6:
		return bpf_redirect_map(&ports, key, 0xff);
	default:
		swap_mac(eth);
		return bpf_redirect(ctx->ingress_ifindex, key & 1);
	}
}

char _license[] SEC("license") = "GPL";
