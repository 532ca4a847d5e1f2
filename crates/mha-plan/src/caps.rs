//! [`DeviceCaps`]: the facts about a device that planning depends on, as plain data.

/// A cooperative-matrix shape that the adapter lists: C(m,n) += A(m,k) · B(k,n).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CoopMatrix {
    /// Rows of A and C.
    pub m: u32,
    /// Columns of B and C.
    pub n: u32,
    /// Columns of A, rows of B.
    pub k: u32,
    /// A and B are float16 (else float32).
    pub f16_operands: bool,
    /// C is float16 (else float32).
    pub f16_accumulator: bool,
}

impl CoopMatrix {
    /// What every lane on matrices takes: square, float16 with float32 sums.
    pub const fn square(side: u32) -> CoopMatrix {
        CoopMatrix { m: side, n: side, k: side, f16_operands: true, f16_accumulator: false }
    }
}

/// What kind of device an adapter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the host's memory.
    Integrated,
    /// A virtual GPU.
    Virtual,
    /// A software implementation.
    Software,
    /// Not known.
    Other,
}

/// Facts about one device, read once. Sizes in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceCaps {
    /// Adapter name, such as "Apple M4 Max".
    pub name: String,
    /// Graphics API, such as "vulkan".
    pub backend: String,
    /// PCI vendor, 0 where there is none.
    pub vendor: u32,
    /// Kind of device.
    pub kind: DeviceKind,
    /// Kernels may use f16 storage and arithmetic.
    pub f16: bool,
    /// Kernels may use subgroup operations.
    pub subgroups: bool,
    /// Smallest subgroup size the device may pick (1 where it has no subgroups).
    pub min_subgroup_size: u32,
    /// Largest subgroup size the device may pick.
    pub max_subgroup_size: u32,
    /// Cooperative-matrix shapes, empty where there are none.
    pub coop_matrices: Vec<CoopMatrix>,
    /// Sides of those square ones, of float16 with float32 sums, whose elements kernels may go through: element i of an invocation's part
    /// of a sum stands where element i of its part of a left operand does.
    pub element_sides: Vec<u32>,
    /// Largest storage binding.
    pub max_binding_size: u64,
    /// Largest buffer.
    pub max_buffer_size: u64,
    /// Storage buffers a kernel may bind.
    pub max_storage_buffers: u32,
    /// Alignment of storage binding offsets.
    pub storage_offset_alignment: u32,
    /// Workgroup memory of one workgroup.
    pub max_workgroup_memory: u32,
    /// Lanes of one workgroup.
    pub max_workgroup_size: u32,
    /// Workgroups in each dimension of a dispatch.
    pub max_workgroups: u32,
    /// Turns of all loops after which the driver ends an invocation, silently; None where it never does.
    pub max_loop_turns: Option<u32>,
}

impl DeviceCaps {
    /// The same device as if elements of its cooperative matrices could not be reached.
    pub fn without_elements(&self) -> DeviceCaps {
        DeviceCaps { element_sides: Vec::new(), ..self.clone() }
    }

    /// The same device as if it listed no cooperative matrices.
    pub fn without_matrices(&self) -> DeviceCaps {
        DeviceCaps { coop_matrices: Vec::new(), element_sides: Vec::new(), ..self.clone() }
    }
}
