// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Drops DNS queries for blocked names. The query may stand behind IPv4 options,
// so the name is read at a variable offset, byte by byte, folded to lower case
// and looked up in wire format (RFC 1035, section 3.1) padded with zeros. Names
// longer than the key pass.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define DNS_PORT 53
#define DNS_RESPONSE 0x8000
#define NAME_SIZE 24
#define IP_FRAGMENT_MASK 0x3fff

struct dns_header {
	__be16 id;
	__be16 flags;
	__be16 questions;
	__be16 answers;
	__be16 authorities;
	__be16 additional;
};

struct name {
	__u8 octet[NAME_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct name);
	__type(value, __u64); /* queries dropped */
} blocked SEC(".maps");

/* 'A' to 'Z' become 'a' to 'z'. A label's length byte is below 64 and stays. */
static __always_inline __u8 lower_case(__u32 octet)
{
	__u32 from_a = octet - 'A';

	return octet | (((~from_a & (from_a - 26)) >> 31) << 5);
}

SEC("xdp")
int dns_filter(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct dns_header *dns;
	struct udphdr *udp;
	struct name name = {};
	__u64 *queries;
	__u8 *octet;
	int i;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->version != 4 || ip->ihl < 5)
		return XDP_DROP;
	if (ip->protocol != IPPROTO_UDP || (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK)))
		return XDP_PASS;
	udp = (void *)ip + ip->ihl * 4;
	dns = (void *)(udp + 1);
	if ((void *)(dns + 1) > data_end || udp->dest != bpf_htons(DNS_PORT))
		return XDP_PASS;
	if ((dns->flags & bpf_htons(DNS_RESPONSE)) || dns->questions == 0)
		return XDP_PASS;

	octet = (void *)(dns + 1);
#pragma clang loop unroll(disable)
	for (i = 0; i < NAME_SIZE; i++) {
		if ((void *)(octet + i + 1) > data_end)
			return XDP_DROP; /* a query that ends inside its name */
		if (octet[i] == 0)
			break;
		name.octet[i] = lower_case(octet[i]);
	}
	if (i == NAME_SIZE)
		return XDP_PASS;

	queries = bpf_map_lookup_elem(&blocked, &name);
	if (!queries)
		return XDP_PASS;
	__sync_fetch_and_add(queries, 1);
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual MIT/GPL";
