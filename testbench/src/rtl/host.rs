//! Maps through the register map of `docs/rtl-interface.md`, as a driver would reach them.

use super::model::{Model, ModelError};

const CTRL: u32 = 0x0008;
pub(super) const MAP: u32 = 0x000c;
pub(super) const SLOT: u32 = 0x0010;
pub(super) const PRESENT: u32 = 0x0014;
const STATUS: u32 = 0x0018;
const MAP_INFO: u32 = 0x0080;
const MAP_SLOTS: u32 = 0x0090;
const STALLS: u32 = 0x00a0;
pub(super) const KEY: u32 = 0x0100;
pub(super) const VALUE: u32 = 0x1000;

/// `CTRL`: starts a request with operation 0, read slot.
pub(super) const READ_SLOT: u32 = 1;
/// `CTRL`: starts a request with operation 1, write slot.
pub(super) const WRITE_SLOT: u32 = 1 | 1 << 4;

/// `CTRL`: starts a request with operation 3, update.
const UPDATE: u32 = 1 | 3 << 4;

/// Polls of `CTRL` before a request counts as lost.
const POLLS: u32 = 10_000;

/// One slot of a map: key (if it is keyed and the slot is taken) and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Keyed maps: the slot holds a key.
    pub present: bool,
    /// Key bytes.
    pub key: Vec<u8>,
    /// Value bytes.
    pub value: Vec<u8>,
}

/// Who decides where in a map a key stands: the field `placement` of `MAP_INFO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Nobody: the slot is the index.
    Index,
    /// The host.
    Host,
    /// The table: the host names keys.
    Table,
    /// The host: it sorts the boundaries of prefixes.
    Sorted,
}

/// What the design says about a map: placement and number of slots; none if it does not have the map.
///
/// # Errors
/// If the design does not answer, or has a placement that is not known here.
pub fn shape(model: &mut Model, map: u32) -> Result<Option<(Placement, u32)>, ModelError> {
    model.write(MAP, map)?;
    let placement = match model.read(MAP_INFO)? >> 8 & 0xff {
        0 => return Ok(None),
        1 => Placement::Index,
        2 => Placement::Host,
        3 | 4 => Placement::Table,
        5 => Placement::Sorted,
        _ => return Err(ModelError::Axil { addr: MAP_INFO, response: 0 }),
    };
    Ok(Some((placement, model.read(MAP_SLOTS)?)))
}

/// Gives `key` of `map`, whose table takes keys, the value `value`: 0, or a negative error number.
///
/// # Errors
/// If the design does not answer.
pub fn update(model: &mut Model, map: u32, key: &[u8], value: &[u8]) -> Result<i32, ModelError> {
    write_bytes(model, KEY, key)?;
    write_bytes(model, VALUE, value)?;
    model.write(MAP, map)?;
    request(model, UPDATE)?;
    Ok(model.read(STATUS)? as i32)
}

/// Cycles in which packets waited for `map`.
///
/// # Errors
/// If the design does not answer.
pub fn stalls(model: &mut Model, map: u32) -> Result<u64, ModelError> {
    model.write(MAP, map)?;
    let low = model.read(STALLS)?; // takes the high word with it
    Ok(u64::from(model.read(STALLS + 4)?) << 32 | u64::from(low))
}

/// Writes `slot` to slot number `number` of `map`.
///
/// # Errors
/// If the design does not answer.
pub fn write_slot(model: &mut Model, map: u32, number: u32, slot: &Slot) -> Result<(), ModelError> {
    write_bytes(model, KEY, &slot.key)?;
    write_bytes(model, VALUE, &slot.value)?;
    model.write(MAP, map)?;
    model.write(SLOT, number)?;
    model.write(PRESENT, slot.present.into())?;
    request(model, WRITE_SLOT)
}

/// Reads slot number `number` of `map`, whose keys and values have the sizes given.
///
/// # Errors
/// If the design does not answer.
pub fn read_slot(
    model: &mut Model,
    map: u32,
    number: u32,
    key_size: u32,
    value_size: u32,
) -> Result<Slot, ModelError> {
    model.write(MAP, map)?;
    model.write(SLOT, number)?;
    request(model, READ_SLOT)?;
    let present = model.read(PRESENT)? & 1 == 1;
    let key = read_bytes(model, KEY, key_size)?;
    let value = read_bytes(model, VALUE, value_size)?;
    Ok(Slot { present, key, value })
}

pub(super) fn request(model: &mut Model, ctrl: u32) -> Result<(), ModelError> {
    model.write(CTRL, ctrl)?;
    for _ in 0..POLLS {
        if model.read(CTRL)? & 1 == 0 {
            return Ok(());
        }
    }
    Err(ModelError::Axil { addr: CTRL, response: -1 })
}

pub(super) fn write_bytes(model: &mut Model, base: u32, bytes: &[u8]) -> Result<(), ModelError> {
    for (i, chunk) in bytes.chunks(4).enumerate() {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        model.write(base + 4 * i as u32, u32::from_le_bytes(word))?;
    }
    Ok(())
}

pub(super) fn read_bytes(model: &mut Model, base: u32, len: u32) -> Result<Vec<u8>, ModelError> {
    let mut bytes = Vec::with_capacity(len as usize);
    for i in 0..len.div_ceil(4) {
        bytes.extend(model.read(base + 4 * i)?.to_le_bytes());
    }
    bytes.truncate(len as usize);
    Ok(bytes)
}
