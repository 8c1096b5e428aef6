//! What the kernel says of a process's memory. It reads and writes `/proc` and nothing else.

use std::fmt;
use std::fs;

use anyhow::{Context as _, Result};

use crate::stats::float;

/// A process's memory at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resident {
    /// All that is resident, in KiB.
    pub(crate) resident_kib: u64,
    /// What of it is in no file: heap and stacks, in KiB.
    pub(crate) anonymous_kib: u64,
}

impl Resident {
    /// That of process `pid`: `Rss` and `Anonymous` of `/proc/PID/smaps_rollup` (proc(5)).
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        Ok(Self {
            resident_kib: kib(&text, "Rss:")?,
            anonymous_kib: kib(&text, "Anonymous:")?,
        })
    }
}

impl fmt::Display for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |kib| float(kib) / 1024.0;
        write!(
            f,
            "resident {:.1} MiB, of it anonymous {:.1}",
            mib(self.resident_kib),
            mib(self.anonymous_kib)
        )
    }
}

/// The most that process `pid` had resident since the start or [`forget_peak`], in KiB: `VmHWM` of `/proc/PID/status`.
pub(crate) fn peak_kib(pid: u32) -> Result<u64> {
    kib(&fs::read_to_string(format!("/proc/{pid}/status"))?, "VmHWM:")
}

/// Has the kernel count the peak from here on: 5 into `/proc/PID/clear_refs` (proc(5)).
pub(crate) fn forget_peak(pid: u32) -> Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("resetting a peak")
}

fn kib(text: &str, name: &str) -> Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("the kernel says nothing of {name}"))
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::{Resident, forget_peak, peak_kib};

    #[test]
    fn what_is_written_is_anonymous_and_its_peak_is_remembered_until_it_is_forgotten() {
        let me = std::process::id();
        let before = Resident::of(me).unwrap();
        let block = black_box(vec![1_u8; 32 << 20]);
        let with = Resident::of(me).unwrap();
        assert!(
            with.anonymous_kib >= before.anonymous_kib + (30 << 10),
            "{before} {with}"
        );
        drop(block);
        assert!(peak_kib(me).unwrap() >= with.resident_kib - 1024);
        forget_peak(me).unwrap();
        assert!(peak_kib(me).unwrap() < with.resident_kib);
    }
}
