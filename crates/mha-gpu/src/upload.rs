//! Host memory to device buffers and back, through mapped memory: the one part that knows how a device moves bytes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::buffers::{Pool, PooledBuffer, Pools};
use crate::context::Context;
use crate::copies;
use crate::error::GpuError;

/// Granularity of copies, and of the zeros that follow a tensor's last byte.
const COPY_GRANULARITY: u64 = 16;
/// Turns of an idle loop between two looks at the device, about a microsecond.
const PAUSES: usize = 32;

/// A device buffer that the host fills for one call.
pub(crate) struct Upload {
    buffer: PooledBuffer,
    /// What the host writes where it can't map the buffer itself.
    staging: Option<PooledBuffer>,
    bytes: u64,
}

impl Upload {
    /// Takes what filling a buffer of `pool` with `bytes` bytes needs.
    pub fn new(pools: &Pools, pool: &Arc<Pool>, bytes: u64) -> Result<Self, GpuError> {
        let staging = if pools.mapped_storage { None } else { Some(pools.take(&pools.upload, bytes)?) };
        Ok(Self { buffer: pools.take(pool, bytes)?, staging, bytes })
    }

    /// Whether a copy to the device has to be recorded.
    pub fn is_staged(&self) -> bool {
        self.staging.is_some()
    }

    /// Where the bytes are once the recorded copy has run.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// Records the copy to the device, if there is one to make.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        if let Some(staging) = &self.staging
            && self.bytes > 0
        {
            encoder.copy_buffer_to_buffer(staging, 0, &self.buffer, 0, padded(self.bytes));
        }
    }

    fn mappable(&mut self) -> &mut PooledBuffer {
        self.staging.as_mut().unwrap_or(&mut self.buffer)
    }
}

/// Fills uploads with host memory, each as long as its upload, and up to 15 zeros after it.
pub(crate) fn write<'a>(
    context: &Context,
    uploads: impl IntoIterator<Item = (&'a mut Upload, &'a [u8])>,
) -> Result<(), GpuError> {
    let mut uploads: Vec<_> = uploads.into_iter().filter(|(upload, _)| upload.bytes > 0).collect();
    let targets = uploads.iter_mut().map(|(upload, _)| {
        let bytes = upload.bytes;
        (upload.mappable(), bytes)
    });
    Mappings::request(context, wgpu::MapMode::Write, targets)?.finish(context)?;
    let mut views = Vec::with_capacity(uploads.len());
    for (upload, _) in &mut uploads {
        let bytes = padded(upload.bytes);
        views.push(upload.mappable().get_mapped_range_mut(..bytes).map_err(map_refused)?);
    }
    let mut copies = Vec::with_capacity(uploads.len());
    for (view, (_, data)) in views.iter_mut().zip(&uploads) {
        let (head, mut tail) = view.slice(..).split_at(data.len());
        tail.fill(0);
        copies.push((head, *data));
    }
    copies::to_mapped(copies);
    drop(views);
    uploads.iter_mut().for_each(|(upload, _)| upload.mappable().unmap());
    Ok(())
}

/// A device buffer that the host reads after a call.
pub(crate) struct Download {
    buffer: PooledBuffer,
    /// What the host reads where it can't map the buffer itself.
    staging: Option<PooledBuffer>,
    bytes: u64,
}

impl Download {
    /// Takes what reading `bytes` bytes from a buffer of the outputs' pool needs.
    pub fn new(pools: &Pools, bytes: u64) -> Result<Self, GpuError> {
        let staging = if pools.mapped_storage { None } else { Some(pools.take(&pools.download, bytes)?) };
        Ok(Self { buffer: pools.take(&pools.outputs, bytes)?, staging, bytes })
    }

    /// Where kernels put the bytes.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// Records the copy from the device, if there is one to make.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        if let Some(staging) = &self.staging
            && self.bytes > 0
        {
            encoder.copy_buffer_to_buffer(&self.buffer, 0, staging, 0, padded(self.bytes));
        }
    }

    fn mappable(&mut self) -> &mut PooledBuffer {
        self.staging.as_mut().unwrap_or(&mut self.buffer)
    }
}

/// Waits for a submission, for up to `spins` without sleep, then copies downloads to host memory, each as long as its download.
/// Gives the moment when the device was done.
pub(crate) fn read<'a>(
    context: &Context,
    submission: wgpu::SubmissionIndex,
    downloads: impl IntoIterator<Item = (&'a mut Download, &'a mut [u8])>,
    spins: Duration,
) -> Result<Instant, GpuError> {
    let mut downloads: Vec<_> = downloads.into_iter().filter(|(download, _)| download.bytes > 0).collect();
    let sources = downloads.iter_mut().map(|(download, _)| {
        let bytes = download.bytes;
        (download.mappable(), bytes)
    });
    let mut mappings = Mappings::request(context, wgpu::MapMode::Read, sources)?;
    // Requests are granted once the submission is done; where there are none they tell nothing.
    if mappings.pending == 0 || !mappings.granted_within(context, spins)? {
        context.wait(submission)?;
        mappings.finish(context)?;
    }
    let done = Instant::now();
    let mut views = Vec::with_capacity(downloads.len());
    for (download, _) in &mut downloads {
        let bytes = padded(download.bytes);
        views.push(download.mappable().get_mapped_range(..bytes).map_err(map_refused)?);
    }
    let copies = downloads.iter_mut().zip(&views).map(|((_, data), view)| {
        let length = data.len();
        (&mut **data, &view[..length])
    });
    copies::from_mapped(copies.collect());
    drop(views);
    downloads.iter_mut().for_each(|(download, _)| download.mappable().unmap());
    Ok(done)
}

