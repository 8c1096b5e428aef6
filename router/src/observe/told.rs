//! How what is counted of targets is told: one family after the other, each with every target's series.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use super::counts::Counts;
use super::series::{ByOutcome, Counted, TOKEN_TYPES, TargetName, Total, outcomes, word};
use super::targets::Targets;

/// Tells what is counted of every target.
#[derive(Debug)]
pub(super) struct TargetCounts(pub(super) Arc<Targets>, pub(super) Counts);

/// A family's name, its help, and where its number is.
type Number = (&'static str, &'static str, fn(&Counted) -> u64);

/// A family's name, its help, and where its numbers are.
type Numbers = (&'static str, &'static str, fn(&Counted) -> &ByOutcome);

/// Families with one number for every target.
const NUMBERS: [Number; 3] = [
    (
        "first_choices",
        "Requests by the target that they asked first",
        |counted| counted.first_choices.get(),
    ),
    (
        "usage_missing",
        "Good answers that did not say what they took",
        |counted| counted.usage_missing.get(),
    ),
    (
        "price_missing",
        "Answers that did say so, and whose price is not known",
        |counted| counted.price_missing.get(),
    ),
];

/// Families with one number for every target and reason.
const BY_REASON: [Numbers; 3] = [
    (
        "failed_attempts",
        "Failed attempts by target and reason",
        |counted| &counted.failed_attempts,
    ),
    (
        "retries",
        "Attempts at the same target again, by why the last one failed",
        |counted| &counted.retries,
    ),
    (
        "fallbacks",
        "Requests that went on to another target, by the one that they left and why",
        |counted| &counted.fallbacks,
    ),
];

impl Collector for TargetCounts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all = self.0.all();
        self.requests(
            &all,
            &mut family(
                &mut encoder,
                "requests",
                "Requests by their last target and outcome",
            )?,
        )?;
        for (name, help, number) in NUMBERS {
            let mut told = family(&mut encoder, name, help)?;
            for series in &all {
                tell(&mut told, &labels(&series.name), number(&series.counted))?;
            }
        }
        for (name, help, counts) in BY_REASON {
            let mut told = family(&mut encoder, name, help)?;
            for series in &all {
                by_outcome(
                    &mut told,
                    &labels(&series.name),
                    "reason",
                    counts(&series.counted),
                )?;
            }
        }
        tokens(
            &all,
            &mut family(&mut encoder, "tokens", "Tokens by target and type")?,
        )?;
        dollars(
            &all,
            &mut family(&mut encoder, "cost_dollars", "What answers cost, in US dollars")?,
        )
    }
}

impl TargetCounts {
    fn requests(&self, all: &[Total], told: &mut MetricEncoder<'_>) -> fmt::Result {
        let nowhere = TargetName::default();
        by_outcome(told, &labels(&nowhere), "outcome", &self.1.untargeted())?;
        for series in all {
            by_outcome(told, &labels(&series.name), "outcome", &series.counted.requests)?;
        }
        Ok(())
    }
}

fn tokens(all: &[Total], told: &mut MetricEncoder<'_>) -> fmt::Result {
    for series in all {
        for (kind, counter) in TOKEN_TYPES.into_iter().zip(&series.counted.tokens) {
            tell(told, &with(&labels(&series.name), "type", kind), counter.get())?;
        }
    }
    Ok(())
}

fn dollars(all: &[Total], told: &mut MetricEncoder<'_>) -> fmt::Result {
    for series in all {
        let cost = ConstCounter::new(series.counted.dollars.get());
        cost.encode(told.encode_family(&labels(&series.name))?)?;
    }
    Ok(())
}

/// Outcomes that never came to pass are left out: there are many.
fn by_outcome(
    told: &mut MetricEncoder<'_>,
    labels: &Labels<'_>,
    label: &str,
    counts: &ByOutcome,
) -> fmt::Result {
    for outcome in outcomes() {
        let count = counts.of(outcome);
        if count > 0 {
            tell(told, &with(labels, label, word(outcome)), count)?;
        }
    }
    Ok(())
}

fn tell(told: &mut MetricEncoder<'_>, labels: &Labels<'_>, count: u64) -> fmt::Result {
    ConstCounter::new(count).encode(told.encode_family(labels)?)
}

fn family<'e>(
    encoder: &'e mut DescriptorEncoder<'_>,
    name: &'e str,
    help: &str,
) -> Result<MetricEncoder<'e>, fmt::Error> {
    encoder.encode_descriptor(name, help, None, MetricType::Counter)
}

/// Names and values of labels.
pub(super) type Labels<'a> = Vec<(&'a str, &'a str)>;

/// A target's labels.
pub(super) fn labels(name: &TargetName) -> Labels<'_> {
    vec![
        ("namespace", &*name.namespace),
        ("policy", name.policy()),
        ("path", &*name.path),
        ("target", &*name.target),
    ]
}

/// `labels` and one more.
pub(super) fn with<'a>(labels: &Labels<'a>, name: &'a str, value: &'a str) -> Labels<'a> {
    labels.iter().copied().chain([(name, value)]).collect()
}
