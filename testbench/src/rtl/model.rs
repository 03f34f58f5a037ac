//! The loaded model: safe calls into the shim (`shim.cpp` mirrors the structures here).

use libloading::Library;
use std::ffi::c_void;
use std::path::Path;
use std::sync::Arc;

/// A stream beat on the way in.
#[repr(C)]
#[derive(Clone)]
pub struct Beat {
    /// `tdata`.
    pub data: [u8; 64],
    /// `tkeep`.
    pub keep: u64,
    /// Index in the metas.
    pub packet: u32,
    /// Cycles without valid before this beat is offered.
    pub idle: u32,
    /// `tlast`.
    pub last: u32,
    pad: u32,
}

impl Beat {
    /// A beat of packet `packet` that carries `bytes` (1 to 64).
    pub fn new(packet: u32, bytes: &[u8], idle: u32, last: bool) -> Self {
        let mut data = [0; 64];
        data[..bytes.len()].copy_from_slice(bytes);
        let keep = u64::MAX >> (64 - bytes.len());
        Self { data, keep, packet, idle, last: last.into(), pad: 0 }
    }
}

/// What `tuser` carries with a packet on the way in.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Meta {
    /// Timestamp.
    pub time_ns: u64,
    /// Bytes.
    pub length: u32,
    /// Interface.
    pub ifindex: u32,
    /// Receive queue.
    pub queue: u32,
    pad: u32,
}

impl Meta {
    /// Metadata of one packet.
    pub fn new(time_ns: u64, length: u32, ifindex: u32, queue: u32) -> Self {
        Self { time_ns, length, ifindex, queue, pad: 0 }
    }
}

/// A stream beat on the way out.
#[repr(C)]
#[derive(Clone)]
pub struct OutBeat {
    /// `tdata`.
    pub data: [u8; 64],
    /// `tkeep`.
    pub keep: u64,
    /// `tuser`.
    pub user: u64,
    /// Cycle of the handshake.
    pub cycle: u64,
    /// `tlast`.
    pub last: u64,
}

/// A `retire` pulse.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retire {
    /// Cycle of the pulse.
    pub cycle: u64,
    /// Raw action.
    pub code: u32,
    /// Output length.
    pub length: u32,
    /// 0, or map number + 1.
    pub redirect_map: u32,
    /// Key or interface.
    pub redirect_key: u32,
}

/// What one replay gave.
#[derive(Clone, Default)]
pub struct RunRecord {
    /// Cycles run.
    pub cycles: u64,
    /// Output beats in order.
    pub outs: Vec<OutBeat>,
    /// Retired packets in order.
    pub retires: Vec<Retire>,
    /// Cycle in which the first beat of each packet was accepted.
    pub entered: Vec<u64>,
    /// Cycle in which each beat was accepted.
    pub accepted: Vec<u64>,
    /// Cycle in which each start of a host request was accepted.
    pub starts: Vec<u64>,
    /// Beats of the event stream in order.
    pub events: Vec<OutBeat>,
    /// Number that the design gave the first packet.
    pub first_packet: u32,
}

/// A trace in the form in which it is replayed.
pub struct Stream {
    /// Beats, which refer to `metas`.
    pub beats: Vec<Beat>,
    /// By packet.
    pub metas: Vec<Meta>,
    /// The output's ready pattern, repeated.
    pub ready: Vec<u8>,
    /// The event stream's.
    pub event_ready: Vec<u8>,
}

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The library does not load or lacks a symbol.
    #[error("the Verilated model cannot be loaded: {0}")]
    Load(#[from] libloading::Error),
    /// A register access was not answered or was refused.
    #[error("AXI4-Lite access to {addr:#06x} failed (response {response})")]
    Axil {
        /// Address.
        addr: u32,
        /// Response, -1 for none.
        response: i32,
    },
    /// Nothing moved for a long time.
    #[error("the design stopped: no packet moved for {0} cycles")]
    Stuck(u64),
}

