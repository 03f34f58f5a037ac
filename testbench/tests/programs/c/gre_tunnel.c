// SPDX-License-Identifier: MIT OR Apache-2.0
//
// GRE (RFC 2784, 2890) between sites: packets for a remote prefix are put into a
// keyed tunnel, packets of a tunnel that ends here come out of it.
#include "net.h"

#define GRE_CHECKSUM 0x8000
#define GRE_KEY 0x2000
#define GRE_SEQUENCE 0x1000
#define OUR_ADDRESS bpf_htonl(0x0a000001)

struct gre {
	__be16 flags;
	__be16 proto;
};

struct keyed_gre {
	struct gre base;
	__be32 key;
};

struct prefix {
	__u32 length;
	__be32 address;
};

struct tunnel {
	__be32 remote;
	__be32 key;
	__u8 mac[6];
	__u16 mtu;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 128);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, struct tunnel);
} sites SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__type(key, __be32);
	__type(value, __u64);
} accepted_keys SEC(".maps");

static __always_inline int encapsulate(struct xdp_md *ctx, struct iphdr *ip, struct tunnel *tunnel)
{
	const int extra = sizeof(struct iphdr) + sizeof(struct keyed_gre);
	__u16 length = bpf_ntohs(ip->tot_len), id = ip->id;
	__u8 tos = ip->tos;
	struct keyed_gre *gre;
	struct ethhdr *eth;
	void *end;

	if (length + extra > tunnel->mtu && ip->frag_off & bpf_htons(0x4000))
		return XDP_PASS; /* the stack answers "too big" */
	if (bpf_xdp_adjust_head(ctx, -extra))
		return XDP_ABORTED;
	eth = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	ip = (void *)(eth + 1);
	gre = (void *)(ip + 1);
	if ((void *)(gre + 1) > end)
		return XDP_ABORTED;
	__builtin_memcpy(eth->h_dest, tunnel->mac, 6);
	__builtin_memset(eth->h_source, 0x42, 6);
	eth->h_proto = bpf_htons(ETH_P_IP);
	*ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tos = tos & 0xfc,
		.tot_len = bpf_htons(length + extra),
		.id = id,
		.ttl = 255,
		.protocol = IPPROTO_GRE,
		.saddr = OUR_ADDRESS,
		.daddr = tunnel->remote,
	};
	ip->check = ipv4_check(ip);
	gre->base.flags = bpf_htons(GRE_KEY);
	gre->base.proto = bpf_htons(ETH_P_IP);
	gre->key = tunnel->key;
	return XDP_TX;
}

static __always_inline int decapsulate(struct xdp_md *ctx, struct iphdr *ip, void *end)
{
	struct gre *gre = (void *)(ip + 1);
	struct ethhdr *eth, saved;
	int cut = sizeof(*ip) + sizeof(*gre);
	__u16 flags, proto;

	if ((void *)(gre + 1) > end)
		return XDP_DROP;
	flags = bpf_ntohs(gre->flags);
	proto = gre->proto;
	if (flags & ~(GRE_CHECKSUM | GRE_KEY | GRE_SEQUENCE))
		return XDP_DROP;
	if (proto != bpf_htons(ETH_P_IP) && proto != bpf_htons(ETH_P_IPV6))
		return XDP_DROP;
	if (flags & GRE_CHECKSUM)
		cut += 4;
	if (flags & GRE_KEY) {
		__be32 *key = (void *)ip + cut, copy;
		__u64 *packets;

		if ((void *)(key + 1) > end)
			return XDP_DROP;
		copy = *key;
		packets = bpf_map_lookup_elem(&accepted_keys, &copy);
		if (!packets)
			return XDP_DROP;
		__sync_fetch_and_add(packets, 1);
		cut += 4;
	}
	if (flags & GRE_SEQUENCE)
		cut += 4;
	saved = *((struct ethhdr *)ip - 1);
	if (bpf_xdp_adjust_head(ctx, cut))
		return XDP_DROP;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	*eth = saved;
	eth->h_proto = proto;
	return XDP_PASS;
}

SEC("xdp")
int gre_tunnel(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct prefix key = { .length = 32 };
	struct tunnel *tunnel;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->daddr == OUR_ADDRESS && ip->protocol == IPPROTO_GRE && ip->ihl == 5 &&
	    !(ip->frag_off & bpf_htons(IP_MF | IP_OFFSET)))
		return decapsulate(ctx, ip, end);
	key.address = ip->daddr;
	tunnel = bpf_map_lookup_elem(&sites, &key);
	return tunnel ? encapsulate(ctx, ip, tunnel) : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
