// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Flow telemetry over a ring buffer: a record when a flow starts, at every 16th
// packet and when TCP ends; records of uninteresting flows are discarded.
#include "net.h"

struct flow {
	__be32 source, dest;
	struct ports ports;
	__u32 protocol;
};

struct progress {
	__u64 packets;
	__u64 bytes;
	__u64 first_ns;
};

struct record {
	struct flow flow;
	struct progress progress;
	__u64 now;
	__u32 why;
	__u32 length;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct flow);
	__type(value, struct progress);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} records SEC(".maps");

enum { STARTED, PERIODIC, ENDED };

__u64 lost;
__u64 backlog;

SEC("xdp")
int flow_ringbuf(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct progress *progress, fresh = {};
	struct record *record;
	struct tcphdr *tcp;
	struct flow flow = {};
	__u32 why, length = end - (void *)eth;
	int over = 0;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	flow.source = ip->saddr;
	flow.dest = ip->daddr;
	flow.protocol = ip->protocol;
	if (ip->ihl == 5 && (ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP)) {
		struct ports *ports = (void *)(ip + 1);

		if ((void *)(ports + 1) <= end)
			flow.ports = *ports;
		tcp = (void *)(ip + 1);
		if (ip->protocol == IPPROTO_TCP && (void *)(tcp + 1) <= end)
			over = tcp->fin || tcp->rst;
	}
	progress = bpf_map_lookup_elem(&flows, &flow);
	if (!progress) {
		fresh.packets = 1;
		fresh.bytes = length;
		fresh.first_ns = bpf_ktime_get_ns();
		if (bpf_map_update_elem(&flows, &flow, &fresh, BPF_NOEXIST))
			return XDP_PASS;
		progress = &fresh;
		why = STARTED;
	} else {
		progress->packets++;
		progress->bytes += length;
		if (over)
			why = ENDED;
		else if ((progress->packets & 15) == 0)
			why = PERIODIC;
		else
			return XDP_PASS;
	}
	record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		lost++;
		return XDP_PASS;
	}
	record->flow = flow;
	record->progress = *progress;
	record->now = bpf_ktime_get_ns();
	record->why = why;
	record->length = length;
	if (why == STARTED && flow.protocol != IPPROTO_TCP && flow.protocol != IPPROTO_UDP) {
		bpf_ringbuf_discard(record, 0);
		return XDP_PASS;
	}
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	if (why == ENDED)
		bpf_map_delete_elem(&flows, &flow);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
