//! [`Resident`]: a tensor that stays on the device between calls, for inputs that never change.

use std::sync::Arc;

use crate::buffers::STORAGE_GRANULARITY;
use crate::context::Context;
use crate::error::GpuError;
use crate::gpu::Gpu;
use crate::upload::map_refused;

/// A tensor in device memory, uploaded once by [`Gpu::keep`]. Released when it is dropped.
pub struct Resident {
    context: Arc<Context>,
    buffer: wgpu::Buffer,
    bytes: u64,
}

impl Resident {
    /// Length in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// Whether it lies on this device.
    pub(crate) fn is_on(&self, gpu: &Gpu) -> bool {
        Arc::ptr_eq(&self.context, &gpu.context)
    }
}

/// Where the bytes of an input are.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// In host memory: uploaded for the call.
    Host(&'a [u8]),
    /// On the device already.
    Device(&'a Resident),
}

impl Source<'_> {
    /// Length in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Source::Host(data) => data.len() as u64,
            Source::Device(resident) => resident.bytes(),
        }
    }
}

impl<'a> From<&'a [u8]> for Source<'a> {
    fn from(data: &'a [u8]) -> Self {
        Source::Host(data)
    }
}

impl<'a> From<&'a Resident> for Source<'a> {
    fn from(resident: &'a Resident) -> Self {
        Source::Device(resident)
    }
}

impl Gpu {
    /// Uploads a tensor to stay on the device.
    ///
    /// # Errors
    /// [`GpuError::BufferTooLarge`], [`GpuError::OutOfMemory`] or [`GpuError::DeviceLost`].
    pub fn keep(&self, data: &[u8]) -> Result<Resident, GpuError> {
        let bytes = data.len() as u64;
        let size = bytes.next_multiple_of(STORAGE_GRANULARITY).max(STORAGE_GRANULARITY);
        let limit = self.caps().max_buffer_size;
        if size > limit {
            return Err(GpuError::BufferTooLarge { what: "a resident tensor", bytes, limit });
        }
        let descriptor = wgpu::BufferDescriptor {
            label: Some("resident"),
            size,
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: true,
        };
        let operation = || format!("create a buffer of {size} bytes for a resident tensor");
        let buffer = self.context.scoped(operation, || self.context.device.create_buffer(&descriptor))?;
        let refused = |error| self.context.unless_lost(map_refused(error));
        let mut view = buffer.get_mapped_range_mut(..).map_err(refused)?;
        let (mut head, mut tail) = view.slice(..).split_at(data.len());
        head.copy_from_slice(data);
        tail.fill(0);
        drop(view);
        buffer.unmap();
        Ok(Resident { context: Arc::clone(&self.context), buffer, bytes })
    }
}
