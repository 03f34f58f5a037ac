//! What maps hold when a program is compiled: the programs that its tail calls can reach, and the maps in its maps.

use crate::map_file::MapFile;
use beeline_frontend::insn::{Imm64, Insn};
use beeline_frontend::lift::Wiring;
use beeline_frontend::object::{LoadError, Object};
use beeline_frontend::program::{MapDef, Program};
use beeline_frontend::{verifier, VerifiedProgram};
use beeline_ir::map::MapKind;
use std::collections::BTreeMap;

/// Programs that tail calls can reach, verified, by their position in the object's list of XDP programs
/// ([`Program::xdp_programs`]); and inner maps.
#[derive(Clone, Debug, Default)]
pub struct TailCalls {
    programs: BTreeMap<u32, VerifiedProgram>,
    /// Number of the program in each filled slot, by map and index.
    slots: BTreeMap<(usize, u32), u32>,
    /// Inner maps that are not maps of the object.
    inner: Vec<MapDef>,
    /// Number of the inner map in each filled slot, by map and key.
    inner_slots: BTreeMap<(usize, Vec<u8>), usize>,
}

/// Why the programs that tail calls reach cannot be used.
#[derive(Debug)]
pub enum TailCallError {
    /// A program does not link or is rejected.
    Load(LoadError),
    /// An array holds a number that no program of the object has.
    Unknown(String),
}

impl TailCalls {
    /// No programs: every tail call falls through.
    pub const fn none() -> &'static TailCalls {
        static NONE: TailCalls = TailCalls {
            programs: BTreeMap::new(),
            slots: BTreeMap::new(),
            inner: Vec::new(),
            inner_slots: BTreeMap::new(),
        };
        &NONE
    }

    /// The programs that `program` of `object` can reach: those that `file` (with the `.values` initialisers) puts into a `PROG_ARRAY`
    /// that it uses, and in turn those that these reach. `adjust` changes each program as `program` was changed after linking (map sizes).
    ///
    /// # Errors
    /// See [`TailCallError`]; a rejection carries a note that says through which map the program is reached.
    pub fn load(
        object: &Object,
        program: &Program,
        file: &MapFile,
        adjust: &dyn Fn(&mut Program),
    ) -> Result<Self, TailCallError> {
        let mut found = BTreeMap::new();
        let mut open = callees(program, file);
        while let Some((number, map)) = open.pop() {
            if found.contains_key(&number) {
                continue;
            }
            let name = program.xdp_programs.get(number as usize).ok_or_else(|| {
                let count = program.xdp_programs.len();
                TailCallError::Unknown(format!(
                    "map {map}: program number {number}, but the object has {count} XDP programs"
                ))
            })?;
            let verified = prepare(object, name, &map, adjust)?;
            open.extend(callees(verified.program(), file));
            found.insert(number, verified);
        }
        Ok(Self {
            programs: found,
            slots: slots(program, file),
            inner: file.inner.clone(),
            inner_slots: inner_slots(program, file),
        })
    }

    /// The programs with their numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &VerifiedProgram)> {
        self.programs.iter().map(|(n, p)| (*n, p))
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.programs.is_empty()
    }

    /// What the lift has to know.
    pub fn wiring(&self) -> Wiring<'_> {
        Wiring {
            programs: self.iter().collect(),
            slots: self.slots.clone(),
            inner: &self.inner,
            inner_slots: self.inner_slots.clone(),
        }
    }
}

fn prepare(
    object: &Object,
    name: &str,
    map: &str,
    adjust: &dyn Fn(&mut Program),
) -> Result<VerifiedProgram, TailCallError> {
    let note = format!("program `{name}` can be reached by tail calls through map `{map}`");
    let annotate = |all: Vec<beeline_ir::Diagnostic>| {
        let noted = all.into_iter().map(|d| d.note(note.clone())).collect();
        TailCallError::Load(LoadError::Rejected(noted))
    };
    let mut linked = object.program(Some(name)).map_err(|e| match e {
        LoadError::Rejected(all) => annotate(all),
        other => TailCallError::Load(other),
    })?;
    adjust(&mut linked);
    verifier::verify(linked).map_err(annotate)
}

/// What `file` (with the `.values` initialisers) puts into the `PROG_ARRAY` maps of the object; of two entries for one slot the last counts.
fn slots(program: &Program, file: &MapFile) -> BTreeMap<(usize, u32), u32> {
    let word = |bytes: &[u8]| bytes.first_chunk().map(|b| u32::from_le_bytes(*b));
    let filled = file.entries.iter().filter_map(|(map, key, value)| {
        let def = program.maps.get(*map).filter(|m| m.kind == MapKind::ProgArray)?;
        let index = word(key).filter(|i| *i < def.max_entries)?;
        Some(((*map, index), word(value)?))
    });
    filled.collect()
}

/// The same of maps of maps.
fn inner_slots(program: &Program, file: &MapFile) -> BTreeMap<(usize, Vec<u8>), usize> {
    let filled = file.entries.iter().filter_map(|(map, key, value)| {
        let kind = program.maps.get(*map)?.kind;
        let number = value.first_chunk().map(|v| u32::from_le_bytes(*v))?;
        let outer = matches!(kind, MapKind::ArrayOfMaps | MapKind::HashOfMaps);
        outer.then_some(((*map, key.clone()), number as usize))
    });
    filled.collect()
}

/// Numbers of the programs in the `PROG_ARRAY` maps that `program` uses, each with the name of its map.
fn callees(program: &Program, file: &MapFile) -> Vec<(u32, String)> {
    let mut all = Vec::new();
    for (map, def) in program.maps.iter().enumerate() {
        if def.kind != MapKind::ProgArray || !uses(program, map) {
            continue;
        }
        let listed = file.entries.iter().filter(|(m, _, _)| *m == map);
        let numbers =
            listed.filter_map(|(_, _, v)| v.first_chunk().map(|v| u32::from_le_bytes(*v)));
        all.extend(numbers.map(|n| (n, def.name.clone())));
    }
    all
}

fn uses(program: &Program, map: usize) -> bool {
    let names_it = |i: &Insn| matches!(i, Insn::LoadImm64 { imm: Imm64::Map(m), .. } if *m == map);
    program.insns.iter().any(names_it)
}
