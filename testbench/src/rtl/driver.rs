//! The generated C driver in front of the Verilated design: every register access that it makes is cycles of the model.

use super::build::{self, BuildError};
use super::model::{Model, ModelError};
use beeline_backends::verilog::Design;
use libloading::Library;
use std::ffi::{c_int, c_void};

/// Status of a register access that the design did not answer well: no error number of the driver's.
const BROKEN: c_int = -9999;

/// What the driver's callbacks get.
struct Context {
    model: Model,
    /// The first access that failed.
    error: Option<ModelError>,
}

type Read = extern "C" fn(*mut c_void, u32, *mut u32) -> c_int;
type Write = extern "C" fn(*mut c_void, u32, u32) -> c_int;
type Open = unsafe extern "C" fn(*mut c_void, Read, Write, *mut c_void) -> c_int;
type Lookup = unsafe extern "C" fn(*mut c_void, u32, *const u8, *mut u8) -> c_int;
type Update = unsafe extern "C" fn(*mut c_void, u32, *const u8, *const u8, u64) -> c_int;
type Delete = unsafe extern "C" fn(*mut c_void, u32, *const u8) -> c_int;
type NextKey = unsafe extern "C" fn(*mut c_void, u32, *const u8, *mut u8) -> c_int;
type NextEntry = unsafe extern "C" fn(*mut c_void, u32, *mut u32, *mut u8, *mut u8) -> c_int;

/// A design behind its driver. Results are 0 or the driver's negative error numbers.
pub struct Driver {
    context: *mut Context,
    /// The driver's `struct device`.
    device: Vec<u64>,
    /// By map: bytes of keys and values.
    sizes: Vec<(usize, usize)>,
    lookup: Lookup,
    update: Update,
    delete: Delete,
    next_key: NextKey,
    next_entry: NextEntry,
    /// Keeps the code mapped.
    _library: Library,
}

/// Why there is no driver.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// It does not compile.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// It does not load.
    #[error("the driver cannot be loaded: {0}")]
    Load(#[from] libloading::Error),
    /// It does not recognise the design.
    #[error("the driver does not open the design: {0}")]
    Open(i32),
}

extern "C" fn read(context: *mut c_void, address: u32, data: *mut u32) -> c_int {
    // SAFETY: the context is that of `Driver`, which nobody else uses while a function of the driver runs; `data` is
    // a variable of the driver's.
    let (context, data) = unsafe { (&mut *context.cast::<Context>(), &mut *data) };
    match context.model.read(address) {
        Ok(word) => {
            *data = word;
            0
        }
        Err(e) => {
            context.error.get_or_insert(e);
            BROKEN
        }
    }
}

extern "C" fn write(context: *mut c_void, address: u32, data: u32) -> c_int {
    // SAFETY: as in `read`.
    let context = unsafe { &mut *context.cast::<Context>() };
    match context.model.write(address, data) {
        Ok(()) => 0,
        Err(e) => {
            context.error.get_or_insert(e);
            BROKEN
        }
    }
}

impl Driver {
    /// Compiles the driver of `design`, whose maps have keys and values of `sizes` bytes, and opens `model` with it.
    ///
    /// # Errors
    /// See [`DriverError`].
    pub fn new(
        design: &Design,
        sizes: Vec<(usize, usize)>,
        model: Model,
    ) -> Result<Self, DriverError> {
        let (path, prefix) = build::build_driver(design)?;
        let context = Box::into_raw(Box::new(Context { model, error: None }));
        // SAFETY: the library was built from the driver's source and one constant, and has the symbols with these
        // types. The device is as large as the driver says, and aligned for everything in it.
        let (driver, status) = unsafe {
            let library = Library::new(path)?;
            let size: *const u64 = *library.get(b"bl_device_size\0")?;
            let symbol = |name: &str| format!("{prefix}_{name}\0").into_bytes();
            let open: Open = *library.get(&symbol("open"))?;
            let mut driver = Self {
                context,
                device: vec![0; (*size as usize).div_ceil(8)],
                sizes,
                lookup: *library.get(&symbol("map_lookup"))?,
                update: *library.get(&symbol("map_update"))?,
                delete: *library.get(&symbol("map_delete"))?,
                next_key: *library.get(&symbol("map_next_key"))?,
                next_entry: *library.get(&symbol("map_next_entry"))?,
                _library: library,
            };
            let status = open(driver.device(), read, write, context.cast());
            (driver, status)
        };
        match status {
            0 => Ok(driver),
            status => Err(DriverError::Open(status)),
        }
    }

