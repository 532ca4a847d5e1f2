//! Contract: subjects of one workload are measured in turns, each with its own figures. On the machine's GPU.

use mha_auto::Auto;
use mha_bench::{Effort, Normals, Shape, Subject, Workload, measure};
use mha_gpu::{Gpu, GpuSettings, Timestamps};
use mha_plan::{DeviceKind, Lane, profile};
use mha_spec::{AdapterChoice, DType, PathChoice};

#[test]
fn subjects_take_turns() {
    let settings = GpuSettings { timestamps: Timestamps::Call, ..GpuSettings::default() };
    let gpu = Gpu::open(&AdapterChoice::Auto, &settings).expect("the tests need a device with timestamps");
    let shape = Shape { q_len: 40, kv_len: 24, heads: 2, causal: true, ..Shape::square("small", 1) };
    let workload = Workload::new(&shape, &Normals::new(&shape, 1), DType::F32, 1.0, 40);
    // A row for another type is refused on every device.
    let row = profile::parse("f16 | 64 | 4 | r4s4a2 | 32 | 256").expect("it is a row").remove(0);
    let subjects =
        [Subject::Path(PathChoice::Baseline), Subject::Lane(Lane::Rows, Some(row)), Subject::Lane(Lane::Wide, None)];
    let mut turns = Vec::new();
    let effort = Effort { repeats: 5, calls: 1, rounds: 3 };
    let results = measure(&Auto::of(&gpu, None), &workload, &subjects, &effort, |subject| turns.push(subject.name()))
        .expect("the device answers");

    let there = subjects.each_ref().map(Subject::name);
    let [first, second, third] = there.clone();
    assert_eq!(turns, [there.clone(), [third, second, first], there].concat());
    let [baseline, refused, wide] = &results[..] else { panic!("each subject has a result, got {}", results.len()) };
    assert!(refused.is_err());
    for (row, name, kernel) in [(baseline, "baseline", "rows_f32"), (wide, "lane:wide", "wide_f32")] {
        let row = row.as_ref().expect(name);
        assert_eq!((row.shape.as_str(), row.dtype.as_str(), row.subject.as_str()), ("small", "f32", name));
        assert!(row.decision.starts_with(kernel), "{name}: {}", row.decision);
        assert!(row.largest_error < 1e-5, "{name}: {}", row.largest_error);
        assert!(row.gpu_ms_spread[0] <= row.gpu_ms && row.gpu_ms <= row.gpu_ms_spread[1], "{row:?}");
        assert!(row.gpu_ms > 0.0 && row.call_ms > 0.0, "{row:?}");
        assert_eq!(row.chain_ms.is_some(), gpu.caps().kind != DeviceKind::Software, "{row:?}");
        assert!((row.tflops * row.gpu_ms * 1e9 / shape.flops() - 1.0).abs() < 1e-9, "{row:?}");
    }
}
