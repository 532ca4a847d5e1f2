//! The selector: which lane answers a problem, on which tuning row.

use mha_kernels::KernelId;
use mha_spec::options::PathChoice;
use mha_spec::{AttentionProblem, DType, PaddingMask, ProjectionBias};

use crate::candidates::Candidate;
use crate::caps::{CoopMatrix, DeviceCaps, DeviceKind};
use crate::fits::fits;
use crate::plan::Plan;
use crate::profile::{self, Profile, TuningRow};
use crate::refusal::Refusal;
use crate::steps;
use crate::waves;

/// Side of the cooperative matrices of Apple GPUs.
const APPLE_SIDE: u32 = 8;

/// Keys from which cooperative matrices are worth staging them: with fewer, an H100 took up to 1.25 times as long on them (9 to
/// 32 keys, heads of 160 to 256, float16), with 76 and more keys no longer where rows are [many enough](LEAST_ROWS_ON_MATRICES).
const LEAST_KEYS_ON_MATRICES: u32 = 64;
/// The same of query rows, of which a workgroup there takes 64 or 128: 23 rows over 2,632 keys in heads of 256 took 1.13 times as
/// long as on lane rows.
const LEAST_ROWS_ON_MATRICES: u32 = 32;
/// Keys from which path auto takes them for float32 heads wider than NARROW_HEAD, of which a product is three: on an H200 948 rows of 25
/// heads of 72 over 75 keys took 1.05 times as long as on lane rows, 93 rows of 116 heads of 80 over 93 keys 0.68. Other widths are taken to
/// be alike until a measurement on the device says otherwise.
const LEAST_KEYS_OF_PARTS: u32 = 80;
const NARROW_HEAD: u32 = 48;
/// Narrow heads that need as many keys all the same where lane rows takes its tile for few keys, of 40 columns, which are 48 on matrices: 4,096
/// rows of 16 heads of 40 over 64 and 77 keys took matrices 1.00 and 0.96 of its time in a chain of calls (0.91 and 0.92 in passes of their own)
/// with scores of deviation 1 and 1.24 and 1.16 (1.11 and 1.08) with scores of 9, at 1.15 to 1.3 times the error. Heads of 33 to 39 are taken to
/// be alike. Heads of 16, 24, 32 and 48 took 0.5 to 0.8 of it at 1, and 0.74 to 1.12 at 9.
const SNUG_HEADS: std::ops::RangeInclusive<u32> = 33..=40;
/// The same of rows that fill the device without matrices, of heads over NARROW_HEAD that they suit least: 65 to 80 wide, and no multiple
/// of 4, which are loaded one by one. 2,048 rows of 32 heads of 51, 72 and 80 over 108 keys took 1.02, 0.97 and 1.00 of lane rows' time on an
/// H200 with scores of deviation 1 and 1.19, 1.20 and 1.23 with scores of 9; over 160 keys 0.89, 0.90 and 0.92, and 1.09, 1.16 and 1.17.
const LEAST_KEYS_OF_AWKWARD_PARTS: u32 = 128;
const AWKWARD_HEADS: std::ops::RangeInclusive<u32> = 65..=80;
/// Heads wider than this go to matrices only with so many keys, and products of a row and a key of all heads together: a workgroup's
/// tiles of 256 columns take an H100 28 µs however little there is to do. In float16 on 16 x 16, the one type and side with a row for
/// such heads, of lane rows' time: three heads of 192 or 256 over 80,
/// 130, 200, 400 and 1,000 rows and keys 1.31, 1.32, 1.31, 0.89 and 0.26; twenty over 80, 130 and 200 1.24, 0.80 and 0.56; eight of
/// 192 over 1,012 rows and 96 keys 1.15. Heads of 160 take 0.76 from 80 rows on.
const WIDE_HEAD: u32 = 160;
const LEAST_KEYS_OF_WIDE_HEADS: u32 = 128;
const LEAST_PRODUCTS_OF_WIDE_HEADS: u64 = 300_000;

/// Most keys with which the short-query lane gives each query row a group of its own where rows are few: more are worth reading
/// once for several rows. An H100 gained 5 to 20 % by it over 3 to 38 keys with up to 384 rows, and nothing with 702.
const FEW_KEYS: u32 = 64;

