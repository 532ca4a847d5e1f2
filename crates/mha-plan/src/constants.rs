//! The override constants of kernels: what of a problem and a device is compiled into a pipeline.

use mha_kernels::{KernelId, padding_mask};
use mha_spec::{AttentionProblem, PaddingMask, ProjectionBias};

use crate::blueprint::Blueprint;
use crate::caps::{DeviceCaps, DeviceKind};
use crate::refusal::Refusal;
use crate::select::Choice;

/// Lanes of a workgroup of the kernels around attention.
pub(crate) const COPY_WORKGROUP: u32 = 64;

/// What a dispatch of an attention kernel covers of a row's keys.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts {
    /// A range of them, to be merged with others.
    pub partial: bool,
    /// Ranges that the last of their workgroups merges.
    pub merges: bool,
    /// Those that one beam holds.
    pub one_beam: bool,
}

fn mask_value(problem: &AttentionProblem) -> u32 {
    match problem.padding_mask {
        PaddingMask::None => padding_mask::NONE,
        PaddingMask::KeyLengths => padding_mask::KEY_LENGTHS,
        PaddingMask::Keys | PaddingMask::QueryKeys => padding_mask::POSITIVE,
        PaddingMask::BeamKeys => padding_mask::NONZERO,
    }
}

/// Whether leaving out keys that causality hides from a whole tile changes nothing: their weight must be exactly 0.
/// A bias may hold anything, and a mask value near LOWEST makes padded and future keys alike.
fn causal_skip(problem: &AttentionProblem) -> bool {
    let p = problem;
    let tame_mask = p.padding_mask == PaddingMask::None || p.mask_filter_value > -1e30;
    p.causal && p.attention_bias.is_none() && tame_mask
}

/// Whether workgroups with more keys than others start first, so that none of them runs when the others are done. A software device
/// gives each thread workgroups that follow each other, so that one thread would have all the long ones.
fn longest_first(problem: &AttentionProblem, caps: &DeviceCaps) -> bool {
    causal_skip(problem) && caps.kind != DeviceKind::Software
}

fn log2_scores(problem: &AttentionProblem) -> bool {
    problem.padding_mask == PaddingMask::None && problem.attention_bias.is_none()
}

/// The blueprint of a kernel for a problem on a device: for a lane as it was chosen, or around attention.
pub(crate) fn blueprint(
    problem: &AttentionProblem,
    caps: &DeviceCaps,
    kernel: KernelId,
    choice: Option<&Choice>,
    parts: Parts,
) -> Result<Blueprint, Refusal> {
    let p = problem;
    let constants = kernel.info().overrides.iter().map(|&name| {
        let value = match name {
            "WORKGROUP_SIZE" => choice.map_or(COPY_WORKGROUP, |c| c.workgroup_size),
            // Where splits are merged, their number decides.
            "PARTS" => 1,
            "KEY_TILE" => choice.and_then(|c| c.row.as_ref()).map_or(0, |row| row.key_tile),
            "PAST" => u32::from(p.past_len() > 0),
            "KV_BIAS" => u32::from(p.projection_bias == ProjectionBias::QueryKeyValue),
            "QUERY_BIAS" => u32::from(p.projection_bias != ProjectionBias::None),
            "CAUSAL" => u32::from(p.causal),
            "CAUSAL_SKIP" => u32::from(causal_skip(p)),
            "LONGEST_FIRST" => u32::from(longest_first(p, caps)),
            "LANE_STEP" => choice.and_then(|c| c.row.as_ref()).map_or(1, |row| row.lane_step(caps)),
            "PADDING_MASK" => mask_value(p),
            "ATTENTION_BIAS" => u32::from(p.attention_bias.is_some()),
            "BEAMS" => u32::from(p.beam_width.is_some()),
            "ONE_BEAM" => u32::from(parts.one_beam),
            "PARTIAL" => u32::from(parts.partial),
            "MERGES" => u32::from(parts.merges),
            "LOG2_SCORES" => u32::from(log2_scores(p)),
            other => {
                return Err(Refusal::new(format!(
                    "an override has a meaning to the planner, got `{other}` in {kernel}"
                )));
            }
        };
        Ok((name, value))
    });
    Ok(Blueprint { kernel, constants: constants.collect::<Result<_, _>>()? })
}
