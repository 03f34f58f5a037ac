/* Maps in maps. Programs whose names begin with ok_ are safe, the others are not. */
#include "cases.h"

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} in0 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} aom SEC(".maps") = {.values = {&in0}};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} hom SEC(".maps");

SEC("xdp")
int ok_looked_up(struct xdp_md *x) {
	__u32 k=x->rx_queue_index, z=0;
	void *m=bpf_map_lookup_elem(&aom, &k);
	if (!m) return 0;
	__u64 *v = bpf_map_lookup_elem(m, &z);
	if (!v) return 0;
	*v += 1;
	return 2;
}

SEC("xdp")
int no_not_tested(struct xdp_md *x) {
	__u32 k=x->rx_queue_index, z=0;
	void *m=bpf_map_lookup_elem(&aom, &k);
	__u64 *v = bpf_map_lookup_elem(m, &z);
	if (!v) return 0;
	*v += 1;
	return 2;
}

SEC("xdp")
int no_past_inner_value(struct xdp_md *x) {
	__u32 k=x->rx_queue_index, z=0;
	void *m=bpf_map_lookup_elem(&hom, &k);
	if (!m) return 0;
	__u64 *v = bpf_map_lookup_elem(m, &z);
	if (!v) return 0;
	v[1] += 1;
	return 2;
}

SEC("xdp")
int ok_updated(struct xdp_md *x) {
	__u32 k=x->rx_queue_index, z=0;
	void *m=bpf_map_lookup_elem(&hom, &k);
	if (!m) return 0;
	__u64 q=1;
	bpf_map_update_elem(m, &z, &q, 0);
	bpf_map_delete_elem(m, &z);
	return 2;
}

SEC("xdp")
int no_outer_updated(struct xdp_md *x) {
	__u32 k=x->rx_queue_index, z=0;
	void *m=bpf_map_lookup_elem(&hom, &k);
	if (!m) return 0;
	bpf_map_update_elem(&hom, &z, &m, 0);
	return 2;
}

SEC("xdp")
int ok_compared(struct xdp_md *x) {
	__u32 k=x->rx_queue_index, z=0;
	void *m=bpf_map_lookup_elem(&hom, &k);
	if (!m) return 0;
	void *n = bpf_map_lookup_elem(&aom, &z);
	if (n == m) return 1;
	return 2;
}

SEC("xdp")
int ok_either_map(struct xdp_md *x) {
	__u32 k=x->rx_queue_index, z=0;
	void *m=bpf_map_lookup_elem(&hom, &k);
	if (!m) return 0;
	if (x->ingress_ifindex) m = &arr;
	bpf_map_lookup_elem(m, &z);
	return 2;
}
