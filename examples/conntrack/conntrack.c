// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Stateful firewall: connections are opened from the inside only; what comes from
// the outside must belong to one. The data path itself makes an entry for each
// connection, refreshes it with every packet, and removes it after a reset or when
// both sides have finished. Idle connections expire.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define INSIDE 0x0a140000 /* 10.20.0.0/16 */
#define INSIDE_MASK 0xffff0000
#define IP_FRAGMENT_MASK 0x3fff

#define TCP_IDLE_NS 10000000
#define UDP_IDLE_NS 1000000

enum {
	FLAG_FIN = 0x01,
	FLAG_SYN = 0x02,
	FLAG_RST = 0x04,
	FLAG_ACK = 0x10,
};

/* What has been seen of a connection. */
enum {
	ANSWERED = 1,
	INSIDE_FINISHED = 2,
	OUTSIDE_FINISHED = 4,
};

struct ports {
	__be16 source;
	__be16 dest;
};

/* The same for both directions. */
struct connection_key {
	__be32 inside;
	__be32 outside;
	__be16 inside_port;
	__be16 outside_port;
	__u32 protocol;
};

struct connection {
	__u64 expires;
	__u64 packets;
	__u64 bytes;
	__u32 seen;
	__u32 reserved;
};

enum outcome {
	NOT_TRACKED, /* ARP and the like: passed */
	MALFORMED,
	UNSOLICITED,
	OPENED,
	NO_ROOM,
	CARRIED,
	EXPIRED,
	CLOSED,
	OUTCOMES,
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, struct connection_key);
	__type(value, struct connection);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, OUTCOMES);
	__type(key, __u32);
	__type(value, __u64);
} outcomes SEC(".maps");

static __always_inline int count(enum outcome outcome, int action)
{
	__u32 index = outcome;
	__u64 *packets = bpf_map_lookup_elem(&outcomes, &index);

	if (packets)
		(*packets)++;
	return action;
}

static __always_inline int open_connection(const struct connection_key *key, __u64 length,
					   __u64 expires)
{
	struct connection fresh = { .expires = expires, .packets = 1, .bytes = length };

	if (bpf_map_update_elem(&connections, key, &fresh, BPF_NOEXIST))
		return count(NO_ROOM, XDP_DROP);
	return count(OPENED, XDP_PASS);
}

SEC("xdp")
int conntrack(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u64 length = data_end - data;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct ports *ports = (void *)(ip + 1);
	struct connection_key key = {};
	struct connection *known;
	__u32 seen_now, finished;
	__u64 now, expires;
	__u8 flags = 0;
	int outbound;

	if ((void *)(eth + 1) > data_end)
		return count(MALFORMED, XDP_DROP);
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return count(NOT_TRACKED, XDP_PASS);
	if ((void *)(ports + 1) > data_end || ip->version != 4 || ip->ihl != 5 ||
	    (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK)))
		return count(MALFORMED, XDP_DROP);

	now = bpf_ktime_get_ns();
	expires = now + UDP_IDLE_NS;
	if (ip->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)ports;

		if ((void *)(tcp + 1) > data_end)
			return count(MALFORMED, XDP_DROP);
		flags = ((__u8 *)tcp)[13];
		expires = now + TCP_IDLE_NS;
	} else if (ip->protocol != IPPROTO_UDP) {
		return count(UNSOLICITED, XDP_DROP);
	}

	outbound = (ip->saddr & bpf_htonl(INSIDE_MASK)) == bpf_htonl(INSIDE);
	key.inside = outbound ? ip->saddr : ip->daddr;
	key.outside = outbound ? ip->daddr : ip->saddr;
	key.inside_port = outbound ? ports->source : ports->dest;
	key.outside_port = outbound ? ports->dest : ports->source;
	key.protocol = ip->protocol;

	known = bpf_map_lookup_elem(&connections, &key);
	if (!known) {
		int opens = ip->protocol == IPPROTO_UDP || (flags & ~0xc0) == FLAG_SYN;

		if (!outbound || !opens)
			return count(UNSOLICITED, XDP_DROP);
		return open_connection(&key, length, expires);
	}

	/* An expired connection can be opened again from the inside, in its old place. */
	if (now >= known->expires && !outbound)
		return count(EXPIRED, XDP_DROP);
	known->expires = expires;
	known->packets++;
	known->bytes += length;
	seen_now = outbound ? 0 : ANSWERED;
	if (flags & FLAG_FIN)
		seen_now |= outbound ? INSIDE_FINISHED : OUTSIDE_FINISHED;
	known->seen |= seen_now;

	finished = INSIDE_FINISHED | OUTSIDE_FINISHED;
	if ((flags & FLAG_RST) ||
	    ((flags & FLAG_FIN) && (known->seen & finished) == finished)) {
		bpf_map_delete_elem(&connections, &key);
		return count(CLOSED, XDP_PASS);
	}
	return count(CARRIED, XDP_PASS);
}

char _license[] SEC("license") = "Dual MIT/GPL";
