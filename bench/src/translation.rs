//! What long bodies cost in CPU time, by their length: passed through, and translated.

use std::io::{Write as _, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::accounting::processor_time;
use crate::bodies::{Shape, asked};
use crate::caller::Caller;
use crate::dialect::Dialect;
use crate::found::{Found, listed};
use crate::machine::Machine;
use crate::markdown::table;
use crate::target::Scratch;
use crate::upstream::Upstream;
use crate::weir::Setup;
use crate::{process, weir};

/// The lengths, in MiB.
const LENGTHS: [u32; 4] = [1, 2, 4, 8];

/// How many MiB are sent at each length in one round.
const VOLUME: u32 = 32;

/// What is sent how.
const CASES: [(Shape, Dialect); 4] = [
    (Shape::Text, Dialect::OpenAi),
    (Shape::Text, Dialect::Anthropic),
    (Shape::Images, Dialect::OpenAi),
    (Shape::Images, Dialect::Anthropic),
];

/// A MiB of the longest body may cost so many times one of the shortest.
const LINEAR: f64 = 1.25;

/// Measures CPU time of long bodies, by their length.
///
/// Text and images, of 1 to 8 MiB, one request after another: passed through, and translated from chat completions into
/// Anthropic's dialect. CPU time as in the comparison, from the kernel's books.
#[derive(Debug, Args)]
pub(crate) struct Translation {
    /// The `weir` to measure, instead of the one built with this program.
    #[arg(long, value_name = "PROGRAM")]
    weir: Option<PathBuf>,
    /// How often each is measured. The figures are minima.
    #[arg(short, long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=100))]
    reps: u32,
    /// Weir's core.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    proxy_core: usize,
    /// The core of callers and mock upstream.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    load_core: usize,
}

/// Microseconds for a MiB, by length and case.
type Costs = [[f64; CASES.len()]; LENGTHS.len()];

impl Translation {
    /// Measures, and prints every figure.
    pub(crate) async fn run(&self) -> Result<()> {
        let program = match &self.weir {
            Some(program) => program.clone(),
            None => weir::built()?,
        };
        process::pin(std::process::id(), self.load_core)?;
        let upstream = Upstream::start(([127, 0, 0, 1], 0).into()).await?;
        let scratch = Scratch::new()?;
        let mut target = Setup {
            scratch: scratch.path(),
            program: &program,
            upstream: upstream.address,
            secure: None,
        }
        .start(&self.proxy_core.to_string())
        .await?;
        target.ready().await?;
        let pid = target.pid.context("it was started here")?;
        let costs = self.costs(target.address, pid).await?;
        let machine = Machine::look().describe();
        let text = format!(
            "{machine}. The least of {} rounds.\n\n{}\n{}",
            self.reps,
            by_length(&costs),
            listed(&goals(&costs))
        );
        Ok(stdout().write_all(text.as_bytes())?)
    }

    async fn costs(&self, address: SocketAddr, pid: u32) -> Result<Costs> {
        let mut caller = Caller::open(address).await?;
        let mut costs = [[f64::INFINITY; CASES.len()]; LENGTHS.len()];
        // One round more: the first finds buffers and connections cold.
        for _ in 0..=self.reps {
            for (costs, mib) in costs.iter_mut().zip(LENGTHS) {
                for (cost, (shape, dialect)) in costs.iter_mut().zip(CASES) {
                    let request = asked(shape, (mib as usize) << 20, address, dialect);
                    let before = processor_time(pid)?;
                    for _ in 0..VOLUME / mib {
                        caller.ask(&request).await?;
                    }
                    let took = processor_time(pid)?.saturating_sub(before);
                    *cost = cost.min(micros(took) / f64::from(VOLUME));
                }
            }
        }
        Ok(costs)
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn by_length(costs: &Costs) -> String {
    let row = |(mib, costs): (u32, &[f64; CASES.len()])| {
        let costs = costs.iter().map(|cost| format!("{cost:.0}"));
        [format!("{mib} MiB")].into_iter().chain(costs).collect()
    };
    let rows: Vec<Vec<String>> = LENGTHS.into_iter().zip(costs).map(row).collect();
    let heads = [
        "CPU µs per MiB",
        "text, passed through",
        "text, chat to Anthropic",
        "images, passed through",
        "images, chat to Anthropic",
    ];
    table(&heads, &rows)
}

fn goals(costs: &Costs) -> Vec<Found> {
    let [first, .., last] = costs;
    let growth = |(what, case): (&str, usize)| {
        let what = format!("a MiB of 8 to one of 1, translated {what}");
        Found::at_most(what, last[case] / first[case], LINEAR, "times")
    };
    [("text", 1), ("images", 3)].into_iter().map(growth).collect()
}
