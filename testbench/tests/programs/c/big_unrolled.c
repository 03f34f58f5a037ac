// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A long program: hashes every word of the first 256 bytes, unrolled, with eight
// rounds of a keyed mix, and compares the result with a table of known packets.
#include "net.h"

struct digest {
	__u32 a, b;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct digest);
	__type(value, __u32);
} known SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct digest);
	__type(value, __u32);
} repeats SEC(".maps");

const volatile __u32 keys[4] = { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 };

#define WORDS 64

#define MIX(w, k)                                                                                  \
	do {                                                                                       \
		a += (w) ^ (k);                                                                    \
		b ^= a << 7 | a >> 25;                                                             \
		a = (a ^ b) * 0x9e3779b1;                                                          \
		b += a << 11 | a >> 21;                                                            \
		b ^= (w) >> 3;                                                                     \
	} while (0)

SEC("xdp")
int big_unrolled(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 *word = data, a = keys[0], b = keys[1], *action, first = 1;
	__u32 length = end - data;
	struct digest digest;

#pragma clang loop unroll(full)
	for (int i = 0; i < WORDS; i++) {
		if ((void *)(word + i + 1) > end)
			goto done;
		MIX(word[i], keys[i & 3]);
		MIX(word[i] >> 16, i * 0x01000193);
		if ((a & 0xffff) == 0x1234)
			b ^= length;
	}
done:
	a ^= length;
	digest.a = a;
	digest.b = b;
	action = bpf_map_lookup_elem(&known, &digest);
	if (action)
		return *action & 3;
	action = bpf_map_lookup_elem(&repeats, &digest);
	if (!action) {
		bpf_map_update_elem(&repeats, &digest, &first, BPF_ANY);
		return XDP_PASS;
	}
	*action += 1;
	return *action > 3 ? XDP_DROP : XDP_TX;
}

char _license[] SEC("license") = "GPL";