/// Most keys with which lane rows gives each of few query rows a group of its own, rather than split the keys of groups of four:
/// see its table.
pub(crate) const FEW_KEYS_TO_SPLIT: u32 = 128;

/// Most keys that lanes on matrices never split: a merge takes longer than half of them. In float16 on an H200, of the time with splits:
/// 116 heads of 80 with 93 rows and keys 0.83, 63 of 16 with 249 rows over 121 keys 0.82, 68 of 32 with 79 rows and keys 0.77.
const FEW_KEYS_TO_SPLIT_ON_MATRICES: u32 = 128;

/// Longest query that the short-query lane takes.
pub const SHORT_QUERY: u32 = 16;

/// One algorithm for attention in WGSL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// `attention_rows.wgsl`: portable prefill.
    Rows,
    /// `attention_apple.wgsl`: prefill for Apple GPUs.
    Apple,
    /// `attention_short.wgsl`: few query rows.
    Short,
    /// `attention_wide.wgsl`: any head size, any adapter.
    Wide,
    /// `attention_fragment.wgsl`: prefill on cooperative matrices whose elements can be reached.
    Fragment,
    /// `attention_matrix.wgsl`: prefill on cooperative matrices.
    Matrix,
    /// `attention_seed_before.wgsl`: the kernel that the original report found slow. Pinned only, for benchmarks.
    SeedBefore,
    /// `attention_seed_after.wgsl`: the kernel that it proposed. Pinned only, for benchmarks.
    SeedAfter,
}

impl Lane {
    /// Name in benchmarks, logs and recorded decisions.
    pub const fn name(self) -> &'static str {
        match self {
            Lane::Rows => "rows",
            Lane::Apple => "apple",
            Lane::Short => "short",
            Lane::Wide => "wide",
            Lane::Fragment => "fragment",
            Lane::Matrix => "matrix",
            Lane::SeedBefore => "seed-before",
            Lane::SeedAfter => "seed-after",
        }
    }

    /// All lanes.
    pub const ALL: [Lane; 8] = [
        Lane::Rows,
        Lane::Apple,
        Lane::Short,
        Lane::Wide,
        Lane::Fragment,
        Lane::Matrix,
        Lane::SeedBefore,
        Lane::SeedAfter,
    ];

    /// Whether it runs on cooperative matrices.
    pub const fn on_matrices(self) -> bool {
        matches!(self, Lane::Fragment | Lane::Matrix)
    }
}

/// What the caller asks of the planner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PlanOptions {
    /// The path.
    pub path: PathChoice,
    /// A pinned lane, for tests and benchmarks: refused where it can't run, never replaced.
    pub lane: Option<Lane>,
    /// A tuning row for the pinned lane in place of its table's, for tuning: refused where it can't run.
    pub row: Option<TuningRow>,
    /// What path `auto` takes before what it takes unmeasured, where it can run. Other paths pay no attention.
    pub prefer: Option<Preference>,
    /// Who writes present outputs.
    pub presents: Presents,
}

/// Who writes present outputs, with the same bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Presents {
    /// The device, by steps.
    #[default]
    Device,
    /// The host, where they are [copies](Plan::copied) of inputs, which it must have in its memory: it makes them while the device
    /// computes, and they need not come from there. Else the device.
    Host,
}

/// A candidate that a measurement found the fastest, and what it found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Preference {
    /// The lane and its row.
    pub candidate: Candidate,
    /// The reason, for logs.
    pub why: String,
}

/// A lane on a tuning row: enough to write its blueprints.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub lane: Lane,
    pub kernel: KernelId,
    pub row: Option<TuningRow>,
    pub workgroup_size: u32,
    /// Key splits that would fill the device, before rounding.
    pub splits: u32,
    /// Keys of each split but the last, where the device is done sooner with others than equal ones.
    pub keys_per_split: Option<u32>,
    pub why: String,
}

/// Plans one call. Pure: the same problem, facts and options give the same plan.
///
/// # Errors
/// A [`Refusal`] where the device can't run the problem, or a pinned lane can't.
pub fn plan(problem: &AttentionProblem, caps: &DeviceCaps, options: &PlanOptions) -> Result<Plan, Refusal> {
    if problem.dtype == DType::F16 && !caps.f16 {
        return Err(Refusal::new(format!("float16 tensors need f16 in shaders, which `{}` lacks", caps.name)));
    }
    match steps::build(problem, caps, &choose(problem, caps, options)?, options.presents) {
        // What was measured on another problem of its class is preferred, not pinned.
        Err(_) if options.prefer.is_some() => plan(problem, caps, &PlanOptions { prefer: None, ..options.clone() }),
        planned => planned,
    }
}

