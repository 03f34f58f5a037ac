//! Engines, contexts and memory units together: who runs when, and packets in and out.

use super::context::{Context, Wait};
use super::decode::{decode, BadWord};
use super::engine::{Engine, Issued, TurnEnd};
use super::fault::{Breach, Fault};
use super::memory::{perform, Memory, Unit, UnitTiming};
use super::micro::{MemoryOp, Micro};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A hardware thread: engine and context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thread {
    /// Engine.
    pub engine: usize,
    /// Context of it.
    pub context: usize,
}

/// What the firmware did with a thread that left the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Back to the program at `to`: the engine was busy for `busy` cycles, and the thread slept for `asleep` more.
    Return {
        /// Address.
        to: u16,
        /// Cycles of the engine.
        busy: u64,
        /// Cycles without it.
        asleep: u64,
    },
    /// The thread sleeps until another one finishes a packet, then asks again.
    Retry,
    /// The packet is done; the engine was busy for so many cycles.
    Finished {
        /// Cycles of the engine.
        busy: u64,
    },
}

/// The firmware around the program: it brings packets, serves calls, takes packets away, and knows what lies in memory.
pub trait Firmware: Memory {
    /// Prepares `thread` for the next packet: registers, pointers, local memory. The address to start at, or `None` if
    /// there is no packet left. Cycles that the firmware itself needs count as `busy`.
    fn next_packet(&mut self, thread: Thread, engine: &mut Engine, now: u64) -> Option<Start>;

    /// Control of `thread` left the program for `address`.
    ///
    /// # Errors
    /// If the call breaks the firmware's rules.
    fn serve(
        &mut self,
        thread: Thread,
        address: u16,
        engine: &mut Engine,
        now: u64,
    ) -> Result<Service, String>;
}

/// Where and when a packet starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Address.
    pub pc: u16,
    /// Cycles of the engine before it.
    pub busy: u64,
}

/// Shape and timing of the machine.
#[derive(Clone, Debug)]
pub struct Config {
    /// Engines.
    pub engines: usize,
    /// Contexts of each.
    pub contexts: usize,
    /// Timing of [`Unit::ALL`].
    pub units: [UnitTiming; 4],
    /// Seed of latencies and noise.
    pub seed: u64,
}

/// Something at a memory unit.
#[derive(Debug, PartialEq, Eq)]
enum Happening {
    /// A command is executed.
    Arrive(Thread, Issued),
    /// Its signal and data reach the thread.
    Done(Thread, Issued, Vec<u32>),
}

#[derive(Debug, PartialEq, Eq)]
struct Event {
    at: u64,
    number: u64,
    what: Happening,
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// A machine with a program in its control stores.
pub struct Machine<F> {
    /// The firmware.
    pub firmware: F,
    engines: Vec<Engine>,
    code: Vec<Micro>,
    base: u16,
    units: [UnitTiming; 4],
    /// Cycle, in hundredths, from which a unit is free.
    free_at: [u64; 4],
    events: BinaryHeap<Reverse<Event>>,
    numbered: u64,
    random: u64,
    sleepers: Vec<(Thread, u16)>,
    issued: Vec<Issued>,
}

impl<F: Firmware> Machine<F> {
    /// A machine with `words` at address `base` of every control store.
    ///
    /// # Errors
    /// The address of the first word that cannot be executed, and why.
    pub fn new(
        config: &Config,
        words: &[u64],
        base: u16,
        firmware: F,
    ) -> Result<Self, (u16, BadWord)> {
        let code = words
            .iter()
            .enumerate()
            .map(|(i, w)| decode(*w).map_err(|e| (base + i as u16, e)))
            .collect::<Result<Vec<_>, _>>()?;
        let engine = |n| Engine::new(config.contexts, (config.seed as u32).wrapping_add(n));
        Ok(Self {
            firmware,
            engines: (0..config.engines as u32).map(engine).collect(),
            code,
            base,
            units: config.units.clone(),
            free_at: [0; 4],
            events: BinaryHeap::new(),
            numbered: 0,
            random: config.seed ^ 0x9e37_79b9_7f4a_7c15,
            sleepers: Vec::new(),
            issued: Vec::new(),
        })
    }

