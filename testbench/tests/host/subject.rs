//! A program with its hardware, its driver, and the model that both are compared with.

use beeline_frontend::{load, verifier, VerifiedProgram};
use beeline_ir::map::MapDecl;
use beeline_sim::map::LruPolicy;
use beeline_sim::MapSet;
use beeline_testbench::flow::{compile, Compiled, Options};
use beeline_testbench::rtl::build;
use beeline_testbench::rtl::driver::Driver;
use beeline_testbench::rtl::model::Model;
use std::path::Path;

pub struct Subject {
    pub program: VerifiedProgram,
    pub compiled: Compiled,
}

impl Subject {
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/host/{name}.o"));
        let bytes = std::fs::read(path).unwrap();
        let program = load(&bytes, name).unwrap().program(None).unwrap();
        let program = verifier::verify(program).unwrap_or_else(|d| panic!("{name}: {}", d[0]));
        let compiled =
            compile(&program, &Options::default()).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        Self { program, compiled }
    }

    /// The design behind its driver; none, with a notice, without the tools.
    pub fn open(&self) -> Option<Driver> {
        let library = match build::build(&self.compiled.design) {
            Ok(library) => library,
            Err(e) if e.is_missing_tool() => {
                eprintln!("SKIPPED: {e}");
                return None;
            }
            Err(e) => panic!("{e}"),
        };
        let model = Model::load(&library, 7).unwrap();
        let sizes = self.decls().map(|m| (m.key_size as usize, m.value_size as usize)).collect();
        Some(Driver::new(&self.compiled.design, sizes, model).unwrap())
    }

    pub fn decls(&self) -> impl Iterator<Item = &MapDecl> {
        self.compiled.staged.pipeline.dfg.maps.values()
    }

    pub fn map(&self, name: &str) -> u32 {
        self.decls().position(|m| m.name == name).unwrap() as u32
    }

    /// The maps as the reference has them.
    pub fn maps(&self) -> MapSet {
        let mut maps = MapSet::for_program(self.program.program()).unwrap();
        maps.set_lru_policy(LruPolicy::Hardware).unwrap();
        maps
    }
}

/// SplitMix64.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}
