// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Statistics kept without locks: fetch-and-add tickets, exchange of the last
// sender, compare-and-swap for a slot that the first flow owns, bit sets.
#include "net.h"

struct shared {
	__u64 ticket;
	__u64 owner;
	__u64 protocols; /* bit set, by protocol modulo 64 */
	__u64 parity;
	__u64 largest;
	__u32 last_sender;
	__u32 owner32;
	__u32 flags;
	__u32 changes;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct shared);
} state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} journal SEC(".maps");

SEC("xdp")
int atomics(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	__u32 index, slot, before;
	__u64 length = end - (void *)eth, ticket, seen, bits, *line;
	struct shared *s;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	index = ip->daddr >> 24 & 3;
	s = bpf_map_lookup_elem(&state, &index);
	if (!s)
		return XDP_ABORTED;
	ticket = __sync_fetch_and_add(&s->ticket, 1);
	bits = __sync_fetch_and_or(&s->protocols, 1ull << (ip->protocol & 63));
	__sync_fetch_and_xor(&s->parity, length);
	__sync_fetch_and_and(&s->flags, ~(__u32)ip->tos);
	before = __sync_lock_test_and_set(&s->last_sender, ip->saddr);
	if (before != ip->saddr)
		__sync_fetch_and_add(&s->changes, 1);
	seen = __sync_val_compare_and_swap(&s->owner, 0, (__u64)ip->saddr << 32 | ip->daddr);
	__sync_val_compare_and_swap(&s->owner32, before, ip->saddr);
	/* A maximum, by as many attempts as a race could need. */
	for (int i = 0; i < 4; i++) {
		__u64 largest = s->largest;

		if (length <= largest)
			break;
		if (__sync_bool_compare_and_swap(&s->largest, largest, length))
			break;
	}
	slot = ticket & 63;
	line = bpf_map_lookup_elem(&journal, &slot);
	if (!line)
		return XDP_ABORTED;
	__sync_lock_test_and_set(line, seen ^ bits << 7);
	if (__sync_fetch_and_sub(&s->ticket, ip->ttl == 1 ? 1 : 0) > 1000)
		return XDP_DROP;
	return seen && seen != ((__u64)ip->saddr << 32 | ip->daddr) ? XDP_TX : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
