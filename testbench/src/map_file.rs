//! Map files: what the host has put into the maps before the first packet.
//!
//! `{"MAP":[{"key":"<hex>","value":"<hex>"}]}`, keys and values as hex bytes in memory order; `docs/formats.md` has the forms of
//! other kinds of maps. `dump` writes entries in the same forms.

mod dump;
mod entries;
mod tables;

pub use dump::{entry_json, map_name};

use beeline_frontend::program::MapDef;
use beeline_sim::{Host, MapSet};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the host has done before the first packet. Maps are numbered as the program's, then `inner`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapFile {
    /// Map number, key, value, in the order in which they are put in: `.values` initialisers, then those of the file. Values without a
    /// key (queues, stacks, bloom filters) have an empty one. The value of a map of maps is the number of a map, that of a program
    /// array the number of a program ([`beeline_frontend::Program::xdp_programs`]).
    pub entries: Vec<(usize, Vec<u8>, Vec<u8>)>,
    /// Inner maps that the file makes from the templates of maps of maps, called `outer[key]`.
    pub inner: Vec<MapDef>,
    /// Content of read-only global data, by map number.
    pub read_only: Vec<(usize, Vec<u8>)>,
    /// Perf event arrays that the file lists: they have its entries and no others.
    pub perf_events: Vec<usize>,
    /// The host's tables: sections whose name starts with `$`.
    pub host: Arc<Host>,
}

/// Why a map file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MapFileError {
    /// Cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// Not JSON.
    #[error("{}: not valid JSON: {source}", path.display())]
    Syntax {
        /// File.
        path: PathBuf,
        /// Cause, with line and column.
        source: serde_json::Error,
    },
    /// JSON of another shape, or entries that do not fit the program's maps.
    #[error("{}: {at}: {message}", path.display())]
    Content {
        /// File.
        path: PathBuf,
        /// Map and entry.
        at: String,
        /// What is wrong, and a way out.
        message: String,
    },
}

/// Reads `path` for a program with `maps`, whose object has the XDP `programs`.
///
/// # Errors
/// See [`MapFileError`].
pub fn read(path: &Path, maps: &[MapDef], programs: &[String]) -> Result<MapFile, MapFileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| MapFileError::Io { path: path.to_path_buf(), source })?;
    parse(&text, path, maps, programs)
}

/// Parses the text of a map file; `path` is for messages.
///
/// # Errors
/// As [`read`].
pub fn parse(
    text: &str,
    path: &Path,
    maps: &[MapDef],
    programs: &[String],
) -> Result<MapFile, MapFileError> {
    let bad = |at: String, message: String| MapFileError::Content {
        path: path.to_path_buf(),
        at,
        message,
    };
    let json: Json = serde_json::from_str(text)
        .map_err(|source| MapFileError::Syntax { path: path.to_path_buf(), source })?;
    let Json::Object(object) = json else {
        return Err(bad("top level".into(), "expected an object {\"MAP\": [entries]}".into()));
    };
    let initial = MapFile::initial(maps, programs).map_err(|(at, m)| bad(at, m))?;
    let mut reader = entries::Reader { maps, programs, file: initial };
    let mut host = Host::default();
    for (name, list) in &object {
        if let Some(table) = name.strip_prefix('$') {
            tables::read(table, list, &mut host).map_err(|(at, message)| bad(at, message))?;
            continue;
        }
        let Some(number) = maps.iter().position(|m| m.name == *name) else {
            let known: Vec<&str> = maps.iter().map(|m| m.name.as_str()).collect();
            let message =
                format!("the program has no such map; its maps are: {}", known.join(", "));
            return Err(bad(format!("map {name}"), message));
        };
        reader.map(number, &maps[number], list).map_err(|(at, message)| bad(at, message))?;
    }
    reader.file.host = Arc::new(host);
    Ok(reader.file)
}

/// Bytes of a hex string; white space between bytes is allowed.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).map(|d| d as u8))
        .collect();
    let digits = digits?;
    (digits.len() % 2 == 0).then(|| digits.chunks(2).map(|p| p[0] << 4 | p[1]).collect())
}

