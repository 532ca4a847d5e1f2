//! [`Runtime`]: the ONNX Runtime of a process, and [`Session`]: a model in it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mha_spec::PathChoice;
use mha_spec::options::PREFIX;
use ort::environment::{Environment, GlobalThreadPoolOptions};
use ort::logging::LogLevel;
use ort::session::builder::AutoDevicePolicy;
use ort::session::{Session as OrtSession, SessionInputValue};
use ort::value::DynValue;

use super::trace::{NodeTimes, attention_nodes};
use super::{HostError, Library, Port, Tensor};
use crate::sys::{NoRuntime, open_runtime};

/// The ONNX Runtime of this process, with one pool of threads for all sessions: pools of their own would have idle sessions
/// spin beside the one that runs.
pub struct Runtime {
    environment: Environment,
    version: String,
}

/// The library in a session, all of whose MultiHeadAttention nodes it must run on a GPU.
#[derive(Clone)]
pub struct LibraryUse<'a> {
    /// Which build.
    pub library: &'a Library,
    /// Which kernels.
    pub path: PathChoice,
    /// Which GPU: a value of the session option `adapter`.
    pub adapter: &'a str,
}

impl Runtime {
    /// Opens the runtime in `file`. `threads` is how many compute within a node; none leaves that to the runtime.
    ///
    /// # Errors
    /// The file is no runtime, an older one than the library needs, or the second one of this process.
    pub fn open(file: &Path, threads: Option<usize>) -> Result<Runtime, HostError> {
        let version = open_runtime(file).map_err(|why| {
            let file = file.to_owned();
            match why {
                NoRuntime::Unopened(why) => HostError::Unopened { file, why },
                NoRuntime::Foreign => HostError::Foreign { file },
                NoRuntime::TooOld(version) => HostError::TooOld { file, version },
                NoRuntime::Second => HostError::Second { file },
            }
        })?;
        let mut pool = GlobalThreadPoolOptions::default();
        if let Some(threads) = threads {
            pool = pool.with_intra_threads(threads)?;
        }
        let environment = ort::init()
            .with_name("webgpu-attention")
            .with_telemetry(false)
            .with_global_thread_pool(pool)
            // What goes wrong comes back as an error too, and a program's standard error is its own.
            .with_logger(Arc::new(|_, _: &str, _: &str, _: &str, _: &str| ()))
            .build()?;
        Ok(Runtime { environment, version })
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Loads a model on CPU kernels, with the library's where one is given. `profile` is where the session's profile goes,
    /// the beginning of a file name.
    ///
    /// # Errors
    /// The runtime can't load the model, or the library can't run its nodes.
    pub fn session(
        &self,
        model: &Path,
        library: Option<&LibraryUse<'_>>,
        profile: Option<&Path>,
    ) -> Result<Session, HostError> {
        let log = Log::default();
        // The library tells at INFO which nodes it takes over; while runs are timed only its warnings are of interest.
        let level = if profile.is_some() { LogLevel::Info } else { LogLevel::Warning };
        let mut builder = OrtSession::builder(&self.environment)?
            .with_auto_device(AutoDevicePolicy::PreferCPU)?
            .with_log_level(level)?
            .with_logger(log.logger())?;
        if let Some(LibraryUse { library, path, adapter }) = library {
            builder = builder
                .with_operator_library(library.file())?
                .with_config_entry(format!("{PREFIX}path"), path.name())?
                .with_config_entry(format!("{PREFIX}adapter"), adapter)?
                .with_config_entry(format!("{PREFIX}fallback"), "error")?;
        }
        if let Some(prefix) = profile {
            builder = builder.with_profiling(prefix)?;
        }
        Ok(Session { inner: builder.commit_from_file(model)?, log })
    }
}

/// What the library said in a session.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(LogLevel, String)>>>);

/// How the library's lines begin in ONNX Runtime's log.
const LINE: &str = "ort-webgpu-attention: ";

impl Log {
    fn logger(&self) -> ort::logging::LoggerFunction {
        let lines = Arc::clone(&self.0);
        Arc::new(move |level, _: &str, _: &str, _: &str, message: &str| {
            if let Some(text) = message.strip_prefix(LINE) {
                lines.lock().unwrap_or_else(PoisonError::into_inner).push((level, text.to_owned()));
            }
        })
    }

    fn lines(&self) -> Vec<(LogLevel, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Inputs of a model, by name.
pub struct Feeds(Vec<(String, DynValue)>);

impl Feeds {
    /// Hands tensors to the process's runtime.
    ///
    /// # Errors
    /// A tensor has more or fewer elements than its shape says.
    pub fn new(_runtime: &Runtime, tensors: impl IntoIterator<Item = (String, Tensor)>) -> Result<Feeds, HostError> {
        let value = |(name, tensor): (String, Tensor)| Ok((name, tensor.into_value()?));
        tensors.into_iter().map(value).collect::<Result<_, _>>().map(Feeds)
    }

    fn views(&self) -> Vec<(&str, SessionInputValue<'_>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.into())).collect()
    }
}

/// Outputs of a run, by name.
pub type Outputs = Vec<(String, Tensor)>;

/// A model that is ready to run.
pub struct Session {
    inner: OrtSession,
    log: Log,
}

impl Session {
    /// The inputs that the model declares, in order.
    pub fn inputs(&self) -> Vec<Port> {
        self.inner.inputs().iter().map(|input| Port::of(input.name(), input.dtype())).collect()
    }

    /// The outputs that it declares.
    pub fn outputs(&self) -> Vec<Port> {
        self.inner.outputs().iter().map(|output| Port::of(output.name(), output.dtype())).collect()
    }

    /// Runs the model and gives its outputs.
    ///
    /// # Errors
    /// The runtime's or the library's, or an output that is no [`Tensor`].
    pub fn run(&mut self, feeds: &Feeds) -> Result<Outputs, HostError> {
        let outputs = self.inner.run(feeds.views())?;
        outputs.iter().map(|(name, value)| Ok((name.to_owned(), Tensor::from_value(name, &value)?))).collect()
    }

    /// Runs the model and gives the time that this took.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn time(&mut self, feeds: &Feeds) -> Result<Duration, HostError> {
        let views = feeds.views();
        let begin = Instant::now();
        let outputs = self.inner.run(views)?;
        let elapsed = begin.elapsed();
        drop(outputs);
        Ok(elapsed)
    }

    /// How many nodes the library took over when the session was created. Only sessions with a profile know.
    pub fn taken_over(&self) -> usize {
        let taken =
            |(_, text): &(LogLevel, String)| text.contains("MultiHeadAttention node ") && text.contains(" runs path ");
        self.log.lines().iter().filter(|line| taken(line)).count()
    }

    /// What the library warned of.
    pub fn warnings(&self) -> Vec<String> {
        let loud = self.log.lines().into_iter().filter(|(level, _)| *level >= LogLevel::Warning);
        loud.map(|(_, text)| text).collect()
    }

    /// Ends the session's profile and gives the times of its MultiHeadAttention nodes.
    ///
    /// # Errors
    /// The profile can't be read.
    pub fn end_profile(&mut self) -> Result<Vec<NodeTimes>, HostError> {
        let file = PathBuf::from(self.inner.end_profiling()?);
        let profile = std::fs::read_to_string(&file).map_err(|error| HostError::Profile(error.to_string()))?;
        attention_nodes(&profile)
    }
}
