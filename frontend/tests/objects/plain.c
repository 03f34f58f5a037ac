// One XDP program with two BTF-defined maps: the ordinary case.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

struct flow {
	__u32 src, dst;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow);
	__type(value, __u64);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__uint(map_flags, BPF_F_RDONLY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 16);
} counters SEC(".maps");

SEC("xdp")
int plain(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u32 zero = 0;
	struct flow key = {};

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	key.src = eth->h_source[5];
	__u64 *seen = bpf_map_lookup_elem(&flows, &key);
	if (seen)
		__sync_fetch_and_add(seen, 1);
	__u64 *count = bpf_map_lookup_elem(&counters, &zero);
	if (count)
		*count += 1;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
