//! What Criterion measured of single functions, beside the goals. It runs the benchmarks, each in the crate that
//! holds the code, and reads the files that Criterion leaves.

use std::ffi::OsString;
use std::fs;
use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::found::{Found, listed};
use crate::machine::Machine;
use crate::stats::float;
use crate::target::Scratch;

/// Times single functions by Criterion: choosing a target, scanning a body, compiling tables.
#[derive(Debug, Args)]
pub(crate) struct Criterion {
    /// Only this; may be repeated.
    #[arg(short, long = "bench", value_name = "NAME")]
    benches: Vec<Bench>,
}

/// A benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bench {
    /// Choosing among 3 and among 64 targets.
    Select,
    /// Finding the members of a request's body.
    Scan,
    /// Compiling 10,000 policies, and one edit among them.
    Tables,
}

impl Bench {
    const ALL: [Self; 3] = [Self::Select, Self::Scan, Self::Tables];

    /// What cargo is told.
    const fn args(self) -> &'static [&'static str] {
        match self {
            Self::Select => &["--package", "weir-table", "--bench", "select"],
            Self::Scan => &[
                "--package",
                "weir-router",
                "--no-default-features",
                "--features",
                "bench",
                "--bench",
                "scan",
            ],
            Self::Tables => &["--package", "weir-operator", "--bench", "tables"],
        }
    }
}

impl Criterion {
    /// Measures, and prints every figure.
    pub(crate) fn run(&self) -> Result<()> {
        let results = Scratch::new()?;
        let benches: &[Bench] = if self.benches.is_empty() {
            &Bench::ALL
        } else {
            &self.benches
        };
        for bench in benches {
            measure(*bench, results.path())?;
        }
        let figures: Vec<Found> = measured(results.path())?.iter().map(Measured::figure).collect();
        let machine = Machine::look().describe();
        let text = format!(
            "{machine}. Medians, and between which Criterion is 95 % sure that they lie.\n\n{}",
            listed(&figures)
        );
        Ok(stdout().write_all(text.as_bytes())?)
    }
}

fn measure(bench: Bench, results: &Path) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let status = Command::new(cargo)
        .arg("bench")
        .args(bench.args())
        .args(["--", "--noplot", "--warm-up-time", "1", "--measurement-time", "3"])
        .env("CRITERION_HOME", results)
        .stdout(Stdio::from(std::io::stderr()))
        .status()?;
    ensure!(status.success(), "the benchmark {bench:?} failed");
    Ok(())
}

/// What one function took.
#[derive(Debug)]
struct Measured {
    name: Name,
    median: Estimate,
    /// When it was measured, for the order.
    at: SystemTime,
}

/// `benchmark.json` of Criterion.
#[derive(Debug, Deserialize)]
struct Name {
    full_id: String,
    throughput: Option<Throughput>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Throughput {
    bytes: u64,
}

/// `estimates.json` of Criterion, in nanoseconds.
#[derive(Debug, Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Debug, Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Debug, Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

/// Everything below `folder`, in the order in which it was measured.
fn measured(folder: &Path) -> Result<Vec<Measured>> {
    let mut found = Vec::new();
    for results in below(folder)?.into_iter().filter(|path| path.ends_with("new")) {
        let name = results.join("benchmark.json");
        let estimates: Estimates = serde_json::from_slice(&fs::read(results.join("estimates.json"))?)?;
        found.push(Measured {
            at: fs::metadata(&name)?.modified()?,
            name: serde_json::from_slice(&fs::read(&name)?).context("what Criterion wrote")?,
            median: estimates.median,
        });
    }
    found.sort_by_key(|measured| measured.at);
    Ok(found)
}

/// Every folder below `folder`.
fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = vec![folder.to_owned()];
    let mut at = 0;
    while let Some(folder) = folders.get(at) {
        let inner = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
        let inner: Vec<PathBuf> = inner.filter(|path| path.is_dir()).collect();
        folders.extend(inner);
        at += 1;
    }
    Ok(folders)
}

impl Measured {
    fn figure(&self) -> Found {
        let (name, nanoseconds) = (&*self.name.full_id, self.median.point_estimate);
        let Interval {
            lower_bound,
            upper_bound,
        } = self.median.confidence_interval;
        let spread = format!("{} to {}", time(lower_bound), time(upper_bound));
        let bytes = self
            .name
            .throughput
            .as_ref()
            .map(|throughput| float(throughput.bytes));
        match (goal(name), bytes) {
            (Some(Goal::Nanoseconds(limit)), _) => {
                Found::at_most(name, nanoseconds, limit, "ns").with(spread)
            }
            (Some(Goal::Milliseconds(limit)), _) => {
                Found::at_most(name, nanoseconds / 1e6, limit, "ms").with(spread)
            }
            (Some(Goal::Speed(limit)), Some(bytes)) => {
                let took = format!("{} for {:.0} KiB", time(nanoseconds), bytes / 1024.0);
                Found::at_least(name, bytes / nanoseconds, limit, "GB/s").with(took)
            }
            (_, Some(bytes)) => {
                let size = format!("{spread}; {:.0} KiB", bytes / 1024.0);
                Found::plain(name, time(nanoseconds)).with(size)
            }
            (_, None) => Found::plain(name, time(nanoseconds)).with(spread),
        }
    }
}

/// What a function is to take.
#[derive(Debug, PartialEq)]
enum Goal {
    /// At most.
    Nanoseconds(f64),
    /// At most.
    Milliseconds(f64),
    /// At least so many bytes in a nanosecond.
    Speed(f64),
}

fn goal(name: &str) -> Option<Goal> {
    let (group, what) = name.split_once('/')?;
    match (group, what) {
        ("select", "targets/3") => Some(Goal::Nanoseconds(100.0)),
        ("select", "targets/64") => Some(Goal::Nanoseconds(1_000.0)),
        ("scan", _) => Some(Goal::Speed(4.0)),
        ("compile", "10,000 policies") => Some(Goal::Milliseconds(300.0)),
        ("edit", _) => Some(Goal::Milliseconds(5.0)),
        _ => None,
    }
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ..1e3 => format!("{nanoseconds:.1} ns"),
        1e3..1e6 => format!("{:.2} µs", nanoseconds / 1e3),
        _ => format!("{:.2} ms", nanoseconds / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::{Goal, goal, time};

    #[test]
    fn times_are_told_in_the_unit_that_fits() {
        assert_eq!(time(47.34), "47.3 ns");
        assert_eq!(time(1_514.2), "1.51 µs");
        assert_eq!(time(212_000_000.0), "212.00 ms");
    }

    #[test]
    fn every_function_with_a_goal_is_known_by_its_name() {
        assert_eq!(goal("select/targets/64"), Some(Goal::Nanoseconds(1_000.0)));
        assert_eq!(goal("scan/one text, model last"), Some(Goal::Speed(4.0)));
        assert_eq!(goal("document/encode 100 policies"), None);
    }
}
