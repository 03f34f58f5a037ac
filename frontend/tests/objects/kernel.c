// Stands for the types of a kernel, for unresolved.c and relocated.c: raw material for --btf.
struct net_device {
	long other;
	int no_such_member;
} device;

struct net_device___again { // the same name, flavour aside
	long other;
	int no_such_member;
} again;

#ifdef DIFFERENT
struct net_device___different {
	int no_such_member;
} different;
#endif

struct iphdr {
	unsigned long ttl;
	unsigned short saddr;
} ip;
