// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Block list of prefixes for both address families. An entry names a list; each
// list has a hit counter and can be switched to count without dropping.
#include "net.h"

#define LISTS 16

struct prefix4 {
	__u32 length;
	__u8 address[4];
};

struct prefix6 {
	__u32 length;
	struct in6_addr address;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 10000);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix4);
	__type(value, __u32);
} blocked4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 10000);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix6);
	__type(value, __u32);
} blocked6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LISTS);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LISTS);
	__type(key, __u32);
	__type(value, __u8);
} monitor_only SEC(".maps");

static __always_inline int verdict(const __u32 *list)
{
	__u32 index;
	__u64 *count;
	__u8 *monitor;

	if (!list)
		return XDP_PASS;
	index = *list % LISTS;
	count = bpf_map_lookup_elem(&hits, &index);
	if (count)
		(*count)++;
	monitor = bpf_map_lookup_elem(&monitor_only, &index);
	return monitor && *monitor ? XDP_PASS : XDP_DROP;
}

SEC("xdp/blocklist")
int blocklist_lpm(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u64 at = sizeof(*eth);
	__be16 proto;

	if (data + at > end)
		return XDP_PASS;
	proto = eth->h_proto;
	for (int i = 0; i < 2; i++) {
		struct vlan_hdr *tag = data + at;

		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(tag + 1) > end)
			return XDP_PASS;
		proto = tag->proto;
		at += sizeof(*tag);
	}
	if (proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data + at;
		struct prefix4 key = { .length = 32 };
		int action;

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		__builtin_memcpy(key.address, &ip->saddr, 4);
		action = verdict(bpf_map_lookup_elem(&blocked4, &key));
		if (action != XDP_PASS)
			return action;
		__builtin_memcpy(key.address, &ip->daddr, 4);
		return verdict(bpf_map_lookup_elem(&blocked4, &key));
	}
	if (proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = data + at;
		struct prefix6 key = { .length = 128 };

		if ((void *)(ip6 + 1) > end)
			return XDP_PASS;
		key.address = ip6->saddr;
		return verdict(bpf_map_lookup_elem(&blocked6, &key));
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
