//! Which element of a map an entry refers to, case by case.

use crate::entities::Value;
use crate::if_convert::BoolFn;

/// An element of a map, as one packet sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    /// None.
    Null,
    /// What the probe of that number found.
    Old(usize),
    /// What the put of that number made.
    New(usize),
}

/// An entry: the elements that it can be, with the conditions under which it is (one of which holds whenever the entry matters), and
/// the value that stands for it in the lowered pipeline.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    pub cases: Vec<(BoolFn, Element)>,
    pub entry: Value,
}

impl Handle {
    /// The handle of one element.
    pub fn of(element: Element, entry: Value) -> Self {
        Self { cases: vec![(BoolFn::TRUE, element)], entry }
    }
}
