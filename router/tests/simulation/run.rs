//! Runs schedules on as many threads as there are processors, and tells what they showed.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::history::History;
use crate::play::history_of;
use crate::promises::broken;
use crate::schedule::Kind;
use crate::tally::Tally;

/// The seeds of an ordinary run.
const SEEDS: Range<u64> = 0..1_000;

/// What one thread has seen.
#[derive(Debug, Default)]
struct Seen {
    tally: Tally,
    failures: Vec<Failure>,
}

/// A schedule under which a promise was broken.
#[derive(Debug)]
struct Failure {
    seed: u64,
    broken: Vec<String>,
    history: History,
}

/// Runs every seed, and fails if any promise was broken under any of them.
pub(crate) fn every_seed_of(kind: Kind) {
    let (seeds, begun) = (seeds(), Instant::now());
    let next = AtomicU64::new(seeds.start);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut all = Seen::default();
    std::thread::scope(|scope| {
        let work = || work(&next, seeds.end, kind);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let Seen { tally, failures } = worker.join().unwrap();
            all.tally.add(tally);
            all.failures.extend(failures);
        }
    });
    let Seen { tally, mut failures } = all;
    failures.sort_by_key(|failure| failure.seed);
    let many = failures.len();
    assert!(
        many == 0,
        "{kind:?}: {many} of {seeds:?} broke a promise\n{}",
        told(&failures)
    );
    eprintln!(
        "figure: schedules {kind:?} {seeds:?} took {:.1?}: {tally}",
        begun.elapsed()
    );
    assert!(
        seeds != SEEDS || tally.is_varied(),
        "the schedules do not show enough: {tally}"
    );
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("WEIR_SIM_SEEDS") else {
        return SEEDS;
    };
    let number = |text: &str| text.parse().expect("WEIR_SIM_SEEDS is N or N..M");
    match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(&text)..number(&text) + 1,
    }
}

/// Plays seeds up to `end` until there are none left.
fn work(next: &AtomicU64, end: u64, kind: Kind) -> Seen {
    let mut shown = Seen::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return shown;
        }
        let history = history_of(seed, kind);
        if std::env::var_os("WEIR_SIM_SHOW").is_some() {
            eprintln!("seed {seed}, {kind:?}:\n{history}");
        }
        shown.tally.count(&history);
        let broken = broken(&history);
        if !broken.is_empty() {
            shown.failures.push(Failure {
                seed,
                broken,
                history,
            });
        }
    }
}

/// What was broken under each seed, and all that there is to know of the first.
fn told(failures: &[Failure]) -> String {
    let mut text = String::new();
    for Failure { seed, broken, .. } in failures {
        writeln!(text, "seed {seed}: {}", broken.join("; ")).unwrap();
    }
    if let Some(Failure { seed, history, .. }) = failures.first() {
        writeln!(text, "seed {seed} in full:\n{history}").unwrap();
        writeln!(
            text,
            "replay: WEIR_SIM_SEEDS={seed} cargo test -p weir-router --test simulation"
        )
        .unwrap();
    }
    text
}
