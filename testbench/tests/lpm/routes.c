// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Routes for both address families: the longest prefix of the destination names the next hop's address, and counts what
// takes it.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct prefix4 {
	__u32 length;
	__be32 address;
};

struct prefix6 {
	__u32 length;
	struct in6_addr address;
};

// Of different shape, so that the compiler does not use one pointer for both.
struct route4 {
	__u64 packets;
	__u8 next_hop[ETH_ALEN];
	__u8 discard;
	__u8 pad;
};

struct route6 {
	__u8 next_hop[ETH_ALEN];
	__u16 discard;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix4);
	__type(value, struct route4);
} routes4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix6);
	__type(value, struct route6);
} routes6 SEC(".maps");

SEC("xdp")
int lpm_routes(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct route4 *route4;
	struct route6 *route6;

	if (data + sizeof(*eth) > end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data + sizeof(*eth);
		struct prefix4 key = { .length = 32 };

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		key.address = ip->daddr;
		route4 = bpf_map_lookup_elem(&routes4, &key);
		if (!route4)
			return XDP_PASS;
		route4->packets++;
		if (route4->discard & 1)
			return XDP_DROP;
		__builtin_memcpy(eth->h_dest, route4->next_hop, ETH_ALEN);
		return XDP_TX;
	}
	if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = data + sizeof(*eth);
		struct prefix6 key = { .length = 128 };

		if ((void *)(ip6 + 1) > end)
			return XDP_PASS;
		key.address = ip6->daddr;
		route6 = bpf_map_lookup_elem(&routes6, &key);
		if (!route6)
			return XDP_PASS;
		__sync_fetch_and_add(&route6->bytes, end - data);
		if (route6->discard & 1)
			return XDP_DROP;
		__builtin_memcpy(eth->h_dest, route6->next_hop, ETH_ALEN);
		return XDP_TX;
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
