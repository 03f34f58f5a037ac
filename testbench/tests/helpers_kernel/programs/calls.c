/* Tail calls, callbacks, iterators, timers. */
#include "args.h"

struct bpf_map;

/* Newer than the installed headers. */
struct bpf_iter_num {
	__u64 opaque[1];
} __attribute__((aligned(8)));

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, int);
	__type(value, int);
} programs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 5);
	__type(key, int);
	__type(value, long);
} numbers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, long);
	__type(value, long);
} table SEC(".maps");

/* Goes to the program that the first argument names; counts. */
SEC("xdp")
int first(struct xdp_md *ctx)
{
	PACKET(p, ctx);
	p->result[0]++;
	bpf_tail_call(ctx, &programs, p->arg[0]);
	p->result[1]++;
	return XDP_PASS;
}

SEC("xdp")
int second(struct xdp_md *ctx)
{
	PACKET(p, ctx);
	p->result[2]++;
	p->arg[0] = p->arg[1];
	bpf_tail_call(ctx, &programs, p->arg[0]);
	p->result[3]++;
	return XDP_TX;
}

static __noinline int inner(struct xdp_md *ctx, long index)
{
	volatile long here = 7;
	bpf_tail_call(ctx, &programs, index);
	return here;
}

/* A tail call from a function returns to the function's caller. */
SEC("xdp")
int third(struct xdp_md *ctx)
{
	long kept, index;
	{
		PACKET(p, ctx);
		p->result[4]++;
		kept = p->arg[2];
		index = p->arg[3];
	}
	int code = inner(ctx, index);
	PACKET(p, ctx);
	p->result[5] += code;
	p->result[6] += kept;
	return XDP_DROP;
}

struct state {
	long sum, stop;
};

static long add(__u32 i, struct state *s)
{
	s->sum += i;
	return i == s->stop;
}

SEC("xdp")
int loop(struct xdp_md *ctx)
{
	PACKET(p, ctx);
	struct state s = { .stop = p->arg[2] };
	p->result[0] = bpf_loop(p->arg[0], add, &s, p->arg[1]);
	p->result[1] = s.sum;
	return XDP_PASS;
}

static long nested_inner(__u32 i, struct state *s)
{
	s->sum += i;
	return 0;
}

static long nested_outer(__u32 i, struct state *s)
{
	s->sum += bpf_loop(i & 7, nested_inner, s, 0);
	return s->sum > s->stop;
}

SEC("xdp")
int nested(struct xdp_md *ctx)
{
	PACKET(p, ctx);
	struct state s = { .stop = p->arg[2] & 1023 };
	p->result[0] = bpf_loop(p->arg[0] & 63, nested_outer, &s, 0);
	p->result[1] = s.sum;
	return XDP_PASS;
}

static long each_number(struct bpf_map *map, __u32 *key, long *value, struct state *s)
{
	s->sum = s->sum * 31 + *key + *value;
	*value += 1;
	return *key == s->stop;
}

static long each_entry(struct bpf_map *map, long *key, long *value, struct state *s)
{
	s->sum += *key * 3 + *value;
	*value += *key;
	return 0;
}

SEC("xdp")
int each(struct xdp_md *ctx)
{
	PACKET(p, ctx);
	struct state s = { .stop = p->arg[2] };
	p->result[0] = bpf_for_each_map_elem(&numbers, each_number, &s, p->arg[1]);
	p->result[1] = s.sum;
	s.sum = 0;
	p->result[2] = bpf_for_each_map_elem(&table, each_entry, &s, p->arg[1]);
	p->result[3] = s.sum;
	long key = p->arg[3] & 15;
	if (p->arg[4] & 1)
		bpf_map_update_elem(&table, &key, &key, 0);
	else
		bpf_map_delete_elem(&table, &key);
	return XDP_PASS;
}

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym __weak;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym __weak;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym __weak;

SEC("xdp")
int iterate(struct xdp_md *ctx)
{
	PACKET(p, ctx);
	int start = p->arg[0], end = p->arg[1];
	long sum = 0, rounds = 0;
	struct bpf_iter_num it;
	int *next;
	p->result[0] = bpf_iter_num_new(&it, start, end);
	while ((next = bpf_iter_num_next(&it)) && rounds < 40) {
		sum = sum * 3 + *next;
		rounds++;
	}
	bpf_iter_num_destroy(&it);
	p->result[1] = sum;
	p->result[2] = rounds;
	return XDP_PASS;
}

struct element {
	struct bpf_timer timer;
	long calls;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, struct element);
} timers SEC(".maps");

static int fired(void *map, int *key, struct element *e)
{
	e->calls++;
	return 0;
}

/* One operation on a timer that never fires. */
SEC("xdp")
int timer(struct xdp_md *ctx)
{
	PACKET(p, ctx);
	int key = p->arg[0] & 1;
	struct element *e = bpf_map_lookup_elem(&timers, &key);
	if (!e)
		return XDP_ABORTED;
	switch (p->arg[1] & 3) {
	case 0:
		p->result[0] = bpf_timer_init(&e->timer, &timers, p->arg[2]);
		break;
	case 1:
		p->result[0] = bpf_timer_set_callback(&e->timer, fired);
		break;
	case 2:
		p->result[0] = bpf_timer_start(&e->timer, 3600000000000, p->arg[2] & ~1L);
		break;
	default:
		p->result[0] = bpf_timer_cancel(&e->timer);
	}
	return XDP_PASS;
}
