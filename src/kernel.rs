//! What an object may ask of the kernel it was written for: its types and its configuration, from files that the user
//! names, else from the running one - and only where the object cannot do without.

use crate::args;
use crate::failure::Failure;
use crate::input::not_loaded;
use beeline_frontend::object::{KernelConfig, KernelTypes, Object};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Gives `object` what it asks for.
pub(crate) fn complete(object: &mut Object, source: &args::Source) -> Result<(), Failure> {
    let host = Path::new(KernelTypes::HOST);
    match &source.btf {
        Some(file) => object.use_kernel_types(types(file)?, true),
        None if host.exists() && object.needs_kernel_types() => {
            object.use_kernel_types(types(host)?, false);
        }
        None => {}
    }
    if object.needs_kernel_config() {
        if let Some(config) = config(source.kconfig.as_deref())? {
            object.use_kernel_config(&config).map_err(not_loaded)?;
        }
    }
    Ok(())
}

fn types(file: &Path) -> Result<Arc<KernelTypes>, Failure> {
    let bytes = read(file)?;
    let name = file.display().to_string();
    KernelTypes::parse(&bytes, &name).map(Arc::new).map_err(not_loaded)
}

/// The configuration in `file`, or without one that of the running kernel, if it shows any.
fn config(file: Option<&Path>) -> Result<Option<KernelConfig>, Failure> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    let release = release.as_deref().map(str::trim);
    if let Some(file) = file {
        let text = text(read(file)?, file)?;
        return Ok(Some(KernelConfig::parse(&text, &file.display().to_string(), None)));
    }
    let boot = release.map(|r| PathBuf::from(format!("/boot/config-{r}")));
    let candidates = [boot, Some(PathBuf::from("/proc/config.gz"))];
    let Some(file) = candidates.into_iter().flatten().find(|f| f.exists()) else {
        return Ok(release.map(|r| KernelConfig::parse("", "the running kernel", Some(r))));
    };
    let text = text(read(&file)?, &file)?;
    Ok(Some(KernelConfig::parse(&text, &file.display().to_string(), release)))
}

/// Largest configuration that is read; they have some 300 KiB.
const MAX_CONFIG: u64 = 16 << 20;

fn text(bytes: Vec<u8>, file: &Path) -> Result<String, Failure> {
    let mut text = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let unpacked =
            flate2::read::GzDecoder::new(&bytes[..]).take(MAX_CONFIG).read_to_end(&mut text);
        unpacked.map_err(|e| Failure::unusable(format!("{}: {e}", file.display())))?;
    } else {
        text = bytes;
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|e| Failure::unusable(format!("{}: {e}", file.display())))
}
