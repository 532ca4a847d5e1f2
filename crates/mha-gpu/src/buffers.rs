//! Pools of device buffers. Once a workload is warm, its calls find every buffer here and allocate nothing.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wgpu::BufferUsages as Usage;

use crate::context::Context;
use crate::error::GpuError;

/// Storage buffers end on a multiple of this, so that kernels may read whole vectors.
pub(crate) const STORAGE_GRANULARITY: u64 = 16;
/// Smallest size class.
const MIN_CLASS: u64 = 256;
/// An idle buffer is released once its pool has served this many others, if the pool then holds more than its cap.
const IDLE_TAKES: u64 = 64;
const MIB: u64 = 1 << 20;

/// All pools of a device. Where a device maps its storage, inputs, outputs and parameters need no staging.
pub(crate) struct Pools {
    context: Arc<Context>,
    max_buffer_size: u64,
    /// Whether `inputs`, `outputs` and `params` can be mapped by the host.
    pub mapped_storage: bool,
    /// Tensors that the host fills.
    pub inputs: Arc<Pool>,
    /// Tensors that the host reads back.
    pub outputs: Arc<Pool>,
    /// Memory that only kernels use.
    pub scratch: Arc<Pool>,
    /// What workgroups exchange. Made of zeros by wgpu, and left so by every kernel.
    pub exchange: Arc<Pool>,
    /// Parameter blocks.
    pub params: Arc<Pool>,
    /// Host memory on its way to the device.
    pub upload: Arc<Pool>,
    /// Host memory on its way from the device.
    pub download: Arc<Pool>,
}

impl Pools {
    pub fn new(context: Arc<Context>, max_buffer_size: u64, mapped_storage: bool) -> Self {
        let storage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
        let scratch = Pool::new("storage", storage, 1024 * MIB);
        let (inputs, outputs, params) = if mapped_storage {
            (
                Pool::new("mapped input", storage | Usage::MAP_WRITE, 512 * MIB),
                Pool::new("mapped output", storage | Usage::MAP_READ, 512 * MIB),
                Usage::UNIFORM | Usage::MAP_WRITE,
            )
        } else {
            (Arc::clone(&scratch), Arc::clone(&scratch), Usage::UNIFORM | Usage::COPY_DST)
        };
        Self {
            context,
            max_buffer_size,
            mapped_storage,
            inputs,
            outputs,
            scratch,
            exchange: Pool::new("exchange", Usage::STORAGE | Usage::COPY_SRC, 64 * MIB),
            params: Pool::new("parameters", params, MIB),
            upload: Pool::new("upload", Usage::MAP_WRITE | Usage::COPY_SRC, 256 * MIB),
            download: Pool::new("download", Usage::MAP_READ | Usage::COPY_DST, 256 * MIB),
        }
    }

    /// A buffer of at least `bytes`, rounded up to 16, with contents left over from its last use.
    pub fn take(&self, pool: &Arc<Pool>, bytes: u64) -> Result<PooledBuffer, GpuError> {
        let limit = self.max_buffer_size & !(STORAGE_GRANULARITY - 1);
        let class = match size_class(bytes) {
            Some(class) if class <= limit => class,
            // Too close to the limit for a class of its own.
            _ if bytes <= limit => limit,
            _ => return Err(GpuError::BufferTooLarge { what: pool.label, bytes, limit: self.max_buffer_size }),
        };
        if let Some(buffer) = pool.take_idle(class) {
            return Ok(PooledBuffer::new(buffer, pool));
        }
        let created = match self.create(pool, class) {
            Err(GpuError::OutOfMemory { .. }) => {
                self.release_idle()?;
                self.create(pool, class)
            }
            created => created,
        };
        created.map(|buffer| PooledBuffer::new(buffer, pool))
    }

    /// Releases every buffer that no call uses.
    pub fn release_idle(&self) -> Result<(), GpuError> {
        let shared = [&self.inputs, &self.outputs, &self.scratch, &self.exchange];
        for pool in shared.into_iter().chain([&self.params, &self.upload, &self.download]) {
            *pool.idle() = Idle::default();
        }
        // wgpu frees memory when it next looks after the device.
        self.context.poll_callbacks()
    }

    fn create(&self, pool: &Pool, size: u64) -> Result<wgpu::Buffer, GpuError> {
        let descriptor =
            wgpu::BufferDescriptor { label: Some(pool.label), size, usage: pool.usage, mapped_at_creation: false };
        self.context.scoped(
            || format!("create a buffer of {size} bytes for {}", pool.label),
            || self.context.device.create_buffer(&descriptor),
        )
    }
}

/// Buffers of one usage, kept for the next call that wants the same size class.
pub(crate) struct Pool {
    label: &'static str,
    usage: Usage,
    /// Idle bytes above which buffers that went unused for a while are released.
    cap: u64,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// Longest idle first, each with the number of takes at its return.
    buffers: VecDeque<(u64, wgpu::Buffer)>,
    bytes: u64,
    takes: u64,
}

impl Pool {
    fn new(label: &'static str, usage: Usage, cap: u64) -> Arc<Self> {
        Arc::new(Self { label, usage, cap, idle: Mutex::default() })
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        // The bookkeeping is consistent at every point where a holder could panic.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub fn idle_buffers(&self) -> Vec<wgpu::Buffer> {
        self.idle().buffers.iter().map(|(_, buffer)| buffer.clone()).collect()
    }

    fn take_idle(&self, class: u64) -> Option<wgpu::Buffer> {
        let mut idle = self.idle();
        idle.takes += 1;
        // The latest to come back is the likeliest to be in caches.
        let position = idle.buffers.iter().rposition(|(_, buffer)| buffer.size() == class)?;
        let (_, buffer) = idle.buffers.remove(position)?;
        idle.bytes -= class;
        Some(buffer)
    }

