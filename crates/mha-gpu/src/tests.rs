//! Whole calls on a real device. Whether attention is right for every problem is tested above this crate; here it is
//! about devices, transfers, errors and threads, on problems whose answer is plain to see.

use std::sync::Arc;
use std::time::Duration;

use mha_plan::{DeviceKind, Plan, PlanOptions, Presents, Tensor};
use mha_spec::{AdapterChoice, AttentionProblem, DType, Layout, PaddingMask, Past, PresentOutputs, ProjectionBias};

use crate::buffers::Pool;
use crate::transfer::OVERLAPPED;
use crate::{Gpu, GpuError, GpuSettings, Source, Timestamps, list_adapters};

#[cfg(not(target_vendor = "apple"))]
pub(crate) mod matrices;
mod times;

const HEADS: usize = 2;
const HEAD_SIZE: usize = 8;
const WIDTH: usize = HEADS * HEAD_SIZE;
/// Keys that are large enough for copies of their own ahead of the call, on a device that stages them.
const LARGE: usize = 140_000;
const _: () = assert!(LARGE * WIDTH * size_of::<f32>() >= OVERLAPPED);

fn open(settings: GpuSettings) -> Arc<Gpu> {
    Gpu::open(&AdapterChoice::Auto, &settings).expect("the tests need a Vulkan, Metal or Direct3D 12 driver")
}

/// An input in host memory.
fn host((tensor, data): (Tensor, &[u8])) -> (Tensor, Source<'_>) {
    (tensor, Source::Host(data))
}

fn problem(q_len: u32, kv_len: u32) -> AttentionProblem {
    AttentionProblem {
        dtype: DType::F32,
        layout: Layout::Plain,
        batch: 1,
        num_heads: HEADS as u32,
        q_len,
        kv_len,
        head_size: HEAD_SIZE as u32,
        v_head_size: HEAD_SIZE as u32,
        past: Past::None,
        beam_width: None,
        projection_bias: ProjectionBias::None,
        padding_mask: PaddingMask::None,
        attention_bias: None,
        causal: false,
        scale: 1.0,
        mask_filter_value: -10_000.0,
        present: PresentOutputs::default(),
        qk: None,
    }
}

fn plan(gpu: &Gpu, q_len: u32, kv_len: u32) -> Plan {
    mha_plan::plan(&problem(q_len, kv_len), gpu.caps(), &PlanOptions::default()).expect("every device can run this")
}

/// Values that differ in every row and column.
fn values(kv_len: usize, seed: usize) -> Vec<f32> {
    (0..kv_len * WIDTH).map(|i| (i * 31 % 257 + seed) as f32).collect()
}

/// Attention of zero queries: every output row is the mean of the values.
fn mean_of_values(q_len: usize, values: &[f32]) -> Vec<f32> {
    let rows = values.len() / WIDTH;
    // In float64, as a sum of so many has more digits than float32.
    let sum = |column: usize| values.iter().skip(column).step_by(WIDTH).copied().map(f64::from).sum::<f64>();
    let mean = |column: usize| (sum(column) / rows as f64) as f32;
    (0..q_len).flat_map(|_| (0..WIDTH).map(mean)).collect()
}

/// Runs attention of zero queries and checks every element.
fn check_mean(gpu: &Gpu, q_len: usize, kv_len: usize, seed: usize) -> Result<(), GpuError> {
    let key = values(kv_len, 3);
    check_mean_of(gpu, q_len, Source::Host(bytemuck::cast_slice(&key)), &values(kv_len, seed))
}

/// The same of given keys, which may be on the device, and values.
fn check_mean_of(gpu: &Gpu, q_len: usize, key: Source<'_>, value: &[f32]) -> Result<(), GpuError> {
    let plan = plan(gpu, q_len as u32, (value.len() / WIDTH) as u32);
    let query = vec![0_f32; q_len * WIDTH];
    let mut output = vec![f32::NAN; q_len * WIDTH];
    let [query, value_bytes] = [&query, value].map(|data| Source::Host(bytemuck::cast_slice(data)));
    let inputs = [(Tensor::Query, query), (Tensor::Key, key), (Tensor::Value, value_bytes)];
    let report = gpu.run(&plan, &inputs, &mut [(Tensor::Output, bytemuck::cast_slice_mut(&mut output))])?;
    assert_eq!(report.steps.len(), if gpu.settings().timestamps == Timestamps::Steps { plan.steps.len() } else { 0 });

    assert_mean(&output, q_len, value);
    Ok(())
}

