//! Names in the emitted Verilog: one [`Namer`] for every identifier, so that each is legal, unique and
//! recognisable to someone who knows the C program.

use beeline_ir::dfg::{Dfg, ValueDef};
use beeline_ir::op::{AtomicOp, BinOp, CmpOp, Input, Op};
use beeline_ir::{Inst, Value};
use cranelift_entity::SecondaryMap;
use std::collections::HashSet;

/// Reserved words of IEEE 1800-2017 (those that could come from a C identifier or a hint).
const KEYWORDS: &str = "\
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before begin bind \
bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking cmos config \
const constraint context continue cover covergroup coverpoint cross deassign default defparam design disable \
dist do edge else end endcase endchecker endclass endclocking endconfig endfunction endgenerate endgroup \
endinterface endmodule endpackage endprimitive endprogram endproperty endsequence endspecify endtable endtask \
enum event eventually expect export extends extern final first_match for force foreach forever fork forkjoin \
function generate genvar global highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import \
incdir include initial inout input inside instance int integer interconnect interface intersect join join_any \
join_none large let liblist library local localparam logic longint macromodule matches medium modport module \
nand negedge nettype new nexttime nmos nor noshowcancelled not notif0 notif1 null or output package packed \
parameter pmos posedge primitive priority program property protected pull0 pull1 pulldown pullup \
pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime ref reg \
reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always s_eventually s_nexttime \
s_until s_until_with scalared sequence shortint shortreal showcancelled signed small soft solve specify \
specparam static string strong strong0 strong1 struct super supply0 supply1 sync_accept_on sync_reject_on \
table tagged task this throughout time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior \
trireg type typedef union unique unique0 unsigned until until_with untyped use uwire var vectored virtual void \
wait wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor";

/// Identifiers that every stage module or the top uses for itself.
const TAKEN: &str = "clk rst in out in_valid in_host out_valid out_host unused";

/// Longest name taken over from a hint.
const MAX_LEN: usize = 48;

/// Hands out unique, legal identifiers.
#[derive(Clone, Debug)]
pub struct Namer {
    used: HashSet<String>,
}

/// Words of C++ that Verilator warns of, since its models are C++; C programs may use many of them as names.
const CPP_KEYWORDS: &str = "\
abort alignas alignof and_eq asm atomic_cancel atomic_commit atomic_noexcept auto bitand bitor bool catch char char16_t \
char32_t compl concept const_cast constexpr decltype delete double dynamic_cast explicit false float friend goto inline \
long mutable namespace noexcept not_eq nullptr operator or_eq override private public register requires short sizeof \
static_assert static_cast switch synchronized template thread_local throw transaction_safe true try typeid typename \
using volatile wchar_t xor_eq";

impl Namer {
    /// A namer that avoids the keywords of both languages and the names in `taken`.
    pub fn new<'a>(taken: impl IntoIterator<Item = &'a str>) -> Self {
        let words = KEYWORDS.split_whitespace().chain(CPP_KEYWORDS.split_whitespace());
        let used = words.chain(taken).map(str::to_owned).collect();
        Self { used }
    }

    /// A unique identifier close to `hint`.
    pub fn unique(&mut self, hint: &str) -> String {
        let base = sanitize(hint);
        let mut name = base.clone();
        let mut n = 2;
        while !self.used.insert(name.clone()) {
            name = format!("{base}_{n}");
            n += 1;
        }
        name
    }
}

/// `hint` as a legal identifier: letters, digits and single underscores, starting with a letter.
pub fn sanitize(hint: &str) -> String {
    let mut s = String::new();
    for c in hint.chars() {
        let c = if c.is_ascii_alphanumeric() { c } else { '_' };
        if !(c == '_' && s.ends_with('_')) {
            s.push(c);
        }
        if s.len() == MAX_LEN {
            break;
        }
    }
    let s = s.trim_matches('_');
    match s.chars().next() {
        None => "x".to_owned(),
        Some(c) if c.is_ascii_digit() => format!("x_{s}"),
        // Windows of packet bytes are called `win_FIRST_LAST`; no value may look like one.
        Some(_) if s.starts_with("win_") => format!("x_{s}"),
        Some(_) => s.to_owned(),
    }
}

/// A namer for the inside of modules.
pub fn module_namer() -> Namer {
    Namer::new(TAKEN.split_whitespace())
}

