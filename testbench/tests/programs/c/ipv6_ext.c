// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Walks the chain of IPv6 extension headers (RFC 8200) to the transport header,
// drops what hosts should not send, and counts chains by a signature.
#include "net.h"

#define MAX_HEADERS 8

#define HOP_BY_HOP 0
#define ROUTING 43
#define FRAGMENT 44
#define ESP 50
#define AUTHENTICATION 51
#define NO_NEXT 59
#define DESTINATION 60

struct ext {
	__u8 next;
	__u8 length;
	__u8 type;
	__u8 left;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} chains SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u32);
} allowed SEC(".maps");

static __always_inline void note(__u64 chain)
{
	__u64 one = 1, *n = bpf_map_lookup_elem(&chains, &chain);

	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&chains, &chain, &one, BPF_NOEXIST);
}

SEC("xdp")
int ipv6_ext(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct ipv6hdr *ip6 = data + sizeof(*eth);
	__u32 at = sizeof(*eth) + sizeof(*ip6), key, *ok;
	int first_fragment = 1, i;
	__u64 chain = 0;
	__u8 next;

	if (data + at > end || eth->h_proto != bpf_htons(ETH_P_IPV6))
		return XDP_PASS;
	next = ip6->nexthdr;
	for (i = 0; i < MAX_HEADERS; i++) {
		struct ext *ext = data + at;
		__u32 size;

		if (next != HOP_BY_HOP && next != ROUTING && next != FRAGMENT &&
		    next != AUTHENTICATION && next != DESTINATION)
			break;
		if (next == HOP_BY_HOP && i > 0)
			return XDP_DROP;
		if (at > 1024 || (void *)(ext + 1) > end)
			return XDP_DROP;
		chain = chain << 8 | next;
		if (next == ROUTING && ext->type == 0)
			return XDP_DROP; /* RFC 5095 */
		if (next == FRAGMENT) {
			if (ext->type || ext->left & 0xf8)
				first_fragment = 0;
			size = 8;
		} else if (next == AUTHENTICATION) {
			size = (ext->length + 2) * 4;
		} else {
			size = (ext->length + 1) * 8;
		}
		next = ext->next;
		at += size;
		if (!first_fragment)
			break;
	}
	if (i == MAX_HEADERS)
		return XDP_DROP;
	chain = chain << 8 | next;
	note(chain);
	if (!first_fragment || next == NO_NEXT || next == ESP)
		return XDP_PASS;
	key = next;
	ok = bpf_map_lookup_elem(&allowed, &key);
	if (!ok)
		return XDP_ABORTED;
	if (next == IPPROTO_TCP || next == IPPROTO_UDP) {
		struct ports *ports = data + at;

		if (at > 1024 || (void *)(ports + 1) > end)
			return XDP_DROP;
		if (*ok && *ok != bpf_ntohs(ports->dest))
			return XDP_DROP;
	}
	return *ok ? XDP_PASS : XDP_TX;
}

char _license[] SEC("license") = "GPL";
