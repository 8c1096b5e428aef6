//! The choice of a target alone: no sockets, no process, one thread.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::Serialize;
use weir_table::{Model, Node, Prices, Split, SplitTarget};

use crate::stats::{Spread, float};

/// How many choices are timed at once.
const CHOICES: u32 = 100_000;

/// The goals, in nanoseconds: for 3 targets and for 64.
const CASES: [(usize, f64); 2] = [(3, 100.0), (64, 1_000.0)];

/// What choosing among so many targets takes.
#[derive(Debug, Serialize)]
pub(crate) struct Choice {
    /// How many targets there are.
    pub(crate) targets: usize,
    /// Nanoseconds for one choice.
    pub(crate) nanoseconds: Spread,
    /// What it is to take at most.
    pub(crate) goal: f64,
}

/// Times choices, `reps` times each.
pub(crate) fn run(reps: u32) -> Vec<Choice> {
    let choice = |(targets, goal)| {
        let split = split(targets);
        let times: Vec<f64> = (0..reps).map(|_| time(&split)).collect();
        Spread::of(&times).map(|nanoseconds| Choice {
            targets,
            nanoseconds,
            goal,
        })
    };
    CASES.into_iter().filter_map(choice).collect()
}

/// Nanoseconds for one choice, by keys that look like trace ids.
fn time(split: &Split) -> f64 {
    let keys: Vec<String> = (0..1_000)
        .map(|index| format!("4bf92f3577b34da6a3ce929d0e{index:06}"))
        .collect();
    let begun = Instant::now();
    for key in keys.iter().cycle().take(CHOICES as usize) {
        black_box(split.select(black_box(key.as_bytes())));
    }
    nanoseconds(begun.elapsed()) / f64::from(CHOICES)
}

fn nanoseconds(time: Duration) -> f64 {
    float(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

fn split(targets: usize) -> Split {
    let target = |index| SplitTarget::new(format!("mock/{index}"), 1.0, Node::from(model(index)));
    Split::new(
        "bench".to_owned(),
        "default/bench".to_owned(),
        Vec::new(),
        (0..targets).map(target).collect(),
    )
}

fn model(index: usize) -> Model {
    Model {
        model: format!("mock/{index}"),
        provider: "mock".to_owned(),
        upstream: index.to_string(),
        region: None,
        credential: None,
        context_window: None,
        reasoning: false,
        prices: Prices::default(),
    }
}
