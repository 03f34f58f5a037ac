//! Maps of section `maps`: an array of C structs, whose size and tail differ between loaders.
//!
//! All begin with type, key size, value size, number of entries and (mostly) flags. The kernel's samples append the
//! index of an inner map; iproute2 (`struct bpf_elf_map`, 36 bytes) appends ids that relate inner and outer maps.

use super::{broken, check_count, kind, Found};
use crate::elf::{Image, SectionId, Symbol, SymbolKind};
use crate::program::MapDef;
use beeline_ir::diagnostic::Diagnostic;
use beeline_ir::map::MapKind;

/// Fewest bytes of a definition: type, key size, value size, number of entries.
const MIN_SIZE: usize = 16;
/// `struct bpf_elf_map` of iproute2, which may be longer for the sake of its users.
const IPROUTE2_SIZE: usize = 36;
/// The kernel's samples end with the index of an inner map, or the number of a NUMA node after it.
const SAMPLES_SIZE: usize = 24;

/// One definition, as words.
struct Definition<'a> {
    symbol: &'a Symbol,
    end: u64,
    words: Vec<u32>,
}

impl Definition<'_> {
    fn word(&self, byte: usize) -> u32 {
        self.words.get(byte / 4).copied().unwrap_or(0)
    }

    fn bytes(&self) -> usize {
        self.words.len() * 4
    }

    fn def(&self) -> Result<MapDef, super::MapProblem> {
        Ok(MapDef {
            name: self.symbol.name.clone(),
            kind: kind(self.word(0), &self.symbol.name)?,
            key_size: self.word(4),
            value_size: self.word(8),
            max_entries: self.word(12),
            flags: self.word(16),
            initial: None,
            frozen: false,
            inner: None,
            ..MapDef::default()
        })
    }

    /// The definition among `all` that this outer map names as its template.
    fn inner<'b>(&self, all: &'b [Self]) -> Option<&'b Self> {
        match self.bytes() {
            IPROUTE2_SIZE.. => {
                let (inner_id, inner_index) = (self.word(28), self.word(32));
                // `inner_id` refers to a map's `id`; else `inner_idx` names the slot that a map fills.
                all.iter().find(|d| inner_id != 0 && d.word(20) == inner_id).or_else(|| {
                    all.iter().find(|d| {
                        inner_index != 0
                            && d.word(32) == inner_index
                            && d.symbol.name != self.symbol.name
                    })
                })
            }
            SAMPLES_SIZE.. => all.get(self.word(20) as usize),
            _ => None,
        }
    }
}

pub(super) fn read(image: &Image, id: SectionId) -> Result<Vec<Found>, Diagnostic> {
    let definitions = definitions(image, id)?;
    let mut found = Vec::new();
    for d in &definitions {
        let mut def = d.def();
        if let Ok(def) = &mut def {
            if matches!(def.kind, MapKind::ArrayOfMaps | MapKind::HashOfMaps) {
                def.inner = d.inner(&definitions).and_then(|i| i.def().ok()).map(Box::new);
            }
        }
        let (start, end) = (d.symbol.value, d.end);
        found.push(Found { section: id, start, end, def, data: false });
    }
    Ok(found)
}

fn definitions(image: &Image, id: SectionId) -> Result<Vec<Definition<'_>>, Diagnostic> {
    let data = image.data(id);
    let is_map = |s: &&Symbol| {
        matches!(s.kind, SymbolKind::Object | SymbolKind::NoType) && !s.name.is_empty()
    };
    let mut symbols: Vec<_> = image.symbols_in(id).filter(is_map).collect();
    symbols.sort_by_key(|s| s.value);
    symbols.dedup_by_key(|s| s.value);
    check_count(image, symbols.len())?;
    let mut definitions = Vec::new();
    for (i, symbol) in symbols.iter().enumerate() {
        let next = symbols.get(i + 1).map_or(data.len() as u64, |n| n.value);
        let sized = symbol.value.checked_add(symbol.size).filter(|_| symbol.size != 0);
        let end = sized.unwrap_or(next).min(next);
        let bytes = usize::try_from(symbol.value).ok().and_then(|s| data.get(s..end as usize));
        let Some(bytes) = bytes.filter(|b| b.len() >= MIN_SIZE) else {
            let message = format!(
                "map definition is too short: {MIN_SIZE} bytes are needed, {} are there",
                end.saturating_sub(symbol.value)
            );
            return Err(broken(image, &symbol.name, message));
        };
        let word = |c: &[u8]| u32::from_le_bytes([c[0], c[1], c[2], c[3]]);
        let words = bytes.chunks_exact(4).map(word).collect();
        definitions.push(Definition { symbol, end, words });
    }
    Ok(definitions)
}
