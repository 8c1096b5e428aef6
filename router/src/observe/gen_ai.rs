//! Times and sizes under the names that `OpenTelemetry` gives to those of generative models, written as Prometheus
//! writes them. <https://github.com/open-telemetry/semantic-conventions-genai>

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder};
use prometheus_client::metrics::MetricType;

use super::histogram::Histogram;
use super::series::{Timings, Total, outcomes, word};
use super::targets::Targets;
use super::task::{TASKS, Task};
use super::told::{Labels, with};

/// Tells the times and sizes of every target's answers.
#[derive(Debug)]
pub(super) struct GenAi(pub(super) Arc<Targets>);

/// A family's name, its help, and where its histogram is.
type Time = (&'static str, &'static str, fn(&Timings) -> &Histogram);

/// Families with one histogram for every target and task.
const TIMES: [Time; 2] = [
    (
        "gen_ai_server_time_to_first_token_seconds",
        "From a request to the first content of its stream, for streams that ended well",
        |timings| &timings.first_token,
    ),
    (
        "gen_ai_server_time_per_output_token_seconds",
        "Between two tokens after the first, on average over a stream that ended well",
        |timings| &timings.per_token,
    ),
];

impl Collector for GenAi {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all = self.0.all();
        durations(
            &all,
            &mut family(
                &mut encoder,
                "gen_ai_server_request_duration_seconds",
                "Whole requests",
            )?,
        )?;
        for (name, help, histogram) in TIMES {
            let mut told = family(&mut encoder, name, help)?;
            each(&all, |labels, timings| {
                tell(&mut told, labels, histogram(timings))
            })?;
        }
        let help = "Tokens of one request and of its answer";
        let mut told = family(&mut encoder, "gen_ai_client_token_usage", help)?;
        each(&all, |labels, timings| {
            let kinds = [
                ("input", &timings.input_tokens),
                ("output", &timings.output_tokens),
            ];
            kinds.into_iter().try_for_each(|(kind, histogram)| {
                tell(&mut told, &with(labels, "gen_ai_token_type", kind), histogram)
            })
        })
    }
}

fn durations(all: &[Total], told: &mut MetricEncoder<'_>) -> fmt::Result {
    each(all, |labels, timings| {
        for outcome in outcomes() {
            let Some(histogram) = timings.durations(outcome) else {
                continue;
            };
            match outcome {
                None => tell(told, labels, histogram)?,
                Some(_) => tell(told, &with(labels, "error_type", word(outcome)), histogram)?,
            }
        }
        Ok(())
    })
}

/// Does `tell` for everything that was ever asked of every target.
fn each(all: &[Total], mut tell: impl FnMut(&Labels<'_>, &Timings) -> fmt::Result) -> fmt::Result {
    for series in all {
        for task in TASKS {
            if let Some(timings) = series.counted.timings(task) {
                tell(&labels(series, task), timings)?;
            }
        }
    }
    Ok(())
}

/// Histograms in which nothing was counted are left out: they are large.
fn tell(told: &mut MetricEncoder<'_>, labels: &Labels<'_>, histogram: &Histogram) -> fmt::Result {
    if histogram.is_empty() {
        return Ok(());
    }
    histogram.encode(told.encode_family(labels)?)
}

fn family<'e>(
    encoder: &'e mut DescriptorEncoder<'_>,
    name: &'e str,
    help: &str,
) -> Result<MetricEncoder<'e>, fmt::Error> {
    encoder.encode_descriptor(name, help, None, MetricType::Histogram)
}

fn labels(series: &Total, task: Task) -> Labels<'_> {
    let name = &series.name;
    vec![
        ("gen_ai_operation_name", task.as_str()),
        ("gen_ai_provider_name", name.provider()),
        ("gen_ai_request_model", &*name.target),
        ("weir_namespace", &*name.namespace),
        ("weir_policy", name.policy()),
        ("weir_path", &*name.path),
    ]
}
