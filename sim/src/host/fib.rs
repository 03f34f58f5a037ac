//! `bpf_fib_lookup`: the kernel's steps (`net/core/filter.c`) on the tables of a [`Host`].

use super::{Host, Route, RouteKind};
use crate::map::Errno;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Size of `struct bpf_fib_lookup`.
pub const PARAMS_SIZE: usize = 64;

/// `struct bpf_fib_lookup` in memory order.
pub type FibParams = [u8; PARAMS_SIZE];

/// `BPF_FIB_LKUP_RET_*`.
#[allow(missing_docs)]
pub mod ret {
    pub const SUCCESS: u64 = 0;
    pub const BLACKHOLE: u64 = 1;
    pub const UNREACHABLE: u64 = 2;
    pub const PROHIBIT: u64 = 3;
    pub const NOT_FWDED: u64 = 4;
    pub const FWD_DISABLED: u64 = 5;
    pub const NO_NEIGH: u64 = 7;
    pub const FRAG_NEEDED: u64 = 8;
    pub const NO_SRC_ADDR: u64 = 9;
}

/// `BPF_FIB_LOOKUP_*`.
mod flag {
    pub const DIRECT: u32 = 1;
    pub const SKIP_NEIGH: u32 = 4;
    pub const TBID: u32 = 8;
    pub const SRC: u32 = 16;
    pub const ALL: u32 = 63;
}

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// Tables that are searched without `BPF_FIB_LOOKUP_DIRECT`, in order: local, main, default.
const TABLES: [u32; 3] = [LOCAL_TABLE, MAIN_TABLE, 253];
const LOCAL_TABLE: u32 = 255;
const MAIN_TABLE: u32 = 254;

/// Offsets in the structure.
mod at {
    pub const FAMILY: usize = 0;
    /// `tot_len` in, `mtu_result` out.
    pub const LENGTH: usize = 6;
    pub const IFINDEX: usize = 8;
    /// `tos` or `flowinfo` in, `rt_metric` out.
    pub const METRIC: usize = 12;
    pub const SOURCE: usize = 16;
    pub const DESTINATION: usize = 32;
    /// Table number in, VLAN out.
    pub const TABLE: usize = 48;
    pub const SMAC: usize = 52;
    pub const DMAC: usize = 58;
}

fn u32_at(p: &FibParams, at: usize) -> u32 {
    u32::from_le_bytes([p[at], p[at + 1], p[at + 2], p[at + 3]])
}

fn set_u32(p: &mut FibParams, at: usize, value: u32) {
    p[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn address(p: &FibParams, at: usize, family: u8) -> IpAddr {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&p[at..at + 16]);
    match family {
        AF_INET => IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])),
        _ => IpAddr::V6(Ipv6Addr::from(bytes)),
    }
}

fn set_address(p: &mut FibParams, at: usize, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => p[at..at + 4].copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => p[at..at + 16].copy_from_slice(&ip.octets()),
    }
}

/// Multicast and link-local addresses, which the kernel's IPv6 lookup never forwards.
fn needs_strict(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V6(ip) => {
            ip.is_multicast() || ip.segments()[0] & 0xffc0 == 0xfe80 || ip.is_loopback()
        }
        IpAddr::V4(_) => false,
    }
}

fn covers(route: &Route, ip: IpAddr) -> bool {
    let same = |a: &[u8], b: &[u8]| {
        let (whole, rest) = (usize::from(route.prefix_len) / 8, route.prefix_len % 8);
        a[..whole] == b[..whole] && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0)
    };
    match (route.network, ip) {
        (IpAddr::V4(n), IpAddr::V4(ip)) => same(&n.octets(), &ip.octets()),
        (IpAddr::V6(n), IpAddr::V6(ip)) => same(&n.octets(), &ip.octets()),
        _ => false,
    }
}

impl Host {
    /// The route of `table` that `ip` takes: longest prefix, then smallest metric, then the first. For IPv4, tables local and main are one,
    /// as in a kernel without routing rules of the user's.
    fn route_in(&self, table: u32, ip: IpAddr) -> Option<&Route> {
        let better = |best: Option<&Route>, r: &Route| match best {
            Some(b) => {
                (r.prefix_len, std::cmp::Reverse(r.metric))
                    > (b.prefix_len, std::cmp::Reverse(b.metric))
            }
            None => true,
        };
        let merged = |t: u32| if ip.is_ipv4() && t == LOCAL_TABLE { MAIN_TABLE } else { t };
        let in_table = |r: &Route| merged(r.table) == merged(table);
        let mut best = None;
        for route in self.routes.iter().filter(|r| in_table(r) && covers(r, ip)) {
            if better(best, route) {
                best = Some(route);
            }
        }
        best
    }

