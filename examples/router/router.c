// SPDX-License-Identifier: MIT OR Apache-2.0
//
// IPv4 router with an exact-match neighbour table: the destination address gives
// the MAC addresses and the port; TTL and header checksum are updated and the
// frame is redirected through a device map. Whatever needs an answer or more
// thought (no neighbour, TTL expired, options) goes to the host.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct neighbour {
	__u8 station[ETH_ALEN];  /* MAC of the neighbour */
	__u8 port_mac[ETH_ALEN]; /* MAC of the port that leads there */
	__u32 port;              /* index into `ports` */
};

enum outcome {
	FORWARDED,
	NO_NEIGHBOUR,
	TTL_EXPIRED,
	EXCEPTION, /* not IPv4, or with options: for the host */
	MALFORMED,
	OUTCOMES,
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __be32);
	__type(value, struct neighbour);
} neighbours SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, OUTCOMES);
	__type(key, __u32);
	__type(value, __u64);
} outcomes SEC(".maps");

static __always_inline void count(enum outcome outcome)
{
	__u32 index = outcome;
	__u64 *packets = bpf_map_lookup_elem(&outcomes, &index);

	if (packets)
		(*packets)++;
}

/* The checksum `check` after one of the words it covers has changed (RFC 1624). */
static __always_inline __u16 update_checksum(__u16 check, __u16 before, __u16 after)
{
	__u32 sum = (__u16)~check + (__u16)~before + after;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

SEC("xdp")
int router(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct neighbour *neighbour;
	__u16 *ttl_word; /* TTL and protocol */
	__u16 before;
	__be32 dest;

	if ((void *)(eth + 1) > data_end) {
		count(MALFORMED);
		return XDP_DROP;
	}
	if (eth->h_proto != bpf_htons(ETH_P_IP)) {
		count(EXCEPTION);
		return XDP_PASS;
	}
	if ((void *)(ip + 1) > data_end || ip->version != 4 || ip->ihl < 5 ||
	    bpf_ntohs(ip->tot_len) > data_end - (void *)ip) {
		count(MALFORMED);
		return XDP_DROP;
	}
	if (ip->ihl > 5) {
		count(EXCEPTION);
		return XDP_PASS;
	}
	if (ip->ttl <= 1) {
		count(TTL_EXPIRED);
		return XDP_PASS;
	}

	dest = ip->daddr;
	neighbour = bpf_map_lookup_elem(&neighbours, &dest);
	if (!neighbour) {
		count(NO_NEIGHBOUR);
		return XDP_PASS;
	}

	count(FORWARDED);
	ttl_word = (void *)&ip->ttl;
	before = *ttl_word;
	ip->ttl--;
	ip->check = update_checksum(ip->check, before, *ttl_word);
	__builtin_memcpy(eth->h_dest, neighbour->station, ETH_ALEN);
	__builtin_memcpy(eth->h_source, neighbour->port_mac, ETH_ALEN);
	return bpf_redirect_map(&ports, neighbour->port, XDP_DROP);
}

char _license[] SEC("license") = "Dual MIT/GPL";
