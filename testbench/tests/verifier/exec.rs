//! A plain machine for the instructions of the random programs. It runs accepted programs on random inputs and holds
//! every step against the facts: each register within its range, each access within its memory, each loop within its
//! trips.

use beeline_frontend::facts::{CallCtx, PtrKind, RegFact, ScalarRange};
use beeline_frontend::insn::{AluOp, AtomicKind, Callee, Cond, Imm64, Operand, Size, Swap, Width};
use beeline_frontend::{Insn, Pc, Program, Reg, VerifiedProgram};
use beeline_ir::map::MapKind;
use std::collections::BTreeMap;

const CTX: u64 = 0x1_0000;
const PACKET: u64 = 0x1000_0000;
const STACK_TOP: u64 = 0x2000_0200;
const VALUES: u64 = 0x4000_0000;
const STEPS: usize = 100_000;

/// What one run depends on.
pub struct Input {
    pub packet: Vec<u8>,
    pub ifindex: u32,
    pub queue: u32,
    /// Decides which lookups in a hash succeed.
    pub hits: u64,
}

struct Machine<'p> {
    program: &'p Program,
    regs: [u64; Reg::COUNT],
    stack: [u8; 512],
    values: Vec<u8>,
    input: Input,
}

fn alu(op: AluOp, width: Width, a: u64, b: u64) -> u64 {
    let wide = width == Width::W64;
    let (a, b) = if wide { (a, b) } else { (u64::from(a as u32), u64::from(b as u32)) };
    let shift = b & if wide { 63 } else { 31 };
    let result = match op {
        AluOp::Add => a.wrapping_add(b),
        AluOp::Sub => a.wrapping_sub(b),
        AluOp::Mul => a.wrapping_mul(b),
        AluOp::Div => a.checked_div(b).unwrap_or(0),
        AluOp::Mod => a.checked_rem(b).unwrap_or(a),
        AluOp::Or => a | b,
        AluOp::And => a & b,
        AluOp::Xor => a ^ b,
        AluOp::Mov => b,
        AluOp::Lsh => a << shift,
        AluOp::Rsh => a >> shift,
        AluOp::Arsh if wide => ((a as i64) >> shift) as u64,
        AluOp::Arsh => ((a as i32) >> shift) as u64,
        AluOp::Sdiv | AluOp::Smod => panic!("not in the random programs"),
    };
    if wide {
        result
    } else {
        u64::from(result as u32)
    }
}

fn holds(cond: Cond, width: Width, a: u64, b: u64) -> bool {
    let (ua, ub, sa, sb) = match width {
        Width::W64 => (a, b, a as i64, b as i64),
        Width::W32 => (a as u32 as u64, b as u32 as u64, i64::from(a as i32), i64::from(b as i32)),
    };
    match cond {
        Cond::Eq => ua == ub,
        Cond::Ne => ua != ub,
        Cond::Gt => ua > ub,
        Cond::Ge => ua >= ub,
        Cond::Lt => ua < ub,
        Cond::Le => ua <= ub,
        Cond::Set => ua & ub != 0,
        Cond::Sgt => sa > sb,
        Cond::Sge => sa >= sb,
        Cond::Slt => sa < sb,
        Cond::Sle => sa <= sb,
    }
}

fn in_range(range: &ScalarRange, x: u64) -> bool {
    x & !range.mask == range.value
        && (range.umin..=range.umax).contains(&x)
        && (range.smin..=range.smax).contains(&(x as i64))
}

