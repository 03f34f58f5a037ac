//! Instructions under construction: jumps go to labels, calls to functions, until everything has its slot.

use beeline_frontend::insn::{Callee, Cond, Insn, Operand, Pc, Reg, Width};
use beeline_frontend::program::{MapDef, Program, Subprog};

/// A place in a function's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(u32);

/// One element of a function's code. Jump targets hold the number of a label, local calls the number of a function.
#[derive(Clone, Copy, Debug)]
enum Item {
    Insn(Insn),
    Bind(Label),
}

/// The code of one function.
#[derive(Clone, Debug, Default)]
pub(super) struct Code {
    items: Vec<Item>,
    labels: u32,
}

impl Code {
    pub(super) fn push(&mut self, insn: Insn) {
        self.items.push(Item::Insn(insn));
    }

    pub(super) fn label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels - 1)
    }

    pub(super) fn bind(&mut self, label: Label) {
        self.items.push(Item::Bind(label));
    }

    pub(super) fn jump(&mut self, to: Label) {
        self.push(Insn::Jump { target: Pc(to.0), long: false });
    }

    pub(super) fn jump_if(
        &mut self,
        cond: Cond,
        width: Width,
        dst: Reg,
        src: Operand,
        target: Label,
    ) {
        self.push(Insn::JumpIf { cond, width, dst, src, target: Pc(target.0) });
    }

    pub(super) fn call_function(&mut self, function: usize) {
        self.push(Insn::Call(Callee::Local(Pc(function as u32))));
    }

    /// Slots taken.
    fn slots(&self) -> u32 {
        self.items.iter().map(|i| if let Item::Insn(i) = i { i.slots() } else { 0 }).sum()
    }
}

/// Lays out `functions`, the entry function first, as one program.
pub(super) fn link(name: String, functions: &[Code], maps: Vec<MapDef>) -> Program {
    let mut starts = vec![Pc(0)];
    for code in functions {
        let last = starts[starts.len() - 1];
        starts.push(last.plus(i64::from(code.slots())));
    }
    let mut insns = Vec::new();
    for code in functions {
        place(code, &starts, &mut insns);
    }
    let subprogs = (0..functions.len()).map(|n| Subprog {
        name: if n == 0 { name.clone() } else { format!("part{n}") },
        start: starts[n],
        end: starts[n + 1],
        global: false,
        ..Subprog::default()
    });
    Program {
        name: name.clone(),
        section: "xdp".to_owned(),
        frags: false,
        subprogs: subprogs.collect(),
        lines: vec![None; insns.len()],
        insns,
        maps,
        kfuncs: Vec::new(),
        license: Some("GPL".to_owned()),
        object: "generated".to_owned(),
        xdp_programs: Vec::new(),
        ..Program::default()
    }
}

fn place(code: &Code, starts: &[Pc], insns: &mut Vec<Insn>) {
    let mut at = vec![Pc(0); code.labels as usize];
    let mut pc = Pc(insns.len() as u32);
    for item in &code.items {
        match item {
            Item::Bind(label) => at[label.0 as usize] = pc,
            Item::Insn(insn) => pc = pc.plus(i64::from(insn.slots())),
        }
    }
    for item in &code.items {
        let Item::Insn(mut insn) = *item else { continue };
        if let Some(target) = jump_target(&mut insn) {
            *target = at[target.index()];
        }
        if let Insn::Call(Callee::Local(function)) = &mut insn {
            *function = starts[function.index()];
        }
        insns.push(insn);
        if insn.slots() == 2 {
            insns.push(Insn::Imm64Tail);
        }
    }
}

/// The jump target of `insn`, to be changed.
pub(super) fn jump_target(insn: &mut Insn) -> Option<&mut Pc> {
    match insn {
        Insn::Jump { target, .. } | Insn::JumpIf { target, .. } | Insn::MayGoto { target } => {
            Some(target)
        }
        _ => None,
    }
}
