// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Server side of a tunnel balancer: takes IPIP, IP6IP6 and GUE packets apart,
// checks that the inner TTL and lengths are sane, counts by tunnel kind.
#include "net.h"

enum kind { PLAIN, IPIP, SIX_IN_FOUR, SIX_IN_SIX, GUE, BAD, KINDS };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KINDS);
	__type(key, __u32);
	__type(value, __u64[2]);
} kinds SEC(".maps");

static __noinline int tally(__u32 kind, __u32 bytes)
{
	__u64 *count = bpf_map_lookup_elem(&kinds, &kind);

	if (!count)
		return 0;
	count[0] += 1;
	count[1] += bytes;
	return 1;
}

static __always_inline int strip(struct xdp_md *ctx, int cut, __be16 proto)
{
	struct ethhdr *old = (void *)(long)ctx->data, *eth;
	__u8 macs[12];

	if ((void *)(old + 1) > (void *)(long)ctx->data_end)
		return -1;
	__builtin_memcpy(macs, old, sizeof(macs));
	if (bpf_xdp_adjust_head(ctx, cut))
		return -1;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return -1;
	__builtin_memcpy(eth, macs, sizeof(macs));
	eth->h_proto = proto;
	return 0;
}

SEC("xdp")
int ipip_decap(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u32 bytes = end - (void *)eth;
	enum kind kind = PLAIN;
	__be16 inner = 0;
	int cut = 0;

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end || ip->ihl < 5)
			goto bad;
		cut = ip->ihl * 4;
		if (ip->protocol == IPPROTO_IPIP) {
			kind = IPIP;
			inner = bpf_htons(ETH_P_IP);
		} else if (ip->protocol == IPPROTO_IPV6) {
			kind = SIX_IN_FOUR;
			inner = bpf_htons(ETH_P_IPV6);
		} else if (ip->protocol == IPPROTO_UDP) {
			struct udphdr *udp = (void *)ip + cut;
			__u8 *gue = (void *)(udp + 1);

			if ((void *)(gue + 4) > end)
				goto pass;
			if (udp->dest != bpf_htons(6080))
				goto pass;
			if (gue[0] & 0xc0) {
				/* Variant 1: the inner header follows UDP directly. */
				if (gue[0] >> 4 == 4)
					inner = bpf_htons(ETH_P_IP);
				else if (gue[0] >> 4 == 6)
					inner = bpf_htons(ETH_P_IPV6);
				else
					goto bad;
				cut += sizeof(*udp);
			} else {
				inner = gue[1] == IPPROTO_IPV6 ? bpf_htons(ETH_P_IPV6) :
								 bpf_htons(ETH_P_IP);
				cut += sizeof(*udp) + 4 + (gue[0] & 0x1f) * 4;
			}
			kind = GUE;
		}
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = (void *)(eth + 1);

		if ((void *)(ip6 + 1) > end)
			goto bad;
		if (ip6->nexthdr == IPPROTO_IPV6) {
			kind = SIX_IN_SIX;
			cut = sizeof(*ip6);
			inner = bpf_htons(ETH_P_IPV6);
		}
	}
	if (kind == PLAIN)
		goto pass;
	if (strip(ctx, cut, inner))
		goto bad;
	end = (void *)(long)ctx->data_end;
	eth = (void *)(long)ctx->data;
	if (inner == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end || ip->version != 4 || !ip->ttl)
			goto bad;
	} else {
		struct ipv6hdr *ip6 = (void *)(eth + 1);

		if ((void *)(ip6 + 1) > end || ip6->version != 6)
			goto bad;
	}
pass:
	tally(kind, bytes);
	return XDP_PASS;
bad:
	tally(BAD, bytes);
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
