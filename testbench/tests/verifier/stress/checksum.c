// A checksum over up to 1,480 bytes, word by word, and the odd byte.
#include "stress.h"

SEC("xdp")
int checksum(struct xdp_md *ctx) {
    void *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = (void *)(long)ctx->data;
    struct iphdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
        return XDP_PASS;
    __u16 *word = (void *)(ip + 1);
    __u32 sum = 0;
#pragma clang loop unroll(disable)
    for (int i = 0; i < 740; i++) {
        if ((void *)(word + 1) > end)
            break;
        sum += *word++;
    }
    if ((void *)word + 1 <= end)
        sum += *(__u8 *)word;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    if (sum != 0xffff)
        return XDP_DROP;
    count(ip->tos);
    return XDP_PASS;
}
