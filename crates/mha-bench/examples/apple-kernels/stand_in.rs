//! Kernels on cooperative matrices without the matrices, for a compiler that has none: each matrix is what one lane of 32
//! holds of it (`stand_in.wgsl`). From them it is to be learned what holding it all takes, and nothing of how matrix
//! instructions are scheduled or how long they take.

use mha_kernels::KernelInfo;

/// Before the name of the kernel that one stands in for.
pub const PREFIX: &str = "stand-in:";

/// Every use of a matrix, and what stands for it.
const REPLACED: [(&str, &str); 14] = [
    ("enable wgpu_cooperative_matrix;\n", ""),
    ("alias LeftMatrix = coop_mat8x8<f16, A>;\n", ""),
    ("alias RightMatrix = coop_mat8x8<f16, B>;\n", ""),
    ("alias SumMatrix = coop_mat8x8<f32, C>;\n", ""),
    ("coopMultiplyAdd(", "stand_in_multiply_add("),
    ("coopLoadT<LeftMatrix>(&weights[", "stand_in_weights("),
    ("coopLoad<RightMatrix>(&keys[", "stand_in_keys("),
    ("coopLoadT<RightMatrix>(&values[", "stand_in_values("),
    ("coopLoadT<SumMatrix>(&scores[", "stand_in_scores("),
    ("coopStoreT(sum, &scores[", "stand_in_put_scores(sum, "),
    ("/ UNIT], ", "/ UNIT, "),
    ("    var place = place_of_lane(", "    take_place(lane);\n    var place = place_of_lane("),
    ("next.rows = with_totals(", "place = moved(place, t_begin + i * KEY_TILE);\n            next.rows = with_totals("),
    (
        "    var turn: Turn;\n    workgroupBarrier();\n",
        "    var turn: Turn;\n    workgroupBarrier();\n    move_matrices(t0);\n",
    ),
];

/// The WGSL that stands in for a kernel of lane matrix.
pub fn source(kernel: &KernelInfo) -> Result<String, String> {
    let replaced = REPLACED.into_iter().try_fold(kernel.source.to_owned(), |source, (matrix, number)| {
        let found = source.contains(matrix);
        found.then(|| source.replace(matrix, number)).ok_or_else(|| format!("{} has no `{matrix}`", kernel.name))
    })?;
    Ok(replaced + include_str!("stand_in.wgsl"))
}
