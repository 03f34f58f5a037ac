//! What a [`MapSet`] knows about the hardware's hash tables, if it is asked to.

use super::content::{Content, Map};
use super::hash::TableModel;
use super::placed::{LruPolicy, Placed};
use super::{MapError, MapSet, Slot};

impl MapSet {
    /// Chooses what LRU maps evict, of the maps there are and of those that are added. They must not hold anything yet: they begin anew.
    ///
    /// # Errors
    /// If the memory for a map is too large.
    pub fn set_lru_policy(&mut self, lru: LruPolicy) -> Result<(), MapError> {
        self.remake(TableModel { lru, ..self.tables })
    }

    /// Gives all maps that programs insert into the slots of the hardware: an insertion fails if the hardware has no place, and LRU maps evict as
    /// with [`LruPolicy::Hardware`]. For engines that run lowered pipelines: what a packet touches comes before what it inserts, and that before
    /// what it removes; [`MapSet::settle_map`] ends it. The maps must not hold anything yet: they begin anew.
    ///
    /// # Errors
    /// If the memory for a map is too large.
    pub fn model_places(&mut self) -> Result<(), MapError> {
        self.remake(TableModel { lru: LruPolicy::Hardware, places: true })
    }

    fn remake(&mut self, tables: TableModel) -> Result<(), MapError> {
        self.tables = tables;
        for map in self.maps.iter_mut().filter(|m| matches!(m.content, Content::Hash(_))) {
            let name = map.def.name.clone();
            *map = Map::new(&map.def, tables).map_err(|(errno, reason)| MapError {
                name,
                errno,
                reason,
            })?;
        }
        Ok(())
    }

    /// True after [`MapSet::model_places`].
    pub fn has_hardware_slots(&self) -> bool {
        self.tables.places
    }

    pub(super) fn models_tables(&self) -> bool {
        self.tables != TableModel::default()
    }

    /// Lets what packets have done to the hardware's tables take effect: their insertions get their places, and the keys that these cost are gone.
    /// [`MapSet::start_packet`] and the host's calls do so; engines that run packets side by side do it behind each packet's changes to a map.
    pub fn settle(&mut self) {
        self.maps.iter_mut().for_each(Map::settle);
    }

    /// [`MapSet::settle`] for one map.
    pub fn settle_map(&mut self, map: usize) {
        self.maps[map].settle();
    }

    fn placed(&self, map: usize) -> Option<&Placed> {
        match &self.maps[map].content {
            Content::Hash(table) => table.placed(),
            _ => None,
        }
    }

    /// The slot in the hardware's table of `key`, once the packet that inserted it is over; `None` if that is not modelled.
    pub fn hardware_slot(&self, map: usize, key: &[u8]) -> Option<Slot> {
        self.placed(map)?.slot(key)
    }

    /// Insertions that the hardware refused for want of a place, although the map was not full.
    pub fn no_room(&self, map: usize) -> u64 {
        self.placed(map).map_or(0, Placed::no_room)
    }
}
