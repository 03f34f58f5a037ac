//! A network namespace with the interfaces that a trace speaks of, so that their numbers mean something to the kernel.

use super::sys;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// The loopback interface, which every namespace has, with one queue.
const LOOPBACK: u32 = 1;

/// Numbers of the other ends of pairs.
const PEERS: u32 = 0x4000_0000;

/// Moves the calling thread into a network namespace of its own, with the loopback interface and `interfaces`: number, and
/// number of receive queues.
///
/// # Errors
/// Which interface could not be made, and why.
pub(super) fn enter(interfaces: &BTreeMap<u32, u32>) -> io::Result<()> {
    // SAFETY: the call changes only what network the calling thread sees.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let socket = route_socket()?;
    for (n, (ifindex, queues)) in interfaces.iter().filter(|(i, _)| **i != LOOPBACK).enumerate() {
        let made = create(&socket, "dummy", *ifindex, *queues, None)
            .or_else(|_| create(&socket, "veth", *ifindex, *queues, Some(PEERS + n as u32)));
        made.map_err(|e| io::Error::new(e.kind(), format!("interface {ifindex}: {e}")))?;
    }
    Ok(())
}

fn route_socket() -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers only.
    let fd = unsafe {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE)
    };
    match fd {
        fd if fd < 0 => Err(io::Error::last_os_error()),
        fd => Ok(sys::owned(fd)),
    }
}

/// An attribute: length, type, payload, padding.
fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
    let len = 4 + payload.len();
    let mut bytes = [(len as u16).to_le_bytes(), kind.to_le_bytes()].concat();
    bytes.extend_from_slice(payload);
    bytes.resize(len.next_multiple_of(4), 0);
    bytes
}

/// `struct ifinfomsg` with the interface's number.
fn interface(ifindex: u32) -> Vec<u8> {
    let mut bytes = vec![0; 16];
    bytes[4..8].copy_from_slice(&ifindex.to_le_bytes());
    bytes
}

/// `RTM_NEWLINK` for an interface of `kind`, in pairs with its `peer`.
fn create(
    socket: &OwnedFd,
    kind: &str,
    ifindex: u32,
    queues: u32,
    peer: Option<u32>,
) -> io::Result<()> {
    const INFO_KIND: u16 = 1;
    const INFO_DATA: u16 = 2;
    const VETH_PEER: u16 = 1;
    let mut info = attribute(INFO_KIND, kind.as_bytes());
    if let Some(peer) = peer {
        info.extend(attribute(INFO_DATA, &attribute(VETH_PEER, &interface(peer))));
    }
    let queues = queues.to_le_bytes();
    let body = [
        interface(ifindex),
        attribute(libc::IFLA_NUM_RX_QUEUES, &queues),
        attribute(libc::IFLA_NUM_TX_QUEUES, &queues),
        attribute(libc::IFLA_LINKINFO, &info),
    ]
    .concat();
    let flags = libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let mut message = ((16 + body.len()) as u32).to_le_bytes().to_vec();
    message.extend(libc::RTM_NEWLINK.to_le_bytes());
    message.extend((flags as u16).to_le_bytes());
    message.extend([0; 8]);
    message.extend(body);
    request(socket, &message)
}

/// Sends `message` and waits for the kernel's answer.
fn request(socket: &OwnedFd, message: &[u8]) -> io::Result<()> {
    let mut answer = [0u8; 4096];
    // SAFETY: both buffers are as long as said and outlive the calls.
    let received = unsafe {
        let fd = socket.as_raw_fd();
        if libc::send(fd, message.as_ptr().cast(), message.len(), 0) < 0 {
            return Err(io::Error::last_os_error());
        }
        libc::recv(fd, answer.as_mut_ptr().cast(), answer.len(), 0)
    };
    if received < 20 {
        return Err(io::Error::last_os_error());
    }
    // A header of 16 bytes, then the negative error number, or 0.
    match i32::from_le_bytes([answer[16], answer[17], answer[18], answer[19]]) {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(-code)),
    }
}
