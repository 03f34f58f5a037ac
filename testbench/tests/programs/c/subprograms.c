// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Global and static functions that are really called: through several levels,
// with pointers to the stack, to the context and to memory of a given size.
#include "net.h"

struct summary {
	__u32 source;
	__u32 dest;
	__u16 port;
	__u8 protocol;
	__u8 depth;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

__u64 visits;

/* Global: verified on its own, for any argument. */
__noinline __u32 hash3(__u32 a, __u32 b, __u32 c)
{
	a = (a ^ b) * 0x85ebca6b;
	b = (b ^ c) * 0xc2b2ae35;
	c ^= a >> 13 ^ b >> 16;
	return c ? c : 1;
}

/* Global, with a pointer to memory: may be null. */
__noinline int describe(const struct summary *s)
{
	if (!s)
		return -1;
	return s->protocol == IPPROTO_TCP ? s->port : s->port | 0x10000;
}

__noinline int record(__u32 key, __u64 weight)
{
	__u64 *n = bpf_map_lookup_elem(&seen, &key);

	if (n) {
		__sync_fetch_and_add(n, weight);
		return 0;
	}
	return bpf_map_update_elem(&seen, &key, &weight, BPF_NOEXIST);
}

/* Global, with the context: reads the packet for itself. */
__noinline int read_ports(struct xdp_md *ctx, __u32 at)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ports *ports;

	if (at > 200)
		return -1;
	ports = data + at;
	if ((void *)(ports + 1) > end)
		return -1;
	return bpf_ntohs(ports->dest);
}

static __noinline int deepest(struct summary *s, int n)
{
	volatile char pad[64];

	pad[n & 63] = s->depth;
	s->depth = pad[n & 63] + 1;
	visits++;
	return n * 3;
}

static __noinline int deeper(struct summary *s, int n)
{
	int r = deepest(s, n + 1);

	return s->depth > 3 ? r : r + deepest(s, n);
}

static __noinline int parse(struct xdp_md *ctx, struct summary *s)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	int port;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return -1;
	s->source = ip->saddr;
	s->dest = ip->daddr;
	s->protocol = ip->protocol;
	port = read_ports(ctx, sizeof(*eth) + ip->ihl * 4);
	if (port < 0)
		return -2;
	s->port = port;
	return deeper(s, port & 7);
}

SEC("xdp")
int subprograms(struct xdp_md *ctx)
{
	struct summary s = {};
	int rc = parse(ctx, &s), port;
	__u32 key;

	if (rc == -1)
		return XDP_PASS;
	if (rc < 0)
		return XDP_DROP;
	port = describe(&s);
	key = hash3(s.source, s.dest, port);
	if (record(key & 0x3ff, rc))
		return XDP_ABORTED;
	return key & 0x4000 ? XDP_TX : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
