//! Compiled pipelines on disk, so that a later process finds them ready. Nothing here fails a call: whatever is wrong
//! with the file or its directory costs the time of compiling, and a line in the log.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, fs};

use xxhash_rust::xxh3::xxh3_64;

use crate::LOG;
use crate::context::Context;

/// Begins every file; its last byte is the version of what follows: a checksum, then the driver's data.
const MAGIC: [u8; 8] = *b"ORTWGPU\x01";
const HEADER: usize = MAGIC.len() + size_of::<u64>();
/// A larger file is none of ours.
const MOST_BYTES: u64 = 256 << 20;

/// Where the platform wants an application's cached data: `~/.cache/ort-webgpu-attention` on Linux. None where it names
/// no such place.
pub fn platform_cache_directory() -> Option<PathBuf> {
    Some(dirs::cache_dir()?.join("ort-webgpu-attention"))
}

/// The pipeline cache of a device, and its file.
pub(crate) struct DiskCache {
    context: Arc<Context>,
    cache: wgpu::PipelineCache,
    file: PathBuf,
    /// Whether a pipeline was compiled since the last save.
    changed: AtomicBool,
    /// Checksum of what the file holds, as far as is known here.
    saved: Mutex<Option<u64>>,
}

impl DiskCache {
    /// Opens the cache of an adapter. None where its backend has no such thing.
    pub fn open(context: &Arc<Context>, adapter: &wgpu::AdapterInfo, directory: &Path) -> Option<Self> {
        if !context.device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let file = directory.join(wgpu::util::pipeline_cache_key(adapter)?);
        let data = match read(&file) {
            Ok(data) => Some(data),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::info!(target: LOG, "the pipelines kept in {} are not used: {error}", file.display());
                None
            }
        };
        let descriptor =
            wgpu::PipelineCacheDescriptor { label: Some("pipelines on disk"), data: data.as_deref(), fallback: true };
        // SAFETY: the checksum vouches that these bytes came from `get_data` in this program; wgpu and the driver check
        // that device and driver are the same.
        let create = || unsafe { context.device.create_pipeline_cache(&descriptor) };
        let cache = match context.scoped(|| "create a pipeline cache".into(), create) {
            Ok(cache) => cache,
            Err(error) => {
                tracing::info!(target: LOG, "pipelines are not kept: {error}");
                return None;
            }
        };
        let saved = Mutex::new(data.as_deref().map(xxh3_64));
        Some(Self { context: Arc::clone(context), cache, file, changed: AtomicBool::new(false), saved })
    }

    /// What to compile pipelines with.
    pub fn cache(&self) -> &wgpu::PipelineCache {
        &self.cache
    }

    /// Notes that a pipeline was compiled.
    pub fn changed(&self) {
        self.changed.store(true, Ordering::Relaxed);
    }

    /// Writes the file if pipelines were compiled since the last time.
    pub fn save(&self) {
        if !self.changed.swap(false, Ordering::Relaxed) {
            return;
        }
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        let data = self.context.scoped(|| "read the pipeline cache".into(), || self.cache.get_data());
        let Ok(Some(data)) = data else { return };
        let checksum = xxh3_64(&data);
        if *saved == Some(checksum) {
            return;
        }
        match write(&self.file, checksum, &data) {
            Ok(()) => *saved = Some(checksum),
            Err(error) => tracing::info!(target: LOG, "pipelines are not kept in {}: {error}", self.file.display()),
        }
    }
}

impl fmt::Debug for DiskCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DiskCache({})", self.file.display())
    }
}

/// The driver's data in a file, if every byte is as it was written.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(file)?.len() > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too large"));
    }
    let mut bytes = fs::read(file)?;
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it is damaged, or of another version");
    let (header, data) = bytes.split_at_checked(HEADER).ok_or_else(damaged)?;
    let checksum = xxh3_64(data).to_le_bytes();
    if header[..MAGIC.len()] != MAGIC || header[MAGIC.len()..] != checksum {
        return Err(damaged());
    }
    bytes.drain(..HEADER);
    Ok(bytes)
}

/// Puts a new file in the place of the old in one step: a reader sees either whole, and of several writers the last wins.
fn write(file: &Path, checksum: u64, data: &[u8]) -> io::Result<()> {
    let directory = file.parent().ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir_all(directory)?;
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(&MAGIC)?;
    new.write_all(&checksum.to_le_bytes())?;
    new.write_all(data)?;
    new.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_back_as_written_and_damage_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("not yet there").join("pipelines");
        assert_eq!(read(&file).unwrap_err().kind(), io::ErrorKind::NotFound);
        for data in [b"".as_slice(), b"first", b"second, longer"] {
            write(&file, xxh3_64(data), data).unwrap();
            assert_eq!(read(&file).unwrap(), data);
        }
        let whole = fs::read(&file).unwrap();
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "no file is left over");
        for position in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[position] ^= 0x10;
            fs::write(&file, &flipped).unwrap();
            assert!(read(&file).is_err(), "a flipped bit in byte {position}");
            fs::write(&file, &whole[..position]).unwrap();
            assert!(read(&file).is_err(), "cut to {position} bytes");
        }
    }
}