pub(crate) fn choose(problem: &AttentionProblem, caps: &DeviceCaps, options: &PlanOptions) -> Result<Choice, Refusal> {
    if let Some(lane) = options.lane {
        let why = format!("lane {} is pinned", lane.name());
        return lane_choice(lane, problem, caps, options.row.as_slice(), why);
    }
    let path = options.path;
    let mut passed_over = String::new();
    if let (PathChoice::Auto, Some(Preference { candidate, why })) = (path, &options.prefer) {
        let why = format!("path {path}, {why}");
        match lane_choice(candidate.lane, problem, caps, candidate.row.as_slice(), why) {
            Ok(choice) => return Ok(with_fewer_splits(choice, problem, caps)),
            Err(refusal) => passed_over = format!("; {candidate}, measured as the fastest, refused: {refusal}"),
        }
    }
    if problem.q_len <= SHORT_QUERY {
        let why = format!("path {path}, q_len {} <= {SHORT_QUERY}{passed_over}", problem.q_len);
        return first_of(&[Lane::Short, Lane::Wide], problem, caps, why);
    }
    let mut why = format!("path {path}, q_len {} > {SHORT_QUERY}{passed_over}", problem.q_len);
    let has_matrices = has_matrix_units(caps) && !caps.coop_matrices.is_empty();
    let may_take_parts = path == PathChoice::Auto && has_matrices && pays_on_matrices(problem);
    let least_keys = if may_take_parts { least_keys_in_parts(problem, caps) } else { 0 };
    let parts_cost_more = problem.total_len() < least_keys;
    if parts_cost_more {
        let head_size = problem.head_size.max(problem.v_head_size);
        why += &format!("; float32 heads of {head_size} stay off matrices below {least_keys} keys");
    }
    let matrices: &[Lane] = match path {
        _ if !pays_on_matrices(problem) || !has_matrix_units(caps) => &[],
        PathChoice::Apple => &[Lane::Matrix],
        _ if parts_cost_more => &[],
        // Where elements can't be reached, its refusal would say no more than that.
        _ if caps.element_sides.is_empty() => &[Lane::Matrix],
        _ => &[Lane::Fragment, Lane::Matrix],
    };
    let lanes = |others: [Lane; 2]| matrices.iter().copied().chain(others).collect::<Vec<_>>();
    match path {
        PathChoice::Baseline => first_of(&[Lane::Rows, Lane::Wide], problem, caps, why),
        PathChoice::Apple => {
            // Of matrices, only Apple's shape: this path is what an Apple GPU runs, on other GPUs too.
            let mut apple = caps.clone();
            apple.coop_matrices.retain(|shape| shape.m == APPLE_SIDE);
            first_of(&lanes([Lane::Apple, Lane::Wide]), problem, &apple, why)
        }
        PathChoice::Auto if profile::apple_generation(&caps.name).is_some() => {
            first_of(&lanes([Lane::Apple, Lane::Wide]), problem, caps, why)
        }
        // Unmeasured, what is made for few rows over few keys is no worse a guess than matrices, and no slower than baseline.
        PathChoice::Auto if rows_takes(problem, caps, |row| row.splits.is_some()) => {
            first_of(&[Lane::Rows, Lane::Wide], problem, caps, why)
        }
        PathChoice::Auto => first_of(&lanes([Lane::Rows, Lane::Wide]), problem, caps, why),
    }
}

/// Whether a problem is large enough for cooperative matrices.
fn pays_on_matrices(problem: &AttentionProblem) -> bool {
    let keys = problem.total_len();
    let products = u64::from(problem.batch) * u64::from(problem.num_heads) * u64::from(problem.q_len) * u64::from(keys);
    let is_wide = problem.head_size.max(problem.v_head_size) > WIDE_HEAD;
    let wide_pays = keys >= LEAST_KEYS_OF_WIDE_HEADS && products >= LEAST_PRODUCTS_OF_WIDE_HEADS;
    keys >= LEAST_KEYS_ON_MATRICES && problem.q_len >= LEAST_ROWS_ON_MATRICES && (!is_wide || wide_pays)
}

