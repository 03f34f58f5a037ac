// Tunnels in tunnels: a loop over layers, in each a loop over VLAN tags and one over IPv6 extension headers.
#include "stress.h"

#ifndef LAYERS
#define LAYERS 1
#endif

struct layer {
    __u16 proto;
    __u8 next;
};

inline_always int skip_tags(struct cursor *c, __u16 *proto) {
#pragma clang loop unroll(disable)
    for (int i = 0; i < 4; i++) {
        if (*proto != bpf_htons(ETH_P_8021Q) && *proto != bpf_htons(ETH_P_8021AD))
            return 0;
        __u16 *tag = c->at;
        if ((void *)(tag + 2) > c->end)
            return -1;
        *proto = tag[1];
        c->at = tag + 2;
    }
    return 0;
}

inline_always int skip_extensions(struct cursor *c, __u8 *next) {
#pragma clang loop unroll(disable)
    for (int i = 0; i < 8; i++) {
        __u8 *h = c->at;
        switch (*next) {
        case 0:
        case 43:
        case 60:
            if ((void *)(h + 8) > c->end)
                return -1;
            *next = h[0];
            c->at = h + 8 + h[1] * 8;
            break;
        case 44:
            if ((void *)(h + 8) > c->end)
                return -1;
            *next = h[0];
            c->at = h + 8;
            break;
        case 51:
            if ((void *)(h + 8) > c->end)
                return -1;
            *next = h[0];
            c->at = h + 8 + h[1] * 4;
            break;
        default:
            return 0;
        }
    }
    return -1;
}

SEC("xdp")
int chain(struct xdp_md *ctx) {
    struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
    struct ethhdr *eth = c.at;
    if ((void *)(eth + 1) > c.end)
        return XDP_DROP;
    __u16 proto = eth->h_proto;
    c.at = eth + 1;
#pragma clang loop unroll(disable)
    for (int layer = 0; layer < LAYERS; layer++) {
        if (skip_tags(&c, &proto))
            return XDP_DROP;
        __u8 next;
        if (proto == bpf_htons(ETH_P_IP)) {
            struct iphdr *ip = c.at;
            if ((void *)(ip + 1) > c.end)
                return XDP_DROP;
            __u32 bytes = ip->ihl * 4;
            if (bytes < 20)
                return XDP_DROP;
            next = ip->protocol;
            c.at += bytes;
        } else if (proto == bpf_htons(ETH_P_IPV6)) {
            struct ipv6hdr *ip = c.at;
            if ((void *)(ip + 1) > c.end)
                return XDP_DROP;
            next = ip->nexthdr;
            c.at = ip + 1;
            if (skip_extensions(&c, &next))
                return XDP_DROP;
        } else {
            count(1);
            return XDP_PASS;
        }
        switch (next) {
        case 4:
            proto = bpf_htons(ETH_P_IP);
            break;
        case 41:
            proto = bpf_htons(ETH_P_IPV6);
            break;
        case 47: {
            __u16 *gre = c.at;
            if ((void *)(gre + 2) > c.end)
                return XDP_DROP;
            proto = gre[1];
            c.at = gre + 2;
            if (gre[0] & bpf_htons(0x8000))
                c.at += 4;
            if (gre[0] & bpf_htons(0x2000))
                c.at += 4;
            break;
        }
        default:
            count(next);
            return XDP_TX;
        }
    }
    return XDP_ABORTED;
}
