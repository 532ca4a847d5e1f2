//! The kernels that Apple GPUs may get, for the figures of `crates/mha-bench/explain`.
//!
//! `apple-kernels` lists them as JSON: each tuning row as the planner uses it for plain attention, and which head sizes get it; and
//! what M1 and M2 get for a few head sizes once more for each feature that is compiled in.
//! `apple-kernels KERNEL NAME=VALUE...` compiles one with these constants on the adapter that the library would take, and runs
//! nothing: for drivers that print what they compile. `stand-in:KERNEL` is a kernel on cooperative matrices without them.

mod stand_in;

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::LazyLock;

use mha_bench::Shape;
use mha_gpu::{Gpu, GpuSettings};
use mha_kernels::KernelId;
use mha_plan::profile::{self, Profile, TuningRow};
use mha_plan::{Blueprint, DeviceCaps, Lane, PlanOptions, devices, plan, workgroup_memory};
use mha_spec::{AdapterChoice, AttentionBias, AttentionProblem, DType, PaddingMask, Past, ProjectionBias};
use serde::Serialize;

/// Head sizes of the kernels of the original report.
const SEED_HEAD_SIZES: [u32; 3] = [40, 64, 128];
/// Head sizes tried are multiples of this, for which kernels read whole vectors.
const WHOLE_VECTORS: u32 = 8;
const LARGEST_TUNED: u32 = 256;
/// Few enough that no plan splits them.
const KEYS: u32 = 4;
/// So many that they can be split.
const MANY_KEYS: u32 = 4096;
/// What is compiled into kernels beside plain attention, each by itself: causality; earlier keys and a bias of new ones, which lane matrix
/// does not take; a mask for each row and an attention_bias; results of key splits; heads of no multiple of 4.
const FEATURES: [&str; 5] = ["causal", "past", "masks", "splits", "scalar"];
const PLAIN: &str = "plain";
/// Head sizes of the rows that are compiled with them: float16 has the last too.
const FEATURED_HEAD_SIZES: [u32; 4] = [40, 64, 80, 128];
/// Lengths that get rows of their own: a decoding step, a few rows, and prefill small and large.
const QUERY_LENGTHS: [u32; 4] = [1, 16, 100, 4096];

/// A kernel with its constants, and where it comes from.
#[derive(Clone, Serialize)]
struct Entry {
    lane: &'static str,
    /// Name of the tuning table; none where a lane has no rows.
    table: Option<&'static str>,
    /// What beside plain attention is compiled in.
    features: &'static str,
    dtype: &'static str,
    max_head_size: u32,
    lanes: u32,
    tile: String,
    key_tile: u32,
    workgroup: u32,
    /// Behind `stand-in:` where it is not the kernel itself.
    kernel: String,
    stand_in: bool,
    constants: BTreeMap<&'static str, u32>,
    /// What the planner counts with; none where it counts with a bound.
    workgroup_memory: Option<u32>,
    needs_matrices: bool,
    /// Smallest and largest head size that gets it where the lane answers, by device.
    head_sizes: BTreeMap<String, [u32; 2]>,
    source: String,
}

fn shape(q_len: u32, head_size: u32) -> Shape {
    Shape { q_len, kv_len: KEYS, head_size, ..Shape::square("plain", q_len) }
}

/// The attention kernel that a lane gives a problem.
fn blueprint(lane: Lane, row: Option<&TuningRow>, problem: &AttentionProblem, caps: &DeviceCaps) -> Option<Blueprint> {
    let options = PlanOptions { lane: Some(lane), row: row.cloned(), ..PlanOptions::default() };
    let plan = plan(problem, caps, &options).ok()?;
    plan.steps.first().map(|step| step.blueprint.clone())
}

/// A problem with one of the features.
fn featured(feature: &str, lane: Lane, plain: AttentionProblem) -> AttentionProblem {
    let bias = if lane.on_matrices() { ProjectionBias::None } else { ProjectionBias::QueryKeyValue };
    match feature {
        "causal" => AttentionProblem { causal: true, ..plain },
        "past" => AttentionProblem { past: Past::Growing { len: KEYS }, projection_bias: bias, ..plain },
        "masks" => AttentionProblem {
            padding_mask: PaddingMask::QueryKeys,
            attention_bias: Some(AttentionBias { batch: 1, heads: 1, batch_divisor: 1 }),
            ..plain
        },
        "splits" => AttentionProblem { kv_len: MANY_KEYS, ..plain },
        _ => AttentionProblem { head_size: plain.head_size - 1, v_head_size: plain.v_head_size - 1, ..plain },
    }
}

