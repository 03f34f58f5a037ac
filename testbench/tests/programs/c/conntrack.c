// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stateful firewall: connections are opened from the inside interface only, and
// followed through a small TCP state machine; idle ones expire by time.
#include "net.h"

#define INSIDE_PREFIX 0x0a140000 /* 10.20.0.0/24 is the inside */
#define INSIDE_MASK 0xffffff00

enum state { NEW, SYN_SENT, SYN_RECEIVED, ESTABLISHED, FIN_WAIT, CLOSED, STATES };

struct tuple {
	__be32 inside;
	__be32 outside;
	__be16 inside_port;
	__be16 outside_port;
	__u8 protocol;
	__u8 pad[3];
};

struct connection {
	__u64 last_seen;
	__u64 packets[2];
	__u32 state;
	__u32 flags_seen;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct tuple);
	__type(value, struct connection);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STATES);
	__type(key, __u32);
	__type(value, __u64);
} dropped_in SEC(".maps");

const volatile __u64 idle_ns[STATES] = {
	1000, 3000000, 3000000, 60000000, 1000000, 10000,
};

static __always_inline __u32 next_state(__u32 state, struct tcphdr *tcp, int outbound)
{
	if (tcp->rst)
		return CLOSED;
	switch (state) {
	case NEW:
	case CLOSED:
		return tcp->syn && !tcp->ack && outbound ? SYN_SENT : state;
	case SYN_SENT:
		return tcp->syn && tcp->ack && !outbound ? SYN_RECEIVED : state;
	case SYN_RECEIVED:
		return tcp->ack && !tcp->syn && outbound ? ESTABLISHED : state;
	case ESTABLISHED:
		return tcp->fin ? FIN_WAIT : state;
	case FIN_WAIT:
		return tcp->fin || tcp->ack ? CLOSED : state;
	default:
		return state;
	}
}

static __always_inline int drop(__u32 state)
{
	__u64 *count = bpf_map_lookup_elem(&dropped_in, &state);

	if (count)
		*count += 1;
	return XDP_DROP;
}

SEC("xdp")
int conntrack(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct connection fresh = {}, *known;
	struct tuple key = {};
	struct tcphdr *tcp;
	struct ports *ports;
	__u64 now;
	__u32 state;
	int outbound;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->ihl != 5 || ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return drop(NEW);
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	ports = (void *)(ip + 1);
	if ((void *)(ports + 1) > end)
		return drop(NEW);
	outbound = (bpf_ntohl(ip->saddr) & INSIDE_MASK) == INSIDE_PREFIX;
	key.inside = outbound ? ip->saddr : ip->daddr;
	key.outside = outbound ? ip->daddr : ip->saddr;
	key.inside_port = outbound ? ports->source : ports->dest;
	key.outside_port = outbound ? ports->dest : ports->source;
	key.protocol = ip->protocol;

	now = bpf_ktime_get_ns();
	known = bpf_map_lookup_elem(&connections, &key);
	if (known) {
		state = known->state;
		if (state >= STATES)
			return XDP_ABORTED;
		if (now - known->last_seen > idle_ns[state]) {
			bpf_map_delete_elem(&connections, &key);
			known = 0;
		}
	}
	state = known ? known->state : NEW;
	if (ip->protocol == IPPROTO_UDP) {
		if (!known && !outbound)
			return drop(NEW);
		state = outbound && state == NEW ? SYN_SENT : ESTABLISHED;
	} else {
		tcp = (void *)(ip + 1);
		if ((void *)(tcp + 1) > end)
			return drop(state);
		state = next_state(state, tcp, outbound);
		if (state == NEW || (!known && !outbound))
			return drop(state);
		fresh.flags_seen = ((__u8 *)tcp)[13];
	}
	if (!known) {
		fresh.last_seen = now;
		fresh.state = state;
		fresh.packets[!outbound] = 1;
		bpf_map_update_elem(&connections, &key, &fresh, BPF_NOEXIST);
		return XDP_PASS;
	}
	known->last_seen = now;
	known->state = state;
	known->flags_seen |= fresh.flags_seen;
	if (outbound)
		known->packets[0]++;
	else
		known->packets[1]++;
	return state == CLOSED ? drop(CLOSED) : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
