//! Map files: what the host has put into the maps before the first packet.
//!
//! `{"MAP":[{"key":"<hex>","value":"<hex>"}]}`, keys and values as hex bytes in memory order.

use beeline_frontend::program::MapDef;
use beeline_sim::MapSet;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

/// Entries by map number, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapFile {
    /// Map number, key, value.
    pub entries: Vec<(usize, Vec<u8>, Vec<u8>)>,
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

/// Reads `path` for a program with `maps`.
///
/// # Errors
/// See [`MapFileError`].
pub fn read(path: &Path, maps: &[MapDef]) -> Result<MapFile, MapFileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| MapFileError::Io { path: path.to_path_buf(), source })?;
    parse(&text, path, maps)
}

/// Parses the text of a map file; `path` is for messages.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str, path: &Path, maps: &[MapDef]) -> Result<MapFile, MapFileError> {
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
    let mut file = MapFile::default();
    for (name, list) in &object {
        let Some(number) = maps.iter().position(|m| m.name == *name) else {
            let known: Vec<&str> = maps.iter().map(|m| m.name.as_str()).collect();
            let message =
                format!("the program has no such map; its maps are: {}", known.join(", "));
            return Err(bad(format!("map {name}"), message));
        };
        let Json::Array(list) = list else {
            return Err(bad(format!("map {name}"), "expected an array of entries".into()));
        };
        for (i, entry) in list.iter().enumerate() {
            let at = format!("map {name}, entry {i}");
            let key = field(entry, "key", maps[number].key_size).map_err(|m| bad(at.clone(), m))?;
            let value = field(entry, "value", maps[number].value_size).map_err(|m| bad(at, m))?;
            file.entries.push((number, key, value));
        }
    }
    Ok(file)
}

fn field(entry: &Json, name: &str, size: u32) -> Result<Vec<u8>, String> {
    let text = entry.get(name).and_then(Json::as_str).ok_or_else(|| {
        format!("expected {{\"key\": \"<hex>\", \"value\": \"<hex>\"}}; `{name}` is missing")
    })?;
    let bytes = from_hex(text)
        .ok_or_else(|| format!("`{name}` is not a string of hex bytes: \"{text}\""))?;
    if bytes.len() != size as usize {
        return Err(format!("`{name}` has {} bytes, the map's {name}s have {size}", bytes.len()));
    }
    Ok(bytes)
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

impl MapFile {
    /// Puts the entries into `maps`.
    ///
    /// # Errors
    /// A message that names the map and the key, if the map refuses one (no such index, full).
    pub fn load(&self, maps: &mut MapSet) -> Result<(), String> {
        for (map, key, value) in &self.entries {
            maps.update(*map, key, value, 0).map_err(|e| {
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

    fn maps() -> Vec<MapDef> {
        vec![MapDef {
            name: "acl".into(),
            kind: MapKind::Hash,
            key_size: 6,
            value_size: 4,
            max_entries: 8,
            flags: 0,
            initial: None,
            frozen: false,
            inner: None,
            ..MapDef::default()
        }]
    }

    fn message(text: &str) -> String {
        parse(text, Path::new("m.json"), &maps()).unwrap_err().to_string()
    }

    #[test]
    fn entries_are_read_in_order() {
        let text = r#"{"acl":[{"key":"0200 0000 0001","value":"01000000"}]}"#;
        let f = parse(text, Path::new("m.json"), &maps()).unwrap();
        assert_eq!(f.entries, [(0, vec![2, 0, 0, 0, 0, 1], vec![1, 0, 0, 0])]);
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