/// Keys from which three products for one pay, where one is three.
fn least_keys_in_parts(problem: &AttentionProblem, caps: &DeviceCaps) -> u32 {
    let head_size = problem.head_size.max(problem.v_head_size);
    if problem.dtype == DType::F16 {
        return 0;
    }
    if head_size <= NARROW_HEAD {
        let is_snug = SNUG_HEADS.contains(&head_size) && rows_takes(problem, caps, |row| row.most_keys.is_some());
        return if is_snug { LEAST_KEYS_OF_PARTS } else { 0 };
    }
    let rows = u64::from(problem.batch) * u64::from(problem.num_heads) * u64::from(problem.q_len);
    let is_awkward = AWKWARD_HEADS.contains(&head_size) || access(problem) == "scalar";
    if is_awkward && rows >= wanted_lanes(caps) { LEAST_KEYS_OF_AWKWARD_PARTS } else { LEAST_KEYS_OF_PARTS }
}

/// Whether lane rows takes a problem on such a row of its table.
fn rows_takes(problem: &AttentionProblem, caps: &DeviceCaps, is_such: impl Fn(&TuningRow) -> bool) -> bool {
    let choice = lane_choice(Lane::Rows, problem, caps, &[], String::new());
    choice.is_ok_and(|choice| choice.row.as_ref().is_some_and(is_such))
}

/// Whether cooperative matrices run on units of their own: a software device, which computes them as it does everything else, takes
/// up to twelve times as long on them (llvmpipe of Mesa 26.1, two heads of 16 with 64 rows and keys).
pub(crate) fn has_matrix_units(caps: &DeviceCaps) -> bool {
    caps.kind != DeviceKind::Software
}

/// A measured choice with no more key splits than its problem, which may be a little shorter, has keys for.
fn with_fewer_splits(choice: Choice, problem: &AttentionProblem, caps: &DeviceCaps) -> Choice {
    let most = choice.row.as_ref().map_or(1, |row| splits(choice.lane, problem, row, caps).1);
    Choice { splits: choice.splits.clamp(1, most), ..choice }
}

/// The first of some lanes that runs the problem; the reason names those that refuse.
fn first_of(lanes: &[Lane], problem: &AttentionProblem, caps: &DeviceCaps, why: String) -> Result<Choice, Refusal> {
    let mut why = why;
    for &lane in lanes {
        match lane_choice(lane, problem, caps, &[], why.clone()) {
            Ok(choice) => return Ok(choice),
            Err(refusal) => why = format!("{why}; lane {} refused: {refusal}", lane.name()),
        }
    }
    Err(Refusal::new(why))
}

