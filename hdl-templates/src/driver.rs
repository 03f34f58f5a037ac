//! The C driver of a design as templates: what the Verilog backend fills in beside the hardware, and the text around it.

use crate::templates::Origin;
use askama::Template;

/// A map as the driver knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriverMap {
    /// Number in the register `MAP`.
    pub number: usize,
    /// Name in the object.
    pub source: String,
    /// Name in C, without prefix, lower case.
    pub name: String,
    /// Kind, as the kernel's documentation calls it.
    pub kind: String,
    /// Value of `MAP_INFO`: kind, placement and bank depth.
    pub info: u32,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// `max_entries`.
    pub entries: u32,
    /// Slots.
    pub slots: u64,
    /// What the host may do, and whether the value has a lock: bits of `RIGHTS` in the C source.
    pub rights: u32,
    /// Parts of the value that the host does not see: `(first byte, bytes)`.
    pub hidden: Vec<(u32, u32)>,
    /// Position of the first of `hidden` in the list of all maps.
    pub first_hidden: usize,
    /// Declaration of the type of keys, with `{}` where the declared name stands.
    pub key: String,
    /// Likewise of values.
    pub value: String,
    /// The program uses the map, so that the hardware has it.
    pub used: bool,
}

/// What header and source share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriverModel {
    /// Where it comes from.
    pub origin: Origin,
    /// What all names start with, lower case.
    pub prefix: String,
    /// The same in upper case.
    pub upper: String,
    /// File name of the header.
    pub header: String,
    /// Definitions of structs and unions, in an order in which each follows those that it contains.
    pub types: Vec<String>,
    /// Some of them have bit-fields.
    pub bit_fields: bool,
    /// Every map of the program, by number.
    pub maps: Vec<DriverMap>,
    /// Some map's keys are placed by the host.
    pub places: bool,
    /// Some map takes keys by itself.
    pub takes_keys: bool,
}

/// The header.
#[derive(Clone, Debug, Template)]
#[template(path = "host.h", escape = "none")]
pub struct DriverHeader {
    /// Content.
    pub model: DriverModel,
}

/// The source.
#[derive(Clone, Debug, Template)]
#[template(path = "host.c", escape = "none")]
pub struct DriverSource {
    /// Content.
    pub model: DriverModel,
}

impl DriverModel {
    /// The maps that the hardware has.
    pub fn used(&self) -> impl Iterator<Item = &DriverMap> {
        self.maps.iter().filter(|m| m.used)
    }

    /// All hidden parts, in the order of the maps.
    pub fn hidden(&self) -> Vec<(u32, u32)> {
        self.maps.iter().flat_map(|m| m.hidden.iter().copied()).collect()
    }
}

impl DriverMap {
    /// The definition of the type of keys, called `name`.
    pub fn key_type(&self, name: &str) -> String {
        self.key.replacen("{}", name, 1)
    }

    /// The definition of the type of values, called `name`.
    pub fn value_type(&self, name: &str) -> String {
        self.value.replacen("{}", name, 1)
    }
}
