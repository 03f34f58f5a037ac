// Variables of the kernel's configuration, of every type that they can have.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern unsigned long CONFIG_HZ __kconfig;
extern _Bool CONFIG_BPF __kconfig;
extern enum libbpf_tristate CONFIG_VETH __kconfig;
extern char CONFIG_BPF_SYSCALL __kconfig;
extern char CONFIG_DEFAULT_HOSTNAME[8] __kconfig;
extern short CONFIG_NO_SUCH_THING __kconfig __weak;

__u64 found[8];

SEC("xdp") int kconfig(struct xdp_md *ctx)
{
	found[0] = LINUX_KERNEL_VERSION;
	found[1] = CONFIG_HZ;
	found[2] = CONFIG_BPF;
	found[3] = CONFIG_VETH;
	found[4] = CONFIG_BPF_SYSCALL;
	found[5] = CONFIG_DEFAULT_HOSTNAME[3];
	found[6] = CONFIG_NO_SUCH_THING;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
