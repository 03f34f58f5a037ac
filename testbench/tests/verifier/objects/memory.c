/* Context, values and sizes. Programs whose names begin with ok_ are safe, the others are not. */
#include "cases.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} a SEC(".maps"), b SEC(".maps");

SEC("xdp")
int ok_pointer_in_value(struct xdp_md *x) {
	__u32 z=1;
	__u64 *v = bpf_map_lookup_elem(&hash, &z);
	if (!v) return 0;
	*v = (__u64)x;
	return 2;
}

SEC("xdp")
int no_context_written(struct xdp_md *x) {
	*(volatile __u32*)&x->rx_queue_index = 1;
	return 2;
}

SEC("xdp")
int no_half_a_field(struct xdp_md *x) {
	return *(volatile __u16*)&x->rx_queue_index;
	return 2;
}

SEC("xdp")
int no_egress(struct xdp_md *x) {
	return x->egress_ifindex;
	return 2;
}

SEC("xdp")
int no_between_fields(struct xdp_md *x) {
	return *(volatile __u32*)((char*)x+2);
	return 2;
}

SEC("xdp")
int no_past_context(struct xdp_md *x) {
	return *(volatile __u32*)((char*)x+24);
	return 2;
}

SEC("xdp")
int ok_pointer_updated(struct xdp_md *x) {
	__u32 z=1;
	__u64 *v = bpf_map_lookup_elem(&hash, &z);
	if (!v) return 0;
	bpf_map_update_elem(&hash, &z, &v, 0);
	return 2;
}

SEC("xdp")
int no_arithmetic_on_null(struct xdp_md *x) {
	__u32 z=1;
	__u64 *v = bpf_map_lookup_elem(&hash, &z);
	v += x->rx_queue_index & 1;
	if (!v) return 0;
	return *v;
	return 2;
}

SEC("xdp")
int ok_checksum_of_packet(struct xdp_md *x) {
	__u8 *d=(void*)(long)x->data, *e=(void*)(long)x->data_end;
	__u32 n = e-d;
	n &= 0x3c;
	if (d+60>e) return 0;
	return bpf_csum_diff(0, 0, (void*)d, n, 0) & 1;
	return 2;
}

SEC("xdp")
int no_checksum_past_packet(struct xdp_md *x) {
	__u8 *d=(void*)(long)x->data, *e=(void*)(long)x->data_end;
	__u32 n = e-d;
	n &= 0x7c;
	if (d+60>e) return 0;
	return bpf_csum_diff(0, 0, (void*)d, n, 0) & 1;
	return 2;
}

SEC("xdp")
int ok_checksum_of_stack(struct xdp_md *x) {
	char b[64]={};
	__u32 n = x->rx_queue_index;
	if (n > 64) return 1;
	return bpf_csum_diff((void*)b, n, 0, 0, 0)&1;
	return 2;
}

SEC("xdp")
int no_checksum_of_negative(struct xdp_md *x) {
	char b[64]={};
	int n = x->rx_queue_index;
	if (n > 64) return 1;
	return bpf_csum_diff((void*)b, n, 0, 0, 0)&1;
	return 2;
}

SEC("xdp")
int ok_either_of_two_maps(struct xdp_md *x) {
	__u32 z=0;
	void *m = x->rx_queue_index ? (void*)&a : (void*)&b;
	__u64 *v = bpf_map_lookup_elem(m, &z);
	if (!v) return 0;
	return *v & 3;
}
