//! What Weir holds in memory: at rest, with many policies, with many streams, for a caller that does not read, and
//! while it translates a long body.

mod flood;
mod resident;
mod translated;

use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::caller::Caller;
use crate::exchange::request;
use crate::fed::{self, Fed};
use crate::found::{Found, listed};
use crate::machine::Machine;
use crate::scenario::{Answer, Name, Scenario};
use crate::stats::float;
use crate::target::{MODEL, PATH, Scratch, Target};
use crate::upstream::Upstream;
use crate::weir::Setup;
use crate::{process, weir};
use flood::Flood;
pub(crate) use resident::Resident;

/// Tables of a hundred policies each.
const TABLES: usize = 100;
const STREAMS: u32 = 1_000;

/// How far apart a stream's events are: far enough that nothing waits, near enough that all streams last while they
/// are looked at.
const PAUSE: Duration = Duration::from_millis(500);

/// How long everything is left alone before it is looked at.
const REST: Duration = Duration::from_secs(1);

/// How long a stream may take to stop when nobody reads it.
const STALL: Duration = Duration::from_secs(30);

const KIB_PER_MIB: f64 = 1024.0;

/// Measures what Weir holds in memory.
///
/// Resident and anonymous memory from `/proc/PID/smaps_rollup`, peaks from `VmHWM`. What 256 connections take is a
/// scenario of its own: `-s memory`.
#[derive(Debug, Args)]
pub(crate) struct Memory {
    /// The `weir` to measure, instead of the one built with this program.
    #[arg(long, value_name = "PROGRAM")]
    weir: Option<PathBuf>,
    /// Weir's core.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    proxy_core: usize,
    /// The core of callers and mock upstream.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    load_core: usize,
}

impl Memory {
    /// Measures, and prints every figure.
    pub(crate) async fn run(&self) -> Result<()> {
        let program = match &self.weir {
            Some(program) => program.clone(),
            None => weir::built()?,
        };
        process::pin(std::process::id(), self.load_core)?;
        let mut figures = self.policies().await?;
        figures.extend(self.streams(&program).await?);
        figures.push(self.slow_reader(&program).await?);
        figures.push(translated::peak(&program, self.proxy_core).await?);
        let machine = Machine::look().describe();
        let text = format!("{machine}.\n\n{}", listed(&figures));
        Ok(stdout().write_all(text.as_bytes())?)
    }

    /// The router alone, without any policy and with many.
    async fn policies(&self) -> Result<Vec<Found>> {
        let upstream = Upstream::start(([127, 0, 0, 1], 0).into()).await?;
        let cores = self.proxy_core.to_string();
        let empty = Fed::start(&cores, upstream.address, 0)?;
        sleep(REST).await;
        let idle = Resident::of(empty.pid())?;
        drop(empty);
        let full = Fed::start(&cores, upstream.address, TABLES)?;
        sleep(REST).await;
        let loaded = Resident::of(full.pid())?;
        let asked = request(&Scenario::of(Name::Sat), full.address, PATH, fed::MODEL);
        Caller::open(full.address).await?.ask(&asked).await?;
        let more = mib(loaded.resident_kib.saturating_sub(idle.resident_kib));
        Ok(vec![
            Found::at_most(
                "the router at rest, empty table",
                mib(idle.resident_kib),
                10.0,
                "MiB",
            )
            .with(idle),
            Found::at_most("10,000 policies of three targets more", more, 60.0, "MiB").with(loaded),
        ])
    }

    async fn streams(&self, program: &std::path::Path) -> Result<Vec<Found>> {
        let upstream = Upstream::start(([127, 0, 0, 1], 0).into()).await?;
        let scratch = Scratch::new()?;
        let mut target = Setup {
            scratch: scratch.path(),
            program,
            upstream: upstream.address,
            secure: None,
        }
        .start(&self.proxy_core.to_string())
        .await?;
        target.ready().await?;
        let pid = target.pid.context("it was started here")?;
        sleep(REST).await;
        let before = Resident::of(pid)?;
        upstream.answer(Answer::Stream(PAUSE));
        let open = open(&target).await?;
        sleep(REST).await;
        let during = Resident::of(pid)?;
        drop(open);
        let each = float(during.resident_kib.saturating_sub(before.resident_kib)) / f64::from(STREAMS);
        let anonymous = float(during.anonymous_kib.saturating_sub(before.anonymous_kib)) / f64::from(STREAMS);
        let more = format!(
            "anonymous {anonymous:.1} KiB; in all {} to {} MiB",
            whole(before),
            whole(during)
        );
        Ok(vec![
            Found::plain(
                "`weir serve` after its first request",
                format!("{:.1} MiB", mib(before.resident_kib)),
            )
            .with(before),
            Found::at_most(format!("each of {STREAMS} streams"), each, 64.0, "KiB").with(more),
        ])
    }

    async fn slow_reader(&self, program: &std::path::Path) -> Result<Found> {
        let flood = Flood::start().await?;
        let scratch = Scratch::new()?;
        let mut target = Setup {
            scratch: scratch.path(),
            program,
            upstream: flood.address,
            secure: None,
        }
        .start(&self.proxy_core.to_string())
        .await?;
        target.ready().await?;
        let pid = target.pid.context("it was started here")?;
        sleep(REST).await;
        let before = Resident::of(pid)?;
        let mut caller = Caller::open(target.address).await?;
        caller
            .send(&request(&Scenario::of(Name::Burst), target.address, PATH, MODEL))
            .await?;
        let sent = timeout(STALL, flood.stalled())
            .await
            .context("the stream never stalled")?;
        let during = Resident::of(pid)?;
        let grown = mib(during.resident_kib.saturating_sub(before.resident_kib));
        let what = "a stream of 100 MiB whose caller does not read";
        let took = format!(
            "{:.1} MiB left the upstream, most of it into the kernel's buffers",
            float(sent) / 1024.0 / 1024.0
        );
        Ok(Found::at_most(what, grown, 1.0, "MiB").with(took))
    }
}

/// Opens every stream; each has begun, and is read until it is dropped.
async fn open(target: &Target) -> Result<JoinSet<Result<()>>> {
    let asked = request(&Scenario::of(Name::Sse), target.address, PATH, MODEL);
    let mut callers = Vec::new();
    for _ in 0..STREAMS {
        let mut caller = Caller::open(target.address).await?;
        caller.send(&asked).await?;
        callers.push(caller);
    }
    let mut open = JoinSet::new();
    for mut caller in callers {
        // Weir begins an answer with its first content.
        caller.first().await?;
        open.spawn_local(async move { caller.rest().await });
    }
    Ok(open)
}

fn mib(kib: u64) -> f64 {
    float(kib) / KIB_PER_MIB
}

fn whole(resident: Resident) -> String {
    format!("{:.1}", mib(resident.resident_kib))
}
