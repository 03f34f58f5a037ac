// CO-RE relocations of every kind. `answers` gets one number for each; what they are depends on the target's types.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define view __attribute__((preserve_access_index))

// Parts of the kernel's types, under their own names and as flavours.
struct list_head___mine {
	void *prev;
} view;

struct net_device {
	unsigned int mtu;
	int ifindex;
	char name[16];
	struct list_head___mine napi_list;
	int no_such_member;
} view;

struct net_device___short {
	unsigned char mtu;
	struct {
		int nowhere;
	} inner;
} view;

struct sk_buff {
	unsigned int len;
	__u8 pkt_type : 3;
	__u8 ip_summed : 2;
	__u8 cloned : 1;
	union {
		__u16 inner_protocol;
	};
	__u16 tc_index;
} view;

struct task_struct {
	int pid;
	unsigned char comm[16];
} view;

struct no_such_type {
	int a, b;
} view;

struct refcount_struct {
	struct {
		int counter;
	} refs;
} view;

struct iphdr {
	__u32 saddr, daddr; // elsewhere than on the wire
	__u8 ihl : 4, version : 4;
	__u8 ttl;
} view;

struct sock_common {
	short skc_family;
} view;

typedef struct refcount_struct refcount_t;
typedef __u32 no_such_typedef;

enum bpf_map_type___mine {
	BPF_MAP_TYPE_HASH___mine = 77,
	BPF_MAP_TYPE_RINGBUF___now = 78,
	NO_SUCH_VALUE = 79,
};
enum no_such_enum {
	NOTHING = 5,
};

__u64 answers[64];

#define ANSWER(n, value) answers[n] = (value)

SEC("xdp") int relocated(struct xdp_md *ctx)
{
	struct net_device *dev = 0;
	struct net_device___short *brief = 0;
	struct sk_buff *skb = 0;
	struct task_struct *task = 0;
	struct iphdr *ip = 0;
	struct no_such_type *none = 0;

	ANSWER(0, __builtin_preserve_field_info(dev->mtu, BPF_FIELD_BYTE_OFFSET));
	ANSWER(1, __builtin_preserve_field_info(dev->ifindex, BPF_FIELD_BYTE_OFFSET));
	ANSWER(2, __builtin_preserve_field_info(dev->name[3], BPF_FIELD_BYTE_OFFSET));
	ANSWER(3, __builtin_preserve_field_info(dev->napi_list.prev, BPF_FIELD_BYTE_OFFSET));
	ANSWER(4, bpf_core_field_exists(dev->no_such_member));
	ANSWER(5, bpf_core_field_exists(dev->ifindex));
	ANSWER(6, bpf_core_field_size(dev->name));
	ANSWER(7, bpf_core_field_size(brief->mtu));
	ANSWER(8, bpf_core_field_exists(brief->inner.nowhere));
	ANSWER(9, __builtin_preserve_field_info(skb->ip_summed, BPF_FIELD_BYTE_OFFSET));
	ANSWER(10, __builtin_preserve_field_info(skb->ip_summed, BPF_FIELD_BYTE_SIZE));
	ANSWER(11, __builtin_preserve_field_info(skb->ip_summed, BPF_FIELD_LSHIFT_U64));
	ANSWER(12, __builtin_preserve_field_info(skb->ip_summed, BPF_FIELD_RSHIFT_U64));
	ANSWER(13, __builtin_preserve_field_info(skb->ip_summed, BPF_FIELD_SIGNED));
	ANSWER(14, __builtin_preserve_field_info(task->pid, BPF_FIELD_SIGNED));
	ANSWER(15, __builtin_preserve_field_info(skb->inner_protocol, BPF_FIELD_BYTE_OFFSET));
	ANSWER(16, __builtin_preserve_field_info(skb->cloned, BPF_FIELD_LSHIFT_U64));
	ANSWER(17, __builtin_preserve_field_info(task->comm, BPF_FIELD_BYTE_OFFSET));
	ANSWER(18, bpf_core_type_exists(struct task_struct));
	ANSWER(19, bpf_core_type_exists(struct no_such_type));
	ANSWER(20, bpf_core_type_exists(refcount_t));
	ANSWER(21, bpf_core_type_exists(no_such_typedef));
	ANSWER(22, bpf_core_type_size(struct task_struct));
	ANSWER(23, bpf_core_type_size(struct no_such_type));
	ANSWER(24, bpf_core_type_matches(struct task_struct));
	ANSWER(25, bpf_core_type_matches(struct iphdr));
	ANSWER(26, bpf_core_type_matches(struct sock_common));
	ANSWER(27, bpf_core_enum_value_exists(enum bpf_map_type___mine, BPF_MAP_TYPE_HASH___mine));
	ANSWER(28, bpf_core_enum_value(enum bpf_map_type___mine, BPF_MAP_TYPE_HASH___mine));
	ANSWER(29, bpf_core_enum_value(enum bpf_map_type___mine, BPF_MAP_TYPE_RINGBUF___now));
	ANSWER(30, bpf_core_enum_value_exists(enum bpf_map_type___mine, NO_SUCH_VALUE));
	ANSWER(31, bpf_core_enum_value_exists(enum no_such_enum, NOTHING));
	ANSWER(32, bpf_core_type_id_kernel(struct no_such_type));
	ANSWER(33, bpf_core_type_id_kernel(struct task_struct));
	ANSWER(34, bpf_core_field_exists(none->b));
	ANSWER(35, __builtin_preserve_field_info(ip->saddr, BPF_FIELD_BYTE_OFFSET));
	ANSWER(36, __builtin_preserve_field_info(ip->version, BPF_FIELD_LSHIFT_U64));
	ANSWER(37, __builtin_preserve_field_info(ip->ttl, BPF_FIELD_BYTE_OFFSET));
	ANSWER(38, bpf_core_type_matches(refcount_t));
	ANSWER(39, bpf_core_enum_value_exists(enum bpf_map_type___mine, BPF_MAP_TYPE_RINGBUF___now));
	// What is not there must not be reached.
	if (bpf_core_field_exists(dev->no_such_member))
		ANSWER(40, __builtin_preserve_field_info(dev->no_such_member, BPF_FIELD_BYTE_OFFSET));
	if (bpf_core_enum_value_exists(enum no_such_enum, NOTHING))
		ANSWER(41, bpf_core_enum_value(enum no_such_enum, NOTHING));
	return XDP_PASS;
}

// Loads: the header's fields stand elsewhere than here.
SEC("xdp") int loads(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = (void *)(long)ctx->data + 14;

	if ((void *)ip + 20 > end)
		return XDP_DROP;
	ip->ttl = 7;
	return ip->saddr ? XDP_PASS : XDP_TX;
}

char _license[] SEC("license") = "GPL";
