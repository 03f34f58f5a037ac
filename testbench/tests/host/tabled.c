// Maps whose keys packets change, so that their tables place keys by themselves: the first byte of a packet says whether it
// takes its key out or puts it in, and the packet carries away what it found.
#include <linux/bpf.h>

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int(*name)[val]
#define __type(name, val) typeof(val) *name

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value, __u64 flags) = (void *)2;
static long (*bpf_map_delete_elem)(void *map, const void *key) = (void *)3;

struct session {
	__u64 packets;
	__u32 first;
	__u32 last;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 20);
	__type(key, __u32);
	__type(value, struct session);
} sessions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8);
	__type(key, __u64);
	__type(value, __u32);
} recent SEC(".maps");

struct packet {
	__u8 op;
	__u8 rest[3];
	__u32 key;
	__u64 other;
	__u64 seen;
	__u32 found;
};

SEC("xdp")
int tabled(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet *p = data;
	if (data + sizeof(*p) > end)
		return XDP_ABORTED;
	__u64 other = p->other;
	__u32 mark = p->key;
	__u32 *recently = bpf_map_lookup_elem(&recent, &other);
	if (recently)
		p->found = *recently;
	else
		bpf_map_update_elem(&recent, &other, &mark, BPF_ANY);
	__u32 key = p->key;
	if (p->op & 1) {
		bpf_map_delete_elem(&sessions, &key);
		return XDP_PASS;
	}
	struct session *s = bpf_map_lookup_elem(&sessions, &key);
	if (s) {
		p->seen = s->packets;
		s->packets += 1;
		s->last = mark;
		return XDP_TX;
	}
	struct session fresh = { .packets = 1, .first = mark };
	if (bpf_map_update_elem(&sessions, &key, &fresh, BPF_NOEXIST))
		return XDP_DROP;
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
