//! Captures in and out: pcap and pcapng with Ethernet frames.

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapParser, PcapWriter};
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::{Block, PcapNgParser};
use pcap_file::{DataLink, Endianness, PcapError, TsResolution};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One packet of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracePacket {
    /// Position in the capture, from 0; this is the `index` that users see.
    pub index: usize,
    /// Capture time, the program's clock, in ns.
    pub time_ns: u64,
    /// The frame from its first Ethernet byte, without FCS.
    pub bytes: Vec<u8>,
    /// Hash that the capturing network card computed (option `epb_hash` of pcapng), as far as it fits 32 bits.
    pub rx_hash: Option<u32>,
}

/// The packets of a capture, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Packets that every engine can take.
    pub packets: Vec<TracePacket>,
    /// What was left out, and why; to be shown to the user.
    pub notices: Vec<String>,
}

impl Trace {
    /// The packets at `positions`, in that order.
    pub fn only(&self, positions: &[usize]) -> Trace {
        let packets = positions.iter().map(|n| self.packets[*n].clone()).collect();
        Trace { packets, notices: Vec::new() }
    }
}

/// Why a capture cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened, read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// Neither pcap nor pcapng.
    #[error(
        "{}: not a pcap or pcapng file (it starts with {magic}); convert it with `editcap -F pcap`",
        path.display()
    )]
    Magic {
        /// File.
        path: PathBuf,
        /// First bytes, in hex.
        magic: String,
    },
    /// Link type other than Ethernet.
    #[error(
        "{}: link type {link:?} of {at}; only Ethernet captures can be replayed, capture on an Ethernet interface",
        path.display()
    )]
    LinkType {
        /// File.
        path: PathBuf,
        /// Link type.
        link: DataLink,
        /// Header or interface that declares it.
        at: String,
    },
    /// Ends in the middle of a record.
    #[error(
        "{}: truncated after packet {packets} (byte {offset} of {len}); repair it with `editcap` or capture again",
        path.display()
    )]
    Truncated {
        /// File.
        path: PathBuf,
        /// Complete packets before.
        packets: usize,
        /// Offset of the incomplete record.
        offset: usize,
        /// File length.
        len: usize,
    },
    /// A record makes no sense.
    #[error("{}: malformed record after packet {packets} (byte {offset}): {reason}", path.display())]
    Malformed {
        /// File.
        path: PathBuf,
        /// Packets before.
        packets: usize,
        /// Offset of the record.
        offset: usize,
        /// What is wrong.
        reason: String,
    },
}

/// Reads all packets of `path`.
///
/// # Errors
/// See [`CaptureError`]; a capture with zero packets is fine.
pub fn read(path: &Path) -> Result<Trace, CaptureError> {
    let bytes =
        fs::read(path).map_err(|source| CaptureError::Io { path: path.to_path_buf(), source })?;
    parse(&bytes, path)
}

/// Parses a capture held in memory; `path` is for messages.
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], path: &Path) -> Result<Trace, CaptureError> {
    let mut reader = Reader {
        path,
        bytes,
        rest: bytes,
        trace: Trace::default(),
        count: 0,
        snapped: 0,
        rx_hash: None,
    };
    match bytes {
        [0x0a, 0x0d, 0x0d, 0x0a, ..] => reader.pcapng()?,
        // Microseconds and nanoseconds, in both byte orders.
        [0xd4, 0xc3, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0xc3, 0xd4, ..]
        | [0x4d, 0x3c, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0x3c, 0x4d, ..] => reader.pcap()?,
        _ => {
            let magic = match bytes {
                [] => "nothing, it is empty".to_string(),
                _ => bytes.iter().take(4).map(|b| format!("{b:02x}")).collect(),
            };
            return Err(CaptureError::Magic { path: path.to_path_buf(), magic });
        }
    }
    Ok(reader.finish())
}

struct Reader<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    rest: &'a [u8],
    trace: Trace,
    count: usize,
    snapped: usize,
    /// Of the packet that comes next.
    rx_hash: Option<u32>,
}

impl<'a> Reader<'a> {
    fn error(&self, e: &PcapError) -> CaptureError {
        let path = self.path.to_path_buf();
        let (packets, len) = (self.count, self.bytes.len());
        let offset = len - self.rest.len();
        match e {
            PcapError::IncompleteBuffer => CaptureError::Truncated { path, packets, offset, len },
            other => CaptureError::Malformed { path, packets, offset, reason: other.to_string() },
        }
    }

    fn ethernet(&self, link: DataLink, at: impl Into<String>) -> Result<(), CaptureError> {
        if link == DataLink::ETHERNET {
            return Ok(());
        }
        Err(CaptureError::LinkType { path: self.path.to_path_buf(), link, at: at.into() })
    }

