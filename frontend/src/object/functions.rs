//! Functions and programs of an object: code sections cut up by their symbols.

use super::error::{within, BROKEN_CODE, HELP_REBUILD};
use crate::decode::RawInsn;
use crate::elf::{Image, Section, SectionId, Symbol, SymbolKind};
use beeline_ir::diagnostic::Diagnostic;

/// A function, as a range of slots of its section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub name: String,
    pub section: SectionId,
    pub start: u32,
    pub end: u32,
    pub global: bool,
}

/// What a section's programs are for, as its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// `xdp`, `xdp/...`, `xdp_...`.
    Xdp,
    /// `xdp.frags...`: XDP with multi-buffer packets.
    XdpFrags,
    /// A name that says nothing, as in objects from before section names meant something.
    FreeForm,
    /// Another kind of program.
    Other,
}

/// A program (entry function) of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramInfo {
    /// Symbol name.
    pub name: String,
    /// Section.
    pub section: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Position in the object's functions.
    pub(crate) function: usize,
}

/// Section name prefixes that stand for other program types (libbpf's list, and iproute2's `classifier` and `action`).
const OTHER_PREFIXES: [&str; 49] = [
    "action",
    "cgroup",
    "cgroup_skb",
    "classifier",
    "dev_cgroup",
    "fentry",
    "fexit",
    "flow_dissector",
    "fmod_ret",
    "freplace",
    "iter",
    "kprobe",
    "kretprobe",
    "kretsyscall",
    "ksyscall",
    "lirc_mode2",
    "lsm",
    "lsm_cgroup",
    "lwt_in",
    "lwt_out",
    "lwt_seg6local",
    "lwt_xmit",
    "netfilter",
    "netkit",
    "perf_event",
    "raw_tp",
    "raw_tracepoint",
    "sk_lookup",
    "sk_msg",
    "sk_reuseport",
    "sk_skb",
    "sock_ops",
    "socket",
    "sockops",
    "struct_ops",
    "syscall",
    "tc",
    "tcx",
    "tp",
    "tp_btf",
    "tracepoint",
    "uprobe",
    "uretprobe",
    "usdt",
    "kprobe.multi",
    "kretprobe.multi",
    "uprobe.multi",
    "uretprobe.multi",
    "raw_tracepoint.w",
];

/// What programs in section `name` are for.
pub(crate) fn purpose(name: &str) -> Purpose {
    let name = name.strip_prefix('?').unwrap_or(name); // libbpf: "do not load unless asked"
    if name.starts_with("xdp.frags") {
        return Purpose::XdpFrags;
    }
    if name == "xdp" || name.starts_with("xdp/") || name.starts_with("xdp_") {
        return Purpose::Xdp;
    }
    let other = OTHER_PREFIXES.iter().any(|p| match name.strip_prefix(p) {
        Some(rest) => rest.is_empty() || rest.starts_with(['/', '.', '+']),
        None => false,
    });
    if other {
        Purpose::Other
    } else {
        Purpose::FreeForm
    }
}

/// All functions of `image`, ascending by section and start. Aliases (two names for one start) are all listed.
pub(crate) fn functions(image: &Image) -> Result<Vec<Function>, Diagnostic> {
    let mut by_section: Vec<Vec<&Symbol>> = vec![Vec::new(); image.sections.len()];
    for s in &image.symbols {
        if let Some(of) = s.section.and_then(|i| by_section.get_mut(i)) {
            of.push(s);
        }
    }
    let mut all = Vec::new();
    for (id, section) in image.sections.iter().enumerate() {
        if section.exec && !section.file.is_empty() {
            all.extend(functions_of(image, id, section, &by_section[id])?);
        }
    }
    Ok(all)
}

fn functions_of(
    image: &Image,
    id: SectionId,
    section: &Section,
    symbols: &[&Symbol],
) -> Result<Vec<Function>, Diagnostic> {
    let len = section.file.len() as u64;
    let broken = |what: String| {
        Diagnostic::error(BROKEN_CODE, what)
            .at(within(&image.name, format!("section {}", section.name)))
            .help(HELP_REBUILD)
    };
    if len % RawInsn::BYTES as u64 != 0 {
        return Err(broken(format!("code of {len} bytes is not a whole number of instructions")));
    }
    let starts = start_symbols(symbols);
    let mut functions = Vec::new();
    for s in &starts {
        let next = starts.partition_point(|n| n.value <= s.value);
        let next = starts.get(next).map_or(len, |n| n.value);
        let end = if s.size == 0 { Some(next) } else { s.value.checked_add(s.size) };
        let aligned = |v: u64| v % RawInsn::BYTES as u64 == 0;
        let end = end.filter(|e| aligned(s.value) && aligned(*e) && *e <= len && *e > s.value);
        let Some(end) = end else {
            return Err(broken(format!(
                "function `{}` (at 0x{:x}, {} bytes) does not lie within the section's {len} bytes of code",
                s.name, s.value, s.size
            )));
        };
        if end > next {
            return Err(broken(format!("function `{}` overlaps the one after it", s.name)));
        }
        functions.push(Function {
            name: s.name.clone(),
            section: id,
            start: (s.value / 8) as u32,
            end: (end / 8) as u32,
            global: s.global,
        });
    }
    if functions.is_empty() {
        let (name, end) = (section.name.clone(), (len / 8) as u32);
        functions.push(Function { name, section: id, start: 0, end, global: true });
    }
    Ok(functions)
}

/// Symbols that start a function: those typed so, and in old objects, where they have no type, the global ones that
/// are not inside a typed one. Ascending, global names first among aliases.
fn start_symbols<'a>(symbols: &[&'a Symbol]) -> Vec<&'a Symbol> {
    let mut starts: Vec<&Symbol> =
        symbols.iter().copied().filter(|s| s.kind == SymbolKind::Func).collect();
    starts.sort_by_key(|s| (s.value, !s.global));
    let typed = starts.clone();
    let inside_typed = |at: u64| {
        let before = typed.partition_point(|f| f.value <= at);
        typed[..before].last().is_some_and(|f| at - f.value < f.size.max(1))
    };
    let untyped = |s: &&Symbol| {
        s.kind == SymbolKind::NoType && s.global && !s.name.is_empty() && !inside_typed(s.value)
    };
    starts.extend(symbols.iter().copied().filter(untyped));
    starts.sort_by_key(|s| (s.value, !s.global));
    starts
}

/// The programs among `functions`: global functions outside `.text` (which holds subprograms), or the static ones
/// of a section that has no global one. An object with nothing but `.text` has its programs there.
pub(crate) fn programs(image: &Image, functions: &[Function]) -> Vec<ProgramInfo> {
    let is_text = |name: &str| name == ".text" || name.starts_with(".text.");
    let only_text = functions.iter().all(|f| is_text(&image.sections[f.section].name));
    let mut has_global = vec![false; image.sections.len()];
    for f in functions {
        has_global[f.section] |= f.global;
    }
    let mut programs: Vec<ProgramInfo> = Vec::new();
    for (function, f) in functions.iter().enumerate() {
        let section = &image.sections[f.section].name;
        let entry = f.global || !has_global[f.section];
        if entry && (!is_text(section) || only_text) {
            let (name, section) = (f.name.clone(), section.clone());
            let purpose = purpose(&section);
            programs.push(ProgramInfo { name, section, purpose, function });
        }
    }
    programs
}
