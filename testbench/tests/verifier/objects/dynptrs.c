/* Dynptrs and their slices. Programs whose names begin with ok_ are safe, the others are not. */
#include "cases.h"

SEC("xdp")
int ok_slice_read(struct xdp_md *x) {
	struct bpf_dynptr d;
	char b[14];
	bpf_dynptr_from_xdp(x, 0, &d);
	__u8 *q = bpf_dynptr_slice(&d, 0, b, 14);
	if (!q) return 1;
	return q[12];
}

SEC("xdp")
int no_slice_written(struct xdp_md *x) {
	struct bpf_dynptr d;
	char b[14];
	bpf_dynptr_from_xdp(x, 0, &d);
	__u8 *q = bpf_dynptr_slice(&d, 0, b, 14);
	if (!q) return 1;
	q[0]=1;
	return q[12];
}

SEC("xdp")
int ok_slice_rdwr_written(struct xdp_md *x) {
	struct bpf_dynptr d;
	char b[14];
	bpf_dynptr_from_xdp(x, 0, &d);
	__u8 *q = bpf_dynptr_slice_rdwr(&d, 4, b, 14);
	if (!q) return 1;
	q[0]=1;
	if (q==(void*)b) bpf_dynptr_write(&d, 4, b, 14, 0);
	return q[13];
}

SEC("xdp")
int no_slice_after_adjust_head(struct xdp_md *x) {
	struct bpf_dynptr d;
	bpf_dynptr_from_xdp(x, 0, &d);
	__u8 *q = bpf_dynptr_slice(&d, 0, 0, 14);
	if (!q) return 1;
	bpf_xdp_adjust_head(x, 4);
	return q[12];
}

SEC("xdp")
int no_past_slice(struct xdp_md *x) {
	struct bpf_dynptr d;
	bpf_dynptr_from_xdp(x, 0, &d);
	__u8 *q = bpf_dynptr_slice(&d, 0, 0, 14);
	if (!q) return 1;
	return q[14];
}

SEC("xdp")
int no_slice_not_tested(struct xdp_md *x) {
	struct bpf_dynptr d;
	bpf_dynptr_from_xdp(x, 0, &d);
	__u8 *q = bpf_dynptr_slice(&d, 0, 0, 14);
	return q[1];
}

SEC("xdp")
int no_never_made(struct xdp_md *x) {
	struct bpf_dynptr d;
	char b[8];
	bpf_dynptr_read(b, 8, &d, 0, 0);
	return b[1];
}

SEC("xdp")
int ok_clone_and_adjust(struct xdp_md *x) {
	struct bpf_dynptr d, c;
	char b[8];
	bpf_dynptr_from_xdp(x, 0, &d);
	if (bpf_dynptr_clone(&d, &c)) return 0;
	bpf_dynptr_adjust(&c, 2, 10);
	if (bpf_dynptr_is_null(&c)||bpf_dynptr_is_rdonly(&c)) return 3;
	bpf_dynptr_read(b, 8, &c, 0, 0);
	return b[bpf_dynptr_size(&c)&7];
}

SEC("xdp")
int ok_record_written(struct xdp_md *x) {
	struct bpf_dynptr d;
	__u64 *q;
	if (bpf_ringbuf_reserve_dynptr(&rb, 24, 0, &d)) goto out;
	q = bpf_dynptr_data(&d, 8, 8);
	if (q) *q=5;
	__u32 z=1;
	bpf_dynptr_write(&d, 0, &z, 4, 0);
	bpf_ringbuf_submit_dynptr(&d, 0);
	return 2;
	out: bpf_ringbuf_discard_dynptr(&d, 0);
	return 1;
}

SEC("xdp")
int no_record_not_given_back(struct xdp_md *x) {
	struct bpf_dynptr d;
	__u64 *q;
	if (bpf_ringbuf_reserve_dynptr(&rb, 24, 0, &d)) return 0;
	bpf_ringbuf_submit_dynptr(&d, 0);
	return 2;
}

SEC("xdp")
int no_data_after_submit(struct xdp_md *x) {
	struct bpf_dynptr d;
	__u64 *q;
	bpf_ringbuf_reserve_dynptr(&rb, 24, 0, &d);
	q = bpf_dynptr_data(&d, 8, 8);
	bpf_ringbuf_submit_dynptr(&d, 0);
	if (q) return *q;
	return 2;
}

