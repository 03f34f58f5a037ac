// What the stress programs share: headers, maps, helpers.
#pragma once
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define inline_always static __attribute__((always_inline))
#define not_inlined static __attribute__((noinline))

struct cursor {
    void *at, *end;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 256);
    __type(key, __u32);
    __type(value, __u64);
} counters SEC(".maps");

inline_always void count(__u32 key) {
    __u64 *n = bpf_map_lookup_elem(&counters, &key);
    if (n)
        __sync_fetch_and_add(n, 1);
}

char _license[] SEC("license") = "GPL";
