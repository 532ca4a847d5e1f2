//! [`Blueprint`]: exactly what a compiled pipeline depends on, and so the key of the pipeline cache.

use mha_kernels::KernelId;

/// A kernel of the catalogue with the values of its override constants. Lengths never appear here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Blueprint {
    /// The kernel.
    pub kernel: KernelId,
    /// Override constants, in the order of the kernel's own list: all of them, each once.
    pub constants: Vec<(&'static str, u32)>,
}
