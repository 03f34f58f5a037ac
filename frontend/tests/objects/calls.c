// Calls: a static function in .text, a global one, one behind another, and a callback's address.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __noinline int leaf(int a)
{
	return a * 3 + 1;
}

static __noinline int middle(int a)
{
	return leaf(a) ^ leaf(a + 1);
}

__noinline int shared(int a)
{
	return middle(a) + 7;
}

static long callback(__u64 index, void *ctx)
{
	*(int *)ctx += leaf(index);
	return 0;
}

SEC("other") int unused(void *ctx)
{
	return shared(9);
}

SEC("xdp")
int calls(struct xdp_md *ctx)
{
	int sum = leaf(ctx->rx_queue_index) + shared(ctx->ingress_ifindex);

	bpf_loop(4, callback, &sum, 0);
	return sum & 1 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