type New = unsafe extern "C" fn(u64) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);
type AxilWrite = unsafe extern "C" fn(*mut c_void, u32, u32) -> i32;
type AxilRead = unsafe extern "C" fn(*mut c_void, u32, *mut u32) -> i32;
type Start = unsafe extern "C" fn(
    *mut c_void,
    *const Beat,
    u64,
    *const Meta,
    u64,
    *const u8,
    u64,
    *const u8,
    u64,
);
type Pending = unsafe extern "C" fn(*mut c_void) -> u64;
type Finish = unsafe extern "C" fn(*mut c_void, u64) -> i64;
type Outs = unsafe extern "C" fn(*mut c_void, *mut u64) -> *const OutBeat;
type Retires = unsafe extern "C" fn(*mut c_void, *mut u64) -> *const Retire;
type Cycles = unsafe extern "C" fn(*mut c_void, *mut u64) -> *const u64;

/// A Verilated design, reset and ready.
pub struct Model {
    handle: *mut c_void,
    free: Free,
    axil_write: AxilWrite,
    axil_read: AxilRead,
    start: Start,
    pending: Pending,
    finish: Finish,
    outs: Outs,
    retires: Retires,
    entered: Cycles,
    accepted: Cycles,
    starts: Cycles,
    events: Outs,
    /// Packets of earlier replays.
    packets: u32,
    /// What a replay that has been started reads until it is finished.
    stream: Option<Arc<Stream>>,
    /// Keeps the code mapped; dropped after `handle` is freed.
    _library: Library,
}

impl Model {
    /// Loads the library that [`super::build::build`] made; `seed` fills registers without reset.
    ///
    /// # Errors
    /// If it cannot be loaded.
    pub fn load(library: &Path, seed: u64) -> Result<Self, ModelError> {
        // SAFETY: the library was built by this program from the shim, whose static initialisers have no
        // requirements, and the symbols have the types that the shim declares.
        unsafe {
            let library = Library::new(library)?;
            let new: New = *library.get(b"bl_new\0")?;
            Ok(Self {
                free: *library.get(b"bl_free\0")?,
                axil_write: *library.get(b"bl_axil_write\0")?,
                axil_read: *library.get(b"bl_axil_read\0")?,
                start: *library.get(b"bl_start\0")?,
                pending: *library.get(b"bl_pending\0")?,
                finish: *library.get(b"bl_finish\0")?,
                outs: *library.get(b"bl_outs\0")?,
                retires: *library.get(b"bl_retires\0")?,
                entered: *library.get(b"bl_entered\0")?,
                accepted: *library.get(b"bl_accepted\0")?,
                starts: *library.get(b"bl_starts\0")?,
                events: *library.get(b"bl_events\0")?,
                packets: 0,
                stream: None,
                handle: new(seed),
                _library: library,
            })
        }
    }

    /// Writes a register.
    ///
    /// # Errors
    /// If the design does not answer OKAY.
    pub fn write(&mut self, addr: u32, data: u32) -> Result<(), ModelError> {
        // SAFETY: `handle` came from `bl_new` of the same library and is not freed yet.
        match unsafe { (self.axil_write)(self.handle, addr, data) } {
            0 => Ok(()),
            response => Err(ModelError::Axil { addr, response }),
        }
    }

    /// Reads a register.
    ///
    /// # Errors
    /// If the design does not answer OKAY.
    pub fn read(&mut self, addr: u32) -> Result<u32, ModelError> {
        let mut data = 0;
        // SAFETY: as in `write`; `data` lives through the call.
        match unsafe { (self.axil_read)(self.handle, addr, &mut data) } {
            0 => Ok(data),
            response => Err(ModelError::Axil { addr, response }),
        }
    }

