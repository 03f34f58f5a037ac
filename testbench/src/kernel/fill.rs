//! The content of maps: what the model holds before the first packet goes to the kernel, what the kernel holds after the last
//! comes back in the model's form.

use super::map::KernelMap;
use super::object::KernelObject;
use super::program::KernelProgram;
use super::sys;
use crate::engine::{EngineError, Entry};
use crate::map_file::{to_hex, MapFile};
use beeline_ir::map::MapKind;
use beeline_sim::MapSet;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The maps of a run, by their number in the model: the program's, then inner maps.
pub(super) struct Maps<'a> {
    pub object: &'a KernelObject,
    /// How many of the object's maps are the program's.
    pub own: usize,
    pub inner: Vec<KernelMap>,
    /// Sockets in maps of sockets.
    sockets: Vec<OwnedFd>,
}

fn descriptor(fd: BorrowedFd<'_>) -> Vec<u8> {
    (fd.as_raw_fd() as u32).to_le_bytes().to_vec()
}

fn number(value: &[u8]) -> u32 {
    value.first_chunk().map_or(0, |v| u32::from_le_bytes(*v))
}

impl<'a> Maps<'a> {
    /// The maps of `object`, of which the first `own` are the program's, with the content of `model`, into which `file` was
    /// loaded; `programs` are those that its program arrays can hold.
    ///
    /// # Errors
    /// `Skipped` if this machine lacks what an entry stands for; `Input` if the kernel refuses an entry that the model took.
    pub fn fill(
        object: &'a KernelObject,
        own: usize,
        file: &MapFile,
        model: &MapSet,
        programs: &BTreeMap<u32, KernelProgram>,
    ) -> Result<Self, EngineError> {
        let inner = (own..model.len()).map(|m| {
            object
                .create_map(model.def(m))
                .map_err(|e| EngineError::Input(format!("map {}: {e}", model.name(m))))
        });
        let inner = inner.collect::<Result<_, _>>()?;
        let mut maps = Self { object, own, inner, sockets: Vec::new() };
        // Inner maps first: they are full before they can be seen.
        for m in (0..model.len()).rev() {
            maps.fill_one(m, file, model, programs)?;
        }
        Ok(maps)
    }

    pub fn get(&self, map: usize) -> &KernelMap {
        match map.checked_sub(self.own) {
            Some(inner) => &self.inner[inner],
            None => &self.object.maps[map],
        }
    }

    fn fill_one(
        &mut self,
        m: usize,
        file: &MapFile,
        model: &MapSet,
        programs: &BTreeMap<u32, KernelProgram>,
    ) -> Result<(), EngineError> {
        let def = model.def(m);
        if def.frozen || matches!(def.kind, MapKind::PerfEventArray | MapKind::Ringbuf) {
            return Ok(()); // set when it was created; filled by the program
        }
        let mut entries = model.dump(m);
        match def.kind {
            // Its dump are bits, which cannot be set.
            MapKind::BloomFilter => {
                let of_map = file.entries.iter().filter(|(map, _, _)| *map == m);
                entries = of_map.map(|(_, k, v)| (k.clone(), v.clone())).collect();
            }
            MapKind::Stack => entries.reverse(),
            _ if def.initial.is_some() => {
                let key = vec![0; 4];
                entries =
                    model.get(m, &key).map(|v| (key.clone(), v.to_vec())).into_iter().collect();
            }
            _ => {}
        }
        for (key, value) in entries {
            let stored = match def.kind {
                MapKind::ProgArray => match programs.get(&number(&value)) {
                    Some(program) => descriptor(program.as_fd()),
                    None => continue, // the program does not use this map
                },
                MapKind::ArrayOfMaps | MapKind::HashOfMaps => {
                    descriptor(self.get(number(&value) as usize).as_fd())
                }
                MapKind::Xskmap => self.socket(m, model)?,
                // What follows the target in the value would be the descriptor of a program.
                MapKind::Devmap | MapKind::DevmapHash | MapKind::Cpumap => {
                    let mut target = value.clone();
                    target[4..].fill(0);
                    target
                }
                _ => value,
            };
            let updated = self.get(m).update(&key, &stored, 0);
            updated.map_err(|e| refused(&def.name, def.kind, &key, &e))?;
        }
        Ok(())
    }

    /// A socket for an entry of a map of sockets.
    fn socket(&mut self, m: usize, model: &MapSet) -> Result<Vec<u8>, EngineError> {
        // SAFETY: the call takes numbers only.
        let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            let e = io::Error::last_os_error();
            return Err(EngineError::Skipped(format!("map {}: no XDP socket: {e}", model.name(m))));
        }
        let socket = sys::owned(fd);
        let value = descriptor(socket.as_fd());
        self.sockets.push(socket);
        Ok(value)
    }

    /// Content of every map after the last packet, as the model's `dump` gives it. Kinds that programs cannot change have what
    /// they had in `model`.
    pub fn dump(&self, model: &MapSet) -> Result<Vec<Vec<Entry>>, EngineError> {
        let dump = |m: usize| {
            let map = self.get(m);
            let entries = match model.kind(m) {
                MapKind::ProgArray
                | MapKind::PerfEventArray
                | MapKind::Ringbuf
                | MapKind::ArrayOfMaps
                | MapKind::HashOfMaps
                | MapKind::Devmap
                | MapKind::DevmapHash
                | MapKind::Cpumap
                | MapKind::Xskmap
                | MapKind::BloomFilter => Ok(model.dump(m)),
                MapKind::Queue | MapKind::Stack => drain(map),
                _ => map.dump(),
            };
            entries.map_err(|e| EngineError::Internal(format!("map {}: {e}", model.name(m))))
        };
        (0..model.len()).map(dump).collect()
    }
}

/// Takes everything out of a queue or stack.
fn drain(map: &KernelMap) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    loop {
        match map.take(&[]) {
            Ok(value) => entries.push((Vec::new(), value)),
            Err(e) if e.raw_os_error() == Some(libc::ENOENT) => return Ok(entries),
            Err(e) => return Err(e),
        }
    }
}

fn refused(name: &str, kind: MapKind, key: &[u8], e: &io::Error) -> EngineError {
    let text = format!("map {name}: the kernel refuses key {}: {e}", to_hex(key));
    match (kind, e.raw_os_error()) {
        (MapKind::Cpumap, Some(libc::ENODEV)) => {
            EngineError::Skipped(format!("{text}: this machine has no such CPU"))
        }
        _ => EngineError::Input(text),
    }
}
