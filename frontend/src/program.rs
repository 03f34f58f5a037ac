//! A linked program: one XDP entry with the functions it reaches, relocations resolved.

use crate::btf::{StrId, TypeId};
use crate::insn::{Insn, Pc};
use crate::object::ObjectTypes;
use beeline_ir::diagnostic::{Place, SourceLine};
use beeline_ir::map::MapKind;
use std::sync::Arc;

/// A map definition of the object file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapDef {
    /// Name; global data sections are named as libbpf does without the object prefix (`.rodata`, `.data`, `.bss`).
    pub name: String,
    /// Kind.
    pub kind: MapKind,
    /// Key size in bytes.
    pub key_size: u32,
    /// Value size in bytes.
    pub value_size: u32,
    /// Number of entries.
    pub max_entries: u32,
    /// `map_flags`.
    pub flags: u32,
    /// Initial content of the only value, for global data.
    pub initial: Option<Vec<u8>>,
    /// Read-only for the program and the host (`.rodata`).
    pub frozen: bool,
    /// Inner map template, for maps in maps.
    pub inner: Option<Box<MapDef>>,
    /// `.values` initialisers: slot, and the name of the program or map in it.
    pub values: Vec<(u32, String)>,
    /// `map_extra`: for a bloom filter the number of hash functions, else 0.
    pub extra: u64,
    /// Types of key and value, where the object has them.
    pub types: Option<MapTypes>,
}

/// Events of a perf event array that does not say how many: one for each CPU that a kernel can have.
pub const MAX_CPUS: u32 = 8192;

/// The smallest ring buffer, in bytes.
pub const PAGE: u32 = 4096;

impl MapDef {
    /// The number of entries with which a loader creates the map: ring buffers get a power of two of at least a page, perf
    /// event arrays that do not say how many have one for each CPU.
    pub fn entries_as_created(&self) -> u32 {
        match self.kind {
            MapKind::Ringbuf if self.max_entries > 0 => {
                self.max_entries.max(PAGE).checked_next_power_of_two().unwrap_or(self.max_entries)
            }
            MapKind::PerfEventArray if self.max_entries == 0 => MAX_CPUS,
            _ => self.max_entries,
        }
    }
}

impl Default for MapDef {
    /// An array without name and size, to fill in.
    fn default() -> Self {
        MapDef {
            name: String::new(),
            kind: MapKind::Array,
            key_size: 0,
            value_size: 0,
            max_entries: 0,
            flags: 0,
            initial: None,
            frozen: false,
            inner: None,
            values: Vec::new(),
            extra: 0,
            types: None,
        }
    }
}

/// BTF types of a map, numbers in [`ObjectTypes`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapTypes {
    /// Key; 0 if not declared by type. Global data has none.
    pub key: TypeId,
    /// Value; 0 if not declared by type. For global data, the section's variables.
    pub value: TypeId,
    /// Parts of the value that only certain helpers may touch, ascending by offset.
    pub fields: Vec<SpecialField>,
}

/// A part of a map value that programs must not read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecialField {
    /// What it is.
    pub kind: SpecialKind,
    /// First byte in the value.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
}

/// The kernel's `enum btf_field_type`, as far as map values can have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpecialKind {
    /// `struct bpf_spin_lock`
    SpinLock,
    /// `struct bpf_res_spin_lock`
    ResSpinLock,
    /// `struct bpf_timer`
    Timer,
    /// `struct bpf_wq`
    Workqueue,
    /// `struct bpf_task_work`
    TaskWork,
    /// `struct bpf_list_head`
    ListHead,
    /// `struct bpf_list_node`
    ListNode,
    /// `struct bpf_rb_root`
    RbRoot,
    /// `struct bpf_rb_node`
    RbNode,
    /// `struct bpf_refcount`
    Refcount,
    /// A pointer with tag `kptr`, `kptr_untrusted`, `percpu_kptr` or `uptr`.
    Kptr,
}

