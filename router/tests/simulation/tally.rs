//! What schedules have shown, in numbers: promises that nothing puts to the test are easily kept.

use std::collections::BTreeMap;
use std::fmt;

use crate::history::{End, History, Request};
use crate::reply::{Reading, read};

/// How often what was seen.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    outcomes: BTreeMap<&'static str, usize>,
    errors: BTreeMap<String, usize>,
    faults: BTreeMap<String, usize>,
    kept: usize,
}

/// How a request may end.
const OUTCOMES: [&str; 4] = ["answered", "broke off", "failed", "left"];

impl Tally {
    /// Counts what one schedule has shown.
    pub(crate) fn count(&mut self, history: &History) {
        for request in &history.requests {
            let outcome = self.outcome(request);
            *self.outcomes.entry(outcome).or_default() += 1;
            for visit in &request.visits {
                let fault = format!("{:?}", visit.fault);
                let word = fault.split(['(', ' ']).next().unwrap_or_default();
                *self.faults.entry(word.to_owned()).or_default() += 1;
                self.kept += usize::from(visit.kept);
            }
        }
    }

    fn outcome(&mut self, request: &Request) -> &'static str {
        match read(&request.reply) {
            _ if request.reply.end == End::Left => "left",
            Ok(Reading::Error { class, .. }) => {
                *self.errors.entry(class).or_default() += 1;
                "failed"
            }
            Ok(Reading::Stream { error: Some(_), .. }) => "broke off",
            _ => "answered",
        }
    }

    /// Adds what another thread has seen.
    pub(crate) fn add(&mut self, other: Self) {
        let Self {
            outcomes,
            errors,
            faults,
            kept,
        } = other;
        for (word, many) in outcomes {
            *self.outcomes.entry(word).or_default() += many;
        }
        for (word, many) in errors {
            *self.errors.entry(word).or_default() += many;
        }
        for (word, many) in faults {
            *self.faults.entry(word).or_default() += many;
        }
        self.kept += kept;
    }

    /// Whether requests ended in every way that they may, of which one is for streams alone.
    pub(crate) fn is_varied(&self) -> bool {
        let shown = OUTCOMES
            .iter()
            .filter(|word| self.outcomes.contains_key(**word))
            .count();
        let streamed = self.faults.contains_key("NoDone");
        shown == OUTCOMES.len() - usize::from(!streamed)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            outcomes,
            errors,
            faults,
            kept,
        } = self;
        let attempts: usize = faults.values().sum();
        write!(
            f,
            "requests {outcomes:?}, errors {errors:?}, {attempts} attempts, {kept} of them on kept connections: {faults:?}"
        )
    }
}
