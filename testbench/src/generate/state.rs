//! What the generator knows at a point of the program: enough to emit only what a verifier can prove.

use beeline_frontend::insn::Reg;
use std::collections::BTreeMap;

/// Bytes of a stack frame that the generator uses, below `r10`.
pub(super) const FRAME: usize = 128;

/// A packet position that constant offsets count from: the packet start as loaded once, or a start plus variable amounts.
pub(super) type Base = usize;

/// What is known of a base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BaseData {
    /// How far from the packet start it can be.
    pub reach: u32,
    /// It is the start of the packet as it arrived.
    pub arrival: bool,
}

/// Where a byte comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Offset in the packet as it arrived.
    Packet(u32),
    /// The program.
    Constant(u8),
    /// A number that is 0 or 1.
    Bit,
}

/// A field of the packet as it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub offset: u32,
    pub bytes: u8,
    /// Read most significant byte first.
    pub swapped: bool,
}

/// What a register or a spill slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// Nothing that may be read.
    Nothing,
    /// A number, and the packet field that it is.
    Number(Option<Field>),
    /// The constant 0, which can also stand for a null pointer.
    Zero,
    /// `struct xdp_md`.
    Ctx,
    /// Packet pointer: base and constant part.
    Packet(Base, u32),
    /// `data_end`.
    End,
    /// Pointer into a value of a map: map, and the largest offset that it can have.
    Value(usize, u32),
    /// Result of a lookup before the null check.
    MaybeValue(usize),
    /// Pointer to a buffer of numbers in the caller's frame: its size.
    Buffer(u32),
}

impl Held {
    pub(super) fn is_number(self) -> bool {
        matches!(self, Held::Number(_) | Held::Zero)
    }

    pub(super) fn is_pointer(self) -> bool {
        !self.is_number() && self != Held::Nothing
    }

    pub(super) fn is_packet(self) -> bool {
        matches!(self, Held::Packet(..) | Held::End)
    }
}

/// A byte of the stack frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// Never written.
    Unset,
    /// Part of a number, and where this byte comes from.
    Byte(Option<Source>),
    /// Part of a spilled pointer.
    Pointer,
}

/// Everything known at one point.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub regs: [Held; 10],
    /// Frame bytes, lowest address (`r10 - FRAME`) first.
    pub cells: [Cell; FRAME],
    /// Spilled pointers, by the frame byte they start at.
    pub spills: BTreeMap<usize, Held>,
    /// For each packet base, how many bytes from it are known to be in the packet. A pointer loaded anew has a base
    /// of its own: verifiers know nothing of it.
    pub proved: BTreeMap<Base, u32>,
    /// Number, plus one, of the last map whose state was touched; maps are visited in ascending order.
    pub visited: usize,
    /// Paths from the start of the function to here.
    pub paths: u64,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            regs: [Held::Nothing; 10],
            cells: [Cell::Unset; FRAME],
            spills: BTreeMap::new(),
            proved: BTreeMap::new(),
            visited: 0,
            paths: 1,
        }
    }

    pub(super) fn get(&self, r: Reg) -> Held {
        self.regs[r.index()]
    }

    pub(super) fn set(&mut self, r: Reg, held: Held) {
        self.regs[r.index()] = held;
    }

    /// Bytes known to be in the packet from `base`.
    pub(super) fn proved(&self, base: Base) -> u32 {
        self.proved.get(&base).copied().unwrap_or(0)
    }

    /// After a call: the argument registers are gone.
    pub(super) fn clobber(&mut self) {
        self.regs[..6].fill(Held::Nothing);
    }

    /// After the packet has moved: packet pointers are void.
    pub(super) fn forget_packet(&mut self) {
        self.regs.iter_mut().filter(|h| h.is_packet()).for_each(|h| *h = Held::Nothing);
        let gone: Vec<usize> =
            self.spills.iter().filter(|(_, h)| h.is_packet()).map(|(k, _)| *k).collect();
        for at in gone {
            self.clear(at, 8);
        }
        self.proved.clear();
    }

    /// Forgets the frame bytes from `at`; a spilled pointer that loses a byte is lost.
    pub(super) fn clear(&mut self, at: usize, len: usize) {
        for slot in (at / 8 * 8..at + len).step_by(8) {
            if self.spills.remove(&slot).is_some() {
                self.cells[slot..slot + 8].fill(Cell::Unset);
            }
        }
        self.cells[at..at + len].fill(Cell::Unset);
    }

    /// Records a number written to the frame.
    pub(super) fn write(&mut self, at: usize, sources: &[Option<Source>]) {
        self.clear(at, sources.len());
        for (cell, source) in self.cells[at..].iter_mut().zip(sources) {
            *cell = Cell::Byte(*source);
        }
    }

    /// Records a pointer spilled to the frame.
    pub(super) fn spill(&mut self, at: usize, held: Held) {
        self.clear(at, 8);
        self.cells[at..at + 8].fill(Cell::Pointer);
        self.spills.insert(at, held);
    }

    /// True if the frame bytes hold numbers.
    pub(super) fn readable(&self, at: usize, len: usize) -> bool {
        self.cells[at..at + len].iter().all(|c| matches!(c, Cell::Byte(_)))
    }

    /// What is known where paths with `self` and with `other` meet; pointers to different places of the packet become
    /// pointers from a new base.
    pub(super) fn meet(&self, other: &State, bases: &mut Vec<BaseData>) -> State {
        let mut met = self.clone();
        for (held, theirs) in met.regs.iter_mut().zip(&other.regs) {
            *held = meet_held(*held, *theirs, bases);
        }
        for (at, cell) in met.cells.iter_mut().enumerate() {
            *cell = match (*cell, other.cells[at]) {
                (a, b) if a == b => a,
                (Cell::Byte(_), Cell::Byte(_)) => Cell::Byte(None),
                _ => Cell::Unset,
            };
        }
        met.spills.clear();
        for (at, held) in &self.spills {
            let both = other.spills.get(at).map(|theirs| meet_held(*held, *theirs, bases));
            match both {
                Some(held) if held != Held::Nothing => {
                    met.spills.insert(*at, held);
                }
                _ => met.cells[*at..*at + 8].fill(Cell::Unset),
            }
        }
        met.proved.retain(|base, _| other.proved.contains_key(base));
        for (base, bytes) in &mut met.proved {
            *bytes = (*bytes).min(other.proved(*base));
        }
        met.visited = self.visited.max(other.visited);
        met.paths = self.paths.saturating_add(other.paths);
        met
    }
}

fn meet_held(a: Held, b: Held, bases: &mut Vec<BaseData>) -> Held {
    match (a, b) {
        (a, b) if a == b => a,
        (Held::Zero, Held::Value(m, 0) | Held::MaybeValue(m))
        | (Held::Value(m, 0) | Held::MaybeValue(m), Held::Zero) => Held::MaybeValue(m),
        (a, b) if a.is_number() && b.is_number() => Held::Number(None),
        (Held::Packet(x, i), Held::Packet(y, j)) => {
            let reach = (bases[x].reach + i).max(bases[y].reach + j);
            bases.push(BaseData { reach, arrival: false });
            Held::Packet(bases.len() - 1, 0)
        }
        (Held::Value(m, i), Held::Value(n, j)) if m == n => Held::Value(m, i.max(j)),
        (Held::Value(m, 0) | Held::MaybeValue(m), Held::Value(n, 0) | Held::MaybeValue(n))
            if m == n =>
        {
            Held::MaybeValue(m)
        }
        (Held::Buffer(i), Held::Buffer(j)) => Held::Buffer(i.min(j)),
        _ => Held::Nothing,
    }
}
