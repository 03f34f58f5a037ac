//! Writes a design into a directory: all of it, or nothing.

use super::name_map::GENERATOR;
use super::Design;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why a design could not be written. Nothing has been changed then.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Something else is there.
    #[error("{} exists and is not an earlier output of beeline ({reason}): choose another directory or remove it", dir.display())]
    Foreign {
        /// The directory.
        dir: PathBuf,
        /// How one sees that.
        reason: String,
    },
    /// The system refused.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// File or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> WriteError + '_ {
    move |source| WriteError::Io { path: path.to_owned(), source }
}

/// Writes `design` as the directory `dir`. The files are written beside it first, then the directory changes
/// places with an earlier output, if there is one.
///
/// # Errors
/// If `dir` holds anything but an earlier output, or the system refuses.
pub fn write_design(design: &Design, dir: &Path) -> Result<(), WriteError> {
    let exists = fs::symlink_metadata(dir).is_ok();
    if exists {
        refuse_foreign(dir)?;
    }
    let name = dir.file_name().ok_or_else(|| WriteError::Foreign {
        dir: dir.to_owned(),
        reason: "it has no name of its own".to_owned(),
    })?;
    let parent = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(io_error(parent))?;
    let staging = parent.join(sibling(name, "new"));
    let old = parent.join(sibling(name, "old"));
    let result = fill(design, &staging).and_then(|()| swap(&staging, dir, exists.then_some(&old)));
    if result.is_err() {
        // Best effort: the first error is the one to report.
        let _ = fs::remove_dir_all(&staging);
    }
    result
}

/// `.NAME.WHAT.PID`: beside the target, so that renaming stays within one file system.
fn sibling(name: &OsStr, what: &str) -> OsString {
    let mut s = OsString::from(".");
    s.push(name);
    s.push(format!(".{what}.{}", std::process::id()));
    s
}

fn fill(design: &Design, staging: &Path) -> Result<(), WriteError> {
    fs::create_dir(staging).map_err(io_error(staging))?;
    for (name, text) in &design.files {
        let path = staging.join(name);
        fs::write(&path, text).map_err(io_error(&path))?;
    }
    Ok(())
}

/// Puts `staging` where `dir` is; `old` is where an earlier output goes meanwhile.
fn swap(staging: &Path, dir: &Path, old: Option<&PathBuf>) -> Result<(), WriteError> {
    let Some(old) = old else { return fs::rename(staging, dir).map_err(io_error(dir)) };
    fs::rename(dir, old).map_err(io_error(dir))?;
    if let Err(e) = fs::rename(staging, dir) {
        // Put the earlier output back; if that fails too, it is still there under its other name.
        let _ = fs::rename(old, dir);
        return Err(io_error(dir)(e));
    }
    fs::remove_dir_all(old).map_err(io_error(old))
}

/// Accepts an empty directory, or one that holds exactly files of an earlier output.
fn refuse_foreign(dir: &Path) -> Result<(), WriteError> {
    let foreign = |reason: String| WriteError::Foreign { dir: dir.to_owned(), reason };
    if !fs::symlink_metadata(dir).map_err(io_error(dir))?.is_dir() {
        return Err(foreign("it is not a directory".to_owned()));
    }
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(dir).map_err(io_error(dir))? {
        found.insert(entry.map_err(io_error(dir))?.file_name().to_string_lossy().into_owned());
    }
    if found.is_empty() {
        return Ok(());
    }
    let maps = found.iter().filter(|f| f.ends_with(".names.json"));
    let known: BTreeSet<String> = maps.flat_map(|f| files_of(&dir.join(f))).collect();
    match found.iter().find(|f| !known.contains(*f)) {
        None => Ok(()),
        Some(f) => Err(foreign(format!("it holds `{f}`"))),
    }
}

/// The files that the name map at `path` lists; none if it is not one of ours.
fn files_of(path: &Path) -> Vec<String> {
    let Some(text) = fs::read_to_string(path).ok() else { return Vec::new() };
    let Ok(map) = serde_json::from_str::<serde_json::Value>(&text) else { return Vec::new() };
    if map["generator"] != GENERATOR {
        return Vec::new();
    }
    let files = map["files"].as_array().into_iter().flatten();
    files.filter_map(|f| f.as_str()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn design(file: &str, text: &str) -> Design {
        let map = format!("{{\"generator\":\"beeline\",\"files\":[\"{file}\",\"a.names.json\"]}}");
        let files = vec![(file.to_owned(), text.to_owned()), ("a.names.json".to_owned(), map)];
        Design { files, top: "a".to_owned(), warnings: Vec::new() }
    }

    fn listing(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn earlier_outputs_are_replaced_and_others_are_safe() {
        let base = std::env::temp_dir().join(format!("beeline-write-{}", std::process::id()));
        fs::create_dir_all(&base).unwrap();
        let dir = base.join("out");
        write_design(&design("a.sv", "1"), &dir).unwrap();
        write_design(&design("b.sv", "2"), &dir).unwrap();
        assert_eq!(listing(&dir), ["a.names.json", "b.sv"]);
        assert_eq!(listing(&base), ["out"]);

        fs::write(dir.join("notes.txt"), "mine").unwrap();
        let e = write_design(&design("c.sv", "3"), &dir).unwrap_err();
        assert!(e.to_string().contains("notes.txt"), "{e}");
        assert_eq!(listing(&dir), ["a.names.json", "b.sv", "notes.txt"]);

        fs::write(base.join("file"), "").unwrap();
        assert!(matches!(
            write_design(&design("c.sv", "3"), &base.join("file")),
            Err(WriteError::Foreign { .. })
        ));
        fs::create_dir(base.join("empty")).unwrap();
        write_design(&design("c.sv", "3"), &base.join("empty")).unwrap();

        // A file name that cannot be created: nothing is left behind.
        let bad = design("no/such/place.sv", "4");
        assert!(matches!(write_design(&bad, &base.join("fresh")), Err(WriteError::Io { .. })));
        assert_eq!(listing(&base), ["empty", "file", "out"]);
        fs::remove_dir_all(&base).unwrap();
    }
}