    fn pcap(&mut self) -> Result<(), CaptureError> {
        let (rest, parser) = PcapParser::new(self.bytes).map_err(|e| self.error(&e))?;
        self.rest = rest;
        let header = parser.header();
        let (link, fcs_bytes) = link_type(header.datalink.into());
        self.ethernet(link, "the file header")?;
        let ns_per_tick = match header.ts_resolution {
            TsResolution::MicroSecond => 1000,
            TsResolution::NanoSecond => 1,
        };
        while !self.rest.is_empty() {
            let (rest, p) = parser.next_raw_packet(self.rest).map_err(|e| self.error(&e))?;
            let time = u64::from(p.ts_sec) * 1_000_000_000 + u64::from(p.ts_frac) * ns_per_tick;
            let kept = p.data.len().saturating_sub(fcs_bytes);
            self.rest = rest;
            self.push(time, p.orig_len.saturating_sub(fcs_bytes as u32), &p.data[..kept]);
        }
        Ok(())
    }

    fn pcapng(&mut self) -> Result<(), CaptureError> {
        let (rest, mut parser) = PcapNgParser::new(self.bytes).map_err(|e| self.error(&e))?;
        self.rest = rest;
        while !self.rest.is_empty() {
            let (rest, block) = parser.next_block(self.rest).map_err(|e| self.error(&e))?;
            match block {
                Block::InterfaceDescription(i) => {
                    let n = parser.interfaces().len().saturating_sub(1);
                    self.ethernet(i.linktype, format!("interface {n}"))?;
                }
                Block::EnhancedPacket(p) => {
                    let interface = parser.interfaces().get(p.interface_id as usize);
                    // The crate hands the file's ticks over as nanoseconds; the interface says what a tick is.
                    let ticks = p.timestamp.as_nanos() as u64;
                    let time = interface.map_or(ticks, |i| ticks_to_ns(ticks, i));
                    self.rx_hash = p.options.iter().find_map(card_hash);
                    self.push(time, p.original_len, &p.data);
                }
                Block::SimplePacket(p) => self.push(0, p.original_len, &p.data),
                Block::Packet(p) => {
                    let interface = parser.interfaces().get(usize::from(p.interface_id));
                    let time = interface.map_or(p.timestamp, |i| ticks_to_ns(p.timestamp, i));
                    self.push(time, p.original_len, &p.data);
                }
                _ => {}
            }
            self.rest = rest;
        }
        Ok(())
    }

    fn push(&mut self, time_ns: u64, orig_len: u32, bytes: &[u8]) {
        let index = self.count;
        let rx_hash = self.rx_hash.take();
        self.count += 1;
        if orig_len as usize > bytes.len() {
            self.snapped += 1;
        }
        let (min, max) = (beeline_sim::packet::MIN_LEN, beeline_sim::packet::MAX_LEN);
        if !(min..=max).contains(&bytes.len()) {
            self.trace.notices.push(format!(
                "packet {index} has {} bytes and is left out (supported: {min} to {max})",
                bytes.len()
            ));
            return;
        }
        self.trace.packets.push(TracePacket { index, time_ns, bytes: bytes.to_vec(), rx_hash });
    }

    fn finish(mut self) -> Trace {
        if self.snapped > 0 {
            self.trace.notices.push(format!(
                "{} packets were cut by the capture's snap length; they are replayed as captured",
                self.snapped
            ));
        }
        self.trace
    }
}

/// The hash of an option `epb_hash`: the algorithm in the first byte, which must be one of those with 32 bits that network cards
/// compute (CRC-32 or Toeplitz), then the hash.
fn card_hash(option: &EnhancedPacketOption<'_>) -> Option<u32> {
    match option {
        EnhancedPacketOption::Hash(h) => match **h {
            [2 | 5, a, b, c, d] => Some(u32::from_le_bytes([a, b, c, d])),
            _ => None,
        },
        _ => None,
    }
}

/// Splits the link-type word of a pcap header: the type in the low half; if bit 26 is set, the top four bits count the
/// 16-bit words of frame check sequence at the end of each packet.
fn link_type(word: u32) -> (DataLink, usize) {
    let fcs = if word >> 26 & 1 == 1 { (word >> 28) as usize * 2 } else { 0 };
    (DataLink::from(word & 0xffff), fcs)
}

/// Interface ticks in nanoseconds: `if_tsresol` is a power of ten, or of two if its top bit is set; default microseconds.
fn ticks_to_ns(ticks: u64, interface: &InterfaceDescriptionBlock<'_>) -> u64 {
    let resolution = interface.options.iter().find_map(|o| match o {
        InterfaceDescriptionOption::IfTsResol(r) => Some(*r),
        _ => None,
    });
    let ticks = u128::from(ticks);
    let ns = match resolution.unwrap_or(6) {
        r if r & 0x80 != 0 => (ticks * 1_000_000_000) >> u32::from(r & 0x7f).min(127),
        r if r <= 9 => ticks * 10u128.pow(9 - u32::from(r)),
        r => ticks / 10u128.pow(u32::from(r - 9).min(38)),
    };
    ns as u64
}

