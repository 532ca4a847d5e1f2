//! Kernels on matrices of 8 x 8 without the matrices, for compilers and drivers that have none.

/// Every use of a matrix in float16 on lane matrix, and what stands for it: functions of the same arguments, which the WGSL that is added to the
/// kernel has to have, as it has to name the three types.
const MATRICES: [(&str, &str); 11] = [
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
];

/// The WGSL of a kernel with each use of a matrix, and `more`, replaced, and `added` behind it.
///
/// # Errors
/// Names what the kernel has none of, so that a changed kernel does not pass for one without matrices.
pub fn with_stand_ins(source: &str, more: &[(&str, &str)], added: &str) -> Result<String, String> {
    let replaced = MATRICES.iter().chain(more).try_fold(source.to_owned(), |source, (matrix, number)| {
        source.contains(matrix).then(|| source.replace(matrix, number)).ok_or_else(|| format!("it has no `{matrix}`"))
    })?;
    Ok(replaced + added)
}
