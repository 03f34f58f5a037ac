// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Layer-4 balancer: a virtual address and port select a ring, the hash of the
// flow selects a place on it, the packet goes to that server inside IPIP.
#include "net.h"

#define RING_SIZE 257
#define MAX_SERVERS 64

struct vip {
	__be32 address;
	__be16 port;
	__u8 protocol;
	__u8 pad;
};

struct vip_meta {
	__u32 ring;
	__u32 flags;
};

#define VIP_HASH_SOURCE_ONLY 1

struct server {
	__be32 address;
	__u8 mac[6];
	__u16 weight;
};

struct counters {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct vip);
	__type(value, struct vip_meta);
} vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4 * RING_SIZE);
	__type(key, __u32);
	__type(value, __u32);
} rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SERVERS);
	__type(key, __u32);
	__type(value, struct server);
} servers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_SERVERS);
	__type(key, __u32);
	__type(value, struct counters);
} per_server SEC(".maps");

#define ROTATE(x, k) (((x) << (k)) | ((x) >> (32 - (k))))

/* A three-word mix in the manner of Bob Jenkins' hashes. */
static __always_inline __u32 mix(__u32 a, __u32 b, __u32 c)
{
	c ^= b;
	c -= ROTATE(b, 14);
	a ^= c;
	a -= ROTATE(c, 11);
	b ^= a;
	b -= ROTATE(a, 25);
	c ^= b;
	c -= ROTATE(b, 16);
	a ^= c;
	a -= ROTATE(c, 4);
	b ^= a;
	b -= ROTATE(a, 14);
	c ^= b;
	c -= ROTATE(b, 24);
	return c;
}

static __always_inline int encapsulate(struct xdp_md *ctx, struct server *server, __u16 inner_len,
				       __be32 from)
{
	struct ethhdr *eth, *old;
	struct iphdr *outer;
	void *end;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*outer)))
		return XDP_DROP;
	end = (void *)(long)ctx->data_end;
	eth = (void *)(long)ctx->data;
	outer = (void *)(eth + 1);
	old = (void *)eth + sizeof(*outer);
	if ((void *)(old + 1) > end || (void *)(outer + 1) > end)
		return XDP_DROP;
	__builtin_memcpy(eth->h_source, old->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, server->mac, ETH_ALEN);
	eth->h_proto = bpf_htons(ETH_P_IP);
	__builtin_memset(outer, 0, sizeof(*outer));
	outer->version = 4;
	outer->ihl = 5;
	outer->ttl = 64;
	outer->protocol = IPPROTO_IPIP;
	outer->tot_len = bpf_htons(inner_len + sizeof(*outer));
	outer->saddr = bpf_htonl(0x0a0a0000 | (bpf_ntohl(from) & 0xffff));
	outer->daddr = server->address;
	outer->check = ipv4_check(outer);
	return XDP_TX;
}

SEC("xdp")
int lb_ipip(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct vip key = {};
	struct vip_meta *meta;
	struct counters *count;
	struct server *server;
	struct ports *ports;
	__u32 hash, slot, *index;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->ihl != 5 || ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return XDP_DROP;
	ports = (void *)(ip + 1);
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	if ((void *)(ports + 1) > end)
		return XDP_DROP;
	key.address = ip->daddr;
	key.port = ports->dest;
	key.protocol = ip->protocol;
	meta = bpf_map_lookup_elem(&vips, &key);
	if (!meta) {
		key.port = 0;
		meta = bpf_map_lookup_elem(&vips, &key);
		if (!meta)
			return XDP_PASS;
	}
	hash = mix(ip->saddr, meta->flags & VIP_HASH_SOURCE_ONLY ? 0 : *(__u32 *)ports, ip->protocol);
	slot = (meta->ring & 3) * RING_SIZE + hash % RING_SIZE;
	index = bpf_map_lookup_elem(&rings, &slot);
	if (!index)
		return XDP_ABORTED;
	server = bpf_map_lookup_elem(&servers, index);
	if (!server || !server->address)
		return XDP_DROP;
	count = bpf_map_lookup_elem(&per_server, index);
	if (count) {
		count->packets++;
		count->bytes += bpf_ntohs(ip->tot_len);
	}
	return encapsulate(ctx, server, bpf_ntohs(ip->tot_len), ip->saddr);
}

char _license[] SEC("license") = "GPL";
