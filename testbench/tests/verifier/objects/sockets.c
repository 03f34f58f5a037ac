/* Sockets. Programs whose names begin with ok_ are safe, the others are not. */
#include "cases.h"

SEC("xdp")
int ok_fields(struct xdp_md *x) {
	struct bpf_sock_tuple t = {};
	struct bpf_sock *s = bpf_sk_lookup_tcp(x, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!s) return 0;
	int r = s->state + s->mark;
	bpf_sk_release(s);
	return r;
	return 2;
}

SEC("xdp")
int no_not_released(struct xdp_md *x) {
	struct bpf_sock_tuple t = {};
	struct bpf_sock *s = bpf_sk_lookup_tcp(x, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!s) return 0;
	return s->state;
	return 2;
}

SEC("xdp")
int no_mark_of_common(struct xdp_md *x) {
	struct bpf_sock_tuple t = {};
	struct bpf_sock *s = bpf_skc_lookup_tcp(x, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!s) return 0;
	int r = s->mark;
	bpf_sk_release(s);
	return r;
	return 2;
}

SEC("xdp")
int ok_state_of_common(struct xdp_md *x) {
	struct bpf_sock_tuple t = {};
	struct bpf_sock *s = bpf_skc_lookup_tcp(x, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!s) return 0;
	int r = s->state;
	bpf_sk_release(s);
	return r;
	return 2;
}

SEC("xdp")
int no_read_after_release(struct xdp_md *x) {
	struct bpf_sock_tuple t = {};
	struct bpf_sock *s = bpf_sk_lookup_udp(x, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!s) return 0;
	bpf_sk_release(s);
	return s->state;
	return 2;
}

SEC("xdp")
int no_not_tested(struct xdp_md *x) {
	struct bpf_sock_tuple t = {};
	struct bpf_sock *s = bpf_sk_lookup_udp(x, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	bpf_sk_release(s);
	return 2;
}

SEC("xdp")
int no_written(struct xdp_md *x) {
	struct bpf_sock_tuple t = {};
	struct bpf_sock *s = bpf_sk_lookup_udp(x, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!s) return 0;
	s->mark=1;
	bpf_sk_release(s);
	return 1;
	return 2;
}

SEC("xdp")
int no_released_twice(struct xdp_md *x) {
	struct bpf_sock_tuple t = {};
	struct bpf_sock *s = bpf_sk_lookup_udp(x, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!s) return 0;
	bpf_sk_release(s);
	bpf_sk_release(s);
	return 1;
	return 2;
}
