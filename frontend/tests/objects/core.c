// CO-RE relocations: against wire formats (fixed by standards), against a kernel structure, and about types.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct ethhdr {
	unsigned char h_dest[6], h_source[6];
	__be16 h_proto;
};
struct net_device {
	int ifindex;
};
#pragma clang attribute pop

SEC("xdp") int wire(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	return eth->h_proto == 8 ? XDP_PASS : XDP_DROP;
}

SEC("xdp") int kernel(struct xdp_md *ctx)
{
	struct net_device *dev = (void *)(long)ctx->data;

	if ((void *)(dev + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	return dev->ifindex;
}

SEC("xdp") int local_type(struct xdp_md *ctx)
{
	return bpf_core_type_id_local(struct ethhdr) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
