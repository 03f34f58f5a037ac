// A pattern at any place of the payload; the pattern comes from a map.
#include "stress.h"

#ifndef PLACES
#define PLACES 8
#endif

struct pattern {
    __u32 size;
    __u8 bytes[16];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 8);
    __type(key, __u32);
    __type(value, struct pattern);
} patterns SEC(".maps");

not_inlined int matches(__u8 *at, void *end, struct pattern *p) {
    if (!p)
        return 0;
#pragma clang loop unroll(disable)
    for (int i = 0; i < 16; i++) {
        if (i >= p->size)
            return 1;
        if ((void *)(at + i + 1) > end || at[i] != p->bytes[i])
            return 0;
    }
    return 1;
}

SEC("xdp")
int search(struct xdp_md *ctx) {
    void *end = (void *)(long)ctx->data_end;
    __u8 *at = (void *)(long)ctx->data;
#pragma clang loop unroll(disable)
    for (__u32 k = 0; k < 8; k++) {
        struct pattern *p = bpf_map_lookup_elem(&patterns, &k);
        if (!p)
            return XDP_ABORTED;
#pragma clang loop unroll(disable)
        for (int i = 0; i < PLACES; i++) {
            if ((void *)(at + i + 1) > end)
                break;
            if (matches(at + i, end, p)) {
                count(k);
                return XDP_DROP;
            }
        }
    }
    return XDP_PASS;
}
