//! Calls: functions of the program with arguments of every kind, and `bpf_csum_diff`.

use super::entries::Role;
use super::function::{frame_offset, Callable, Function, Param, R0, R1, R2, R3, R4, R5};
use super::state::Held;
use beeline_frontend::insn::{AluOp, Callee, Insn, Operand, Reg, Size};

const CSUM_DIFF: u32 = 28;

impl Function<'_, '_> {
    /// Calls a function of the program, if there is one whose arguments can be had.
    pub(super) fn call(&mut self) {
        let callable: Vec<usize> =
            (0..self.shared.functions.len()).filter(|n| self.may_call(*n)).collect();
        if callable.is_empty() {
            return;
        }
        let n = *self.rng.pick(&callable);
        let callee = self.shared.functions[n].clone();
        for (k, param) in callee.params.iter().enumerate() {
            if !self.argument(Reg(k as u8 + 1), *param) {
                return;
            }
        }
        self.code.call_function(n + 1);
        self.state.clobber();
        if callee.moves {
            self.state.forget_packet();
            self.moves = true;
        }
        if let Some((first, last)) = callee.visits {
            self.state.visited = self.state.visited.max(last + 1);
            let (a, b) = self.visits.unwrap_or((first, last));
            self.visits = Some((a.min(first), b.max(last)));
        }
        self.state.paths = self.state.paths.saturating_mul(callee.paths);
        self.state.set(R0, Held::Number(None));
    }

    fn may_call(&self, n: usize) -> bool {
        let callee: &Callable = &self.shared.functions[n];
        let ordered = !self.options().free_state;
        let in_order = callee
            .visits
            .is_none_or(|(first, _)| !ordered || (self.loops == 0 && self.state.visited <= first));
        in_order
            && !(callee.moves && self.loops > 0)
            && self.state.paths.saturating_mul(callee.paths) <= self.most_paths
    }

    /// A register that holds what `wanted` accepts and keeps it while arguments are set.
    fn stable(&mut self, wanted: impl Fn(Held) -> bool) -> Option<Reg> {
        self.find(&[R1, R2, R3, R4, R5], wanted)
    }

    /// Sets argument register `r`. False if there is nothing to pass.
    fn argument(&mut self, r: Reg, param: Param) -> bool {
        match param {
            Param::Ctx => {
                let Some(home) = self.home else { return false };
                self.ctx_to(r, home);
            }
            Param::Number => match self.stable(Held::is_number) {
                Some(n) => self.mov(r, n),
                None => {
                    let value = self.constant();
                    self.imm(r, value);
                }
            },
            Param::Packet(bytes) => return self.packet_argument(r, bytes),
            Param::End => match self.stable(|h| h == Held::End) {
                Some(end) => self.mov(r, end),
                None => {
                    let Some(home) = self.home else { return false };
                    self.ctx_to(r, home);
                    self.load(Size::B4, r, r, 4);
                    self.state.set(r, Held::End);
                }
            },
            Param::Value(map) => match self.stable(|h| h == Held::Value(map, 0)) {
                Some(v) => self.mov(r, v),
                None => return false,
            },
            Param::Buffer(len) => {
                let Some(at) = self.frame_variable(len as usize, 8) else { return false };
                self.frame_address(r, frame_offset(at));
                // The callee may write it; what was known of the bytes is not any more.
                self.state.write(at, &vec![None; len as usize]);
            }
        }
        true
    }

    fn packet_argument(&mut self, r: Reg, bytes: u32) -> bool {
        let near = self.options().reach / 2;
        let fits = |f: &Self, h: Held| match h {
            Held::Packet(base, offset) => {
                f.state.proved(base) >= offset + bytes && f.bases[base].reach + offset <= near
            }
            _ => false,
        };
        let mut found = self.holding(|h| fits(self, h));
        found.retain(|p| !(1..=5).contains(&p.0));
        if !found.is_empty() {
            let p = *self.rng.pick(&found);
            self.mov(r, p);
            return true;
        }
        if bytes > 0 {
            return false;
        }
        let Some(home) = self.home else { return false };
        self.ctx_to(r, home);
        self.load(Size::B4, r, r, 0);
        let base = self.new_base(0);
        self.state.set(r, Held::Packet(base, 0));
        true
    }

    /// Parameters for a new function, and the state in which it starts.
    pub(super) fn parameters(&mut self) -> Vec<Param> {
        let count = self.rng.between(1, 5);
        let mut params = Vec::new();
        for k in 0..count {
            let r = Reg(k as u8 + 1);
            let (param, held) = match self.rng.below(10) {
                0..=2 if !params.contains(&Param::Ctx) => (Param::Ctx, Held::Ctx),
                3 | 4 => {
                    let bytes = *self.rng.pick(&[0, 2, 4, 8, 20]);
                    let base = self.new_base(self.options().reach / 2);
                    self.state.proved.insert(base, bytes);
                    (Param::Packet(bytes), Held::Packet(base, 0))
                }
                5 => (Param::End, Held::End),
                6 => match self.value_parameter() {
                    Some(map) => (Param::Value(map), Held::Value(map, 0)),
                    None => (Param::Number, Held::Number(None)),
                },
                7 => {
                    let len = *self.rng.pick(&[4, 8, 16, 24]);
                    (Param::Buffer(len), Held::Buffer(len))
                }
                _ => (Param::Number, Held::Number(None)),
            };
            params.push(param);
            self.state.set(r, held);
        }
        params
    }

    fn value_parameter(&mut self) -> Option<usize> {
        let usable = |m: &usize| {
            let map = self.map(*m);
            let read = map.role == Role::Read || self.options().free_state;
            read && map.role != Role::Device && !map.global
        };
        let maps: Vec<usize> = (0..self.shared.maps.len()).filter(usable).collect();
        (!maps.is_empty()).then(|| *self.rng.pick(&maps))
    }

    // ---- bpf_csum_diff -----------------------------------------------------------------------

    /// `r0 = bpf_csum_diff(from, from_size, to, to_size, seed)`.
    pub(super) fn checksum(&mut self) {
        let seed = match self.rng.percent(40) {
            true => Operand::Imm(0),
            false => Operand::Reg(self.number(&[])),
        };
        self.alu(AluOp::Mov, R5, seed);
        self.state.set(R5, Held::Number(None));
        let from = self.region(R1);
        let to = self.region(R3);
        self.imm(R2, from as i32);
        self.imm(R4, to as i32);
        self.code.push(Insn::Call(Callee::Helper(CSUM_DIFF)));
        self.state.clobber();
        self.state.set(R0, Held::Number(None));
    }

    /// Points `r` at bytes of the frame, the packet or a value, or at nothing. Returns their number, a multiple of 4.
    fn region(&mut self, r: Reg) -> u32 {
        let size = 4 * self.rng.between(1, 5) as u32;
        match self.rng.below(5) {
            0 | 1 => {
                if let Some(at) = self.frame_data(size as usize, 4) {
                    self.frame_address(r, frame_offset(at));
                    return size;
                }
            }
            2 | 3 => {
                let fits = |f: &Self, h: Held| match h {
                    Held::Packet(base, offset) => f.state.proved(base) >= offset + size,
                    _ => false,
                };
                let mut found = self.holding(|h| fits(self, h));
                found.retain(|p| !(1..=5).contains(&p.0));
                if !found.is_empty() {
                    let p = *self.rng.pick(&found);
                    self.mov(r, p);
                    return size;
                }
            }
            _ => {}
        }
        self.imm(r, 0);
        0
    }
}
