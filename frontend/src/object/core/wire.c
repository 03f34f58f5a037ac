// Layouts that no kernel changes: wire formats, and the interface of XDP programs. `rebuild.sh` makes wire.btf of it.
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/igmp.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/dccp.h>
#include <linux/seg6.h>
#include <linux/mpls.h>

// The kernel keeps these to itself, but packets look like them.
struct vlan_hdr {
	__be16 h_vlan_TCI;
	__be16 h_vlan_encapsulated_proto;
};

struct arphdr {
	__be16 ar_hrd;
	__be16 ar_pro;
	unsigned char ar_hln;
	unsigned char ar_pln;
	__be16 ar_op;
};

struct vlan_ethhdr {
	union {
		struct {
			unsigned char h_dest[ETH_ALEN];
			unsigned char h_source[ETH_ALEN];
		};
		struct {
			unsigned char h_dest[ETH_ALEN];
			unsigned char h_source[ETH_ALEN];
		} addrs;
	};
	__be16 h_vlan_proto;
	__be16 h_vlan_TCI;
	__be16 h_vlan_encapsulated_proto;
};

struct frag_hdr {
	__u8 nexthdr;
	__u8 reserved;
	__be16 frag_off;
	__be32 identification;
};

struct vxlanhdr {
	__be32 vx_flags;
	__be32 vx_vni;
};

struct gre_base_hdr {
	__be16 flags;
	__be16 protocol;
};

struct sctphdr {
	__be16 source;
	__be16 dest;
	__be32 vtag;
	__le32 checksum;
};

struct ethhdr *a;
struct arphdr *b;
struct iphdr *c;
struct ipv6hdr *d;
struct icmphdr *e;
struct icmp6hdr *f;
struct igmphdr *g;
struct in_addr *h;
struct in6_addr *i;
struct tcphdr *j;
struct udphdr *k;
struct dccp_hdr *l;
struct ipv6_sr_hdr *m;
struct mpls_label *n;
struct vlan_hdr *o;
struct vlan_ethhdr *p;
struct frag_hdr *q;
struct vxlanhdr *r;
struct gre_base_hdr *s;
struct sctphdr *t;
struct ip_auth_hdr *u;
struct ip_esp_hdr *v;
struct ip_comp_hdr *w;
struct ip_beet_phdr *x;
struct ipv6_opt_hdr *y;
struct ipv6_rt_hdr *z;
struct ipv6_destopt_hao *aa;
struct xdp_md *bb;
enum xdp_action cc;
struct bpf_fib_lookup *dd;
struct bpf_devmap_val *ee;
struct bpf_cpumap_val *ff;
struct bpf_redir_neigh *gg;
struct bpf_lpm_trie_key *hh;
struct bpf_spin_lock *ii;
