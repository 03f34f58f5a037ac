// SPDX-License-Identifier: MIT OR Apache-2.0
//
// VXLAN gateway (RFC 7348): known inside stations are reached through a remote
// end point, tunnel packets for our end point are unwrapped and, if their network
// maps to a VLAN, tagged.
#include "net.h"

#define VXLAN_PORT 4789

struct vxlan {
	__u8 flags;
	__u8 reserved[3];
	__be32 vni;
};

struct wrap {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	struct vxlan vxlan;
} __attribute__((packed));

struct station {
	__u8 mac[6];
	__u16 vlan;
};

struct endpoint {
	__be32 address;
	__u32 vni;
	__u8 mac[6];
	__u8 pad[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct station);
	__type(value, struct endpoint);
} stations SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u16);
} networks SEC(".maps");

__u64 wrapped, unwrapped, foreign;
const volatile __be32 local_address = 0x0100000a; /* 10.0.0.1 */

static __always_inline int unwrap(struct xdp_md *ctx, struct wrap *w)
{
	__u32 vni = bpf_ntohl(w->vxlan.vni) >> 8;
	__u16 *vlan = bpf_map_lookup_elem(&networks, &vni), tag;
	struct vlan_hdr *tci;
	struct ethhdr *eth, copy;
	void *end;

	if (!vlan || !(w->vxlan.flags & 8)) {
		foreign++;
		return XDP_DROP;
	}
	tag = *vlan;
	if (bpf_xdp_adjust_head(ctx, sizeof(*w)))
		return XDP_DROP;
	unwrapped++;
	if (!tag)
		return XDP_PASS;
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*tci)))
		return XDP_ABORTED;
	eth = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if ((void *)eth + sizeof(*tci) + sizeof(*eth) > end)
		return XDP_ABORTED;
	copy = *(struct ethhdr *)((void *)eth + sizeof(*tci));
	tci = (void *)(eth + 1);
	tci->tci = bpf_htons(tag);
	tci->proto = copy.h_proto;
	copy.h_proto = bpf_htons(ETH_P_8021Q);
	*eth = copy;
	return XDP_PASS;
}

SEC("xdp")
int vxlan_gw(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct wrap *w = (void *)eth;
	struct station key = {};
	struct endpoint *remote;
	__u32 length = end - (void *)eth, hash;

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	if ((void *)(w + 1) <= end && eth->h_proto == bpf_htons(ETH_P_IP) && w->ip.ihl == 5 &&
	    w->ip.daddr == local_address && w->ip.protocol == IPPROTO_UDP &&
	    w->udp.dest == bpf_htons(VXLAN_PORT))
		return unwrap(ctx, w);

	__builtin_memcpy(key.mac, eth->h_dest, 6);
	if (eth->h_proto == bpf_htons(ETH_P_8021Q)) {
		struct vlan_hdr *tag = (void *)(eth + 1);

		if ((void *)(tag + 1) > end)
			return XDP_DROP;
		key.vlan = bpf_ntohs(tag->tci) & 0xfff;
	}
	remote = bpf_map_lookup_elem(&stations, &key);
	if (!remote)
		return XDP_PASS;
	hash = *(__u32 *)&eth->h_source[2] ^ *(__u32 *)&eth->h_dest[2];
	hash ^= hash >> 16;
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*w)))
		return XDP_DROP;
	w = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if ((void *)(w + 1) > end)
		return XDP_DROP;
	__builtin_memset(w, 0, sizeof(*w));
	__builtin_memcpy(w->eth.h_dest, remote->mac, 6);
	w->eth.h_source[0] = 2;
	w->eth.h_source[5] = 1;
	w->eth.h_proto = bpf_htons(ETH_P_IP);
	w->ip.version = 4;
	w->ip.ihl = 5;
	w->ip.ttl = 64;
	w->ip.protocol = IPPROTO_UDP;
	w->ip.tot_len = bpf_htons(length + sizeof(*w) - sizeof(*eth));
	w->ip.saddr = local_address;
	w->ip.daddr = remote->address;
	w->ip.check = ipv4_check(&w->ip);
	w->udp.source = bpf_htons(49152 + (hash & 0x3fff));
	w->udp.dest = bpf_htons(VXLAN_PORT);
	w->udp.len = bpf_htons(length + sizeof(w->udp) + sizeof(w->vxlan));
	w->vxlan.flags = 8;
	w->vxlan.vni = bpf_htonl(remote->vni << 8);
	wrapped++;
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
