// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Tenants by VLAN: each has its own policy table (hash of maps) and its own
// counters (array of maps), in inner maps that the host can exchange.
#include "net.h"

struct policy_key {
	__be32 address;
	__be16 port;
	__u16 protocol;
};

struct inner_policy {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__uint(key_size, sizeof(struct policy_key));
	__uint(value_size, sizeof(__u32));
} policy_a SEC(".maps"), policy_b SEC(".maps");

struct inner_counters {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} counters_a SEC(".maps"), counters_b SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 32);
	__type(key, __u16);
	__array(values, struct inner_policy);
} policies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 16);
	__type(key, __u32);
	__array(values, struct inner_counters);
} tallies SEC(".maps") = {
	.values = { [1] = &counters_a, [10] = &counters_b },
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} strangers SEC(".maps");

enum { SEEN, DENIED, ALLOWED, LEARNED };

static __always_inline void bump(void *map, __u32 index)
{
	__u64 *n = bpf_map_lookup_elem(map, &index);

	if (n)
		__sync_fetch_and_add(n, 1);
}

SEC("xdp")
int tenants(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct vlan_hdr *tag = data + sizeof(*eth);
	struct iphdr *ip = (void *)(tag + 1);
	struct policy_key key = {};
	void *policy, *tally;
	__u32 slot, *action;
	__u16 tenant;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_8021Q) ||
	    tag->proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	tenant = bpf_ntohs(tag->tci) & 0xfff;
	slot = tenant;
	tally = bpf_map_lookup_elem(&tallies, &slot);
	if (tally)
		bump(tally, SEEN);
	policy = bpf_map_lookup_elem(&policies, &tenant);
	if (!policy) {
		bump(&strangers, tally ? 1 : 0);
		return XDP_DROP;
	}
	key.address = ip->daddr;
	key.protocol = ip->protocol;
	if (ip->ihl == 5 && (ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP)) {
		struct ports *ports = (void *)(ip + 1);

		if ((void *)(ports + 1) > end)
			return XDP_DROP;
		key.port = ports->dest;
	}
	action = bpf_map_lookup_elem(policy, &key);
	if (!action) {
		__u32 learned = XDP_PASS;

		/* Flows to high ports are learned, the others denied. */
		if (bpf_ntohs(key.port) < 1024 || bpf_map_update_elem(policy, &key, &learned, BPF_NOEXIST)) {
			if (tally)
				bump(tally, DENIED);
			return XDP_DROP;
		}
		if (tally)
			bump(tally, LEARNED);
		return XDP_PASS;
	}
	if (tally)
		bump(tally, *action == XDP_PASS ? ALLOWED : DENIED);
	if (*action == XDP_TX)
		bpf_map_delete_elem(policy, &key);
	return *action & 3;
}

char _license[] SEC("license") = "GPL";
