//! `webgpu-attention doctor`: what a bug report should contain.

use std::io::Write;
use std::path::{Path, PathBuf};

use mha_auto::{Auto, Store, StoreError};
use mha_bench::{BenchError, Shape, select};
use mha_gpu::{AdapterSummary, Gpu, GpuSettings, list_adapters, platform_cache_directory};
use mha_plan::{CoopMatrix, DeviceCaps, DeviceKind, Lane, Plan, PlanOptions, Refusal, plan, profile};
use mha_spec::options::PathChoice;
use mha_spec::{AdapterChoice, AttentionProblem, DType, Past};

use crate::runtime;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only this GPU: an index, or part of an adapter's name.
    #[arg(long, default_value = "auto", value_parser = select::adapter)]
    adapter: AdapterChoice,
    /// Where the choices of path `auto` are kept that `tune` made, if not in the platform's cache directory.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// The Python whose onnxruntime is asked to load the library.
    #[arg(long, default_value = "python3")]
    python: String,
    /// The library, where it is not beside this program.
    #[arg(long = "library", value_name = "LIBRARY")]
    plugin: Option<PathBuf>,
}

/// Writes the report.
///
/// # Errors
/// No adapter has the name that was asked for, a file or directory that was named is none, or the report can't be written.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), BenchError> {
    if let Some(missing) = arguments.plugin.as_deref().filter(|library| !library.is_file()) {
        let missing = missing.display();
        let line = format!("--library takes the file of a library, got '{missing}', which is none: name another");
        return Err(BenchError::Usage(line));
    }
    arguments.cache.as_deref().map_or(Ok(()), select::cache)?;
    let adapters = list_adapters();
    let shown = select::adapters(&arguments.adapter, &adapters)?;
    writeln!(
        out,
        "webgpu-attention {} on {} {}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    )?;
    let cache = arguments.cache.clone().or_else(platform_cache_directory);
    let tune = match &arguments.cache {
        Some(named) => format!("`webgpu-attention tune --cache {}`", named.display()),
        None => "`webgpu-attention tune`".to_owned(),
    };
    match &cache {
        Some(directory) => writeln!(out, "cache: {}", directory.display())?,
        None => writeln!(out, "cache: none, as the platform names no directory for it")?,
    }
    runtimes(arguments, out)?;
    if adapters.is_empty() {
        writeln!(out, "adapters: none through Vulkan, Metal or Direct3D 12; calls run on ONNX Runtime's CPU kernel")?;
    }
    for adapter in shown {
        describe(adapter, cache.as_deref(), &tune, out)?;
    }
    Ok(())
}

fn runtimes(arguments: &Arguments, out: &mut impl Write) -> std::io::Result<()> {
    let Some(library) = arguments.plugin.clone().or_else(runtime::library) else {
        return writeln!(out, "library: none beside this program; name it with --library");
    };
    writeln!(out, "library: {}", library.display())?;
    match runtime::ask(&arguments.python, &library) {
        Err(why) => writeln!(out, "ONNX Runtime: not found: {why}"),
        Ok(found) => {
            writeln!(out, "ONNX Runtime: {} ({})", found.version, found.place)?;
            match found.refused {
                None => writeln!(out, "  loads the library"),
                Some(why) => writeln!(out, "  does not load the library: {why}"),
            }
        }
    }
}

