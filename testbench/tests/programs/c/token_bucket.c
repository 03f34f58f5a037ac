// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Rate limit for each source address: a token bucket under a spin lock, refilled
// by the time that has passed.
#include "net.h"

struct bucket {
	struct bpf_spin_lock lock;
	__u32 tokens;
	__u64 last_ns;
	__u64 passed;
	__u64 dropped;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, __be32);
	__type(value, struct bucket);
} buckets SEC(".maps");

struct settings {
	__u32 burst;
	__u32 ns_per_token;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settings);
} settings SEC(".maps");

SEC("xdp")
int token_bucket(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct settings *set;
	struct bucket *bucket;
	__u64 now, earned;
	__u32 zero = 0, cost, burst, price;
	__be32 source;
	int action;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	set = bpf_map_lookup_elem(&settings, &zero);
	if (!set || !set->ns_per_token)
		return XDP_PASS;
	burst = set->burst;
	price = set->ns_per_token;
	cost = (bpf_ntohs(ip->tot_len) + 63) / 64;
	source = ip->saddr;
	now = bpf_ktime_get_ns();
	bucket = bpf_map_lookup_elem(&buckets, &source);
	if (!bucket) {
		struct bucket fresh = { .tokens = burst, .last_ns = now };

		bpf_map_update_elem(&buckets, &source, &fresh, BPF_NOEXIST);
		bucket = bpf_map_lookup_elem(&buckets, &source);
		if (!bucket)
			return XDP_DROP;
	}
	bpf_spin_lock(&bucket->lock);
	earned = (now - bucket->last_ns) / price;
	if (earned) {
		bucket->last_ns += earned * price;
		earned += bucket->tokens;
		bucket->tokens = earned > burst ? burst : earned;
	}
	if (bucket->tokens >= cost) {
		bucket->tokens -= cost;
		bucket->passed++;
		action = XDP_PASS;
	} else {
		bucket->dropped++;
		action = XDP_DROP;
	}
	bpf_spin_unlock(&bucket->lock);
	return action;
}

char _license[] SEC("license") = "GPL";
