//! What processes have used, from the kernel's own books. It reads `/proc` and nothing else.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::stats::float;

/// Bytes of a MiB, in the KiB that `/proc` counts in.
const KIB_PER_MIB: f64 = 1024.0;

/// A process and all that descend from it; which of those end meanwhile, nobody can say.
pub(crate) fn tree(root: u32) -> Result<Vec<u32>> {
    tasks(root)?;
    let mut tree = vec![root];
    let mut at = 0;
    while let Some(pid) = tree.get(at).copied() {
        for task in tasks(pid).unwrap_or_default() {
            let children = fs::read_to_string(format!("{task}/children")).unwrap_or_default();
            tree.extend(
                children
                    .split_whitespace()
                    .filter_map(|child| child.parse::<u32>().ok()),
            );
        }
        at += 1;
    }
    Ok(tree)
}

/// The time that all threads of the process tree at `root` have been on a core, user and system.
///
/// The first field of `/proc/PID/task/TID/schedstat`, in nanoseconds (Documentation/scheduler/sched-stats
/// of the kernel). A thread or child that has ended takes its time with it; one that runs at this moment lacks
/// what it has used since the last tick.
pub(crate) fn processor_time(root: u32) -> Result<Duration> {
    let children = tree(root)?.into_iter().skip(1);
    let theirs: Duration = children.filter_map(|child| alone(child).ok()).sum();
    Ok(alone(root)? + theirs)
}

/// The same of this process alone, without the children that it measures.
pub(crate) fn own_time() -> Result<Duration> {
    alone(std::process::id())
}

fn alone(pid: u32) -> Result<Duration> {
    let nanoseconds = tasks(pid)?.iter().filter_map(|task| on_core(task)).sum();
    ensure!(nanoseconds > 0, "the kernel keeps no schedstat for process {pid}");
    Ok(Duration::from_nanos(nanoseconds))
}

fn on_core(task: &str) -> Option<u64> {
    let schedstat = fs::read_to_string(format!("{task}/schedstat")).ok()?;
    schedstat.split_whitespace().next()?.parse().ok()
}

/// The time that all cores together have been busy since the machine started, with that which its host took
/// away. The first line of `/proc/stat` (proc(5)), in hundredths of a second.
pub(crate) fn machine_time() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let fields: Vec<u64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    let [
        user,
        nice,
        system,
        _idle,
        _waiting,
        interrupts,
        soft_interrupts,
        stolen,
        ..,
    ] = fields[..]
    else {
        bail!("/proc/stat has another shape than proc(5) says");
    };
    let ticks = user + nice + system + interrupts + soft_interrupts + stolen;
    Ok(Duration::from_millis(ticks * 10))
}

/// The memory that the process tree at `root` has resident, in MiB; pages that its processes share count
/// once for each of them. `VmRSS` of `/proc/PID/status`.
pub(crate) fn resident_mib(root: u32) -> Result<f64> {
    let resident = tree(root)?.into_iter().filter_map(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    });
    Ok(float(resident.sum()) / KIB_PER_MIB)
}

/// The folders of the threads of process `pid`.
fn tasks(pid: u32) -> Result<Vec<String>> {
    let folder = format!("/proc/{pid}/task");
    let entries = fs::read_dir(&folder).with_context(|| format!("process {pid} is not running"))?;
    Ok(entries
        .flatten()
        .map(|entry| entry.path().display().to_string())
        .collect())
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::{machine_time, own_time, processor_time, resident_mib, tree};

    #[test]
    fn children_belong_to_the_tree_and_their_time_to_its() {
        let busy = "while :; do :; done";
        let mut child = Command::new("sh").args(["-c", busy]).spawn().unwrap();
        let me = std::process::id();
        let begun = Instant::now();
        while processor_time(child.id()).is_ok_and(|time| time < Duration::from_millis(50)) {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "the child gets no time"
            );
        }
        let (tree, own, all) = (
            tree(me).unwrap(),
            own_time().unwrap(),
            processor_time(me).unwrap(),
        );
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(tree.contains(&child.id()), "{tree:?}");
        assert!(all >= own + Duration::from_millis(50), "{all:?} {own:?}");
    }

    #[test]
    fn this_process_has_used_time_and_memory() {
        let me = std::process::id();
        assert!(!processor_time(me).unwrap().is_zero());
        assert!(resident_mib(me).unwrap() > 0.5);
        assert!(machine_time().unwrap() > processor_time(me).unwrap());
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(
            processor_time(u32::MAX)
                .unwrap_err()
                .to_string()
                .contains("not running")
        );
    }
}
