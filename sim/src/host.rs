//! What helpers ask the host for beside maps: interfaces, routes, neighbours, sockets. Part of a trace, so that every run sees the same.

mod fib;
mod socket;

pub use fib::{ret as fib_ret, FibParams, PARAMS_SIZE};
pub use socket::{Protocol, Socket, SocketState, SOCKET_SIZE};

use std::net::IpAddr;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub ifindex: u32,
    /// Its own address.
    pub mac: Mac,
    /// Largest packet without the Ethernet header.
    pub mtu: u32,
    /// Packets that arrive here may be forwarded (`net.ipv4.conf.X.forwarding`, and for IPv6).
    pub forwarding: bool,
}

impl Link {
    /// Length of the Ethernet header, which the MTU does not count.
    pub const HEADER_LEN: i64 = 14;

    /// An interface as Linux makes it: MTU 1,500; forwarding on, since there is a table to forward by.
    pub fn new(ifindex: u32) -> Self {
        Self { ifindex, mac: [0; 6], mtu: 1500, forwarding: true }
    }
}

/// What a route does with packets (the kernel's `RTN_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// Forwards them.
    Unicast,
    /// Delivers them here.
    Local,
    /// Drops them.
    Blackhole,
    /// Drops them and says so.
    Unreachable,
    /// Drops them and says that it is forbidden.
    Prohibit,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Destination network.
    pub network: IpAddr,
    /// Bits of `network` that count.
    pub prefix_len: u8,
    /// What it does.
    pub kind: RouteKind,
    /// Next hop; without one the destination itself is on the link.
    pub via: Option<IpAddr>,
    /// Interface by which packets leave.
    pub ifindex: u32,
    /// Number of the routing table.
    pub table: u32,
    /// Priority (`metric`): the smallest wins.
    pub metric: u32,
    /// Preferred source address.
    pub source: Option<IpAddr>,
    /// Path MTU, if it is not the interface's.
    pub mtu: Option<u32>,
}

/// A neighbour whose link-layer address is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its address.
    pub ip: IpAddr,
    /// The link on which it is.
    pub ifindex: u32,
    /// Its link-layer address.
    pub mac: Mac,
}

/// Everything that the host's tables hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Interfaces. While there are none, every number is that of an interface as [`Link::new`] makes it.
    pub links: Vec<Link>,
    /// Routes.
    pub routes: Vec<Route>,
    /// Neighbours.
    pub neighbours: Vec<Neighbour>,
    /// Sockets.
    pub sockets: Vec<Socket>,
}

impl Host {
    /// The interface called `ifindex`.
    pub fn link(&self, ifindex: u32) -> Option<Link> {
        if self.links.is_empty() {
            return (ifindex != 0).then(|| Link::new(ifindex));
        }
        self.links.iter().find(|l| l.ifindex == ifindex).cloned()
    }

    fn neighbour(&self, ip: IpAddr, ifindex: u32) -> Option<&Neighbour> {
        self.neighbours.iter().find(|n| n.ip == ip && n.ifindex == ifindex)
    }
}