/// The same row's kernels with each feature, where M1 gets the row for one of the head sizes.
fn featured_entries(lane: Lane, table: &'static Profile, row: &TuningRow) -> Vec<Entry> {
    let Some(plain) = row_entry(lane, table, row) else { return Vec::new() };
    let Some([least, most]) = plain.head_sizes.get(&devices::m1().name) else { return Vec::new() };
    let asked = if row.dtype == DType::F16 { 128 } else { 80 };
    let of_row = |size: &u32| (*least..=*most).contains(size) && *size <= asked;
    let Some(head_size) = FEATURED_HEAD_SIZES.into_iter().rfind(of_row) else { return Vec::new() };
    let q_len = if lane == Lane::Short { QUERY_LENGTHS[1] } else { QUERY_LENGTHS[2] };
    let entry = |feature: &'static str| {
        let problem = featured(feature, lane, shape(q_len, head_size).problem(row.dtype));
        let row = TuningRow { splits: (feature == "splits").then_some(2), ..row.clone() };
        let blueprint = blueprint(lane, Some(&row), &problem, &devices::m1())?;
        let info = blueprint.kernel.info();
        Some(Entry {
            features: feature,
            kernel: info.name.to_owned(),
            constants: blueprint.constants.iter().copied().collect(),
            workgroup_memory: Some(workgroup_memory(lane, &row, &problem)),
            source: info.source.to_owned(),
            ..plain.clone()
        })
    };
    FEATURES.into_iter().filter_map(entry).collect()
}

/// Which head sizes of a row's range get its blueprint on a device without its being pinned.
fn head_sizes(
    lane: Lane,
    range: &RangeInclusive<u32>,
    wanted: &Blueprint,
    dtype: DType,
    caps: &DeviceCaps,
) -> Option<[u32; 2]> {
    let sizes = (WHOLE_VECTORS..=LARGEST_TUNED).step_by(WHOLE_VECTORS as usize).filter(|size| range.contains(size));
    let gets = |head_size: &u32| {
        let lengths = QUERY_LENGTHS.iter();
        lengths
            .map(|&q_len| shape(q_len, *head_size))
            .any(|s| blueprint(lane, None, &s.problem(dtype), caps).as_ref() == Some(wanted))
    };
    let sizes: Vec<u32> = sizes.filter(gets).collect();
    Some([*sizes.first()?, *sizes.last()?])
}

/// A row's kernel, or None where no Apple GPU can run the row.
fn row_entry(lane: Lane, table: &'static Profile, row: &TuningRow) -> Option<Entry> {
    let problem = shape(QUERY_LENGTHS[0], row.max_head_size).problem(row.dtype);
    let blueprint = blueprint(lane, Some(row), &problem, &devices::m1())?;
    // Of two rows of a table that are one kernel, each gets the heads of its own.
    let same = |other: &&TuningRow| TuningRow { max_head_size: row.max_head_size, ..(*other).clone() } == *row;
    let sizes = table.rows.iter().filter(same).map(|other| other.max_head_size);
    let narrower = sizes.filter(|&size| size < row.max_head_size).max().unwrap_or(0);
    let range = narrower + 1..=row.max_head_size;
    let names = |caps: DeviceCaps| Some((caps.name.clone(), head_sizes(lane, &range, &blueprint, row.dtype, &caps)?));
    let head_sizes = [devices::m1(), devices::m4_max()].into_iter().filter_map(names).collect();
    let memory = workgroup_memory(lane, row, &problem);
    Some(entry(lane, Some(table.name), row.dtype, Some(row), row.max_head_size, &blueprint, Some(memory), head_sizes))
}

#[expect(clippy::too_many_arguments, reason = "they are the fields of an entry")]
fn entry(
    lane: Lane,
    table: Option<&'static str>,
    dtype: DType,
    row: Option<&TuningRow>,
    max_head_size: u32,
    blueprint: &Blueprint,
    workgroup_memory: Option<u32>,
    head_sizes: BTreeMap<String, [u32; 2]>,
) -> Entry {
    let constants: BTreeMap<&'static str, u32> = blueprint.constants.iter().copied().collect();
    let info = blueprint.kernel.info();
    Entry {
        lane: lane.name(),
        table,
        features: PLAIN,
        dtype: dtype.name(),
        max_head_size,
        lanes: row.map_or(1, |row| row.lanes),
        tile: row.map(|row| row.tile.clone()).unwrap_or_default(),
        key_tile: row.map_or(0, |row| row.key_tile),
        workgroup: constants.get("WORKGROUP_SIZE").copied().unwrap_or_default(),
        kernel: info.name.to_owned(),
        stand_in: false,
        constants,
        workgroup_memory,
        needs_matrices: info.uses_coop,
        head_sizes,
        source: info.source.to_owned(),
    }
}

