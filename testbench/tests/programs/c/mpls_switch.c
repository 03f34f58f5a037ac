// SPDX-License-Identifier: MIT OR Apache-2.0
//
// MPLS label switch (RFC 3031, 3032): swap, pop with up to three labels, and
// push onto IPv4 by destination; TTL is carried over in both directions.
#include "net.h"

#define MPLS_BOTTOM 0x100
#define DEPTH 3

enum operation { SWAP = 1, POP, PUSH, PUSH_TWO, PHP };

struct nexthop {
	__u32 operation;
	__u32 labels[2];
	__u8 dest[6];
	__u8 source[6];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct nexthop);
} labels SEC(".maps");

struct prefix {
	__u32 length;
	__be32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, struct nexthop);
} ingress SEC(".maps");

static __always_inline void set_macs(struct ethhdr *eth, struct nexthop *hop)
{
	__builtin_memcpy(eth->h_dest, hop->dest, 6);
	__builtin_memcpy(eth->h_source, hop->source, 6);
}

static __always_inline __be32 entry(__u32 label, __u32 tc, int bottom, __u8 ttl)
{
	return bpf_htonl(label << 12 | tc << 9 | (bottom ? MPLS_BOTTOM : 0) | ttl);
}

static __always_inline int push(struct xdp_md *ctx, struct iphdr *ip, struct nexthop *hop)
{
	int two = hop->operation == PUSH_TWO;
	__u8 ttl = ip->ttl, tc = ip->tos >> 5;
	struct ethhdr *eth;
	__be32 *stack;

	if (ttl <= 1)
		return XDP_PASS;
	if (bpf_xdp_adjust_head(ctx, two ? -8 : -4))
		return XDP_ABORTED;
	eth = (void *)(long)ctx->data;
	stack = (void *)(eth + 1);
	if ((void *)(stack + 2) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	set_macs(eth, hop);
	eth->h_proto = bpf_htons(ETH_P_MPLS_UC);
	stack[0] = entry(hop->labels[0], tc, !two, ttl - 1);
	if (two)
		stack[1] = entry(hop->labels[1], tc, 1, ttl - 1);
	return XDP_TX;
}

SEC("xdp")
int mpls_switch(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct nexthop *hop = 0;
	__be32 *stack = (void *)(eth + 1);
	__u32 label, value;
	__u8 ttl = 255;
	int popped = 0;
	__be16 proto = bpf_htons(ETH_P_MPLS_UC);

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);
		struct prefix key = { .length = 32 };

		if ((void *)(ip + 1) > end)
			return XDP_DROP;
		key.address = ip->daddr;
		hop = bpf_map_lookup_elem(&ingress, &key);
		return hop ? push(ctx, ip, hop) : XDP_PASS;
	}
	if (eth->h_proto != bpf_htons(ETH_P_MPLS_UC))
		return XDP_PASS;

	for (int i = 0; i < DEPTH; i++) {
		if ((void *)(stack + i + 1) > end)
			return XDP_DROP;
		value = bpf_ntohl(stack[i]);
		label = value >> 12;
		if ((__u8)value < ttl)
			ttl = value;
		if (ttl <= 1)
			return XDP_PASS;
		hop = bpf_map_lookup_elem(&labels, &label);
		if (!hop)
			return XDP_DROP;
		if (hop->operation == SWAP) {
			stack[i] = entry(hop->labels[0], value >> 9 & 7, value & MPLS_BOTTOM, ttl - 1);
			break;
		}
		if (hop->operation != POP && hop->operation != PHP)
			return XDP_DROP;
		popped++;
		if (value & MPLS_BOTTOM) {
			__u8 *version = (void *)(stack + i + 1);

			if ((void *)(version + 20) > end)
				return XDP_DROP;
			if (*version >> 4 == 4) {
				proto = bpf_htons(ETH_P_IP);
				if (version[8] > ttl - 1) {
					struct iphdr *ip = (void *)version;

					ip->ttl = ttl - 1;
					ip->check = 0;
					ip->check = ipv4_check(ip);
				}
			} else if (*version >> 4 == 6) {
				proto = bpf_htons(ETH_P_IPV6);
				version[7] = ttl - 1;
			} else {
				return XDP_DROP;
			}
			break;
		}
		if (hop->operation == PHP)
			break;
	}
	if (!hop)
		return XDP_ABORTED;
	if (popped) {
		struct ethhdr copy = *eth;

		if (bpf_xdp_adjust_head(ctx, popped * 4))
			return XDP_ABORTED;
		eth = (void *)(long)ctx->data;
		if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
			return XDP_ABORTED;
		*eth = copy;
		eth->h_proto = proto;
	}
	set_macs(eth, hop);
	return proto == bpf_htons(ETH_P_MPLS_UC) ? XDP_TX : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