/// A lane on the first row that covers the problem, of `pinned` rows where there are any, else of the lane's table.
pub(crate) fn lane_choice(
    lane: Lane,
    problem: &AttentionProblem,
    caps: &DeviceCaps,
    pinned: &[TuningRow],
    why: String,
) -> Result<Choice, Refusal> {
    if lane == Lane::Wide {
        let kernel = named(&format!("wide_{}", problem.dtype.name()))?;
        return Ok(Choice { lane, kernel, row: None, workgroup_size: 64, splits: 1, keys_per_split: None, why });
    }
    if matches!(lane, Lane::SeedBefore | Lane::SeedAfter) {
        return seed_choice(lane, problem, caps, why);
    }
    if problem.beam_width.is_some() && lane != Lane::Short {
        return Err(Refusal::new(format!("cache_indirection needs the lane short or wide, got {}", lane.name())));
    }
    // Operands of float16 tensors are float16, so a sum with a bias would be rounded once more than the operator does.
    if lane.on_matrices() && problem.dtype == DType::F16 && problem.projection_bias != ProjectionBias::None {
        let bias = problem.projection_bias;
        return Err(Refusal::new(format!("cooperative matrices take float16 without a projection bias, got {bias:?}")));
    }
    let (table, reason) = table(lane, caps);
    let head_size = problem.head_size.max(problem.v_head_size);
    let rows = if pinned.is_empty() { &table.rows } else { pinned };
    let of_type =
        || rows.iter().filter(|row| row.dtype == problem.dtype && (!pinned.is_empty() || row.is_for(problem)));
    let covering = || of_type().filter(|row| row.max_head_size >= head_size);
    let fitting = || covering().filter(|row| fits(lane, row, problem, caps).is_ok());
    // The narrowest head class that covers and the lanes of its first row; within it, a choice by the problem's size.
    let row = fitting().next().map(|first| {
        let kind = |row: &TuningRow| (row.max_head_size, row.lanes, row.matrix().map(|tile| tile.side));
        let same = || fitting().filter(|row| kind(row) == kind(first));
        // Single rows are for few keys alone.
        let class = || {
            let in_class = |row: &&TuningRow| lane != Lane::Rows || row.rows > 1 || first.rows == 1;
            same().filter(in_class).filter(|row| has_cores_for_groups(problem, row, caps))
        };
        let padded = |row: &TuningRow| problem.q_len.div_ceil(row.tile_rows()) * row.tile_rows();
        // Where all rows are single ones, as on M1 and M2, it is workgroups that differ.
        let few_keys = lane == Lane::Rows && first.rows > 1 && problem.total_len() <= FEW_KEYS_TO_SPLIT;
        if let Some(single) = same().find(|row| row.rows == 1 && few_keys && leaves_idle(problem, first, caps)) {
            return single;
        }
        let suits = |row: &&TuningRow| match lane {
            Lane::Short => {
                let few_keys = problem.total_len() <= FEW_KEYS;
                row.rows >= problem.q_len || (few_keys && leaves_idle(problem, row, caps))
            }
            // A device that is three quarters full gains nothing from smaller workgroups, each of which loads all keys, unless
            // the larger ones would be empty to a fifth more.
            _ => {
                let least = class().map(padded).min().unwrap_or(0);
                4 * busy_lanes(problem, row) >= 3 * wanted_lanes(caps) && 4 * padded(row) <= 5 * least
            }
        };
        let smallest = || {
            let last = class().next_back()?;
            // Of two sizes in groups, the one that leaves fewer rows empty.
            let sizes = class().filter(|row| lane.on_matrices() && row.tile == last.tile);
            // Of as many workgroups of lane rows, the first, whose loop is the faster.
            let alike = |row: &&TuningRow| (row.rows, row.workgroup_size) == (last.rows, last.workgroup_size);
            let first = || class().find(|row| lane == Lane::Rows && alike(row));
            sizes.min_by_key(|row| padded(row)).or_else(first).or(Some(last))
        };
        class().find(suits).or_else(smallest).unwrap_or(first)
    });
    let Some(row) = row else {
        let refusal = match covering().next() {
            None => {
                let dtype = problem.dtype.name();
                match of_type().map(|row| row.max_head_size).max() {
                    Some(most) => format!("{dtype} head sizes are at most {most}, got {head_size}"),
                    None => format!("lane {} needs a row for {dtype}, got none", lane.name()),
                }
            }
            Some(first) => {
                // What a row for matrices that the device has would need says more than that it lacks others.
                let listed = |row: &&TuningRow| {
                    row.matrix().is_some_and(|tile| caps.coop_matrices.contains(&CoopMatrix::square(tile.side)))
                };
                let nearest = covering().find(listed).unwrap_or(first);
                fits(lane, nearest, problem, caps).err().unwrap_or_default()
            }
        };
        return Err(Refusal::new(refusal));
    };
    let packs = (lane == Lane::Short || lane.on_matrices()) && problem.dtype == DType::F16;
    let access = if packs && problem.head_size.is_multiple_of(8) && problem.v_head_size.is_multiple_of(8) {
        "vec8"
    } else if lane.on_matrices() && problem.dtype == DType::F16 {
        "scalar"
    } else {
        access(problem)
    };
    let dtype = problem.dtype.name();
    // A tile in f16 would round key + bias once more than the operator does.
    let tile = if adds_bias(problem) { row.tile.trim_end_matches('h') } else { &row.tile };
    let kernel = format!("{}_{dtype}_{access}_l{}_{tile}", lane.name(), row.lanes);
    let why = if reason.is_empty() { why } else { format!("{why}; {reason}") };
    let kernel = named(&kernel)?;
    check_buffers(kernel, caps)?;
    let splits = row.splits.unwrap_or_else(|| splits(lane, problem, row, caps).0);
    let may_differ = matches!(lane, Lane::Rows | Lane::Apple) && row.splits.is_none();
    Ok(Choice {
        lane,
        kernel,
        workgroup_size: row.workgroup_size,
        splits,
        keys_per_split: if may_differ { waves::keys_per_range(problem, lane, row, caps, splits) } else { None },
        why: format!("{why}; {} row {} lanes x {} keys {}", table.name, row.lanes, row.tile, row.key_tile),
        row: Some(row.clone()),
    })
}

