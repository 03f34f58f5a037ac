/* Maps and kernel functions that the cases share. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64[16]);
} arr SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} hash SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} rb SEC(".maps");
char _license[] SEC("license") = "GPL";

/* Leaves the loop once the kernel has had enough of it. */
#define may_goto_break                                              \
	({                                                          \
		__label__ leave, stay;                              \
		asm volatile goto("may_goto %l[leave]" ::::leave);  \
		goto stay;                                          \
	leave:                                                      \
		break;                                              \
	stay:;                                                      \
	})

struct bpf_iter_num {
	__u64 state;
} __attribute__((aligned(8)));

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern int bpf_dynptr_from_xdp(struct xdp_md *x, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *ptr, __u32 off, void *buf, __u32 sz) __ksym;
extern void *bpf_dynptr_slice_rdwr(const struct bpf_dynptr *ptr, __u32 off, void *buf, __u32 sz) __ksym;
extern int bpf_dynptr_adjust(const struct bpf_dynptr *ptr, __u32 start, __u32 end) __ksym;
extern _Bool bpf_dynptr_is_null(const struct bpf_dynptr *ptr) __ksym;
extern _Bool bpf_dynptr_is_rdonly(const struct bpf_dynptr *ptr) __ksym;
extern __u32 bpf_dynptr_size(const struct bpf_dynptr *ptr) __ksym;
extern int bpf_dynptr_clone(const struct bpf_dynptr *ptr, struct bpf_dynptr *clone) __ksym;

/* Runs the statement with `i` from `start` to `end - 1`; the tests of `i` tell the verifier its range. */
#define each_number(i, start, end)                                                              \
	for (struct bpf_iter_num it_ __attribute__((cleanup(bpf_iter_num_destroy))),            \
	     *at_ = (bpf_iter_num_new(&it_, start, end), &it_);                                 \
	     ({                                                                                 \
		     int *number_ = bpf_iter_num_next(at_);                                     \
		     number_ && ((i) = *number_, (i) >= (start) && (i) < (end));                \
	     });)
