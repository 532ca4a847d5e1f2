//! How much memory inputs may take, so that what they lead to does not have the system end the program.

use std::fs;
use std::path::Path;

/// Inputs take one part of so many: beside them are the outputs of every way, and what as many sessions keep between nodes.
const PARTS: u64 = 16;
/// What inputs may take where the system does not tell its memory.
const UNKNOWN: u64 = 1 << 30;

/// What an input takes.
#[derive(Debug)]
pub(super) struct Need<'a> {
    pub(super) name: &'a str,
    pub(super) shape: Vec<usize>,
    /// Bytes of an element.
    pub(super) size: usize,
}

impl Need<'_> {
    /// All bytes; the largest number where it is larger than any.
    fn bytes(&self) -> u64 {
        self.shape.iter().fold(self.size as u64, |bytes, &size| bytes.saturating_mul(size as u64))
    }
}

/// Checks that this machine has the memory for such inputs.
///
/// # Errors
/// How much there is, and how much they take.
pub(super) fn check(needs: &[Need<'_>]) -> Result<(), String> {
    within(available(Path::new("/")), needs)
}

fn within(available: Option<u64>, needs: &[Need<'_>]) -> Result<(), String> {
    let most = available.map_or(UNKNOWN, |available| available / PARTS);
    let total = needs.iter().fold(0_u64, |total, need| total.saturating_add(need.bytes()));
    let Some(largest) = needs.iter().max_by_key(|need| need.bytes()).filter(|_| total > most) else { return Ok(()) };
    let rule = match available {
        Some(available) => format!("{} of memory, 1/{PARTS} of the {} available", text(most), text(available)),
        None => format!("{} of memory", text(most)),
    };
    Err(format!(
        "inputs take up to {rule}, got {} in all, most of it '{}' of shape {:?}: lower what --dim gives, or use smaller files",
        text(total),
        largest.name,
        largest.shape
    ))
}

fn text(bytes: u64) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    if mebibytes < 1024.0 { format!("{mebibytes:.1} MiB") } else { format!("{:.1} GiB", mebibytes / 1024.0) }
}

/// What Linux says is available, or the limit of a control group around this process where that is lower.
fn available(root: &Path) -> Option<u64> {
    let meminfo = fs::read_to_string(root.join("proc/meminfo")).unwrap_or_default();
    let kibibytes = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB"));
    let free = kibibytes.and_then(|number| Some(number.parse::<u64>().ok()? * 1024));
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    groups.lines().filter_map(|line| group_limit(root, line)).chain(free).min()
}

/// The lowest limit of a control group and those around it, from a line `number:controllers:path`.
fn group_limit(root: &Path, line: &str) -> Option<u64> {
    let (controllers, group) = line.split_once(':')?.1.split_once(':')?;
    let (folder, file) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        _ if controllers.split(',').any(|name| name == "memory") => ("sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        _ => return None,
    };
    let limit = |group: &Path| fs::read_to_string(root.join(folder).join(group).join(file)).ok()?.trim().parse().ok();
    // A group without a limit has a word there, and a container sees its own as the outermost.
    Path::new(group.trim_start_matches('/')).ancestors().filter_map(limit).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and contents.
    type Files<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn the_lowest_of_what_is_free_and_every_limit_counts() {
        let meminfo = ("proc/meminfo", "MemTotal:  9000 kB\nMemAvailable:   4000 kB\n");
        let second = ("proc/self/cgroup", "0::/a/b\n");
        let first = ("proc/self/cgroup", "4:cpu,memory:/a\n3:cpu:/a\n0::/\n");
        let cases: [(Files<'_>, Option<u64>); 7] = [
            (&[], None),
            (&[meminfo], Some(4_096_000)),
            (&[meminfo, second, ("sys/fs/cgroup/a/b/memory.max", "max\n")], Some(4_096_000)),
            (&[meminfo, second, ("sys/fs/cgroup/a/b/memory.max", "9000000\n")], Some(4_096_000)),
            (&[meminfo, second, ("sys/fs/cgroup/a/memory.max", "7000\n")], Some(7000)),
            (&[first, ("sys/fs/cgroup/memory/memory.limit_in_bytes", "8000\n")], Some(8000)),
            (&[first, ("sys/fs/cgroup/cpu/a/memory.limit_in_bytes", "8000\n")], None),
        ];
        for (files, expected) in cases {
            let root = tempfile::tempdir().unwrap();
            for (name, content) in files {
                let file = root.path().join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, content).unwrap();
            }
            assert_eq!(available(root.path()), expected, "{files:?}");
        }
    }

    #[test]
    fn inputs_take_their_part_at_the_most() {
        let need = |name, shape: &[usize], size| Need { name, shape: shape.into(), size };
        let pair = |length| [need("mask", &[length], 1), need("q", &[2, length], 4)];
        assert_eq!(within(Some((9 * 16) << 20), &pair(1 << 20)), Ok(()));
        let said = within(Some((9 * 16) << 20), &pair((1 << 20) + 1)).unwrap_err();
        assert!(said.contains("up to 9.0 MiB of memory, 1/16 of the 144.0 MiB available, got 9.0 MiB"), "{said}");
        assert!(said.contains("most of it 'q' of shape [2, 1048577]"), "{said}");
        assert_eq!(within(None, &[need("x", &[1 << 30], 1)]), Ok(()));
        let said = within(None, &[need("x", &[usize::MAX, usize::MAX], 8)]).unwrap_err();
        assert!(said.contains("up to 1.0 GiB of memory, got 17179869184.0 GiB"), "{said}");
        assert_eq!(within(Some(0), &[need("x", &[usize::MAX, usize::MAX, 0], 8)]), Ok(()));
        assert_eq!(within(Some(0), &[]), Ok(()));
    }
}
