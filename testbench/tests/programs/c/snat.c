// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Source NAT: inside hosts share one outside address. Ports are drawn at random
// with a few tries; both directions are rewritten, with their checksums.
#include "net.h"

#define OUTSIDE 0xc6336401 /* 198.51.100.1 */
#define TRIES 6

struct inside {
	__be32 address;
	__be16 port;
	__u8 protocol;
	__u8 pad;
};

struct outside {
	__be32 peer;
	__be16 peer_port;
	__be16 port;
	__u32 protocol;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct inside);
	__type(value, __u16);
} bindings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct outside);
	__type(value, struct inside);
} reverse SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} stats SEC(".maps");

enum { TRANSLATED_OUT, TRANSLATED_IN, NO_PORT, NO_BINDING };

static __always_inline void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&stats, &what);

	if (n)
		++*n;
}

/* Replaces an address and a port, and mends the checksums over them. */
static __always_inline int rewrite(struct iphdr *ip, void *end, __be32 *address, __be16 *port,
				   __be32 new_address, __be16 new_port)
{
	__be32 old_address = *address;
	__be16 old_port = *port;
	__u16 *check = 0;
	__u64 diff;

	if (ip->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)(ip + 1);

		if ((void *)(tcp + 1) > end)
			return -1;
		check = &tcp->check;
	} else {
		struct udphdr *udp = (void *)(ip + 1);

		if ((void *)(udp + 1) > end)
			return -1;
		if (udp->check)
			check = &udp->check;
	}
	diff = bpf_csum_diff(&old_address, 4, &new_address, 4, 0);
	ip->check = ~fold((diff & 0xffffffff) + (__u16)~ip->check);
	if (check)
		*check = check_replace(~fold((diff & 0xffffffff) + (__u16)~*check), old_port, new_port);
	*address = new_address;
	*port = new_port;
	return 0;
}

static __always_inline int outbound(struct iphdr *ip, struct ports *ports, void *end)
{
	struct inside key = { .address = ip->saddr, .port = ports->source, .protocol = ip->protocol };
	struct outside back = { .peer = ip->daddr, .peer_port = ports->dest, .protocol = ip->protocol };
	__u16 *bound = bpf_map_lookup_elem(&bindings, &key), port;

	if (bound) {
		port = *bound;
	} else {
		int found = 0;

		for (int i = 0; i < TRIES; i++) {
			port = 1024 + bpf_get_prandom_u32() % 64512 + i;
			back.port = bpf_htons(port);
			if (!bpf_map_lookup_elem(&reverse, &back)) {
				found = 1;
				break;
			}
		}
		if (!found) {
			count(NO_PORT);
			return XDP_DROP;
		}
		bpf_map_update_elem(&bindings, &key, &port, BPF_ANY);
	}
	back.port = bpf_htons(port);
	if (bpf_map_update_elem(&reverse, &back, &key, BPF_ANY))
		return XDP_DROP;
	if (rewrite(ip, end, &ip->saddr, &ports->source, bpf_htonl(OUTSIDE), back.port))
		return XDP_DROP;
	count(TRANSLATED_OUT);
	return XDP_TX;
}

SEC("xdp")
int snat(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct outside back = {};
	struct inside *host;
	struct ports *ports;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ports = (void *)(ip + 1);
	if (ip->ihl != 5 || ip->frag_off & bpf_htons(IP_MF | IP_OFFSET) || (void *)(ports + 1) > end)
		return XDP_PASS;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	if ((ip->saddr & bpf_htonl(0xffff0000)) == bpf_htonl(0x0a140000))
		return outbound(ip, ports, end);
	if (ip->daddr != bpf_htonl(OUTSIDE))
		return XDP_PASS;
	back.peer = ip->saddr;
	back.peer_port = ports->source;
	back.port = ports->dest;
	back.protocol = ip->protocol;
	host = bpf_map_lookup_elem(&reverse, &back);
	if (!host) {
		count(NO_BINDING);
		return XDP_DROP;
	}
	if (rewrite(ip, end, &ip->daddr, &ports->dest, host->address, host->port))
		return XDP_DROP;
	count(TRANSLATED_IN);
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
