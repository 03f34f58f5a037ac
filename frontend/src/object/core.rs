//! CO-RE relocations: instructions whose constants depend on the layout of types in the running kernel.
//!
//! An offload has no running kernel. Where the layout is fixed by a standard (packet headers) or by the kernel's
//! interface to user space, what the compiler put there is right on every system; objects built with `vmlinux.h`
//! have such relocations throughout. Everything else is refused.

use super::error::CORE;
use crate::btf::{Btf, CoreReloc};
use beeline_ir::diagnostic::Diagnostic;

/// Structs and enumerations whose layout never changes: wire formats and kernel interfaces.
const FIXED_LAYOUT: [&str; 38] = [
    "arphdr",
    "bpf_cpumap_val",
    "bpf_devmap_val",
    "bpf_fib_lookup",
    "bpf_lpm_trie_key",
    "bpf_redir_neigh",
    "bpf_spin_lock",
    "dccp_hdr",
    "ethhdr",
    "frag_hdr",
    "genevehdr",
    "gre_base_hdr",
    "icmp6hdr",
    "icmphdr",
    "icmpv6_echo",
    "igmphdr",
    "in6_addr",
    "in_addr",
    "ip_auth_hdr",
    "ip_beet_phdr",
    "ip_comp_hdr",
    "ip_esp_hdr",
    "iphdr",
    "ipv6_destopt_hao",
    "ipv6_opt_hdr",
    "ipv6_rt_hdr",
    "ipv6_sr_hdr",
    "ipv6hdr",
    "mpls_label",
    "nd_msg",
    "sctphdr",
    "tcphdr",
    "udphdr",
    "vlan_ethhdr",
    "vlan_hdr",
    "vxlanhdr",
    "xdp_action",
    "xdp_md",
];

/// `BPF_CORE_TYPE_ID_LOCAL`: the number of the type in this very object.
const TYPE_ID_LOCAL: u32 = 6;
const TYPE_ID_TARGET: u32 = 7;

/// The kernel's `enum bpf_core_relo_kind`, in words.
fn purpose(kind: u32) -> &'static str {
    match kind {
        0 => "offset of a field",
        1 => "size of a field",
        2 => "existence of a field",
        3 => "signedness of a field",
        4 | 5 => "position of a bit-field",
        7 => "number of the type",
        8 => "existence of the type",
        9 => "size of the type",
        10 => "existence of an enumerator",
        11 => "value of an enumerator",
        12 => "shape of the type",
        _ => "an unknown property",
    }
}

/// What is wrong with `reloc`, if what the compiler assumed is not certain to hold.
pub(super) fn check(btf: &Btf, reloc: &CoreReloc) -> Option<Diagnostic> {
    let name = btf.name(btf.resolve(reloc.ty));
    // `iphdr___old` is the programmer's own view of `iphdr`.
    let base = name.split("___").next().unwrap_or_default();
    let fixed = FIXED_LAYOUT.binary_search(&base).is_ok() && reloc.kind != TYPE_ID_TARGET;
    if fixed || reloc.kind == TYPE_ID_LOCAL {
        return None;
    }
    let message = format!(
        "CO-RE relocation: the {} of `{name}` depends on the running kernel",
        purpose(reloc.kind)
    );
    Some(Diagnostic::error(CORE, message).help(
        "use packet headers and xdp_md only; declare types of your own outside \
         __attribute__((preserve_access_index))",
    ))
}

#[cfg(test)]
mod tests {
    #[test]
    fn fixed_layouts_are_sorted_for_the_search() {
        assert!(super::FIXED_LAYOUT.windows(2).all(|w| w[0] < w[1]));
    }
}
