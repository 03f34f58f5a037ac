/* What all programs of this folder share. A program takes its arguments from words of the packet, from byte 16 on, and puts results
 * into words from byte 128 on; packets have 256 bytes or more. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define ARGS 16
#define RESULTS 128
#define MIN_LEN 256

struct packet {
	unsigned char ethernet[ARGS];
	long arg[(RESULTS - ARGS) / 8];
	long result[(MIN_LEN - RESULTS) / 8];
};

static __always_inline struct packet *packet(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if (data + sizeof(struct packet) > end)
		return 0;
	return data;
}

#define PACKET(p, ctx)                  \
	struct packet *p = packet(ctx); \
	if (!p)                         \
		return XDP_ABORTED

char _license[] SEC("license") = "GPL";
