//! An object in the kernel: its types, its maps, and the programs that use them.

use super::btf::KernelTypes;
use super::map::KernelMap;
use super::program::{Attach, KernelProgram, Refused};
use beeline_frontend::program::{MapDef, Program};
use std::io;

/// Types and maps of an object; programs are loaded against them.
#[derive(Debug)]
pub struct KernelObject {
    types: Option<KernelTypes>,
    /// Its maps, in order.
    pub maps: Vec<KernelMap>,
}

impl KernelObject {
    /// Creates the maps of `program`, which are those of its object. Types that the kernel does not take are left out, as by
    /// other loaders: a program that needs them is then refused with its own reason.
    ///
    /// # Errors
    /// The kernel's, with the name of the map.
    pub fn create(program: &Program) -> io::Result<Self> {
        Self::with_maps(program, &program.maps)
    }

    /// As [`KernelObject::create`], with other definitions of the same maps, or more maps.
    ///
    /// # Errors
    /// As [`KernelObject::create`].
    pub fn with_maps(program: &Program, maps: &[MapDef]) -> io::Result<Self> {
        let types = program.types.as_deref().and_then(|t| KernelTypes::load(t).ok());
        let maps = maps.iter().map(|def| {
            KernelMap::create_typed(def, types.as_ref())
                .map_err(|e| io::Error::new(e.kind(), format!("map {}: {e}", def.name)))
        });
        let maps = maps.collect::<io::Result<_>>()?;
        Ok(Self { types, maps })
    }

    /// Loads `program`, one of the object's.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn load(&self, program: &Program, attach: Attach) -> Result<KernelProgram, Refused> {
        KernelProgram::load_typed(program, &self.maps, self.types.as_ref(), attach)
    }

    /// As [`KernelObject::load`], without a log of a refusal.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn load_quietly(
        &self,
        program: &Program,
        attach: Attach,
    ) -> Result<KernelProgram, Refused> {
        KernelProgram::load_quietly(program, &self.maps, self.types.as_ref(), attach)
    }

    /// Creates one more map with the object's types.
    ///
    /// # Errors
    /// The kernel's.
    pub fn create_map(&self, def: &MapDef) -> io::Result<KernelMap> {
        KernelMap::create_typed(def, self.types.as_ref())
    }
}
