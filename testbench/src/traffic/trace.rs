//! Packets on a time line, and the capture file that holds them.

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, Endianness, PcapError, TsResolution};

use super::{Ipv4, PacketBuilder, Rng, MINIMUM_FRAME};

/// Where every trace starts: 2024-01-01 00:00:00 UTC, in nanoseconds.
pub const START_NS: u64 = 1_704_067_200_000_000_000;
/// Preamble, check sequence and gap between frames: what a frame takes on the wire beyond its bytes.
const WIRE_OVERHEAD: u64 = 24;

/// One packet and when it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Nanoseconds since 1970.
    pub timestamp_ns: u64,
    /// The bytes from the destination MAC on, without check sequence.
    pub data: Vec<u8>,
}

/// Gaps between the packets of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    /// The largest of the usual gaps, in nanoseconds.
    pub largest_gap_ns: usize,
    /// In front of how many of 100 packets there is a pause.
    pub percent: usize,
    /// How long it is at most, in nanoseconds.
    pub longest_ns: usize,
}

/// Packets in the order of their arrival.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The packets; timestamps increase strictly.
    pub frames: Vec<Frame>,
}

impl Trace {
    /// `packets` as they would arrive on a 10 Gb/s port, with random gaps of up to `largest_gap_ns` between them.
    pub fn with_gaps(packets: Vec<Vec<u8>>, rng: &mut Rng, largest_gap_ns: usize) -> Self {
        let mut now = START_NS;
        let frames = packets.into_iter().map(|data| {
            let timestamp_ns = now;
            now += wire_time_ns(data.len(), 10) + rng.between(0, largest_gap_ns) as u64;
            Frame { timestamp_ns, data }
        });
        Self { frames: frames.collect() }
    }

    /// As [`Trace::with_gaps`], where now and then the line is silent for longer, so that state expires.
    pub fn with_pauses(packets: Vec<Vec<u8>>, rng: &mut Rng, pauses: Pauses) -> Self {
        let mut trace = Self::with_gaps(packets, rng, pauses.largest_gap_ns);
        let mut late = 0;
        for frame in &mut trace.frames {
            if rng.percent(pauses.percent) {
                late += rng.between(0, pauses.longest_ns) as u64;
            }
            frame.timestamp_ns += late;
        }
        trace
    }

    /// `packets` without gaps on a port of `gigabits` per second.
    pub fn back_to_back(packets: Vec<Vec<u8>>, gigabits: u64) -> Self {
        let mut now = START_NS;
        let frames = packets.into_iter().map(|data| {
            let timestamp_ns = now;
            now += wire_time_ns(data.len(), gigabits);
            Frame { timestamp_ns, data }
        });
        Self { frames: frames.collect() }
    }

    /// Writes the trace as a little-endian pcap file with nanosecond timestamps.
    ///
    /// # Errors
    /// If `writer` fails.
    pub fn write_pcap(&self, writer: impl Write) -> io::Result<()> {
        let header = PcapHeader {
            datalink: DataLink::ETHERNET,
            ts_resolution: TsResolution::NanoSecond,
            endianness: Endianness::Little,
            ..PcapHeader::default()
        };
        let mut pcap = PcapWriter::with_header(writer, header).map_err(io_error)?;
        for frame in &self.frames {
            let time = Duration::from_nanos(frame.timestamp_ns);
            let packet = PcapPacket::new(time, frame.data.len() as u32, &frame.data);
            pcap.write_packet(&packet).map_err(io_error)?;
        }
        pcap.into_writer().flush()
    }
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// At least 1, so that timestamps increase at any rate.
fn wire_time_ns(length: usize, gigabits: u64) -> u64 {
    ((length as u64 + WIRE_OVERHEAD) * 8).div_ceil(gigabits.max(1)).max(1)
}

/// `count` UDP packets of `length` bytes (at least 60) without gaps at 100 Gb/s, over `flows` flows: the worst case
/// for the packet rate when `length` is 64, and for one hot map entry when `flows` is 1.
pub fn back_to_back(count: usize, length: usize, flows: usize) -> Trace {
    let packet = |i: usize| {
        let flow = (i % flows.max(1)) as u16;
        let [high, low] = flow.to_be_bytes();
        let ip = Ipv4 {
            id: i as u16,
            ..Ipv4::new(Ipv4Addr::new(10, 0, high, low), Ipv4Addr::new(10, 1, high, low))
        };
        PacketBuilder::ethernet([2, 0, 0, 1, high, low], [2, 0, 0, 0, high, low])
            .ipv4(ip)
            .udp(1024 + flow, 4789)
            .fill_to(length.max(MINIMUM_FRAME))
            .build()
    };
    Trace::back_to_back((0..count).map(packet).collect(), 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pcap_file::pcap::PcapReader;

    #[test]
    fn a_written_trace_reads_back() {
        let trace = back_to_back(10, 64, 3);
        let mut file = Vec::new();
        trace.write_pcap(&mut file).unwrap();
        let mut reader = PcapReader::new(file.as_slice()).unwrap();
        let mut frames = Vec::new();
        while let Some(packet) = reader.next_packet() {
            let packet = packet.unwrap();
            frames.push(Frame {
                timestamp_ns: packet.timestamp.as_nanos() as u64,
                data: packet.data.to_vec(),
            });
        }
        assert_eq!(Trace { frames }, trace);
    }

    #[test]
    fn timestamps_increase() {
        let trace = Trace::with_gaps(vec![vec![0; 14]; 50], &mut Rng::new(1), 0);
        assert!(trace.frames.windows(2).all(|pair| pair[0].timestamp_ns < pair[1].timestamp_ns));
        let fast = Trace::back_to_back(vec![vec![0; 14]; 50], 100_000);
        assert!(fast.frames.windows(2).all(|pair| pair[0].timestamp_ns < pair[1].timestamp_ns));
    }
}
