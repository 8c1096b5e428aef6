//! What replacing tables does to requests: how soon a new one serves, and what latency is like meanwhile.

use std::cell::{Cell, RefCell};
use std::io::{Write as _, stdout};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use crate::accounting::processor_time;
use crate::caller::Caller;
use crate::exchange::request;
use crate::fed::{Fed, MODEL, Swap};
use crate::found::{Found, listed};
use crate::machine::Machine;
use crate::markdown::table;
use crate::process;
use crate::scenario::{Name, Scenario};
use crate::stats::{Spread, float, percentile};
use crate::target::PATH;
use crate::upstream::Upstream;

/// Tables of a hundred policies each.
const TABLES: usize = 100;

/// How often one table is replaced to see how soon it serves.
const CHANGES: usize = 50;

/// Requests come at this rate, from so many callers in turn.
const PER_SECOND: u32 = 1_000;
const CALLERS: u32 = 20;

/// How long latency is looked at, warm-up not counted.
const WINDOW: Duration = Duration::from_secs(4);
const WARM_UP: Duration = Duration::from_millis(500);

/// How long a change may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What happens to tables meanwhile.
const MODES: [(&str, Option<(Swap, Duration)>); 3] = [
    ("nothing", None),
    (
        "one of 100 tables, every 100 ms",
        Some((Swap::One, Duration::from_millis(100))),
    ),
    (
        "all 100 tables, every second",
        Some((Swap::All, Duration::from_secs(1))),
    ),
];

/// Measures how soon a new table serves, and latency while tables are replaced.
///
/// The router alone, with 10,000 policies in a hundred tables, which reach it as documents, as from ConfigMaps. At
/// 1,000 requests a second: first on a core of its own, then on both, of which it shares one with the callers.
#[derive(Debug, Args)]
pub(crate) struct Swaps {
    /// How often each is measured. The figures are minima.
    #[arg(short, long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    reps: u32,
    /// The router's core.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    proxy_core: usize,
    /// The core of callers and mock upstream.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    load_core: usize,
}

/// What one window showed, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Seen {
    p50: f64,
    p99: f64,
    processor: f64,
}

impl Swaps {
    /// Measures, and prints every figure.
    pub(crate) async fn run(&self) -> Result<()> {
        process::pin(std::process::id(), self.load_core)?;
        let upstream = Upstream::start(([127, 0, 0, 1], 0).into()).await?;
        let own = self.proxy_core.to_string();
        let both = format!("{},{}", self.proxy_core, self.load_core);
        let mut rows = Vec::new();
        let mut figures = Vec::new();
        for (cores, told) in [(own, "one core"), (both, "two cores")] {
            let mut router = Fed::start(&cores, upstream.address, TABLES)?;
            figures.push(served(&mut router, told).await?);
            let seen = self.windows(&mut router).await?;
            rows.extend(
                MODES
                    .iter()
                    .zip(&seen)
                    .map(|((mode, _), seen)| row(told, mode, seen)),
            );
            figures.extend(growths(told, &seen));
        }
        let heads = [
            "router on",
            "replaced meanwhile",
            "p50 µs: min, median, max",
            "p99 µs: min, median, max",
            "CPU µs per request",
        ];
        let machine = Machine::look().describe();
        let text = format!(
            "{machine}. 10,000 policies, {PER_SECOND} requests a second; {} rounds of {} s each, in turns.\n\n{}\n{}",
            self.reps,
            WINDOW.as_secs(),
            table(&heads, &rows),
            listed(&figures)
        );
        Ok(stdout().write_all(text.as_bytes())?)
    }

    /// Every mode in turns; what each showed.
    async fn windows(&self, router: &mut Fed) -> Result<Vec<Vec<Seen>>> {
        let mut all = vec![Vec::new(); MODES.len()];
        for _ in 0..self.reps {
            for (seen, (_, swaps)) in all.iter_mut().zip(MODES) {
                seen.push(window(router, swaps).await?);
            }
        }
        Ok(all)
    }
}

