//! Contract: each lane on cooperative matrices answers what it accepts as every other lane does: any head size, any mask,
//! any length, and scores of any size, though its weights are float16 and it bets that scores do not grow.

mod common;

use std::process::ExitCode;
use std::sync::Arc;

use common::{DTYPES, Failures, ON_MATRICES, check, lane, run, test};
use mha_gpu::{Gpu, GpuSettings};
use mha_plan::profile::{FRAGMENT, MATRIX};
use mha_plan::{DeviceKind, Lane, PlanOptions};
use mha_spec::{AttentionBias, AttentionProblem, DType, PaddingMask, Past};
use mha_testkit::case::float_values;
use mha_testkit::shapes::{HEAD_SIZES, LENGTHS};
use mha_testkit::{Case, Expected, plain};

/// Random problems, some of which the lane refuses. A software device compiles for each kind of them for seconds, and takes
/// some of them, unless `ORT_WEBGPU_ATTENTION_SEEDS=N` asks for N.
const SEEDS: u64 = 256;
const STEP_OF_SOFTWARE: usize = 21;

/// (head_size, v_head_size) pairs that no single size covers.
const PAIRS: [(u32, u32); 8] = [(8, 20), (16, 5), (1, 64), (64, 1), (40, 128), (128, 40), (72, 65), (33, 34)];

/// A contract in one type.
type Contract = fn(&Gpu, Lane, DType) -> Result<(), String>;

fn main() -> ExitCode {
    let contracts: [(&str, Contract); 12] = [
        ("vouched_for", vouched_for),
        ("every_row", every_row),
        ("head_sizes", head_sizes),
        ("lengths", lengths),
        ("large_scores", large_scores),
        ("growing_scores", growing_scores),
        ("outgrown_scores", outgrown_scores),
        ("padded_scores", padded_scores),
        ("low_parts", low_parts),
        ("out_of_range", out_of_range),
        ("key_splits", key_splits),
        ("random", random),
    ];
    let mut tests = Vec::new();
    for (name, run) in contracts {
        for (dtype, (on, needs)) in DTYPES.into_iter().flat_map(|dtype| ON_MATRICES.map(|lane| (dtype, lane))) {
            let name = format!("{}_{name}_{}", on.name(), dtype.name());
            tests.push(test(name, dtype, move |gpu: &Arc<Gpu>| run(gpu, on, dtype)).needing(needs));
        }
    }
    // Float16 has no parts.
    for (on, needs) in ON_MATRICES {
        let name = format!("{}_equal_scores_f32", on.name());
        tests.push(test(name, DType::F32, move |gpu: &Arc<Gpu>| equal_scores(gpu, on)).needing(needs));
    }
    common::main(GpuSettings::default(), tests)
}

/// Checks those of some problems that the lane accepts, which must be most.
fn check_all(gpu: &Gpu, on: Lane, cases: impl IntoIterator<Item = Case>) -> Result<(), String> {
    let mut failures = Failures::default();
    let (mut accepted, mut refused) = (0, Vec::new());
    for case in cases {
        match mha_plan::plan(&case.problem, gpu.caps(), &lane(on)) {
            Ok(_) => {
                accepted += 1;
                failures.take(check(gpu, &case, &lane(on)));
            }
            Err(refusal) => refused.push(refusal.to_string()),
        }
    }
    failures.done()?;
    if refused.len() > accepted { Err(format!("most are refused: {}", refused.join("; "))) } else { Ok(()) }
}

/// What the library asks of a device before it leaves an answer to matrices.
fn vouched_for(gpu: &Gpu, on: Lane, dtype: DType) -> Result<(), String> {
    let problem = AttentionProblem { dtype, ..plain(1, 2, 300, 300, 64) };
    let plan = mha_plan::plan(&problem, gpu.caps(), &lane(on)).map_err(|refusal| refusal.to_string())?;
    if gpu.vouches_for(&plan) { Ok(()) } else { Err("the device does not agree with lane wide".to_owned()) }
}