    fn route(&self, flags: u32, params: &mut FibParams, ip: IpAddr) -> Option<&Route> {
        if flags & flag::DIRECT == 0 {
            return TABLES.iter().find_map(|t| self.route_in(*t, ip));
        }
        let mut table = MAIN_TABLE;
        if flags & flag::TBID != 0 {
            table = match u32_at(params, at::TABLE) {
                0 => MAIN_TABLE,
                n => n,
            };
            set_u32(params, at::TABLE, 0);
        }
        self.route_in(table, ip)
    }

    /// `bpf_fib_lookup` on `params` as XDP programs call it; the result is what the helper returns.
    pub fn fib_lookup(&self, params: &mut FibParams, flags: u32) -> u64 {
        if flags & !flag::ALL != 0 {
            return Errno::INVAL.as_return();
        }
        let family = params[at::FAMILY];
        if !matches!(family, AF_INET | AF_INET6) {
            return Errno(97).as_return(); // EAFNOSUPPORT
        }
        let destination = address(params, at::DESTINATION, family);
        if needs_strict(destination) || needs_strict(address(params, at::SOURCE, family)) {
            return ret::NOT_FWDED;
        }
        match self.link(u32_at(params, at::IFINDEX)) {
            None => return Errno(19).as_return(), // ENODEV
            Some(link) if !link.forwarding => return ret::FWD_DISABLED,
            Some(_) => {}
        }
        let Some(route) = self.route(flags, params, destination) else { return ret::NOT_FWDED };
        match route.kind {
            RouteKind::Unicast => self.forward(route, params, flags, destination),
            RouteKind::Local => ret::NOT_FWDED,
            RouteKind::Blackhole => ret::BLACKHOLE,
            RouteKind::Unreachable => ret::UNREACHABLE,
            RouteKind::Prohibit => ret::PROHIBIT,
        }
    }

    fn forward(&self, route: &Route, params: &mut FibParams, flags: u32, to: IpAddr) -> u64 {
        let Some(link) = self.link(route.ifindex) else { return ret::NOT_FWDED };
        let mtu = route.mtu.unwrap_or(link.mtu);
        let length = u16::from_le_bytes([params[at::LENGTH], params[at::LENGTH + 1]]);
        // The field has 16 bits: an MTU of 65,536 (loopback) reads as 0.
        let mtu_result = (mtu as u16).to_le_bytes();
        if u32::from(length) > mtu {
            params[at::LENGTH..at::LENGTH + 2].copy_from_slice(&mtu_result);
            return ret::FRAG_NEEDED;
        }
        set_u32(params, at::METRIC, route.metric);
        set_u32(params, at::IFINDEX, route.ifindex);
        if flags & flag::SRC != 0 {
            match (route.source, to) {
                (Some(ip), _) => set_address(params, at::SOURCE, ip),
                (None, IpAddr::V4(_)) => {
                    set_address(params, at::SOURCE, Ipv4Addr::UNSPECIFIED.into())
                }
                (None, IpAddr::V6(_)) => return ret::NO_SRC_ADDR,
            }
        }
        let hop = route.via.unwrap_or(to);
        if route.via.is_some() {
            if hop.is_ipv6() {
                params[at::FAMILY] = AF_INET6;
            }
            set_address(params, at::DESTINATION, hop);
        }
        if flags & flag::SKIP_NEIGH == 0 {
            let Some(neighbour) = self.neighbour(hop, route.ifindex) else { return ret::NO_NEIGH };
            params[at::DMAC..at::DMAC + 6].copy_from_slice(&neighbour.mac);
            params[at::SMAC..at::SMAC + 6].copy_from_slice(&link.mac);
        }
        set_u32(params, at::TABLE, 0); // h_vlan_TCI, h_vlan_proto
        params[at::LENGTH..at::LENGTH + 2].copy_from_slice(&mtu_result);
        ret::SUCCESS
    }
}
