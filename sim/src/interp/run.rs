//! The run loop.

use super::alu::{swap, w32, w64};
use super::callback::{self, Next, Walk};
use super::helper::{self, Env, RedirectState};
use super::kfunc;
use super::memory::{
    frame_pointer, key_address, map_address, map_at, packet_address, value_address, Memory,
    CTX_ADDRESS, FRAME_SIZE, MAX_FRAMES,
};
use super::op::{with_table, Op, Regs, R};
use super::{Code, Frame, Loaded};
use crate::outcome::{Action, Exit, Fault};
use beeline_frontend::insn::{AtomicKind, Size};

/// Backward jumps that one packet may take: far more than the kernel's verifier lets a program
/// have, so that only a wrong proof of termination runs out of it.
const FUEL: u32 = 1 << 27;

const R0: R = R(0);
const R10: R = R(10);

#[cold]
#[inline(never)]
fn fault(code: &Code, pc: usize, what: impl Into<String>) -> Fault {
    Fault { at: code.place(pc as u32), what: what.into() }
}

#[cold]
#[inline(never)]
fn bad_access(code: &Code, pc: usize, address: u64, verb: &str) -> Fault {
    fault(code, pc, format!("{verb} at address {address:#018x} is outside every memory region"))
}

/// Makes the `match` over all operations: the arms of the table, and `$arms`.
macro_rules! dispatch {
    (
        { $(($alu:ident, $f:ident, $r64:ident, $i64:ident, $r32:ident, $i32:ident))* }
        { $(($cond:ident, $g:ident, $jr64:ident, $ji64:ident, $jr32:ident, $ji32:ident))* }
        $op:ident, $regs:ident, $pc:ident, { $($arms:tt)* }
    ) => {
        match *$op {
            $(
                Op::$r64(d, s) => $regs[d.index()] = w64::$f($regs[d.index()], $regs[s.index()]),
                Op::$i64(d, i) => $regs[d.index()] = w64::$f($regs[d.index()], i as u64),
                Op::$r32(d, s) => {
                    $regs[d.index()] = w32::$f($regs[d.index()] as u32, $regs[s.index()] as u32).into();
                }
                Op::$i32(d, i) => $regs[d.index()] = w32::$f($regs[d.index()] as u32, i as u32).into(),
            )*
            $(
                Op::$jr64(d, s, to) => {
                    if w64::$g($regs[d.index()], $regs[s.index()]) {
                        $pc = to as usize;
                    }
                }
                Op::$ji64(d, i, to) => {
                    if w64::$g($regs[d.index()], i as u64) {
                        $pc = to as usize;
                    }
                }
                Op::$jr32(d, s, to) => {
                    if w32::$g($regs[d.index()] as u32, $regs[s.index()] as u32) {
                        $pc = to as usize;
                    }
                }
                Op::$ji32(d, i, to) => {
                    if w32::$g($regs[d.index()] as u32, i as u32) {
                        $pc = to as usize;
                    }
                }
            )*
            $($arms)*
        }
    };
}

/// Sees every operation before it is executed.
pub(super) trait Watch {
    /// The operation in slot `pc` comes next.
    fn step(&mut self, pc: usize, regs: &Regs);
}

/// Nobody watches: costs nothing.
pub(super) struct Unwatched;

impl Watch for Unwatched {
    #[inline(always)]
    fn step(&mut self, _pc: usize, _regs: &Regs) {}
}

/// Where a run starts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// At the first program, with the context.
    Packet,
    /// At a timer's callback, with map, key and value.
    Timer {
        /// Number of the map.
        map: usize,
        /// Address in its value memory.
        value: u64,
        /// First operation.
        callback: u32,
    },
}

/// Tail calls that a packet may make (`MAX_TAIL_CALL_CNT`).
const MAX_TAIL_CALLS: u32 = 33;

/// Rounds that `may_goto` lets a function make (`BPF_MAX_LOOPS`).
const MAY_GOTO_ROUNDS: u32 = 1 << 23;