/// Writes packets (time in ns, bytes) as a pcap file with nanosecond timestamps.
///
/// # Errors
/// If the file cannot be written.
pub fn write<'a>(
    path: &Path,
    packets: impl Iterator<Item = (u64, &'a [u8])>,
) -> Result<(), CaptureError> {
    let io = |source| CaptureError::Io { path: path.to_path_buf(), source };
    let other = |e: PcapError| match e {
        PcapError::IoError(source) => io(source),
        e => io(std::io::Error::other(e.to_string())),
    };
    let file = std::io::BufWriter::new(fs::File::create(path).map_err(io)?);
    let header = PcapHeader {
        datalink: DataLink::ETHERNET,
        ts_resolution: TsResolution::NanoSecond,
        endianness: Endianness::Little,
        ..PcapHeader::default()
    };
    let mut writer = PcapWriter::with_header(file, header).map_err(other)?;
    for (time, bytes) in packets {
        let packet = PcapPacket::new(Duration::from_nanos(time), bytes.len() as u32, bytes);
        writer.write_packet(&packet).map_err(other)?;
    }
    writer.into_writer().flush().map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pcap(link: u32, packets: &[&[u8]]) -> Vec<u8> {
        let mut f = Vec::new();
        for word in [0xa1b2_3c4du32, 0x0004_0002, 0, 0, 65535, link] {
            f.extend(word.to_le_bytes());
        }
        for (i, p) in packets.iter().enumerate() {
            for word in [7, i as u32, p.len() as u32, p.len() as u32] {
                f.extend(word.to_le_bytes());
            }
            f.extend(*p);
        }
        f
    }

    #[test]
    fn packets_come_with_time_and_index_and_runts_are_named() {
        let t = parse(&pcap(1, &[&[1; 60], &[2; 5], &[3; 14]]), Path::new("x")).unwrap();
        let times: Vec<_> = t.packets.iter().map(|p| (p.index, p.time_ns)).collect();
        assert_eq!(times, [(0, 7_000_000_000), (2, 7_000_000_002)]);
        assert_eq!(t.notices.len(), 1);
        assert!(t.notices[0].starts_with("packet 1 has 5 bytes"), "{}", t.notices[0]);
    }

    #[test]
    fn bad_files_say_what_is_wrong() {
        let good = pcap(1, &[&[1; 60], &[2; 60]]);
        let cut = parse(&good[..good.len() - 1], Path::new("x")).unwrap_err();
        assert!(matches!(cut, CaptureError::Truncated { packets: 1, .. }), "{cut}");
        let header = parse(&good[..10], Path::new("x")).unwrap_err();
        assert!(matches!(header, CaptureError::Truncated { packets: 0, .. }), "{header}");
        let wifi = parse(&pcap(105, &[]), Path::new("x")).unwrap_err();
        assert!(matches!(wifi, CaptureError::LinkType { .. }), "{wifi}");
        let junk = parse(b"hello", Path::new("x")).unwrap_err();
        assert!(matches!(junk, CaptureError::Magic { .. }), "{junk}");
        assert!(matches!(parse(b"", Path::new("x")), Err(CaptureError::Magic { .. })));
        assert!(parse(&pcap(1, &[]), Path::new("x")).unwrap().packets.is_empty());
    }

    #[test]
    fn flags_above_the_link_type_and_snapped_packets_are_understood() {
        let mut f = pcap(0x2400_0001, &[&[1; 64]]);
        f[16..20].copy_from_slice(&40u32.to_le_bytes());
        f[24 + 12..24 + 16].copy_from_slice(&1500u32.to_le_bytes());
        let t = parse(&f, Path::new("x")).unwrap();
        assert_eq!(t.packets[0].bytes.len(), 60, "the check sequence is not part of the packet");
        assert!(t.notices[0].contains("snap length"), "{:?}", t.notices);
        assert!(parse(&pcap(0x4000_0001, &[]), Path::new("x")).is_ok());
    }

    #[test]
    fn pcapng_ticks_follow_the_interface() {
        let mut f = Vec::new();
        for word in [0x0a0d_0d0au32, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28] {
            f.extend(word.to_le_bytes());
        }
        for word in [1u32, 20, 1, 0, 20] {
            f.extend(word.to_le_bytes());
        }
        for word in [6u32, 48, 0, 0, 5, 16, 16] {
            f.extend(word.to_le_bytes());
        }
        f.extend([9; 16]);
        f.extend(48u32.to_le_bytes());
        let t = parse(&f, Path::new("x")).unwrap();
        assert_eq!(t.packets[0].time_ns, 5000, "default resolution is a microsecond");
        assert_eq!(t.packets[0].bytes, [9; 16]);
    }
}