fn assert_mean(output: &[f32], q_len: usize, values: &[f32]) {
    for (index, (got, expected)) in output.iter().zip(mean_of_values(q_len, values)).enumerate() {
        assert!((got - expected).abs() <= expected.abs() * 1e-5, "element {index}: {got}, expected {expected}");
    }
}

#[test]
fn a_call_gives_the_answer_through_mapped_and_through_staged_memory() {
    for staged_transfers in [false, true] {
        for checks in [false, true] {
            let gpu = open(GpuSettings { staged_transfers, checks, ..GpuSettings::default() });
            assert!(!(staged_transfers && gpu.pools.mapped_storage));
            for (q_len, kv_len) in [(1, 1), (3, 5), (70, 130)] {
                check_mean(&gpu, q_len, kv_len, 7).unwrap();
            }
        }
    }
}

#[test]
fn threads_share_a_device() {
    let gpu = open(GpuSettings::default());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let gpu = &gpu;
            scope.spawn(move || {
                for call in 0..10 {
                    check_mean(gpu, 1 + thread, 3 + 2 * call, thread * 100 + call).unwrap();
                }
            });
        }
    });
}

#[test]
fn a_warm_call_allocates_no_buffer() {
    for staged_transfers in [false, true] {
        // Settings of its own give it pools of its own.
        let gpu = open(GpuSettings { staged_transfers, max_workgroups: Some(65_001), ..GpuSettings::default() });
        let pools = &gpu.pools;
        let [staging, scratch] = [[&pools.upload, &pools.download], [&pools.scratch, &pools.exchange]];
        let tensors = [&pools.inputs, &pools.outputs, &pools.params];
        let buffers = || {
            let all = tensors.into_iter().chain(staging).chain(scratch);
            let mut buffers: Vec<_> = all.flat_map(|pool| pool.idle_buffers()).collect();
            buffers.sort();
            buffers
        };
        // A tile of rows, rows whose keys are split and merged by a dispatch, and one whose keys are by its workgroups.
        let mut lengths = vec![(20, 33), (130, 3000), (1, 1000)];
        if !pools.mapped_storage {
            lengths.push((2, LARGE));
        }
        let kept = gpu.keep(bytemuck::cast_slice(&values(33, 3))).unwrap();
        let calls = |seed| {
            lengths.iter().for_each(|&(q_len, kv_len)| check_mean(&gpu, q_len, kv_len, seed).unwrap());
            check_mean_of(&gpu, 20, Source::Device(&kept), &values(33, seed)).unwrap();
        };
        calls(1);
        let warm = buffers();
        for seed in 2..6 {
            calls(seed);
            assert_eq!(buffers(), warm, "staged {staged_transfers}");
        }
        let count = |pools: [&Arc<Pool>; 2]| pools.map(|pool| pool.idle_buffers().len());
        assert_eq!(count(staging).map(|n| n > 0), [!pools.mapped_storage; 2], "staged {staged_transfers}");
        let [partial, exchanged] = count(scratch).map(|n| n > 0);
        assert!(partial, "a dispatch merges results");
        // On Metal a dispatch merges these, too.
        assert_eq!(exchanged, gpu.caps().backend != "metal", "workgroups merge their own");
        gpu.release_idle_memory().unwrap();
        assert!(buffers().is_empty());
        check_mean(&gpu, 20, 33, 6).unwrap();
    }
}

