//! An object on both sides: in the kernel and in the interpreter, with the same maps and packets.

use beeline_frontend::object::Object;
use beeline_frontend::program::Program;
use beeline_sim::{Executor, Host, Inputs, Interp, MapSet, Packet};
use beeline_testbench::kernel::{self, Attach, KernelObject, KernelProgram, RunInputs};
use beeline_testbench::traffic::Rng;
use std::path::Path;
use std::sync::Arc;

/// Where programs find their arguments and leave results (`programs/args.h`).
pub const ARGS: usize = 16;
pub const RESULTS: usize = 128;
pub const LEN: usize = 256;

/// True if the kernel is there; else says so.
pub fn reachable() -> bool {
    if let Err(why) = kernel::available() {
        println!("notice: skipped: {why}");
        return false;
    }
    kernel::stay_on_cpu(0).unwrap();
    true
}

/// An object, its maps on both sides, and one of its programs.
pub struct Both {
    object: Object,
    program: Program,
    kernel: KernelObject,
    loaded: KernelProgram,
    callees: Vec<KernelProgram>,
    ours: MapSet,
    interp: Interp,
    packets: u32,
}

/// What a program did to a packet.
#[derive(Debug, PartialEq, Eq)]
pub struct Result {
    pub code: u32,
    pub bytes: Vec<u8>,
}

impl Result {
    /// Result word `n`.
    pub fn word(&self, n: usize) -> i64 {
        let at = RESULTS + 8 * n;
        i64::from_le_bytes(self.bytes[at..at + 8].try_into().unwrap())
    }
}

impl Both {
    /// Program `name` of object `object` of the folder `programs`.
    pub fn new(object: &str, name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/helpers_kernel/programs");
        let bytes = std::fs::read(path.join(format!("{object}.o"))).unwrap();
        let object = beeline_frontend::load(&bytes, object).unwrap_or_else(|e| panic!("{e}"));
        let program = object.program(Some(name)).unwrap_or_else(|e| panic!("{e}"));
        let kernel = KernelObject::create(&program).unwrap();
        let loaded = kernel.load(&program, Attach::Plain).unwrap_or_else(|e| panic!("{name}: {e}"));
        let interp = Interp::unverified(&program).unwrap_or_else(|d| panic!("{name}: {}", d[0]));
        let ours = MapSet::new(&program.maps).unwrap();
        Self { object, program, kernel, loaded, callees: Vec::new(), ours, interp, packets: 0 }
    }

    fn map(&self, name: &str) -> usize {
        self.program.maps.iter().position(|m| m.name == name).unwrap()
    }

    /// Sets an entry on both sides.
    pub fn set(&mut self, map: &str, key: &[u8], value: &[u8]) {
        let map = self.map(map);
        self.kernel.maps[map].update(key, value, 0).unwrap();
        self.ours.host_update(map, key, value, 0).unwrap();
    }

    /// Puts program `name` into the program array `map` at `index`, on both sides.
    pub fn set_program(&mut self, map: &str, index: u32, name: &str) {
        use std::os::fd::{AsFd, AsRawFd};
        let map = self.map(map);
        let number = self.program.xdp_programs.iter().position(|p| p == name).unwrap() as u32;
        let program = self.object.program(Some(name)).unwrap();
        let loaded = self.kernel.load(&program, Attach::Plain).unwrap_or_else(|e| panic!("{e}"));
        let fd = loaded.as_fd().as_raw_fd() as u32;
        self.kernel.maps[map].update(&index.to_le_bytes(), &fd.to_le_bytes(), 0).unwrap();
        self.callees.push(loaded);
        self.interp.add_unverified(number, &program).unwrap();
        self.ours.host_update(map, &index.to_le_bytes(), &number.to_le_bytes(), 0).unwrap();
    }

    /// The host's tables of the interpreter.
    pub fn set_host(&mut self, host: Host) {
        self.interp.set_host(Arc::new(host));
    }

    /// Runs `packet` in the kernel and in the interpreter.
    pub fn run(&mut self, packet: &[u8]) -> (Result, Result) {
        let theirs = self.loaded.test_run(packet, &RunInputs::default()).unwrap();
        let mut ours = Packet::with(packet).unwrap();
        let inputs = Inputs { packet_index: self.packets, ..Inputs::default() };
        self.packets += 1;
        let exit = self.interp.run(&inputs, &mut ours, &mut self.ours).unwrap();
        (
            Result { code: theirs.code, bytes: theirs.bytes },
            Result { code: exit.code, bytes: ours.bytes().to_vec() },
        )
    }

    /// Runs a packet with these arguments on both sides; the results must be equal. Returns them.
    pub fn check(&mut self, args: &[u64]) -> Result {
        let packet = packet(args);
        let (theirs, ours) = self.run(&packet);
        let name = &self.program.name;
        assert_eq!(theirs.code, ours.code, "{name}: code for arguments {args:x?}, kernel's first");
        assert_eq!(
            (theirs.bytes.len(), differences(&theirs.bytes, &ours.bytes)),
            (ours.bytes.len(), Vec::new()),
            "{name}: arguments {args:x?}: offset and word, the kernel's first"
        );
        ours
    }

    /// Compares the content of all maps.
    pub fn check_maps(&self) {
        for (n, def) in self.program.maps.iter().enumerate() {
            use beeline_ir::map::MapKind as K;
            let no_content = matches!(def.kind, K::ProgArray | K::Ringbuf | K::Xskmap);
            if !no_content {
                let theirs = self.kernel.maps[n].dump().unwrap();
                assert_eq!(theirs, self.ours.dump(n), "{}: map {}", self.program.name, def.name);
            }
        }
    }
}

/// A packet of [`LEN`] bytes with these arguments; the rest counts up.
pub fn packet(args: &[u64]) -> Vec<u8> {
    let mut packet: Vec<u8> = (0..LEN).map(|i| i as u8).collect();
    packet[RESULTS..].fill(0);
    for (i, a) in args.iter().enumerate() {
        packet[ARGS + 8 * i..][..8].copy_from_slice(&a.to_le_bytes());
    }
    packet
}

/// Unequal words: offset, and both sides.
fn differences(theirs: &[u8], ours: &[u8]) -> Vec<(usize, String, String)> {
    let text = |w: &[u8]| w.iter().rev().map(|b| format!("{b:02x}")).collect();
    let pairs = theirs.chunks(8).zip(ours.chunks(8)).enumerate();
    pairs.filter(|(_, (l, r))| l != r).map(|(i, (l, r))| (8 * i, text(l), text(r))).collect()
}

/// A number below `limit`.
pub fn below(rng: &mut Rng, limit: u64) -> u64 {
    rng.next_u64() % limit
}

/// An argument: small, at an edge, or anything.
pub fn argument(rng: &mut Rng) -> u64 {
    const EDGES: [u64; 14] = [
        0,
        1,
        2,
        0x7f,
        0xff,
        0xffff,
        0x1_0000,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x1_0000_0000,
        1 << 63,
        u64::MAX,
        u64::MAX - 1,
    ];
    match below(rng, 4) {
        0 => *rng.pick(&EDGES),
        1 => below(rng, 256),
        2 => below(rng, 512).wrapping_sub(256),
        _ => rng.next_u64(),
    }
}