/// What stands in for a row's kernel where a compiler has no cooperative matrices.
fn stand_in_entry(row: &Entry) -> Result<Entry, String> {
    let kernel = KernelId::named(&row.kernel).ok_or_else(|| format!("the catalogue has no {}", row.kernel))?;
    let name = format!("{}{}", stand_in::PREFIX, row.kernel);
    let source = stand_in::source(kernel.info())?;
    Ok(Entry { kernel: name, stand_in: true, needs_matrices: false, source, ..row.clone() })
}

fn list() -> Result<Vec<Entry>, String> {
    let tables = [
        (Lane::Apple, &profile::APPLE_M1),
        (Lane::Apple, &profile::APPLE_M3),
        (Lane::Apple, &profile::APPLE_WIDE),
        (Lane::Matrix, &profile::MATRIX_M1),
        (Lane::Matrix, &profile::MATRIX),
        (Lane::Short, &profile::SHORT_M1),
        (Lane::Short, &profile::SHORT),
        (Lane::Rows, &profile::ROWS_M1),
        (Lane::Rows, &profile::ROWS),
    ];
    let of_tables = |(lane, table): &(Lane, &'static LazyLock<Profile>)| {
        let (lane, table): (Lane, &'static Profile) = (*lane, table);
        table.rows.iter().map(move |row| (lane, table, row))
    };
    let rows = || tables.iter().flat_map(of_tables);
    let mut entries: Vec<Entry> = rows().filter_map(|(lane, table, row)| row_entry(lane, table, row)).collect();
    let featured = rows().filter(|(_, table, _)| table.name.ends_with("_m1"));
    entries.extend(featured.flat_map(|(lane, table, row)| featured_entries(lane, table, row)));
    let stand_ins = entries.iter().filter(|entry| entry.needs_matrices).map(stand_in_entry);
    let stand_ins = stand_ins.collect::<Result<Vec<_>, _>>()?;
    // No compiler at hand takes them: once is enough.
    entries.retain(|entry| !entry.needs_matrices || entry.features == PLAIN);
    entries.extend(stand_ins);
    let unrowed = [DType::F32, DType::F16].into_iter().flat_map(|dtype| {
        let seeds = [Lane::SeedBefore, Lane::SeedAfter];
        let seeds = seeds.into_iter().flat_map(|lane| SEED_HEAD_SIZES.map(|head_size| (lane, head_size)));
        seeds.chain([(Lane::Wide, LARGEST_TUNED)]).map(move |(lane, head_size)| (lane, head_size, dtype))
    });
    for (lane, head_size, dtype) in unrowed {
        let shape = shape(QUERY_LENGTHS[3], head_size);
        if let Some(blueprint) = blueprint(lane, None, &shape.problem(dtype), &devices::m1()) {
            entries.push(entry(lane, None, dtype, None, head_size, &blueprint, None, BTreeMap::new()));
        }
    }
    Ok(entries)
}

fn compile(kernel: &str, constants: &[String]) -> Result<(), Box<dyn Error>> {
    let named = kernel.strip_prefix(stand_in::PREFIX);
    let id = KernelId::named(named.unwrap_or(kernel))
        .ok_or_else(|| format!("a kernel of the catalogue is expected, got `{kernel}`"))?;
    let given: BTreeMap<&str, u32> = constants
        .iter()
        .map(|constant| {
            let pair = constant.split_once('=').and_then(|(name, value)| Some((name, value.parse().ok()?)));
            pair.ok_or_else(|| format!("constants are given as NAME=VALUE, got `{constant}`"))
        })
        .collect::<Result<_, _>>()?;
    let value = |&name: &&'static str| match given.get(name) {
        Some(value) => Ok((name, *value)),
        None => Err(format!("{kernel} needs a value of each of {:?}, got none of {name}", id.info().overrides)),
    };
    let constants: Vec<(&'static str, u32)> = id.info().overrides.iter().map(value).collect::<Result<_, _>>()?;
    let gpu = Gpu::open(&AdapterChoice::Auto, &GpuSettings::default())?;
    println!("adapter {}", gpu.describe());
    if named.is_some() {
        let constants: Vec<_> = constants.into_iter().map(|(name, value)| (name, f64::from(value))).collect();
        return Ok(gpu.try_compile(&stand_in::source(id.info())?, id.info().entry_point, &constants)?);
    }
    Ok(gpu.prepare([&Blueprint { kernel: id, constants }])?)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.split_first() {
        None => list()
            .map_err(Into::into)
            .and_then(|entries| Ok(serde_json::to_writer(std::io::stdout().lock(), &entries)?)),
        Some((kernel, constants)) => compile(kernel, constants),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
