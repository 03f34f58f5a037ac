// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One large switch over EtherTypes, protocols and ports, each case with some work
// of its own: what a compiler turns into trees of comparisons.
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 128);
	__type(key, __u32);
	__type(value, __u64);
} cases SEC(".maps");

static __always_inline void hit(__u32 which, __u64 amount)
{
	__u64 *n = bpf_map_lookup_elem(&cases, &which);

	if (n)
		*n += amount;
}

static __always_inline int by_port(__u16 port, __u64 bytes, __u8 *flags)
{
	switch (port) {
	case 7: hit(0, 1); return XDP_TX;
	case 9: hit(1, bytes); return XDP_DROP;
	case 19: hit(2, 1); return XDP_DROP;
	case 20: hit(3, bytes * 2); return XDP_PASS;
	case 21: hit(4, 1); return XDP_PASS;
	case 22: hit(5, bytes % 7); return XDP_PASS;
	case 23: hit(6, 1); return XDP_DROP;
	case 25: hit(7, bytes / 3); return XDP_PASS;
	case 53: hit(8, bytes & 0x3f); return XDP_PASS;
	case 67: case 68: hit(9, 1); return XDP_PASS;
	case 69: hit(10, 3); return XDP_DROP;
	case 80: hit(11, bytes >> 2); return XDP_PASS;
	case 110: hit(12, 1); return XDP_PASS;
	case 111: hit(13, 1); return XDP_DROP;
	case 123: hit(14, bytes ^ 0x55); return XDP_PASS;
	case 135 ... 139: hit(15, port); return XDP_DROP;
	case 143: hit(16, 1); return XDP_PASS;
	case 161: case 162: hit(17, bytes << 1); return XDP_PASS;
	case 179: hit(18, 9); *flags |= 1; return XDP_PASS;
	case 389: hit(19, 1); return XDP_DROP;
	case 443: hit(20, bytes); return XDP_PASS;
	case 445: hit(21, 1); return XDP_DROP;
	case 514: hit(22, 1); return XDP_PASS;
	case 520: hit(23, 1); *flags |= 2; return XDP_DROP;
	case 853: hit(24, bytes | 1); return XDP_PASS;
	case 1194: hit(25, 1); return XDP_PASS;
	case 1900: hit(26, 1); return XDP_DROP;
	case 3306: hit(27, 1); return XDP_DROP;
	case 3389: hit(28, bytes); return XDP_DROP;
	case 4789: hit(29, 50); return XDP_PASS;
	case 5060 ... 5061: hit(30, bytes - port); return XDP_PASS;
	case 5353: hit(31, 1); return XDP_DROP;
	case 6081: hit(32, 1); return XDP_PASS;
	case 8080: hit(33, bytes * bytes); return XDP_PASS;
	case 11211: hit(34, 1); return XDP_DROP;
	case 27015: hit(35, 1); return XDP_PASS;
	case 32768 ... 65535: hit(36, port >> 8); return XDP_PASS;
	default: hit(37, 1); return XDP_PASS;
	}
}

SEC("xdp")
int switchboard(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u64 bytes = end - data;
	struct ports *ports;
	__u8 *flags;
	struct iphdr *ip = data + sizeof(*eth);

	if (data + sizeof(*eth) > end)
		return XDP_ABORTED;
	switch (bpf_ntohs(eth->h_proto)) {
	case ETH_P_IP: break;
	case ETH_P_ARP: hit(64, 1); return XDP_PASS;
	case ETH_P_RARP: hit(65, 1); return XDP_DROP;
	case ETH_P_8021Q: hit(66, bytes); return XDP_PASS;
	case ETH_P_8021AD: hit(67, bytes); return XDP_PASS;
	case ETH_P_IPV6: hit(68, bytes); return XDP_PASS;
	case ETH_P_MPLS_UC: case ETH_P_MPLS_MC: hit(69, 1); return XDP_DROP;
	case ETH_P_PPP_DISC: case ETH_P_PPP_SES: hit(70, 1); return XDP_DROP;
	case ETH_P_LOOPBACK: hit(71, 1); return XDP_TX;
	case 0x88cc: hit(72, 1); return XDP_PASS;
	case 0 ... 1500: hit(73, bpf_ntohs(eth->h_proto)); return XDP_DROP;
	default: hit(74, 1); return XDP_DROP;
	}
	if ((void *)(ip + 1) > end)
		return XDP_DROP;
	flags = &ip->tos;
	ports = (void *)(ip + 1);
	switch (ip->protocol) {
	case 1: hit(80, ip->ttl); return ip->ttl == 1 ? XDP_DROP : XDP_PASS;
	case 2: hit(81, 1); return XDP_PASS;
	case 4: case 41: hit(82, 1); return XDP_PASS;
	case 47: hit(83, 1); return XDP_PASS;
	case 50: case 51: hit(84, bytes); return XDP_PASS;
	case 89: hit(85, 1); return XDP_PASS;
	case 132: hit(86, 1); return XDP_DROP;
	case 6:
	case 17:
		if ((void *)(ports + 1) > end)
			return XDP_DROP;
		hit(ip->protocol == 6 ? 87 : 88, 1);
		return by_port(bpf_ntohs(ports->dest), bytes, flags);
	default: hit(89, 1); return XDP_DROP;
	}
}

char _license[] SEC("license") = "GPL";
