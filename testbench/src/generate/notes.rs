//! What the generator remembers of a program, so that packets and map entries meet its checks.

use super::state::{Field, Source};

/// Notes on a program.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    /// Lengths that bound checks ask for.
    pub lengths: Vec<u32>,
    /// Packet fields, and numbers that the program compares them with.
    pub compared: Vec<(Field, u64)>,
    /// Keys that the program looks up: map, and where each byte comes from.
    pub keys: Vec<(usize, Vec<Option<Source>>)>,
}
