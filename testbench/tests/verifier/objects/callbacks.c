/* Callbacks of bpf_loop and bpf_for_each_map_elem, and may_goto. Programs whose names begin with ok_ are safe, the others are not. */
#include "cases.h"

struct c_loop_with_counter {
	__u64 sum;
	__u32 i;
};

static long cb_loop_with_counter(__u32 i, struct c_loop_with_counter *c) {
	c->sum += i;
	c->i++;
	return c->i > 5;
}

SEC("xdp")
int ok_loop_with_counter(struct xdp_md *x) {
	struct c_loop_with_counter c = {};
	bpf_loop(100, cb_loop_with_counter, &c, 0);
	return c.sum & 3;
}

struct c_loop_unrolled_to_limit {
	__u64 *v;
	__u32 i;
};

static long cb_loop_unrolled_to_limit(__u32 i, struct c_loop_unrolled_to_limit *c) {
	c->v[c->i] = i;
	c->i++;
	return 0;
}

SEC("xdp")
int ok_loop_unrolled_to_limit(struct xdp_md *x) {
	__u32 k=0;
	struct c_loop_unrolled_to_limit c = {};
	c.v = bpf_map_lookup_elem(&arr, &k);
	if (!c.v) return 0;
	bpf_loop(16, cb_loop_unrolled_to_limit, &c, 0);
	return 2;
}

struct c_loop_past_array {
	__u64 *v;
	__u32 i;
};

static long cb_loop_past_array(__u32 i, struct c_loop_past_array *c) {
	c->v[c->i] = i;
	c->i++;
	return 0;
}

SEC("xdp")
int no_loop_past_array(struct xdp_md *x) {
	__u32 k=0;
	struct c_loop_past_array c = {};
	c.v = bpf_map_lookup_elem(&arr, &k);
	if (!c.v) return 0;
	bpf_loop(17, cb_loop_past_array, &c, 0);
	return 2;
}

struct c_loop_nested {
	__u64 *v;
	__u32 i;
};

static long cb2_loop_nested(__u32 i, struct c_loop_nested *c) {
	if (i < 16) c->v[i] += c->i;
	return 0;
}

static long cb_loop_nested(__u32 i, struct c_loop_nested *c) {
	bpf_loop(i & 7, cb2_loop_nested, c, 0);
	c->i += 2;
	return 0;
}

SEC("xdp")
int ok_loop_nested(struct xdp_md *x) {
	__u32 k=0;
	struct c_loop_nested c = {};
	c.v = bpf_map_lookup_elem(&arr, &k);
	if (!c.v) return 0;
	bpf_loop(1000, cb_loop_nested, &c, 0);
	return 2;
}

static long cb_loop_returns_two(__u32 i, void *c) {
	return 2;
}

SEC("xdp")
int no_loop_returns_two(struct xdp_md *x) {
	bpf_loop(10, cb_loop_returns_two, 0, 0);
	return 2;
}

struct c_each_sums {
	__u64 n;
};

static long cb_each_sums(void *map, __u32 *key, __u64 *val, struct c_each_sums *c) {
	c->n += *val;
	*val += *key;
	return c->n > 1000;
}

SEC("xdp")
int ok_each_sums(struct xdp_md *x) {
	struct c_each_sums c = {};
	bpf_for_each_map_elem(&hash, cb_each_sums, &c, 0);
	return c.n & 1;
}

static long cb_each_deletes(void *map, __u32 *key, __u64 *val, void *c) {
	if (*val > 5) bpf_map_delete_elem(map, key);
	return 0;
}

SEC("xdp")
int ok_each_deletes(struct xdp_md *x) {
	bpf_for_each_map_elem(&hash, cb_each_deletes, 0, 0);
	return 2;
}

static long cb_each_writes_key(void *map, __u32 *key, __u64 *val, void *c) {
	*key = 3;
	return 0;
}

SEC("xdp")
int no_each_writes_key(struct xdp_md *x) {
	bpf_for_each_map_elem(&hash, cb_each_writes_key, 0, 0);
	return 2;
}

static long cb_each_past_key(void *map, __u32 *key, __u64 *val, void *c) {
	*val = key[1];
	return 0;
}

