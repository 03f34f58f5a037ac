// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stateless IPv6 to IPv4 translation (RFC 7915) for UDP, TCP and echo behind
// the prefix 64:ff9b::/96, and back: the packet shrinks or grows by 20 bytes.
#include "net.h"

#define SHIFT ((int)(sizeof(struct ipv6hdr) - sizeof(struct iphdr)))

struct host6 {
	struct in6_addr address;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct host6);
	__type(value, __be32);
} to4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __be32);
	__type(value, struct host6);
} to6 SEC(".maps");

__u32 translated[2], untranslated;

static __always_inline int is_nat64(const struct in6_addr *a)
{
	return a->in6_u.u6_addr32[0] == bpf_htonl(0x0064ff9b) && !a->in6_u.u6_addr32[1] &&
	       !a->in6_u.u6_addr32[2];
}

/* Mends the transport checksum for a pseudo-header that changes by `diff`. */
static __always_inline int mend(void *l4, void *end, __u8 protocol, __u64 diff)
{
	__u16 *check;

	if (protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = l4;

		if ((void *)(tcp + 1) > end)
			return -1;
		check = &tcp->check;
	} else if (protocol == IPPROTO_UDP) {
		struct udphdr *udp = l4;

		if ((void *)(udp + 1) > end)
			return -1;
		check = &udp->check;
	} else {
		struct icmp_hdr *icmp = l4;
		__u16 old, new;

		if ((void *)(icmp + 1) > end)
			return -1;
		old = *(__u16 *)icmp;
		if (icmp->type == ECHO6_REQUEST)
			icmp->type = ECHO_REQUEST;
		else if (icmp->type == ECHO6_REPLY)
			icmp->type = ECHO_REPLY;
		else if (icmp->type == ECHO_REQUEST)
			icmp->type = ECHO6_REQUEST;
		else if (icmp->type == ECHO_REPLY)
			icmp->type = ECHO6_REPLY;
		else
			return -1;
		new = *(__u16 *)icmp;
		diff += (__u16)~old + new;
		check = &icmp->check;
	}
	*check = ~fold((__u64)(__u16)~*check + diff);
	return 0;
}

static __always_inline int six_to_four(struct xdp_md *ctx, struct ethhdr *eth, void *end)
{
	struct ipv6hdr *ip6 = (void *)(eth + 1);
	struct ethhdr saved = *eth;
	struct host6 key;
	struct iphdr ip = {};
	__u32 pseudo6[8];
	__be32 *source;
	__u64 diff;

	if ((void *)(ip6 + 1) > end || !is_nat64(&ip6->daddr))
		return XDP_PASS;
	key.address = ip6->saddr;
	source = bpf_map_lookup_elem(&to4, &key);
	if (!source || ip6->hop_limit <= 1)
		return XDP_DROP;
	if (ip6->nexthdr != IPPROTO_TCP && ip6->nexthdr != IPPROTO_UDP && ip6->nexthdr != IPPROTO_ICMPV6)
		return XDP_DROP;
	ip.version = 4;
	ip.ihl = 5;
	ip.tos = ip6->priority << 4 | ip6->flow_lbl[0] >> 4;
	ip.tot_len = bpf_htons(bpf_ntohs(ip6->payload_len) + sizeof(ip));
	ip.frag_off = bpf_htons(0x4000);
	ip.ttl = ip6->hop_limit - 1;
	ip.protocol = ip6->nexthdr == IPPROTO_ICMPV6 ? IPPROTO_ICMP : ip6->nexthdr;
	ip.saddr = *source;
	ip.daddr = ip6->daddr.in6_u.u6_addr32[3];
	ip.check = ipv4_check(&ip);
	__builtin_memcpy(pseudo6, &ip6->saddr, 32);
	if (ip.protocol == IPPROTO_ICMP) {
		/* ICMP has no pseudo-header, ICMPv6 has. */
		diff = bpf_csum_diff(pseudo6, 32, 0, 0, 0) & 0xffffffff;
		diff += (__u16)~ip6->payload_len + (__u16)~bpf_htons(IPPROTO_ICMPV6);
	} else {
		diff = bpf_csum_diff(pseudo6, 32, &ip.saddr, 8, 0) & 0xffffffff;
	}
	if (mend(ip6 + 1, end, ip.protocol, diff)) {
		untranslated++;
		return XDP_DROP;
	}
	if (bpf_xdp_adjust_head(ctx, SHIFT))
		return XDP_ABORTED;
	eth = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if ((void *)(eth + 1) + sizeof(ip) > end)
		return XDP_ABORTED;
	saved.h_proto = bpf_htons(ETH_P_IP);
	*eth = saved;
	*(struct iphdr *)(eth + 1) = ip;
	translated[0]++;
	return XDP_TX;
}

static __always_inline int four_to_six(struct xdp_md *ctx, struct ethhdr *eth, void *end)
{
	struct iphdr *ip = (void *)(eth + 1);
	struct ethhdr saved = *eth;
	struct ipv6hdr ip6 = {};
	struct host6 *dest;
	__u32 pseudo4[2];
	__u16 length;
	__u64 diff;

	if ((void *)(ip + 1) > end)
		return XDP_DROP;
	dest = bpf_map_lookup_elem(&to6, &ip->daddr);
	if (!dest)
		return XDP_PASS;
	if (ip->ihl != 5 || ip->frag_off & bpf_htons(IP_MF | IP_OFFSET) || ip->ttl <= 1)
		return XDP_DROP;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP && ip->protocol != IPPROTO_ICMP)
		return XDP_DROP;
	length = bpf_ntohs(ip->tot_len) - sizeof(*ip);
	ip6.version = 6;
	ip6.priority = ip->tos >> 4;
	ip6.flow_lbl[0] = ip->tos << 4;
	ip6.payload_len = bpf_htons(length);
	ip6.nexthdr = ip->protocol == IPPROTO_ICMP ? IPPROTO_ICMPV6 : ip->protocol;
	ip6.hop_limit = ip->ttl - 1;
	ip6.saddr.in6_u.u6_addr32[0] = bpf_htonl(0x0064ff9b);
	ip6.saddr.in6_u.u6_addr32[3] = ip->saddr;
	ip6.daddr = dest->address;
	pseudo4[0] = ip->saddr;
	pseudo4[1] = ip->daddr;
	if (ip->protocol == IPPROTO_ICMP) {
		diff = bpf_csum_diff(0, 0, (__be32 *)&ip6.saddr, 32, 0) & 0xffffffff;
		diff += ip6.payload_len + bpf_htons(IPPROTO_ICMPV6);
	} else {
		diff = bpf_csum_diff(pseudo4, 8, (__be32 *)&ip6.saddr, 32, 0) & 0xffffffff;
	}
	if (mend(ip + 1, end, ip->protocol, diff)) {
		untranslated++;
		return XDP_DROP;
	}
	if (bpf_xdp_adjust_head(ctx, -SHIFT))
		return XDP_ABORTED;
	eth = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if ((void *)(eth + 1) + sizeof(ip6) > end)
		return XDP_ABORTED;
	saved.h_proto = bpf_htons(ETH_P_IPV6);
	*eth = saved;
	*(struct ipv6hdr *)(eth + 1) = ip6;
	translated[1]++;
	return XDP_TX;
}

SEC("xdp")
int nat64(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return six_to_four(ctx, eth, end);
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return four_to_six(ctx, eth, end);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
