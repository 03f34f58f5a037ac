// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Protocol parser made of tail calls: one program for each header, which checks
// it, notes where the next one starts, and calls that one's program. The object
// itself fills the table of programs. The last program counts the packet, or
// drops it.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define LONGEST_HEADERS 128
#define IP_OFFSET_MASK 0x1fff

struct vlan_tag {
	__be16 tci;
	__be16 ethertype;
};

enum header {
	VLAN,
	IPV4,
	IPV6,
	TCP,
	UDP,
	HEADERS,
};

int parse_vlan(struct xdp_md *ctx);
int parse_ipv4(struct xdp_md *ctx);
int parse_ipv6(struct xdp_md *ctx);
int parse_tcp(struct xdp_md *ctx);
int parse_udp(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, HEADERS);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} parsers SEC(".maps") = {
	.values = {
		[VLAN] = (void *)&parse_vlan,
		[IPV4] = (void *)&parse_ipv4,
		[IPV6] = (void *)&parse_ipv6,
		[TCP] = (void *)&parse_tcp,
		[UDP] = (void *)&parse_udp,
	},
};

/* What the programs for one packet tell each other. */
struct progress {
	__u32 offset; /* of the next header */
	__u32 tagged;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct progress);
} progress SEC(".maps");

enum outcome {
	OTHER_TYPE,
	OTHER_PROTOCOL,
	FRAGMENT,
	TCP_OPENING,
	TCP_OTHER,
	UDP_PACKET,
	MALFORMED,
	OUTCOMES,
};

struct traffic {
	__u64 packets;
	__u64 tagged;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OUTCOMES);
	__type(key, __u32);
	__type(value, struct traffic);
} outcomes SEC(".maps");

static __always_inline struct progress *get_progress(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&progress, &zero);
}

static __always_inline int finish(enum outcome outcome, __u32 tagged, int action)
{
	__u32 index = outcome;
	struct traffic *traffic = bpf_map_lookup_elem(&outcomes, &index);

	if (traffic) {
		__sync_fetch_and_add(&traffic->packets, 1);
		if (tagged)
			__sync_fetch_and_add(&traffic->tagged, 1);
	}
	return action;
}

static __always_inline int call_network(struct xdp_md *ctx, __be16 ethertype, __u32 tagged)
{
	if (ethertype == bpf_htons(ETH_P_IP))
		bpf_tail_call(ctx, &parsers, IPV4);
	else if (ethertype == bpf_htons(ETH_P_IPV6))
		bpf_tail_call(ctx, &parsers, IPV6);
	return finish(OTHER_TYPE, tagged, XDP_PASS);
}

static __always_inline int call_transport(struct xdp_md *ctx, __u8 protocol, __u32 tagged)
{
	if (protocol == IPPROTO_TCP)
		bpf_tail_call(ctx, &parsers, TCP);
	else if (protocol == IPPROTO_UDP)
		bpf_tail_call(ctx, &parsers, UDP);
	return finish(OTHER_PROTOCOL, tagged, XDP_PASS);
}

SEC("xdp")
int tail_parser(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct progress *state = get_progress();

	if ((void *)(eth + 1) > data_end || !state)
		return finish(MALFORMED, 0, XDP_DROP);
	state->offset = sizeof(*eth);
	state->tagged = 0;
	if (eth->h_proto == bpf_htons(ETH_P_8021Q))
		bpf_tail_call(ctx, &parsers, VLAN);
	return call_network(ctx, eth->h_proto, 0);
}

SEC("xdp")
int parse_vlan(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct progress *state = get_progress();
	struct vlan_tag *tag;

	if (!state || state->offset > LONGEST_HEADERS)
		return XDP_ABORTED;
	tag = data + state->offset;
	if ((void *)(tag + 1) > data_end)
		return finish(MALFORMED, 0, XDP_DROP);
	state->offset += sizeof(*tag);
	state->tagged = 1;
	return call_network(ctx, tag->ethertype, 1);
}

SEC("xdp")
int parse_ipv4(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct progress *state = get_progress();
	struct iphdr *ip;

	if (!state || state->offset > LONGEST_HEADERS)
		return XDP_ABORTED;
	ip = data + state->offset;
	if ((void *)(ip + 1) > data_end || ip->version != 4 || ip->ihl < 5)
		return finish(MALFORMED, state->tagged, XDP_DROP);
	if (ip->frag_off & bpf_htons(IP_OFFSET_MASK))
		return finish(FRAGMENT, state->tagged, XDP_PASS);
	if (ip->ihl > 5)
		return finish(OTHER_PROTOCOL, state->tagged, XDP_PASS);
	state->offset += sizeof(*ip);
	return call_transport(ctx, ip->protocol, state->tagged);
}

SEC("xdp")
int parse_ipv6(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct progress *state = get_progress();
	struct ipv6hdr *ip;

	if (!state || state->offset > LONGEST_HEADERS)
		return XDP_ABORTED;
	ip = data + state->offset;
	if ((void *)(ip + 1) > data_end || ip->version != 6)
		return finish(MALFORMED, state->tagged, XDP_DROP);
	state->offset += sizeof(*ip);
	return call_transport(ctx, ip->nexthdr, state->tagged);
}

SEC("xdp")
int parse_tcp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct progress *state = get_progress();
	struct tcphdr *tcp;

	if (!state || state->offset > LONGEST_HEADERS)
		return XDP_ABORTED;
	tcp = data + state->offset;
	if ((void *)(tcp + 1) > data_end || tcp->doff < 5 || (tcp->syn && (tcp->fin || tcp->rst)))
		return finish(MALFORMED, state->tagged, XDP_DROP);
	return finish(tcp->syn && !tcp->ack ? TCP_OPENING : TCP_OTHER, state->tagged, XDP_PASS);
}

SEC("xdp")
int parse_udp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct progress *state = get_progress();
	struct udphdr *udp;

	if (!state || state->offset > LONGEST_HEADERS)
		return XDP_ABORTED;
	udp = data + state->offset;
	if ((void *)(udp + 1) > data_end || bpf_ntohs(udp->len) < sizeof(*udp))
		return finish(MALFORMED, state->tagged, XDP_DROP);
	return finish(UDP_PACKET, state->tagged, XDP_PASS);
}

char _license[] SEC("license") = "Dual MIT/GPL";
