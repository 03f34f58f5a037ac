// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Token bucket for each IPv4 source: a source may send `burst` bytes at once and
// `rate` bytes per time unit after that; what is above is dropped. The host sets
// the limits. Buckets are made when a source is first seen, and the source that
// was silent longest gives way when there are too many.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Credit counts parts of a byte, so that refilling takes no division: a unit of
 * time is 2^20 ns (about a millisecond), a unit of credit 2^-20 bytes. */
#define CREDIT_SHIFT 20
#define LONGEST_IDLE (1ULL << 30) /* ns; a bucket is full after that */

struct limit {
	__u32 rate;  /* bytes per 2^20 ns; 0: no limit */
	__u32 burst; /* bytes */
};

struct bucket {
	__u64 credit; /* as of `filled` */
	__u64 filled; /* ns */
};

enum outcome {
	CONFORMING,
	EXCEEDING,
	UNLIMITED, /* no limit is set, or not IPv4 */
	OUTCOMES,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct limit);
} limits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __be32); /* source address */
	__type(value, struct bucket);
} buckets SEC(".maps");

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

/* Refills the bucket and takes `cost` out of it, if it has as much. */
static __always_inline int take(struct bucket *bucket, __u32 rate, __u64 full, __u64 cost,
				__u64 now)
{
	__u64 elapsed = now - bucket->filled;
	__u64 credit;
	int conforming;

	if (elapsed > LONGEST_IDLE)
		elapsed = LONGEST_IDLE;
	credit = bucket->credit + elapsed * rate;
	if (credit > full)
		credit = full;
	conforming = credit >= cost;
	if (conforming)
		credit -= cost;
	bucket->credit = credit;
	bucket->filled = now;
	return conforming;
}

SEC("xdp")
int rate_limiter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct bucket *bucket, fresh;
	struct limit *limit;
	__u32 zero = 0;
	__u64 cost, full, now;
	__be32 source;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return count(UNLIMITED, XDP_PASS);
	limit = bpf_map_lookup_elem(&limits, &zero);
	if (!limit || limit->rate == 0)
		return count(UNLIMITED, XDP_PASS);

	now = bpf_ktime_get_ns();
	cost = (__u64)(data_end - data) << CREDIT_SHIFT;
	full = (__u64)limit->burst << CREDIT_SHIFT;
	source = ip->saddr;
	bucket = bpf_map_lookup_elem(&buckets, &source);
	if (bucket) {
		if (take(bucket, limit->rate, full, cost, now))
			return count(CONFORMING, XDP_PASS);
		return count(EXCEEDING, XDP_DROP);
	}

	if (full < cost)
		return count(EXCEEDING, XDP_DROP);
	fresh.credit = full - cost;
	fresh.filled = now;
	bpf_map_update_elem(&buckets, &source, &fresh, BPF_ANY);
	return count(CONFORMING, XDP_PASS);
}

char _license[] SEC("license") = "Dual MIT/GPL";
