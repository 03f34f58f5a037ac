// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Port knocking: the protected port opens to a source that has sent a TCP SYN to
// four secret ports in the right order, each in time after the one before. An
// automaton for each source; any other SYN in between starts it again.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PROTECTED_PORT 22
#define KNOCKS 4
#define STATE_MASK 7 /* few bits, so that hardware compares them fast */
#define KNOCK_NS 300000 /* time for the next knock */
#define OPEN_NS 2000000 /* how long the port stays open after the last knock */
#define IP_FRAGMENT_MASK 0x3fff
#define FLAG_SYN 0x02

enum knock {
	KNOCK_NONE = 7,
};

struct visitor {
	__u64 deadline; /* ns; the state is 0 after that */
	__u32 opened;   /* how often */
	__u8 state;     /* knocks so far; KNOCKS: open */
	__u8 reserved[3];
};

enum outcome {
	OTHER, /* neither knock nor for the protected port */
	MALFORMED,
	KNOCKED,
	ADMITTED,
	DENIED,
	OUTCOMES,
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __be32);
	__type(value, struct visitor);
} visitors SEC(".maps");

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

/* Which place in the sequence a port has. */
static __always_inline __u8 knock_of(__be16 port)
{
	switch (port) {
	case bpf_htons(7001):
		return 0;
	case bpf_htons(8002):
		return 1;
	case bpf_htons(9003):
		return 2;
	case bpf_htons(6004):
		return 3;
	default:
		return KNOCK_NONE;
	}
}

static __always_inline int knock(__be32 source, struct visitor *visitor, __u8 number, __u64 now)
{
	if (!visitor) {
		struct visitor fresh = { .deadline = now + KNOCK_NS, .state = 1 };

		if (number == 0)
			bpf_map_update_elem(&visitors, &source, &fresh, BPF_ANY);
		return count(KNOCKED, XDP_DROP);
	}
	if (number == (visitor->state & STATE_MASK) && now < visitor->deadline) {
		visitor->state = number + 1;
		if (number == KNOCKS - 1) {
			visitor->deadline = now + OPEN_NS;
			visitor->opened++;
			return count(KNOCKED, XDP_DROP);
		}
	} else {
		visitor->state = number == 0 ? 1 : 0;
	}
	visitor->deadline = now + KNOCK_NS;
	return count(KNOCKED, XDP_DROP);
}

SEC("xdp")
int port_knocking(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	struct visitor *visitor;
	__be32 source;
	__u64 now;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->protocol != IPPROTO_TCP)
		return count(OTHER, XDP_PASS);
	if (ip->version != 4 || ip->ihl != 5 || (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK)) ||
	    (void *)(tcp + 1) > data_end)
		return count(MALFORMED, XDP_DROP);

	now = bpf_ktime_get_ns();
	source = ip->saddr;
	visitor = bpf_map_lookup_elem(&visitors, &source);
	if (tcp->dest == bpf_htons(PROTECTED_PORT)) {
		if (!visitor || (visitor->state & STATE_MASK) != KNOCKS || now >= visitor->deadline)
			return count(DENIED, XDP_DROP);
		return count(ADMITTED, XDP_PASS);
	}
	if (((__u8 *)tcp)[13] != FLAG_SYN)
		return count(OTHER, XDP_PASS);
	return knock(source, visitor, knock_of(tcp->dest), now);
}

char _license[] SEC("license") = "Dual MIT/GPL";
