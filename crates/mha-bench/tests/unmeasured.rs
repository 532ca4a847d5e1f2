//! Contract: before anything is measured, path `auto` runs on a software device exactly what `baseline` runs, on every shape that the
//! benchmark has and on the random ones that nothing was tuned on: it can be no slower there. On a GPU it takes matrices for enough of them
//! to be worth measuring.

use mha_bench::{Shape, random};
use mha_plan::{DeviceCaps, PlanOptions, devices, plan};
use mha_spec::{DType, PathChoice};

/// The problems on which `auto` plans something else than `baseline`.
fn others(caps: &DeviceCaps) -> Vec<String> {
    let shapes =
        [Shape::built_in().expect("shapes of the program are valid"), Shape::sweep(), random::shapes(50, 1)].concat();
    assert!(shapes.len() > 60, "{} shapes", shapes.len());
    let mut others = Vec::new();
    for shape in shapes {
        for dtype in [DType::F32, DType::F16] {
            let steps = |path| {
                let options = PlanOptions { path, ..PlanOptions::default() };
                plan(&shape.problem(dtype), caps, &options).expect("every path answers every shape").steps
            };
            if steps(PathChoice::Auto) != steps(PathChoice::Baseline) {
                others.push(format!("{} {}", shape.name, dtype.name()));
            }
        }
    }
    others
}

#[test]
fn auto_is_baseline_on_software_devices() {
    for caps in [devices::lavapipe(), devices::lavapipe_with_matrices()] {
        assert_eq!(others(&caps), [""; 0], "on {}", caps.name);
    }
}

#[test]
fn auto_is_more_than_baseline_on_an_h100() {
    let others = others(&devices::h100());
    for of_matrices in ["lightonocr-4k f16", "random-22 f32", "sweep-16384 f16"] {
        assert!(others.iter().any(|name| name == of_matrices), "{of_matrices}: {others:?}");
    }
}
