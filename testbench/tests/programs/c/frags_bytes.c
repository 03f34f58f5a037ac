// SPDX-License-Identifier: MIT OR Apache-2.0
//
// For packets in several buffers: headers are read and written through
// load_bytes and store_bytes, a trailer is checked at the very end.
#include "net.h"

#define TRAILER_MAGIC 0xbee1beef

struct trailer {
	__be32 magic;
	__be32 number;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[256]);
} buffer SEC(".maps");

__u64 lengths, trailers, errors;
__u32 last_sum;

SEC("xdp.frags")
int frags_bytes(struct xdp_md *ctx)
{
	__u64 length = bpf_xdp_get_buff_len(ctx);
	struct trailer trailer;
	struct ethhdr eth;
	struct iphdr ip;
	__u32 zero = 0, sum = 0, chunk;
	__u8 *copy;

	lengths += length;
	if (bpf_xdp_load_bytes(ctx, 0, &eth, sizeof(eth)))
		return XDP_ABORTED;
	if (eth.h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (bpf_xdp_load_bytes(ctx, sizeof(eth), &ip, sizeof(ip))) {
		errors++;
		return XDP_DROP;
	}
	if (ip.ihl != 5 || ip.ttl <= 1)
		return XDP_DROP;
	copy = bpf_map_lookup_elem(&buffer, &zero);
	if (!copy)
		return XDP_ABORTED;
	/* A sample from the middle: its size depends on the packet. */
	chunk = ip.id & 0xff;
	if (chunk == 0)
		chunk = 1;
	if (bpf_xdp_load_bytes(ctx, (__u32)length / 2, copy, chunk)) {
		errors++;
	} else {
		for (__u32 i = 0; i < 255; i++) {
			if (i >= chunk)
				break;
			sum = sum * 31 + copy[i];
		}
		last_sum = sum;
	}
	if (!bpf_xdp_load_bytes(ctx, (__u32)length - sizeof(trailer), &trailer, sizeof(trailer)) &&
	    trailer.magic == bpf_htonl(TRAILER_MAGIC)) {
		trailers++;
		trailer.number = bpf_htonl(bpf_ntohl(trailer.number) + 1);
		if (bpf_xdp_store_bytes(ctx, (__u32)length - 4, &trailer.number, 4))
			errors++;
		if (bpf_xdp_adjust_tail(ctx, -4))
			errors++;
	}
	ip.ttl--;
	ip.check = 0;
	ip.check = ipv4_check(&ip);
	if (bpf_xdp_store_bytes(ctx, sizeof(eth), &ip, sizeof(ip)))
		return XDP_ABORTED;
	/* Behind the end: must be refused. */
	if (!bpf_xdp_store_bytes(ctx, (__u32)length, &ip, sizeof(ip)))
		return XDP_ABORTED;
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
