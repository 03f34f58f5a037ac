/* Spin locks. Programs whose names begin with ok_ are safe, the others are not. */
#include "cases.h"

struct locked {
	__u32 a;
	struct bpf_spin_lock l;
	__u64 b;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct locked);
} lm SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct locked);
} la SEC(".maps");
struct bpf_spin_lock gl SEC(".data.l");
int g SEC(".data.l");

SEC("xdp")
int ok_update_under_lock(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct locked *v=bpf_map_lookup_elem(&lm, &k), *w=bpf_map_lookup_elem(&lm, &k);
	if (!v||!w) return 0;
	bpf_spin_lock(&v->l);
	v->a++;
	v->b+=v->a;
	bpf_spin_unlock(&v->l);
	return 2;
}

SEC("xdp")
int no_never_unlocked(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct locked *v=bpf_map_lookup_elem(&lm, &k), *w=bpf_map_lookup_elem(&lm, &k);
	if (!v||!w) return 0;
	bpf_spin_lock(&v->l);
	v->a++;
	return 2;
}

SEC("xdp")
int no_unlocks_other(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct locked *v=bpf_map_lookup_elem(&lm, &k), *w=bpf_map_lookup_elem(&lm, &k);
	if (!v||!w) return 0;
	bpf_spin_lock(&v->l);
	v->a++;
	bpf_spin_unlock(&w->l);
	return 2;
}

SEC("xdp")
int no_two_locks(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct locked *v=bpf_map_lookup_elem(&lm, &k), *w=bpf_map_lookup_elem(&lm, &k);
	if (!v||!w) return 0;
	bpf_spin_lock(&v->l);
	bpf_spin_lock(&w->l);
	bpf_spin_unlock(&w->l);
	bpf_spin_unlock(&v->l);
	return 2;
}

SEC("xdp")
int no_helper_under_lock(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct locked *v=bpf_map_lookup_elem(&lm, &k), *w=bpf_map_lookup_elem(&lm, &k);
	if (!v||!w) return 0;
	bpf_spin_lock(&v->l);
	v->b = bpf_ktime_get_ns();
	bpf_spin_unlock(&v->l);
	return 2;
}

SEC("xdp")
int no_writes_lock(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct locked *v=bpf_map_lookup_elem(&lm, &k), *w=bpf_map_lookup_elem(&lm, &k);
	if (!v||!w) return 0;
	*(volatile __u32*)&v->l = 1;
	return 2;
}

SEC("xdp")
int no_locks_other_field(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct locked *v=bpf_map_lookup_elem(&lm, &k), *w=bpf_map_lookup_elem(&lm, &k);
	if (!v||!w) return 0;
	bpf_spin_lock((void*)&v->a);
	bpf_spin_unlock((void*)&v->a);
	return 2;
}

SEC("xdp")
int no_unlock_only(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct locked *v=bpf_map_lookup_elem(&lm, &k), *w=bpf_map_lookup_elem(&lm, &k);
	if (!v||!w) return 0;
	bpf_spin_unlock(&v->l);
	return 2;
}

SEC("xdp")
int no_copies_lock(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct locked *v=bpf_map_lookup_elem(&lm, &k), *w=bpf_map_lookup_elem(&lm, &k);
	if (!v||!w) return 0;
	struct locked t;
	__builtin_memcpy(&t, v, sizeof t);
	bpf_map_update_elem(&lm, &k, &t, 0);
	return 2;
}

SEC("xdp")
int ok_either_lock(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct locked *v=bpf_map_lookup_elem(&lm, &k), *w=bpf_map_lookup_elem(&lm, &k);
	if (!v||!w) return 0;
	if (k & 1) {
		bpf_spin_lock(&v->l);
		v->a=1;
		bpf_spin_unlock(&v->l);
	} else {
		bpf_spin_lock(&w->l);
		w->a=1;
		bpf_spin_unlock(&w->l);
	}
	return 2;
}

SEC("xdp")
int no_unlocked_on_one_path(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct locked *v=bpf_map_lookup_elem(&lm, &k), *w=bpf_map_lookup_elem(&lm, &k);
	if (!v||!w) return 0;
	bpf_spin_lock(&v->l);
	if (v->a) return 1;
	bpf_spin_unlock(&v->l);
	return 2;
}

SEC("xdp")
int ok_loop_under_lock(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct locked *v=bpf_map_lookup_elem(&lm, &k), *w=bpf_map_lookup_elem(&lm, &k);
	if (!v||!w) return 0;
	bpf_spin_lock(&v->l);
	int i;
	for (i=0;i<8;i++) v->b+=i*v->a;
	bpf_spin_unlock(&v->l);
	return 2;
}

SEC("xdp")
int no_helper_writes_lock(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct locked *v=bpf_map_lookup_elem(&lm, &k), *w=bpf_map_lookup_elem(&lm, &k);
	if (!v||!w) return 0;
	char z[24];
	bpf_probe_read_kernel(v, 16, 0);
	return 2;
}

SEC("xdp")
int ok_update_from_stack(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct locked *v=bpf_map_lookup_elem(&lm, &k), *w=bpf_map_lookup_elem(&lm, &k);
	if (!v||!w) return 0;
	struct locked t = {};
	bpf_map_update_elem(&lm, &k, &t, 0);
	return 2;
}

SEC("xdp")
int no_update_from_value(struct xdp_md *x) {
	__u32 k=x->rx_queue_index;
	struct locked *v=bpf_map_lookup_elem(&lm, &k), *w=bpf_map_lookup_elem(&lm, &k);
	if (!v||!w) return 0;
	bpf_map_update_elem(&lm, &k, v, 0);
	return 2;
}

static __attribute__((noinline)) int f_function_under_lock(struct locked *v) {
	v->a++;
	return v->a;
}

SEC("xdp")
int ok_function_under_lock(struct xdp_md *x) {
	__u32 k=1;
	struct locked *v=bpf_map_lookup_elem(&la, &k);
	if (!v) return 0;
	bpf_spin_lock(&v->l);
	int r = f_function_under_lock(v);
	bpf_spin_unlock(&v->l);
	return r;
}

static __attribute__((noinline)) int f_function_unlocks(struct locked *v) {
	bpf_spin_unlock(&v->l);
	return v->a;
}

SEC("xdp")
int ok_function_unlocks(struct xdp_md *x) {
	__u32 k=1;
	struct locked *v=bpf_map_lookup_elem(&la, &k);
	if (!v) return 0;
	bpf_spin_lock(&v->l);
	int r = f_function_unlocks(v);
	return r;
}

SEC("xdp")
int ok_lock_in_global_data(struct xdp_md *x) {
	bpf_spin_lock(&gl);
	g++;
	bpf_spin_unlock(&gl);
	return 2;
}

SEC("xdp")
int ok_iterator_under_lock(struct xdp_md *x) {
	__u32 k=1;
	struct locked *v=bpf_map_lookup_elem(&la, &k);
	if (!v) return 0;
	int i;
	bpf_spin_lock(&v->l);
	each_number(i, 0, 5) v->a++;
	bpf_spin_unlock(&v->l);
	return 2;
}
