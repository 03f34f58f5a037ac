// Every way to say what a BTF-defined map is: types, sizes, pinning, inner maps, initialisers.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} inner_a SEC(".maps"), inner_b SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = { [1] = &inner_a, [5] = &inner_b },
};

int target(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} jumps SEC(".maps") = {
	.values = { [2] = (void *)&target },
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ring SEC(".maps");

struct lpm_key {
	__u32 bits;
	__u8 addr[4];
};

typedef struct lpm_key lpm_key_t;

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, const volatile lpm_key_t);
	__type(value, __u16[3]);
	__uint(max_entries, 100);
} routes SEC(".maps");

// Not for XDP; it may stand beside maps that are.
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, int);
} sockets SEC(".maps");

SEC("xdp/tail") int target(struct xdp_md *ctx)
{
	return XDP_TX;
}

SEC("xdp") int maps(struct xdp_md *ctx)
{
	__u32 key = 1;
	void *in = bpf_map_lookup_elem(&outer, &key);

	if (in && bpf_map_lookup_elem(in, &key))
		return XDP_DROP;
	bpf_tail_call(ctx, &jumps, 2);
	return XDP_PASS;
}

SEC("xdp") int uses_sockets(struct xdp_md *ctx)
{
	return bpf_map_lookup_elem(&sockets, ctx) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