/// Hex digits of `bytes`.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Where something is wrong, and what.
type Complaint = (String, String);

impl MapFile {
    /// What is in the maps without a map file: the `.values` initialisers.
    ///
    /// # Errors
    /// A place and a message, if an initialiser names a program or map that is not there.
    pub fn initial(maps: &[MapDef], programs: &[String]) -> Result<Self, Complaint> {
        let mut reader = entries::Reader { maps, programs, file: MapFile::default() };
        for (number, def) in maps.iter().enumerate() {
            for (index, name) in &def.values {
                let at = || format!("map {}, initial value {index}", def.name);
                reader.initialiser(number, def, *index, name).map_err(|m| (at(), m))?;
            }
        }
        Ok(reader.file)
    }

    /// Puts read-only data into the definitions of the program's maps, before verification: the verifier and the compiler
    /// take it for constant.
    pub fn prepare(&self, maps: &mut [MapDef]) {
        for (map, content) in &self.read_only {
            maps[*map].initial = Some(content.clone());
        }
    }

    /// Makes the inner maps and puts the entries into `maps`.
    ///
    /// # Errors
    /// A message that names the map and the key, if the map refuses one (no such index, full, not writable by the host).
    pub fn load(&self, maps: &mut MapSet) -> Result<(), String> {
        for def in &self.inner {
            maps.add(def).map_err(|e| e.to_string())?;
        }
        self.perf_events.iter().for_each(|map| maps.clear_perf_events(*map));
        for (map, content) in &self.read_only {
            if maps.value(*map, 0) != content {
                return Err(format!(
                    "map {}: read-only data must be set before the program is verified",
                    maps.name(*map)
                ));
            }
        }
        for (map, key, value) in &self.entries {
            maps.host_update(*map, key, value, 0).map_err(|e| {
                format!("map {}: key {} is refused: {e}", maps.name(*map), to_hex(key))
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use beeline_ir::map::MapKind;

    fn def(name: &str, kind: MapKind, key_size: u32, value_size: u32) -> MapDef {
        let name = name.into();
        MapDef { name, kind, key_size, value_size, max_entries: 8, ..MapDef::default() }
    }

    fn maps() -> Vec<MapDef> {
        let template = Some(Box::new(def("inner", MapKind::Array, 4, 4)));
        vec![
            def("acl", MapKind::Hash, 6, 4),
            MapDef { inner: template, ..def("outer", MapKind::HashOfMaps, 2, 4) },
            def("array", MapKind::Array, 4, 4),
            MapDef { values: vec![(3, "second".into())], ..def("calls", MapKind::ProgArray, 4, 4) },
            def("ports", MapKind::Queue, 0, 2),
            MapDef {
                initial: Some(vec![1, 2, 3]),
                frozen: true,
                max_entries: 1,
                ..def(".rodata", MapKind::Array, 4, 3)
            },
            def("perf", MapKind::PerfEventArray, 4, 4),
        ]
    }

    fn programs() -> Vec<String> {
        vec!["first".into(), "second".into()]
    }

    fn read(text: &str) -> MapFile {
        parse(text, Path::new("m.json"), &maps(), &programs()).unwrap()
    }

    fn message(text: &str) -> String {
        parse(text, Path::new("m.json"), &maps(), &programs()).unwrap_err().to_string()
    }

    #[test]
    fn entries_are_read_in_order() {
        let text = r#"{"acl":[{"key":"0200 0000 0001","value":"01000000"}]}"#;
        let f = parse(text, Path::new("m.json"), &maps(), &programs()).unwrap();
        assert_eq!(f.entries[1..], [(0, vec![2, 0, 0, 0, 0, 1], vec![1, 0, 0, 0])]);
    }

    /// What is dumped after loading a file, written as a file.
    fn dumped(file: &MapFile) -> Json {
        let mut maps = maps();
        file.prepare(&mut maps);
        let mut set = MapSet::new(&maps).unwrap();
        file.load(&mut set).unwrap();
        let all = (0..set.len()).map(|n| {
            let def = maps.get(n).unwrap_or_else(|| &file.inner[n - maps.len()]);
            let one = |(k, v)| entry_json(def, &maps, &file.inner, &programs(), k, v);
            let entries: Vec<Json> = set.dump(n).iter().map(|(k, v)| one((k, v))).collect();
            (map_name(&maps, &file.inner, n).to_owned(), Json::from(entries))
        });
        let shown = all.filter(|(_, entries)| *entries != Json::Array(Vec::new()));
        Json::Object(shown.collect())
    }

    #[test]
    fn every_form_is_read_and_written_alike() {
        let text = r#"{
            "outer": [{"key":"0100","map":[{"key":"02000000","value":"09000000"}]},
                      {"key":"0200","map":"array"}, {"key":"0300","map":"outer[0100]"}],
            "calls": [{"key":"00000000","program":"first"}],
            "ports": [{"value":"aabb"}, {"value":"0001"}],
            "array": [{"key":"07000000","value":"01020304"}],
            ".rodata": [{"value":"090807"}]
        }"#;
        let expected = serde_json::json!({
            "outer": [{"key":"0100","map":"outer[0100]"}, {"key":"0200","map":"array"},
                      {"key":"0300","map":"outer[0100]"}],
            "array": [{"key":"07000000","value":"01020304"}],
            "calls": [{"key":"00000000","program":"first"}, {"key":"03000000","program":"second"}],
            "ports": [{"value":"aabb"}, {"value":"0001"}],
            ".rodata": [{"key":"00000000","value":"090807"}],
            "outer[0100]": [{"key":"02000000","value":"09000000"}],
        });
        assert_eq!(dumped(&read(text)), expected);
        assert_eq!(read(r#"{"perf":[]}"#).perf_events, [6]);
    }

    #[test]
    fn read_only_data_is_set_before_verification_or_not_at_all() {
        let file = read(r#"{".rodata":[{"value":"090807"}]}"#);
        let refused = file.load(&mut MapSet::new(&maps()).unwrap()).unwrap_err();
        assert!(refused.contains("before the program is verified"));
        assert!(message(r#"{".rodata":[{"value":"0908"}]}"#).contains("2 bytes"));
    }

    #[test]
    fn forms_that_do_not_fit_the_kind_are_refused() {
        let program = message(r#"{"calls":[{"key":"00000000","program":"third"}]}"#);
        assert!(program.contains("its XDP programs are: first, second"), "{program}");
        let form = message(r#"{"calls":[{"key":"00000000","value":"00000000"}]}"#);
        assert!(form.contains(r#""program""#), "{form}");
        let key = message(r#"{"ports":[{"key":"00","value":"0000"}]}"#);
        assert!(key.contains("`key` does not belong"), "{key}");
        let map = message(r#"{"outer":[{"key":"0100","map":"nothing"}]}"#);
        assert!(map.contains("there is no map `nothing`"), "{map}");
        let inner = message(r#"{"outer":[{"key":"0100","map":[{"key":"00","value":"00"}]}]}"#);
        assert!(inner.contains("map outer[0100], entry 0: `key` has 1 bytes"), "{inner}");
    }

    #[test]
    fn bad_files_name_the_place() {
        let short = message(r#"{"acl":[{"key":"0102","value":"01000000"}]}"#);
        assert_eq!(short, "m.json: map acl, entry 0: `key` has 2 bytes, the map's keys have 6");
        assert!(message(r#"{"abc":[]}"#).contains("its maps are: acl"));
        assert!(message(r#"{"acl":[{"key":"zz","value":"01"}]}"#).contains("not a string of hex"));
        assert!(message(r#"{"acl":[{"value":"01"}]}"#).contains("`key` is missing"));
        assert!(message("[").contains("line 1"));
        assert!(message("[]").contains("expected an object"));
    }
}
