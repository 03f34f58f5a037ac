/* Stack of chains of calls, with and without tail calls. Programs whose names begin with ok_ are safe, the others are not. */
#include "cases.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} pa SEC(".maps");

/* Uses this much stack. */
#define U(n) asm volatile("r0 = 0\n *(u64*)(r10 - " #n ") = r0" ::: "r0", "memory")

static __attribute__((noinline)) int f_tail_call_in_callee(struct xdp_md *x) {
	U(8);
	bpf_tail_call(x, &pa, 1);
	return 1;
}

SEC("xdp")
int ok_tail_call_in_callee(struct xdp_md *x) {
	U(240);
	int r = f_tail_call_in_callee(x);
	return r + 1;
}

static __attribute__((noinline)) int f_tail_call_too_deep(struct xdp_md *x) {
	U(8);
	bpf_tail_call(x, &pa, 1);
	return 1;
}

SEC("xdp")
int no_tail_call_too_deep(struct xdp_md *x) {
	U(248);
	int r = f_tail_call_too_deep(x);
	return r + 1;
}

static __attribute__((noinline)) int h_tail_call_below_two(struct xdp_md *x) {
	U(8);
	return 1;
}

static __attribute__((noinline)) int f_tail_call_below_two(struct xdp_md *x) {
	U(8);
	bpf_tail_call(x, &pa, 1);
	return h_tail_call_below_two(x);
}

static __attribute__((noinline)) int g_tail_call_below_two(struct xdp_md *x) {
	U(240);
	return f_tail_call_below_two(x)+h_tail_call_below_two(x);
}

SEC("xdp")
int ok_tail_call_below_two(struct xdp_md *x) {
	return g_tail_call_below_two(x)+1;
}

static __attribute__((noinline)) int h_tail_call_below_two_again(struct xdp_md *x) {
	U(8);
	return 1;
}

static __attribute__((noinline)) int f_tail_call_below_two_again(struct xdp_md *x) {
	U(8);
	bpf_tail_call(x, &pa, 1);
	return h_tail_call_below_two_again(x);
}

static __attribute__((noinline)) int g_tail_call_below_two_again(struct xdp_md *x) {
	U(248);
	return f_tail_call_below_two_again(x)+h_tail_call_below_two_again(x);
}

SEC("xdp")
int no_tail_call_below_two(struct xdp_md *x) {
	return g_tail_call_below_two_again(x)+1;
}

static __attribute__((noinline)) int f_tail_call_in_main(struct xdp_md *x) {
	U(256);
	return 1;
}

SEC("xdp")
int ok_tail_call_in_main(struct xdp_md *x) {
	bpf_tail_call(x, &pa, 1);
	U(256);
	int r = f_tail_call_in_main(x);
	return r + 1;
}

static __attribute__((noinline)) int f_full(struct xdp_md *x) {
	U(256);
	return 1;
}

SEC("xdp")
int ok_full(struct xdp_md *x) {
	U(256);
	int r = f_full(x);
	return r + 1;
}

static __attribute__((noinline)) int f_overflow(struct xdp_md *x) {
	U(264);
	return 1;
}

SEC("xdp")
int no_overflow(struct xdp_md *x) {
	U(256);
	int r = f_overflow(x);
	return r + 1;
}

static __attribute__((noinline)) int f_leaf_without_stack(int x) {
	return x*3;
}

static __attribute__((noinline)) int g_leaf_without_stack(int x) {
	U(256);
	return f_leaf_without_stack(x)+2;
}

SEC("xdp")
int ok_leaf_without_stack(struct xdp_md *x) {
	U(256);
	int r = g_leaf_without_stack(x->rx_queue_index);
	return r + 1;
}

static __attribute__((noinline)) int cb_callback(__u32 i, void *c) {
	U(256);
	return 0;
}

SEC("xdp")
int ok_callback(struct xdp_md *x) {
	U(256);
	bpf_loop(4, cb_callback, 0, 0);
	return 1;
}

static __attribute__((noinline)) int cb_callback_again(__u32 i, void *c) {
	U(264);
	return 0;
}

SEC("xdp")
int no_callback(struct xdp_md *x) {
	U(256);
	bpf_loop(4, cb_callback_again, 0, 0);
	return 1;
}

SEC("xdp")
int no_record_at_tail_call(struct xdp_md *x) {
	__u64 *r = bpf_ringbuf_reserve(&rb, 8, 0);
	if (!r) return 0;
	bpf_tail_call(x, &pa, 1);
	bpf_ringbuf_discard(r, 0);
	return 1;
}

SEC("xdp")
int no_lookup_of_program(struct xdp_md *x) {
	__u32 k=1;
	bpf_map_lookup_elem(&pa, &k);
	return 1;
}
