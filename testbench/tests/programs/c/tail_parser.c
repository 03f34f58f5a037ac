// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Parser of tail-called stages, one for each protocol; the table is filled by
// the object itself (`.values`). The place in the packet goes on in a per-CPU map.
#include "net.h"

enum stage { STAGE_ETH, STAGE_VLAN, STAGE_IPV4, STAGE_IPV6, STAGE_TCP, STAGE_UDP, STAGE_END, STAGES };

int parse_vlan(struct xdp_md *ctx);
int parse_ipv4(struct xdp_md *ctx);
int parse_ipv6(struct xdp_md *ctx);
int parse_tcp(struct xdp_md *ctx);
int parse_udp(struct xdp_md *ctx);
int finish(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, STAGES);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} stages SEC(".maps") = {
	.values = {
		[STAGE_VLAN] = (void *)&parse_vlan,
		[STAGE_IPV4] = (void *)&parse_ipv4,
		[STAGE_IPV6] = (void *)&parse_ipv6,
		[STAGE_TCP] = (void *)&parse_tcp,
		[STAGE_UDP] = (void *)&parse_udp,
		[STAGE_END] = (void *)&finish,
	},
};

struct progress {
	__u32 offset;
	__u32 visited; /* bit set of stages */
	__u32 vlan_depth;
	__u32 service; /* destination port */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct progress);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, __u32);
	__type(value, __u64);
} paths SEC(".maps");

static __always_inline struct progress *current(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

static __always_inline int next_by_type(struct xdp_md *ctx, __be16 proto)
{
	if (proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD))
		bpf_tail_call(ctx, &stages, STAGE_VLAN);
	else if (proto == bpf_htons(ETH_P_IP))
		bpf_tail_call(ctx, &stages, STAGE_IPV4);
	else if (proto == bpf_htons(ETH_P_IPV6))
		bpf_tail_call(ctx, &stages, STAGE_IPV6);
	else
		bpf_tail_call(ctx, &stages, STAGE_END);
	return XDP_ABORTED;
}

static __always_inline int next_by_protocol(struct xdp_md *ctx, __u8 protocol)
{
	if (protocol == IPPROTO_TCP)
		bpf_tail_call(ctx, &stages, STAGE_TCP);
	if (protocol == IPPROTO_UDP)
		bpf_tail_call(ctx, &stages, STAGE_UDP);
	bpf_tail_call(ctx, &stages, STAGE_END);
	return XDP_ABORTED;
}

#define BEGIN(stage, size)                                                                         \
	struct progress *p = current();                                                            \
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *at;             \
                                                                                                   \
	if (!p || p->offset > 256)                                                                 \
		return XDP_ABORTED;                                                                \
	p->visited |= 1 << (stage);                                                                \
	at = data + p->offset;                                                                     \
	if (at + (size) > end)                                                                     \
		return XDP_DROP

SEC("xdp")
int tail_parser(struct xdp_md *ctx)
{
	struct progress *p = current();
	struct ethhdr *eth = (void *)(long)ctx->data;

	if (!p)
		return XDP_ABORTED;
	__builtin_memset(p, 0, sizeof(*p));
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	p->offset = sizeof(*eth);
	p->visited = 1 << STAGE_ETH;
	return next_by_type(ctx, eth->h_proto);
}

SEC("xdp")
int parse_vlan(struct xdp_md *ctx)
{
	BEGIN(STAGE_VLAN, sizeof(struct vlan_hdr));
	p->offset += sizeof(struct vlan_hdr);
	p->vlan_depth++;
	return next_by_type(ctx, ((struct vlan_hdr *)at)->proto);
}

SEC("xdp")
int parse_ipv4(struct xdp_md *ctx)
{
	BEGIN(STAGE_IPV4, sizeof(struct iphdr));
	struct iphdr *ip = at;

	if (ip->ihl < 5)
		return XDP_DROP;
	p->offset += ip->ihl * 4;
	if (ip->frag_off & bpf_htons(IP_OFFSET))
		return next_by_protocol(ctx, 0);
	return next_by_protocol(ctx, ip->protocol);
}

SEC("xdp")
int parse_ipv6(struct xdp_md *ctx)
{
	BEGIN(STAGE_IPV6, sizeof(struct ipv6hdr));
	p->offset += sizeof(struct ipv6hdr);
	return next_by_protocol(ctx, ((struct ipv6hdr *)at)->nexthdr);
}

SEC("xdp")
int parse_tcp(struct xdp_md *ctx)
{
	BEGIN(STAGE_TCP, sizeof(struct tcphdr));
	p->service = bpf_ntohs(((struct tcphdr *)at)->dest);
	bpf_tail_call(ctx, &stages, STAGE_END);
	return XDP_ABORTED;
}

SEC("xdp")
int parse_udp(struct xdp_md *ctx)
{
	BEGIN(STAGE_UDP, sizeof(struct udphdr));
	p->service = bpf_ntohs(((struct udphdr *)at)->dest);
	bpf_tail_call(ctx, &stages, STAGE_END);
	return XDP_ABORTED;
}

SEC("xdp")
int finish(struct xdp_md *ctx)
{
	struct progress *p = current();
	__u64 one = 1, *count;
	__u32 key;

	(void)ctx;
	if (!p)
		return XDP_ABORTED;
	key = p->visited << 24 | p->vlan_depth << 16 | (p->service & 0xffff);
	count = bpf_map_lookup_elem(&paths, &key);
	if (count)
		*count += 1;
	else
		bpf_map_update_elem(&paths, &key, &one, BPF_ANY);
	return p->service == 22 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
