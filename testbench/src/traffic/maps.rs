//! Map contents for the `--maps` option: what the host fills in before the first packet.

use std::fmt::Write;

/// One entry to preload. Keys and values are bytes in memory order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapEntry {
    /// The map's name in the program.
    pub map: &'static str,
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

impl MapEntry {
    /// An entry from the parts of its key and its value, one slice per field.
    pub fn new(map: &'static str, key: &[&[u8]], value: &[&[u8]]) -> Self {
        Self { map, key: key.concat(), value: value.concat() }
    }
}

/// The entries as a maps file, one entry a line, maps in the order of their first entry.
pub fn maps_json(entries: &[MapEntry]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for entry in entries {
        if !names.contains(&entry.map) {
            names.push(entry.map);
        }
    }
    let sections: Vec<String> = names.iter().map(|name| section(name, entries)).collect();
    format!("{{\n{}\n}}\n", sections.join(",\n"))
}

fn section(name: &str, entries: &[MapEntry]) -> String {
    let lines: Vec<String> = entries
        .iter()
        .filter(|entry| entry.map == name)
        .map(|entry| {
            format!(
                "    {{\"key\": \"{}\", \"value\": \"{}\"}}",
                hex(&entry.key),
                hex(&entry.value)
            )
        })
        .collect();
    format!("  \"{name}\": [\n{}\n  ]", lines.join(",\n"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_grouped_by_map() {
        let entries = [
            MapEntry::new("b", &[&[1]], &[&[0xab], &[0xcd]]),
            MapEntry::new("a", &[&[2]], &[&[3]]),
            MapEntry::new("b", &[&[4]], &[&[5]]),
        ];
        let parsed: serde_json::Value = serde_json::from_str(&maps_json(&entries)).unwrap();
        assert_eq!(parsed["b"][0]["value"], "abcd");
        assert_eq!(parsed["b"][1]["key"], "04");
        assert_eq!(parsed["a"][0]["key"], "02");
    }
}