/// What a run keeps beside registers: frames, callbacks in progress, budgets.
#[derive(Clone)]
pub(super) struct Control {
    frames: Box<[Frame; MAX_FRAMES]>,
    walks: Vec<Walk>,
    /// Rounds of `may_goto` that each frame has used.
    rounds: Box<[u32; MAX_FRAMES]>,
}

impl Control {
    pub(super) fn new() -> Self {
        Self {
            frames: Box::new([Frame::default(); MAX_FRAMES]),
            walks: Vec::new(),
            rounds: Box::new([0; MAX_FRAMES]),
        }
    }
}

/// The program that a tail call with r2 and r3 goes to.
#[inline(never)]
fn tail_target<'c>(code: &'c Code, regs: &Regs, env: &Env<'_>) -> Option<&'c Loaded> {
    let map = map_at(regs[2]).filter(|m| *m < env.memory.maps.len())?;
    let number = env.memory.maps.program(map, regs[3] as u32)?;
    let position = (*code.by_number.get(number as usize)?)?;
    code.programs.get(position)
}

/// Runs `code` for one packet or timer. One long function on purpose: registers and program counter stay in machine registers.
pub(super) fn run<W: Watch>(
    watch: &mut W,
    program: &Code,
    start: Start,
    mut env: Env<'_>,
    control: &mut Control,
) -> Result<Exit, Fault> {
    let code = &program.ops[..];
    let frames = &mut control.frames;
    let mut regs: Regs = [0; 16];
    let mut depth = 0;
    let mut fuel = FUEL;
    let mut tail_calls = 0;
    let mut pc = 0usize;
    control.walks.clear();
    control.rounds[0] = 0;
    regs[10] = frame_pointer(0);
    let mut clear = true;
    match start {
        Start::Packet => {
            regs[1] = CTX_ADDRESS;
            clear = program.programs[0].uses_stack;
        }
        Start::Timer { map, value, callback } => {
            (regs[1], regs[2], regs[3]) =
                (map_address(map), key_address(0), value_address(map, value));
            pc = callback as usize;
        }
    }
    if clear {
        env.memory.stack[..FRAME_SIZE].fill(0);
    }
    macro_rules! fault {
        ($pc:expr, $what:expr) => {
            return Err(fault(program, $pc, $what))
        };
    }
    macro_rules! enter {
        ($to:expr, $return_to:expr, $uses_stack:expr) => {{
            if depth + 1 == MAX_FRAMES {
                fault!(pc - 1, "too many nested calls");
            }
            frames[depth] =
                Frame { return_to: $return_to, saved: [regs[6], regs[7], regs[8], regs[9]] };
            depth += 1;
            control.rounds[depth] = 0;
            regs[R10.index()] = frame_pointer(depth);
            if $uses_stack {
                env.memory.stack[depth * FRAME_SIZE..][..FRAME_SIZE].fill(0);
            }
            pc = $to as usize;
        }};
    }
    macro_rules! call_back {
        ($next:expr) => {
            match $next {
                Next::Call(callback) => enter!(callback, program.callback_done, true),
                Next::Done(return_to, result) => {
                    control.walks.pop();
                    regs[R0.index()] = result;
                    pc = return_to as usize;
                }
            }
        };
    }
    macro_rules! start_walk {
        ($start:expr) => {
            match $start {
                Ok(walk) => {
                    let level = control.walks.len();
                    control.walks.push(walk);
                    let next = control.walks[level].next(&mut regs, &mut env, level);
                    call_back!(next);
                }
                Err(code) => regs[R0.index()] = code,
            }
        };
    }
    macro_rules! load {
        ($n:literal, $d:ident, $s:ident, $off:ident, $v:ident => $convert:expr) => {{
            let address = regs[$s.index()].wrapping_add($off as u64);
            let Some($v) = env.memory.load::<$n>(address) else {
                return Err(bad_access(program, pc - 1, address, "load"));
            };
            regs[$d.index()] = $convert;
        }};
    }
    macro_rules! store {
        ($n:literal, $d:ident, $off:ident, $v:expr) => {{
            let address = regs[$d.index()].wrapping_add($off as u64);
            if env.memory.store::<$n>(address, $v).is_none() {
                return Err(bad_access(program, pc - 1, address, "store"));
            }
        }};
    }
    macro_rules! lookup {
        ($map:ident, $off:ident) => {{
            regs[2] = regs[R10.index()].wrapping_add($off as u64);
            regs[1] = map_address($map.into());
            match helper::lookup_in($map.into(), regs[2], &regs, &mut env) {
                Ok(result) => regs[R0.index()] = result,
                Err(bad) => fault!(pc + 3, format!("MapLookupElem: {}", bad.0)),
            }
        }};
    }
    loop {
        let Some(op) = code.get(pc) else {
            fault!(pc, "control left the program");
        };
        watch.step(pc, &regs);
        pc += 1;
        with_table!(dispatch op, regs, pc, {
            Op::Load1(d, s, off) => load!(1, d, s, off, v => v),
            Op::Load2(d, s, off) => load!(2, d, s, off, v => v),
            Op::Load4(d, s, off) => load!(4, d, s, off, v => v),
            Op::Load8(d, s, off) => load!(8, d, s, off, v => v),
            Op::LoadSx1(d, s, off) => load!(1, d, s, off, v => v as i8 as u64),
            Op::LoadSx2(d, s, off) => load!(2, d, s, off, v => v as i16 as u64),
            Op::LoadSx4(d, s, off) => load!(4, d, s, off, v => v as i32 as u64),
            Op::Store1(d, s, off) => store!(1, d, off, regs[s.index()]),
            Op::Store2(d, s, off) => store!(2, d, off, regs[s.index()]),
            Op::Store4(d, s, off) => store!(4, d, off, regs[s.index()]),
            Op::Store8(d, s, off) => store!(8, d, off, regs[s.index()]),
            Op::StoreI1(d, off, i) => store!(1, d, off, i as u64),
            Op::StoreI2(d, off, i) => store!(2, d, off, i as u64),
            Op::StoreI4(d, off, i) => store!(4, d, off, i as u64),
            Op::StoreI8(d, off, i) => store!(8, d, off, i as u64),
            Op::Jump(to) => pc = to as usize,
            Op::JumpBack(to) => {
                fuel -= 1;
                if fuel == 0 {
                    fault!(to as usize, "a loop does not end");
                }
                pc = to as usize;
            }
            Op::Const(d, low, high) => {
                regs[d.index()] = u64::from(high) << 32 | u64::from(low);
                pc += 1;
            }
            Op::Lea(d, s, i) => {
                regs[d.index()] = regs[s.index()].wrapping_add(i as u64);
                pc += 1;
            }
            Op::LeaJGt(d, s, x, i, to) => {
                regs[d.index()] = regs[s.index()].wrapping_add(i as u64);
                pc = if regs[d.index()] > regs[x.index()] { to as usize } else { pc + 2 };
            }
            Op::LeaJLe(d, s, x, i, to) => {
                regs[d.index()] = regs[s.index()].wrapping_add(i as u64);
                pc = if regs[d.index()] <= regs[x.index()] { to as usize } else { pc + 2 };
            }
            Op::Lookup(map, off) => {
                lookup!(map, off);
                pc += 4;
            }
            Op::LookupJNull(map, off, to) => {
                lookup!(map, off);
                pc = if regs[R0.index()] == 0 { to as usize } else { pc + 5 };
            }
            Op::LookupJFound(map, off, to) => {
                lookup!(map, off);
                pc = if regs[R0.index()] != 0 { to as usize } else { pc + 5 };
            }
            Op::LoadPair(a, b, s, off) => {
                load!(2, b, s, off, v => v);
                regs[a.index()] = regs[b.index()] & 0xff;
                pc += 3;
            }
            Op::LoadBounds(a, b, s) => {
                let address = regs[s.index()];
                if address != CTX_ADDRESS {
                    // Some other memory: both loads, one after the other.
                    let loaded = env.memory.load::<4>(address).zip(env.memory.load::<4>(address.wrapping_add(4)));
                    let Some((first, second)) = loaded else {
                        return Err(bad_access(program, pc - 1, address, "load"));
                    };
                    regs[a.index()] = first;
                    regs[b.index()] = second;
                } else {
                    regs[a.index()] = packet_address(env.memory.packet.start());
                    regs[b.index()] = packet_address(env.memory.packet.end());
                }
                pc += 1;
            }
            Op::CountI(d, s, off, i) => {
                let address = regs[s.index()].wrapping_add(off as u64);
                let Some(v) = env.memory.add(address, i as u64) else {
                    return Err(bad_access(program, pc - 1, address, "load"));
                };
                regs[d.index()] = v;
                pc += 2;
            }
            Op::CountR(d, s, off, x) => {
                let address = regs[s.index()].wrapping_add(off as u64);
                let Some(v) = env.memory.add(address, regs[x.index()]) else {
                    return Err(bad_access(program, pc - 1, address, "load"));
                };
                regs[d.index()] = v;
                pc += 2;
            }
            Op::AtomicAdd8(d, s, off) => {
                let address = regs[d.index()].wrapping_add(off as u64);
                if env.memory.add(address, regs[s.index()]).is_none() {
                    return Err(bad_access(program, pc - 1, address, "atomic operation"));
                }
            }
            Op::Store4Const(d, s, off, i) => {
                regs[d.index()] = u64::from(i as u32);
                store!(4, s, off, i as u64);
                pc += 1;
            }
            Op::JEqEq(d, a, first, b, second) => {
                let v = regs[d.index()] as u32;
                pc = match v {
                    _ if v == u32::from(a) => pc - 1 + usize::from(first),
                    _ if v == u32::from(b) => pc - 1 + usize::from(second),
                    _ => pc + 1,
                };
            }
            Op::JEqNe(d, a, first, b, second) => {
                let v = regs[d.index()] as u32;
                pc = match v {
                    _ if v == u32::from(a) => pc - 1 + usize::from(first),
                    _ if v != u32::from(b) => pc - 1 + usize::from(second),
                    _ => pc + 1,
                };
            }
            Op::Neg64(d) => regs[d.index()] = regs[d.index()].wrapping_neg(),
            Op::Neg32(d) => regs[d.index()] = (regs[d.index()] as u32).wrapping_neg().into(),
            Op::Swap(d, bits) => regs[d.index()] = swap(regs[d.index()], bits),
            Op::Trunc(d, bits) => regs[d.index()] &= u64::MAX >> (64 - u32::from(bits)),
            Op::MovSx64(d, s, bits) => regs[d.index()] = sign_extend(regs[s.index()], bits),
            Op::MovSx32(d, s, bits) => regs[d.index()] = (sign_extend(regs[s.index()], bits) as u32).into(),
            Op::Atomic { kind, size, fetch, dst, src, off } => {
                let address = regs[dst.index()].wrapping_add(off as u64);
                if atomic(&mut env.memory, &mut regs, kind, size, fetch, (address, dst, src)).is_none() {
                    return Err(bad_access(program, pc - 1, address, "atomic operation"));
                }
            }
            Op::CallHelper(helper) => {
                let at = program.slot(pc as u32 - 1);
                match helper::call(helper, &regs, at, &mut env) {
                    Ok(result) => regs[R0.index()] = result,
                    Err(bad) => fault!(pc - 1, format!("{helper:?}: {}", bad.0)),
                }
            }
            Op::CallKfunc(kfunc) => match kfunc::call(kfunc, &regs, &mut env) {
                Ok(result) => regs[R0.index()] = result,
                Err(bad) => fault!(pc - 1, format!("{kfunc:?}: {}", bad.0)),
            },
            Op::CallLocal(to, uses_stack) => enter!(to, pc as u32, uses_stack),
            Op::CallTail => {
                if let Some(to) = tail_target(program, &regs, &env).filter(|_| tail_calls < MAX_TAIL_CALLS) {
                    tail_calls += 1;
                    regs[1] = CTX_ADDRESS;
                    control.rounds[depth] = 0;
                    if to.uses_stack {
                        env.memory.stack[depth * FRAME_SIZE..][..FRAME_SIZE].fill(0);
                    }
                    pc = to.base as usize;
                }
            }
            Op::CallLoop => start_walk!(callback::start_loop(&regs, pc as u32)),
            Op::CallForEach => start_walk!(callback::start_for_each(&regs, pc as u32)),
            Op::CallbackDone => {
                fuel -= 1;
                let level = control.walks.len().wrapping_sub(1);
                let Some(walk) = control.walks.last_mut().filter(|_| fuel > 0) else {
                    fault!(pc - 1, "callbacks do not end");
                };
                let next = match regs[R0.index()] {
                    0 => walk.next(&mut regs, &mut env, level),
                    _ => walk.done(),
                };
                call_back!(next);
            }
            Op::MayGoto(to) => {
                control.rounds[depth] += 1;
                if control.rounds[depth] >= MAY_GOTO_ROUNDS {
                    control.rounds[depth] = MAY_GOTO_ROUNDS;
                    pc = to as usize;
                }
            }
            Op::Exit => {
                if depth == 0 {
                    return Ok(exit(regs[0] as u32, env.redirect));
                }
                depth -= 1;
                let frame = frames[depth];
                regs[6..10].copy_from_slice(&frame.saved);
                regs[R10.index()] = frame_pointer(depth);
                pc = frame.return_to as usize;
            }
            Op::Unreachable => fault!(pc - 1, "control reached an operand"),
        });
    }
}

