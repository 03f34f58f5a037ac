// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Trims a mirrored feed for a recorder: of TCP over IPv4 only the headers are
// kept, of everything else the first bytes, as many as the host has configured.
// The trimmed frame is sent back out.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SHORTEST 60
#define LONGEST 16384

struct settings {
	__u32 length; /* bytes kept of a frame that is not TCP; 0: all */
};

struct saved {
	__u64 frames; /* that were trimmed */
	__u64 bytes;  /* that were cut off */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settings);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct saved);
} saved SEC(".maps");

/* Length of Ethernet, IPv4 and TCP header together, 0 if they are not all there. */
static __always_inline __u32 tcp_headers(void *data, void *data_end)
{
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return 0;
	if (ip->version != 4 || ip->ihl < 5 || ip->protocol != IPPROTO_TCP)
		return 0;
	tcp = (void *)ip + ip->ihl * 4;
	if ((void *)(tcp + 1) > data_end || tcp->doff < 5)
		return 0;
	return sizeof(*eth) + ip->ihl * 4 + tcp->doff * 4;
}

SEC("xdp")
int snap(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u64 length = data_end - data;
	__u64 keep = tcp_headers(data, data_end);
	__u32 zero = 0;
	struct saved *total;

	if (keep == 0) {
		struct settings *chosen = bpf_map_lookup_elem(&settings, &zero);

		if (!chosen || chosen->length == 0)
			return XDP_TX;
		keep = chosen->length;
	}
	if (keep < SHORTEST)
		keep = SHORTEST;
	if (length > LONGEST || keep >= length)
		return XDP_TX;
	if (bpf_xdp_adjust_tail(ctx, (int)keep - (int)length))
		return XDP_ABORTED;

	total = bpf_map_lookup_elem(&saved, &zero);
	if (total) {
		total->frames++;
		total->bytes += length - keep;
	}
	return XDP_TX;
}

char _license[] SEC("license") = "Dual MIT/GPL";
