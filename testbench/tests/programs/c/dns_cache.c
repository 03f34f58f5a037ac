// SPDX-License-Identifier: MIT OR Apache-2.0
//
// DNS responder: A and AAAA questions whose name is in the table are answered
// on the spot; the packet grows by the answer, addresses and ports turn round.
#include "net.h"

#define MAX_NAME 64
#define TYPE_A 1
#define TYPE_AAAA 28

struct dns {
	__be16 id;
	__be16 flags;
	__be16 questions, answers, authorities, additionals;
};

struct question {
	__u8 name[MAX_NAME]; /* as on the wire, lower case, zero filled */
	__u16 type;
	__u16 pad;
};

struct answer {
	__u8 address[16];
	__u32 ttl;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct question);
	__type(value, struct answer);
} records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} results SEC(".maps");

enum { NOT_DNS, NOT_QUERY, BAD_NAME, OTHER_TYPE, UNKNOWN, ANSWERED, NO_ROOM };

static __always_inline int leave(__u32 result, int action)
{
	__u64 *count = bpf_map_lookup_elem(&results, &result);

	if (count)
		__sync_fetch_and_add(count, 1);
	return action;
}

/* Copies the name at `at` in lower case; its length with the closing zero, or 0. */
static __always_inline __u32 read_name(const __u8 *at, const void *end, __u8 *name)
{
	__u32 left = 0;

	for (__u32 i = 0; i < MAX_NAME; i++) {
		__u8 byte;

		if ((void *)(at + i + 1) > end)
			return 0;
		byte = at[i];
		if (left == 0) {
			if (byte > 63)
				return 0; /* compressed, or nonsense */
			name[i] = byte;
			if (byte == 0)
				return i + 1;
			left = byte;
			continue;
		}
		left--;
		if (byte >= 'A' && byte <= 'Z')
			byte += 'a' - 'A';
		name[i] = byte;
	}
	return 0;
}

SEC("xdp")
int dns_cache(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	struct dns *dns = (void *)(udp + 1);
	struct question key = {};
	struct answer *known;
	__u32 name_len, size, total, offset, ttl;
	__be16 *fields, port;
	__be32 address;
	__u8 *out;

	if ((void *)(dns + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 ||
	    ip->protocol != IPPROTO_UDP || udp->dest != bpf_htons(53))
		return leave(NOT_DNS, XDP_PASS);
	if (dns->flags & bpf_htons(0xf800) || dns->questions != bpf_htons(1) || dns->answers ||
	    dns->authorities || dns->additionals)
		return leave(NOT_QUERY, XDP_PASS);
	name_len = read_name((void *)(dns + 1), end, key.name);
	if (name_len == 0)
		return leave(BAD_NAME, XDP_DROP);
	if (name_len > MAX_NAME)
		return XDP_ABORTED;
	fields = (void *)(dns + 1) + name_len;
	if ((void *)(fields + 2) > end)
		return leave(BAD_NAME, XDP_DROP);
	key.type = bpf_ntohs(fields[0]);
	if (fields[1] != bpf_htons(1) || (key.type != TYPE_A && key.type != TYPE_AAAA))
		return leave(OTHER_TYPE, XDP_PASS);
	known = bpf_map_lookup_elem(&records, &key);
	if (!known)
		return leave(UNKNOWN, XDP_PASS);

	size = 12 + (key.type == TYPE_A ? 4 : 16);
	offset = sizeof(*eth) + sizeof(*ip) + sizeof(*udp) + sizeof(*dns) + name_len + 4;
	total = offset + size;
	if (bpf_xdp_adjust_tail(ctx, (int)total - (int)(end - (void *)eth)))
		return leave(NO_ROOM, XDP_PASS);
	end = (void *)(long)ctx->data_end;
	eth = (void *)(long)ctx->data;
	ip = (void *)(eth + 1);
	udp = (void *)(ip + 1);
	dns = (void *)(udp + 1);
	out = (void *)(dns + 1) + name_len + 4;
	if ((void *)(dns + 1) > end || (void *)(out + 16) > end)
		return XDP_ABORTED;
	swap_mac(eth);
	address = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = address;
	ip->tot_len = bpf_htons(total - sizeof(*eth));
	ip->ttl = 64;
	ip->check = 0;
	ip->check = ipv4_check(ip);
	port = udp->source;
	udp->source = udp->dest;
	udp->dest = port;
	udp->len = bpf_htons(total - sizeof(*eth) - sizeof(*ip));
	udp->check = 0;
	dns->flags |= bpf_htons(0x8480);
	dns->answers = bpf_htons(1);
	ttl = bpf_htonl(known->ttl);
	out[0] = 0xc0;
	out[1] = 12;
	out[2] = 0;
	out[3] = key.type;
	out[4] = 0;
	out[5] = 1;
	__builtin_memcpy(out + 6, &ttl, 4);
	out[10] = 0;
	out[11] = size - 12;
	__builtin_memcpy(out + 12, known->address, 4);
	if (key.type == TYPE_AAAA) {
		if ((void *)(out + 28) > end)
			return XDP_ABORTED;
		__builtin_memcpy(out + 16, known->address + 4, 12);
	}
	return leave(ANSWERED, XDP_TX);
}

char _license[] SEC("license") = "GPL";
