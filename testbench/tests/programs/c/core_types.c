// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Asks the running kernel's types: which fields, enumerators and types exist, and
// how large they are, and chooses its limits from the answers (CO-RE).
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* The kernel's structs, as far as we care; `___ours` is cut off for the match. */
struct xdp_frame___ours {
	void *data;
	__u32 len;
	__u32 headroom;
	__u32 metasize;
};

struct xdp_frame___old {
	__u16 len;
	__u16 headroom;
	__u32 metasize;
};

struct never_in_any_kernel {
	int field;
};

#pragma clang attribute pop

enum bpf_map_type___ours {
	BPF_MAP_TYPE_RINGBUF___ours = 99,
	BPF_MAP_TYPE_DOES_NOT_EXIST = 5000,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} answers SEC(".maps");

static __always_inline void answer(__u32 index, __u64 value)
{
	__u64 *slot = bpf_map_lookup_elem(&answers, &index);

	if (slot)
		*slot = value;
}

SEC("xdp")
int core_types(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 room = 64;

	answer(0, bpf_core_type_exists(struct never_in_any_kernel));
	answer(1, bpf_core_field_exists(struct xdp_frame___ours, metasize));
	answer(2, bpf_core_enum_value_exists(enum bpf_map_type___ours, BPF_MAP_TYPE_RINGBUF___ours));
	answer(3, bpf_core_enum_value_exists(enum bpf_map_type___ours, BPF_MAP_TYPE_DOES_NOT_EXIST));
	answer(4, bpf_core_enum_value(enum bpf_map_type___ours, BPF_MAP_TYPE_RINGBUF___ours));
	if (bpf_core_field_exists(struct xdp_frame___ours, headroom))
		room = bpf_core_field_size(struct xdp_frame___ours, headroom) * 16;
	answer(5, room);
	answer(6, bpf_core_field_size(struct xdp_frame___old, metasize));
	if (bpf_core_type_exists(struct never_in_any_kernel))
		return XDP_ABORTED;
	if (end - data < room)
		return XDP_DROP;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
