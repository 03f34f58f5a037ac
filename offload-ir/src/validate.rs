//! `Validated<T>`: the stamp without which no backend and no simulator takes a program.

/// A form of the IR whose invariants have been checked. Only the validators make one.
#[derive(Clone, Debug)]
pub struct Validated<T>(T);

impl<T> Validated<T> {
    /// Takes the stamp off, to change the program.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Validated<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
