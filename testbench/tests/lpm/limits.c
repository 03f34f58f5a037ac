// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Lookups that do not ask for the whole address: how many bits may match comes from the packet, and is at times too many. Two
// lookups for each packet in one map, and one in a map with keys of an odd size.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct prefix4 {
	__u32 length;
	__be32 address;
};

// Protocol, then address: 40 bits.
struct service {
	__u32 length;
	__u8 protocol;
	__u8 address[4];
} __attribute__((packed));

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 100);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix4);
	__type(value, __u8);
} zones SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 20);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct service);
	__type(value, __u8);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

SEC("xdp")
int lpm_limits(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct prefix4 from = {}, to = {};
	struct service service = { .length = 40 };
	__u8 *a, *b, *c;
	__u32 index = 0, from_zone = 256, to_zone = 256;
	__u64 *count;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	from.length = ip->ttl;
	from.address = ip->saddr;
	to.length = ip->tos & 63;
	to.address = ip->daddr;
	service.protocol = ip->protocol;
	__builtin_memcpy(service.address, &ip->daddr, 4);
	a = bpf_map_lookup_elem(&zones, &from);
	b = bpf_map_lookup_elem(&zones, &to);
	c = bpf_map_lookup_elem(&services, &service);
	if (a)
		from_zone = *a;
	if (b)
		to_zone = *b;
	if (c)
		index = *c;
	index = (index + from_zone + 4 * to_zone) & 255;
	count = bpf_map_lookup_elem(&seen, &index);
	if (count)
		__sync_fetch_and_add(count, 1);
	if (from_zone == to_zone)
		return XDP_DROP;
	eth->h_source[5] = index;
	return from_zone + to_zone > 255 ? XDP_TX : XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