/// Requests to map buffers, and their outcomes.
struct Mappings {
    outcomes: Receiver<Result<(), wgpu::BufferAsyncError>>,
    pending: usize,
}

impl Mappings {
    /// Asks for the first bytes of each buffer.
    fn request<'a>(
        context: &Context,
        mode: wgpu::MapMode,
        buffers: impl Iterator<Item = (&'a mut PooledBuffer, u64)>,
    ) -> Result<Self, GpuError> {
        let (outcome, outcomes) = channel();
        let mut pending = 0;
        context.scoped(
            || "map buffers".into(),
            || {
                for (buffer, bytes) in buffers {
                    let outcome = outcome.clone();
                    // The receiver is gone only where the call has failed already.
                    buffer.map(mode, padded(bytes), move |result| drop(outcome.send(result)));
                    pending += 1;
                }
            },
        )?;
        Ok(Self { outcomes, pending })
    }

    /// Asks for up to `limit`, without sleep, whether all requests are granted, and says whether they are.
    fn granted_within(&mut self, context: &Context, limit: Duration) -> Result<bool, GpuError> {
        let begin = Instant::now();
        while self.pending > 0 && begin.elapsed() < limit {
            self.hear(context, Duration::ZERO)?;
            // Other threads want the device's locks too.
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
        }
        Ok(self.pending == 0)
    }

    /// Blocks until all requests are granted. The buffers' GPU work, if any, should be done.
    fn finish(mut self, context: &Context) -> Result<(), GpuError> {
        // The callbacks run inside a poll: mostly in this one, but another thread's may have picked them up.
        let mut patience = Duration::ZERO;
        while self.pending > 0 {
            if !self.hear(context, patience)? {
                patience = Duration::from_micros(200);
            }
        }
        Ok(())
    }

    /// Polls, then hears one outcome, if it comes within `patience`, and says whether one did.
    fn hear(&mut self, context: &Context, patience: Duration) -> Result<bool, GpuError> {
        context.poll_callbacks()?;
        match self.outcomes.recv_timeout(patience) {
            Ok(Ok(())) => {
                self.pending -= 1;
                Ok(true)
            }
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                let message = "the request was not granted".into();
                Err(context.unless_lost(GpuError::Refused { operation: "map buffers".into(), message }))
            }
        }
    }
}

pub(crate) fn map_refused(error: wgpu::MapRangeError) -> GpuError {
    GpuError::Refused { operation: "map a buffer".into(), message: error.to_string() }
}

fn padded(bytes: u64) -> u64 {
    // Pooled buffers are at least this long.
    bytes.next_multiple_of(COPY_GRANULARITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::tests::gpu;

    /// Host to device to host, both ways of moving bytes and of waiting, for sizes around the copy granularity.
    #[test]
    fn bytes_survive_the_round_trip() {
        let gpu = gpu();
        let context = &gpu.context;
        for mapped_storage in [false, true] {
            if mapped_storage && !gpu.pools.mapped_storage {
                eprintln!("skipped: {} can't map its storage", gpu.describe());
                continue;
            }
            let pools = Pools::new(Arc::clone(context), gpu.caps().max_buffer_size, mapped_storage);
            let mut previous = Vec::new();
            let lengths = [0_usize, 1, 4, 6, 15, 16, 17, 100_003];
            for (length, spins) in lengths.into_iter().flat_map(|l| [(l, Duration::ZERO), (l, Duration::from_secs(5))])
            {
                let data: Vec<u8> = (0..length).map(|i| (i * 7 + length + spins.as_secs() as usize) as u8).collect();
                let mut upload = Upload::new(&pools, &pools.inputs, length as u64).unwrap();
                let mut download = Download::new(&pools, length as u64).unwrap();
                write(context, [(&mut upload, data.as_slice())]).unwrap();

                let mut encoder = context.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
                upload.record(&mut encoder);
                if length > 0 {
                    let size = padded(length as u64);
                    encoder.copy_buffer_to_buffer(upload.buffer(), 0, download.buffer(), 0, size);
                }
                download.record(&mut encoder);
                let submission = context.submit(encoder.finish()).unwrap();

                let mut back = vec![0xAA; length];
                read(context, submission, [(&mut download, back.as_mut_slice())], spins).unwrap();
                assert_eq!(back, data, "{length} bytes, mapped storage {mapped_storage}");
                assert!(length == 0 || back != previous);
                previous = back;
            }
        }
    }

    /// Without a wait of any other kind.
    #[test]
    fn a_thread_that_asks_hears_when_the_device_is_done() {
        let gpu = gpu();
        let context = &gpu.context;
        let pools = Pools::new(Arc::clone(context), gpu.caps().max_buffer_size, false);
        let mut download = Download::new(&pools, 64).unwrap();
        let mut encoder = context.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        download.record(&mut encoder);
        context.submit(encoder.finish()).unwrap();
        let mut mappings =
            Mappings::request(context, wgpu::MapMode::Read, [(download.mappable(), 64)].into_iter()).unwrap();
        assert!(!mappings.granted_within(context, Duration::ZERO).unwrap(), "it does not even look");
        assert!(mappings.granted_within(context, Duration::from_secs(60)).unwrap());
        download.mappable().unmap();
    }
}
