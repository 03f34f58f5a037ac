// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Source NAT: hosts of the inside share one outside address. The first packet of
// a flow binds a port of that address: one of two that the flow's hash selects, the
// first that is free. The two maps hold the two directions of a binding. Packets
// are rewritten with their checksums; idle bindings are for the host to remove.
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
#define OUTSIDE 0xc6336401 /* 198.51.100.1 */
#define IP_FRAGMENT_MASK 0x3fff

#define BINDINGS 2048
#define FIRST_PORT 0x8000
#define PORT_MASK 0x3fff

struct ports {
	__be16 source;
	__be16 dest;
};

/* A host of the inside as its packets show it. */
struct inside {
	__be32 address;
	__be16 port;
	__u16 protocol;
};

/* Its place on the outside. */
struct outside {
	__be16 port;
	__u16 protocol;
};

struct binding {
	__be16 port; /* on the outside */
	__u16 reserved;
	__u32 packets;
	__u64 seen; /* ns; tells the host which bindings are idle */
};

struct owner {
	__be32 address;
	__be16 port;
	__u16 reserved;
};

enum outcome {
	NOT_TRANSLATED,
	OUTBOUND,
	INBOUND,
	BOUND,
	NO_PORT,
	NO_BINDING,
	OUTCOMES,
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BINDINGS);
	__type(key, struct inside);
	__type(value, struct binding);
} bindings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BINDINGS);
	__type(key, struct outside);
	__type(value, struct owner);
} owners SEC(".maps");

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

/* The checksum `check` after an address and a port below it have changed (RFC 1624). */
static __always_inline __u16 update_checksum(__u16 check, __be32 old_address, __be32 new_address,
					     __be16 old_port, __be16 new_port)
{
	__u32 sum = (__u16)~check;

	sum += (__u16)~old_address + (__u16)(~old_address >> 16) + (__u16)~old_port;
	sum += (__u16)new_address + (new_address >> 16) + new_port;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Puts `address` and `port` into the packet; -1 if its transport header is not all there. */
static __always_inline int rewrite(struct iphdr *ip, void *data_end, __be32 *address, __be16 *port,
				   __be32 new_address, __be16 new_port)
{
	__be32 old_address = *address;
	__be16 old_port = *port;

	if (ip->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)(ip + 1);

		if ((void *)(tcp + 1) > data_end)
			return -1;
		tcp->check = update_checksum(tcp->check, old_address, new_address, old_port,
					     new_port);
	} else {
		struct udphdr *udp = (void *)(ip + 1);

		if ((void *)(udp + 1) > data_end)
			return -1;
		if (udp->check) {
			__u16 check = update_checksum(udp->check, old_address, new_address,
						      old_port, new_port);

			udp->check = check ? check : 0xffff;
		}
	}
	ip->check = update_checksum(ip->check, old_address, new_address, 0, 0);
	*address = new_address;
	*port = new_port;
	return 0;
}

static __always_inline __u32 hash_of(const struct inside *key)
{
	__u32 hash = key->address * 0x9e3779b1;

	hash ^= ((__u32)key->port << 16 | key->protocol) * 0x85ebca6b;
	return hash ^ hash >> 15;
}

static __always_inline struct outside candidate(const struct inside *key, __u32 bits)
{
	return (struct outside){
		.port = bpf_htons(FIRST_PORT + (bits & PORT_MASK)),
		.protocol = key->protocol,
	};
}

/* Binds `key` to `place`, which is free; 0 if there is no room. */
static __always_inline __be16 claim(const struct inside *key, const struct outside *place,
				    __u64 now)
{
	struct owner owner = { .address = key->address, .port = key->port };
	struct binding fresh = { .port = place->port, .packets = 1, .seen = now };
	long failed;

	/* The maps are equally large and filled in step: both have room, or none. */
	failed = bpf_map_update_elem(&bindings, key, &fresh, BPF_NOEXIST);
	failed |= bpf_map_update_elem(&owners, place, &owner, BPF_NOEXIST);
	return failed ? 0 : place->port;
}

/* Binds a free port to `key`; 0 if there is none. */
static __always_inline __be16 bind_port(const struct inside *key, __u64 now)
{
	__u32 hash = hash_of(key);
	struct outside first = candidate(key, hash), second = candidate(key, hash >> 16);
	__be16 port = 0;

	if (!bpf_map_lookup_elem(&owners, &first)) {
		port = claim(key, &first, now);
		/* Keeps the two claims apart: each key is then looked up once. */
		barrier();
	} else if (!bpf_map_lookup_elem(&owners, &second)) {
		port = claim(key, &second, now);
	}
	return port;
}

static __always_inline int outbound(struct iphdr *ip, struct ports *ports, void *data_end,
				    __u64 now)
{
	struct inside key = {
		.address = ip->saddr,
		.port = ports->source,
		.protocol = ip->protocol,
	};
	struct binding *binding = bpf_map_lookup_elem(&bindings, &key);
	enum outcome outcome = OUTBOUND;
	__be16 port;

	if (binding) {
		port = binding->port;
		binding->packets++;
		binding->seen = now;
	} else {
		port = bind_port(&key, now);
		if (!port)
			return count(NO_PORT, XDP_DROP);
		outcome = BOUND;
	}
	if (rewrite(ip, data_end, &ip->saddr, &ports->source, bpf_htonl(OUTSIDE), port))
		return count(NOT_TRANSLATED, XDP_DROP);
	return count(outcome, XDP_TX);
}

static __always_inline int inbound(struct iphdr *ip, struct ports *ports, void *data_end)
{
	struct outside place = { .port = ports->dest, .protocol = ip->protocol };
	struct owner *owner = bpf_map_lookup_elem(&owners, &place);

	if (!owner)
		return count(NO_BINDING, XDP_DROP);
	if (rewrite(ip, data_end, &ip->daddr, &ports->dest, owner->address, owner->port))
		return count(NOT_TRANSLATED, XDP_DROP);
	return count(INBOUND, XDP_TX);
}

SEC("xdp")
int snat(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct ports *ports = (void *)(ip + 1);

	if ((void *)(ports + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return count(NOT_TRANSLATED, XDP_PASS);
	if (ip->version != 4 || ip->ihl != 5 || (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK)))
		return count(NOT_TRANSLATED, XDP_DROP);
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return count(NOT_TRANSLATED, XDP_PASS);

	if ((ip->saddr & bpf_htonl(INSIDE_MASK)) == bpf_htonl(INSIDE))
		return outbound(ip, ports, data_end, bpf_ktime_get_ns());
	if (ip->daddr == bpf_htonl(OUTSIDE))
		return inbound(ip, ports, data_end);
	return count(NOT_TRANSLATED, XDP_PASS);
}

char _license[] SEC("license") = "Dual MIT/GPL";
