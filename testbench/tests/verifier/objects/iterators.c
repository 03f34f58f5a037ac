/* Counting iterators. Programs whose names begin with ok_ are safe, the others are not. */
#include "cases.h"

SEC("xdp")
int ok_sum(struct xdp_md *x) {
	int i;
	__u64 s=0;
	each_number(i, 0, 100) s+=i;
	return s&3;
}

SEC("xdp")
int ok_nested(struct xdp_md *x) {
	__u32 k=0;
	__u64*v=bpf_map_lookup_elem(&arr, &k);
	if (!v) return 0;
	int i, j;
	each_number(i, 0, 16) each_number(j, 0, 10) v[i]+=j;
	return 2;
}

SEC("xdp")
int no_past_array(struct xdp_md *x) {
	__u32 k=0;
	__u64*v=bpf_map_lookup_elem(&arr, &k);
	if (!v) return 0;
	int i;
	each_number(i, 0, 17) v[i]++;
	return 2;
}

SEC("xdp")
int no_not_destroyed(struct xdp_md *x) {
	struct bpf_iter_num it;
	bpf_iter_num_new(&it, 0, 5);
	int *v = bpf_iter_num_next(&it);
	return v ? 1 : 2;
}

SEC("xdp")
int no_null_not_tested(struct xdp_md *x) {
	struct bpf_iter_num it;
	bpf_iter_num_new(&it, 0, 5);
	int *v = bpf_iter_num_next(&it);
	int r = *v;
	bpf_iter_num_destroy(&it);
	return r;
}

SEC("xdp")
int no_number_after_destroy(struct xdp_md *x) {
	struct bpf_iter_num it;
	bpf_iter_num_new(&it, 0, 5);
	int *v = bpf_iter_num_next(&it);
	bpf_iter_num_destroy(&it);
	return v?*v:0;
}

SEC("xdp")
int no_never_made(struct xdp_md *x) {
	struct bpf_iter_num it;
	int *v = bpf_iter_num_next(&it);
	bpf_iter_num_destroy(&it);
	return 2;
}

SEC("xdp")
int no_made_twice(struct xdp_md *x) {
	struct bpf_iter_num it;
	bpf_iter_num_new(&it, 0, 5);
	bpf_iter_num_new(&it, 0, 5);
	bpf_iter_num_destroy(&it);
	return 2;
}

SEC("xdp")
int ok_walks_packet(struct xdp_md *x) {
	__u8 *d=(void*)(long)x->data, *e=(void*)(long)x->data_end;
	int i, n=0;
	each_number(i, 0, 200) {
		if (d+i+1>e) break;
		if (d[i]==7) {
			n++;
			continue;
		}
		n+=d[i];
	}
	return n&1;
}

SEC("xdp")
int no_read_as_number(struct xdp_md *x) {
	struct bpf_iter_num it;
	bpf_iter_num_new(&it, 0, 5);
	__u64 z = *(volatile __u64*)&it;
	bpf_iter_num_destroy(&it);
	return z&1;
}

static __attribute__((noinline)) int sum_in_a_function(__u8 *v, int n) {
	int i, s = 0;
	each_number(i, 0, n) s += i;
	return s;
}

SEC("xdp")
int ok_in_a_function(struct xdp_md *x) {
	int i, s=0;
	each_number(i, 0, 200) {
		s += sum_in_a_function(0, i);
	}
	return s&1;
}
