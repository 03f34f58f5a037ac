// A firewall that tries 64 rules from a map in a loop; each rule is a chain of conditions.
#include "stress.h"

struct rule {
    __u32 src, src_mask, dst, dst_mask;
    __u16 sport_min, sport_max, dport_min, dport_max;
    __u8 proto, flags, action, used;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, struct rule);
} rules SEC(".maps");

struct tuple {
    __u32 src, dst;
    __u16 sport, dport;
    __u8 proto, flags;
};

not_inlined int fits(struct tuple *t, struct rule *r) {
    if (!t || !r || !r->used)
        return 0;
    if ((t->src & r->src_mask) != r->src || (t->dst & r->dst_mask) != r->dst)
        return 0;
    if (r->proto && r->proto != t->proto)
        return 0;
    if (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP) {
        if (t->sport < r->sport_min || t->sport > r->sport_max)
            return 0;
        if (t->dport < r->dport_min || t->dport > r->dport_max)
            return 0;
        if (t->proto == IPPROTO_TCP && (t->flags & r->flags) != r->flags)
            return 0;
    }
    return 1;
}

SEC("xdp")
int firewall(struct xdp_md *ctx) {
    void *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = (void *)(long)ctx->data;
    struct iphdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
        return XDP_PASS;
    struct tuple t = {.src = ip->saddr, .dst = ip->daddr, .proto = ip->protocol};
    void *l4 = (void *)ip + ip->ihl * 4;
    if (t.proto == IPPROTO_TCP) {
        struct tcphdr *tcp = l4;
        if ((void *)(tcp + 1) > end)
            return XDP_DROP;
        t.sport = bpf_ntohs(tcp->source);
        t.dport = bpf_ntohs(tcp->dest);
        t.flags = ((__u8 *)tcp)[13];
    } else if (t.proto == IPPROTO_UDP) {
        struct udphdr *udp = l4;
        if ((void *)(udp + 1) > end)
            return XDP_DROP;
        t.sport = bpf_ntohs(udp->source);
        t.dport = bpf_ntohs(udp->dest);
    }
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < 64; i++) {
        __u32 key = i;
        struct rule *r = bpf_map_lookup_elem(&rules, &key);
        if (r && fits(&t, r)) {
            count(i);
            return r->action ? XDP_DROP : XDP_PASS;
        }
    }
    return XDP_PASS;
}
