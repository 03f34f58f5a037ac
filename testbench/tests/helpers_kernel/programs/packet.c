/* Helpers on the packet: sizes, copies, checksums, redirects, MTU. */
#include "args.h"

SEC("xdp")
int csum(struct xdp_md *ctx)
{
	unsigned char from[64], to[64];
	PACKET(p, ctx);
	__builtin_memcpy(from, p->arg, 64);
	__builtin_memcpy(to, p->arg + 4, 64);
	unsigned int from_size = p->arg[12] & 63, to_size = p->arg[13] & 63;
	p->result[0] = bpf_csum_diff((void *)from, from_size, (void *)to, to_size, p->arg[0]);
	p->result[1] = bpf_csum_diff(0, 0, (void *)to, to_size, p->arg[1]);
	p->result[2] = bpf_csum_diff((void *)from, from_size, 0, 0, p->arg[2]);
	p->result[3] = bpf_csum_diff(0, 0, 0, 0, p->arg[3]);
	return XDP_PASS;
}

SEC("xdp")
int adjust(struct xdp_md *ctx)
{
	int a, b, c;
	long r0, r1, r2, r3;
	{
		PACKET(p, ctx);
		a = p->arg[0];
		b = p->arg[1];
		c = p->arg[2];
	}
	r0 = bpf_xdp_adjust_head(ctx, a);
	r1 = bpf_xdp_adjust_tail(ctx, b);
	r2 = bpf_xdp_adjust_meta(ctx, c);
	r3 = bpf_xdp_adjust_head(ctx, a >> 1);
	long len = bpf_xdp_get_buff_len(ctx);
	unsigned char *data = (void *)(long)ctx->data;
	unsigned char *end = (void *)(long)ctx->data_end;
	if (data + 14 > end)
		return XDP_ABORTED;
	data[0] = r0;
	data[1] = r1;
	data[2] = r2;
	data[3] = r3;
	data[4] = len;
	data[5] = len >> 8;
	unsigned char *meta = (void *)(long)ctx->data_meta;
	if (meta + 4 <= data)
		*(int *)meta = 0x01020304;
	return XDP_TX;
}

SEC("xdp")
int copies(struct xdp_md *ctx)
{
	unsigned char buffer[64] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	long r0, r1;
	unsigned int from, to, len;
	{
		PACKET(p, ctx);
		from = p->arg[0];
		to = p->arg[1];
		len = p->arg[2];
	}
	len &= 63;
	r0 = bpf_xdp_load_bytes(ctx, from, buffer, len + 1);
	r1 = bpf_xdp_store_bytes(ctx, to, buffer, len + 1);
	{
		PACKET(p, ctx);
		p->result[0] = r0;
		p->result[1] = r1;
		p->result[2] = bpf_xdp_get_buff_len(ctx);
	}
	return XDP_PASS;
}

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__type(key, int);
	__type(value, int);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 8);
	__type(key, int);
	__type(value, int);
} hashed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 8);
	__type(key, int);
	__type(value, int);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 8);
	__type(key, int);
	__type(value, int);
} sockets SEC(".maps");

SEC("xdp")
int redirects(struct xdp_md *ctx)
{
	PACKET(p, ctx);
	long key = p->arg[0], flags = p->arg[1];
	p->result[0] = bpf_redirect(key, flags);
	p->result[1] = bpf_redirect_map(&devices, key, flags);
	p->result[2] = bpf_redirect_map(&hashed, key, flags);
	p->result[3] = bpf_redirect_map(&cpus, key, flags);
	p->result[4] = bpf_redirect_map(&sockets, key, flags);
	return XDP_PASS;
}

SEC("xdp")
int mtu(struct xdp_md *ctx)
{
	PACKET(p, ctx);
	__u32 len = p->arg[1];
	p->result[0] = bpf_check_mtu(ctx, p->arg[0], &len, p->arg[2], p->arg[3]);
	p->result[1] = len;
	return XDP_PASS;
}

SEC("xdp")
int fib(struct xdp_md *ctx)
{
	struct bpf_fib_lookup params;
	PACKET(p, ctx);
	__builtin_memcpy(&params, p->arg, sizeof(params));
	p->result[8] = bpf_fib_lookup(ctx, &params, sizeof(params), p->arg[8]);
	p->result[9] = bpf_fib_lookup(ctx, &params, 60, 0);
	__builtin_memcpy(p->result, &params, sizeof(params));
	return XDP_PASS;
}
