// SPDX-License-Identifier: MIT OR Apache-2.0
//
// In the style of programs loaded by `ip link`: maps of the larger `bpf_elf_map`
// form in section `maps`, the section called `prog`, no BTF-defined maps.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#define __section(x) __attribute__((section(x), used))
#define PIN_GLOBAL_NS 2

struct bpf_elf_map {
	__u32 type;
	__u32 size_key;
	__u32 size_value;
	__u32 max_elem;
	__u32 flags;
	__u32 id;
	__u32 pinning;
	__u32 inner_id;
	__u32 inner_idx;
};

struct bpf_elf_map __section("maps") lengths = {
	.type = BPF_MAP_TYPE_ARRAY,
	.size_key = 4,
	.size_value = 8,
	.max_elem = 16,
	.pinning = PIN_GLOBAL_NS,
};

struct bpf_elf_map __section("maps") banned = {
	.type = BPF_MAP_TYPE_LPM_TRIE,
	.size_key = 8,
	.size_value = 1,
	.max_elem = 1000,
	.flags = BPF_F_NO_PREALLOC,
	.id = 2,
};

static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static long (*adjust_head)(struct xdp_md *ctx, int delta) = (void *)44;

__section("prog")
int ingress(struct xdp_md *ctx)
{
	void *data = (void *)(unsigned long)ctx->data;
	void *data_end = (void *)(unsigned long)ctx->data_end;
	struct ethhdr *eth = data;
	struct {
		__u32 length;
		__u32 address;
	} key = { 32, 0 };
	__u32 slot;
	__u64 *count;
	__u8 *ban;

	if (data + sizeof(*eth) > data_end)
		return XDP_DROP;
	slot = (unsigned long)(data_end - data) >> 7;
	if (slot > 15)
		slot = 15;
	count = map_lookup(&lengths, &slot);
	if (count)
		__sync_fetch_and_add(count, 1);
	if (eth->h_proto == __builtin_bswap16(ETH_P_IP)) {
		struct iphdr *ip = data + sizeof(*eth);

		if ((void *)(ip + 1) > data_end)
			return XDP_DROP;
		key.address = ip->saddr;
		ban = map_lookup(&banned, &key);
		if (ban)
			return *ban > 4 ? XDP_ABORTED : *ban;
	} else if (eth->h_proto == __builtin_bswap16(0x88e5)) {
		/* Cut an outer header of 16 bytes off. */
		if (adjust_head(ctx, 16))
			return XDP_DROP;
		return XDP_TX;
	}
	return XDP_PASS;
}

char __license[] __section("license") = "GPL";
