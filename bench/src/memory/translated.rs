//! The peak of memory for one long body with images: translated, and passed through.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::mib;
use super::resident::{Resident, forget_peak, peak_kib};
use crate::bodies::{Shape, asked};
use crate::caller::Caller;
use crate::dialect::Dialect;
use crate::found::Found;
use crate::target::Scratch;
use crate::upstream::Upstream;
use crate::weir::Setup;

/// The body's length.
const BYTES: usize = 10 << 20;

/// How often each is measured, every time in a process of its own. The figure is the least.
const REPS: usize = 3;

/// The peak of translating as a multiple of that of passing through.
pub(super) async fn peak(program: &Path, core: usize) -> Result<Found> {
    let mut least = [u64::MAX; 2];
    for _ in 0..REPS {
        for (least, dialect) in least.iter_mut().zip([Dialect::OpenAi, Dialect::Anthropic]) {
            *least = (*least).min(grown(program, core, dialect).await?);
        }
    }
    let [passed, translated] = least.map(mib);
    let more = format!("{translated:.1} MiB to {passed:.1} MiB above rest");
    let what = "peak for 10 MiB with 20 images, chat to Anthropic, to that of passing it through";
    Ok(Found::at_most(what, translated / passed, 2.0, "times").with(more))
}

/// By how much one body makes the peak exceed what was resident before, in KiB.
async fn grown(program: &Path, core: usize, dialect: Dialect) -> Result<u64> {
    let upstream = Upstream::start(([127, 0, 0, 1], 0).into()).await?;
    let scratch = Scratch::new()?;
    let mut target = Setup {
        scratch: scratch.path(),
        program,
        upstream: upstream.address,
        secure: None,
    }
    .start(&core.to_string())
    .await?;
    target.ready().await?;
    let pid = target.pid.context("it was started here")?;
    let mut caller = Caller::open(target.address).await?;
    caller
        .ask(&asked(Shape::Images, 10_000, target.address, dialect))
        .await?;
    let long = asked(Shape::Images, BYTES, target.address, dialect);
    forget_peak(pid)?;
    let before = Resident::of(pid)?.resident_kib;
    caller.ask(&long).await?;
    Ok(peak_kib(pid)?.saturating_sub(before))
}
