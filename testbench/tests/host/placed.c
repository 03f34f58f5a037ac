// Maps whose keys only the host changes, under traffic that changes their values: what a packet carries away tells what
// it found, so that a change of the host's in the wrong place is seen in the packets behind it.
#include <linux/bpf.h>

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int(*name)[val]
#define __type(name, val) typeof(val) *name

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_redirect_map)(void *map, __u64 key, __u64 flags) = (void *)51;

struct flow {
	__u32 address;
	__u16 port;
	__u16 zero;
};

struct rule {
	__u32 action : 3;
	__u32 mark : 13;
	__u16 class;
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 24);
	__type(key, struct flow);
	__type(value, struct rule);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64[3]);
} classes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 6);
	__uint(key_size, 4);
	__uint(value_size, 4);
} ports SEC(".maps");

struct packet {
	struct flow flow;
	__u32 port;
	__u32 class;
	__u64 seen;
	__u64 bytes;
	__u64 of_class;
};

SEC("xdp")
int placed(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet *p = data;
	if (data + sizeof(*p) > end)
		return XDP_ABORTED;
	__u32 class = p->class;
	__u64 *tally = bpf_map_lookup_elem(&classes, &class);
	if (tally) {
		p->of_class = tally[1];
		tally[1] += end - data;
		tally[2] = tally[2] * 2 + p->class;
	}
	struct rule *rule = bpf_map_lookup_elem(&rules, &p->flow);
	if (!rule)
		return bpf_redirect_map(&ports, p->port, XDP_PASS);
	p->seen = rule->packets;
	p->bytes = rule->bytes;
	p->class = rule->class;
	rule->packets += 1;
	rule->bytes += end - data;
	return rule->action;
}

char _license[] SEC("license") = "GPL";