/// Whether a device binds as many buffers as a kernel declares.
pub(crate) fn check_buffers(kernel: KernelId, caps: &DeviceCaps) -> Result<(), Refusal> {
    let (storage, most) = (kernel.info().bindings.len(), caps.max_storage_buffers);
    if storage > most as usize {
        return Err(Refusal::new(format!("a kernel with {storage} storage buffers is needed, got {most} at most")));
    }
    Ok(())
}

/// A lane's tuning rows for a device, and why those.
pub(crate) fn table(lane: Lane, caps: &DeviceCaps) -> (&'static Profile, String) {
    match lane {
        Lane::Apple => profile::apple(caps),
        Lane::Short => profile::short(caps),
        Lane::Fragment => (&*profile::FRAGMENT, String::new()),
        Lane::Matrix => profile::matrix(caps),
        _ => profile::rows(caps),
    }
}

/// The kernels of the original report: plain problems of the head sizes that benchmarks use.
fn seed_choice(lane: Lane, problem: &AttentionProblem, caps: &DeviceCaps, why: String) -> Result<Choice, Refusal> {
    let plain = problem.past_len() == 0
        && problem.projection_bias == ProjectionBias::None
        && problem.padding_mask == PaddingMask::None
        && problem.attention_bias.is_none()
        && !problem.causal
        && problem.v_head_size == problem.head_size;
    if !plain {
        return Err(Refusal::new(format!("lane {} runs plain attention only, got other features", lane.name())));
    }
    if lane == Lane::SeedBefore && (!caps.subgroups || caps.min_subgroup_size < 16) {
        let least = caps.min_subgroup_size;
        return Err(Refusal::new(format!("lane {} needs subgroups of 16 or more, got {least}", lane.name())));
    }
    let (dtype, head_size) = (problem.dtype.name(), problem.head_size);
    let name = format!("{}_{dtype}_h{head_size}", lane.name().replace('-', "_"));
    let kernel = KernelId::named(&name)
        .ok_or_else(|| Refusal::new(format!("lane {} has head sizes 40, 64 and 128, got {head_size}", lane.name())))?;
    let on_apple = profile::apple_generation(&caps.name).is_some();
    let workgroup_size = if lane == Lane::SeedAfter && on_apple { 128 } else { 64 };
    let row = TuningRow {
        dtype: problem.dtype,
        max_head_size: head_size,
        lanes: 1,
        tile: format!("r1s{}", head_size / 4),
        rows: 1,
        key_tile: 0,
        workgroup_size,
        splits: Some(1),
        most_keys: None,
    };
    Ok(Choice { lane, kernel, workgroup_size, splits: 1, keys_per_split: None, why, row: Some(row) })
}

/// Whether a row whose subgroups share out the keys in groups has a core for each workgroup, on the largest GPUs of a kind: an H100 has
/// 132, Apple's M4 Max 40. Such a workgroup needs so much memory that a core takes one, and what waits for a core doubles the time: 154 of
/// them took an H100 1.57 times as long as lane matrix in an earlier run (float32, 108 keys), 128 and 132 of them in float16 0.91 and 0.82.
fn has_cores_for_groups(problem: &AttentionProblem, row: &TuningRow, caps: &DeviceCaps) -> bool {
    let cores = if caps.kind == DeviceKind::Integrated { 40 } else { 132 };
    row.key_groups() == 1 || row_workgroups(problem, row) <= cores
}

/// Lanes that keep the largest GPUs of a kind busy; on a CPU a few threads share the work.
pub(crate) fn wanted_lanes(caps: &DeviceCaps) -> u64 {
    match caps.kind {
        DeviceKind::Discrete | DeviceKind::Virtual | DeviceKind::Other => 32 << 10,
        DeviceKind::Integrated => 16 << 10,
        DeviceKind::Software => 1 << 10,
    }
}

