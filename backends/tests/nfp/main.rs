//! The microengine's instruction words.

mod forms;
mod words;
