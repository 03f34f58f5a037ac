// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Looks for forbidden host names in HTTP requests with a small automaton: the
// transition table lies in .rodata, the loop runs over at most 256 bytes.
#include "net.h"

#define STATES 8
#define CLASSES 8
#define REACH 256

/* Classes: 0 other, 1 'h', 2 'o', 3 's', 4 't', 5 ':', 6 space, 7 line end. */
static const __u8 class_of[128] = {
	['h'] = 1, ['H'] = 1, ['o'] = 2, ['O'] = 2, ['s'] = 3, ['S'] = 3, ['t'] = 4,
	['T'] = 4, [':'] = 5, [' '] = 6, ['\r'] = 7, ['\n'] = 7,
};

/* Finds a line that starts with "host:"; state 6 is the name after it. */
static const __u8 transition[STATES][CLASSES] = {
	/* 0: in a line   */ { 0, 0, 0, 0, 0, 0, 0, 1 },
	/* 1: line start  */ { 0, 2, 0, 0, 0, 0, 0, 1 },
	/* 2: h           */ { 0, 0, 3, 0, 0, 0, 0, 1 },
	/* 3: ho          */ { 0, 0, 0, 4, 0, 0, 0, 1 },
	/* 4: hos         */ { 0, 0, 0, 0, 5, 0, 0, 1 },
	/* 5: host        */ { 0, 0, 0, 0, 0, 6, 0, 1 },
	/* 6: host:       */ { 7, 7, 7, 7, 7, 7, 6, 1 },
	/* 7: the name    */ { 7, 7, 7, 7, 7, 7, 7, 1 },
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u64);
	__type(value, __u32);
} forbidden SEC(".maps");

__u64 requests, hosts, blocked;

SEC("xdp")
int http_match(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct tcphdr *tcp = (void *)(ip + 1);
	__u64 hash = 0xcbf29ce484222325;
	__u32 state = 0, i;
	__u8 *at;

	if ((void *)(tcp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 ||
	    ip->protocol != IPPROTO_TCP || tcp->dest != bpf_htons(80))
		return XDP_PASS;
	if (tcp->doff < 5)
		return XDP_DROP;
	at = (void *)tcp + tcp->doff * 4;
	requests++;
	for (i = 0; i < REACH; i++) {
		__u8 byte;

		if ((void *)(at + i + 1) > end)
			break;
		byte = at[i];
		state = transition[state & (STATES - 1)][class_of[byte & 127] & (CLASSES - 1)];
		if (state == 7) {
			hash = (hash ^ byte) * 0x100000001b3;
		} else if (state == 1 && hash != 0xcbf29ce484222325) {
			__u32 *action = bpf_map_lookup_elem(&forbidden, &hash);

			hosts++;
			if (action) {
				blocked++;
				return *action & 3;
			}
			break;
		}
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
