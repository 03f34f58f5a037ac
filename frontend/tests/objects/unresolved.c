// A CO-RE relocation that no kernel answers, where control comes to it; and types that are ambiguous.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct net_device {
	int no_such_member;
} __attribute__((preserve_access_index));

SEC("xdp") int unguarded(struct xdp_md *ctx)
{
	struct net_device *dev = 0;

	return __builtin_preserve_field_info(dev->no_such_member, BPF_FIELD_BYTE_OFFSET);
}

char _license[] SEC("license") = "GPL";
