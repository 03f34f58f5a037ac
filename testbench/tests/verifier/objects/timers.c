/* Timers. Programs whose names begin with ok_ are safe, the others are not. */
#include "cases.h"

struct timed {
	__u64 a;
	struct bpf_timer t;
	__u64 b;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct timed);
} tm SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct timed);
} ta SEC(".maps");

static int cb_periodic(void *map, __u32 *key, struct timed *v) {
	v->a++;
	bpf_timer_start(&v->t, 1000, 0);
	return 0;
}

SEC("xdp")
int ok_periodic(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct timed *v=bpf_map_lookup_elem(&tm, &k);
	if (!v) return 0;
	bpf_timer_init(&v->t, &tm, 1);
	bpf_timer_set_callback(&v->t, cb_periodic);
	bpf_timer_start(&v->t, 100, 0);
	bpf_timer_cancel(&v->t);
	return 2;
}

static int cb_other_map(void *map, __u32 *key, struct timed *v) {
	v->a++;
	bpf_timer_start(&v->t, 1000, 0);
	return 0;
}

SEC("xdp")
int no_other_map(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct timed *v=bpf_map_lookup_elem(&tm, &k);
	if (!v) return 0;
	bpf_timer_init(&v->t, &ta, 1);
	return 2;
}

static int cb_not_the_timer(void *map, __u32 *key, struct timed *v) {
	v->a++;
	bpf_timer_start(&v->t, 1000, 0);
	return 0;
}

SEC("xdp")
int no_not_the_timer(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct timed *v=bpf_map_lookup_elem(&tm, &k);
	if (!v) return 0;
	bpf_timer_init((void*)&v->b, &tm, 1);
	return 2;
}

static int cb_callback_returns_one(void *map, __u32 *key, struct timed *v) {
	return 1;
}

SEC("xdp")
int no_callback_returns_one(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct timed *v=bpf_map_lookup_elem(&tm, &k);
	if (!v) return 0;
	bpf_timer_set_callback(&v->t, cb_callback_returns_one);
	return 2;
}

static int cb_callback_past_value(void *map, __u32 *key, struct timed *v) {
	return v[1].a;
}

SEC("xdp")
int no_callback_past_value(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct timed *v=bpf_map_lookup_elem(&tm, &k);
	if (!v) return 0;
	bpf_timer_set_callback(&v->t, cb_callback_past_value);
	return 2;
}

SEC("xdp")
int no_timer_written(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct timed *v=bpf_map_lookup_elem(&tm, &k);
	if (!v) return 0;
	*(volatile __u64*)&v->t = 0;
	return 2;
}

static int cb_callback_deletes(void *map, __u32 *key, struct timed *v) {
	bpf_map_delete_elem(map, key);
	return 0;
}

SEC("xdp")
int ok_callback_deletes(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct timed *v=bpf_map_lookup_elem(&tm, &k);
	if (!v) return 0;
	bpf_timer_set_callback(&v->t, cb_callback_deletes);
	return 2;
}

static int cb_callback_sets_itself(void *map, __u32 *key, struct timed *v);

static int cb_callback_sets_itself(void *map, __u32 *key, struct timed *v) {
	bpf_timer_set_callback(&v->t, cb_callback_sets_itself);
	return 0;
}

SEC("xdp")
int ok_callback_sets_itself(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct timed *v=bpf_map_lookup_elem(&tm, &k);
	if (!v) return 0;
	bpf_timer_set_callback(&v->t, cb_callback_sets_itself);
	return 2;
}

static int cb_callback_writes_key(void *map, __u32 *key, struct timed *v) {
	*key=1;
	return 0;
}

SEC("xdp")
int no_callback_writes_key(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct timed *v=bpf_map_lookup_elem(&tm, &k);
	if (!v) return 0;
	bpf_timer_set_callback(&v->t, cb_callback_writes_key);
	return 2;
}

static int cb_stacks_are_separate(void *map, __u32 *key, struct timed *v) {
	char b[400];
	bpf_probe_read_kernel(b, 400, v);
	v->a=b[v->a&0xff];
	return 0;
}

SEC("xdp")
int ok_stacks_are_separate(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct timed *v=bpf_map_lookup_elem(&tm, &k);
	if (!v) return 0;
	char b[300];
	bpf_probe_read_kernel(b, 300, v);
	bpf_timer_set_callback(&v->t, cb_stacks_are_separate);
	v->a=b[7];
	return 2;
}
