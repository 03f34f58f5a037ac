// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Answers pings and ARP requests for the addresses that the host has listed,
// without waking it: addresses are swapped, the message type changes, and the ICMP
// checksum is corrected for that. IPv4 options are kept. Each address counts its
// answers.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IP_FRAGMENT_MASK 0x3fff

#define ICMP_ECHO 8
#define ICMP_ECHO_REPLY 0
#define ARP_ETHERNET 1
#define ARP_REQUEST 1
#define ARP_REPLY 2

struct icmp_echo_header {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 id;
	__be16 sequence;
};

/* ARP for IPv4 over Ethernet (RFC 826). */
struct arp_ipv4 {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_length;
	__u8 protocol_length;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender_ip[4];
	__u8 target_mac[ETH_ALEN];
	__u8 target_ip[4];
};

struct address {
	__u8 mac[ETH_ALEN]; /* the station that the address belongs to */
	__u8 zero[2];
	__u32 echoes;
	__u32 arps;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __be32);
	__type(value, struct address);
} addresses SEC(".maps");

/* The checksum `check` after one of the words it covers has changed (RFC 1624). */
static __always_inline __u16 update_checksum(__u16 check, __u16 before, __u16 after)
{
	__u32 sum = (__u16)~check + (__u16)~before + after;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline int answer_echo(struct ethhdr *eth, void *data_end)
{
	struct iphdr *ip = (void *)(eth + 1);
	struct icmp_echo_header *icmp;
	struct address *address;
	__be32 asked;

	if ((void *)(ip + 1) > data_end || ip->version != 4 || ip->ihl < 5)
		return XDP_DROP;
	if (ip->protocol != IPPROTO_ICMP || (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK)))
		return XDP_PASS;
	icmp = (void *)ip + ip->ihl * 4;
	if ((void *)(icmp + 1) > data_end)
		return XDP_DROP;
	if (icmp->type != ICMP_ECHO || icmp->code != 0)
		return XDP_PASS;

	asked = ip->daddr;
	address = bpf_map_lookup_elem(&addresses, &asked);
	if (!address)
		return XDP_PASS;
	address->echoes++;

	/* Swapping the two addresses leaves the IP checksum as it is. */
	ip->daddr = ip->saddr;
	ip->saddr = asked;
	icmp->type = ICMP_ECHO_REPLY;
	icmp->checksum = update_checksum(icmp->checksum, bpf_htons(ICMP_ECHO << 8),
					 bpf_htons(ICMP_ECHO_REPLY << 8));
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, address->mac, ETH_ALEN);
	return XDP_TX;
}

static __always_inline int answer_arp(struct ethhdr *eth, void *data_end)
{
	struct arp_ipv4 *arp = (void *)(eth + 1);
	struct address *address;
	__be32 asked;

	if ((void *)(arp + 1) > data_end)
		return XDP_DROP;
	if (arp->hardware != bpf_htons(ARP_ETHERNET) ||
	    arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->hardware_length != ETH_ALEN || arp->protocol_length != 4 ||
	    arp->operation != bpf_htons(ARP_REQUEST))
		return XDP_PASS;

	__builtin_memcpy(&asked, arp->target_ip, sizeof(asked));
	address = bpf_map_lookup_elem(&addresses, &asked);
	if (!address)
		return XDP_PASS;
	address->arps++;

	arp->operation = bpf_htons(ARP_REPLY);
	__builtin_memcpy(arp->target_mac, arp->sender_mac, ETH_ALEN);
	__builtin_memcpy(arp->target_ip, arp->sender_ip, 4);
	__builtin_memcpy(arp->sender_mac, address->mac, ETH_ALEN);
	__builtin_memcpy(arp->sender_ip, &asked, sizeof(asked));
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, address->mac, ETH_ALEN);
	return XDP_TX;
}

SEC("xdp")
int icmp_echo(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) > data_end)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return answer_echo(eth, data_end);
	if (eth->h_proto == bpf_htons(ETH_P_ARP))
		return answer_arp(eth, data_end);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