/// A function of a linked program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subprog {
    /// Symbol name.
    pub name: String,
    /// First slot.
    pub start: Pc,
    /// Slot after the last.
    pub end: Pc,
    /// Global function: Linux verifies it on its own, with arguments as `signature` says. Functions without BTF and
    /// hidden ones are not global in this sense.
    pub global: bool,
    /// The function's type, where the object has one.
    pub signature: Option<Signature>,
}

/// Type of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Its [`crate::btf::Type::Func`] in [`ObjectTypes`], for `func_info`.
    pub func: TypeId,
    /// What a global function may assume of its arguments and must return; or why Linux refuses to verify
    /// a global function of this type on its own.
    pub contract: Result<Contract, String>,
}

/// What a global function may assume of each argument. Its result is always a scalar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contract {
    /// `r1` and following.
    pub args: Vec<GlobalArg>,
}

/// What a global function may assume of an argument (the kernel's `btf_prepare_func_args`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlobalArg {
    /// The context.
    Ctx,
    /// Any number.
    Scalar,
    /// A pointer to readable and writable memory.
    Memory {
        /// Bytes.
        size: u32,
        /// May be NULL (unless tagged `arg:nonnull`).
        nullable: bool,
    },
    /// A pointer to an initialised dynptr.
    Dynptr,
}

/// A record of line info, as Linux takes it at load time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineRecord {
    /// First slot it is for.
    pub pc: Pc,
    /// File name, in [`ObjectTypes`].
    pub file: StrId,
    /// Text of the line.
    pub text: StrId,
    /// Line number.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// A linked program. `insns[pc]` is the instruction in slot `pc`; the entry function is first, at slot 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Symbol name of the entry function.
    pub name: String,
    /// ELF section it came from.
    pub section: String,
    /// True for `xdp.frags` sections.
    pub frags: bool,
    /// Slots.
    pub insns: Vec<Insn>,
    /// Functions, ascending by `start`; the first is the entry.
    pub subprogs: Vec<Subprog>,
    /// BTF line info for each slot (the last record at or before it within its function).
    pub lines: Vec<Option<SourceLine>>,
    /// Maps that the instructions refer to by index: all maps of the object, in file order.
    pub maps: Vec<MapDef>,
    /// Kernel functions called, by name.
    pub kfuncs: Vec<String>,
    /// License string, if the object has one.
    pub license: Option<String>,
    /// Path or name of the object file, for messages.
    pub object: String,
    /// Names of the object's XDP programs, in file order. The value of a `PROG_ARRAY` entry is a position in this list.
    pub xdp_programs: Vec<String>,
    /// The object's types, shared by its programs.
    pub types: Option<Arc<ObjectTypes>>,
    /// Line info as the object has it, ascending by slot; the numbers of its strings are those of `types`.
    pub line_records: Vec<LineRecord>,
    /// Instructions that linking left without meaning; they call a helper that does not exist. Ascending.
    pub poisoned: Vec<Poisoned>,
}

/// An instruction whose CO-RE relocation could not be resolved, or a call of a weak kernel function that is not there. It
/// may stand only where control does not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poisoned {
    /// The instruction.
    pub pc: Pc,
    /// Code of the diagnostic, should control come here.
    pub code: &'static str,
    /// What is missing.
    pub reason: String,
}

impl Program {
    /// The function that slot `pc` belongs to.
    pub fn subprog_at(&self, pc: Pc) -> Option<&Subprog> {
        self.subprogs.iter().find(|s| s.start <= pc && pc < s.end)
    }

    /// Why `pc` has no meaning, if linking left it so.
    pub fn poison_at(&self, pc: Pc) -> Option<&Poisoned> {
        let at = self.poisoned.binary_search_by_key(&pc, |p| p.pc).ok()?;
        self.poisoned.get(at)
    }

    /// Where `pc` stands, for a diagnostic: program, disassembly, C line.
    pub fn place(&self, pc: Pc) -> Place {
        Place {
            object: Some(self.object.clone()),
            program: Some(self.name.clone()),
            pc: Some(pc.0),
            insn: self.insns.get(pc.index()).map(|i| crate::disasm::insn(self, pc, i)),
            line: self.lines.get(pc.index()).cloned().flatten(),
        }
    }
}
