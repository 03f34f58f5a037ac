// SPDX-License-Identifier: MIT OR Apache-2.0
//
// QUIC balancer: packets of a connection carry the server in their connection
// id; the first packets and plain UDP fall back to the hash of the flow. The
// server is reached directly: only the MAC addresses change.
#include "net.h"

#define QUIC_PORT 443
#define CID_VERSION 1
#define SERVERS 32

struct server {
	__u8 mac[6];
	__u8 up;
	__u8 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SERVERS);
	__type(key, __u32);
	__type(value, struct server);
} servers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u16);
	__type(value, __u32);
} server_ids SEC(".maps");

enum outcome { BY_ID, BY_HASH, UNKNOWN_ID, DOWN, TOO_SHORT, OUTCOMES };

__u64 outcomes[OUTCOMES];
const volatile __u8 our_mac[6] = { 2, 0xbe, 0xe1, 0, 0xff, 1 };

/* Returns a server id of our format, or a negative number. */
static __always_inline int id_of(const __u8 *quic, const void *end)
{
	const __u8 *cid;

	if ((void *)(quic + 6) > end)
		return -2;
	if (quic[0] & 0x80) {
		__u8 type = (quic[0] & 0x30) >> 4;

		/* Initial and 0-RTT still carry the client's choice. */
		if (type == 0 || type == 1)
			return -1;
		if (quic[5] < 8)
			return -1;
		cid = quic + 6;
	} else {
		cid = quic + 1;
	}
	if ((void *)(cid + 8) > end)
		return -2;
	if (cid[0] >> 6 != CID_VERSION)
		return -1;
	return (cid[0] & 0x3f) << 10 | cid[1] << 2 | cid[2] >> 6;
}

static __always_inline int forward(struct ethhdr *eth, __u32 index, enum outcome how)
{
	struct server *server = bpf_map_lookup_elem(&servers, &index);

	if (!server || !server->up) {
		outcomes[DOWN]++;
		return XDP_DROP;
	}
	outcomes[how]++;
	__builtin_memcpy(eth->h_dest, server->mac, 6);
	for (int i = 0; i < 6; i++)
		eth->h_source[i] = our_mac[i];
	return XDP_TX;
}

SEC("xdp")
int quic_lb(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct udphdr *udp;
	__u32 hash;
	int id;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end || ip->protocol != IPPROTO_UDP)
			return XDP_PASS;
		udp = (void *)ip + (ip->ihl << 2);
		hash = ip->saddr;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = (void *)(eth + 1);
		__u32 *word = (void *)&ip6->saddr;

		if ((void *)(ip6 + 1) > end || ip6->nexthdr != IPPROTO_UDP)
			return XDP_PASS;
		udp = (void *)(ip6 + 1);
		hash = word[0] ^ word[1] ^ word[2] ^ word[3];
	} else {
		return XDP_PASS;
	}
	if ((void *)(udp + 1) > end) {
		outcomes[TOO_SHORT]++;
		return XDP_DROP;
	}
	if (udp->dest != bpf_htons(QUIC_PORT))
		return XDP_PASS;
	hash = (hash ^ udp->source) * 0x9e3779b1u;
	id = id_of((void *)(udp + 1), end);
	if (id == -2) {
		outcomes[TOO_SHORT]++;
		return XDP_DROP;
	}
	if (id >= 0) {
		__u16 key = id;
		__u32 *index = bpf_map_lookup_elem(&server_ids, &key);

		if (index)
			return forward(eth, *index, BY_ID);
		outcomes[UNKNOWN_ID]++;
	}
	return forward(eth, hash >> 27, BY_HASH);
}

char _license[] SEC("license") = "GPL";
