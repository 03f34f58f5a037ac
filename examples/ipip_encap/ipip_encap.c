// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Entry of an IP-in-IP tunnel (RFC 2003): packets to an address in the tunnel
// table get an outer IPv4 header and new MAC addresses and leave by the port they
// came from. The host fills the table; each tunnel counts its packets.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TUNNEL_MTU 9000
#define TUNNEL_TTL 64
#define DONT_FRAGMENT 0x4000

struct tunnel {
	__be32 local;
	__be32 remote;
	__u8 next_hop[ETH_ALEN]; /* MAC of the router towards the far end */
	__u8 port[ETH_ALEN];     /* our own MAC */
	__u32 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__type(key, __be32); /* inner destination address */
	__type(value, struct tunnel);
} tunnels SEC(".maps");

/* Internet checksum of a header without options whose check field is zero. */
static __always_inline __u16 header_checksum(const struct iphdr *ip)
{
	const __u16 *word = (const void *)ip;
	__u32 sum = 0;

#pragma unroll
	for (unsigned int i = 0; i < sizeof(*ip) / 2; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

SEC("xdp")
int ipip_encap(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *inner = (void *)(eth + 1);
	struct iphdr outer = {};
	struct tunnel *tunnel;
	__be32 dest;
	__u32 length;

	if ((void *)(inner + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (inner->version != 4 || inner->ihl < 5)
		return XDP_DROP;
	length = bpf_ntohs(inner->tot_len) + sizeof(outer);
	if (length > TUNNEL_MTU)
		return XDP_PASS; /* the host answers "fragmentation needed" */

	dest = inner->daddr;
	tunnel = bpf_map_lookup_elem(&tunnels, &dest);
	if (!tunnel)
		return XDP_PASS;
	__sync_fetch_and_add(&tunnel->packets, 1);

	outer.version = 4;
	outer.ihl = 5;
	outer.tos = inner->tos;
	outer.tot_len = bpf_htons(length);
	outer.frag_off = bpf_htons(DONT_FRAGMENT);
	outer.ttl = TUNNEL_TTL;
	outer.protocol = IPPROTO_IPIP;
	outer.saddr = tunnel->local;
	outer.daddr = tunnel->remote;
	outer.check = header_checksum(&outer);

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(outer)))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	eth = data;
	if ((void *)(eth + 1) + sizeof(outer) > data_end)
		return XDP_DROP;
	__builtin_memcpy(eth->h_dest, tunnel->next_hop, ETH_ALEN);
	__builtin_memcpy(eth->h_source, tunnel->port, ETH_ALEN);
	eth->h_proto = bpf_htons(ETH_P_IP);
	__builtin_memcpy(eth + 1, &outer, sizeof(outer));
	return XDP_TX;
}

char _license[] SEC("license") = "Dual MIT/GPL";
