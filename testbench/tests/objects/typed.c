// What Linux takes only with types: a callback, a lock and a timer in map values, a global function.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct locked {
	struct bpf_spin_lock lock;
	__u64 sum;
};

struct timed {
	struct bpf_timer timer;
	__u64 fired;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct locked);
} sums SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct timed);
} timers SEC(".maps");

__u64 total = 5;

__attribute__((noinline)) int scaled(int x)
{
	return x * 3 + total;
}

static long add(__u32 i, void *sum)
{
	*(__u64 *)sum += i;
	return 0;
}

static int expired(void *map, int *key, struct timed *value)
{
	value->fired++;
	return 0;
}

SEC("xdp")
int typed(struct xdp_md *ctx)
{
	__u64 sum = 0;
	__u32 one = 1, zero = 0;

	bpf_loop(10, add, &sum, 0);
	struct locked *l = bpf_map_lookup_elem(&sums, &one);
	if (l) {
		bpf_spin_lock(&l->lock);
		l->sum += sum;
		bpf_spin_unlock(&l->lock);
	}
	struct timed *t = bpf_map_lookup_elem(&timers, &zero);
	if (t) {
		bpf_timer_init(&t->timer, &timers, 1);
		bpf_timer_set_callback(&t->timer, expired);
	}
	total += scaled(ctx->ingress_ifindex);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
