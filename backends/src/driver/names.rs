//! Names in C: legal, unique, and neither keywords of C or C++ nor macros that compilers define.

use std::collections::BTreeSet;

/// Longest part of a name; C99 compilers tell 63 characters of the whole apart.
const MAX_LEN: usize = 32;

/// Keywords of C and C++, and macros without an underscore in front that compilers and the standard headers define.
const RESERVED: &str = "alignas alignof and and_eq asm atomic_cancel atomic_commit atomic_noexcept auto bitand bitor bool break \
    case catch char char16_t char32_t char8_t class co_await co_return co_yield compl concept const const_cast consteval constexpr \
    constinit continue decltype default delete do double dynamic_cast else enum explicit export extern false float for friend \
    goto i386 if inline int linux long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public \
    register reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast struct switch \
    synchronized template this thread_local throw true try typedef typeid typename typeof typeof_unqual union unix unsigned using \
    virtual void volatile wchar_t while xor xor_eq errno stdin stdout stderr assert offsetof";

/// Hands out names, each once.
pub(super) struct Namer {
    taken: BTreeSet<String>,
}

impl Namer {
    /// For names that start with a prefix of ours: no keyword does.
    pub fn prefixed() -> Self {
        Self { taken: BTreeSet::new() }
    }

    /// For members of a struct or union.
    pub fn members() -> Self {
        Self { taken: RESERVED.split_whitespace().map(str::to_owned).collect() }
    }

    /// `base`, which is legal, with a number behind it if it is taken, or something is that starts with it and ends with one of `endings`.
    pub fn unique_with(&mut self, base: &str, endings: &[&str]) -> String {
        let mut name = base.to_owned();
        let mut n = 2u32;
        loop {
            let all = || endings.iter().map(|e| format!("{name}{e}")).chain([name.clone()]);
            if !all().any(|n| self.taken.contains(&n)) {
                self.taken.extend(all());
                return name;
            }
            name = format!("{base}_{n}");
            n += 1;
        }
    }

    /// `hint` as a legal identifier, with a number behind it if it is taken.
    pub fn unique(&mut self, hint: &str) -> String {
        self.unique_with(&identifier(hint), &[])
    }
}

/// `hint` in letters, digits and underscores, starting with a letter: names with underscores in front are the compiler's.
pub(super) fn identifier(hint: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = hint.chars().map(legal).collect();
    let name = name.trim_start_matches('_');
    let name = &name[..name.len().min(MAX_LEN)];
    match name.chars().next() {
        None => "x".to_owned(),
        Some(c) if c.is_ascii_digit() => format!("x{name}"),
        Some(_) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_legal_unique_and_no_keywords() {
        let mut n = Namer::members();
        let names = ["int", "class", "a.b", "a_b", "__0", "", "_bss", "value", "value", "linux"];
        let got: Vec<_> = names.iter().map(|h| n.unique(h)).collect();
        let want =
            ["int_2", "class_2", "a_b", "a_b_2", "x0", "x", "bss", "value", "value_2", "linux_2"];
        assert_eq!(got, want);
    }
}