fn exit(code: u32, redirect: RedirectState) -> Exit {
    let redirect = (Action::from_code(code) == Action::Redirect).then_some(redirect.0);
    Exit { code, redirect }
}

fn sign_extend(x: u64, bits: u8) -> u64 {
    let shift = 64 - u32::from(bits);
    ((x << shift) as i64 >> shift) as u64
}

/// Atomic operations on one CPU are plain ones. `None` if the memory cannot be accessed.
#[inline(never)]
fn atomic(
    memory: &mut Memory<'_>,
    regs: &mut Regs,
    kind: AtomicKind,
    size: Size,
    fetch: bool,
    (address, dst, src): (u64, R, R),
) -> Option<()> {
    if kind == AtomicKind::LoadAcquire {
        // The base is the source register here.
        let off = address.wrapping_sub(regs[dst.index()]);
        regs[dst.index()] = load_sized(memory, size, regs[src.index()].wrapping_add(off))?;
        return Some(());
    }
    let operand = regs[src.index()];
    if kind == AtomicKind::StoreRelease {
        return store_sized(memory, size, address, operand);
    }
    let old = load_sized(memory, size, address)?;
    let new = match kind {
        AtomicKind::Add => old.wrapping_add(operand),
        AtomicKind::Or => old | operand,
        AtomicKind::And => old & operand,
        AtomicKind::Xor => old ^ operand,
        AtomicKind::CmpXchg if old != truncate(regs[R0.index()], size) => old,
        _ => operand,
    };
    store_sized(memory, size, address, new)?;
    match kind {
        AtomicKind::CmpXchg => regs[R0.index()] = old,
        _ if fetch => regs[src.index()] = old,
        _ => {}
    }
    Some(())
}

fn truncate(x: u64, size: Size) -> u64 {
    x & (u64::MAX >> (64 - 8 * size.bytes()))
}

fn load_sized(memory: &Memory<'_>, size: Size, address: u64) -> Option<u64> {
    match size {
        Size::B1 => memory.load::<1>(address),
        Size::B2 => memory.load::<2>(address),
        Size::B4 => memory.load::<4>(address),
        Size::B8 => memory.load::<8>(address),
    }
}

fn store_sized(memory: &mut Memory<'_>, size: Size, address: u64, value: u64) -> Option<()> {
    match size {
        Size::B1 => memory.store::<1>(address, value),
        Size::B2 => memory.store::<2>(address, value),
        Size::B4 => memory.store::<4>(address, value),
        Size::B8 => memory.store::<8>(address, value),
    }
}