/// Tuning rows of the device's matrices, of which small problems leave some out: rows that end within a workgroup's, keys
/// within a tile, growing scores, and in float32 a number beyond float16 among the values.
fn every_row(gpu: &Gpu, on: Lane, dtype: DType) -> Result<(), String> {
    let mut failures = Failures::default();
    let mut accepted = 0;
    let table = if on == Lane::Fragment { &FRAGMENT } else { &MATRIX };
    for row in table.rows.iter().filter(|row| row.dtype == dtype) {
        let options = PlanOptions { row: Some(row.clone()), ..lane(on) };
        let bare = AttentionProblem { dtype, ..plain(1, 2, 150, 141, row.max_head_size) };
        let Ok(plan) = mha_plan::plan(&bare, gpu.caps(), &options) else { continue };
        if !gpu.vouches_for(&plan) {
            failures.take(Err(format!("the device does not agree with lane wide on {row:?}")));
        }
        accepted += 1;
        let causal = AttentionProblem { causal: true, past: Past::Growing { len: 21 }, ..bare.clone() };
        let mut growing = Case::new(bare.clone(), 2);
        for (t, key) in growing.inputs.key.chunks_mut(row.max_head_size as usize).enumerate() {
            key.iter_mut().for_each(|x| *x *= f64::from(1u32 << (t % 141 / 20)));
        }
        let mut beyond = Case::new(AttentionProblem { scale: 1e-6, ..bare.clone() }, 3);
        beyond.inputs.value[7] = if dtype == DType::F32 { 1e6 } else { 60_000.0 };
        for case in [Case::new(bare, 0), Case::new(causal, 1), growing, beyond] {
            failures.take(check(gpu, &case, &options));
        }
    }
    failures.done()?;
    if accepted == 0 { Err("the device takes no row".to_owned()) } else { Ok(()) }
}

fn head_sizes(gpu: &Gpu, on: Lane, dtype: DType) -> Result<(), String> {
    let square = HEAD_SIZES.into_iter().map(|size| (size, size));
    let problems = square.chain(PAIRS).flat_map(|(head_size, v_head_size)| {
        let bare = AttentionProblem { dtype, v_head_size, ..plain(1, 2, 35, 41, head_size) };
        let past = Past::Growing { len: 21 };
        [bare.clone(), AttentionProblem { past, causal: true, ..bare }]
    });
    check_all(gpu, on, problems.enumerate().map(|(seed, problem)| Case::new(problem, seed as u64)))
}

fn lengths(gpu: &Gpu, on: Lane, dtype: DType) -> Result<(), String> {
    let problems = LENGTHS.into_iter().zip(LENGTHS.into_iter().rev()).flat_map(|(q_len, kv_len)| {
        let bare = AttentionProblem { dtype, ..plain(2, 1, q_len, kv_len, 64) };
        [bare.clone(), AttentionProblem { causal: q_len > 1, ..bare }]
    });
    check_all(gpu, on, problems.enumerate().map(|(seed, problem)| Case::new(problem, seed as u64)))
}

/// Scores of standard deviation 9 and 40 among hundreds of keys: a row's first keys are far from its largest.
fn large_scores(gpu: &Gpu, on: Lane, dtype: DType) -> Result<(), String> {
    let problems = [8, 40, 64, 128].into_iter().flat_map(|head_size| {
        [9.0, 40.0].map(|deviation| AttentionProblem {
            dtype,
            scale: deviation / (head_size as f32).sqrt(),
            ..plain(1, 2, 70, 500, head_size)
        })
    });
    check_all(gpu, on, problems.enumerate().map(|(seed, problem)| Case::new(problem, seed as u64)))
}

/// Keys that grow from first to last, so that almost every tile has larger scores than all before.
fn growing_scores(gpu: &Gpu, on: Lane, dtype: DType) -> Result<(), String> {
    let cases = [(64, false), (128, true), (16, true)].into_iter().map(|(head_size, causal)| {
        let scale = 20.0 / (head_size as f32).sqrt();
        let problem = AttentionProblem { dtype, causal, scale, ..plain(1, 1, 300, 300, head_size) };
        let mut case = Case::new(problem, 1);
        for (t, key) in case.inputs.key.chunks_mut(head_size as usize).enumerate() {
            // Powers of two keep values of the type.
            let grow = f64::from(1u32 << (t / 50)) / 32.0;
            key.iter_mut().for_each(|x| *x *= grow);
        }
        case
    });
    check_all(gpu, on, cases)
}

