// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Balancer with a Maglev-like table kept by the host, a cache of connections in
// front of it, and GUE (UDP port 6080) towards the servers; IPv4 and IPv6 inside.
#include "net.h"

#define TABLE 1021
#define GUE_PORT 6080

struct connection_key {
	__u32 words[9]; /* addresses (IPv4: the last of four words), ports */
	__u32 protocol;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct connection_key);
	__type(value, __u32);
} cache SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TABLE);
	__type(key, __u32);
	__type(value, __u16);
} table SEC(".maps");

struct backend {
	__be32 address;
	__u8 mac[6];
	__u8 drained;
	__u8 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct backend);
} backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__type(key, __u32);
	__type(value, __u8);
} services SEC(".maps");

__u64 cache_hits, cache_misses, drained_hits;

static __always_inline __u32 hash_words(const struct connection_key *key)
{
	__u32 hash = 0x9747b28c;

#pragma clang loop unroll(full)
	for (int i = 0; i < 9; i++) {
		__u32 k = key->words[i] * 0xcc9e2d51;

		k = k << 15 | k >> 17;
		hash ^= k * 0x1b873593;
		hash = (hash << 13 | hash >> 19) * 5 + 0xe6546b64;
	}
	hash ^= key->protocol;
	hash ^= hash >> 16;
	hash *= 0x85ebca6b;
	hash ^= hash >> 13;
	hash *= 0xc2b2ae35;
	return hash ^ hash >> 16;
}

static __always_inline struct backend *choose(struct connection_key *key, __u32 hash)
{
	__u32 *cached = bpf_map_lookup_elem(&cache, key), slot, index;
	struct backend *backend;
	__u16 *entry;

	if (cached) {
		index = *cached;
		backend = bpf_map_lookup_elem(&backends, &index);
		if (backend && backend->address && !backend->drained) {
			cache_hits++;
			return backend;
		}
		drained_hits++;
	} else {
		cache_misses++;
	}
	slot = hash % TABLE;
	entry = bpf_map_lookup_elem(&table, &slot);
	if (!entry)
		return 0;
	index = *entry;
	backend = bpf_map_lookup_elem(&backends, &index);
	if (!backend || !backend->address)
		return 0;
	bpf_map_update_elem(&cache, key, &index, BPF_ANY);
	return backend;
}

struct outer {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	__u8 gue[4];
} __attribute__((packed));

#define OUTER_EXTRA ((int)(sizeof(struct outer) - sizeof(struct ethhdr)))

SEC("xdp")
int maglev_gue(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct connection_key key = {};
	struct backend *backend;
	struct ports *ports;
	struct outer *outer;
	__u32 hash, service, inner;
	__u8 our_mac[6], gue_proto;

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end || ip->ihl != 5)
			return XDP_DROP;
		key.words[3] = ip->saddr;
		key.words[7] = ip->daddr;
		key.protocol = ip->protocol;
		ports = (void *)(ip + 1);
		gue_proto = IPPROTO_IPIP;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = (void *)(eth + 1);

		if ((void *)(ip6 + 1) > end)
			return XDP_DROP;
		__builtin_memcpy(&key.words[0], &ip6->saddr, 16);
		__builtin_memcpy(&key.words[4], &ip6->daddr, 16);
		key.protocol = ip6->nexthdr;
		ports = (void *)(ip6 + 1);
		gue_proto = IPPROTO_IPV6;
	} else {
		return XDP_PASS;
	}
	if (key.protocol != IPPROTO_TCP && key.protocol != IPPROTO_UDP)
		return XDP_PASS;
	if ((void *)(ports + 1) > end)
		return XDP_DROP;
	__builtin_memcpy(&key.words[8], ports, 4);
	service = bpf_ntohs(ports->dest) << 8 | key.protocol;
	if (!bpf_map_lookup_elem(&services, &service))
		return XDP_PASS;
	hash = hash_words(&key);
	backend = choose(&key, hash);
	if (!backend)
		return XDP_DROP;
	inner = end - (void *)(eth + 1);
	__builtin_memcpy(our_mac, eth->h_dest, 6);
	if (bpf_xdp_adjust_head(ctx, -OUTER_EXTRA))
		return XDP_DROP;
	end = (void *)(long)ctx->data_end;
	outer = (void *)(long)ctx->data;
	if ((void *)(outer + 1) > end)
		return XDP_DROP;
	__builtin_memcpy(outer->eth.h_dest, backend->mac, 6);
	__builtin_memcpy(outer->eth.h_source, our_mac, 6);
	outer->eth.h_proto = bpf_htons(ETH_P_IP);
	*(__u16 *)&outer->ip = bpf_htons(0x4500);
	outer->ip.tot_len = bpf_htons(inner + OUTER_EXTRA);
	outer->ip.id = (__u16)hash;
	outer->ip.frag_off = bpf_htons(0x4000);
	outer->ip.ttl = 64;
	outer->ip.protocol = IPPROTO_UDP;
	outer->ip.check = 0;
	outer->ip.saddr = bpf_htonl(0xc0a86401);
	outer->ip.daddr = backend->address;
	outer->ip.check = ipv4_check(&outer->ip);
	outer->udp.source = bpf_htons(0xc000 | (hash >> 18));
	outer->udp.dest = bpf_htons(GUE_PORT);
	outer->udp.len = bpf_htons(inner + sizeof(struct udphdr) + 4);
	outer->udp.check = 0;
	outer->gue[0] = 0;
	outer->gue[1] = gue_proto;
	outer->gue[2] = 0;
	outer->gue[3] = 0;
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
