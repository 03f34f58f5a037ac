// Nested bounded loops over a table on the stack: a small sorting network, a matrix, a sieve.
#include "stress.h"

#ifndef SIDE
#define SIDE 32
#endif

SEC("xdp")
int nested(struct xdp_md *ctx) {
    void *end = (void *)(long)ctx->data_end;
    __u8 *p = (void *)(long)ctx->data;
    if ((void *)(p + 64) > end)
        return XDP_DROP;
    __u8 table[SIDE];
#pragma clang loop unroll(disable)
    for (int i = 0; i < SIDE; i++)
        table[i] = p[i];
#pragma clang loop unroll(disable)
    for (int i = 0; i < SIDE - 1; i++) {
#pragma clang loop unroll(disable)
        for (int j = 0; j < SIDE - 1 - i; j++) {
            __u8 a = table[j & (SIDE - 1)], b = table[(j + 1) & (SIDE - 1)];
            if (a > b) {
                table[j & (SIDE - 1)] = b;
                table[(j + 1) & (SIDE - 1)] = a;
            }
        }
    }
    __u32 sum = 0;
#pragma clang loop unroll(disable)
    for (int i = 0; i < SIDE; i++)
#pragma clang loop unroll(disable)
        for (int j = 0; j < SIDE; j++)
            sum += table[i] * table[j];
    p[0] = table[0];
    p[1] = table[SIDE - 1];
    count(sum & 255);
    return sum & 1 ? XDP_TX : XDP_PASS;
}
