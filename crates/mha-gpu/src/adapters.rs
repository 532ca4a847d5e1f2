//! The machine's adapters, what makes one usable, and the order in which a choice tries them.

use std::fmt;
use std::sync::OnceLock;

use mha_kernels::KERNELS;
use mha_plan::DeviceKind;
use mha_spec::AdapterChoice;

use crate::probe;
use crate::settings::{GpuSettings, Timestamps};

/// One adapter of the machine, for lists and messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterSummary {
    /// Position in the list of adapters: what [`AdapterChoice::Index`] counts.
    pub index: usize,
    /// Name that the driver reports, such as "Apple M4 Max".
    pub name: String,
    /// Graphics API, such as "vulkan".
    pub backend: &'static str,
    /// Kind of device.
    pub kind: DeviceKind,
    /// Driver and its version, as far as reported.
    pub driver: String,
    /// Why it can't be used; `None` where it can.
    pub unusable: Option<String>,
}

impl fmt::Display for AdapterSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DeviceKind::Discrete => "discrete",
            DeviceKind::Integrated => "integrated",
            DeviceKind::Virtual => "virtual",
            DeviceKind::Software => "software",
            DeviceKind::Other => "other",
        };
        write!(f, "{} ({}, {kind}", self.name, self.backend)?;
        if !self.driver.is_empty() {
            write!(f, ", {}", self.driver)?;
        }
        write!(f, ")")
    }
}

/// The machine's adapters through Vulkan, Metal and Direct3D 12, usable or not.
pub fn list_adapters() -> Vec<AdapterSummary> {
    enumerate(&GpuSettings::default()).into_iter().map(|candidate| candidate.summary).collect()
}

/// What tells one adapter of the machine from another, from one enumeration to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AdapterKey {
    backend: wgpu::Backend,
    vendor: u32,
    device: u32,
    bus: String,
    name: String,
    /// Counts adapters alike in all of the above.
    ordinal: usize,
}

/// What measurements of an adapter hold for: the same hardware, driver and graphics API.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AdapterIdentity {
    /// Name that the driver reports.
    pub name: String,
    /// Graphics API.
    pub backend: String,
    /// PCI vendor and device, 0 where there are none.
    pub pci: [u32; 2],
    /// Driver and its version, as far as reported.
    pub driver: String,
}

impl AdapterIdentity {
    pub(crate) fn of(info: &wgpu::AdapterInfo) -> Self {
        AdapterIdentity {
            name: info.name.clone(),
            backend: info.backend.to_str().into(),
            pci: [info.vendor, info.device],
            driver: driver(info),
        }
    }
}

fn driver(info: &wgpu::AdapterInfo) -> String {
    let parts = [info.driver.as_str(), info.driver_info.as_str()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// An adapter together with what is known about it.
pub(crate) struct Candidate {
    pub summary: AdapterSummary,
    pub key: AdapterKey,
    pub adapter: wgpu::Adapter,
}

/// All adapters, in the order of [`AdapterSummary::index`].
pub(crate) fn enumerate(settings: &GpuSettings) -> Vec<Candidate> {
    let adapters = pollster::block_on(instance().enumerate_adapters(BACKENDS));
    let mut candidates: Vec<Candidate> = Vec::with_capacity(adapters.len());
    for (index, adapter) in adapters.into_iter().enumerate() {
        let info = adapter.get_info();
        let mut key = AdapterKey {
            backend: info.backend,
            vendor: info.vendor,
            device: info.device,
            bus: info.device_pci_bus_id.clone(),
            name: info.name.clone(),
            ordinal: 0,
        };
        while candidates.iter().any(|other| other.key == key) {
            key.ordinal += 1;
        }
        let driver = driver(&info);
        let summary = AdapterSummary {
            index,
            name: info.name,
            backend: info.backend.to_str(),
            kind: probe::device_kind(info.device_type),
            driver,
            unusable: unusable(
                adapter.features(),
                &adapter.limits(),
                adapter.get_downlevel_capabilities().flags,
                settings,
            ),
        };
        candidates.push(Candidate { summary, key, adapter });
    }
    candidates
}

/// Positions of the adapters to try for a choice, best first; and for each other adapter, why it is passed over.
pub(crate) fn order(choice: &AdapterChoice, adapters: &[AdapterSummary]) -> (Vec<usize>, Vec<(usize, String)>) {
    let mut tried = Vec::new();
    let mut passed_over = Vec::new();
    for (position, adapter) in adapters.iter().enumerate() {
        let chosen = match choice {
            AdapterChoice::Auto => Ok(()),
            AdapterChoice::Index(index) if *index == adapter.index => Ok(()),
            AdapterChoice::Index(index) => Err(format!("its index is not {index}")),
            AdapterChoice::Name(part) if contains_ignoring_case(&adapter.name, part) => Ok(()),
            AdapterChoice::Name(part) => Err(format!("its name does not contain \"{part}\"")),
        };
        match (chosen, &adapter.unusable) {
            (Ok(()), None) => tried.push(position),
            (Ok(()), Some(reason)) => passed_over.push((position, reason.clone())),
            (Err(reason), _) => passed_over.push((position, reason)),
        }
    }
    // Stable: adapters of one kind keep the order in which the system lists them.
    tried.sort_by_key(|&position| match adapters[position].kind {
        DeviceKind::Discrete => 0,
        DeviceKind::Integrated => 1,
        DeviceKind::Virtual => 2,
        DeviceKind::Other => 3,
        DeviceKind::Software => 4,
    });
    (tried, passed_over)
}

const BACKENDS: wgpu::Backends = wgpu::Backends::VULKAN.union(wgpu::Backends::METAL).union(wgpu::Backends::DX12);

/// The process's wgpu instance. Loading graphics drivers is slow, and unloading them is where they crash: it stays.
fn instance() -> &'static wgpu::Instance {
    static INSTANCE: OnceLock<wgpu::Instance> = OnceLock::new();
    INSTANCE.get_or_init(|| {
        wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: BACKENDS,
            flags: wgpu::InstanceFlags::empty(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        })
    })
}

