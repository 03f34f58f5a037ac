// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Global data of every kind: constants, tables, strings, initialised and zeroed
// variables, statics inside functions, sections with names of their own.
#include "net.h"

const volatile __u32 debug = 1;
const volatile __u64 magic = 0x1122334455667788;
static const char banner[] = "beeline";
static const __u16 well_known[] = { 22, 53, 80, 123, 443, 8080, 0 };
static volatile const __s8 signs[8] = { -1, 2, -3, 4, -5, 6, -7, 8 };

__u32 generation = 7;
struct {
	__u8 flag;
	__u16 half;
	__u32 word;
	__u64 twice;
} layout = { 1, 0x2233, 0x44556677, 0x8899aabbccddeeff };
__s64 balance = -1000;

__u64 packets;
__u32 per_service[8];
static __u64 hidden;
static __u8 ring[64];

__u32 tuned SEC(".data.tuning") = 3;
const char greeting[16] SEC(".rodata.text") = "hello, packet";

static __always_inline int service_of(__u16 port)
{
	for (int i = 0; i < 6; i++)
		if (well_known[i] == port)
			return i;
	return 7;
}

SEC("xdp")
int globals_prog(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct ports *ports = (void *)(ip + 1);
	static __u32 calls = 100;
	int service;
	__u32 at;

	packets++;
	calls += tuned;
	if ((void *)(ports + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	service = service_of(bpf_ntohs(ports->dest));
	per_service[service & 7]++;
	hidden += magic >> (service * 8 & 63);
	balance += (__s64)signs[service & 7] * (ip->ttl + 1);
	at = (ip->saddr ^ calls) & 63;
	ring[at] = ring[(at + 1) & 63] + banner[at & 7] + greeting[at & 15];
	layout.half ^= ip->id;
	layout.word = (layout.word << 1 | layout.word >> 31) + ring[at];
	layout.twice += layout.word;
	if (balance > 0)
		layout.flag ^= 1;
	generation = generation * 1103515245 + 12345;
	if (debug && service == 7 && (generation & 0xf0000) == 0)
		return XDP_DROP;
	ip->tos = hidden ^ layout.twice;
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
