//! Sockets that lookups find, and the fields of them that programs can read.

use super::Host;
use std::net::{IpAddr, SocketAddr};

/// Transport of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP, 6.
    Tcp,
    /// UDP, 17.
    Udp,
}

/// State of a socket, with the kernel's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SocketState {
    Established = 1,
    /// A connection request: found by `bpf_skc_lookup_tcp` only.
    SynReceived = 12,
    /// Found by `bpf_skc_lookup_tcp` only.
    TimeWait = 6,
    /// UDP sockets that are not connected are in this state.
    Close = 7,
    Listen = 10,
}

/// A socket of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Transport.
    pub protocol: Protocol,
    /// Its own address; an unspecified one stands for all.
    pub local: SocketAddr,
    /// The other end, if it is connected.
    pub remote: Option<SocketAddr>,
    /// State.
    pub state: SocketState,
    /// `mark`.
    pub mark: u32,
    /// `bound_dev_if`.
    pub bound_ifindex: u32,
}

/// Size of `struct bpf_sock`.
pub const SOCKET_SIZE: usize = 80;

impl Socket {
    /// True for states in which only the common part of a socket exists.
    pub fn is_partial(&self) -> bool {
        matches!(self.state, SocketState::SynReceived | SocketState::TimeWait)
    }

    /// `struct bpf_sock` as a program reads it.
    pub fn image(&self) -> [u8; SOCKET_SIZE] {
        let mut image = [0; SOCKET_SIZE];
        let mut set =
            |at: usize, value: u32| image[at..at + 4].copy_from_slice(&value.to_le_bytes());
        set(0, self.bound_ifindex);
        set(4, if self.local.is_ipv4() { 2 } else { 10 });
        let (kind, protocol) = match self.protocol {
            Protocol::Tcp => (1, 6),
            Protocol::Udp => (2, 17),
        };
        set(8, kind);
        set(12, protocol);
        set(16, self.mark);
        set(44, self.local.port().into());
        set(48, self.remote.map_or(0, |r| r.port().to_be().into()));
        set(72, self.state as u32);
        set(76, u32::MAX); // rx_queue_mapping: none
        let mut ip = |at4: usize, at6: usize, ip: IpAddr| match ip {
            IpAddr::V4(ip) => image[at4..at4 + 4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => image[at6..at6 + 16].copy_from_slice(&ip.octets()),
        };
        ip(24, 28, self.local.ip());
        if let Some(remote) = self.remote {
            ip(52, 56, remote.ip());
        }
        image
    }

    fn accepts(&self, local: SocketAddr) -> bool {
        self.local.port() == local.port()
            && (self.local.ip() == local.ip()
                || self.local.ip().is_unspecified() && (self.local.is_ipv6() || local.is_ipv4()))
    }
}

impl Host {
    /// The socket that a packet from `remote` to `local` belongs to: a connected one, else one bound to the address, else one
    /// bound to the port.
    pub fn socket(
        &self,
        protocol: Protocol,
        remote: SocketAddr,
        local: SocketAddr,
    ) -> Option<usize> {
        let rank = |s: &Socket| {
            let open = s.remote.is_none() && s.accepts(local);
            match s.remote {
                _ if s.protocol != protocol => None,
                Some(r) if r == remote && s.local == local => Some(3),
                None if open && s.local.ip() == local.ip() => Some(2),
                None if open => Some(1),
                _ => None,
            }
        };
        let ranked = self.sockets.iter().enumerate().filter_map(|(i, s)| Some((rank(s)?, i)));
        ranked.max_by_key(|(rank, i)| (*rank, std::cmp::Reverse(*i))).map(|(_, i)| i)
    }
}
