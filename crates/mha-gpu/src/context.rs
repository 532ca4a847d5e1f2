//! [`Context`]: wgpu's device and queue, with its error handling turned into results.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use crate::LOG;
use crate::error::GpuError;

/// A device and its queue. Every wgpu call that can fail goes through [`Context::scoped`].
pub(crate) struct Context {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    /// What the driver said when the device was lost.
    lost: Arc<OnceLock<String>>,
}

impl Context {
    pub fn new(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let lost = Arc::new(OnceLock::new());
        let seen = Arc::clone(&lost);
        device.set_device_lost_callback(move |reason, message| {
            let message = if message.is_empty() { format!("{reason:?}") } else { message };
            tracing::error!(target: LOG, "the device was lost: {message}");
            // Only the first loss counts; the callback runs once anyway.
            let _ = seen.set(message);
        });
        // wgpu's own handler panics. What reaches this one has no call to return to; after a loss it is only an echo.
        let seen = Arc::clone(&lost);
        device.on_uncaptured_error(Arc::new(move |error| match seen.get() {
            None => tracing::error!(target: LOG, "{error}"),
            Some(_) => tracing::debug!(target: LOG, "{error}"),
        }));
        Self { device, queue, lost }
    }

    pub fn is_lost(&self) -> bool {
        self.lost.get().is_some()
    }

    /// Runs `body` and turns the errors that wgpu reports meanwhile into a result. `operation` completes "the device
    /// refused to".
    pub fn scoped<T>(&self, operation: impl FnOnce() -> String, body: impl FnOnce() -> T) -> Result<T, GpuError> {
        let (value, error) = self.caught(body);
        let Some(error) = error else {
            return Ok(value);
        };
        Err(self.unless_lost(match error {
            wgpu::Error::OutOfMemory { .. } => GpuError::OutOfMemory { operation: operation() },
            wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
                GpuError::Refused { operation: operation(), message: description }
            }
        }))
    }

    /// Submits commands, and returns what to [`wait`](Self::wait) for.
    pub fn submit(&self, commands: wgpu::CommandBuffer) -> Result<wgpu::SubmissionIndex, GpuError> {
        self.scoped(|| "submit commands".into(), || self.queue.submit([commands]))
    }

    /// Blocks until the GPU has finished a submission. Any number of threads may wait at once.
    pub fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<(), GpuError> {
        self.poll(wgpu::PollType::Wait { submission_index: Some(submission), timeout: None })
    }

    /// Runs the callbacks that are due, without blocking.
    pub fn poll_callbacks(&self) -> Result<(), GpuError> {
        self.poll(wgpu::PollType::Poll)
    }

    fn poll(&self, poll: wgpu::PollType) -> Result<(), GpuError> {
        // wgpu panics where the device is lost during a poll; it holds no lock of its own at that point.
        let polled = catch_unwind(AssertUnwindSafe(|| self.device.poll(poll)));
        match polled {
            Ok(Ok(_)) if !self.is_lost() => Ok(()),
            Ok(Ok(_)) => Err(self.lost_error()),
            Ok(Err(error)) => Err(self
                .unless_lost(GpuError::Refused { operation: "wait for the GPU".into(), message: error.to_string() })),
            Err(_) => {
                let _ = self.lost.set("the driver failed while waiting for the GPU".into());
                Err(self.lost_error())
            }
        }
    }

    /// The error given, or the loss of the device where that is its cause: a lost device makes everything invalid.
    pub fn unless_lost(&self, error: GpuError) -> GpuError {
        if self.is_lost() || !self.is_alive() { self.lost_error() } else { error }
    }

    /// Whether the device still makes objects. wgpu keeps quiet about calls on a lost device and announces the loss to
    /// one thread, in its own time; the others see errors first.
    fn is_alive(&self) -> bool {
        let descriptor = wgpu::BufferDescriptor {
            label: Some("sign of life"),
            size: 16,
            usage: wgpu::BufferUsages::MAP_WRITE,
            mapped_at_creation: true,
        };
        let (buffer, error) = self.caught(|| self.device.create_buffer(&descriptor));
        let alive = error.is_some() || buffer.get_mapped_range_mut(..).is_ok();
        if !alive {
            let _ = self.lost.set("it makes no objects any more".into());
        }
        alive
    }

    fn lost_error(&self) -> GpuError {
        GpuError::DeviceLost { message: self.lost.get().cloned().unwrap_or_default() }
    }

    /// Runs `body` on this thread, and returns the worst error that wgpu reports meanwhile.
    fn caught<T>(&self, body: impl FnOnce() -> T) -> (T, Option<wgpu::Error>) {
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let value = body();
        let errors = [internal, memory, validation].map(|scope| pollster::block_on(scope.pop()));
        (value, errors.into_iter().flatten().next())
    }
}
