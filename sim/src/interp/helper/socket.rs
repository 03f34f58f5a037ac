//! Helpers that look for sockets in the host's table.

use super::super::memory::socket_address;
use super::super::op::Regs;
use super::{Answer, Env};
use crate::host::Protocol;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Which lookup.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tcp,
    Udp,
    /// `bpf_skc_lookup_tcp`, which finds requests and sockets in time-wait too.
    TcpCommon,
}

/// Addresses and ports of `struct bpf_sock_tuple`, source (the other end) first.
fn tuple(bytes: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let port = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let v4 = |at: usize| bytes[at..].first_chunk::<4>().map(|b| IpAddr::V4(Ipv4Addr::from(*b)));
    let v6 = |at: usize| bytes[at..].first_chunk::<16>().map(|b| IpAddr::V6(Ipv6Addr::from(*b)));
    match bytes.len() {
        12 => Some((SocketAddr::new(v4(0)?, port(8)), SocketAddr::new(v4(4)?, port(10)))),
        36 => Some((SocketAddr::new(v6(0)?, port(32)), SocketAddr::new(v6(16)?, port(34)))),
        _ => None,
    }
}

/// `bpf_sk_lookup_*(ctx, tuple, size, netns, flags)`: the address of a socket, or 0. There is one network namespace: a number that is
/// not negative as 32 bits names none.
pub(super) fn lookup(regs: &Regs, env: &mut Env<'_>, kind: Kind) -> Answer {
    let size = regs[3] as u32 as usize;
    let Some((remote, local)) = tuple(env.bytes(regs[2], size)?) else { return Ok(0) };
    if regs[5] != 0 || (regs[4] as i32) >= 0 {
        return Ok(0);
    }
    let protocol = if kind == Kind::Udp { Protocol::Udp } else { Protocol::Tcp };
    let found = env.memory.host.socket(protocol, remote, local);
    let found =
        found.filter(|n| kind == Kind::TcpCommon || !env.memory.host.sockets[*n].is_partial());
    Ok(found.map_or(0, socket_address))
}
