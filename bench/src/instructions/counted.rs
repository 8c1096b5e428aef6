//! One run of the router under callgrind, and how many instructions it took.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::sequence;
use crate::process;
use crate::scenario::Scenario;
use crate::target::Scratch;

/// Where the counts of the last run stay, for `callgrind_annotate`.
const PROFILE: &str = "WEIR_BENCH_CALLGRIND";

/// What is run.
#[derive(Debug)]
pub(super) struct Program {
    taskset: PathBuf,
    valgrind: PathBuf,
    router: PathBuf,
}

impl Program {
    /// The router that was built with this program. When cargo runs this program it builds that one first.
    pub(super) fn built() -> Result<Self> {
        if let Some(cargo) = std::env::var_os("CARGO") {
            let args = [
                "build",
                "--quiet",
                "--release",
                "--package",
                "weir-bench",
                "--bin",
                "weir-bench-router",
            ];
            ensure!(
                Command::new(cargo).args(args).status()?.success(),
                "it does not build"
            );
        }
        let router = std::env::current_exe()?.with_file_name("weir-bench-router");
        ensure!(
            router.is_file(),
            "{} is missing: build it with `cargo build --release -p weir-bench`",
            router.display()
        );
        Ok(Self {
            taskset: process::tool("taskset")?,
            valgrind: process::find("valgrind").context("`valgrind` is missing")?,
            router,
        })
    }
}

/// The instructions of a whole run of `requests` requests of `scenario`.
pub(super) fn run(program: &Program, scenario: &Scenario, requests: u32) -> Result<u64> {
    let scratch = Scratch::new()?;
    let kept = std::env::var_os(PROFILE).map(PathBuf::from);
    let counts = kept.unwrap_or_else(|| scratch.path().join("counts"));
    let upstream = TcpListener::bind("127.0.0.1:0")?;
    let mut child = start(program, upstream.local_addr()?, scratch.path(), &counts)?;
    let ran = listens(&mut child)
        .and_then(|router| sequence::run(scenario, router, &upstream, child.id(), requests));
    // The router ends with its input; without it, and after a mistake, so does this one's wait.
    drop(child.stdin.take());
    let ended = child.wait()?;
    let log = || fs::read_to_string(scratch.path().join("log")).unwrap_or_default();
    ran.with_context(log)?;
    ensure!(ended.success(), "the router ended badly\n{}", log());
    total(&counts)
}

fn start(program: &Program, upstream: SocketAddr, scratch: &Path, counts: &Path) -> Result<Child> {
    let mut out = std::ffi::OsString::from("--callgrind-out-file=");
    out.push(counts);
    let mut log = std::ffi::OsString::from("--log-file=");
    log.push(scratch.join("log"));
    // On one core, so that there are as many workers on every machine.
    Command::new(&program.taskset)
        .args(["--cpu-list", "0"])
        .arg(&program.valgrind)
        .arg("--tool=callgrind")
        .args([out, log])
        .arg(&program.router)
        .arg(upstream.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(scratch.join("access"))?)
        .spawn()
        .context("starting valgrind")
}

/// Where the router says that it listens.
fn listens(child: &mut Child) -> Result<SocketAddr> {
    let mut line = String::new();
    let output = child.stdout.take().context("it has an output")?;
    BufReader::new(output).read_line(&mut line)?;
    line.trim().parse().context("the router did not start")
}

/// All instructions, as callgrind's file ends: `totals: 123`.
fn total(counts: &Path) -> Result<u64> {
    let text = fs::read_to_string(counts)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total
        .context("callgrind counted nothing")?
        .trim()
        .parse()
        .context("a total")
}
