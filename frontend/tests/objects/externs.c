// Symbols that a file cannot have: a kernel function, a weak kernel variable, a function of another object.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, __u64 *timestamp) __ksym;
extern const int bpf_jiffies __ksym __weak;
extern int elsewhere(int);

SEC("xdp") int kfunc(struct xdp_md *ctx)
{
	__u64 when;

	if (&bpf_jiffies)
		return XDP_ABORTED;
	return bpf_xdp_metadata_rx_timestamp(ctx, &when) ? XDP_DROP : XDP_PASS;
}

SEC("xdp") int undefined(struct xdp_md *ctx)
{
	return elsewhere(1);
}

char _license[] SEC("license") = "GPL";