    fn give_back(&self, buffer: wgpu::Buffer) {
        let mut idle = self.idle();
        let takes = idle.takes;
        idle.bytes += buffer.size();
        idle.buffers.push_back((takes, buffer));
        while idle.bytes > self.cap && idle.buffers.front().is_some_and(|(since, _)| since + IDLE_TAKES <= takes) {
            if let Some((_, released)) = idle.buffers.pop_front() {
                idle.bytes -= released.size();
            }
        }
    }
}

/// A buffer on loan from a pool, to which it goes back when dropped.
pub(crate) struct PooledBuffer {
    /// Some until dropped.
    buffer: Option<wgpu::Buffer>,
    pool: Arc<Pool>,
    /// Set from the request to map it until it is unmapped.
    mapped: bool,
}

impl PooledBuffer {
    fn new(buffer: wgpu::Buffer, pool: &Arc<Pool>) -> Self {
        Self { buffer: Some(buffer), pool: Arc::clone(pool), mapped: false }
    }

    /// Asks for `bytes` from the start to be mapped; `done` hears the outcome from some thread that polls.
    pub fn map(
        &mut self,
        mode: wgpu::MapMode,
        bytes: u64,
        done: impl FnOnce(Result<(), wgpu::BufferAsyncError>) + Send + 'static,
    ) {
        self.mapped = true;
        self.slice(..bytes).map_async(mode, done);
    }

    /// Ends the mapping. No view of it may be left.
    pub fn unmap(&mut self) {
        if self.mapped {
            (**self).unmap();
            self.mapped = false;
        }
    }
}

impl Deref for PooledBuffer {
    type Target = wgpu::Buffer;

    fn deref(&self) -> &wgpu::Buffer {
        self.buffer.as_ref().expect("the buffer leaves only when the loan is dropped")
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        // A call that failed half-way may leave a buffer mapped, or about to be: such a one is not used again.
        if let Some(buffer) = self.buffer.take()
            && !self.mapped
        {
            self.pool.give_back(buffer);
        }
    }
}

/// `bytes` rounded up to a multiple of a quarter of the next lower power of two: at most a quarter is wasted, and
/// tensors that grow from call to call change class seldom. `None` where that overflows.
fn size_class(bytes: u64) -> Option<u64> {
    if bytes <= MIN_CLASS {
        return Some(MIN_CLASS);
    }
    bytes.checked_next_multiple_of(1 << (bytes.ilog2() - 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::tests::gpu;

    #[test]
    fn classes_waste_a_quarter_at_most() {
        assert_eq!(size_class(0), Some(256));
        assert_eq!(size_class(256), Some(256));
        assert_eq!(size_class(257), Some(320));
        assert_eq!(size_class(1 << 30), Some(1 << 30));
        assert_eq!(size_class(u64::MAX), None);
        for bytes in (1..5000).chain((1 << 33)..(1 << 33) + 100) {
            let class = size_class(bytes).unwrap();
            assert!(class >= bytes && class.is_multiple_of(STORAGE_GRANULARITY), "{bytes} gave {class}");
            assert!(bytes <= MIN_CLASS || class - bytes <= bytes / 4, "{bytes} gave {class}");
        }
    }

    #[test]
    fn a_returned_buffer_serves_the_next_call() {
        let gpu = gpu();
        let pools = Pools::new(Arc::clone(&gpu.context), gpu.caps().max_buffer_size, false);
        let first = pools.take(&pools.scratch, 1000).unwrap();
        let first_buffer = (*first).clone();
        let second = pools.take(&pools.scratch, 1000).unwrap();
        assert_ne!(first_buffer, *second, "two loans at once are two buffers");
        drop(first);
        let third = pools.take(&pools.scratch, 900).unwrap();
        assert_eq!(first_buffer, *third);
        assert!(third.size() >= 900);
    }

    #[test]
    fn idle_memory_beyond_the_cap_is_released_once_unused() {
        let gpu = gpu();
        let pools = Pools::new(Arc::clone(&gpu.context), gpu.caps().max_buffer_size, false);
        let cap = pools.params.cap;
        let large = [2 * cap, 4 * cap].map(|bytes| pools.take(&pools.params, bytes).unwrap());
        drop(large);
        assert_eq!(pools.params.idle().bytes, 6 * cap, "a working set above the cap stays while it is in use");
        for _ in 0..=IDLE_TAKES {
            drop(pools.take(&pools.params, 16).unwrap());
        }
        assert!(pools.params.idle().bytes <= cap);
        assert_eq!(pools.params.idle().buffers.len(), 1, "the one in use stays");

        pools.release_idle().unwrap();
        assert!(pools.params.idle().buffers.is_empty());
    }

    #[test]
    fn a_buffer_left_mapped_is_not_used_again() {
        let gpu = gpu();
        let pools = Pools::new(Arc::clone(&gpu.context), gpu.caps().max_buffer_size, false);
        let mut buffer = pools.take(&pools.upload, 64).unwrap();
        buffer.map(wgpu::MapMode::Write, 64, |_| ());
        drop(buffer);
        assert!(pools.upload.idle().buffers.is_empty());
    }

    #[test]
    fn too_large_a_buffer_is_refused_with_the_limit() {
        let gpu = gpu();
        let pools = Pools::new(Arc::clone(&gpu.context), 1 << 20, false);
        assert_eq!(pools.take(&pools.scratch, (1 << 20) - 1).unwrap().size(), 1 << 20);
        let error = pools.take(&pools.scratch, (1 << 20) + 1).err().unwrap().to_string();
        assert_eq!(
            error,
            "a buffer must not exceed the device's limit of 1048576 bytes, got 1048577 bytes for storage"
        );
    }
}
