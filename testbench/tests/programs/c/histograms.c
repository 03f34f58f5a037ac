// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Histograms in powers of two, per CPU: frame sizes, gaps between packets of a
// queue, and TCP round trips from SYN to the ACK that follows.
#include "net.h"

#define SLOTS 40

struct histogram {
	__u64 slots[SLOTS];
	__u64 sum;
	__u64 count;
};

enum { SIZES, GAPS, ROUND_TRIPS, HISTOGRAMS };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HISTOGRAMS);
	__type(key, __u32);
	__type(value, struct histogram);
} histograms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} last_arrival SEC(".maps");

struct connection {
	__be32 source, dest;
	struct ports ports;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct connection);
	__type(value, __u64);
} opened SEC(".maps");

static __always_inline __u32 log2_u64(__u64 v)
{
	__u32 r = 0, w = v;

	if (v >> 32) {
		w = v >> 32;
		r = 32;
	}
	if (w > 0xffff) {
		w >>= 16;
		r += 16;
	}
	if (w > 0xff) {
		w >>= 8;
		r += 8;
	}
	if (w > 0xf) {
		w >>= 4;
		r += 4;
	}
	if (w > 3) {
		w >>= 2;
		r += 2;
	}
	return r + (w > 1);
}

static __always_inline void enter(__u32 which, __u64 value)
{
	struct histogram *h = bpf_map_lookup_elem(&histograms, &which);
	__u32 slot = log2_u64(value);

	if (!h)
		return;
	if (slot >= SLOTS)
		slot = SLOTS - 1;
	h->slots[slot]++;
	h->sum += value;
	h->count++;
}

SEC("xdp")
int histograms_prog(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	__u32 queue = ctx->rx_queue_index & 15;
	__u64 now = bpf_ktime_get_ns(), *before;
	struct connection c = {};

	enter(SIZES, end - (void *)eth);
	before = bpf_map_lookup_elem(&last_arrival, &queue);
	if (before) {
		if (*before && now > *before)
			enter(GAPS, now - *before);
		*before = now;
	}
	if ((void *)(tcp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 ||
	    ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	c.source = ip->saddr;
	c.dest = ip->daddr;
	c.ports.source = tcp->source;
	c.ports.dest = tcp->dest;
	if (tcp->syn && !tcp->ack) {
		bpf_map_update_elem(&opened, &c, &now, BPF_ANY);
	} else if (tcp->ack) {
		before = bpf_map_lookup_elem(&opened, &c);
		if (before) {
			enter(ROUND_TRIPS, now - *before);
			bpf_map_delete_elem(&opened, &c);
		}
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
