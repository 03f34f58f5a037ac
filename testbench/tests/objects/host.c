// Asks the host for a route, but only for packets whose first byte is even, and counts them all.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

SEC("xdp")
int host(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bpf_fib_lookup route = { .family = 2, .ifindex = 1 };

	if (data + 14 > end)
		return XDP_ABORTED;
	__u32 odd = *(__u8 *)data & 1;
	__u64 *n = bpf_map_lookup_elem(&seen, &odd);
	if (n)
		*n += 1;
	if (odd)
		return XDP_TX;
	return bpf_fib_lookup(ctx, &route, sizeof(route), 0) ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
