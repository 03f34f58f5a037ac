// SPDX-License-Identifier: MIT OR Apache-2.0
//
// DNS cache on the way to a resolver: it learns addresses from the answers that
// pass by, and answers the next queries for these names itself until their time to
// live is over. "No such name" removes a name. Names longer than the key, and all
// else, pass.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define DNS_PORT 53
#define NAME_SIZE 24
#define IP_FRAGMENT_MASK 0x3fff
#define NS_PER_SECOND 1000000000ULL

#define TYPE_A 1
#define CLASS_IN 1
#define POINTER_TO_QUESTION 0xc00c

/* Bits of the second word of the header (RFC 1035, section 4.1.1). */
#define FLAG_RESPONSE 0x8000
#define FLAG_TRUNCATED 0x0200
#define FLAG_RECURSION_AVAILABLE 0x0080
#define OPCODE_MASK 0x7800
#define RCODE_MASK 0x000f
#define RCODE_NO_SUCH_NAME 3

struct dns_header {
	__be16 id;
	__be16 flags;
	__be16 questions;
	__be16 answers;
	__be16 authorities;
	__be16 additional;
};

/* Follows the name in the question. */
struct question {
	__be16 type;
	__be16 class;
};

struct answer {
	__be16 name;
	__be16 type;
	__be16 class;
	__be16 ttl_high, ttl_low;
	__be16 length;
	__be16 address_high, address_low;
};

/* In wire format, lower case, padded with zeros. */
struct name {
	__u8 octet[NAME_SIZE];
};

struct record {
	__be16 address_high, address_low;
	__u32 expires; /* s */
	__u32 hits;
};

enum outcome {
	NOT_DNS,
	IGNORED, /* DNS, but not for this cache */
	MISSED,
	ANSWERED,
	LEARNED,
	REMOVED,
	OUTCOMES,
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct name);
	__type(value, struct record);
} records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, OUTCOMES);
	__type(key, __u32);
	__type(value, __u64);
} outcomes SEC(".maps");

static __always_inline int count(enum outcome outcome, int action)
{
	__u32 index = outcome;
	__u64 *packets = bpf_map_lookup_elem(&outcomes, &index);

	if (packets)
		(*packets)++;
	return action;
}

/* 'A' to 'Z' become 'a' to 'z'. A label's length byte is below 64 and stays. */
static __always_inline __u8 lower_case(__u32 octet)
{
	__u32 from_a = octet - 'A';

	return octet | (((~from_a & (from_a - 26)) >> 31) << 5);
}

/* Reads the name at `octet`; its length with the closing zero, or 0 if it is too long or cut off. */
static __always_inline __u32 read_name(const __u8 *octet, const void *data_end, struct name *name)
{
	__u32 i;

#pragma clang loop unroll(disable)
	for (i = 0; i < NAME_SIZE; i++) {
		if ((void *)(octet + i + 1) > data_end)
			return 0;
		if (octet[i] == 0)
			return i + 1;
		name->octet[i] = lower_case(octet[i]);
	}
	return 0;
}

/* Keeps the address of a response, or removes the name that it says does not exist. */
static __always_inline int learn(const struct name *name, __u16 flags, const struct dns_header *dns,
				 const struct answer *answer, const void *data_end, __u32 now)
{
	struct record fresh = {};

	if ((flags & RCODE_MASK) == RCODE_NO_SUCH_NAME) {
		if (bpf_map_delete_elem(&records, name))
			return count(IGNORED, XDP_PASS);
		return count(REMOVED, XDP_PASS);
	}
	if ((flags & (RCODE_MASK | FLAG_TRUNCATED)) || dns->answers == 0)
		return count(IGNORED, XDP_PASS);
	if ((void *)(answer + 1) > data_end || answer->name != bpf_htons(POINTER_TO_QUESTION) ||
	    answer->type != bpf_htons(TYPE_A) || answer->class != bpf_htons(CLASS_IN) ||
	    answer->length != bpf_htons(4))
		return count(IGNORED, XDP_PASS);

	fresh.address_high = answer->address_high;
	fresh.address_low = answer->address_low;
	/* Longer than 65,535 s is cut to that. */
	fresh.expires = now + (bpf_ntohs(answer->ttl_high) ? 0xffff : bpf_ntohs(answer->ttl_low));
	if (bpf_map_update_elem(&records, name, &fresh, BPF_ANY))
		return count(IGNORED, XDP_PASS);
	return count(LEARNED, XDP_PASS);
}

