// The labels of a DNS question, lower case, hashed, into a key on the stack.
#include "stress.h"

#ifndef TEXT
#define TEXT 32
#endif

struct name {
    __u8 text[TEXT];
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, struct name);
    __type(value, __u32);
} blocked SEC(".maps");

SEC("xdp")
int names(struct xdp_md *ctx) {
    void *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = (void *)(long)ctx->data;
    struct iphdr *ip = (void *)(eth + 1);
    struct udphdr *udp = (void *)(ip + 1);
    __u8 *p = (void *)(udp + 1);
    if ((void *)(p + 12) > end)
        return XDP_PASS;
    if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_UDP || ip->ihl != 5)
        return XDP_PASS;
    p += 12;
    struct name name = {};
    __u32 left = 0, labels = 0, hash = 5381;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < sizeof(name.text); i++) {
        if ((void *)(p + 1) > end)
            return XDP_DROP;
        __u8 c = *p++;
        if (left == 0) {
            if (c == 0)
                break;
            if (c > 63)
                return XDP_DROP;
            left = c;
            labels++;
        } else {
            left--;
            if (c >= 'A' && c <= 'Z')
                c += 32;
            name.text[i] = c;
            hash = hash * 33 + c;
        }
    }
    if (bpf_map_lookup_elem(&blocked, &name))
        return XDP_DROP;
    count(hash & 255);
    return labels > 4 ? XDP_TX : XDP_PASS;
}
