// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Traffic statistics: packets and bytes per IP protocol, per class of frame, and
// a histogram of frame lengths. Every packet passes. Nothing to fill in.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct counter {
	__u64 packets;
	__u64 bytes;
};

enum class {
	IPV4,
	IPV6,
	ARP,
	OTHER,
	TRUNCATED,
	CLASSES,
};

enum size {
	UP_TO_64,
	UP_TO_128,
	UP_TO_512,
	UP_TO_1518,
	JUMBO,
	SIZES,
};

/* One counter per value of the IPv4 protocol or IPv6 next-header field. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct counter);
} protocols SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CLASSES);
	__type(key, __u32);
	__type(value, struct counter);
} classes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SIZES);
	__type(key, __u32);
	__type(value, __u32);
} sizes SEC(".maps");

static __always_inline void count_protocol(__u32 protocol, __u64 length)
{
	struct counter *counter = bpf_map_lookup_elem(&protocols, &protocol);

	/* Shared by all CPUs, hence atomic. */
	if (counter) {
		__sync_fetch_and_add(&counter->packets, 1);
		__sync_fetch_and_add(&counter->bytes, length);
	}
}

static __always_inline void count_class(__u32 class, __u64 length)
{
	struct counter *counter = bpf_map_lookup_elem(&classes, &class);

	/* One instance per CPU: plain additions do. */
	if (counter) {
		counter->packets++;
		counter->bytes += length;
	}
}

static __always_inline void count_size(__u64 length)
{
	__u32 size = JUMBO;
	__u32 *packets;

	if (length <= 64)
		size = UP_TO_64;
	else if (length <= 128)
		size = UP_TO_128;
	else if (length <= 512)
		size = UP_TO_512;
	else if (length <= 1518)
		size = UP_TO_1518;
	packets = bpf_map_lookup_elem(&sizes, &size);
	if (packets)
		(*packets)++;
}

static __always_inline enum class classify(void *data, void *data_end, __u64 length)
{
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > data_end)
		return TRUNCATED;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > data_end)
			return TRUNCATED;
		count_protocol(ip->protocol, length);
		return IPV4;
	}
	if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > data_end)
			return TRUNCATED;
		count_protocol(ip->nexthdr, length);
		return IPV6;
	}
	return eth->h_proto == bpf_htons(ETH_P_ARP) ? ARP : OTHER;
}

SEC("xdp")
int proto_counters(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u64 length = data_end - data;

	count_class(classify(data, data_end, length), length);
	count_size(length);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
