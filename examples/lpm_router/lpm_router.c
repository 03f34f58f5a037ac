// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Router for IPv4 and IPv6: the longest prefix of the destination address leads to
// a next hop, whose MAC addresses and port the frame gets. TTL and hop limit are
// counted down. What needs an answer (expired, no route) or more thought (options,
// multicast) goes to the host.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define NEXT_HOPS 256

struct prefix4 {
	__u32 length; /* bits */
	__be32 address;
};

struct prefix6 {
	__u32 length;
	struct in6_addr address;
};

struct next_hop {
	__u8 station[ETH_ALEN];  /* MAC of the neighbour */
	__u8 port_mac[ETH_ALEN]; /* MAC of the port that leads there */
	__u32 port;              /* index into `ports` */
};

struct traffic {
	__u64 packets;
	__u64 bytes;
};

enum outcome {
	FORWARDED,
	NO_ROUTE,
	EXPIRED,
	EXCEPTION, /* neither family, or for the host */
	MALFORMED,
	OUTCOMES,
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct prefix4);
	__type(value, __u32); /* index into `next_hops` */
} routes4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct prefix6);
	__type(value, __u32);
} routes6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NEXT_HOPS);
	__type(key, __u32);
	__type(value, struct next_hop);
} next_hops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NEXT_HOPS);
	__type(key, __u32);
	__type(value, struct traffic);
} forwarded SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, OUTCOMES);
	__type(key, __u32);
	__type(value, __u64);
} outcomes SEC(".maps");

static __always_inline int count(enum outcome outcome, int action)
{
	__u32 index = outcome;
	__u64 *packets = bpf_map_lookup_elem(&outcomes, &index);

	if (packets)
		(*packets)++;
	return action;
}

/* The checksum `check` after one of the words it covers has changed (RFC 1624). */
static __always_inline __u16 update_checksum(__u16 check, __u16 before, __u16 after)
{
	__u32 sum = (__u16)~check + (__u16)~before + after;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Sends the frame on to the next hop of `route`. */
static __always_inline int forward(struct ethhdr *eth, const __u32 *route, __u64 length)
{
	struct traffic *traffic;
	struct next_hop *hop;
	__u32 index = *route;

	hop = bpf_map_lookup_elem(&next_hops, &index);
	traffic = bpf_map_lookup_elem(&forwarded, &index);
	if (!hop || !traffic)
		return count(NO_ROUTE, XDP_PASS);
	traffic->packets++;
	traffic->bytes += length;
	__builtin_memcpy(eth->h_dest, hop->station, ETH_ALEN);
	__builtin_memcpy(eth->h_source, hop->port_mac, ETH_ALEN);
	count(FORWARDED, 0);
	return bpf_redirect_map(&ports, hop->port, XDP_DROP);
}

static __always_inline int route_ipv4(struct ethhdr *eth, void *data_end, __u64 length)
{
	struct iphdr *ip = (void *)(eth + 1);
	struct prefix4 prefix = { .length = 32 };
	__u16 *ttl_word; /* TTL and protocol */
	__u16 before;
	__u32 *route;

	if ((void *)(ip + 1) > data_end || ip->version != 4 || ip->ihl < 5)
		return count(MALFORMED, XDP_DROP);
	if (ip->ihl > 5 || (bpf_ntohl(ip->daddr) >> 28) == 0xe)
		return count(EXCEPTION, XDP_PASS);
	if (ip->ttl <= 1)
		return count(EXPIRED, XDP_PASS);
	prefix.address = ip->daddr;
	route = bpf_map_lookup_elem(&routes4, &prefix);
	if (!route)
		return count(NO_ROUTE, XDP_PASS);

	ttl_word = (void *)&ip->ttl;
	before = *ttl_word;
	ip->ttl--;
	ip->check = update_checksum(ip->check, before, *ttl_word);
	return forward(eth, route, length);
}

static __always_inline int route_ipv6(struct ethhdr *eth, void *data_end, __u64 length)
{
	struct ipv6hdr *ip = (void *)(eth + 1);
	struct prefix6 prefix = { .length = 128 };
	__u32 *route;

	if ((void *)(ip + 1) > data_end || ip->version != 6)
		return count(MALFORMED, XDP_DROP);
	if (ip->daddr.in6_u.u6_addr8[0] == 0xff)
		return count(EXCEPTION, XDP_PASS);
	if (ip->hop_limit <= 1)
		return count(EXPIRED, XDP_PASS);
	prefix.address = ip->daddr;
	route = bpf_map_lookup_elem(&routes6, &prefix);
	if (!route)
		return count(NO_ROUTE, XDP_PASS);

	ip->hop_limit--;
	return forward(eth, route, length);
}

SEC("xdp")
int lpm_router(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u64 length = data_end - data;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > data_end)
		return count(MALFORMED, XDP_DROP);
	switch (eth->h_proto) {
	case bpf_htons(ETH_P_IP):
		return route_ipv4(eth, data_end, length);
	case bpf_htons(ETH_P_IPV6):
		return route_ipv6(eth, data_end, length);
	default:
		return count(EXCEPTION, XDP_PASS);
	}
}

char _license[] SEC("license") = "Dual MIT/GPL";
