//! The forwarding path in a world of its own: callers, a router's engine and providers on a network in
//! memory, on virtual time, where all that happens follows from a seed. Thousands of fault schedules run in
//! seconds, and what was seen of each is held against `promises`, which reads as the specification.
//!
//! `WEIR_SIM_SEEDS=17` replays seed 17, `WEIR_SIM_SEEDS=0..100000` runs longer than usual, and
//! `WEIR_SIM_SHOW=1` prints what was seen.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod answer;
mod caller;
mod dice;
mod failure_table;
mod fault;
mod history;
mod internet;
mod pipe;
mod play;
mod promises;
mod provider;
mod refusal;
mod reply;
mod run;
mod schedule;
#[path = "../loopback/tables.rs"]
mod tables;
mod tally;
mod wording;

use play::history_of;
use run::every_seed_of;
use schedule::Kind;

#[test]
fn plain_answers_keep_every_promise_under_any_faults() {
    every_seed_of(Kind::Plain);
}

#[test]
fn streams_keep_every_promise_under_any_faults() {
    every_seed_of(Kind::Streamed);
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in 0..20 {
        for kind in [Kind::Plain, Kind::Streamed] {
            let (first, second) = (history_of(seed, kind), history_of(seed, kind));
            assert_eq!(first.to_string(), second.to_string(), "seed {seed}");
        }
    }
}
