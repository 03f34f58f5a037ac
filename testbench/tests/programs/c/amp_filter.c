// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Filter against reflection attacks: answers of DNS, NTP, SSDP, memcached,
// CLDAP and chargen that nobody here asked for, or that are too large.
#include "net.h"

struct service {
	__u16 largest; /* UDP payload bytes, 0: none */
	__u8 check;    /* one of the checks below */
	__u8 enabled;
};

enum check { NO_CHECK, CHECK_DNS, CHECK_NTP, CHECK_MEMCACHED, CHECK_SSDP };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct service);
} services SEC(".maps");

struct reason_key {
	__u16 port;
	__u16 reason;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 512);
	__type(key, struct reason_key);
	__type(value, __u64);
} drops SEC(".maps");

struct dns_header {
	__be16 id;
	__be16 flags;
	__be16 questions, answers, authorities, additionals;
};

static __always_inline int drop(__u16 port, __u16 reason)
{
	struct reason_key key = { port, reason };
	__u64 one = 1, *count = bpf_map_lookup_elem(&drops, &key);

	if (count)
		*count += 1;
	else
		bpf_map_update_elem(&drops, &key, &one, BPF_ANY);
	return XDP_DROP;
}

static __always_inline int looks_bad(__u8 check, const void *payload, const void *end)
{
	const struct dns_header *dns = payload;
	const __u8 *b = payload;

	switch (check) {
	case CHECK_DNS:
		if (payload + sizeof(*dns) > end)
			return 1;
		/* A response to ANY-like floods: many answers, or none to no question. */
		if (!(dns->flags & bpf_htons(0x8000)))
			return 0;
		if (!dns->questions || bpf_ntohs(dns->answers) > 20)
			return 2;
		return bpf_ntohs(dns->authorities) + bpf_ntohs(dns->additionals) > 24 ? 3 : 0;
	case CHECK_NTP:
		if (payload + 4 > end)
			return 1;
		/* Mode 7 (private) with request code 42: monlist. */
		if ((b[0] & 7) == 7)
			return b[3] == 42 ? 4 : 5;
		return (b[0] & 7) == 6 ? 6 : 0;
	case CHECK_MEMCACHED:
		if (payload + 8 > end)
			return 1;
		return b[4] || b[5] > 1 ? 7 : 0;
	case CHECK_SSDP:
		if (payload + 9 > end)
			return 1;
		return *(const __u32 *)b == bpf_htonl(0x48545450) ? 8 : 0; /* "HTTP" */
	default:
		return 0;
	}
}

SEC("xdp_drop")
int amp_filter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct service *service;
	struct udphdr *udp;
	struct iphdr *ip;
	__u32 port, payload, bad;

	if (data + sizeof(*eth) + sizeof(*ip) > end)
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = data + sizeof(*eth);
	if (ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	if (ip->frag_off & bpf_htons(IP_OFFSET))
		return drop(0, 9);
	udp = (void *)ip + ip->ihl * 4;
	if ((void *)udp < (void *)(ip + 1) || (void *)(udp + 1) > end)
		return drop(0, 1);
	port = bpf_ntohs(udp->source);
	service = bpf_map_lookup_elem(&services, &port);
	if (!service || !service->enabled)
		return XDP_PASS;
	payload = bpf_ntohs(udp->len) - sizeof(*udp);
	if (payload > service->largest)
		return drop(port, 10);
	bad = looks_bad(service->check, udp + 1, end);
	return bad ? drop(port, bad) : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