/// Names every value in `order` once, so that it is called the same in every stage.
pub fn name_values(namer: &mut Namer, dfg: &Dfg, order: &[Inst]) -> SecondaryMap<Value, String> {
    let mut names = SecondaryMap::new();
    for v in order.iter().filter_map(|i| dfg.insts[*i].result) {
        names[v] = namer.unique(&value_hint(dfg, v));
    }
    names
}

/// What a value would like to be called: its hint, else what it is and the instruction it comes from.
fn value_hint(dfg: &Dfg, v: Value) -> String {
    let data = &dfg.values[v];
    if let Some(hint) = &data.name {
        return hint.clone();
    }
    let ValueDef::Inst(inst) = data.def else { return v.to_string() };
    let kind = op_noun(&dfg.insts[inst].op);
    if let Op::Input(_) = dfg.insts[inst].op {
        return kind.to_owned();
    }
    match dfg.insts[inst].src.expand() {
        Some(src) => format!("insn{}_{kind}", dfg.sources[src].pc),
        None => format!("{kind}_{v}"),
    }
}

/// One word for the result of an operation.
pub fn op_noun(op: &Op) -> &'static str {
    match op {
        Op::Const(_) => "const",
        Op::Input(i) => input_noun(*i),
        Op::Bin(op, ..) => bin_noun(*op),
        Op::Cmp(op, ..) => cmp_noun(*op),
        Op::Select { .. } => "sel",
        Op::Zext(_) => "zext",
        Op::Sext(_) => "sext",
        Op::Extract { .. } => "part",
        Op::Concat(_) => "joined",
        Op::Bswap(_) => "swapped",
        Op::PktLoad { .. } => "pkt",
        Op::PktStore { .. } => "store",
        Op::PktZero { .. } => "zero",
        Op::MapLookup { .. } | Op::EntryConst { .. } => "entry",
        Op::EntryIsNull(_) => "is_null",
        Op::MapLoad { .. } => "loaded",
        Op::MapStore { .. } => "store",
        Op::MapAtomic { op, .. } => atomic_noun(*op),
        Op::MapUpdate { .. } => "update",
        Op::MapDelete { .. } => "delete",
        Op::MapInsert { .. } => "insert",
        Op::MapRemove { .. } => "remove",
        Op::MapTouch { .. } => "touch",
        Op::EventOutput { .. } => "event",
    }
}

fn input_noun(i: Input) -> &'static str {
    match i {
        Input::PacketLen => "packet_length",
        Input::IngressIfindex => "ingress_ifindex",
        Input::RxQueueIndex => "rx_queue_index",
        Input::TimeNs => "time_ns",
        Input::CpuId => "cpu_id",
        Input::PacketIndex => "packet_index",
        Input::Seed => "seed",
    }
}

fn bin_noun(op: BinOp) -> &'static str {
    match op {
        BinOp::Add => "sum",
        BinOp::Sub => "diff",
        BinOp::Mul => "product",
        BinOp::UDiv | BinOp::SDiv => "quotient",
        BinOp::URem | BinOp::SRem => "remainder",
        BinOp::And => "and",
        BinOp::Or => "or",
        BinOp::Xor => "xor",
        BinOp::Shl => "shl",
        BinOp::LShr => "shr",
        BinOp::AShr => "sar",
    }
}

fn cmp_noun(op: CmpOp) -> &'static str {
    match op {
        CmpOp::Eq => "eq",
        CmpOp::Ne => "ne",
        CmpOp::Ult | CmpOp::Slt => "lt",
        CmpOp::Ule | CmpOp::Sle => "le",
    }
}

fn atomic_noun(op: AtomicOp) -> &'static str {
    match op {
        AtomicOp::Add => "old_sum",
        AtomicOp::Or | AtomicOp::And | AtomicOp::Xor => "old_bits",
        AtomicOp::Xchg | AtomicOp::CmpXchg => "old",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_legal_and_unique() {
        let mut n = Namer::new(["clk"]);
        assert_eq!(n.unique("ip->protocol"), "ip_protocol");
        assert_eq!(n.unique("ip_protocol"), "ip_protocol_2");
        assert_eq!(n.unique("ip.protocol"), "ip_protocol_3");
        assert_eq!(n.unique("begin"), "begin_2");
        assert_eq!(n.unique("delete"), "delete_2");
        assert_eq!(n.unique("clk"), "clk_2");
        assert_eq!(n.unique("7up"), "x_7up");
        assert_eq!(n.unique("größe"), "gr_e");
        assert_eq!(n.unique(""), "x");
        assert_eq!(n.unique("win_0_3"), "x_win_0_3");
        assert!(n.unique(&"a".repeat(500)).len() <= MAX_LEN);
    }
}
