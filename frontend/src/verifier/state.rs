//! Abstract states: what is known of every register, stack slot and acquired resource at one point of one path.

use super::alu;
use super::global::Effects;
use super::scalar::Scalar;
use super::special::Lock;
use super::stack::Stack;
use super::touch::Words;
use crate::facts::{CallCtx, PtrKind, RegFact};
use crate::insn::{AluOp, Pc, Reg, Width};

/// A map that a pointer stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MapRef {
    /// Index into the program's maps.
    Declared(usize),
    /// Found in a map of maps, which is given by its index.
    Inner(usize),
}

/// Where memory that is neither packet, stack nor map value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A record of a ring buffer.
    Record,
    /// Part of what a dynptr stands for.
    Slice,
    /// The same, where it may lie in the packet: stale once a helper moves the packet.
    PacketSlice,
    /// The number that an iterator has come to.
    Counter,
    /// A map's key, handed to a callback.
    Key,
    /// An argument of a global function.
    Argument,
}

/// What a dynptr stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A map value.
    Local,
    /// A record of a ring buffer.
    Ringbuf,
    /// The packet.
    Packet,
}

/// What a socket pointer lets a program see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SocketForm {
    /// `struct bpf_sock`.
    Full,
    /// What every kind of socket has: `struct bpf_sock` without mark and priority.
    Common,
    /// `struct bpf_xdp_sock`.
    Xdp,
}

/// What a register or spilled word holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Never written, or no longer valid.
    Uninit,
    Scalar,
    Ctx,
    /// Stack of the frame at this depth.
    Stack(usize),
    Packet,
    PacketMeta,
    PacketEnd,
    MapValue(MapRef),
    Map(MapRef),
    Func(Pc),
    /// `size` bytes that the call at `site` returned.
    Mem {
        site: Pc,
        size: u32,
        origin: Origin,
        writable: bool,
    },
    /// A socket that the call at `site` returned.
    Socket {
        site: Pc,
        form: SocketForm,
    },
    /// One half of a dynptr; on the stack only.
    Dynptr {
        source: Source,
        upper: bool,
    },
    /// A counting iterator; on the stack only.
    Iter {
        drained: bool,
    },
}

impl Kind {
    pub(super) fn is_pointer(self) -> bool {
        !matches!(self, Kind::Uninit | Kind::Scalar)
    }

    /// Something on the stack that only certain calls may touch.
    pub(super) fn is_object(self) -> bool {
        matches!(self, Kind::Dynptr { .. } | Kind::Iter { .. })
    }

    pub(super) fn is_packet(self) -> bool {
        matches!(self, Kind::Packet | Kind::PacketMeta)
    }
}

/// What a comparison with `data_end` has proved about a packet pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proved {
    /// This many bytes from the pointer's variable part on are in the packet.
    Bytes(u32),
    /// The pointer is at or behind the end.
    AtEnd,
    /// The pointer is behind the end.
    BeyondEnd,
}

/// An abstract value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) kind: Kind,
    /// Constant part of a pointer's offset. For a scalar with an `id`: what was added to the common number.
    pub(super) off: i32,
    /// A scalar's number; variable part of a pointer's offset.
    pub(super) var: Scalar,
    /// 0, or a name that all values share which are the same number (scalars), have the same variable part (packet
    /// pointers) or came from the same call (nullable pointers).
    pub(super) id: u32,
    /// For packet pointers.
    pub(super) proved: Proved,
    /// A pointer that may be null.
    pub(super) nullable: bool,
    /// 0, or the acquired resource that the pointer stands for.
    pub(super) resource: u32,
    /// 0, or the `id` of the dynptr that this memory is part of.
    pub(super) owner: u32,
}

impl Value {
    pub(super) const UNINIT: Value = Value {
        kind: Kind::Uninit,
        off: 0,
        var: Scalar::UNKNOWN,
        id: 0,
        proved: Proved::Bytes(0),
        nullable: false,
        resource: 0,
        owner: 0,
    };

    pub(super) fn scalar(var: Scalar) -> Self {
        Self { kind: Kind::Scalar, var, ..Self::UNINIT }
    }

    pub(super) fn unknown() -> Self {
        Self::scalar(Scalar::UNKNOWN)
    }

    pub(super) fn pointer(kind: Kind) -> Self {
        Self { kind, var: Scalar::constant(0), ..Self::UNINIT }
    }

    pub(super) fn is_scalar(&self) -> bool {
        self.kind == Kind::Scalar
    }

    pub(super) fn as_constant(&self) -> Option<u64> {
        if self.is_scalar() {
            self.var.as_constant()
        } else {
            None
        }
    }

    /// The whole offset of a pointer.
    pub(super) fn offset(&self) -> Scalar {
        if self.off == 0 {
            return self.var;
        }
        alu::binary(
            AluOp::Add,
            Width::W64,
            &self.var,
            &Scalar::constant(i64::from(self.off) as u64),
        )
    }