#[test]
fn what_is_no_kernel_is_compiled_or_refused() {
    let gpu = open(GpuSettings::default());
    let source = "override SIZE: u32; @compute @workgroup_size(SIZE) fn main() {}";
    gpu.try_compile(source, "main", &[("SIZE", 32.0)]).unwrap();
    for (source, constants) in [(source, vec![]), ("fn main() -> bool {}", vec![("SIZE", 32.0)])] {
        let refused = gpu.try_compile(source, "main", &constants).unwrap_err();
        assert!(matches!(refused, GpuError::Refused { .. }), "{refused}");
    }
    // Nor does it harm what comes after.
    check_mean(&gpu, 3, 5, 1).unwrap();
}

#[test]
fn a_resident_input_is_not_uploaded_again() {
    for staged_transfers in [false, true] {
        let gpu = open(GpuSettings { staged_transfers, ..GpuSettings::default() });
        let plan = plan(&gpu, 3, 5);
        let query = [0_u8; 4 * 3 * WIDTH];
        let key = values(5, 3);
        let value = values(5, 11);
        let kept = [&key, &value].map(|data| gpu.keep(bytemuck::cast_slice(data)).unwrap());
        let expected = mean_of_values(3, &value);
        for _ in 0..3 {
            let mut output = vec![f32::NAN; 3 * WIDTH];
            let inputs = [
                (Tensor::Query, Source::Host(&query)),
                (Tensor::Key, (&kept[0]).into()),
                (Tensor::Value, (&kept[1]).into()),
            ];
            let outputs = &mut [(Tensor::Output, bytemuck::cast_slice_mut(&mut output))];
            assert_eq!(gpu.run(&plan, &inputs, outputs).unwrap().uploaded, query.len() as u64);
            assert!(output.iter().zip(&expected).all(|(got, wanted)| (got - wanted).abs() <= wanted.abs() * 1e-5));
        }

        let elsewhere = open(GpuSettings { staged_transfers, max_workgroups: Some(65_003), ..GpuSettings::default() });
        let mut output = [0_u8; 4 * 3 * WIDTH];
        let inputs = [
            (Tensor::Query, Source::Host(&query)),
            (Tensor::Key, (&kept[0]).into()),
            (Tensor::Value, (&kept[1]).into()),
        ];
        let refused = elsewhere.run(&plan, &inputs, &mut [(Tensor::Output, &mut output)]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "a resident tensor must lie on the device that runs the plan, got one of another device for Key"
        );
    }
}

#[test]
fn large_tensors_go_ahead_of_the_call() {
    let gpu = open(GpuSettings { staged_transfers: true, ..GpuSettings::default() });
    check_mean(&gpu, 2, LARGE, 9).unwrap();
}