/// From a table's document to the first request that it serves.
async fn served(router: &mut Fed, cores: &str) -> Result<Found> {
    let asked = request(&Scenario::of(Name::Sat), router.address, PATH, MODEL);
    let mut caller = Caller::open(router.address).await?;
    let mut took = Vec::new();
    caller.ask(&asked).await?;
    for _ in 0..CHANGES {
        let before = version(&caller).to_owned();
        let begun = Instant::now();
        router.swap(Swap::One)?;
        while version(&caller) == before {
            ensure!(begun.elapsed() < LIMIT, "a new table does not serve");
            caller.ask(&asked).await?;
        }
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    let ms = |percent| percentile(&took, percent).map_or(0.0, |time: Duration| time.as_secs_f64() * 1e3);
    let what = format!("a changed table to the first request that it serves, {cores}: worst of {CHANGES}");
    Ok(Found::at_most(what, ms(100), 100.0, "ms").with(format!("median {:.2} ms", ms(50))))
}

/// The version of the table that gave the last answer: the first word of the model's name behind its provider's.
fn version(caller: &Caller) -> &str {
    let model = caller.answered_by();
    let name = model.split_once('/').map_or(model, |(_, name)| name);
    name.split('-').next().unwrap_or_default()
}

/// What the callers share.
#[derive(Debug, Default)]
struct Tally {
    counted: Cell<bool>,
    over: Cell<bool>,
    latencies: RefCell<Vec<Duration>>,
}

async fn window(router: &mut Fed, swaps: Option<(Swap, Duration)>) -> Result<Seen> {
    let tally = Rc::new(Tally::default());
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for index in 0..CALLERS {
        let due = begun + Duration::from_secs(1) * index / PER_SECOND;
        callers.spawn_local(pace(router.address, due, tally.clone()));
    }
    sleep(WARM_UP).await;
    let before = processor_time(router.pid())?;
    tally.counted.set(true);
    let end = Instant::now() + WINDOW;
    while Instant::now() < end {
        match swaps {
            None => sleep(WINDOW).await,
            Some((swap, every)) => {
                router.swap(swap)?;
                sleep(every).await;
            }
        }
    }
    tally.counted.set(false);
    let processor = processor_time(router.pid())?.saturating_sub(before);
    tally.over.set(true);
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Seen::of(&mut tally.latencies.take(), processor)
}

/// Asks at a steady rate, late or not; latency counts from when a request was due.
async fn pace(address: std::net::SocketAddr, first: Instant, tally: Rc<Tally>) -> Result<()> {
    let asked = request(&Scenario::of(Name::Sat), address, PATH, MODEL);
    let mut caller = Caller::open(address).await?;
    let mut ticks = interval_at(first, Duration::from_secs(1) * CALLERS / PER_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while !tally.over.get() {
        let due = ticks.tick().await;
        caller.ask(&asked).await?;
        if tally.counted.get() {
            tally.latencies.borrow_mut().push(due.elapsed());
        }
    }
    Ok(())
}

impl Seen {
    fn of(latencies: &mut [Duration], processor: Duration) -> Result<Self> {
        latencies.sort_unstable();
        let at = |percent| percentile(latencies, percent).map(|time: Duration| time.as_secs_f64() * 1e6);
        Ok(Self {
            p50: at(50).context("no request ended")?,
            p99: at(99).context("no request ended")?,
            processor: processor.as_secs_f64() * 1e6 / float(latencies.len() as u64),
        })
    }
}

fn spread(seen: &[Seen], figure: fn(&Seen) -> f64) -> Option<Spread> {
    Spread::of(&seen.iter().map(figure).collect::<Vec<_>>())
}

fn row(cores: &str, mode: &str, seen: &[Seen]) -> Vec<String> {
    let told = |figure| {
        spread(seen, figure).map_or_else(String::new, |Spread { min, median, max }| {
            format!("**{min:.0}** {median:.0} {max:.0}")
        })
    };
    vec![
        cores.to_owned(),
        mode.to_owned(),
        told(|seen| seen.p50),
        told(|seen| seen.p99),
        told(|seen| seen.processor),
    ]
}

/// The p99 of every mode with swaps, to that of the one without.
fn growths(cores: &str, seen: &[Vec<Seen>]) -> Vec<Found> {
    let p99 = |seen: &Vec<Seen>| spread(seen, |seen| seen.p99).map(|spread| spread.min);
    let Some(calm) = seen.first().and_then(p99) else {
        return Vec::new();
    };
    let growth = |((mode, _), seen): (&(&str, _), &Vec<Seen>)| {
        let what = format!("p99 to that without, {cores}, while there are replaced: {mode}");
        Some(Found::at_most(what, p99(seen)? / calm, 1.1, "times"))
    };
    MODES.iter().zip(seen).skip(1).filter_map(growth).collect()
}