    /// The form that later stages read.
    pub(super) fn to_fact(self) -> RegFact {
        let kind = match self.kind {
            Kind::Uninit => return RegFact::Unusable,
            Kind::Scalar => return RegFact::Scalar(self.var.to_fact()),
            Kind::Ctx => PtrKind::Ctx,
            Kind::Stack(depth) => PtrKind::Stack(depth as u32),
            Kind::Packet => PtrKind::Packet,
            Kind::PacketMeta => PtrKind::PacketMeta,
            Kind::PacketEnd => PtrKind::PacketEnd,
            Kind::MapValue(MapRef::Declared(m)) => PtrKind::MapValue(m),
            Kind::MapValue(MapRef::Inner(m)) => PtrKind::InnerMapValue(m),
            Kind::Map(MapRef::Declared(m)) => PtrKind::Map(m),
            Kind::Map(MapRef::Inner(m)) => PtrKind::InnerMap(m),
            Kind::Func(pc) => PtrKind::Func(pc),
            Kind::Mem { site, .. } | Kind::Socket { site, .. } => PtrKind::Mem(site.0),
            Kind::Dynptr { .. } | Kind::Iter { .. } => return RegFact::Unusable,
        };
        RegFact::Ptr { kind, off: self.offset().to_fact(), nullable: self.nullable }
    }
}

/// One function activation.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) ctx: CallCtx,
    /// The call in the frame below that made this one; `Pc(0)` for the entry.
    pub(super) call_site: Pc,
    pub(super) regs: [Value; Reg::COUNT],
    pub(super) stack: Stack,
    /// In the frame of a callback, which the helper call at `call_site` runs repeatedly: the checkpoint before the
    /// first run.
    pub(super) callback: Option<usize>,
    /// Runs of a callback by the call that this frame is in, as far as they are counted.
    pub(super) runs: u32,
    /// The instruction of this frame that was walked last.
    pub(super) came_from: Option<Pc>,
    /// In the frame of a global function: what the call does to the caller.
    pub(super) effects: Option<Box<Effects>>,
}

impl Frame {
    pub(super) fn new(ctx: CallCtx, call_site: Pc, depth: usize) -> Self {
        let mut regs = [Value::UNINIT; Reg::COUNT];
        regs[Reg::R10.index()] = Value::pointer(Kind::Stack(depth));
        Self {
            ctx,
            call_site,
            regs,
            stack: Stack::default(),
            callback: None,
            runs: 0,
            came_from: None,
            effects: None,
        }
    }
}

/// How often a loop header was executed since control last came to it from outside the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trip {
    pub(super) ctx: CallCtx,
    pub(super) header: Pc,
    /// Which arrival from outside this is, over the whole exploration.
    pub(super) arrival: u32,
    pub(super) count: u32,
}

/// Something that must be given back before the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) id: u32,
    /// The call that acquired it.
    pub(super) site: Pc,
}

/// Everything known at one point of one path.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) pc: Pc,
    pub(super) frames: Vec<Frame>,
    pub(super) resources: Vec<Resource>,
    /// The spin lock that is held.
    pub(super) lock: Option<Lock>,
    /// The walk began with a timer's callback, not with the program.
    pub(super) timer: bool,
    pub(super) trips: Vec<Trip>,
    /// Steps of loops that the kernel ends by itself: runs of callbacks, trips of `may_goto` and iterators.
    pub(super) progress: u32,
    /// The checkpoint that this path last passed.
    pub(super) checkpoint: Option<usize>,
    /// Stack words that were overwritten since then.
    pub(super) written: Words,
    /// Instructions walked since then.
    pub(super) since: u32,
    /// The last generalisation on the way here.
    pub(super) generalised: Option<usize>,
}

impl State {
    /// At the entry of an XDP program: the context in r1, nothing else.
    pub(super) fn entry() -> Self {
        let mut frame = Frame::new(CallCtx(0), Pc(0), 0);
        frame.regs[1] = Value::pointer(Kind::Ctx);
        Self {
            pc: Pc(0),
            frames: vec![frame],
            resources: Vec::new(),
            lock: None,
            timer: false,
            trips: Vec::new(),
            progress: 0,
            checkpoint: None,
            written: Words::ALL,
            since: 0,
            generalised: None,
        }
    }

    /// At the entry of a timer's callback, which starts at `pc`.
    pub(super) fn timer(ctx: CallCtx, pc: Pc) -> Self {
        let frames = vec![Frame::new(ctx, Pc(0), 0)];
        Self { pc, frames, timer: true, ..Self::entry() }
    }

    pub(super) fn depth(&self) -> usize {
        self.frames.len() - 1
    }

    pub(super) fn frame(&self) -> &Frame {
        self.frames.last().expect("a state has at least the entry frame")
    }

    pub(super) fn frame_mut(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("a state has at least the entry frame")
    }

    pub(super) fn reg(&self, r: Reg) -> &Value {
        &self.frame().regs[r.index()]
    }

    pub(super) fn set(&mut self, r: Reg, v: Value) {
        self.frame_mut().regs[r.index()] = v;
    }

    /// Every register and spilled word of every frame.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.frames.iter_mut().flat_map(|f| f.regs.iter_mut().chain(f.stack.spilled_mut()))
    }
}
