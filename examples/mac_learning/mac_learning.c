// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Learning switch: each frame teaches behind which port its sender is, and
// leaves by the port behind which its receiver was last seen. Stations that
// were silent for too long count as unknown. What must be flooded (unknown and group
// addresses) goes to the host, which also puts in stations that never move.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define AGE_NS 5000000 /* a station is forgotten after that */
#define VLAN_ID_MASK 0x0fff
#define GROUP_BIT 1

struct vlan_tag {
	__be16 tci;
	__be16 ethertype;
};

struct station_key {
	__u8 mac[ETH_ALEN];
	__u16 vlan; /* 0: untagged */
};

struct station {
	__u64 expires; /* ns */
	__u32 port;
	__u32 moves;
};

enum outcome {
	FORWARDED,
	FILTERED, /* the receiver is behind the port the frame came from */
	FLOODED,
	MALFORMED,
	NO_ROOM, /* the sender could not be learned; the frame goes its way */
	OUTCOMES,
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct station_key);
	__type(value, struct station);
} stations SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 16);
	__type(key, __u32); /* port number: the interface's */
	__type(value, __u32);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OUTCOMES);
	__type(key, __u32);
	__type(value, __u64);
} outcomes SEC(".maps");

static __always_inline int count(enum outcome outcome, int action)
{
	__u32 index = outcome;
	__u64 *packets = bpf_map_lookup_elem(&outcomes, &index);

	if (packets)
		__sync_fetch_and_add(packets, 1);
	return action;
}

/* Notes that the station is behind `port` now; not 0 if there is no room for it. */
static __always_inline long learn(const struct station_key *key, __u32 port, __u64 expires)
{
	struct station *known = bpf_map_lookup_elem(&stations, key);
	struct station fresh = { .expires = expires, .port = port };

	if (!known)
		return bpf_map_update_elem(&stations, key, &fresh, BPF_NOEXIST);
	if (known->port != port) {
		known->port = port;
		known->moves++;
	}
	known->expires = expires;
	return 0;
}

SEC("xdp")
int mac_learning(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u32 port = ctx->ingress_ifindex;
	struct station_key sender = {}, receiver = {};
	struct vlan_tag *tag;
	struct station *station;
	struct ethhdr *eth = data;
	__u32 out = 0;
	__u64 now;

	if ((void *)(eth + 1) > data_end || (eth->h_source[0] & GROUP_BIT))
		return count(MALFORMED, XDP_DROP);
	if (eth->h_proto == bpf_htons(ETH_P_8021Q)) {
		tag = (void *)(eth + 1);
		if ((void *)(tag + 1) > data_end)
			return count(MALFORMED, XDP_DROP);
		sender.vlan = bpf_ntohs(tag->tci) & VLAN_ID_MASK;
		receiver.vlan = sender.vlan;
	}
	__builtin_memcpy(sender.mac, eth->h_source, ETH_ALEN);
	__builtin_memcpy(receiver.mac, eth->h_dest, ETH_ALEN);
	now = bpf_ktime_get_ns();

	station = bpf_map_lookup_elem(&stations, &receiver);
	if (station && now < station->expires)
		out = station->port;
	if (learn(&sender, port, now + AGE_NS))
		count(NO_ROOM, 0);

	if (!out)
		return count(FLOODED, XDP_PASS);
	if (out == port)
		return count(FILTERED, XDP_DROP);
	count(FORWARDED, 0);
	return bpf_redirect_map(&ports, out, XDP_PASS);
}

char _license[] SEC("license") = "Dual MIT/GPL";
