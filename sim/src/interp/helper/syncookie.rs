//! SYN cookies. The kernel's construction (`net/ipv4/syncookies.c`) with another keyed hash, whose key is the seed of the trace: the
//! kernel's own key is secret. What one of these helpers has made, the other accepts for one to two minutes of packet time.

use super::super::memory::socket_at;
use super::super::op::Regs;
use super::{Answer, BadArgument, Env};
use crate::host::{Protocol, SocketState};
use crate::map::Errno;

const COOKIE_BITS: u32 = 24;
const COOKIE_MASK: u32 = (1 << COOKIE_BITS) - 1;
/// Minutes for which a cookie is good.
const MAX_AGE: u32 = 2;
const MINUTE_NS: u64 = 60_000_000_000;
const MSS_V4: [u16; 4] = [536, 1300, 1440, 1460];
const MSS_V6: [u16; 4] = [1220, 1420, 1440, 8940];
/// Maximum segment size without the option, for IPv4.
const DEFAULT_MSS_V4: u16 = 536;

const ENOENT: Errno = Errno::NOENT;
const EACCES: Errno = Errno(13);
const EPROTONOSUPPORT: Errno = Errno(93);

const TCP_LEN: usize = 20;
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// The parts of a TCP header that count.
struct Tcp {
    ports: u32,
    seq: u32,
    ack_seq: u32,
    header_len: usize,
    flags: u8,
}

impl Tcp {
    fn parse(b: &[u8; TCP_LEN]) -> Self {
        let word = |at: usize| u32::from_be_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
        Tcp {
            ports: word(0),
            seq: word(4),
            ack_seq: word(8),
            header_len: usize::from(b[12] >> 4) * 4,
            flags: b[13],
        }
    }
}

/// The maximum segment size that the options of a TCP header ask for (the kernel's `tcp_parse_mss_option`).
fn mss_option(header: &[u8]) -> Option<u16> {
    let mut rest = header.get(TCP_LEN..)?;
    loop {
        match *rest {
            [] | [0, ..] => return None,
            [1, ref tail @ ..] => rest = tail,
            [kind, len, ..] => {
                let len = usize::from(len);
                if len < 2 || len > rest.len() {
                    return None;
                }
                if kind == 2 && len == 4 {
                    return Some(u16::from_be_bytes([rest[2], rest[3]])).filter(|m| *m != 0);
                }
                rest = &rest[len..];
            }
            [_] => return None,
        }
    }
}

/// A keyed hash of addresses, ports and `count`; `salt` makes two of one.
fn hash(seed: u32, addresses: &[u8], ports: u32, count: u32, salt: u64) -> u32 {
    let mut h = 0x9e37_79b9_7f4a_7c15 ^ u64::from(seed) ^ salt << 32;
    let mut mix = |word: u32| {
        h = (h ^ u64::from(word)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        h ^= h >> 32;
    };
    for w in addresses.chunks_exact(4) {
        mix(u32::from_le_bytes([w[0], w[1], w[2], w[3]]));
    }
    mix(ports);
    mix(count);
    h as u32
}

/// One connection attempt: what its cookie depends on.
struct Attempt<'a> {
    seed: u32,
    minute: u32,
    addresses: &'a [u8],
    ports: u32,
}

impl Attempt<'_> {
    fn make(&self, seq: u32, mss_index: u32) -> u32 {
        let first = hash(self.seed, self.addresses, self.ports, 0, 0);
        let second = hash(self.seed, self.addresses, self.ports, self.minute, 1);
        first
            .wrapping_add(seq)
            .wrapping_add(self.minute << COOKIE_BITS)
            .wrapping_add(second.wrapping_add(mss_index) & COOKIE_MASK)
    }

    /// The index that was put into `cookie`, if it is not too old.
    fn open(&self, cookie: u32, seq: u32) -> Option<u32> {
        let rest = cookie
            .wrapping_sub(hash(self.seed, self.addresses, self.ports, 0, 0))
            .wrapping_sub(seq);
        let age = self.minute.wrapping_sub(rest >> COOKIE_BITS) & (u32::MAX >> COOKIE_BITS);
        let made = self.minute.wrapping_sub(age);
        let second = hash(self.seed, self.addresses, self.ports, made, 1);
        (age < MAX_AGE).then(|| rest.wrapping_sub(second) & COOKIE_MASK)
    }
}

/// The addresses, source first, of an IP header; `N` bytes each.
fn addresses<const N: usize>(env: &Env<'_>, header: u64) -> Result<[u8; 32], BadArgument> {
    let mut both = [0; 32];
    let (at, len) = if N == 4 { (12, 8) } else { (8, 32) };
    both[..len].copy_from_slice(&env.bytes(header, at + len)?[at..]);
    Ok(both)
}

fn attempt<'a, const N: usize>(env: &Env<'_>, both: &'a [u8; 32], tcp: &Tcp) -> Attempt<'a> {
    Attempt {
        seed: env.memory.inputs.seed,
        minute: (env.memory.inputs.time_ns / MINUTE_NS) as u32,
        addresses: &both[..2 * N],
        ports: tcp.ports,
    }
}

/// The cookie for the segment at `tcp`, with the segment size above it.
fn make<const N: usize>(env: &Env<'_>, ip: u64, tcp: u64, tcp_len: usize) -> Answer {
    let header = env.bytes(tcp, tcp_len)?;
    let fields = Tcp::parse(header.first_chunk().ok_or(BadArgument("a short TCP header"))?);
    let (table, default) = if N == 4 { (MSS_V4, DEFAULT_MSS_V4) } else { (MSS_V6, MSS_V6[0]) };
    let mss = mss_option(header).unwrap_or(default);
    let index = table.iter().rposition(|m| mss >= *m).unwrap_or(0);
    let both = addresses::<N>(env, ip)?;
    let cookie = attempt::<N>(env, &both, &fields).make(fields.seq, index as u32);
    Ok(u64::from(table[index]) << 32 | u64::from(cookie))
}

