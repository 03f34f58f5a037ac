// SPDX-License-Identifier: MIT OR Apache-2.0
//
// SYN flood filter: unknown sources get a SYN-ACK whose sequence number is a
// keyed hash of the flow and a time slot; who echoes it is let through.
#include "net.h"

#define SLOT_SHIFT 20 /* about a millisecond, so that tests cross slots */

struct peer {
	__be32 address;
	__be16 port;
	__be16 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct peer);
	__type(value, __u64);
} verified SEC(".maps");

enum { CHALLENGED, PROVED, FORGED, KNOWN, COUNTERS };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

const volatile __u64 secret[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

#define ROL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

/* One round of SipHash (Aumasson, Bernstein 2012). */
#define ROUND                                                                                      \
	do {                                                                                       \
		v0 += v1;                                                                          \
		v1 = ROL(v1, 13) ^ v0;                                                             \
		v0 = ROL(v0, 32);                                                                  \
		v2 += v3;                                                                          \
		v3 = ROL(v3, 16) ^ v2;                                                             \
		v0 += v3;                                                                          \
		v3 = ROL(v3, 21) ^ v0;                                                             \
		v2 += v1;                                                                          \
		v1 = ROL(v1, 17) ^ v2;                                                             \
		v2 = ROL(v2, 32);                                                                  \
	} while (0)

static __noinline __u32 cookie(__u64 addresses, __u64 ports_and_slot)
{
	__u64 v0 = secret[0] ^ 0x736f6d6570736575, v1 = secret[1] ^ 0x646f72616e646f6d;
	__u64 v2 = secret[0] ^ 0x6c7967656e657261, v3 = secret[1] ^ 0x7465646279746573;
	const __u64 last = 16ull << 56;

	v3 ^= addresses;
	ROUND;
	ROUND;
	v0 ^= addresses;
	v3 ^= ports_and_slot;
	ROUND;
	ROUND;
	v0 ^= ports_and_slot;
	v3 ^= last;
	ROUND;
	ROUND;
	v0 ^= last;
	v2 ^= 0xff;
	ROUND;
	ROUND;
	ROUND;
	ROUND;
	v0 ^= v1 ^ v2 ^ v3;
	return v0 ^ v0 >> 32;
}

static __always_inline void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&counters, &what);

	if (n)
		*n += 1;
}

static __always_inline __u16 tcp_check(struct iphdr *ip, struct tcphdr *tcp)
{
	__u64 sum = bpf_csum_diff(0, 0, &ip->saddr, 8, 0) & 0xffffffff;

	sum = bpf_csum_diff(0, 0, (__be32 *)tcp, sizeof(*tcp), (__u32)sum) & 0xffffffff;
	return ~fold(sum + bpf_htons(IPPROTO_TCP) + bpf_htons(sizeof(*tcp)));
}

static __always_inline int challenge(struct xdp_md *ctx, __u32 number)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	__be32 address;
	__be16 port;
	int surplus;

	if ((void *)(tcp + 1) > end)
		return XDP_ABORTED;
	swap_mac(eth);
	address = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = address;
	ip->tot_len = bpf_htons(sizeof(*ip) + sizeof(*tcp));
	ip->ttl = 64;
	ip->id = 0;
	ip->check = 0;
	ip->check = ipv4_check(ip);
	port = tcp->source;
	tcp->source = tcp->dest;
	tcp->dest = port;
	tcp->ack_seq = bpf_htonl(bpf_ntohl(tcp->seq) + 1);
	tcp->seq = bpf_htonl(number);
	((__u8 *)tcp)[12] = sizeof(*tcp) / 4 << 4;
	((__u8 *)tcp)[13] = 0x12;
	tcp->window = 0;
	tcp->urg_ptr = 0;
	tcp->check = 0;
	tcp->check = tcp_check(ip, tcp);
	surplus = end - (void *)(tcp + 1);
	if (surplus > 0 && bpf_xdp_adjust_tail(ctx, -surplus))
		return XDP_ABORTED;
	count(CHALLENGED);
	return XDP_TX;
}

SEC("xdp")
int syn_proxy(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	struct peer peer = {};
	__u64 addresses, ports, slot, now;

	if ((void *)(tcp + 1) > end)
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 || ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	peer.address = ip->saddr;
	peer.port = tcp->source;
	now = bpf_ktime_get_ns();
	if (bpf_map_lookup_elem(&verified, &peer)) {
		if (tcp->rst || tcp->fin)
			bpf_map_delete_elem(&verified, &peer);
		count(KNOWN);
		return XDP_PASS;
	}
	addresses = (__u64)ip->saddr << 32 | ip->daddr;
	ports = (__u64)tcp->source << 48 | (__u64)tcp->dest << 32;
	slot = now >> SLOT_SHIFT & 0xffffffff;
	if (tcp->syn && !tcp->ack)
		return challenge(ctx, cookie(addresses, ports | slot));
	if (tcp->ack) {
		__u32 echoed = bpf_ntohl(tcp->ack_seq) - 1;

		if (echoed == cookie(addresses, ports | slot) ||
		    echoed == cookie(addresses, ports | ((slot - 1) & 0xffffffff))) {
			bpf_map_update_elem(&verified, &peer, &now, BPF_ANY);
			count(PROVED);
			return XDP_DROP;
		}
	}
	count(FORGED);
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