    /// Runs until the firmware has no more packets and every thread is done.
    ///
    /// # Errors
    /// The first thing that the hardware would not allow.
    pub fn run(&mut self) -> Result<(), Fault> {
        for engine in 0..self.engines.len() {
            for context in 0..self.engines[engine].contexts.len() {
                self.feed(Thread { engine, context });
            }
        }
        loop {
            let turn = self.next_turn();
            let event = self.events.peek().map(|Reverse(e)| e.at);
            match (turn, event) {
                (None, None) => return self.check_rest(),
                (Some((at, _)), Some(e)) if e <= at => self.happen()?,
                (None, Some(_)) => self.happen()?,
                (Some((at, engine)), _) => self.turn(engine, at)?,
            }
        }
    }

    /// Cycle in which the last engine stopped.
    pub fn cycles(&self) -> u64 {
        self.engines.iter().map(|e| e.cycle).max().unwrap_or(0)
    }

    /// Instructions executed by all engines.
    pub fn executed(&self) -> u64 {
        self.engines.iter().map(|e| e.executed).sum()
    }

    /// The engine that can run a context first, and when.
    fn next_turn(&self) -> Option<(u64, usize)> {
        let ready = |e: &Engine| {
            let at = e.contexts.iter().filter_map(|c| match c.wait {
                Wait::Ready(at) => Some(at),
                _ => None,
            });
            at.min().map(|at| at.max(e.cycle))
        };
        let all = self.engines.iter().enumerate();
        all.filter_map(|(n, e)| ready(e).map(|at| (at, n))).min()
    }

    /// Nothing can happen any more: nobody may be waiting.
    fn check_rest(&self) -> Result<(), Fault> {
        for (engine, e) in self.engines.iter().enumerate() {
            for (context, c) in e.contexts.iter().enumerate() {
                let asleep = self.sleepers.iter().any(|(t, _)| *t == Thread { engine, context });
                if c.wait != Wait::Idle || asleep {
                    return Err(Fault { engine, context, pc: c.pc, breach: Breach::NeverWoken });
                }
            }
        }
        Ok(())
    }

    /// Gives an idle thread its next packet.
    fn feed(&mut self, thread: Thread) {
        let engine = &mut self.engines[thread.engine];
        let now = engine.cycle;
        engine.contexts[thread.context].start(0, now);
        engine.contexts[thread.context].wait = Wait::Idle;
        if let Some(start) = self.firmware.next_packet(thread, engine, now) {
            engine.cycle += start.busy;
            let context = &mut engine.contexts[thread.context];
            context.pc = start.pc;
            context.wait = Wait::Ready(now + start.busy);
        }
    }

    /// Lets the next context of `engine` run, which can at cycle `at`.
    fn turn(&mut self, number: usize, at: u64) -> Result<(), Fault> {
        let engine = &mut self.engines[number];
        engine.cycle = engine.cycle.max(at);
        let count = engine.contexts.len();
        let is_ready = |c: &Context| matches!(c.wait, Wait::Ready(at) if at <= engine.cycle);
        let next = (1..=count).map(|i| (engine.last + i) % count);
        let Some(context) = next.into_iter().find(|c| is_ready(&engine.contexts[*c])) else {
            return Ok(());
        };
        let mut issued = std::mem::take(&mut self.issued);
        let end = engine.turn(context, &self.code, self.base, &mut issued);
        let thread = Thread { engine: number, context };
        let fault = |pc, breach| Fault { engine: number, context, pc, breach };
        for command in issued.drain(..) {
            self.submit(thread, command).map_err(|b| fault(0, b))?;
        }
        self.issued = issued;
        match end.map_err(|(pc, breach)| fault(pc, breach))? {
            TurnEnd::Swap => Ok(()),
            TurnEnd::Left(address) => self.serve(thread, address),
        }
    }

    fn serve(&mut self, thread: Thread, address: u16) -> Result<(), Fault> {
        let engine = &mut self.engines[thread.engine];
        let now = engine.cycle;
        let fault =
            |breach| Fault { engine: thread.engine, context: thread.context, pc: address, breach };
        let service = self
            .firmware
            .serve(thread, address, engine, now)
            .map_err(|reason| fault(Breach::Service(reason)))?;
        match service {
            Service::Return { to, busy, asleep } => {
                engine.cycle += busy;
                let at = engine.cycle + asleep;
                let context = &mut engine.contexts[thread.context];
                context.pc = to;
                context.wait = Wait::Ready(at);
            }
            Service::Retry => {
                engine.contexts[thread.context].wait = Wait::Idle;
                self.sleepers.push((thread, address));
            }
            Service::Finished { busy } => {
                engine.cycle += busy;
                let context = &engine.contexts[thread.context];
                if !context.is_quiet() {
                    let open = Breach::NotModelled("a packet that ends with a command open");
                    return Err(fault(open));
                }
                self.feed(thread);
                self.wake_sleepers(thread.engine);
            }
        }
        Ok(())
    }