/// An adapter, with what a cache directory has of it; `tune` makes that.
fn describe(
    adapter: &AdapterSummary,
    cache: Option<&Path>,
    tune: &str,
    out: &mut impl Write,
) -> Result<(), BenchError> {
    writeln!(out, "\nadapter {}: {adapter}", adapter.index)?;
    if let Some(why) = &adapter.unusable {
        return Ok(writeln!(out, "  can't be used: {why}")?);
    }
    let gpu = match Gpu::open(&AdapterChoice::Index(adapter.index), &GpuSettings::default()) {
        Ok(gpu) => gpu,
        Err(error) => return Ok(writeln!(out, "  can't be used: {error}")?),
    };
    facts(gpu.caps(), gpu.has_timestamps(), out)?;
    let store = cache.map(|directory| Store::new(directory, gpu.identity()));
    let kept = store.as_ref().map(|store| (store.file().display(), store.count()));
    let (choices, is_usable) = match kept {
        Some((_, Err(why @ StoreError::Io { .. }))) => (format!("none that can be used: {why}"), false),
        Some((_, Err(why))) => (format!("none that can be used: {why}; {tune} makes new ones"), false),
        Some((file, Ok(count @ 1..))) => (format!("{count} in {file}"), true),
        _ => (format!("none yet; {tune} makes some"), true),
    };
    writeln!(out, "  measured choices of path auto: {choices}")?;
    // What can't be used was said here, and needs no warning too.
    let auto = Auto::of(&gpu, cache.filter(|_| is_usable));
    decisions(gpu.caps(), |problem| auto.plan(problem), out)
}

fn facts(caps: &DeviceCaps, has_timestamps: bool, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "  chip family: {}", family(caps))?;
    writeln!(out, "  f16 in shaders: {}", if caps.f16 { "yes" } else { "no" })?;
    match has_timestamps {
        true => writeln!(out, "  timestamp queries: yes")?,
        false => writeln!(out, "  timestamp queries: none, so that GPU time can't be measured")?,
    }
    match caps.subgroups {
        true => writeln!(out, "  subgroups: {} to {} lanes", caps.min_subgroup_size, caps.max_subgroup_size)?,
        false => writeln!(out, "  subgroups: none")?,
    }
    let matrices: Vec<String> = caps.coop_matrices.iter().map(matrix).collect();
    writeln!(
        out,
        "  cooperative matrices: {}",
        if matrices.is_empty() { "none".to_owned() } else { matrices.join(", ") }
    )?;
    if !matrices.is_empty() {
        let sides: Vec<String> = caps.element_sides.iter().map(|side| format!("{side}x{side}")).collect();
        let sides = if sides.is_empty() { "none".to_owned() } else { sides.join(", ") };
        writeln!(out, "  matrices whose elements kernels may go through: {sides}")?;
    }
    writeln!(
        out,
        "  largest binding: {} bytes, largest buffer: {} bytes",
        caps.max_binding_size, caps.max_buffer_size
    )?;
    writeln!(out, "  storage buffers in a shader: {}", caps.max_storage_buffers)?;
    writeln!(
        out,
        "  workgroups: {} lanes, {} bytes of memory, {} in a dimension",
        caps.max_workgroup_size, caps.max_workgroup_memory, caps.max_workgroups
    )?;
    match caps.max_loop_turns {
        Some(turns) => writeln!(out, "  loops end after {turns} turns"),
        None => Ok(()),
    }
}

/// The family that a chip is recognised as, and whose tuning rows it gets.
fn family(caps: &DeviceCaps) -> String {
    if let Some(generation) = profile::apple_generation(&caps.name) {
        return format!("Apple M{generation}, with tuning rows of its own");
    }
    if caps.kind == DeviceKind::Software {
        return "software, with tuning rows of its own".to_owned();
    }
    // PCI vendors.
    let vendor = match caps.vendor {
        0x1002 => "AMD",
        0x10de => "NVIDIA",
        0x13b5 => "Arm",
        0x5143 => "Qualcomm",
        0x8086 => "Intel",
        _ => "not known",
    };
    format!("{vendor}, with the tuning rows of all GPUs")
}

fn matrix(shape: &CoopMatrix) -> String {
    let element = |is_f16| if is_f16 { "f16" } else { "f32" };
    let CoopMatrix { m, n, k, f16_operands, f16_accumulator } = shape;
    format!("{m}x{n}x{k} {} to {}", element(*f16_operands), element(*f16_accumulator))
}

