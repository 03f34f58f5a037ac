// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Firewall over exact flows of IPv4: a rule table, a default action that the
// loader sets, and a counter for each rule and each action.
#include "net.h"

struct flow {
	__be32 source;
	__be32 dest;
	struct ports ports;
	__u8 protocol;
	__u8 pad[3];
};

struct rule {
	__u32 action;
	__u32 id;
};

struct tally {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct flow);
	__type(value, struct rule);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct tally);
} by_rule SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 5);
	__type(key, __u32);
	__type(value, struct tally);
} by_action SEC(".maps");

const volatile __u32 default_action = XDP_DROP;
const volatile __u8 pass_established = 1;

static __always_inline void account(void *map, __u32 index, __u64 bytes)
{
	struct tally *tally = bpf_map_lookup_elem(map, &index);

	if (!tally)
		return;
	tally->packets++;
	tally->bytes += bytes;
}

static __always_inline int done(__u32 action, __u64 bytes)
{
	account(&by_action, action, bytes);
	return action;
}

SEC("xdp")
int fw_5tuple(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u64 bytes = end - (void *)eth;
	struct iphdr *ip = (void *)(eth + 1);
	struct flow flow = {};
	struct rule *rule;
	void *l4;

	if ((void *)(ip + 1) > end)
		return done(XDP_DROP, bytes);
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return done(XDP_PASS, bytes);
	if (ip->ihl < 5)
		return done(XDP_ABORTED, bytes);
	flow.source = ip->saddr;
	flow.dest = ip->daddr;
	flow.protocol = ip->protocol;
	l4 = (void *)ip + ip->ihl * 4;
	if (!(ip->frag_off & bpf_htons(IP_OFFSET)) &&
	    (ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP)) {
		struct ports *ports = l4;

		if ((void *)(ports + 1) > end)
			return done(XDP_DROP, bytes);
		flow.ports = *ports;
		if (pass_established && ip->protocol == IPPROTO_TCP) {
			struct tcphdr *tcp = l4;

			if ((void *)(tcp + 1) <= end && tcp->ack && !tcp->syn)
				return done(XDP_PASS, bytes);
		}
	}
	rule = bpf_map_lookup_elem(&rules, &flow);
	if (!rule) {
		/* Second try: any source port. */
		flow.ports.source = 0;
		rule = bpf_map_lookup_elem(&rules, &flow);
	}
	if (!rule)
		return done(default_action, bytes);
	account(&by_rule, rule->id & 63, bytes);
	return done(rule->action > XDP_REDIRECT ? XDP_ABORTED : rule->action, bytes);
}

char _license[] SEC("license") = "Dual MIT/GPL";