/// A past of three keys and two new ones.
#[test]
fn the_host_copies_presents_and_nothing_is_downloaded_for_them() {
    let gpu = open(GpuSettings::default());
    let (before, new) = (3, 2);
    let with_past = AttentionProblem {
        past: Past::Growing { len: before as u32 },
        present: PresentOutputs { key: true, value: true },
        ..problem(1, new as u32)
    };
    let options = PlanOptions { presents: Presents::Host, ..PlanOptions::default() };
    let plan = mha_plan::plan(&with_past, gpu.caps(), &options).unwrap();
    assert_eq!(
        plan.copied.iter().map(|copied| copied.tensor).collect::<Vec<_>>(),
        [Tensor::PresentKey, Tensor::PresentValue]
    );
    let inputs = [
        (Tensor::Query, vec![0_f32; WIDTH]),
        (Tensor::Key, values(new, 1)),
        (Tensor::Value, values(new, 2)),
        (Tensor::PastKey, values(before, 3)),
        (Tensor::PastValue, values(before, 4)),
    ];
    let inputs = inputs.each_ref().map(|(tensor, data)| (*tensor, bytemuck::cast_slice(data.as_slice())));
    let mut outputs = [(Tensor::Output, 1), (Tensor::PresentKey, before + new), (Tensor::PresentValue, before + new)]
        .map(|(tensor, rows)| (tensor, vec![f32::NAN; rows * WIDTH]));
    let mut run = |inputs: &[(Tensor, Source<'_>)]| {
        let slices = outputs.iter_mut().map(|(tensor, data)| (*tensor, bytemuck::cast_slice_mut(data)));
        gpu.run(&plan, inputs, &mut slices.collect::<Vec<_>>())
    };

    let report = run(&inputs.map(host)).unwrap();
    assert_eq!(report.downloaded, 4 * WIDTH as u64);
    assert!(report.host.copying > Duration::ZERO && report.host.copying <= report.host.wait);
    // Rows of one head are next to each other in past and present, those of one token in new ones.
    let expected = |past: &[f32], new: &[f32]| -> Vec<f32> {
        let head = |n: usize| {
            let new = new.chunks(WIDTH).flat_map(move |row| &row[n * HEAD_SIZE..(n + 1) * HEAD_SIZE]);
            past[n * before * HEAD_SIZE..(n + 1) * before * HEAD_SIZE].iter().chain(new).copied()
        };
        (0..HEADS).flat_map(head).collect()
    };
    for (output, past, seed) in [(1, 3, 1), (2, 4, 2)] {
        assert_eq!(outputs[output].1, expected(&values(before, past), &values(new, seed)));
    }

    let mut run = |inputs: &[(Tensor, Source<'_>)], count: usize| {
        let slices = outputs.iter_mut().take(count).map(|(tensor, data)| (*tensor, bytemuck::cast_slice_mut(data)));
        let answered = gpu.run(&plan, inputs, &mut slices.collect::<Vec<_>>());
        answered.map_or_else(|error| error.to_string(), |_| "answered".into())
    };
    let mut resident = inputs.map(host);
    let kept = gpu.keep(inputs[1].1).unwrap();
    resident[1].1 = Source::Device(&kept);
    assert_eq!(run(&resident, 3), "the host copies only what is in its memory, got one on the device for Key");
    assert_eq!(run(&inputs.map(host), 2), "answered", "the other is there already");
    assert_eq!(run(&inputs.map(host), 0), "every tensor of the plan must be given, got none for Output");
    let mut short = inputs.map(host);
    short[3].1 = Source::Host(&inputs[3].1[1..]);
    let message =
        "an input must be at least as long as the plan says, got 191 bytes where the plan reads 192 for PastKey";
    assert_eq!(run(&short, 3), message);
    let staged = gpu.stage(&plan, &inputs).err().unwrap().to_string();
    let rule = "tensors stay on a device only for plans that leave nothing to the host";
    assert_eq!(staged, format!("{rule}, got one that the host copies for PresentKey"));
}

#[test]
fn no_keys_give_zeros() {
    let gpu = open(GpuSettings::default());
    let plan = plan(&gpu, 4, 0);
    assert_eq!(plan.zero_filled, [Tensor::Output]);
    let mut output = vec![f32::NAN; 4 * WIDTH];
    let query = [1_u8; 4 * 4 * WIDTH];
    let inputs = [(Tensor::Query, query.as_slice()), (Tensor::Key, &[]), (Tensor::Value, &[])].map(host);
    gpu.run(&plan, &inputs, &mut [(Tensor::Output, bytemuck::cast_slice_mut(&mut output))]).unwrap();
    assert!(output.iter().all(|&element| element == 0.0));
}

#[test]
fn tensors_that_are_not_the_plans_are_refused() {
    let gpu = open(GpuSettings::default());
    let plan = plan(&gpu, 2, 2);
    let bytes = [0_u8; 4 * 2 * WIDTH];
    let short = &bytes[..bytes.len() - 1];
    let run = |inputs: &[(Tensor, &[u8])], outputs: &[(Tensor, usize)]| {
        let mut buffers: Vec<_> = outputs.iter().map(|&(tensor, length)| (tensor, vec![0_u8; length])).collect();
        let mut outputs: Vec<_> = buffers.iter_mut().map(|(tensor, data)| (*tensor, data.as_mut_slice())).collect();
        let inputs: Vec<_> = inputs.iter().copied().map(host).collect();
        gpu.run(&plan, &inputs, &mut outputs).map(drop).map_err(|error| error.to_string())
    };
    let inputs = [(Tensor::Query, bytes.as_slice()), (Tensor::Key, &bytes), (Tensor::Value, &bytes)];
    let output = (Tensor::Output, bytes.len());
    assert_eq!(run(&inputs, &[output]), Ok(()));

    let refused = |result: Result<(), String>, expected: &str| assert_eq!(result.unwrap_err(), expected);
    refused(run(&inputs[..2], &[output]), "every tensor of the plan must be given, got none for Value");
    refused(run(&inputs, &[]), "every tensor of the plan must be given, got none for Output");
    refused(run(&inputs, &[output, output]), "a tensor must be given once, got a second one for Output");
    refused(run(&inputs, &[output, (Tensor::Qk, 4)]), "only outputs of the plan may be asked for, got 4 bytes for Qk");
    refused(
        run(&[inputs[0], inputs[1], (Tensor::Value, short)], &[output]),
        "an input must be at least as long as the plan says, got 127 bytes where the plan reads 128 for Value",
    );
    refused(
        run(&inputs, &[(Tensor::Output, bytes.len() + 4)]),
        "an output must be as long as the plan says, got 132 bytes where the plan writes 128 for Output",
    );
}

#[test]
fn a_plan_that_the_device_cannot_run_is_an_error_and_harms_nothing() {
    let gpu = open(GpuSettings::default());
    let good = plan(&gpu, 2, 2);
    let run = |plan: &Plan| {
        let bytes = [0_u8; 4 * 2 * WIDTH];
        let mut output = bytes;
        let inputs = [(Tensor::Query, bytes.as_slice()), (Tensor::Key, &bytes), (Tensor::Value, &bytes)].map(host);
        gpu.run(plan, &inputs, &mut [(Tensor::Output, &mut output)])
    };

    let mut plan = good.clone();
    plan.steps[0].grid = [gpu.caps().max_workgroups + 1, 1, 1];
    assert!(matches!(run(&plan), Err(GpuError::Refused { .. })));

    let mut plan = good.clone();
    plan.steps[0].bindings[0].offset = 1 << 40;
    assert!(matches!(run(&plan), Err(GpuError::Refused { .. })));

    let mut plan = good.clone();
    plan.steps[0].bindings[0].tensor = Tensor::PastKey;
    assert!(matches!(run(&plan), Err(GpuError::Plan { .. })));

    let mut plan = good.clone();
    plan.steps[0].blueprint.constants.clear();
    assert!(matches!(run(&plan), Err(GpuError::Shader { .. })));

    let mut plan = good.clone();
    plan.scratch.push(u64::MAX);
    assert!(matches!(run(&plan), Err(GpuError::BufferTooLarge { .. })));

    assert!(run(&good).is_ok());
    assert!(!gpu.is_lost());
}

/// What workgroups exchange is found as zeros by the next call, whoever makes it.
#[test]
fn exchanged_words_are_zeros_again() {
    let gpu = open(GpuSettings { max_workgroups: Some(65_009), ..GpuSettings::default() });
    let problem = problem(1, 700);
    let rows = mha_plan::profile::parse(mha_plan::profile::TABLES.iter().find(|(name, _)| *name == "short").unwrap().1);
    // Of the lane's rows, the first whose groups of lanes are a part of this device's subgroups.
    let plan = rows.unwrap().into_iter().filter(|row| row.dtype == DType::F32).find_map(|row| {
        let row = mha_plan::profile::TuningRow { splits: Some(2), ..row };
        let options = PlanOptions { lane: Some(mha_plan::Lane::Short), row: Some(row), ..PlanOptions::default() };
        mha_plan::plan(&problem, gpu.caps(), &options).ok()
    });
    let Some(plan) = plan.filter(|plan| plan.exchange > 0) else {
        assert!(gpu.caps().min_subgroup_size < 4 || gpu.caps().backend == "metal");
        return;
    };
    let (query, key, value) = (vec![0_f32; WIDTH], values(700, 3), values(700, 1));
    let mut output = vec![f32::NAN; WIDTH];
    let inputs = [(Tensor::Query, &query), (Tensor::Key, &key), (Tensor::Value, &value)];
    let inputs = inputs.map(|(tensor, data)| (tensor, Source::Host(bytemuck::cast_slice(data.as_slice()))));
    gpu.run(&plan, &inputs, &mut [(Tensor::Output, bytemuck::cast_slice_mut(&mut output))]).unwrap();
    for (got, expected) in output.iter().zip(mean_of_values(1, &value)) {
        assert!((got - expected).abs() <= expected.abs() * 1e-5, "{got}, expected {expected}");
    }
    let buffers = gpu.pools.exchange.idle_buffers();
    assert_eq!(buffers.len(), 1);
    let (device, queue) = (&gpu.context.device, &gpu.context.queue);
    let copy = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: buffers[0].size(),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encoder.copy_buffer_to_buffer(&buffers[0], 0, &copy, 0, copy.size());
    queue.submit([encoder.finish()]);
    copy.map_async(wgpu::MapMode::Read, .., |result| result.unwrap());
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let bytes = copy.get_mapped_range(..).unwrap();
    assert!(bytes.len() as u64 >= plan.exchange && bytes.iter().all(|byte| *byte == 0));
}

/// A software device takes memory from the host, which promises any amount of it: there the test runs itself again in
/// a process of bounded size.
#[test]
fn running_out_of_memory_is_an_error_and_harms_nothing() {
    const IN_BOUNDS: &str = "MHA_GPU_TEST_IN_BOUNDED_MEMORY";
    const NAME: &str = "tests::running_out_of_memory_is_an_error_and_harms_nothing";
    const KIB: u64 = 10 << 20;

    let gpu = open(GpuSettings { max_workgroups: Some(65_002), ..GpuSettings::default() });
    if gpu.caps().kind == DeviceKind::Software && std::env::var_os(IN_BOUNDS).is_none() {
        if !cfg!(unix) {
            eprintln!("skipped: no way to bound the memory of {}", gpu.describe());
            return;
        }
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("ulimit -v {KIB} && exec \"$0\" --exact {NAME} --nocapture")])
            .arg(std::env::current_exe().unwrap())
            .env(IN_BOUNDS, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{output:?}");
        return;
    }

    let mut plan = plan(&gpu, 2, 2);
    plan.scratch = vec![gpu.caps().max_buffer_size & !0xffff; 255];
    let bytes = [0_u8; 4 * 2 * WIDTH];
    let mut output = bytes;
    let inputs = [(Tensor::Query, bytes.as_slice()), (Tensor::Key, &bytes), (Tensor::Value, &bytes)].map(host);
    let result = gpu.run(&plan, &inputs, &mut [(Tensor::Output, &mut output)]);
    assert!(matches!(result, Err(GpuError::OutOfMemory { .. })), "{result:?}");
    assert!(gpu.pools.scratch.idle_buffers().is_empty());
    check_mean(&gpu, 5, 7, 1).unwrap();
    assert!(!gpu.is_lost());
}

#[test]
fn the_process_has_one_device_for_an_adapter_and_settings() {
    let settings = GpuSettings { checks: true, ..GpuSettings::default() };
    let first = Gpu::open(&AdapterChoice::Auto, &settings).unwrap();
    assert!(Arc::ptr_eq(&first, &Gpu::open(&AdapterChoice::Auto, &settings).unwrap()));
    let index = list_adapters().iter().position(|adapter| first.describe() == adapter.to_string()).unwrap();
    assert!(Arc::ptr_eq(&first, &Gpu::open(&AdapterChoice::Index(index), &settings).unwrap()));
    let other = Gpu::open(&AdapterChoice::Auto, &GpuSettings { max_workgroups: Some(7), ..settings }).unwrap();
    assert!(!Arc::ptr_eq(&first, &other));
    assert_eq!(other.caps().max_workgroups, 7);
}

#[test]
fn lowered_limits_are_the_devices_limits() {
    let gpu = open(GpuSettings { max_binding_size: Some(4096), max_workgroups: Some(3), ..GpuSettings::default() });
    assert_eq!((gpu.caps().max_binding_size, gpu.caps().max_workgroups), (4096, 3));
    check_mean(&gpu, 40, 70, 5).unwrap();
}

#[test]
fn a_choice_that_fits_no_adapter_lists_them_all() {
    let adapters = list_adapters();
    let error = Gpu::open(&AdapterChoice::Name("no such".into()), &GpuSettings::default()).unwrap_err();
    assert_eq!(error.adapters.len(), adapters.len());
    let message = error.to_string();
    assert!(message.starts_with("no usable graphics adapter whose name contains \"no such\": [0]"), "{message}");
    for adapter in &adapters {
        assert!(message.contains(&format!("{adapter}: its name does not contain \"no such\"")), "{message}");
    }
    let error = Gpu::open(&AdapterChoice::Index(99), &GpuSettings::default()).unwrap_err();
    assert!(error.to_string().starts_with("no usable graphics adapter with index 99: [0]"), "{error}");
}

#[test]
fn a_lost_device_says_so_and_is_replaced() {
    let settings = GpuSettings { max_workgroups: Some(65_003), ..GpuSettings::default() };
    let gpu = open(settings.clone());
    check_mean(&gpu, 3, 3, 1).unwrap();
    gpu.context.device.destroy();
    for _ in 0..2 {
        let error = check_mean(&gpu, 3, 3, 1).unwrap_err();
        assert!(matches!(error, GpuError::DeviceLost { .. }), "{error}");
        assert!(gpu.is_lost());
    }
    let replacement = open(settings);
    assert!(!Arc::ptr_eq(&gpu, &replacement));
    check_mean(&replacement, 3, 3, 1).unwrap();
}

#[test]
fn a_device_lost_under_its_users_fails_their_calls_without_a_panic() {
    let gpu = open(GpuSettings { max_workgroups: Some(65_004), ..GpuSettings::default() });
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let error = (0..100_000).find_map(|seed| check_mean(&gpu, 9, 9, seed).err());
                assert!(matches!(error, Some(GpuError::DeviceLost { .. })), "{error:?}");
            });
        }
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            gpu.context.device.destroy();
        });
    });
    assert!(gpu.is_lost());
}

