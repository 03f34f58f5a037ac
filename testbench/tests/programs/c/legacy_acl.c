// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A MAC and port access list as written before BTF: map definitions are plain
// structs in section `maps`, the program's section has a name of its own.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#define SECTION(name) __attribute__((section(name), used))
#define inline_ static inline __attribute__((always_inline))

static void *(*lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*update)(void *map, const void *key, const void *value, __u64 flags) =
	(void *)BPF_FUNC_map_update_elem;

struct map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
};

struct map_def SECTION("maps") macs = {
	.type = BPF_MAP_TYPE_HASH,
	.key_size = 6,
	.value_size = 4,
	.max_entries = 256,
};

struct map_def SECTION("maps") udp_ports = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u32),
	.max_entries = 65536,
};

struct map_def SECTION("maps") seen = {
	.type = BPF_MAP_TYPE_PERCPU_HASH,
	.key_size = 6,
	.value_size = sizeof(__u64),
	.max_entries = 512,
	.map_flags = BPF_F_NO_PREALLOC,
};

inline_ void remember(const __u8 *mac)
{
	__u64 one = 1, *count;
	__u8 key[6];

	__builtin_memcpy(key, mac, 6);
	count = lookup(&seen, key);
	if (count)
		*count += 1;
	else
		update(&seen, key, &one, BPF_NOEXIST);
}

SECTION("acl_ingress")
int acl(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	void *at = (void *)(long)ctx->data;
	struct ethhdr *eth = at;
	struct iphdr *ip;
	struct udphdr *udp;
	__u32 *action, port;
	__u8 mac[6];

	if (at + sizeof(*eth) > end)
		return XDP_ABORTED;
	__builtin_memcpy(mac, eth->h_source, 6);
	action = lookup(&macs, mac);
	if (action && *action != XDP_PASS)
		return *action;
	if (!action)
		remember(mac);
	if (eth->h_proto != __builtin_bswap16(ETH_P_IP))
		return XDP_PASS;
	ip = at + sizeof(*eth);
	if ((void *)ip + sizeof(*ip) > end)
		return XDP_DROP;
	if (ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	udp = (void *)ip + sizeof(*ip);
	if ((void *)udp + sizeof(*udp) > end)
		return XDP_DROP;
	port = __builtin_bswap16(udp->dest);
	action = lookup(&udp_ports, &port);
	if (!action)
		return XDP_ABORTED;
	return *action ? XDP_DROP : XDP_PASS;
}

char _license[] SECTION("license") = "GPL";
