// Global functions, each program showing one thing that callers may or may not rely on. Programs whose names begin with `no_`
// are refused by Linux.
#include "../stress/stress.h"

struct pair {
    __u32 a, b;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 8);
    __type(key, __u32);
    __type(value, struct pair);
} pairs SEC(".maps");

#define global __attribute__((noinline))
#define DATA(ctx) ((void *)(long)(ctx)->data)
#define DATA_END(ctx) ((void *)(long)(ctx)->data_end)

global int low(int x) { return x & 7; }

global int sum(struct pair *p) {
    if (!p)
        return 0;
    p->b++;
    return p->a + p->b;
}

global int sum_unchecked(struct pair *p) { return p->a + p->b; }

global int shrink(struct xdp_md *ctx) { return bpf_xdp_adjust_tail(ctx, -4); }

global int nested_shrink(struct xdp_md *ctx, int by) {
    if (by > 3)
        return 1;
    return shrink(ctx) + low(by);
}

global int first_byte(struct xdp_md *ctx) {
    __u8 *p = DATA(ctx);
    if ((void *)(p + 1) > DATA_END(ctx))
        return -1;
    return *p;
}

static __attribute__((noinline)) int plain(int x) { return low(x) + 1; }

// Many ways through it, whatever it is called with.
global int ways(struct pair *p, int seed) {
    __u32 x = seed;
    if (!p)
        return 0;
#pragma clang loop unroll(disable)
    for (int i = 0; i < 12; i++) {
        if (x & 1)
            x = x * 3 + p->a;
        else if (x > 1000)
            x ^= p->b;
        else
            x >>= 1;
    }
    return x;
}

SEC("xdp")
int result_masked(struct xdp_md *ctx) {
    __u8 table[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    __u32 i = low(ctx->ingress_ifindex);
    barrier_var(i);
    return table[i & 7] & 3;
}

SEC("xdp")
int no_result_trusted(struct xdp_md *ctx) {
    __u8 table[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    __u32 i = low(ctx->ingress_ifindex);
    barrier_var(i);
    return ((volatile __u8 *)table)[i] & 3;
}

SEC("xdp")
int stack_memory(struct xdp_md *ctx) {
    struct pair p = {ctx->ingress_ifindex, 2};
    return sum(&p) & 3;
}

SEC("xdp")
int no_memory_trusted(struct xdp_md *ctx) {
    __u8 table[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct pair p = {1, 2};
    barrier_var(p.a);
    sum(&p);
    return ((volatile __u8 *)table)[((volatile struct pair *)&p)->a] & 3;
}

SEC("xdp")
int null_memory(struct xdp_md *ctx) { return sum(0) & 3; }

SEC("xdp")
int no_null_check(struct xdp_md *ctx) {
    struct pair p = {1, 2};
    return sum_unchecked(&p) & 3;
}

SEC("xdp")
int map_memory(struct xdp_md *ctx) {
    __u32 key = 3;
    struct pair *p = bpf_map_lookup_elem(&pairs, &key);
    return sum(p) & 3;
}

SEC("xdp")
int packet_memory(struct xdp_md *ctx) {
    struct pair *p = DATA(ctx);
    if ((void *)(p + 1) > DATA_END(ctx))
        return XDP_DROP;
    return sum(p) & 3;
}

SEC("xdp")
int no_short_packet_memory(struct xdp_md *ctx) {
    __u8 *p = DATA(ctx);
    if ((void *)(p + 4) > DATA_END(ctx))
        return XDP_DROP;
    return sum((void *)p) & 3;
}

SEC("xdp")
int context(struct xdp_md *ctx) { return first_byte(ctx) & 3; }

SEC("xdp")
int packet_kept(struct xdp_md *ctx) {
    __u8 *p = DATA(ctx);
    if ((void *)(p + 4) > DATA_END(ctx))
        return XDP_DROP;
    int x = first_byte(ctx);
    return (p[3] + x) & 3;
}

SEC("xdp")
int no_packet_kept_over_move(struct xdp_md *ctx) {
    __u8 *p = DATA(ctx);
    if ((void *)(p + 4) > DATA_END(ctx))
        return XDP_DROP;
    int x = shrink(ctx);
    return (((volatile __u8 *)p)[3] + x) & 3;
}

SEC("xdp")
int no_packet_kept_over_nested_move(struct xdp_md *ctx) {
    __u8 *p = DATA(ctx);
    if ((void *)(p + 4) > DATA_END(ctx))
        return XDP_DROP;
    int x = nested_shrink(ctx, 9);
    return (((volatile __u8 *)p)[3] + x) & 3;
}

SEC("xdp")
int packet_loaded_again(struct xdp_md *ctx) {
    int x = nested_shrink(ctx, 2);
    __u8 *p = DATA(ctx);
    if ((void *)(p + 4) > DATA_END(ctx))
        return XDP_DROP;
    return (p[3] + x) & 3;
}

SEC("xdp")
int through_static(struct xdp_md *ctx) { return plain(ctx->ingress_ifindex) & 3; }

SEC("xdp")
int many_ways(struct xdp_md *ctx) {
    struct pair p = {ctx->ingress_ifindex, 1};
    int x = 0;
#pragma clang loop unroll(disable)
    for (int i = 0; i < 6; i++)
        x += ways(&p, x);
    return x & 3;
}
