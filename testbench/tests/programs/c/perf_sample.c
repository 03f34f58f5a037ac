// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Packet sampler: one packet in N, and every packet of suspicious ports, goes to
// user space with a header and its first bytes.
#include "net.h"

struct meta {
	__u16 cookie;
	__u16 length;
	__u32 ifindex;
	__u64 serial;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__type(key, __u16);
	__type(value, __u8);
} suspicious SEC(".maps");

const volatile __u32 one_in = 8;
const volatile __u32 snap = 96;
__u64 serial, failed;

SEC("xdp")
int perf_sample(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	__u64 flags = BPF_F_CURRENT_CPU, length = end - (void *)eth, take;
	struct meta meta = { .cookie = 0xbee1 };
	__u8 *all = 0;

	serial++;
	if ((void *)(ip + 1) <= end && eth->h_proto == bpf_htons(ETH_P_IP) && ip->ihl == 5) {
		struct ports *ports = (void *)(ip + 1);

		if ((void *)(ports + 1) <= end) {
			__u16 port = bpf_ntohs(ports->dest);

			all = bpf_map_lookup_elem(&suspicious, &port);
		}
	}
	if (!all && one_in && bpf_get_prandom_u32() % one_in)
		return XDP_PASS;
	meta.length = length;
	meta.ifindex = ctx->ingress_ifindex;
	meta.serial = serial;
	take = all && *all ? length : snap;
	if (take > length)
		take = length;
	flags |= take << 32;
	if (bpf_perf_event_output(ctx, &samples, flags, &meta, sizeof(meta)))
		failed++;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
