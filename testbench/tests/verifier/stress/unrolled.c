// Loops that are unrolled completely: several thousand instructions in a row, with a check of the packet's end in each piece.
#include "stress.h"

#ifndef BYTES
#define BYTES 16
#endif

SEC("xdp")
int unrolled(struct xdp_md *ctx) {
    void *end = (void *)(long)ctx->data_end;
    __u8 *p = (void *)(long)ctx->data;
    __u32 hash = 0, zeros = 0, letters = 0;
#pragma clang loop unroll(full)
    for (int i = 0; i < BYTES; i++) {
        if ((void *)(p + i + 1) > end)
            goto done;
        __u8 c = p[i];
        if (c == 0)
            zeros++;
        else if (c >= 'a' && c <= 'z')
            letters += c;
        hash = (hash << 5) + (hash >> 27) + c;
    }
done:
    count(hash & 255);
    if (zeros > letters)
        return XDP_DROP;
    return zeros > 3 ? XDP_TX : XDP_PASS;
}
