// Static maps, which instructions and initialisers may name by section and place in it.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
};

static struct inner a SEC(".maps"), b SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = { [3] = &b, [4] = &a },
};

SEC("xdp") int static_maps(struct xdp_md *ctx)
{
	__u32 key = 0;

	if (bpf_map_lookup_elem(&b, &key))
		return XDP_DROP;
	return bpf_map_lookup_elem(&outer, &key) ? XDP_PASS : XDP_TX;
}
