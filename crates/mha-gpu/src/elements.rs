//! Whether kernels may go through the elements of this device's cooperative matrices. Which of them stands where is the driver's own
//! business; a kernel that makes operands of sums relies on both having theirs in the same places, so that is tried.

use mha_kernels::{AttentionParams, KernelId, Slot};
use mha_plan::{Binding, Blueprint, CoopMatrix, Plan, Step, Tensor};
use mha_spec::DType;

use crate::LOG;
use crate::gpu::Gpu;

/// Sides for which there are kernels.
const SIDES: [u32; 2] = [8, 16];

impl Gpu {
    /// The sides of square matrices, of float16 with float32 sums, whose elements can be relied on.
    pub(crate) fn sides_with_elements(&self) -> Vec<u32> {
        let features = self.context.device.features();
        let caps = self.caps();
        let lanes = caps.min_subgroup_size;
        if !features.contains(wgpu::Features::PASSTHROUGH_SHADERS) || caps.backend != "vulkan" || !caps.f16 {
            return Vec::new();
        }
        let is_listed =
            |side: u32| caps.coop_matrices.contains(&CoopMatrix::square(side)) && caps.max_subgroup_size == lanes;
        let tried =
            SIDES.into_iter().filter(|&side| is_listed(side)).map(|side| (side, self.try_elements(side, lanes)));
        tried
            .filter_map(|(side, verdict)| match verdict {
                Ok(()) => Some(side),
                Err(why) => {
                    tracing::debug!(target: LOG, "elements of {side}x{side} matrices are not used: {why}");
                    None
                }
            })
            .collect()
    }

    /// Has a sum's elements made an operand, in their order, which multiplies the identity.
    fn try_elements(&self, side: u32, lanes: u32) -> Result<(), String> {
        let name = format!("elements_m{side}l{lanes}");
        let kernel = KernelId::named(&name).ok_or_else(|| format!("there is no kernel {name}"))?;
        let bytes = u64::from(side * side * 4);
        let plan = Plan {
            steps: vec![Step {
                blueprint: Blueprint { kernel, constants: vec![] },
                params: AttentionParams::default(),
                grid: [1, 1, 1],
                bindings: vec![Binding { slot: Slot::Output, tensor: Tensor::Output, offset: 0, size: bytes }],
            }],
            scratch: vec![],
            exchange: 0,
            tensors: vec![(Tensor::Output, bytes)],
            zero_filled: vec![],
            copied: vec![],
            decision: "elements of matrices".to_owned(),
            dtype: DType::F32,
        };
        let mut output = vec![0xFF; bytes as usize];
        self.run(&plan, &[], &mut [(Tensor::Output, &mut output)]).map_err(|error| error.to_string())?;
        let found = output.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
        match (0u16..).zip(found).find(|&(number, found)| f32::from(number) != found) {
            None => Ok(()),
            Some((number, found)) => Err(format!("element {number} of a sum became element {found} of an operand")),
        }
    }
}