/// True if the acknowledgement at `tcp` carries a good cookie.
fn is_good<const N: usize>(env: &Env<'_>, ip: u64, tcp: u64) -> Result<bool, BadArgument> {
    let fields = Tcp::parse(&env.array(tcp)?);
    let both = addresses::<N>(env, ip)?;
    let attempt = attempt::<N>(env, &both, &fields);
    let index = attempt.open(fields.ack_seq.wrapping_sub(1), fields.seq.wrapping_sub(1));
    Ok(index.is_some_and(|i| (i as usize) < MSS_V4.len()))
}

/// `bpf_tcp_raw_gen_syncookie_ipv4(ip, tcp, tcp_len)`, `..._ipv6`.
pub(super) fn raw_generate<const N: usize>(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let len = regs[3] as u32 as usize;
    if len < TCP_LEN || len != Tcp::parse(&env.array(regs[2])?).header_len {
        return Ok(Errno::INVAL.as_return());
    }
    make::<N>(env, regs[1], regs[2], len)
}

/// `bpf_tcp_raw_check_syncookie_ipv4(ip, tcp)`, `..._ipv6`.
pub(super) fn raw_check<const N: usize>(regs: &Regs, env: &mut Env<'_>) -> Answer {
    Ok(if is_good::<N>(env, regs[1], regs[2])? { 0 } else { EACCES.as_return() })
}

/// Checks of socket and headers that both helpers on sockets make; `Ok` is true for IPv6.
fn check_arguments(regs: &Regs, env: &Env<'_>) -> Result<Result<bool, Errno>, BadArgument> {
    let socket = socket_at(regs[1]).and_then(|n| env.memory.host.sockets.get(n));
    let Some(socket) = socket else { return Ok(Err(Errno::INVAL)) };
    let ip_len = regs[3] as u32;
    if ip_len < 20 {
        return Ok(Err(Errno::INVAL));
    }
    let version = env.array::<1>(regs[2])?[0] >> 4;
    Ok(match version {
        4 => Ok(false),
        6 if ip_len < 40 || socket.local.is_ipv4() => Err(Errno::INVAL),
        6 => Ok(true),
        _ => Err(EPROTONOSUPPORT),
    })
}

fn listens(regs: &Regs, env: &Env<'_>) -> bool {
    let socket = socket_at(regs[1]).and_then(|n| env.memory.host.sockets.get(n));
    socket.is_some_and(|s| s.protocol == Protocol::Tcp && s.state == SocketState::Listen)
}

/// `bpf_tcp_gen_syncookie(sk, ip, ip_len, tcp, tcp_len)`, as if the queue of the socket were full.
pub(super) fn generate(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let len = regs[5] as u32 as usize;
    let invalid = Ok(Errno::INVAL.as_return());
    if len < TCP_LEN {
        return invalid;
    }
    let tcp = Tcp::parse(&env.array(regs[4])?);
    if len != tcp.header_len || !listens(regs, env) || tcp.flags & (SYN | ACK | FIN | RST) != SYN {
        return invalid;
    }
    match check_arguments(regs, env)? {
        Err(e) => Ok(e.as_return()),
        Ok(false) => make::<4>(env, regs[2], regs[4], len),
        Ok(true) => make::<16>(env, regs[2], regs[4], len),
    }
}

/// `bpf_tcp_check_syncookie(sk, ip, ip_len, tcp, tcp_len)`, as if the queue of the socket had been full.
pub(super) fn check(regs: &Regs, env: &mut Env<'_>) -> Answer {
    if (regs[5] as u32 as usize) < TCP_LEN || !listens(regs, env) {
        return Ok(Errno::INVAL.as_return());
    }
    let tcp = Tcp::parse(&env.array(regs[4])?);
    if tcp.flags & (ACK | RST | SYN) != ACK {
        return Ok(ENOENT.as_return());
    }
    let good = match check_arguments(regs, env)? {
        Err(e) => return Ok(e.as_return()),
        Ok(false) => is_good::<4>(env, regs[2], regs[4])?,
        Ok(true) => is_good::<16>(env, regs[2], regs[4])?,
    };
    Ok(if good { 0 } else { ENOENT.as_return() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_open_until_they_are_too_old() {
        let at =
            |minute| Attempt { seed: 7, minute, addresses: &[1, 2, 3, 4, 5, 6, 7, 8], ports: 80 };
        for index in 0..4 {
            let cookie = at(9).make(1000, index);
            assert_eq!(at(9).open(cookie, 1000), Some(index));
            assert_eq!(at(10).open(cookie, 1000), Some(index));
            assert_eq!(at(11).open(cookie, 1000), None);
            assert_ne!(at(9).open(cookie ^ 0x10_0000, 1000), Some(index));
        }
    }

    #[test]
    fn the_segment_size_is_found_among_options() {
        let header = |options: &[u8]| [&[0; TCP_LEN][..], options].concat();
        assert_eq!(mss_option(&header(&[1, 1, 2, 4, 5, 0xb4])), Some(1460));
        assert_eq!(mss_option(&header(&[3, 3, 7, 2, 4, 2, 0])), Some(512));
        for none in
            [&[][..], &[0, 2, 4, 5, 5], &[2, 4, 5], &[8, 1, 2, 4, 5, 5], &[2, 4, 0, 0], &[9]]
        {
            assert_eq!(mss_option(&header(none)), None, "{none:?}");
        }
    }
}