    /// Threads that waited for another packet's end try again.
    fn wake_sleepers(&mut self, finished_on: usize) {
        let now = self.engines[finished_on].cycle;
        for (thread, address) in std::mem::take(&mut self.sleepers) {
            let context = &mut self.engines[thread.engine].contexts[thread.context];
            context.pc = address;
            context.wait = Wait::Ready(now);
        }
    }

    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// A number of `range`.
    fn pick(&mut self, range: &std::ops::RangeInclusive<u64>) -> u64 {
        range.start() + self.draw() % (range.end() - range.start() + 1)
    }

    fn event(&mut self, at: u64, what: Happening) {
        self.numbered += 1;
        self.events.push(Reverse(Event { at, number: self.numbered, what }));
    }

    /// A command sets out. Those of one thread to one unit arrive in order.
    fn submit(&mut self, thread: Thread, command: Issued) -> Result<(), Breach> {
        let address = command.address;
        let unit =
            self.firmware.unit(address).map_err(|reason| Breach::Memory { address, reason })?
                as usize;
        let range = self.units[unit].latency.clone();
        let way = self.pick(&(range.start() / 2..=range.end() / 2));
        let context = &mut self.engines[thread.engine].contexts[thread.context];
        let at = (command.at + way).max(context.in_order[unit]);
        context.in_order[unit] = at;
        self.event(at, Happening::Arrive(thread, command));
        Ok(())
    }

    fn happen(&mut self) -> Result<(), Fault> {
        let Some(Reverse(event)) = self.events.pop() else { return Ok(()) };
        match event.what {
            Happening::Arrive(thread, command) => self.arrive(event.at, thread, command),
            Happening::Done(thread, command, data) => {
                let context = &mut self.engines[thread.engine].contexts[thread.context];
                for (n, word) in data.into_iter().enumerate() {
                    context.transfer_in.set(usize::from(command.transfer) + n, word);
                }
                context.raise(command.signal, event.at);
                Ok(())
            }
        }
    }

    fn arrive(&mut self, at: u64, thread: Thread, command: Issued) -> Result<(), Fault> {
        let noise = self.draw() as u32;
        let address = command.address;
        let failed = |reason| Fault {
            engine: thread.engine,
            context: thread.context,
            pc: self.engines[thread.engine].contexts[thread.context].pc,
            breach: Breach::Memory { address, reason },
        };
        let unit = self.firmware.unit(address).map_err(failed)? as usize;
        let data = perform(&mut self.firmware, &command, noise).map_err(failed)?;
        let timing = &self.units[unit];
        let occupied = match command.op {
            MemoryOp::Modify { .. } => timing.modify,
            _ => timing.access,
        };
        self.free_at[unit] = self.free_at[unit].max(at * 100) + occupied;
        let served = self.free_at[unit].div_ceil(100);
        let range = timing.latency.clone();
        let back = self.pick(&(range.start().div_ceil(2)..=range.end().div_ceil(2)));
        self.event(served + back, Happening::Done(thread, command, data));
        Ok(())
    }
}

/// Timing of the memory units for a machine of 800 MHz.
///
/// Latencies are the vendor's published ranges; service times of external memory are the measured 4.05 and 3.22 cycles of Krude et al.
/// (CoNEXT 2021). `docs/nfp.md` gives the sources.
pub fn published_timing() -> [UnitTiming; 4] {
    let timing = |latency, access, modify| UnitTiming { latency, access, modify };
    let by_unit = |unit| match unit {
        Unit::Cls => timing(20..=50, 100, 200),
        Unit::Ctm => timing(50..=100, 100, 200),
        Unit::Imem => timing(120..=250, 405, 322),
        Unit::Emem => timing(150..=590, 405, 322),
    };
    Unit::ALL.map(by_unit)
}
