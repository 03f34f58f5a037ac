// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Heavy hitters: a count-min sketch (Cormode and Muthukrishnan, 2005) counts the
// packets of each pair of IPv4 addresses in a few kilobytes. A pair whose estimate
// reaches the threshold gets an entry of its own, which the host reads.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ROWS 4
#define COLUMNS 1024
#define THRESHOLD 12

struct pair {
	__be32 source;
	__be32 dest;
};

struct hitter {
	__u64 seen;  /* ns */
	__u64 bytes; /* since it is one */
	__u32 packets;
	__u32 estimate;
};

/* Row r has the indices from r * COLUMNS on. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ROWS * COLUMNS);
	__type(key, __u32);
	__type(value, __u32);
} sketch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct pair);
	__type(value, struct hitter);
} hitters SEC(".maps");

/* Odd numbers for multiplicative hashing, two for each row. */
static const __u32 factors[ROWS][2] = {
	{ 0x9e3779b1, 0x85ebca77 },
	{ 0xc2b2ae3d, 0x27d4eb2f },
	{ 0x165667b1, 0xd3a2646d },
	{ 0xfd7046c5, 0xb55a4f09 },
};

/* Counts the pair in every row; the smallest count is the estimate. */
static __always_inline __u32 add_to_sketch(const struct pair *pair)
{
	__u32 estimate = 0xffffffff;

#pragma unroll
	for (int row = 0; row < ROWS; row++) {
		__u32 hash = pair->source * factors[row][0] + pair->dest * factors[row][1];
		__u32 index = row * COLUMNS + ((hash ^ hash >> 15) >> 8 & (COLUMNS - 1));
		__u32 *cell = bpf_map_lookup_elem(&sketch, &index);

		if (!cell)
			continue;
		*cell += 1;
		if (*cell < estimate)
			estimate = *cell;
	}
	return estimate;
}

SEC("xdp")
int heavy_hitter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u64 length = data_end - data;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct hitter *hitter;
	struct pair pair;
	__u32 estimate;
	__u64 now;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	pair.source = ip->saddr;
	pair.dest = ip->daddr;
	estimate = add_to_sketch(&pair);
	if (estimate < THRESHOLD)
		return XDP_PASS;

	now = bpf_ktime_get_ns();
	hitter = bpf_map_lookup_elem(&hitters, &pair);
	if (hitter) {
		hitter->seen = now;
		hitter->bytes += length;
		hitter->packets++;
		hitter->estimate = estimate;
	} else {
		struct hitter fresh = {
			.seen = now,
			.bytes = length,
			.packets = 1,
			.estimate = estimate,
		};

		bpf_map_update_elem(&hitters, &pair, &fresh, BPF_NOEXIST);
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
