// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Limits per /24 and in total over sliding windows of a fixed length: the last
// window counts with the share that still overlaps.
#include "net.h"

struct window {
	__u64 number;
	__u32 now;
	__u32 before;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __be32);
	__type(value, struct window);
} networks SEC(".maps");

struct window total;
const volatile __u64 window_ns = 262144;
const volatile __u32 network_limit = 20;
const volatile __u32 total_limit = 200;
__u64 limited[2];

static __noinline __u32 advance(struct window *w, __u64 now)
{
	__u64 number, into;

	if (!w || !window_ns)
		return 0;
	number = now / window_ns;
	into = now % window_ns;
	if (w->number != number) {
		w->before = w->number + 1 == number ? w->now : 0;
		w->now = 0;
		w->number = number;
	}
	w->now++;
	return w->now + (__u64)w->before * (window_ns - into) / window_ns;
}

SEC("xdp_rate")
int rate_window(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct window *known, fresh = {};
	__u64 now;
	__be32 network;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	now = bpf_ktime_get_coarse_ns();
	network = ip->saddr & bpf_htonl(0xffffff00);
	known = bpf_map_lookup_elem(&networks, &network);
	if (known) {
		if (advance(known, now) > network_limit) {
			limited[0]++;
			return XDP_DROP;
		}
	} else {
		advance(&fresh, now);
		bpf_map_update_elem(&networks, &network, &fresh, BPF_ANY);
	}
	if (advance(&total, now) > total_limit) {
		limited[1]++;
		return XDP_DROP;
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
