//! Choosing the program: by `--program NAME`, or the only XDP program there is.

use super::error::{file_error, NOT_XDP, NO_PROGRAM, SEVERAL_PROGRAMS, UNKNOWN_PROGRAM};
use super::{LoadError, Object, ProgramInfo, Purpose};
use crate::program::Program;

impl Object {
    /// Links the program called `name` (a function, or a section that holds just one), or without a name the only XDP
    /// program.
    pub fn program(&self, name: Option<&str>) -> Result<Program, LoadError> {
        let info = match name {
            Some(name) => self.named(name)?,
            None => self.only()?,
        };
        self.link(info)
    }

    /// Names of all XDP programs, in file order: those that are not known to be for something else.
    pub fn xdp_programs(&self) -> Vec<String> {
        let xdp = self.programs.iter().filter(|p| p.purpose != Purpose::Other);
        xdp.map(|p| p.name.clone()).collect()
    }

    fn named(&self, name: &str) -> Result<&ProgramInfo, LoadError> {
        let by_name = self.programs.iter().find(|p| p.name == name);
        let found = by_name.or_else(|| {
            let mut in_section = self.programs.iter().filter(|p| p.section == name);
            in_section.next().filter(|_| in_section.next().is_none())
        });
        match found {
            Some(p) if p.purpose == Purpose::Other => {
                let message = format!(
                    "program `{}` is not an XDP program: its section is `{}`",
                    p.name, p.section
                );
                Err(file_error(&self.name, NOT_XDP, message, HELP_SECTION).into())
            }
            Some(p) => Ok(p),
            None => {
                let message = format!("there is no program `{name}`");
                let help = "give one of the names above with --program";
                let d = file_error(&self.name, UNKNOWN_PROGRAM, message, help);
                Err(d.note(self.choices(|_| true)).into())
            }
        }
    }

    /// Sections that say `xdp` go before those whose name says nothing.
    fn only(&self) -> Result<&ProgramInfo, LoadError> {
        let is_xdp = |p: &ProgramInfo| matches!(p.purpose, Purpose::Xdp | Purpose::XdpFrags);
        let is_free = |p: &ProgramInfo| p.purpose == Purpose::FreeForm;
        for wanted in [&is_xdp as &dyn Fn(&ProgramInfo) -> bool, &is_free] {
            let found: Vec<_> = self.programs.iter().filter(|p| wanted(p)).collect();
            match found[..] {
                [] => {}
                [only] => return Ok(only),
                // Aliases are one program.
                [first, ..] if found.iter().all(|p| self.same_code(p, first)) => return Ok(first),
                _ => {
                    let message = format!("the object has {} XDP programs", found.len());
                    let help = "choose one with --program NAME";
                    let d = file_error(&self.name, SEVERAL_PROGRAMS, message, help);
                    return Err(d.note(self.choices(wanted)).into());
                }
            }
        }
        let d = file_error(&self.name, NO_PROGRAM, "there is no XDP program", HELP_SECTION);
        Err(if self.programs.is_empty() { d } else { d.note(self.choices(|_| true)) }.into())
    }

    fn same_code(&self, a: &ProgramInfo, b: &ProgramInfo) -> bool {
        let key = |p: &ProgramInfo| self.functions.get(p.function).map(|f| (f.section, f.start));
        key(a) == key(b)
    }

    fn choices(&self, wanted: impl Fn(&ProgramInfo) -> bool) -> String {
        let list: Vec<_> = self
            .programs
            .iter()
            .filter(|p| wanted(p))
            .map(|p| format!("{} (section {})", p.name, p.section))
            .collect();
        format!("programs of the object: {}", list.join(", "))
    }
}

const HELP_SECTION: &str = "put the function into a section of its kind with SEC(\"xdp\")";
