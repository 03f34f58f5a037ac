// TCP options byte by byte, as load balancers and SYN proxies read them.
#include "stress.h"

#ifndef OPTIONS
#define OPTIONS 5
#endif

struct found {
    __u32 mss, scale, sack, stamp, echo;
};

inline_always int options(struct cursor *c, __u32 left, struct found *f) {
    __u8 *p = c->at;
#pragma clang loop unroll(disable)
    for (int i = 0; i < OPTIONS; i++) {
        if (left == 0 || left > 40)
            return 0;
        if ((void *)(p + 1) > c->end)
            return -1;
        __u8 kind = *p;
        if (kind == 0)
            return 0;
        if (kind == 1) {
            p++;
            left--;
            continue;
        }
        if ((void *)(p + 2) > c->end)
            return -1;
        __u8 size = p[1];
        if (size < 2 || size > left)
            return -1;
        switch (kind) {
        case 2:
            if (size != 4 || (void *)(p + 4) > c->end)
                return -1;
            f->mss = p[2] << 8 | p[3];
            break;
        case 3:
            if (size != 3 || (void *)(p + 3) > c->end)
                return -1;
            f->scale = p[2];
            break;
        case 4:
            f->sack = 1;
            break;
        case 8:
            if (size != 10 || (void *)(p + 10) > c->end)
                return -1;
            f->stamp = p[2] << 24 | p[3] << 16 | p[4] << 8 | p[5];
            f->echo = p[6] << 24 | p[7] << 16 | p[8] << 8 | p[9];
            break;
        }
        p += size;
        left -= size;
    }
    return 0;
}

SEC("xdp")
int tcp_options(struct xdp_md *ctx) {
    struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
    struct ethhdr *eth = c.at;
    struct iphdr *ip = (void *)(eth + 1);
    struct tcphdr *tcp = (void *)(ip + 1);
    if ((void *)(tcp + 1) > c.end)
        return XDP_PASS;
    if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_TCP || ip->ihl != 5)
        return XDP_PASS;
    struct found f = {};
    c.at = tcp + 1;
    if (tcp->doff < 5)
        return XDP_DROP;
    if (options(&c, tcp->doff * 4 - 20, &f))
        return XDP_DROP;
    count(f.scale & 255);
    count(f.mss & 255);
    if (f.sack && f.stamp > f.echo)
        return XDP_TX;
    return f.mss > 1400 ? XDP_DROP : XDP_PASS;
}