/* Turns the query into its own answer, which ends `end` bytes into the frame. */
static __always_inline int reply(struct xdp_md *ctx, struct record *record, __u32 end, __u32 ttl)
{
	struct answer answer = {
		.name = bpf_htons(POINTER_TO_QUESTION),
		.type = bpf_htons(TYPE_A),
		.class = bpf_htons(CLASS_IN),
		.ttl_low = bpf_htons(ttl),
		.length = bpf_htons(4),
		.address_high = record->address_high,
		.address_low = record->address_low,
	};
	void *data, *data_end;
	struct dns_header *dns;
	struct udphdr *udp;
	struct ethhdr *eth;
	struct iphdr *ip;
	__u8 mac[ETH_ALEN];
	__be32 address;
	__be16 port;
	__u32 sum;

	if (bpf_xdp_adjust_tail(ctx, (int)end - (int)(ctx->data_end - ctx->data)))
		return XDP_PASS;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	eth = data;
	ip = (void *)(eth + 1);
	udp = (void *)(ip + 1);
	dns = (void *)(udp + 1);
	if ((void *)(dns + 1) > data_end || data + end > data_end)
		return XDP_ABORTED;

	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
	address = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = address;
	sum = (__u16)~ip->check + (__u16)~ip->tot_len;
	ip->tot_len = bpf_htons(end - sizeof(*eth));
	sum += ip->tot_len;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = ~sum;
	port = udp->source;
	udp->source = udp->dest;
	udp->dest = port;
	udp->len = bpf_htons(end - sizeof(*eth) - sizeof(*ip));
	udp->check = 0;
	dns->flags |= bpf_htons(FLAG_RESPONSE | FLAG_RECURSION_AVAILABLE);
	dns->answers = bpf_htons(1);
	__builtin_memcpy(data + end - sizeof(answer), &answer, sizeof(answer));
	return XDP_TX;
}

SEC("xdp")
int dns_cache(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	struct dns_header *dns = (void *)(udp + 1);
	struct question *question;
	struct name name = {};
	struct record *record;
	__u32 length, now;
	__u16 flags;

	if ((void *)(dns + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_UDP ||
	    (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK)))
		return count(NOT_DNS, XDP_PASS);
	if (udp->dest != bpf_htons(DNS_PORT) && udp->source != bpf_htons(DNS_PORT))
		return count(NOT_DNS, XDP_PASS);

	flags = bpf_ntohs(dns->flags);
	if ((flags & OPCODE_MASK) || dns->questions != bpf_htons(1))
		return count(IGNORED, XDP_PASS);
	length = read_name((void *)(dns + 1), data_end, &name);
	question = (void *)(dns + 1) + length;
	if (length == 0 || (void *)(question + 1) > data_end ||
	    question->type != bpf_htons(TYPE_A) || question->class != bpf_htons(CLASS_IN))
		return count(IGNORED, XDP_PASS);

	now = bpf_ktime_get_ns() / NS_PER_SECOND;
	if (flags & FLAG_RESPONSE) {
		if (udp->source != bpf_htons(DNS_PORT))
			return count(IGNORED, XDP_PASS);
		return learn(&name, flags, dns, (void *)(question + 1), data_end, now);
	}
	/* A query that carries more, such as EDNS options, is for the resolver. */
	if (udp->dest != bpf_htons(DNS_PORT) || dns->answers || dns->authorities || dns->additional)
		return count(IGNORED, XDP_PASS);
	record = bpf_map_lookup_elem(&records, &name);
	if (!record || record->expires <= now)
		return count(MISSED, XDP_PASS);
	record->hits++;
	count(ANSWERED, 0);
	return reply(ctx, record, (void *)(question + 1) - data + sizeof(struct answer),
		     record->expires - now);
}

char _license[] SEC("license") = "Dual MIT/GPL";