/// Whether a row leaves three quarters of a GPU without work. The lanes of a software device are those of its vectors, which more
/// groups do not make more of.
fn leaves_idle(problem: &AttentionProblem, row: &TuningRow, caps: &DeviceCaps) -> bool {
    caps.kind != DeviceKind::Software && 4 * busy_lanes(problem, row) <= wanted_lanes(caps)
}

/// Lanes that a prefill lane gives rows of a problem whose keys are not split.
pub(crate) fn busy_lanes(problem: &AttentionProblem, row: &TuningRow) -> u64 {
    let rows = u64::from(problem.batch) * u64::from(problem.num_heads) * u64::from(problem.q_len);
    rows * u64::from(row.lanes * row.key_groups()) / u64::from(row.rows)
}

/// Workgroups that a prefill lane gives a problem whose keys are not split.
pub(crate) fn row_workgroups(problem: &AttentionProblem, row: &TuningRow) -> u64 {
    u64::from(problem.batch) * u64::from(problem.num_heads) * u64::from(problem.q_len.div_ceil(row.tile_rows()))
}

/// Key splits that give the device enough workgroups, each with keys enough to be worth a merge; and the most that do.
pub(crate) fn splits(lane: Lane, problem: &AttentionProblem, row: &TuningRow, caps: &DeviceCaps) -> (u32, u32) {
    let (workgroups, wanted, least_keys) = match lane {
        // Each key is read once and arithmetic is little: twice the lanes hide the latency of memory. Not so for several rows, which also
        // have more to merge: 16 rows of 16 heads of 64 over 1,024 keys take 13.8 µs by 4 splits on an H200 and 17.2 by 8, 8 rows of 32 heads
        // of 128 over 4,096 keys 54.5 and 57.6 (float16).
        Lane::Short => {
            let row_blocks = u64::from(problem.q_len.div_ceil(row.rows));
            let workgroups = u64::from(problem.batch) * u64::from(problem.num_heads) * row_blocks;
            let times = if row.rows == 1 { 2 } else { 1 };
            (workgroups, times * wanted_lanes(caps), 2 * row.short_turn())
        }
        // Measured on an H100: 132 workgroups of 128 lanes gain from two splits in f32, 160 lose in either type.
        Lane::Fragment | Lane::Matrix => {
            let least_keys = if problem.total_len() <= FEW_KEYS_TO_SPLIT_ON_MATRICES {
                problem.total_len()
            } else {
                4 * row.key_tile
            };
            (row_workgroups(problem, row), wanted_lanes(caps).min(28 << 10), least_keys.max(1))
        }
        _ => {
            // Single rows of one loop do not split few keys, as those with `splits` of 1 in other tables do not.
            let is_whole = row.has_one_loop() && row.rows == 1 && problem.total_len() <= FEW_KEYS_TO_SPLIT;
            let least_keys = if is_whole { problem.total_len() } else { 4 * row.key_tile };
            (row_workgroups(problem, row), wanted_lanes(caps), least_keys.max(1))
        }
    };
    let most = problem.total_len().div_ceil(least_keys).max(1);
    let lanes = (workgroups * u64::from(row.workgroup_size)).max(1);
    // To the nearest: half as many again is worth less than a merge costs.
    (u32::try_from((wanted + lanes / 2) / lanes).unwrap_or(most).clamp(1, most), most)
}

/// How kernels reach the tensors: by vec4 where every row begins at a multiple of four elements.
pub(crate) fn access(problem: &AttentionProblem) -> &'static str {
    let aligned = problem.head_size.is_multiple_of(4) && problem.v_head_size.is_multiple_of(4);
    if aligned { "vec4" } else { "scalar" }
}

/// Whether the problem adds a bias to keys and values.
pub(crate) fn adds_bias(problem: &AttentionProblem) -> bool {
    problem.projection_bias == ProjectionBias::QueryKeyValue
}

fn named(name: &str) -> Result<KernelId, Refusal> {
    KernelId::named(name)
        .ok_or_else(|| Refusal::new(format!("a tuning row names a kernel of the catalogue, got `{name}`")))
}