SEC("xdp")
int no_submitted_twice(struct xdp_md *x) {
	struct bpf_dynptr d;
	__u64 *q;
	bpf_ringbuf_reserve_dynptr(&rb, 24, 0, &d);
	bpf_ringbuf_submit_dynptr(&d, 0);
	bpf_ringbuf_submit_dynptr(&d, 0);
	return 2;
}

SEC("xdp")
int no_record_overwritten(struct xdp_md *x) {
	struct bpf_dynptr d;
	__u64 *q;
	bpf_ringbuf_reserve_dynptr(&rb, 24, 0, &d);
	*(volatile __u64*)&d = 0;
	bpf_ringbuf_submit_dynptr(&d, 0);
	return 2;
}

SEC("xdp")
int ok_of_map_value(struct xdp_md *x) {
	__u32 k=0;
	__u64*v=bpf_map_lookup_elem(&arr, &k);
	if (!v) return 0;
	struct bpf_dynptr d;
	char b[4];
	bpf_dynptr_from_mem(v, 100, 0, &d);
	bpf_dynptr_read(b, 4, &d, 3, 0);
	bpf_dynptr_write(&d, 0, b, 4, 0);
	return b[0];
}

SEC("xdp")
int no_of_stack(struct xdp_md *x) {
	char m[32]={};
	struct bpf_dynptr d;
	char b[4];
	bpf_dynptr_from_mem(m, 32, 0, &d);
	bpf_dynptr_read(b, 4, &d, 3, 0);
	return b[0];
}

SEC("xdp")
int no_read_as_number(struct xdp_md *x) {
	struct bpf_dynptr d;
	bpf_dynptr_from_xdp(x, 0, &d);
	__u64 z = *(volatile __u64*)&d;
	return z&1;
}

SEC("xdp")
int no_handed_as_memory(struct xdp_md *x) {
	struct bpf_dynptr d;
	bpf_dynptr_from_xdp(x, 0, &d);
	__u32 k=1;
	bpf_map_update_elem(&hash, &k, &d, 0);
	return 1;
}

SEC("xdp")
int no_packet_submitted(struct xdp_md *x) {
	struct bpf_dynptr d;
	bpf_dynptr_from_xdp(x, 0, &d);
	bpf_ringbuf_submit_dynptr(&d, 0);
	return 1;
}

SEC("xdp")
int ok_made_again(struct xdp_md *x) {
	struct bpf_dynptr d;
	bpf_dynptr_from_xdp(x, 0, &d);
	bpf_dynptr_from_xdp(x, 0, &d);
	return 1;
}

SEC("xdp")
int no_record_made_again(struct xdp_md *x) {
	struct bpf_dynptr d;
	bpf_ringbuf_reserve_dynptr(&rb, 8, 0, &d);
	bpf_ringbuf_reserve_dynptr(&rb, 8, 0, &d);
	bpf_ringbuf_submit_dynptr(&d, 0);
	return 1;
}

SEC("xdp")
int no_clone_after_submit(struct xdp_md *x) {
	struct bpf_dynptr d, c;
	bpf_ringbuf_reserve_dynptr(&rb, 8, 0, &d);
	bpf_dynptr_clone(&d, &c);
	bpf_ringbuf_submit_dynptr(&d, 0);
	char b[4];
	bpf_dynptr_read(b, 4, &c, 0, 0);
	return 1;
}

SEC("xdp")
int ok_clone_submitted(struct xdp_md *x) {
	struct bpf_dynptr d, c;
	bpf_ringbuf_reserve_dynptr(&rb, 8, 0, &d);
	bpf_dynptr_clone(&d, &c);
	bpf_ringbuf_submit_dynptr(&c, 0);
	return 1;
}

SEC("xdp")
int no_slice_of_unknown_size(struct xdp_md *x) {
	struct bpf_dynptr d;
	char b[14];
	bpf_dynptr_from_xdp(x, 0, &d);
	__u8 *q = bpf_dynptr_slice(&d, 0, b, x->rx_queue_index&7);
	if (!q) return 1;
	return 2;
}

static __attribute__((noinline)) int rd_in_a_function(struct bpf_dynptr *d) {
	char b[4]={};
	bpf_dynptr_read(b, 4, d, 0, 0);
	return b[2];
}

SEC("xdp")
int ok_in_a_function(struct xdp_md *x) {
	struct bpf_dynptr d;
	bpf_dynptr_from_xdp(x, 0, &d);
	return rd_in_a_function(&d);
}
