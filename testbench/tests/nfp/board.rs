//! A small machine to run pieces of microcode on: a bank of memory, packets that are only numbers.

use beeline_backends::nfp::ecc::protect;
use beeline_backends::nfp::encode::encode;
use beeline_backends::nfp::insn::Insn;
use beeline_sim::nfp::{
    published_timing, Config, Engine, Fault, Firmware, Machine, Memory, Service, Start, Thread,
    Unit,
};

/// Where programs lie in the control store.
pub const BASE: u16 = 16;
/// Where they go at their end.
pub const DONE: u16 = 1;

/// Firmware that counts packets. The number of a packet is in B20 at the start; A0 is its result at the end.
#[derive(Clone, Debug)]
pub struct Board {
    /// Memory from address 0 on.
    pub memory: Vec<u8>,
    /// Packets to come.
    pub packets: u32,
    /// Results in the order in which packets ended.
    pub results: Vec<u32>,
    /// Cycle in which the last engine stopped.
    pub cycles: u64,
    /// Packets that have started.
    pub started: u32,
}

impl Default for Board {
    fn default() -> Self {
        Self { memory: vec![0; 64], packets: 1, results: Vec::new(), cycles: 0, started: 0 }
    }
}

impl Board {
    /// A board with this memory.
    pub fn with_memory(bytes: &[u8]) -> Self {
        Self { memory: bytes.to_vec(), ..Self::default() }
    }

    fn range(&self, address: u64, size: usize) -> Result<std::ops::Range<usize>, String> {
        let start = address as usize;
        let range = start..start + size;
        if range.end > self.memory.len() {
            return Err("nothing lies there".into());
        }
        Ok(range)
    }
}

impl Memory for Board {
    fn unit(&self, address: u64) -> Result<Unit, String> {
        self.range(address, 1).map(|_| Unit::Emem)
    }

    fn read(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), String> {
        let range = self.range(address, bytes.len())?;
        bytes.copy_from_slice(&self.memory[range]);
        Ok(())
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), String> {
        let range = self.range(address, bytes.len())?;
        self.memory[range].copy_from_slice(bytes);
        Ok(())
    }
}

impl Firmware for Board {
    fn next_packet(&mut self, thread: Thread, engine: &mut Engine, _: u64) -> Option<Start> {
        if self.started == self.packets {
            return None;
        }
        engine.contexts[thread.context].b.set(20, self.started);
        self.started += 1;
        Some(Start { pc: BASE, busy: 10 })
    }

    fn serve(
        &mut self,
        thread: Thread,
        address: u16,
        engine: &mut Engine,
        _: u64,
    ) -> Result<Service, String> {
        if address != DONE {
            return Err(format!("nothing is at {address}"));
        }
        let a0 = engine.contexts[thread.context].a.get(0);
        self.results.push(a0.ok_or("the packet has no result")?);
        Ok(Service::Finished { busy: 10 })
    }
}

/// Runs `program` on two engines of four contexts.
pub fn run(program: &[Insn], seed: u64, board: Board) -> Result<Board, Fault> {
    let words: Vec<u64> =
        program.iter().map(|i| protect(encode(i).unwrap_or_else(|e| panic!("{i}: {e}")))).collect();
    let config = Config { engines: 2, contexts: 4, units: published_timing(), seed };
    let mut machine =
        Machine::new(&config, &words, BASE, board).expect("what the encoder makes can be decoded");
    machine.run()?;
    machine.firmware.cycles = machine.cycles();
    Ok(machine.firmware)
}
