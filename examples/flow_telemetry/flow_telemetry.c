// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Flow telemetry: counts each TCP and UDP flow over IPv4, and tells user space
// through a ring buffer when a flow begins, every so often while it lasts, and
// when TCP ends it. Nothing is dropped.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define REPORT_NS 50000 /* between two reports of a flow */
#define IP_FRAGMENT_MASK 0x3fff

enum {
	FLAG_FIN = 0x01,
	FLAG_RST = 0x04,
};

struct ports {
	__be16 source;
	__be16 dest;
};

struct flow_key {
	__be32 source;
	__be32 dest;
	struct ports ports;
	__u32 protocol;
};

struct flow {
	__u64 packets;
	__u64 bytes;
	__u64 report; /* ns; when the next report is due */
};

enum reason {
	FLOW_BEGINS,
	FLOW_LASTS,
	FLOW_ENDS,
};

struct event {
	struct flow_key flow;
	__u64 time;
	__u64 packets;
	__u64 bytes;
	__u32 reason;
	__u32 reserved;
};

enum counter {
	UNTRACKED, /* neither TCP nor UDP over IPv4, or malformed */
	TRACKED,
	NO_ROOM,
	REPORTS_LOST,
	COUNTERS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 2048);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline int count(enum counter counter)
{
	__u32 index = counter;
	__u64 *packets = bpf_map_lookup_elem(&counters, &index);

	if (packets)
		(*packets)++;
	return XDP_PASS;
}

static __always_inline int report(struct event *event, enum reason reason)
{
	event->reason = reason;
	if (bpf_ringbuf_output(&events, event, sizeof(*event), 0))
		return count(REPORTS_LOST);
	return count(TRACKED);
}

SEC("xdp")
int flow_telemetry(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u64 length = data_end - data;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct ports *ports = (void *)(ip + 1);
	struct event event = {};
	struct flow *flow;
	int ends = 0, due;

	if ((void *)(ports + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->version != 4 || ip->ihl != 5 || (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK)))
		return count(UNTRACKED);
	if (ip->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)ports;

		if ((void *)(tcp + 1) > data_end)
			return count(UNTRACKED);
		ends = ((__u8 *)tcp)[13] & (FLAG_FIN | FLAG_RST);
	} else if (ip->protocol != IPPROTO_UDP) {
		return count(UNTRACKED);
	}

	event.flow.source = ip->saddr;
	event.flow.dest = ip->daddr;
	event.flow.ports = *ports;
	event.flow.protocol = ip->protocol;
	event.time = bpf_ktime_get_ns();

	flow = bpf_map_lookup_elem(&flows, &event.flow);
	if (!flow) {
		struct flow fresh = {
			.packets = 1,
			.bytes = length,
			.report = event.time + REPORT_NS,
		};

		if (ends)
			return count(UNTRACKED); /* the rest of a flow that has ended */
		if (bpf_map_update_elem(&flows, &event.flow, &fresh, BPF_NOEXIST))
			return count(NO_ROOM);
		event.packets = 1;
		event.bytes = length;
		return report(&event, FLOW_BEGINS);
	}

	flow->packets++;
	flow->bytes += length;
	event.packets = flow->packets;
	event.bytes = flow->bytes;
	if (ends) {
		bpf_map_delete_elem(&flows, &event.flow);
		return report(&event, FLOW_ENDS);
	}
	due = event.time >= flow->report;
	if (!due)
		return count(TRACKED);
	flow->report = event.time + REPORT_NS;
	return report(&event, FLOW_LASTS);
}

char _license[] SEC("license") = "Dual MIT/GPL";
