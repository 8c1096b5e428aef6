//! Whether workers wait for each other: the system calls of Weir with several of them under load, by `strace`. A lock
//! that is contended shows as calls of `futex`, one that is free as none.

mod calls;

use std::io::{BufRead as _, BufReader, Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::scenario::{Name, Scenario};
use crate::target::{Scratch, Target};
use crate::upstream::Upstream;
use crate::weir::{self, Setup};
use crate::{load, process};

/// How long the load lasts.
const WINDOW: Duration = Duration::from_secs(2);

/// Counts the system calls of Weir with several workers under load, and so how often a lock is waited for.
///
/// Needs `strace` (Debian: `apt-get install strace`) and the right to trace. Everything is much slower meanwhile; how
/// many calls a request takes is not. Other work on the machine does not matter.
#[derive(Debug, Args)]
pub(crate) struct Contention {
    /// How many workers there are.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    workers: u32,
    /// The cores that they may use, as `taskset` lists them.
    #[arg(long, value_name = "LIST", default_value = "0,1")]
    cores: String,
    /// The `weir` to look at, instead of the one built with this program.
    #[arg(long, value_name = "PROGRAM")]
    weir: Option<PathBuf>,
}

impl Contention {
    /// Counts, and prints what was counted.
    pub(crate) async fn run(&self) -> Result<()> {
        let program = match &self.weir {
            Some(program) => program.clone(),
            None => weir::built()?,
        };
        let strace = process::find("strace").context("`strace` is missing")?;
        let scratch = Scratch::new()?;
        let upstream = Upstream::start("127.0.0.1:0".parse()?).await?;
        let setup = Setup {
            scratch: scratch.path(),
            program: &program,
            upstream: upstream.address,
            secure: None,
        };
        let mut weir = setup.with_workers(&self.cores, self.workers).await?;
        weir.ready().await?;
        let (requests, summary) = traced(weir, &strace, &scratch.path().join("calls")).await?;
        let workers = self.workers;
        let told = format!("{requests} requests over 64 connections, {workers} workers:\n\n");
        let calls = calls::table_of(&calls::read(&summary)?, requests);
        Ok(stdout().write_all((told + &calls).as_bytes())?)
    }
}

/// How many requests `weir` answered, and what `strace` says of that time.
async fn traced(weir: Target, strace: &Path, file: &Path) -> Result<(u64, String)> {
    let scenario = Scenario::of(Name::Sat).context("it is a load")?;
    let asked = weir.asked(&scenario)?;
    let mut tracer = attach(strace, weir.pid.context("it has a process")?, file)?;
    let counted = load::run(scenario, asked, WINDOW).await;
    // What it traces ends here, and so does it.
    drop(weir);
    tracer.wait()?;
    Ok((counted?.ever, std::fs::read_to_string(file)?))
}

/// Begins to trace every thread of `pid`; what was counted is written into `file` when it ends.
fn attach(strace: &Path, pid: u32, file: &Path) -> Result<Child> {
    let mut tracer = Command::new(strace)
        .args(["-f", "-c", "-o"])
        .arg(file)
        .args(["-p", &pid.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting strace")?;
    let says = tracer.stderr.take().context("it has an output")?;
    let mut line = String::new();
    BufReader::new(says).read_line(&mut line)?;
    ensure!(
        line.contains("attached"),
        "strace does not trace: {}",
        line.trim()
    );
    Ok(tracer)
}
