//! Entries of a map file, in the form that the kind of their map has.

use super::{from_hex, to_hex, Complaint, MapFile};
use beeline_frontend::program::MapDef;
use beeline_ir::map::MapKind;
use serde_json::{Map, Value as Json};

/// Collects what a map file says.
pub(super) struct Reader<'a> {
    pub maps: &'a [MapDef],
    pub programs: &'a [String],
    pub file: MapFile,
}

/// What an entry of a map looks like.
fn form(def: &MapDef) -> &'static str {
    match def.kind {
        _ if def.initial.is_some() => r#"{"value": "<hex>"}"#,
        MapKind::Queue | MapKind::Stack | MapKind::BloomFilter => r#"{"value": "<hex>"}"#,
        MapKind::ProgArray => r#"{"key": "<hex>", "program": "<name>"}"#,
        MapKind::ArrayOfMaps | MapKind::HashOfMaps => {
            r#"{"key": "<hex>", "map": [entries] or "<name>"}"#
        }
        _ => r#"{"key": "<hex>", "value": "<hex>"}"#,
    }
}

impl Reader<'_> {
    /// The entries in `list` for map `number`, which `def` describes.
    pub fn map(&mut self, number: usize, def: &MapDef, list: &Json) -> Result<(), Complaint> {
        let Json::Array(list) = list else {
            return Err((format!("map {}", def.name), "expected an array of entries".into()));
        };
        if def.kind == MapKind::PerfEventArray {
            self.file.perf_events.push(number);
        }
        for (i, entry) in list.iter().enumerate() {
            let at = || format!("map {}, entry {i}", def.name);
            let entry =
                entry.as_object().ok_or_else(|| (at(), format!("expected {}", form(def))))?;
            self.entry(number, def, entry).map_err(|c| match c {
                Fault::Here(message) => (at(), message),
                Fault::Inside(complaint) => complaint,
            })?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        number: usize,
        def: &MapDef,
        entry: &Map<String, Json>,
    ) -> Result<(), Fault> {
        match def.kind {
            MapKind::Ringbuf => Err(Fault::Here("the host puts nothing into a ring buffer".into())),
            _ if def.initial.is_some() => self.global_data(number, def, entry),
            MapKind::Queue | MapKind::Stack | MapKind::BloomFilter => {
                only(entry, def, &["value"])?;
                let value = field(entry, "value", def, def.value_size)?;
                self.file.entries.push((number, Vec::new(), value));
                Ok(())
            }
            MapKind::ProgArray => {
                only(entry, def, &["key", "program"])?;
                let key = field(entry, "key", def, def.key_size)?;
                let value = self.program(text(entry, "program", def)?)?;
                self.file.entries.push((number, key, value));
                Ok(())
            }
            MapKind::ArrayOfMaps | MapKind::HashOfMaps => self.outer(number, def, entry),
            _ => {
                only(entry, def, &["key", "value"])?;
                let key = field(entry, "key", def, def.key_size)?;
                let value = field(entry, "value", def, def.value_size)?;
                self.file.entries.push((number, key, value));
                Ok(())
            }
        }
    }

    fn global_data(
        &mut self,
        number: usize,
        def: &MapDef,
        entry: &Map<String, Json>,
    ) -> Result<(), Fault> {
        only(entry, def, &["key", "value"])?;
        if entry.contains_key("key") && field(entry, "key", def, 4)? != [0; 4] {
            return Err(Fault::Here("global data has one entry, with key 00000000".into()));
        }
        let value = field(entry, "value", def, def.value_size)?;
        if def.frozen {
            self.file.read_only.push((number, value));
        } else {
            self.file.entries.push((number, vec![0; 4], value));
        }
        Ok(())
    }

    /// An entry of a map of maps: a map by name, or one that is made here.
    fn outer(
        &mut self,
        number: usize,
        def: &MapDef,
        entry: &Map<String, Json>,
    ) -> Result<(), Fault> {
        only(entry, def, &["key", "map"])?;
        let key = field(entry, "key", def, def.key_size)?;
        let inner = match entry.get("map") {
            Some(Json::String(name)) => self.map_number(name)?,
            Some(list @ Json::Array(_)) => self.make_inner(def, &key, list)?,
            _ => return Err(Fault::Here(format!("expected {}", form(def)))),
        };
        self.file.entries.push((number, key, inner.to_le_bytes().to_vec()));
        Ok(())
    }

    fn make_inner(&mut self, outer: &MapDef, key: &[u8], list: &Json) -> Result<u32, Fault> {
        let template = outer.inner.as_deref().ok_or_else(|| {
            Fault::Here("the object does not say what the inner maps are; name a map".into())
        })?;
        let name = format!("{}[{}]", outer.name, to_hex(key));
        let number = self.maps.len() + self.file.inner.len();
        let def = MapDef { name, ..template.clone() };
        self.file.inner.push(def.clone());
        self.map(number, &def, list).map_err(Fault::Inside)?;
        Ok(number as u32)
    }

    fn map_number(&self, name: &str) -> Result<u32, String> {
        let mut all = self.maps.iter().chain(&self.file.inner);
        let number = all.position(|m| m.name == name);
        number.map(|n| n as u32).ok_or_else(|| format!("there is no map `{name}`"))
    }

    /// The value that stands for the program `name`.
    fn program(&self, name: &str) -> Result<Vec<u8>, String> {
        let number = self.programs.iter().position(|p| p == name);
        number.map(|n| (n as u32).to_le_bytes().to_vec()).ok_or_else(|| {
            let known = self.programs.join(", ");
            format!("the object has no XDP program `{name}`; its XDP programs are: {known}")
        })
    }

    /// The `.values` initialiser `name` at `index` of map `number`.
    pub fn initialiser(
        &mut self,
        number: usize,
        def: &MapDef,
        index: u32,
        name: &str,
    ) -> Result<(), String> {
        let value = match def.kind {
            MapKind::ProgArray => self.program(name)?,
            _ => self.map_number(name)?.to_le_bytes().to_vec(),
        };
        self.file.entries.push((number, index.to_le_bytes().to_vec(), value));
        Ok(())
    }
}

/// What is wrong with an entry, or with one of the inner map that it describes.
enum Fault {
    Here(String),
    Inside(Complaint),
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Fault::Here(message)
    }
}

fn only(entry: &Map<String, Json>, def: &MapDef, names: &[&str]) -> Result<(), String> {
    match entry.keys().find(|k| !names.contains(&k.as_str())) {
        Some(other) => Err(format!(
            "`{other}` does not belong in an entry of a {}; expected {}",
            def.kind,
            form(def)
        )),
        None => Ok(()),
    }
}

fn text<'j>(entry: &'j Map<String, Json>, name: &str, def: &MapDef) -> Result<&'j str, String> {
    let missing = || format!("expected {}; `{name}` is missing", form(def));
    entry.get(name).and_then(Json::as_str).ok_or_else(missing)
}

fn field(
    entry: &Map<String, Json>,
    name: &str,
    def: &MapDef,
    size: u32,
) -> Result<Vec<u8>, String> {
    let text = text(entry, name, def)?;
    let bytes = from_hex(text)
        .ok_or_else(|| format!("`{name}` is not a string of hex bytes: \"{text}\""))?;
    if bytes.len() != size as usize {
        return Err(format!("`{name}` has {} bytes, the map's {name}s have {size}", bytes.len()));
    }
    Ok(bytes)
}
