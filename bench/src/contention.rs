//! Whether workers wait for each other: the system calls of Weir under load, with one of them and with several, by
//! `strace`. A lock that is contended shows as calls of `futex`, one that is free as none.

mod calls;

use std::fs::{self, File};
use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use calls::Calls;
use clap::Args;
use tokio::time::{Instant, sleep};

use crate::scenario::{Name, Scenario};
use crate::target::{Scratch, Target};
use crate::upstream::Upstream;
use crate::weir::{self, Setup};
use crate::{load, process};

/// How long the load lasts.
const WINDOW: Duration = Duration::from_secs(5);

/// How long `strace` may take to begin.
const ATTACH: Duration = Duration::from_secs(10);

/// Counts the system calls of Weir with one worker and with several under load, and so how often workers wait for
/// each other.
///
/// Needs `strace` (Debian: `apt-get install strace`) and the right to trace. Everything is much slower meanwhile; how
/// many calls a request takes is not. Other work on the machine does not matter.
#[derive(Debug, Args)]
pub(crate) struct Contention {
    /// How many workers are several.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=64))]
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
        let mut all = Vec::new();
        for workers in [1, self.workers] {
            let mut weir = setup.with_workers(&self.cores, workers).await?;
            weir.ready().await?;
            let (requests, summary) = traced(weir, &strace, &scratch.path().join("calls")).await?;
            all.push(Calls::read(&summary, requests)?);
        }
        let heads = ["1 worker".to_owned(), format!("{} workers", self.workers)];
        Ok(stdout().write_all(calls::table_of(&all, &heads).as_bytes())?)
    }
}

/// How many requests `weir` answered, and what `strace` says of that time.
async fn traced(weir: Target, strace: &Path, file: &Path) -> Result<(u64, String)> {
    let scenario = Scenario::of(Name::Sat);
    let asked = weir.asked(&scenario)?;
    let mut tracer = attach(strace, weir.pid.context("it has a process")?, file).await?;
    let counted = load::run(scenario, asked, WINDOW).await;
    // What it traces ends here, and so does it.
    drop(weir);
    tracer.wait()?;
    Ok((counted?.ever, fs::read_to_string(file)?))
}

/// Begins to trace every thread of `pid`; what was counted is written into `file` when it ends.
async fn attach(strace: &Path, pid: u32, file: &Path) -> Result<Child> {
    // It speaks up for each thread that begins later, and so needs somebody who listens to the end.
    let says = file.with_extension("says");
    let mut tracer = Command::new(strace)
        .args(["-f", "-c", "-o"])
        .arg(file)
        .args(["-p", &pid.to_string()])
        .stdin(Stdio::null())
        .stderr(File::create(&says)?)
        .spawn()
        .context("starting strace")?;
    let begun = Instant::now();
    loop {
        let said = fs::read_to_string(&says)?;
        if said.contains("attached") {
            return Ok(tracer);
        }
        let ended = tracer.try_wait()?.is_some();
        ensure!(
            !ended && begun.elapsed() < ATTACH,
            "strace does not trace: {}",
            said.trim()
        );
        sleep(Duration::from_millis(10)).await;
    }
}
