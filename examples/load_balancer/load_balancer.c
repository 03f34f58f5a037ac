// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Layer-4 load balancer: packets to a service go to one of its backends inside an
// IP-in-IP tunnel. A new connection takes the backend at its hash in a table that
// the host fills by consistent hashing; the connection table keeps it there
// when the table changes. The connection that was silent longest gives way.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SERVICES 16
#define TABLE_BITS 8 /* log2 of the places of each service */
#define BACKENDS 64
#define IP_FRAGMENT_MASK 0x3fff
#define TUNNEL_MTU 1500
#define TUNNEL_TTL 64
#define DONT_FRAGMENT 0x4000

struct ports {
	__be16 source;
	__be16 dest;
};

struct service_key {
	__be32 address;
	__be16 port;
	__u16 protocol;
};

struct connection_key {
	__be32 source;
	__be32 dest;
	struct ports ports;
	__u32 protocol;
};

struct connection {
	__u32 backend;
	__u32 packets;
	__u64 seen; /* ns */
};

struct backend {
	__be32 address;
	__u8 next_hop[ETH_ALEN];
	__u8 reserved[2];
};

struct traffic {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SERVICES);
	__type(key, struct service_key);
	__type(value, __u32); /* number of the service: its part of `table` */
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SERVICES << TABLE_BITS);
	__type(key, __u32);
	__type(value, __u32); /* index of a backend */
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct connection_key);
	__type(value, struct connection);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BACKENDS);
	__type(key, __u32);
	__type(value, struct backend);
} backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BACKENDS);
	__type(key, __u32);
	__type(value, struct traffic);
} forwarded SEC(".maps");

static __always_inline __u32 hash_of(const struct connection_key *key)
{
	__u32 hash = key->source * 0x9e3779b1;

	hash ^= ((__u32)key->ports.source << 16 | key->ports.dest) * 0x85ebca6b;
	hash ^= hash >> 15;
	return hash * 0xc2b2ae35;
}

/* Internet checksum of a header without options whose check field is zero. */
static __always_inline __u16 header_checksum(const struct iphdr *ip)
{
	const __u16 *word = (const void *)ip;
	__u32 sum = 0;

#pragma unroll
	for (unsigned int i = 0; i < sizeof(*ip) / 2; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline int encapsulate(struct xdp_md *ctx, const struct backend *backend,
				       __be32 local, __u16 length)
{
	struct iphdr outer = {
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons(length + sizeof(outer)),
		.frag_off = bpf_htons(DONT_FRAGMENT),
		.ttl = TUNNEL_TTL,
		.protocol = IPPROTO_IPIP,
		.saddr = local,
		.daddr = backend->address,
	};
	struct ethhdr *eth, *old;
	void *data_end;

	outer.check = header_checksum(&outer);
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(outer)))
		return XDP_DROP;
	eth = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	old = (void *)eth + sizeof(outer);
	if ((void *)(old + 1) > data_end)
		return XDP_DROP;
	__builtin_memcpy(eth->h_source, old->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, backend->next_hop, ETH_ALEN);
	eth->h_proto = bpf_htons(ETH_P_IP);
	__builtin_memcpy(eth + 1, &outer, sizeof(outer));
	return XDP_TX;
}

/* The backend of the packet's connection, which is made if it is new; -1: none. */
static __always_inline int select_backend(const struct connection_key *key, __u32 service)
{
	__u32 place = service << TABLE_BITS | hash_of(key) >> (32 - TABLE_BITS);
	__u32 *by_hash = bpf_map_lookup_elem(&table, &place);
	struct connection fresh = { .packets = 1 };
	struct connection *known;
	__u32 selected;

	if (!by_hash)
		return -1;
	selected = *by_hash;
	barrier_var(selected); /* or clang reads it through one of two pointers */
	fresh.backend = selected;
	fresh.seen = bpf_ktime_get_ns();
	known = bpf_map_lookup_elem(&connections, key);
	if (known) {
		known->packets++;
		known->seen = fresh.seen;
		return known->backend;
	}
	bpf_map_update_elem(&connections, key, &fresh, BPF_ANY);
	return selected;
}

SEC("xdp")
int load_balancer(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct ports *ports = (void *)(ip + 1);
	struct service_key service_key = {};
	struct connection_key key = {};
	struct traffic *traffic;
	struct backend *backend;
	__u32 index, *service;
	__u16 length;
	int selected;

	if ((void *)(ports + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->version != 4 || ip->ihl != 5 || (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK)))
		return XDP_DROP;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	length = bpf_ntohs(ip->tot_len);
	if (length > TUNNEL_MTU - sizeof(*ip))
		return XDP_PASS; /* the host answers "fragmentation needed" */

	service_key.address = ip->daddr;
	service_key.port = ports->dest;
	service_key.protocol = ip->protocol;
	service = bpf_map_lookup_elem(&services, &service_key);
	if (!service)
		return XDP_PASS;

	key.source = ip->saddr;
	key.dest = ip->daddr;
	key.ports = *ports;
	key.protocol = ip->protocol;
	selected = select_backend(&key, *service);
	if (selected < 0)
		return XDP_DROP;
	index = selected;
	backend = bpf_map_lookup_elem(&backends, &index);
	if (!backend || !backend->address)
		return XDP_DROP;
	traffic = bpf_map_lookup_elem(&forwarded, &index);
	if (traffic) {
		traffic->packets++;
		traffic->bytes += length;
	}
	return encapsulate(ctx, backend, key.dest, length);
}

char _license[] SEC("license") = "Dual MIT/GPL";
