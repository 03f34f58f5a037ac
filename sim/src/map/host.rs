//! The host's side: what the map commands of `bpf()` do, with who may do it.

use super::content::Content;
use super::flags::create;
use super::{array_index, flags, Errno, MapSet};
use beeline_frontend::MapDef;
use beeline_ir::map::MapKind;

impl MapSet {
    fn may_read(&self, map: usize) -> Result<(), Errno> {
        match self.maps[map].def.flags & create::WRONLY {
            0 => Ok(()),
            _ => Err(Errno::PERM),
        }
    }

    fn may_write(&self, map: usize) -> Result<(), Errno> {
        let def = &self.maps[map].def;
        if def.frozen || def.flags & create::RDONLY != 0 {
            return Err(Errno::PERM);
        }
        Ok(())
    }

    /// `BPF_MAP_LOOKUP_ELEM`; for a bloom filter, `value` is asked for, and an empty value is the answer.
    ///
    /// # Errors
    /// `EINVAL` (flags, sizes), `EPERM` (`BPF_F_WRONLY`), `ENOENT`; `EOPNOTSUPP` and `ENOTSUPP` for kinds that cannot be read.
    pub fn host_lookup(&self, map: usize, key: &[u8], flags: u64) -> Result<Vec<u8>, Errno> {
        let m = &self.maps[map];
        if flags & !flags::LOCK != 0 {
            return Err(Errno::INVAL);
        }
        self.may_read(map)?;
        if flags != 0 && !m.has_lock() || key.len() != m.def.key_size as usize {
            return Err(Errno::INVAL);
        }
        match (&m.content, m.def.kind) {
            (Content::Fifo(fifo), _) => {
                let mut value = vec![0; m.def.value_size as usize];
                fifo.peek(&mut value).map(|()| value)
            }
            (Content::Bloom(_), _) | (_, MapKind::Xskmap) => Err(Errno::OPNOTSUPP),
            (Content::Ring(_) | Content::Perf(_), _) => Err(Errno::NOTSUPP),
            _ => m.find(key).map(|slot| m.host_value(slot)).ok_or(Errno::NOENT),
        }
    }

    /// `BPF_MAP_UPDATE_ELEM`. The value of a map of maps is the number of another map, that of a program array the number of a program.
    ///
    /// # Errors
    /// As [`MapSet::update`]; `EPERM` for a map that is frozen or made with `BPF_F_RDONLY`; for maps of
    /// maps `EBADF` (no such map) and `EINVAL` (not of the declared shape).
    pub fn host_update(
        &mut self,
        map: usize,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        self.may_write(map)?;
        self.maps[map].settle();
        let m = &self.maps[map];
        if flags & flags::LOCK != 0 && !m.has_lock() {
            return Err(Errno::INVAL);
        }
        match m.def.kind {
            MapKind::ArrayOfMaps if flags != flags::ANY => return Err(Errno::INVAL),
            MapKind::ArrayOfMaps if array_index(key).is_some_and(|i| i >= m.def.max_entries) => {
                return Err(Errno::TOOBIG);
            }
            MapKind::ArrayOfMaps | MapKind::HashOfMaps => self.check_inner(map, value)?,
            _ => {}
        }
        self.update(map, key, value, flags)
    }

    /// Checks that the map whose number is `value` may become an inner map of `outer`.
    fn check_inner(&self, outer: usize, value: &[u8]) -> Result<(), Errno> {
        let number = array_index(value).ok_or(Errno::INVAL)? as usize;
        let inner = self.maps.get(number).ok_or(Errno::BADF)?;
        match &self.maps[outer].def.inner {
            Some(template) if same_shape(template, &inner.def) => Ok(()),
            _ => Err(Errno::INVAL),
        }
    }

    /// `BPF_MAP_DELETE_ELEM`.
    ///
    /// # Errors
    /// As [`MapSet::delete`], and `EPERM` as [`MapSet::host_update`].
    pub fn host_delete(&mut self, map: usize, key: &[u8]) -> Result<(), Errno> {
        self.may_write(map)?;
        self.maps[map].settle();
        self.delete(map, key)
    }

    /// `BPF_MAP_LOOKUP_AND_DELETE_ELEM`: queues, stacks and hash kinds.
    ///
    /// # Errors
    /// `EINVAL` (flags, sizes), `EPERM`, `ENOENT`; `ENOTSUPP` for other kinds.
    pub fn host_lookup_and_delete(
        &mut self,
        map: usize,
        key: &[u8],
        flags: u64,
    ) -> Result<Vec<u8>, Errno> {
        if flags & !flags::LOCK != 0 {
            return Err(Errno::INVAL);
        }
        self.may_read(map)?;
        self.may_write(map)?;
        self.maps[map].settle();
        let m = &mut self.maps[map];
        let locks = m.has_lock();
        if flags != 0 && !locks || key.len() != m.def.key_size as usize {
            return Err(Errno::INVAL);
        }
        match &mut m.content {
            Content::Fifo(fifo) => {
                let mut value = vec![0; m.def.value_size as usize];
                fifo.pop(&mut value).map(|()| value)
            }
            Content::Hash(table)
                if !matches!(m.def.kind, MapKind::DevmapHash | MapKind::HashOfMaps) =>
            {
                let slot = table.find(key).ok_or(Errno::NOENT)?;
                table.remove(key)?;
                Ok(m.host_value(slot))
            }
            _ => Err(Errno::NOTSUPP),
        }
    }

    /// Sets the whole content of a global-data map before the program starts, `.rodata` too.
    ///
    /// # Errors
    /// `EINVAL` if the map holds no global data, or `content` is not of its size.
    pub fn preset(&mut self, map: usize, content: &[u8]) -> Result<(), Errno> {
        let m = &mut self.maps[map];
        if m.def.initial.is_none() || content.len() != m.def.value_size as usize {
            return Err(Errno::INVAL);
        }
        m.values.whole_mut(0).copy_from_slice(content);
        Ok(())
    }
}

/// True if a map like `def` may stand where `template` was declared (the kernel's `map_meta_equal`).
pub fn same_shape(template: &MapDef, def: &MapDef) -> bool {
    let entries_count = match template.kind {
        MapKind::Array => template.flags & create::INNER_MAP == 0,
        MapKind::Xskmap => true,
        _ => false,
    };
    template.kind == def.kind
        && template.key_size == def.key_size
        && template.value_size == def.value_size
        && template.flags == def.flags
        && (!entries_count || template.max_entries == def.max_entries)
}
