// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Walks TCP options of SYN packets: clamps the MSS with a checksum update, blanks
// timestamps where asked, counts option kinds.
#include "net.h"

#define END_OF_LIST 0
#define NOP 1
#define MSS 2
#define TIMESTAMP 8

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u32);
} kinds SEC(".maps");

volatile const __u16 clamp = 1360;
volatile const __u8 blank_timestamps = 1;

/* Handles the option at `at`; the offset of the next one, or 0 to stop, or -1. Global, so that it is verified once for
 * any offset and not for each way to get there. */
__noinline int next_option(struct xdp_md *ctx, __u32 at, __u32 limit)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct tcphdr *tcp = data + sizeof(struct ethhdr) + sizeof(struct iphdr);
	__u8 *option, kind, size;
	__u32 key, *n;

	if (at >= limit || at > 59 || (void *)(tcp + 1) > end)
		return 0;
	/* The compiler knows the bound and would drop the mask; the verifier has lost it by now. */
	asm volatile("%0 &= 63" : "+r"(at));
	option = (void *)tcp + at;
	if ((void *)(option + 1) > end)
		return 0;
	kind = *option;
	key = kind;
	n = bpf_map_lookup_elem(&kinds, &key);
	if (n)
		*n += 1;
	if (kind == END_OF_LIST)
		return 0;
	if (kind == NOP)
		return at + 1;
	if ((void *)(option + 2) > end)
		return -1;
	size = option[1];
	if (size < 2 || size > 40 || at + size > limit)
		return -1;
	if (kind == MSS && size == 4) {
		__u16 *value = (void *)(option + 2);

		if ((void *)(value + 1) > end)
			return -1;
		if (bpf_ntohs(*value) > clamp) {
			__u16 new = bpf_htons(clamp), old = *value;

			/* At an odd offset the bytes count swapped. */
			if (at & 1)
				tcp->check = check_replace(tcp->check, __builtin_bswap16(old),
							   __builtin_bswap16(new));
			else
				tcp->check = check_replace(tcp->check, old, new);
			*value = new;
		}
	} else if (kind == TIMESTAMP && size == 10 && blank_timestamps) {
		if ((void *)(option + 10) > end)
			return -1;
		__builtin_memset(option, NOP, 10);
	}
	return at + size;
}

SEC("xdp")
int tcp_options(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct tcphdr *tcp = (void *)(ip + 1);
	__u32 limit;
	int at = 20;

	if ((void *)(tcp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 ||
	    ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	if (!tcp->syn)
		return XDP_PASS;
	if (tcp->doff < 5)
		return XDP_DROP;
	limit = tcp->doff * 4;
	for (int i = 0; i < 40; i++) {
		at = next_option(ctx, at, limit);
		if (at < 0)
			return XDP_DROP;
		if (at == 0)
			break;
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
