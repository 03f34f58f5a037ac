// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Programs that send events in every way that hardware has a form for. What a helper returns is written
// over the source address of the frame, so that it can be seen.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} other SEC(".maps");

struct frame {
	__u8 dest[6];
	__s32 result;
	__u8 rest[2];
	__u16 proto;
	__u8 byte[16];
} __attribute__((packed));

#define FRAME(name)                                       \
	struct frame *name = (void *)(long)ctx->data;     \
	if ((void *)(name + 1) > (void *)(long)ctx->data_end) \
		return XDP_DROP

struct meta {
	__u32 length;
	__u16 proto;
	__u8 first;
	__u8 second;
	__u64 time;
};

static __always_inline void describe(struct xdp_md *ctx, struct frame *f, struct meta *m)
{
	m->length = ctx->data_end - ctx->data;
	m->proto = f->proto;
	m->first = f->byte[0];
	m->second = f->byte[1];
	m->time = bpf_ktime_get_ns();
}

SEC("xdp")
int perf_plain(struct xdp_md *ctx)
{
	struct meta m;
	FRAME(f);

	describe(ctx, f, &m);
	f->result = bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU, &m, sizeof(m));
	return XDP_TX;
}

// As many packet bytes as a byte of the packet says; too many for some packets.
SEC("xdp")
int perf_bytes(struct xdp_md *ctx)
{
	struct meta m;
	__u64 take;
	FRAME(f);

	describe(ctx, f, &m);
	take = f->byte[3] & 127;
	f->result = bpf_perf_event_output(ctx, &samples, take << 32 | BPF_F_CURRENT_CPU, &m, sizeof(m));
	if (f->byte[4] & 1)
		return XDP_DROP;
	return XDP_PASS;
}

// An index out of the packet: that of the CPU, another one, one behind the end; and flags that nobody knows.
SEC("xdp")
int perf_index(struct xdp_md *ctx)
{
	__u32 word;
	__u64 flags;
	FRAME(f);

	word = f->byte[2];
	flags = f->byte[0] & 1 ? BPF_F_CURRENT_CPU : f->byte[1] & 3;
	if ((f->byte[0] & 14) == 2)
		flags = 100000;
	if ((f->byte[0] & 14) == 4)
		flags |= 1ULL << 53;
	f->result = bpf_perf_event_output(ctx, &samples, flags, &word, sizeof(word));
	return XDP_TX;
}

// The packet has a new front when its bytes are sent.
SEC("xdp")
int perf_moved(struct xdp_md *ctx)
{
	struct frame *f;
	__u64 length;

	if (bpf_xdp_adjust_head(ctx, -20))
		return XDP_ABORTED;
	f = (void *)(long)ctx->data;
	if ((void *)(f + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	__builtin_memset(f, 0x5a, 20);
	length = ctx->data_end - ctx->data;
	if (length > 70)
		length = 70;
	bpf_perf_event_output(ctx, &samples, length << 32 | BPF_F_CURRENT_CPU, &length, 2);
	f->dest[0] = 0xa5;
	return XDP_TX;
}

SEC("xdp")
int ring_output(struct xdp_md *ctx)
{
	struct meta m;
	__u64 flags;
	FRAME(f);

	describe(ctx, f, &m);
	flags = f->byte[5] & 7;
	f->result = bpf_ringbuf_output(&ring, &m, sizeof(m), flags);
	return f->byte[1] & 1 ? XDP_PASS : XDP_TX;
}

// A piece of memory whose length the packet chooses, down to nothing.
SEC("xdp")
int ring_length(struct xdp_md *ctx)
{
	__u8 bytes[20];
	__u64 length;
	FRAME(f);

	__builtin_memset(bytes, 7, sizeof(bytes));
	__builtin_memcpy(bytes, f->byte, 16);
	length = f->byte[2] & 15;
	f->result = bpf_ringbuf_output(&ring, bytes, length, 0);
	return XDP_PASS;
}

struct record {
	__u32 kind;
	__u8 small; // three bytes of padding behind it
	__u32 length;
	__u8 bytes[61];
};

SEC("xdp")
int ring_reserve(struct xdp_md *ctx)
{
	struct record *r;
	FRAME(f);

	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		f->result = -1;
		return XDP_ABORTED;
	}
	r->kind = 0x11223344;
	r->small = f->byte[6];
	r->length = ctx->data_end - ctx->data;
	__builtin_memcpy(r->bytes, f->byte, 16);
	r->bytes[16 + (f->byte[7] & 31)] = 9;
	f->result = r->bytes[20];
	if (f->byte[6] & 1)
		bpf_ringbuf_discard(r, 0);
	else
		bpf_ringbuf_submit(r, f->byte[6] & 2);
	return XDP_TX;
}

// Up to two events per packet, to different maps, and one of three ways to send the second.
SEC("xdp")
int two_events(struct xdp_md *ctx)
{
	struct meta m, *r;
	__u32 mark = 0xfeedbeef;
	FRAME(f);

	describe(ctx, f, &m);
	if (f->byte[0] & 1)
		bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU | 30ULL << 32, &mark, sizeof(mark));
	if (f->byte[1] & 1) {
		f->result = bpf_ringbuf_output(&ring, &m, sizeof(m), 0);
	} else if (f->byte[1] & 2) {
		f->result = bpf_ringbuf_output(&ring, &mark, sizeof(mark), 0);
	} else if (f->byte[1] & 4) {
		r = bpf_ringbuf_reserve(&other, sizeof(*r), 0);
		if (!r)
			return XDP_ABORTED;
		*r = m;
		r->first = 0;
		bpf_ringbuf_submit(r, 0);
	}
	return XDP_TX;
}

// The second record does not fit a ring of a page behind the first; what is left is asked for between.
SEC("xdp")
int ring_full(struct xdp_md *ctx)
{
	__u8 *r;
	FRAME(f);

	if (f->byte[0] & 1) {
		r = bpf_ringbuf_reserve(&ring, 1400, 0);
		if (!r)
			return XDP_ABORTED;
		r[1399] = f->byte[1];
		bpf_ringbuf_discard(r, 0);
	}
	if (f->byte[0] & 2) {
		r = bpf_ringbuf_reserve(&ring, 1500, 0);
		if (!r)
			return XDP_ABORTED;
		r[0] = f->byte[1];
		bpf_ringbuf_submit(r, 0);
	}
	f->result = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) + bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE);
	r = bpf_ringbuf_reserve(&ring, 1300, 0);
	if (!r)
		return XDP_DROP;
	r[7] = 1;
	bpf_ringbuf_discard(r, 0);
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