/// One key whose score is far above those of many others, which are equal: what each of their weights loses beside the largest adds up.
fn outgrown_scores(gpu: &Gpu, on: Lane, dtype: DType) -> Result<(), String> {
    const OUTGROWS: usize = 100;
    let cases = [(16, -5.5, 8.0), (16, 0.0, 9.0), (64, 0.0, 8.0)].into_iter().map(|(head_size, first, most)| {
        let problem = AttentionProblem { dtype, scale: 1.0, ..plain(1, 1, 40, 1200, head_size) };
        let mut case = Case::new(problem, 0);
        let columns = head_size as usize;
        for values in [&mut case.inputs.query, &mut case.inputs.key] {
            values.fill(0.0);
        }
        case.inputs.query.iter_mut().step_by(columns).for_each(|x| *x = 1.0);
        case.inputs.key.iter_mut().step_by(columns).take(32).for_each(|x| *x = first);
        case.inputs.key[OUTGROWS * columns] = most;
        case.inputs.value.fill(1.0);
        case.inputs.value[OUTGROWS * columns..][..columns].fill(0.0);
        case
    });
    // As far above a first tile as weights can hold, in units of log2, and of e where a bias is added.
    let nearly = [(None, 6.8125), (Some(AttentionBias { batch: 1, heads: 1, batch_divisor: 1 }), 6.875)];
    let cases = cases.chain(nearly.into_iter().map(|(attention_bias, most)| {
        let problem = AttentionProblem { dtype, scale: 1.0, attention_bias, ..plain(1, 1, 40, 1200, 16) };
        let mut case = Case::new(problem, 0);
        case.inputs.query.fill(1.0);
        case.inputs.key.fill(0.0);
        case.inputs.key[OUTGROWS * 16] = most;
        case.inputs.attention_bias.fill(0.0);
        case
    }));
    check_all(gpu, on, cases)
}

/// Rows that see so few keys that every bit of their values shows: causal ones, whose first copies a value, and rows of few keys in all.
/// Scores are equal and keys a power of two, so that only a sum of values is rounded, to half a digit of the largest, and parts to 2^-29.
fn equal_scores(gpu: &Gpu, on: Lane) -> Result<(), String> {
    const HEADS: usize = 4;
    const COLUMNS: usize = 16;
    let mut failures = Failures::default();
    // Few keys in all take a kernel of their own, which a software device compiles for long, through the same code.
    let few = if gpu.caps().kind == DeviceKind::Software { 0 } else { 2 };
    for (causal, q_len, kv_len) in [(true, 40, 40), (false, 3, 1), (false, 3, 4)].into_iter().take(1 + few) {
        let problem = AttentionProblem { causal, ..plain(1, HEADS as u32, q_len, kv_len, COLUMNS as u32) };
        let mut case = Case::new(problem, u64::from(kv_len));
        case.inputs.query.fill(0.0);
        let expected = Expected::of(&case);
        let plan = mha_plan::plan(&case.problem, gpu.caps(), &lane(on)).map_err(|refusal| refusal.to_string())?;
        let outputs = run(gpu, &case, &plan, &expected)?;
        let got = float_values(&outputs[0].1, DType::F32);
        for (i, (want, got)) in expected.output().iter().zip(got).enumerate() {
            let (row, column) = (i / (HEADS * COLUMNS), i % (HEADS * COLUMNS));
            let keys = if causal { row + 1 } else { kv_len as usize };
            if keys > 8 || !keys.is_power_of_two() {
                continue;
            }
            let values = case.inputs.value.iter().skip(column).step_by(HEADS * COLUMNS).take(keys);
            let largest = values.fold(0.0_f64, |largest, x| largest.max(x.abs()));
            let allowed = largest * 2_f64.powi(-24) + 2_f64.powi(-29);
            failures.take(match (got - want).abs() <= allowed {
                true => Ok(()),
                false => {
                    Err(format!("{keys} of {kv_len} keys, column {column}: got {got:e}, want {want:e} ± {allowed:e}"))
                }
            });
        }
    }
    failures.done()
}

/// Rows that see nothing but keys whose score is the mask value, -1e30, beside which float32 keeps nothing of a score: all keys by
/// attention_bias, which float16 does not hold, all of a batch row, and the one key that the first row sees where the others are
/// hidden from it.
fn padded_scores(gpu: &Gpu, on: Lane, dtype: DType) -> Result<(), String> {
    const PADDED: f32 = -1e30;
    let bare = AttentionProblem { dtype, mask_filter_value: PADDED, ..plain(2, 2, 40, 70, 16) };
    let lengths = AttentionProblem { padding_mask: PaddingMask::KeyLengths, ..bare.clone() };
    let mut padded = Case::new(lengths, 1);
    padded.inputs.padding_mask = vec![0, 50];
    let causal = AttentionProblem { padding_mask: PaddingMask::Keys, causal: true, ..bare.clone() };
    let mut first = Case::new(causal, 2);
    first.inputs.padding_mask = (0..140).map(|key| i32::from(key % 70 != 0)).collect();
    let mut cases = vec![padded, first];
    if dtype == DType::F32 {
        let bias = AttentionBias { batch: 1, heads: 1, batch_divisor: 1 };
        let mut biased = Case::new(AttentionProblem { attention_bias: Some(bias), ..bare }, 3);
        biased.inputs.attention_bias[3 * 70..5 * 70].fill(f64::from(PADDED));
        cases.push(biased);
    }
    check_all(gpu, on, cases)
}