    /// Replays a trace.
    ///
    /// # Errors
    /// If nothing moves for a long time.
    ///
    /// # Panics
    /// If a ready pattern is empty or a beat refers to no meta: a defect of the caller.
    pub fn replay(&mut self, stream: Arc<Stream>) -> Result<RunRecord, ModelError> {
        self.start(stream);
        self.finish()
    }

    /// Starts the replay of a trace, which goes on with every cycle of a register access.
    ///
    /// # Panics
    /// As [`Model::replay`].
    pub fn start(&mut self, stream: Arc<Stream>) {
        let patterns = [&stream.ready, &stream.event_ready];
        assert!(patterns.iter().all(|p| !p.is_empty()), "a ready pattern has at least one cycle");
        let metas = stream.metas.len();
        assert!(stream.beats.iter().all(|b| (b.packet as usize) < metas), "each beat has a meta");
        let Stream { beats, metas, ready, event_ready } = &**self.stream.insert(stream);
        // SAFETY: the vectors stay as they are in `self.stream` until `finish`, their lengths are passed with them, and
        // the shim reads within them (packet indices and the pattern's length were checked above).
        unsafe {
            (self.start)(
                self.handle,
                beats.as_ptr(),
                beats.len() as u64,
                metas.as_ptr(),
                metas.len() as u64,
                ready.as_ptr(),
                ready.len() as u64,
                event_ready.as_ptr(),
                event_ready.len() as u64,
            );
        }
    }

    /// Beats of the trace that have not been accepted yet.
    pub fn pending(&self) -> u64 {
        // SAFETY: `handle` came from `bl_new` of the same library and is not freed yet.
        unsafe { (self.pending)(self.handle) }
    }

    /// Host requests that have been started in the replay.
    pub fn requests(&self) -> u64 {
        let mut n = 0;
        // SAFETY: as in `pending`; the shim writes the number of starts to `n`.
        unsafe { (self.starts)(self.handle, &mut n) };
        n
    }

    /// Runs the replay that has been started to its end.
    ///
    /// # Errors
    /// If nothing moves for a long time.
    ///
    /// # Panics
    /// If none was started.
    pub fn finish(&mut self) -> Result<RunRecord, ModelError> {
        let stream = self.stream.take().expect("a replay was started");
        let longest_idle = stream.beats.iter().map(|b| u64::from(b.idle)).max().unwrap_or(0);
        let patterns = stream.ready.len() + stream.event_ready.len();
        let patience = 20_000 + patterns as u64 + longest_idle;
        // SAFETY: `stream` is the trace that `bl_start` got, and lives until the call is over.
        let cycles = unsafe { (self.finish)(self.handle, patience) };
        let cycles = u64::try_from(cycles).map_err(|_| ModelError::Stuck(patience))?;
        let first_packet = self.packets;
        self.packets = self.packets.wrapping_add(stream.metas.len() as u32);
        // SAFETY: the shim's vectors stay as they are until the next replay.
        unsafe {
            Ok(RunRecord {
                cycles,
                outs: collect(self.handle, self.outs),
                retires: collect(self.handle, self.retires),
                entered: collect(self.handle, self.entered),
                accepted: collect(self.handle, self.accepted),
                starts: collect(self.handle, self.starts),
                events: collect(self.handle, self.events),
                first_packet,
            })
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: `handle` came from `bl_new` and is freed only here.
        unsafe { (self.free)(self.handle) }
    }
}

/// Copies one of the shim's vectors.
///
/// # Safety
/// `handle` must be live and `f` one of the shim's accessors with element type `T`.
unsafe fn collect<T: Clone>(
    handle: *mut c_void,
    f: unsafe extern "C" fn(*mut c_void, *mut u64) -> *const T,
) -> Vec<T> {
    let mut n = 0;
    // SAFETY: by the caller's promise.
    let data = unsafe { f(handle, &mut n) };
    if n == 0 {
        return Vec::new();
    }
    // SAFETY: the shim returns the start and length of a live vector of `T`.
    unsafe { std::slice::from_raw_parts(data, n as usize) }.to_vec()
}
