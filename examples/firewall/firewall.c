// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stateless 5-tuple firewall for IPv4 and IPv6, behind up to two VLAN tags and
// any IPv4 options. The host fills one table of flows per address family; a
// flow's entry holds its verdict and counts its packets. Everything without an
// entry is dropped and counted by reason, except ARP and neighbour discovery.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MAX_VLAN_TAGS 2
#define IP_FRAGMENT_MASK 0x3fff /* more fragments, or an offset */

struct vlan_tag {
	__be16 tci;
	__be16 ethertype;
};

struct ports {
	__be16 source;
	__be16 dest;
};

struct flow4 {
	__be32 source;
	__be32 dest;
	struct ports ports;
	__u8 protocol;
	__u8 zero[3];
};

struct flow6 {
	struct in6_addr source;
	struct in6_addr dest;
	struct ports ports;
	__u8 protocol;
	__u8 zero[3];
};

struct verdict {
	__u32 action; /* XDP action */
	__u32 reserved;
	__u64 packets;
	__u64 bytes;
};

enum reason {
	NO_FLOW,   /* well-formed, but in neither table */
	NOT_IP,    /* neither IPv4, IPv6 nor ARP */
	FRAGMENT,  /* its ports are not all there */
	MALFORMED, /* truncated, or a wrong length or version */
	CONTROL,   /* ARP and neighbour discovery: passed */
	REASONS,
};

/* Shared by all CPUs: its counters are atomic. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow4);
	__type(value, struct verdict);
} flows4 SEC(".maps");

/* One instance per CPU: plain additions do. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 512);
	__type(key, struct flow6);
	__type(value, struct verdict);
} flows6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, __u64);
} unmatched SEC(".maps");

static __always_inline int has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static __always_inline int count(enum reason reason, int action)
{
	__u32 index = reason;
	__u64 *packets = bpf_map_lookup_elem(&unmatched, &index);

	if (packets)
		__sync_fetch_and_add(packets, 1);
	return action;
}

static __always_inline int filter_ipv4(void *header, void *data_end, __u64 length)
{
	struct iphdr *ip = header;
	struct flow4 flow = {};
	struct verdict *verdict;
	__u32 header_length;
	int action;

	if ((void *)(ip + 1) > data_end)
		return count(MALFORMED, XDP_DROP);
	header_length = ip->ihl * 4;
	if (ip->version != 4 || header_length < sizeof(*ip) ||
	    bpf_ntohs(ip->tot_len) < header_length)
		return count(MALFORMED, XDP_DROP);
	if (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK))
		return count(FRAGMENT, XDP_DROP);

	flow.source = ip->saddr;
	flow.dest = ip->daddr;
	flow.protocol = ip->protocol;
	if (has_ports(ip->protocol)) {
		struct ports *ports = header + header_length;

		if ((void *)(ports + 1) > data_end)
			return count(MALFORMED, XDP_DROP);
		flow.ports = *ports;
	}

	verdict = bpf_map_lookup_elem(&flows4, &flow);
	if (!verdict)
		return count(NO_FLOW, XDP_DROP);
	action = verdict->action;
	__sync_fetch_and_add(&verdict->packets, 1);
	__sync_fetch_and_add(&verdict->bytes, length);
	return action;
}

static __always_inline int filter_ipv6(void *header, void *data_end, __u64 length)
{
	struct ipv6hdr *ip = header;
	struct flow6 flow = {};
	struct verdict *verdict;
	int action;

	if ((void *)(ip + 1) > data_end || ip->version != 6)
		return count(MALFORMED, XDP_DROP);
	if (ip->nexthdr == IPPROTO_FRAGMENT)
		return count(FRAGMENT, XDP_DROP);
	if (ip->nexthdr == IPPROTO_ICMPV6) {
		__u8 *type = (void *)(ip + 1);

		if ((void *)(type + 1) > data_end)
			return count(MALFORMED, XDP_DROP);
		/* Router and neighbour discovery, RFC 4861. */
		if (*type >= 133 && *type <= 137)
			return count(CONTROL, XDP_PASS);
	}

	flow.source = ip->saddr;
	flow.dest = ip->daddr;
	flow.protocol = ip->nexthdr;
	if (has_ports(ip->nexthdr)) {
		struct ports *ports = (void *)(ip + 1);

		if ((void *)(ports + 1) > data_end)
			return count(MALFORMED, XDP_DROP);
		flow.ports = *ports;
	}

	verdict = bpf_map_lookup_elem(&flows6, &flow);
	if (!verdict)
		return count(NO_FLOW, XDP_DROP);
	action = verdict->action;
	verdict->packets++;
	verdict->bytes += length;
	return action;
}

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u64 length = data_end - data;
	struct ethhdr *eth = data;
	void *header = eth + 1;
	__be16 ethertype;

	if (header > data_end)
		return count(MALFORMED, XDP_DROP);
	ethertype = eth->h_proto;

#pragma unroll
	for (int tag = 0; tag < MAX_VLAN_TAGS; tag++) {
		struct vlan_tag *vlan = header;

		if (ethertype != bpf_htons(ETH_P_8021Q) &&
		    ethertype != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > data_end)
			return count(MALFORMED, XDP_DROP);
		ethertype = vlan->ethertype;
		header = vlan + 1;
	}

	switch (ethertype) {
	case bpf_htons(ETH_P_IP):
		return filter_ipv4(header, data_end, length);
	case bpf_htons(ETH_P_IPV6):
		return filter_ipv6(header, data_end, length);
	case bpf_htons(ETH_P_ARP):
		return count(CONTROL, XDP_PASS);
	default:
		return count(NOT_IP, XDP_DROP);
	}
}

char _license[] SEC("license") = "Dual MIT/GPL";