    fn device(&mut self) -> *mut c_void {
        self.device.as_mut_ptr().cast()
    }

    /// The design.
    pub fn model(&mut self) -> &mut Model {
        // SAFETY: the context lives as long as the driver, and no function of the driver runs.
        unsafe { &mut (*self.context).model }
    }

    /// The first register access that failed, if one has.
    pub fn error(&mut self) -> Option<ModelError> {
        // SAFETY: as in `model`.
        unsafe { (*self.context).error.take() }
    }

    fn check(&self, map: u32, key: Option<&[u8]>, value: Option<&[u8]>) {
        let (key_size, value_size) = self.sizes[map as usize];
        assert!(key.is_none_or(|k| k.len() == key_size), "a key of map {map} has {key_size} bytes");
        assert!(
            value.is_none_or(|v| v.len() == value_size),
            "a value of map {map} has {value_size} bytes"
        );
    }

    /// The value of `key`.
    ///
    /// # Panics
    /// Here and below: if the map does not exist or a key or value is not of its size, a defect of the caller.
    pub fn lookup(&mut self, map: u32, key: &[u8]) -> Result<Vec<u8>, i32> {
        self.check(map, Some(key), None);
        let mut value = vec![0; self.sizes[map as usize].1];
        // SAFETY: device and context live, key and value have the sizes that the driver was generated for.
        let status = unsafe { (self.lookup)(self.device(), map, key.as_ptr(), value.as_mut_ptr()) };
        result(status).map(|()| value)
    }

    /// Gives `key` a value.
    pub fn update(&mut self, map: u32, key: &[u8], value: &[u8], flags: u64) -> Result<(), i32> {
        self.check(map, Some(key), Some(value));
        // SAFETY: as in `lookup`.
        result(unsafe { (self.update)(self.device(), map, key.as_ptr(), value.as_ptr(), flags) })
    }

    /// Deletes `key`.
    pub fn delete(&mut self, map: u32, key: &[u8]) -> Result<(), i32> {
        self.check(map, Some(key), None);
        // SAFETY: as in `lookup`.
        result(unsafe { (self.delete)(self.device(), map, key.as_ptr()) })
    }

    /// The key after `key`, or the first.
    pub fn next_key(&mut self, map: u32, key: Option<&[u8]>) -> Result<Vec<u8>, i32> {
        self.check(map, key, None);
        let mut next = vec![0; self.sizes[map as usize].0];
        let key = key.map_or(std::ptr::null(), <[u8]>::as_ptr);
        // SAFETY: as in `lookup`; a null key is allowed.
        let status = unsafe { (self.next_key)(self.device(), map, key, next.as_mut_ptr()) };
        result(status).map(|()| next)
    }

    /// Key and value of the first entry at or after slot `cursor`, which moves behind it.
    pub fn next_entry(&mut self, map: u32, cursor: &mut u32) -> Result<(Vec<u8>, Vec<u8>), i32> {
        let (key_size, value_size) = self.sizes[map as usize];
        let (mut key, mut value) = (vec![0; key_size], vec![0; value_size]);
        // SAFETY: as in `lookup`.
        let status = unsafe {
            let (key, value) = (key.as_mut_ptr(), value.as_mut_ptr());
            (self.next_entry)(self.device(), map, cursor, key, value)
        };
        result(status).map(|()| (key, value))
    }
}

fn result(status: c_int) -> Result<(), i32> {
    if status == 0 {
        Ok(())
    } else {
        Err(status)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // SAFETY: the context came from `Box::into_raw` and is given back only here.
        drop(unsafe { Box::from_raw(self.context) });
    }
}
