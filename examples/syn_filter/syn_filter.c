// SPDX-License-Identifier: MIT OR Apache-2.0
//
// SYN-flood filter: a source may open `LIMIT` connections within a window of
// time. Who tries more is shut out, its other packets too, until it has opened
// none for a while. State expires by time; the source that was silent longest
// gives way when there are too many.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define LIMIT 8
#define WINDOW_NS 100000   /* in which the opening packets are counted */
#define PENALTY_NS 1000000 /* quiet time that opens the door again */
#define IP_FRAGMENT_MASK 0x3fff

enum {
	FLAG_FIN = 0x01,
	FLAG_SYN = 0x02,
	FLAG_RST = 0x04,
	FLAG_ACK = 0x10,
};

struct source {
	__u64 until; /* end of the window, or of the penalty */
	__u32 opened;
	__u32 refused;
};

enum outcome {
	NOT_TCP,
	MALFORMED,
	OPENED,
	REFUSED,
	CARRIED, /* of an open connection, as far as this filter knows */
	OUTCOMES,
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __be32);
	__type(value, struct source);
} sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OUTCOMES);
	__type(key, __u32);
	__type(value, __u64);
} outcomes SEC(".maps");

static __always_inline int count(enum outcome outcome, int action)
{
	__u32 index = outcome;
	__u64 *packets = bpf_map_lookup_elem(&outcomes, &index);

	if (packets)
		__sync_fetch_and_add(packets, 1);
	return action;
}

static __always_inline int opening(struct source *source, __be32 address, __u64 now)
{
	if (!source) {
		struct source fresh = { .until = now + WINDOW_NS, .opened = 1 };

		bpf_map_update_elem(&sources, &address, &fresh, BPF_ANY);
		return count(OPENED, XDP_PASS);
	}
	if (now >= source->until) {
		source->until = now + WINDOW_NS;
		source->opened = 1;
		return count(OPENED, XDP_PASS);
	}
	if (source->opened >= LIMIT) {
		source->until = now + PENALTY_NS;
		source->refused++;
		return count(REFUSED, XDP_DROP);
	}
	source->opened++;
	return count(OPENED, XDP_PASS);
}

static __always_inline int carried(struct source *source, __u64 now)
{
	if (!source || now >= source->until)
		return count(CARRIED, XDP_PASS);
	if (source->opened < LIMIT)
		return count(CARRIED, XDP_PASS);
	source->refused++;
	return count(REFUSED, XDP_DROP);
}

SEC("xdp")
int syn_filter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	struct source *source;
	__be32 address;
	__u64 now;
	__u8 flags;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->protocol != IPPROTO_TCP)
		return count(NOT_TCP, XDP_PASS);
	/* Options and fragments have no place in front of a connection's first packets. */
	if (ip->version != 4 || ip->ihl != 5 || (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK)) ||
	    (void *)(tcp + 1) > data_end)
		return count(MALFORMED, XDP_DROP);

	now = bpf_ktime_get_ns();
	address = ip->saddr;
	flags = ((__u8 *)tcp)[13];
	source = bpf_map_lookup_elem(&sources, &address);
	switch (flags & (FLAG_FIN | FLAG_SYN | FLAG_RST | FLAG_ACK)) {
	case FLAG_SYN:
		return opening(source, address, now);
	case FLAG_ACK:
	case FLAG_ACK | FLAG_FIN:
		return carried(source, now);
	case FLAG_RST:
	case FLAG_RST | FLAG_ACK:
		return count(CARRIED, XDP_PASS);
	default:
		return count(MALFORMED, XDP_DROP);
	}
}

char _license[] SEC("license") = "Dual MIT/GPL";