/// Products of numbers whose last bits float16 does not hold, beside others of which it holds one operand whole: a product in parts is
/// left without that of its low ones, which must be small. Scores are near 64, where 2^-20 of one would be 6e-5, and half of that shows.
fn low_parts(gpu: &Gpu, on: Lane, dtype: DType) -> Result<(), String> {
    const LARGE_LOW: f64 = 1.0 + 1.0 / 1024.0 - 1.0 / 8_388_608.0;
    let cases = [16, 64].into_iter().map(|head_size| {
        let problem = AttentionProblem { dtype, scale: 64.0, ..plain(1, 1, 40, 140, head_size) };
        let mut case = Case::new(problem, 0);
        let set = |values: &mut [f64], first: fn(usize) -> f64| {
            values.fill(0.0);
            values.iter_mut().step_by(head_size as usize).enumerate().for_each(|(t, x)| *x = first(t));
        };
        set(&mut case.inputs.query, |_| LARGE_LOW);
        set(&mut case.inputs.key, |t| if t % 2 == 0 { LARGE_LOW } else { 1.0 });
        set(&mut case.inputs.value, |t| if t % 2 == 0 { 1.0 } else { -1.0 });
        case
    });
    check_all(gpu, on, cases)
}

/// A number in a query, a key or a value that float16 does not hold, and values far below what it holds.
fn out_of_range(gpu: &Gpu, on: Lane, dtype: DType) -> Result<(), String> {
    let most = if dtype == DType::F32 { 1e6 } else { 60_000.0 };
    let cases = [40, 64].into_iter().flat_map(|head_size| (0..6).map(move |seed| (head_size, seed))).map(
        |(head_size, seed)| {
            let bare = plain(1, 2, 40, 90, head_size);
            let problem = AttentionProblem { dtype, causal: seed % 2 == 0, scale: 1e-6, ..bare };
            let mut case = Case::new(problem, seed);
            match seed {
                0 => case.inputs.query[77] = most,
                1 => case.inputs.key[5000] = -most,
                2 => case.inputs.value[7000] = most,
                3 => case.inputs.key.iter_mut().step_by(3).for_each(|x| *x = most),
                _ => case.inputs.value.iter_mut().for_each(|x| *x /= 1024.0),
            }
            case
        },
    );
    check_all(gpu, on, cases)
}

/// Few rows and many keys, which the planner splits where a device is large.
fn key_splits(gpu: &Gpu, on: Lane, dtype: DType) -> Result<(), String> {
    let shapes = [(1, 17, 3000, 64), (2, 33, 1025, 40), (1, 50, 700, 128)];
    let cases = shapes.into_iter().map(|(batch, q_len, kv_len, head_size)| {
        let mut case =
            Case::new(AttentionProblem { dtype, ..plain(batch, 1, q_len, kv_len, head_size) }, u64::from(q_len));
        // In float32 one range has a number that its operands don't hold, and is answered without matrices.
        if dtype == DType::F32 {
            case.inputs.value[5] = 1e5;
        }
        case
    });
    check_all(gpu, on, cases)
}

fn random(gpu: &Gpu, on: Lane, dtype: DType) -> Result<(), String> {
    let asked = std::env::var("ORT_WEBGPU_ATTENTION_SEEDS").ok().map(|text| text.parse::<u64>());
    let asked = asked.transpose().map_err(|error| format!("ORT_WEBGPU_ATTENTION_SEEDS must be a number: {error}"))?;
    let step = match (asked, gpu.caps().kind) {
        (None, DeviceKind::Software) => STEP_OF_SOFTWARE,
        _ => 1,
    };
    check_all(gpu, on, (0..asked.unwrap_or(SEEDS)).step_by(step).map(|seed| Case::random(seed, dtype)))
}
