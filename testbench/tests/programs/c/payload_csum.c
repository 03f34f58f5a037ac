// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Verifies the UDP and TCP checksum over the whole payload, up to 1,500 bytes,
// word by word in a loop with a bound that depends on the packet.
#include "net.h"

#define MAX_WORDS 740

enum { GOOD, WRONG, ABSENT, OTHER, TOO_LONG, RESULTS };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RESULTS);
	__type(key, __u32);
	__type(value, __u64);
} results SEC(".maps");

static __always_inline int leave(__u32 result, int action)
{
	__u64 *n = bpf_map_lookup_elem(&results, &result);

	if (n)
		*n += 1;
	return action;
}

SEC("xdp")
int payload_csum(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	__u16 *word = data + sizeof(*eth) + sizeof(*ip);
	__u32 length, words, i;
	__u64 sum;

	if (data + sizeof(*eth) + sizeof(*ip) > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->ihl != 5 || ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return leave(OTHER, XDP_PASS);
	if (ip->protocol == IPPROTO_UDP) {
		struct udphdr *udp = (void *)word;

		if ((void *)(udp + 1) > end)
			return leave(WRONG, XDP_DROP);
		if (!udp->check)
			return leave(ABSENT, XDP_PASS);
	} else if (ip->protocol != IPPROTO_TCP) {
		return leave(OTHER, XDP_PASS);
	}
	length = bpf_ntohs(ip->tot_len);
	if (length < sizeof(*ip))
		return leave(WRONG, XDP_DROP);
	length -= sizeof(*ip);
	words = length / 2;
	if (words > MAX_WORDS)
		return leave(TOO_LONG, XDP_PASS);
	sum = (ip->saddr >> 16) + (ip->saddr & 0xffff) + (ip->daddr >> 16) + (ip->daddr & 0xffff);
	sum += bpf_htons(ip->protocol) + bpf_htons(length);
	for (i = 0; i < MAX_WORDS; i++) {
		if (i >= words)
			break;
		if ((void *)(word + 1) > end)
			return leave(WRONG, XDP_DROP);
		sum += *word++;
	}
	if (length & 1) {
		__u8 *last = (void *)word;

		if ((void *)(last + 1) > end)
			return leave(WRONG, XDP_DROP);
		sum += *last;
	}
	return fold(sum) == 0xffff ? leave(GOOD, XDP_PASS) : leave(WRONG, XDP_DROP);
}

char _license[] SEC("license") = "GPL";