impl Machine<'_> {
    fn operand(&self, o: Operand) -> u64 {
        match o {
            Operand::Reg(r) => self.regs[r.index()],
            Operand::Imm(i) => i64::from(i) as u64,
        }
    }

    /// The bytes at `address`; panics outside of every memory.
    fn memory(&mut self, address: u64, size: Size) -> &mut [u8] {
        let bytes = size.bytes() as usize;
        let areas: [(u64, &mut [u8]); 3] = [
            (PACKET, &mut self.input.packet),
            (STACK_TOP - 512, &mut self.stack),
            (VALUES, &mut self.values),
        ];
        for (base, area) in areas {
            let Some(first) = address.checked_sub(base).and_then(|d| usize::try_from(d).ok())
            else {
                continue;
            };
            if first < area.len() {
                return area.get_mut(first..first + bytes).expect("an access within its memory");
            }
        }
        panic!("access to {address:#x}, which is no memory");
    }

    fn load(&mut self, address: u64, size: Size) -> u64 {
        if (CTX..CTX + 24).contains(&address) {
            return match address - CTX {
                0 => PACKET,
                4 => PACKET + self.input.packet.len() as u64,
                12 => u64::from(self.input.ifindex),
                16 => u64::from(self.input.queue),
                off => panic!("context offset {off}"),
            };
        }
        self.memory(address, size).iter().rev().fold(0, |w, b| w << 8 | u64::from(*b))
    }

    fn store(&mut self, address: u64, size: Size, value: u64) {
        let bytes = size.bytes() as usize;
        self.memory(address, size).copy_from_slice(&value.to_le_bytes()[..bytes]);
    }

    fn lookup(&mut self) -> u64 {
        let def = &self.program.maps[0];
        let key = self.load(self.regs[2], Size::B4) as u32;
        let found = match def.kind {
            MapKind::Array => key < def.max_entries,
            _ => self.input.hits >> (key % 64) & 1 == 1,
        };
        let entry = u64::from(key % def.max_entries);
        // Every value lies in an area of its own, so that an overrun is seen.
        if found {
            VALUES + entry * u64::from(def.value_size)
        } else {
            0
        }
    }

    fn step(&mut self, pc: Pc) -> Option<Pc> {
        let next = Some(pc.plus(1));
        match self.program.insns[pc.index()] {
            Insn::Alu { op, width, dst, src } => {
                self.regs[dst.index()] = alu(op, width, self.regs[dst.index()], self.operand(src));
            }
            Insn::Swap { swap: Swap::ToBe, dst, bits } => {
                let x = &mut self.regs[dst.index()];
                *x = x.swap_bytes() >> (64 - u32::from(bits));
            }
            Insn::Neg { width, dst } => {
                self.regs[dst.index()] = alu(AluOp::Sub, width, 0, self.regs[dst.index()]);
            }
            Insn::MovSx { width, dst, src, bits } => {
                let up = 64 - u32::from(bits);
                let x = ((self.regs[src.index()] << up) as i64 >> up) as u64;
                self.regs[dst.index()] = alu(AluOp::Mov, width, 0, x);
            }
            Insn::LoadImm64 { dst, imm: Imm64::Map(_) } => {
                self.regs[dst.index()] = 1;
                return Some(pc.plus(2));
            }
            Insn::Load { size, signed: false, dst, src, off } => {
                let address = self.regs[src.index()].wrapping_add(off as u64);
                self.regs[dst.index()] = self.load(address, size);
            }
            Insn::Store { size, dst, off, src } => {
                let address = self.regs[dst.index()].wrapping_add(off as u64);
                self.store(address, size, self.operand(src));
            }
            Insn::Atomic { kind, size, fetch, dst, off, src } => {
                let address = self.regs[dst.index()].wrapping_add(off as u64);
                let (old, x) = (self.load(address, size), self.regs[src.index()]);
                let new = match kind {
                    AtomicKind::Add => old.wrapping_add(x),
                    AtomicKind::Or => old | x,
                    AtomicKind::Xchg => x,
                    other => panic!("{other:?} is not in the random programs"),
                };
                self.store(address, size, new);
                if fetch {
                    self.regs[src.index()] = old;
                }
            }
            Insn::Jump { target, .. } => return Some(target),
            Insn::JumpIf { cond, width, dst, src, target } => {
                if holds(cond, width, self.regs[dst.index()], self.operand(src)) {
                    return Some(target);
                }
            }
            Insn::Call(Callee::Helper(1)) => {
                self.regs[0] = self.lookup();
                self.regs[1..6].fill(0xdead_beef);
            }
            Insn::Exit => return None,
            other => panic!("{other:?} is not in the random programs"),
        }
        next
    }

    fn check(&self, facts: &RegFact, r: usize) -> Result<(), String> {
        let x = self.regs[r];
        let fine = match facts {
            RegFact::Unusable => true,
            RegFact::Scalar(range) => in_range(range, x),
            RegFact::Ptr { nullable: true, .. } if x == 0 => true,
            RegFact::Ptr { kind, off, .. } => match kind {
                PtrKind::Ctx => in_range(off, x.wrapping_sub(CTX)),
                PtrKind::Packet => in_range(off, x.wrapping_sub(PACKET)),
                PtrKind::PacketEnd => x == PACKET + self.input.packet.len() as u64,
                PtrKind::Stack(0) => in_range(off, x.wrapping_sub(STACK_TOP)),
                PtrKind::MapValue(0) => {
                    let def = &self.program.maps[0];
                    let mut bases =
                        (0..def.max_entries).map(|e| VALUES + u64::from(e * def.value_size));
                    bases.any(|base| in_range(off, x.wrapping_sub(base)))
                }
                _ => true,
            },
        };
        if fine {
            Ok(())
        } else {
            Err(format!("r{r} = {x:#x} is not {facts:?}"))
        }
    }
}

/// Runs `verified` on `input` and compares every step with the facts.
pub fn run(verified: &VerifiedProgram, input: Input) -> Result<(), String> {
    let program = verified.program();
    let facts = verified.facts();
    let def = &program.maps[0];
    let values = vec![0xa5; (def.value_size * def.max_entries) as usize];
    let mut machine = Machine { program, regs: [0; Reg::COUNT], stack: [0x5a; 512], values, input };
    machine.regs[1] = CTX;
    machine.regs[10] = STACK_TOP;
    let (mut pc, mut came_from) = (Pc(0), Pc(0));
    let mut trips: BTreeMap<Pc, u32> = BTreeMap::new();
    for _ in 0..STEPS {
        let Some(known) = facts.at(CallCtx(0), pc) else {
            return Err(format!("insn {} is executed but has no facts", pc.0));
        };
        for (r, fact) in known.regs.iter().enumerate() {
            machine.check(fact, r).map_err(|e| format!("before insn {}: {e}", pc.0))?;
        }
        if let Some(most) = facts.max_trips.get(&(CallCtx(0), pc)) {
            // The loops of the random programs are entered from above and closed from below.
            let count = trips.entry(pc).or_default();
            *count = if came_from > pc { *count + 1 } else { 1 };
            if *count > *most {
                return Err(format!("loop at {} makes more than {most} trips", pc.0));
            }
        }
        let Some(next) = machine.step(pc) else { return Ok(()) };
        if matches!(program.insns[pc.index()], Insn::JumpIf { .. }) {
            let taken = next != pc.plus(1);
            if !(if taken { known.taken } else { known.fallthrough }) && next != pc.plus(1) {
                return Err(format!("the jump at {} goes the way that was ruled out", pc.0));
            }
        }
        came_from = pc;
        pc = next;
    }
    Err("the program does not end".into())
}