/// Problems that models pose, with names.
fn typical() -> Result<Vec<(String, AttentionProblem)>, BenchError> {
    let mut problems = Vec::new();
    for shape in Shape::built_in()? {
        for dtype in [DType::F32, DType::F16] {
            problems.push((format!("{} {}", shape.name, dtype.name()), shape.problem(dtype)));
        }
    }
    if let Some((_, step)) = problems.iter().find(|(name, _)| name == "llm-decode f16").cloned() {
        let past = Past::Growing { len: step.kv_len.saturating_sub(1) };
        problems.push(("llm-decode f16 with a past".into(), AttentionProblem { past, kv_len: 1, ..step }));
    }
    Ok(problems)
}

/// `auto` plans for the path of that name, by what is known of the device.
fn decisions(
    caps: &DeviceCaps,
    auto: impl Fn(&AttentionProblem) -> Result<Plan, Refusal>,
    out: &mut impl Write,
) -> Result<(), BenchError> {
    for (name, problem) in typical()? {
        writeln!(out, "  {name}")?;
        for path in PathChoice::ALL {
            let planned = match path {
                PathChoice::Auto => auto(&problem),
                _ => plan(&problem, caps, &PlanOptions { path, ..PlanOptions::default() }),
            };
            match planned {
                Ok(plan) => writeln!(out, "    {path}: {}", plan.decision)?,
                Err(refusal) => writeln!(out, "    {path}: refused: {refusal}")?,
            }
        }
        for lane in Lane::ALL {
            let pinned = PlanOptions { lane: Some(lane), ..PlanOptions::default() };
            if let Err(refusal) = plan(&problem, caps, &pinned) {
                writeln!(out, "    lane {} refuses: {refusal}", lane.name())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mha_plan::devices;

    use super::*;

    #[test]
    fn every_device_gets_decisions_and_reasons() {
        for caps in devices::all() {
            let mut report = Vec::new();
            facts(&caps, caps.f16, &mut report).unwrap();
            let unmeasured = PlanOptions { path: PathChoice::Auto, ..PlanOptions::default() };
            decisions(&caps, |problem| plan(problem, &caps, &unmeasured), &mut report).unwrap();
            let report = String::from_utf8(report).unwrap();
            assert!(report.contains("lightonocr-4k f32\n    baseline: "), "{report}");
            assert!(report.contains("llm-decode f16 with a past"));
            // As its name has it, or where that tells nothing, as nothing else.
            let family = report.lines().next().and_then(|line| line.strip_prefix("  chip family: ")).unwrap();
            let named = ["Apple M1", "Apple M2", "Apple M3", "Apple M4", "NVIDIA", "AMD", "Intel"];
            match named.into_iter().find(|named| caps.name.starts_with(named)) {
                Some(named) => assert!(family.starts_with(named), "{}: {family}", caps.name),
                None => {
                    let others = ["software", "Qualcomm", "not known"];
                    assert!(others.iter().any(|other| family.starts_with(other)), "{}: {family}", caps.name);
                }
            }
            assert_eq!(report.contains("timestamp queries: yes"), caps.f16);
            assert_eq!(report.contains("timestamp queries: none"), !caps.f16);
            assert_eq!(report.contains("subgroups: none"), !caps.subgroups);
            assert_eq!(report.contains("cooperative matrices: none"), caps.coop_matrices.is_empty());
        }
    }

    #[test]
    fn a_python_without_a_runtime_is_told_what_to_install() {
        let error = runtime::ask("/nonexistent/python", std::path::Path::new("x")).err().unwrap();
        assert!(error.contains("--python"), "{error}");
    }

    #[test]
    fn an_unknown_adapter_is_an_error_with_those_there_are() {
        let arguments = Arguments {
            adapter: AdapterChoice::Name("no such adapter".into()),
            cache: None,
            python: "/nonexistent".into(),
            plugin: None,
        };
        let mut out = Vec::new();
        let error = run(&arguments, &mut out).unwrap_err().to_string();
        assert!(error.contains("takes an index, or part of a name") && out.is_empty(), "{error}");
    }
}
