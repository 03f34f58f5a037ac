// Global data in .rodata, .data, .bss, and in a section of its own.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 limit = 17;
const volatile __u16 ports[4] = {80, 443, 53, 8080};
__u64 counter = 5;
static volatile __u32 seen;
__u64 total;
__u32 tuned SEC(".data.tuning") = 0x01020304;

SEC("xdp")
int data(struct xdp_md *ctx)
{
	seen++;
	total += ports[ctx->rx_queue_index & 3];
	__sync_fetch_and_add(&counter, tuned);
	return total > limit ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
