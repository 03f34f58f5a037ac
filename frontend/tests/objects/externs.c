// Symbols that a file cannot have: a kernel function, a weak kernel variable, a function of another object.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, __u64 *timestamp) __ksym;
extern const int bpf_jiffies __ksym __weak;
extern int bpf_no_such_function(int) __ksym __weak;
extern void bpf_xdp_metadata_rx_nothing(void) __ksym __weak;
extern int bpf_xdp_metadata_rx_hash(const struct xdp_md *ctx, __u32 *hash, __u32 *kind) __ksym __weak;
extern int elsewhere(int);

SEC("xdp") int kfunc(struct xdp_md *ctx)
{
	__u64 when;

	if (&bpf_jiffies)
		return XDP_ABORTED;
	return bpf_xdp_metadata_rx_timestamp(ctx, &when) ? XDP_DROP : XDP_PASS;
}

SEC("xdp") int weak_kfuncs(struct xdp_md *ctx)
{
	__u32 hash, kind;

	if (bpf_no_such_function)
		return bpf_no_such_function(1);
	if (bpf_xdp_metadata_rx_hash)
		return bpf_xdp_metadata_rx_hash(ctx, &hash, &kind) ? XDP_DROP : XDP_PASS;
	return XDP_ABORTED;
}

SEC("xdp") int reached(struct xdp_md *ctx)
{
	bpf_xdp_metadata_rx_nothing();
	return XDP_PASS;
}

SEC("xdp") int undefined(struct xdp_md *ctx)
{
	return elsewhere(1);
}

char _license[] SEC("license") = "GPL";
