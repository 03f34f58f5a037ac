// Global data in sections of all names, addressed by symbols, at offsets and past them; functions that are static, weak,
// hidden and in sections of their own.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static volatile const __u32 limits[4] = { 10, 20, 30, 40 };
volatile const __u16 table[3][2] SEC(".rodata.tables") = { { 1, 2 }, { 3, 4 }, { 5, 6 } };
static volatile __u64 counters[3] SEC(".data.counters") = { 7, 8, 9 };
volatile __u32 scratch[5] SEC(".bss.scratch");
static volatile __u8 flag;
volatile __u32 initialised = 0x1234;

__weak __noinline int weak(__u32 x)
{
	return x + limits[3];
}

__hidden __noinline int hidden(__u32 x)
{
	return x ^ table[2][1];
}

static __noinline int local(__u32 x)
{
	counters[2] += x;
	return scratch[4];
}

SEC("xdp") int sections(struct xdp_md *ctx)
{
	flag = ctx->rx_queue_index;
	initialised++;
	return (weak(ctx->rx_queue_index) + hidden(flag) + local(limits[1])) & 1 ? XDP_PASS : XDP_TX;
}

char _license[] SEC("license") = "GPL";
