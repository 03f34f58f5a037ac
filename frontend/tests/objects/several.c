// Several programs: three for XDP (two in one section), one for another hook.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp") int first(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp") int second(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp.frags") int third(struct xdp_md *ctx)
{
	return XDP_TX;
}

SEC("tc") int shaper(struct __sk_buff *skb)
{
	return 0;
}
