// Every kind of map that keeps something or sends it, time and chance, tail calls: all that the kernel engine has to supply.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define MAP(kind, n, k, v)               \
	struct {                         \
		__uint(type, kind);      \
		__uint(max_entries, n);  \
		__type(key, k);          \
		__type(value, v);        \
	}
#define VALUES(kind, n, v)               \
	struct {                         \
		__uint(type, kind);      \
		__uint(max_entries, n);  \
		__type(value, v);        \
	}

MAP(BPF_MAP_TYPE_HASH, 64, __u32, __u64) hash SEC(".maps");
MAP(BPF_MAP_TYPE_LRU_HASH, 4096, __u32, __u64) lru SEC(".maps");
MAP(BPF_MAP_TYPE_PERCPU_HASH, 64, __u32, __u64) percpu_hash SEC(".maps");
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, 8, __u32, __u64) percpu_array SEC(".maps");
VALUES(BPF_MAP_TYPE_QUEUE, 100, __u32) queue SEC(".maps");
VALUES(BPF_MAP_TYPE_STACK, 100, __u32) stack SEC(".maps");
VALUES(BPF_MAP_TYPE_BLOOM_FILTER, 50, __u32) bloom SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8192);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} perf SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} one SEC(".maps"), two SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { [0] = &one, [2] = &two } };

MAP(BPF_MAP_TYPE_DEVMAP, 8, __u32, __u32) ports SEC(".maps");
MAP(BPF_MAP_TYPE_XSKMAP, 8, __u32, __u32) sockets SEC(".maps");
MAP(BPF_MAP_TYPE_CPUMAP, 8, __u32, __u32) cpus SEC(".maps");

int last(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__array(values, int(void *));
} next SEC(".maps") = { .values = { [1] = (void *)&last } };

__u64 random_sum;
__u64 times[4];

static __always_inline void count(void *map, __u32 key)
{
	__u64 first = 1, *n = bpf_map_lookup_elem(map, &key);

	if (n)
		*n += 1;
	else
		bpf_map_update_elem(map, &key, &first, BPF_NOEXIST);
}

SEC("xdp")
int last(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	random_sum += bpf_get_prandom_u32();
	if (data + 14 > end)
		return XDP_ABORTED;
	__u8 byte = *(__u8 *)(data + 1);
	switch (byte & 3) {
	case 0:
		return bpf_redirect_map(&ports, byte >> 2 & 7, XDP_PASS);
	case 1:
		return bpf_redirect_map(&sockets, byte >> 2 & 7, XDP_DROP);
	case 2:
		return bpf_redirect_map(&cpus, byte >> 2 & 7, XDP_TX);
	}
	return XDP_TX;
}

SEC("xdp")
int state(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 now = bpf_ktime_get_ns();
	__u32 key, value, zero = 0;

	if (data + 14 > end)
		return XDP_ABORTED;
	key = *(__u8 *)data & 31;
	count(&hash, key);
	count(&lru, key);
	count(&percpu_hash, key);
	count(&percpu_array, key & 7);
	value = bpf_get_prandom_u32();
	bpf_map_push_elem(&queue, &value, BPF_EXIST);
	bpf_map_push_elem(&stack, &value, 0);
	if (key == 5)
		bpf_map_pop_elem(&queue, &value);
	if (bpf_map_peek_elem(&bloom, &key))
		bpf_map_push_elem(&bloom, &key, 0);
	else
		times[0] += 1;
	times[1] = now;
	times[2] = bpf_jiffies64();
	times[3] += bpf_get_smp_processor_id() + ctx->ingress_ifindex + ctx->rx_queue_index;

	__u64 *record = bpf_ringbuf_reserve(&ring, 16, 0);
	if (record) {
		record[0] = now;
		record[1] = key;
		if (key & 1)
			bpf_ringbuf_submit(record, 0);
		else
			bpf_ringbuf_discard(record, 0);
	}
	bpf_ringbuf_output(&ring, &now, 7, 0);
	bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU | (10ULL << 32), &key, 4);

	__u32 index = key & 3;
	void *map = bpf_map_lookup_elem(&outer, &index);
	if (map)
		count(map, zero);
	bpf_tail_call(ctx, &next, key & 3);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
