/* Helpers on memory and text, dynamic pointers, sockets, SYN cookies. */
#include "args.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, char[64]);
} store SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, int);
	__type(value, long);
} percpu SEC(".maps");

SEC("xdp")
int text(struct xdp_md *ctx)
{
	static const char format[] = "%d|%5u|%-6x|%08llx|%c|%+d|%%|%li";
	static const char one[] = "%d %x %llu";
	PACKET(p, ctx);
	char out[128] = {};
	unsigned long long args[8];
	__builtin_memcpy(args, p->arg, sizeof(args));
	args[4] = 'a' + (args[4] & 15);
	unsigned int room = p->arg[8] & 127;
	p->result[0] = bpf_snprintf(out, room, format, args, 56);
	__builtin_memcpy(&p->result[2], out, 96);
	p->result[1] = bpf_trace_printk(one, sizeof(one), (int)args[0], (int)args[1], args[2]);
	p->result[14] = bpf_trace_vprintk(format, sizeof(format), args, 56);
	p->result[15] = bpf_trace_printk(one, sizeof(one) - 1, 1, 2, 3);
	return XDP_PASS;
}

SEC("xdp")
int compare(struct xdp_md *ctx)
{
	static const char word[] = "needle";
	PACKET(p, ctx);
	char other[8];
	__builtin_memcpy(other, "needle\0", 8);
	unsigned int at = p->arg[0] & 7;
	barrier_var(at);
	if (at < 8)
		other[at] = p->arg[1];
	p->result[0] = bpf_strncmp(other, 8, word);
	p->result[1] = bpf_strncmp(other, 3, word);
	return XDP_PASS;
}

SEC("xdp")
int probe(struct xdp_md *ctx)
{
	PACKET(p, ctx);
	char from[16] = "abcdefghij\0klmn", to[16] = "----------------";
	unsigned int len = p->arg[0] & 15;
	p->result[0] = bpf_probe_read_kernel(to, len, from);
	__builtin_memcpy(&p->result[2], to, 16);
	p->result[1] = bpf_probe_read_kernel(to, len, (void *)8);
	__builtin_memcpy(&p->result[4], to, 16);
	p->result[6] = bpf_probe_read_kernel_str(to, len, from);
	__builtin_memcpy(&p->result[7], to, 16);
	return XDP_PASS;
}

SEC("xdp")
int lookup_percpu(struct xdp_md *ctx)
{
	PACKET(p, ctx);
	int key = p->arg[0];
	long *mine = bpf_map_lookup_elem(&percpu, &key);
	long *same = bpf_map_lookup_percpu_elem(&percpu, &key, bpf_get_smp_processor_id());
	p->result[0] = mine == same;
	p->result[1] = bpf_map_lookup_percpu_elem(&percpu, &key, 1 << 20) == 0;
	if (same)
		p->result[2] = (*same)++;
	return XDP_PASS;
}

SEC("xdp")
int dynptr(struct xdp_md *ctx)
{
	struct bpf_dynptr d;
	int zero = 0;
	PACKET(p, ctx);
	char *value = bpf_map_lookup_elem(&store, &zero);
	char buffer[16] = "0123456789abcdef";
	if (!value)
		return XDP_ABORTED;
	long offset = p->arg[0], len = p->arg[1] & 15, flags = p->arg[2];
	p->result[0] = bpf_dynptr_from_mem(value, 64, flags & 1, &d);
	p->result[1] = bpf_dynptr_write(&d, offset, buffer, len, flags & 2);
	p->result[2] = bpf_dynptr_read(buffer, len, &d, (unsigned long)offset / 2, flags & 4);
	__builtin_memcpy(&p->result[3], buffer, 16);
	char *at = bpf_dynptr_data(&d, 60, 4);
	p->result[5] = at ? *at : -1;
	p->result[6] = bpf_dynptr_data(&d, 61, 4) == 0;
	return XDP_PASS;
}

SEC("xdp")
int ring_dynptr(struct xdp_md *ctx)
{
	struct bpf_dynptr d;
	PACKET(p, ctx);
	long r0 = bpf_ringbuf_reserve_dynptr(&ring, p->arg[0], p->arg[1] & 1, &d);
	char buffer[8] = "ring buf";
	long r1 = bpf_dynptr_write(&d, p->arg[2] & 63, buffer, 8, 0);
	bpf_ringbuf_discard_dynptr(&d, 0);
	p->result[0] = r0;
	p->result[1] = r1;
	p->result[2] = bpf_ringbuf_query(&ring, BPF_RB_PROD_POS);
	return XDP_PASS;
}

extern int bpf_dynptr_from_xdp(struct xdp_md *ctx, __u64 flags, struct bpf_dynptr *p) __ksym __weak;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *p, __u32 offset, void *b, __u32 b__szk) __ksym __weak;
extern int bpf_dynptr_adjust(const struct bpf_dynptr *p, __u32 start, __u32 end) __ksym __weak;
extern __u32 bpf_dynptr_size(const struct bpf_dynptr *p) __ksym __weak;
extern int bpf_dynptr_clone(const struct bpf_dynptr *p, struct bpf_dynptr *c) __ksym __weak;
extern _Bool bpf_dynptr_is_null(const struct bpf_dynptr *p) __ksym __weak;
extern _Bool bpf_dynptr_is_rdonly(const struct bpf_dynptr *p) __ksym __weak;