SEC("xdp")
int no_each_past_key(struct xdp_md *x) {
	bpf_for_each_map_elem(&hash, cb_each_past_key, 0, 0);
	return 2;
}

static long cb_each_of_ringbuf(void *map, __u32 *key, __u64 *val, void *c) {
	return 0;
}

SEC("xdp")
int no_each_of_ringbuf(struct xdp_md *x) {
	bpf_for_each_map_elem(&rb, cb_each_of_ringbuf, 0, 0);
	return 2;
}

static long cb_callback_leaks_record(__u32 i, void *c) {
	void *r = bpf_ringbuf_reserve(&rb, 8, 0);
	if (!r) return 1;
	return 0;
}

SEC("xdp")
int no_callback_leaks_record(struct xdp_md *x) {
	bpf_loop(10, cb_callback_leaks_record, 0, 0);
	return 2;
}

static long cb_callback_submits_record(__u32 i, void *c) {
	__u64 *r = bpf_ringbuf_reserve(&rb, 8, 0);
	if (!r) return 1;
	*r=i;
	bpf_ringbuf_submit(r, 0);
	return 0;
}

SEC("xdp")
int ok_callback_submits_record(struct xdp_md *x) {
	bpf_loop(10, cb_callback_submits_record, 0, 0);
	return 2;
}

struct c_callback_submits_twice {
	__u64 *r;
};

static long cb_callback_submits_twice(__u32 i, struct c_callback_submits_twice *c) {
	bpf_ringbuf_submit(c->r, 0);
	return 0;
}

SEC("xdp")
int no_callback_submits_twice(struct xdp_md *x) {
	struct c_callback_submits_twice c;
	c.r = bpf_ringbuf_reserve(&rb, 8, 0);
	if (!c.r) return 1;
	bpf_loop(10, cb_callback_submits_twice, &c, 0);
	return 2;
}

struct c_callback_moves_packet {
	struct xdp_md *x;
};

static long cb_callback_moves_packet(__u32 i, struct c_callback_moves_packet *c) {
	bpf_xdp_adjust_head(c->x, 4);
	return 0;
}

SEC("xdp")
int no_callback_moves_packet(struct xdp_md *x) {
	struct c_callback_moves_packet c={x};
	__u8 *d=(void*)(long)x->data, *e=(void*)(long)x->data_end;
	if (d+4>e) return 0;
	bpf_loop(10, cb_callback_moves_packet, &c, 0);
	return d[2];
}

struct c_callback_moves_packet_reloaded {
	struct xdp_md *x;
};

static long cb_callback_moves_packet_reloaded(__u32 i, struct c_callback_moves_packet_reloaded *c) {
	bpf_xdp_adjust_head(c->x, 4);
	return 0;
}

SEC("xdp")
int ok_callback_moves_packet_reloaded(struct xdp_md *x) {
	struct c_callback_moves_packet_reloaded c={x};
	__u8 *d=(void*)(long)x->data, *e=(void*)(long)x->data_end;
	if (d+4>e) return 0;
	bpf_loop(10, cb_callback_moves_packet_reloaded, &c, 0);
	d=(void*)(long)x->data, e=(void*)(long)x->data_end;
	if (d+4>e) return 0;
	return d[2];
}

SEC("xdp")
int ok_may_goto_walks_packet(struct xdp_md *x) {
	__u8 *d=(void*)(long)x->data, *e=(void*)(long)x->data_end;
	int n=0;
	__u32 i=0;
	for (;;){
		may_goto_break;
		if (d+i+1>e||i>1000) break;
		n+=d[i];
		i+=1+(n&1);
	}
	return n&1;
}

SEC("xdp")
int no_may_goto_past_array(struct xdp_md *x) {
	__u32 k=0;
	__u64*v=bpf_map_lookup_elem(&arr, &k);
	if (!v) return 0;
	__u32 i=0;
	while (1){
		may_goto_break;
		v[i]+=i;
		i++;
	}
	return i&1;
}

SEC("xdp")
int no_may_goto_makes_pointer(struct xdp_md *x) {
	__u32 k=0;
	__u64*v;
	asm volatile("%0 = 0":"=r"(v));
	__u32 i=0;
	while (1){
		may_goto_break;
		if (v) *v = 1;
		v = (void*)((long)i*8);
		i++;
	}
	return i&1;
}
