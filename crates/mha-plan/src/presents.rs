//! Present outputs as copies: past rows, and new ones unless they get a bias, are what they were.

use mha_spec::{AttentionProblem, ProjectionBias};

use crate::plan::{Copied, CopiedRows, Tensor};
use crate::views::{View, Views, tensor_bytes};

/// How present_key or present_value is copied from inputs; none where it has new bytes, or no bytes.
pub(crate) fn copied(problem: &AttentionProblem, tensor: Tensor) -> Option<Copied> {
    let views = Views::new(problem);
    let (new, past, columns) = match tensor {
        Tensor::PresentKey => (views.key(), Tensor::PastKey, problem.head_size),
        _ => (views.value(), Tensor::PastValue, problem.v_head_size),
    };
    let bytes = tensor_bytes(problem, tensor);
    if problem.projection_bias == ProjectionBias::QueryKeyValue || bytes == 0 {
        return None;
    }
    let rows = |view: View, skipped: u32, count: u32| CopiedRows {
        tensor: view.tensor,
        tensor_bytes: tensor_bytes(problem, view.tensor),
        count,
        first: (view.base + u64::from(skipped) * view.row) * view.element,
        batch: view.batch * view.element,
        head: view.head * view.element,
        row: view.row * view.element,
    };
    let past = views.past_to_copy(past, u64::from(columns));
    let (before, after) = (problem.past_len(), problem.total_len());
    // A buffer that is shared goes on after the new rows.
    let left = problem.past_capacity().saturating_sub(after);
    let parts = [rows(past, 0, before), rows(new, 0, problem.kv_len), rows(past, after, left)];
    Some(Copied {
        tensor,
        bytes,
        batch: problem.batch,
        heads: problem.num_heads,
        row_bytes: u64::from(columns) * problem.dtype.size(),
        parts: parts.into_iter().filter(|part| part.count > 0).collect(),
    })
}
