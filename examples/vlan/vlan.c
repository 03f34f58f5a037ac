// SPDX-License-Identifier: MIT OR Apache-2.0
//
// VLAN translation: the outer VLAN of a frame (0 when it has no tag) selects an
// operation: push a tag, pop it, or rewrite it. Changed frames leave by the port
// they came from; frames without an entry pass unchanged.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN_ID_MASK 0x0fff

struct vlan_tag {
	__be16 tci;
	__be16 ethertype;
};

struct mac_pair {
	__u8 octet[2 * ETH_ALEN];
};

struct tagged_frame {
	struct mac_pair macs;
	__be16 ethertype;
	struct vlan_tag tag;
};

enum operation {
	KEEP,
	PUSH,
	POP,
	REWRITE,
};

struct translation {
	__u16 operation;
	__u16 vlan_id; /* of the tag to push or write, host byte order */
	__u32 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u16); /* outer VLAN id, host byte order */
	__type(value, struct translation);
} translations SEC(".maps");

static __always_inline int push(struct xdp_md *ctx, __u16 vlan_id)
{
	struct tagged_frame *frame = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct mac_pair macs;

	if ((void *)frame + ETH_HLEN > data_end)
		return XDP_DROP;
	macs = frame->macs;
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(struct vlan_tag)))
		return XDP_DROP;
	frame = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if ((void *)(frame + 1) > data_end)
		return XDP_DROP;
	/* The old ethertype already stands where the tag keeps it. */
	frame->macs = macs;
	frame->ethertype = bpf_htons(ETH_P_8021Q);
	frame->tag.tci = bpf_htons(vlan_id);
	return XDP_TX;
}

static __always_inline int pop(struct xdp_md *ctx)
{
	struct tagged_frame *frame = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct mac_pair macs;

	if ((void *)(frame + 1) > data_end)
		return XDP_DROP;
	macs = frame->macs;
	if (bpf_xdp_adjust_head(ctx, sizeof(struct vlan_tag)))
		return XDP_DROP;
	frame = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if ((void *)frame + sizeof(macs) > data_end)
		return XDP_DROP;
	frame->macs = macs;
	return XDP_TX;
}

SEC("xdp")
int vlan(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct tagged_frame *frame = data;
	struct translation *translation;
	__u16 vlan_id = 0;
	__u16 tci = 0;
	int tagged;

	if (data + ETH_HLEN > data_end)
		return XDP_DROP;
	tagged = frame->ethertype == bpf_htons(ETH_P_8021Q) ||
		 frame->ethertype == bpf_htons(ETH_P_8021AD);
	if (tagged) {
		if ((void *)(frame + 1) > data_end)
			return XDP_DROP;
		tci = bpf_ntohs(frame->tag.tci);
		vlan_id = tci & VLAN_ID_MASK;
	}

	translation = bpf_map_lookup_elem(&translations, &vlan_id);
	if (!translation)
		return XDP_PASS;
	translation->packets++;

	switch (translation->operation) {
	case PUSH:
		return push(ctx, translation->vlan_id);
	case POP:
		return tagged ? pop(ctx) : XDP_PASS;
	case REWRITE:
		if (!tagged || (void *)(frame + 1) > data_end)
			return XDP_PASS;
		/* Priority and drop eligibility stay. */
		frame->tag.tci = bpf_htons((tci & ~VLAN_ID_MASK) |
					   (translation->vlan_id & VLAN_ID_MASK));
		return XDP_TX;
	default:
		return XDP_PASS;
	}
}

char _license[] SEC("license") = "Dual MIT/GPL";
