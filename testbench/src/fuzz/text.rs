//! Fuzz targets of what users write as text: map files, IR, device descriptions.

use super::tree;
use crate::flow::{self, Options};
use crate::map_file as maps;
use beeline_frontend::MapDef;
use beeline_ir::map::MapKind;
use beeline_ir::target::TargetDesc;
use beeline_ir::text::{parse_function, parse_pipeline, parse_staged};
use beeline_ir::validate::{validate_function, validate_pipeline, validate_staged};
use beeline_ir::Function;
use beeline_sim::MapSet;
use std::cell::OnceCell;
use std::fmt::Display;
use std::path::Path;
use std::str::from_utf8;

/// A map file for a program with one map of each kind; what it says is put into the maps.
pub(super) fn map_file(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    thread_local!(static MAPS: (Vec<MapDef>, MapSet) = all_maps());
    MAPS.with(|(defs, set)| match maps::parse(text, Path::new("fuzz.json"), defs, &["p".into()]) {
        Ok(file) => {
            let mut set = set.clone();
            if file.load(&mut set).is_ok() {
                (0..set.len()).for_each(|m| drop(set.dump(m)));
            }
        }
        Err(e) => assert!(!e.to_string().is_empty(), "a refusal without a reason"),
    });
}

/// A map of each kind, called `m` and the kernel's number.
fn all_maps() -> (Vec<MapDef>, MapSet) {
    let def = |kind: &MapKind| {
        let (key_size, value_size) = match kind {
            MapKind::LpmTrie => (8, 4),
            MapKind::Queue | MapKind::Stack | MapKind::BloomFilter => (0, 4),
            MapKind::Ringbuf => (0, 0),
            _ => (4, 4),
        };
        let in_map = matches!(kind, MapKind::ArrayOfMaps | MapKind::HashOfMaps);
        MapDef {
            name: format!("m{}", *kind as u32),
            kind: *kind,
            key_size,
            value_size,
            max_entries: if *kind == MapKind::Ringbuf { 4096 } else { 4 },
            flags: u32::from(*kind == MapKind::LpmTrie),
            inner: in_map.then(|| Box::new(inner())),
            ..MapDef::default()
        }
    };
    let defs: Vec<MapDef> = MapKind::ALL.iter().map(def).collect();
    let set = MapSet::new(&defs).expect("shapes that the kernel takes");
    (defs, set)
}

fn inner() -> MapDef {
    MapDef {
        name: "inner".into(),
        kind: MapKind::Hash,
        key_size: 4,
        value_size: 4,
        max_entries: 4,
        ..MapDef::default()
    }
}

/// Map files of the examples, and one with every way of writing an entry.
pub(super) fn map_files() -> Vec<Vec<u8>> {
    let mut all = tree::files("examples", "maps.json");
    let entries = MapKind::ALL.map(|k| {
        let n = k as u32;
        format!(r#"{{"m{n}":[{{"key":"01000000","value":"0a00 0000"}}]}}"#)
    });
    all.extend(entries.map(String::into_bytes));
    all.push(br#"{"m2":[{"key":"00000000","value":"01020304"}],"m1":[{"key":"ff000000","value":"00000001"},{"key":"fe000000","value":"00000002"}],"m11":[{"key":"180000000a000001","value":"00000000"}]}"#.to_vec());
    all
}

/// IR as text in any of its three forms: what parses prints; what is valid parses again to the same text.
pub(super) fn ir(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Ok(f) = parse_function(text) {
        again(f.to_string(), validate_function(f).is_ok(), parse_function);
    }
    if let Ok(p) = parse_pipeline(text) {
        again(p.to_string(), validate_pipeline(p).is_ok(), parse_pipeline);
    }
    if let Ok(p) = parse_staged(text) {
        again(p.to_string(), validate_staged(p).is_ok(), parse_staged);
    }
}

/// Text does not keep what the entry does not reach, so invalid programs may lose a definition.
fn again<T: ToString, E: Display>(printed: String, valid: bool, parse: fn(&str) -> Result<T, E>) {
    match parse(&printed) {
        Ok(program) if valid => assert_eq!(program.to_string(), printed),
        Err(e) if valid => panic!("{e}\n{printed}"),
        Ok(_) | Err(_) => {}
    }
}

/// The IR of the tests.
pub(super) fn ir_texts() -> Vec<Vec<u8>> {
    tree::files("offload-ir/tests", ".ir")
}

const SMALL: &str = r#"function small {
b0:
  v0 = const.i64 0
  v1 "len" = input.i16 packet_len
  v2 = zext.i64 v1
  v3 = pkt_load.i16 v0 + v0 [0]
  v4 = zext.i64 v3
  v5 = mul.i64 v4, v2
  v6 = add.i64 v5, v2
  v7 = extract.i32 v6, 0
  ret action v7 start v0 end v2 valid_end v2 redirect_map v7 redirect_key v7
}"#;

/// A device description; a sound one schedules a small program.
pub(super) fn device(data: &[u8]) {
    thread_local!(static FUNCTION: OnceCell<Function> = const { OnceCell::new() });
    let Ok(text) = from_utf8(data) else { return };
    let Ok(target) = TargetDesc::parse(text, "fuzz.json") else { return };
    FUNCTION.with(|f| {
        let f = f.get_or_init(|| parse_function(SMALL).expect("a sound program"));
        let options = Options { target, ..Options::default() };
        if let Err(flow::CompileError::Internal(why)) = flow::stage(f, &options) {
            panic!("{why}");
        }
    });
}

/// The built-in descriptions.
pub(super) fn devices() -> Vec<Vec<u8>> {
    tree::files("offload-ir/targets", ".json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_program_is_sound() {
        let f = parse_function(SMALL).unwrap();
        validate_function(f.clone()).unwrap();
        assert!(flow::stage(&f, &Options::default()).is_ok());
        assert_eq!(devices().len(), TargetDesc::BUILT_IN.len());
        assert!(ir_texts().len() > 3);
    }
}