SEC("xdp")
int xdp_dynptr(struct xdp_md *ctx)
{
	struct bpf_dynptr d, c;
	char buffer[8] = {};
	long r[12] = {}, offset, start, end;
	{
		PACKET(p, ctx);
		offset = p->arg[0];
		start = p->arg[1];
		end = p->arg[2];
	}
	r[0] = bpf_dynptr_from_xdp(ctx, 0, &d);
	r[1] = bpf_dynptr_size(&d);
	r[2] = bpf_dynptr_clone(&d, &c);
	r[3] = bpf_dynptr_adjust(&d, start, end);
	r[4] = bpf_dynptr_size(&d);
	r[5] = bpf_dynptr_read(buffer, 8, &d, offset, 0);
	long *s = bpf_dynptr_slice(&d, offset, buffer, 8);
	r[6] = s ? *s : -1;
	r[7] = bpf_dynptr_is_null(&d);
	r[8] = bpf_dynptr_is_rdonly(&c);
	r[9] = bpf_dynptr_size(&c);
	r[10] = bpf_dynptr_write(&c, offset, buffer, 4, 0);
	PACKET(p, ctx);
	__builtin_memcpy(p->result, r, sizeof(r));
	return XDP_PASS;
}

/* Cookies are made with the kernel's secret: what is compared is the segment size, and what the check says. */
SEC("xdp")
int raw_cookies(struct xdp_md *ctx)
{
	struct iphdr {
		char b[20];
	} ip4;
	struct ipv6hdr {
		char b[40];
	} ip6;
	struct tcphdr {
		unsigned short ports[2];
		unsigned int seq, ack;
		unsigned char off, flags;
		unsigned short rest[3];
		unsigned char options[20];
	} tcp;
	PACKET(p, ctx);
	__builtin_memcpy(&ip4, p->arg, 20);
	__builtin_memcpy(&ip6, p->arg, 40);
	__builtin_memcpy(&tcp, p->arg + 2, 40);
	unsigned int len = p->arg[8] & 63;
	if (len > 40)
		len = 40;
	if (len < 1)
		len = 1;
	long made4 = bpf_tcp_raw_gen_syncookie_ipv4((void *)&ip4, (void *)&tcp, len);
	long made6 = bpf_tcp_raw_gen_syncookie_ipv6((void *)&ip6, (void *)&tcp, len);
	p->result[0] = made4 < 0 ? made4 : made4 >> 32;
	p->result[1] = made6 < 0 ? made6 : made6 >> 32;
	tcp.ack = __builtin_bswap32((unsigned int)made4 + 1);
	tcp.seq = __builtin_bswap32(__builtin_bswap32(tcp.seq) + 1);
	if (made4 >= 0)
		p->result[2] = bpf_tcp_raw_check_syncookie_ipv4((void *)&ip4, (void *)&tcp);
	tcp.ack = __builtin_bswap32((unsigned int)made6 + 1);
	if (made6 >= 0)
		p->result[3] = bpf_tcp_raw_check_syncookie_ipv6((void *)&ip6, (void *)&tcp);
	tcp.ack ^= 0x4080;
	p->result[4] = bpf_tcp_raw_check_syncookie_ipv4((void *)&ip4, (void *)&tcp);
	p->result[5] = bpf_tcp_raw_check_syncookie_ipv6((void *)&ip6, (void *)&tcp);
	return XDP_PASS;
}

SEC("xdp")
int lookup_sockets(struct xdp_md *ctx)
{
	struct bpf_sock_tuple t;
	PACKET(p, ctx);
	__builtin_memcpy(&t, p->arg, sizeof(t));
	long netns = p->arg[5], flags = p->arg[6];
	unsigned int size = p->arg[7] & 1 ? sizeof(t.ipv4) : sizeof(t.ipv6);
	struct bpf_sock *sk = bpf_sk_lookup_tcp(ctx, &t, size, netns, flags);
	if (sk) {
		p->result[0] = sk->family | (long)sk->state << 8 | (long)sk->protocol << 16 | (long)sk->type << 24;
		p->result[1] = sk->src_port | (long)sk->dst_port << 32;
		p->result[2] = sk->src_ip4 | (long)sk->dst_ip4 << 32;
		bpf_sk_release(sk);
	}
	sk = bpf_sk_lookup_udp(ctx, &t, size, netns, flags);
	if (sk) {
		p->result[3] = sk->family | (long)sk->state << 8 | (long)sk->protocol << 16 | (long)sk->type << 24;
		p->result[4] = sk->src_port | (long)sk->dst_port << 32;
		bpf_sk_release(sk);
	}
	sk = (void *)bpf_skc_lookup_tcp(ctx, &t, size, netns, flags);
	if (sk) {
		p->result[5] = 1;
		bpf_sk_release(sk);
	}
	return XDP_PASS;
}
