// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Layer-2 access list: the source MAC address selects a rule, the rule holds the
// verdict (an XDP action) and counts what it matched. Unlisted stations pass and
// are counted together.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

struct mac {
	__u8 octet[ETH_ALEN];
};

struct rule {
	__u32 verdict; /* XDP action for frames of this station */
	__u32 reserved;
	__u64 packets;
	__u64 bytes;
};

struct totals {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct mac);
	__type(value, struct rule);
} acl SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct totals);
} unlisted SEC(".maps");

SEC("xdp")
int l2_acl(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u64 length = data_end - data;
	struct ethhdr *eth = data;
	struct mac source;
	struct rule *rule;

	if ((void *)(eth + 1) > data_end)
		return XDP_DROP;

	__builtin_memcpy(&source, eth->h_source, ETH_ALEN);
	rule = bpf_map_lookup_elem(&acl, &source);
	if (!rule) {
		__u32 zero = 0;
		struct totals *totals = bpf_map_lookup_elem(&unlisted, &zero);

		if (totals) {
			totals->packets++;
			totals->bytes += length;
		}
		return XDP_PASS;
	}

	__sync_fetch_and_add(&rule->packets, 1);
	__sync_fetch_and_add(&rule->bytes, length);
	return rule->verdict;
}

char _license[] SEC("license") = "Dual MIT/GPL";