/// Why an adapter can't serve, as rule and what was received.
fn unusable(
    features: wgpu::Features,
    limits: &wgpu::Limits,
    flags: wgpu::DownlevelFlags,
    settings: &GpuSettings,
) -> Option<String> {
    if !flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS) {
        return Some("it has no compute shaders".into());
    }
    // Experimental kernels are optional, and for short queries lane wide does; the other portable ones must all fit.
    let portable = KERNELS.iter().filter(|kernel| !kernel.uses_coop && !kernel.name.starts_with("short_"));
    let needed = portable.map(|kernel| kernel.bindings.len() as u32).max().unwrap_or(0);
    let offered = limits.max_storage_buffers_per_shader_stage;
    if offered < needed {
        return Some(format!("kernels bind up to {needed} storage buffers, it allows {offered}"));
    }
    if settings.timestamps != Timestamps::Off && !features.contains(wgpu::Features::TIMESTAMP_QUERY) {
        return Some("measuring GPU time needs timestamp queries, it has none".into());
    }
    None
}

fn contains_ignoring_case(name: &str, part: &str) -> bool {
    name.to_lowercase().contains(&part.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(index: usize, name: &str, kind: DeviceKind) -> AdapterSummary {
        AdapterSummary { index, name: name.into(), backend: "vulkan", kind, driver: String::new(), unusable: None }
    }

    fn machine() -> Vec<AdapterSummary> {
        vec![
            adapter(0, "llvmpipe (LLVM 15.0.6, 256 bits)", DeviceKind::Software),
            adapter(1, "Intel(R) Arc", DeviceKind::Integrated),
            adapter(2, "NVIDIA RTX A", DeviceKind::Discrete),
            adapter(3, "NVIDIA RTX B", DeviceKind::Discrete),
        ]
    }

    #[test]
    fn auto_prefers_discrete_then_integrated_then_software() {
        let (tried, passed_over) = order(&AdapterChoice::Auto, &machine());
        assert_eq!(tried, [2, 3, 1, 0]);
        assert!(passed_over.is_empty());
    }

    #[test]
    fn auto_passes_over_the_unusable_and_says_why() {
        let mut machine = machine();
        machine[2].unusable = Some("it has no compute shaders".into());
        let (tried, passed_over) = order(&AdapterChoice::Auto, &machine);
        assert_eq!(tried, [3, 1, 0]);
        assert_eq!(passed_over, [(2, "it has no compute shaders".to_string())]);
    }

    #[test]
    fn index_and_name_pick_what_they_name_and_nothing_else() {
        let (tried, passed_over) = order(&AdapterChoice::Index(1), &machine());
        assert_eq!(tried, [1]);
        assert_eq!(passed_over.len(), 3);
        assert_eq!(passed_over[0].1, "its index is not 1");
        assert_eq!(order(&AdapterChoice::Name("nvidia".into()), &machine()).0, [2, 3]);
        assert_eq!(order(&AdapterChoice::Name("LLVMPIPE".into()), &machine()).0, [0]);
        assert!(order(&AdapterChoice::Name("mali".into()), &machine()).0.is_empty());
        assert!(order(&AdapterChoice::Index(4), &machine()).0.is_empty());
    }

    #[test]
    fn a_missing_capability_is_named() {
        let compute = wgpu::DownlevelFlags::COMPUTE_SHADERS;
        let all = wgpu::Features::all();
        let limits = wgpu::Limits { max_storage_buffers_per_shader_stage: 64, ..wgpu::Limits::default() };
        let default = GpuSettings::default();
        let timed = GpuSettings { timestamps: Timestamps::Call, ..GpuSettings::default() };

        assert_eq!(unusable(all, &limits, compute, &default), None);
        assert_eq!(unusable(all, &limits, compute, &timed), None);
        let reason = unusable(all, &limits, wgpu::DownlevelFlags::empty(), &default);
        assert_eq!(reason.as_deref(), Some("it has no compute shaders"));
        let reason = unusable(wgpu::Features::empty(), &limits, compute, &timed);
        assert!(reason.is_some_and(|reason| reason.contains("timestamp")));
        // 12 are what wgpu makes of the 24 of a set that Vulkan requires.
        let least = wgpu::Limits { max_storage_buffers_per_shader_stage: 12, ..limits.clone() };
        assert_eq!(unusable(all, &least, compute, &default), None);
        let tight = wgpu::Limits { max_storage_buffers_per_shader_stage: 11, ..limits };
        let reason = unusable(all, &tight, compute, &default);
        assert_eq!(reason.as_deref(), Some("kernels bind up to 12 storage buffers, it allows 11"));
    }
}