#[test]
fn compiled_pipelines_outlive_the_device_where_the_backend_can() {
    let directory = tempfile::tempdir().unwrap();
    let files = || -> Vec<_> {
        let files = std::fs::read_dir(directory.path()).unwrap();
        files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    };
    // Each time another device, as a later process would have.
    let call = |max_workgroups| {
        let pipeline_cache = Some(directory.path().into());
        let settings = GpuSettings { pipeline_cache, max_workgroups: Some(max_workgroups), ..GpuSettings::default() };
        let gpu = open(settings);
        check_mean(&gpu, 3, 5, 1).unwrap();
        gpu
    };
    let gpu = call(65_005);
    if !gpu.context.device.features().contains(wgpu::Features::PIPELINE_CACHE) {
        eprintln!("skipped: {} keeps no pipelines", gpu.describe());
        return;
    }
    assert_eq!(files().len(), 1);
    call(65_006);
    assert_eq!(files().len(), 1);

    let path = std::fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&path, b"nothing that this program wrote").unwrap();
    call(65_007);
    assert!(files()[0].starts_with(b"ORTWGPU"), "a damaged file is replaced");

    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    call(65_008);
}

#[test]
fn kernels_are_prepared_ahead() {
    let gpu = open(GpuSettings::default());
    let plan = plan(&gpu, 2, 2);
    gpu.prepare(plan.steps.iter().map(|step| &step.blueprint)).unwrap();
    let broken = |constant| {
        let mut broken = plan.steps[0].blueprint.clone();
        broken.constants.push((constant, 1));
        broken
    };
    let refused =
        |blueprints: &[&mha_plan::Blueprint]| gpu.prepare(blueprints.iter().copied()).unwrap_err().to_string();
    let [first, second] = ["NO_SUCH_CONSTANT", "NOR_THIS"].map(broken);
    let error = refused(&[&first]);
    assert!(error.contains(first.kernel.info().name) && error.contains("NO_SUCH_CONSTANT"), "{error}");
    let whole = &plan.steps[0].blueprint;
    assert_eq!(refused(&[whole, &first, &second]), error, "the first error, whichever thread meets it");
    assert!(refused(&[&second, whole, &first]).contains("NOR_THIS"));
}
