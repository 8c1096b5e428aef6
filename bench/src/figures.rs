//! From what the repetitions showed to the figures that are quoted. Pure.

use std::time::Duration;

use serde::Serialize;

use crate::goal::{Figure, Goal};
use crate::load::Counted;
use crate::scenario::Scenario;
use crate::stats::{Ratio, Spread, float, percentile};
use crate::target::{DIRECT, NGINX, WEIR};
use crate::way::Way;

/// One repetition of one target.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sample {
    /// Processor time per unit, in microseconds; `None` for the upstream itself.
    cpu_us: Option<f64>,
    /// Units per second.
    per_second: f64,
    /// The share of its core that the target used.
    busy: Option<f64>,
    /// The share of theirs that load generator and upstream used.
    load_busy: f64,
    /// Latency: the median, in microseconds.
    p50_us: f64,
    /// Latency: what one in a hundred exceeds.
    p99_us: f64,
    /// Latency: the greatest of all.
    worst_us: f64,
    /// Resident memory at the end.
    resident_mib: Option<f64>,
}

impl Sample {
    /// The figures of what was counted.
    pub(crate) fn of(counted: &Counted, resident_mib: Option<f64>) -> Self {
        let seconds = counted.window.as_secs_f64();
        let units = float(counted.units);
        let latency = |percent| percentile(&counted.latencies, percent).map_or(0.0, micros);
        Self {
            cpu_us: counted.processor.map(|time| micros(time) / units),
            per_second: units / seconds,
            busy: counted.processor.map(|time| time.as_secs_f64() / seconds),
            load_busy: counted.own.as_secs_f64() / seconds,
            p50_us: latency(50),
            p99_us: latency(99),
            worst_us: latency(100),
            resident_mib,
        }
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// All repetitions of one target in one scenario.
#[derive(Debug)]
pub(crate) struct Rounds {
    /// The target's name.
    pub(crate) target: String,
    /// On which way it was asked.
    pub(crate) way: Way,
    /// What it had resident before any load.
    pub(crate) idle_mib: Option<f64>,
    /// The repetitions, in order.
    pub(crate) samples: Vec<Sample>,
}

impl Rounds {
    /// One figure of every repetition, where every repetition has it.
    fn each(&self, figure: impl Fn(&Sample) -> Option<f64>) -> Option<Vec<f64>> {
        self.samples.iter().map(figure).collect()
    }

    fn cpu(&self) -> Option<Vec<f64>> {
        self.each(|sample| sample.cpu_us)
    }

    fn p50(&self) -> Option<Vec<f64>> {
        self.each(|sample| Some(sample.p50_us))
    }

    fn p99(&self) -> Option<Vec<f64>> {
        self.each(|sample| Some(sample.p99_us))
    }

    fn rate(&self) -> Option<Vec<f64>> {
        self.each(|sample| Some(sample.per_second))
    }
}

/// What each of `latencies` is above the least of `direct`. The least, because a slow round of the upstream's own
/// would make the targets look fast.
fn added(latencies: Option<Vec<f64>>, direct: Option<Vec<f64>>) -> Option<Vec<f64>> {
    let least = Spread::of(&direct?)?.min;
    Some(latencies?.into_iter().map(|latency| latency - least).collect())
}

/// The figures of one target in one scenario.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    /// The target's name.
    pub(crate) target: String,
    /// Whether goals are about it.
    #[serde(skip)]
    pub(crate) is_judged: bool,
    /// Processor time per unit, in microseconds.
    pub(crate) cpu_us: Option<Spread>,
    /// The same as a multiple of nginx's.
    pub(crate) cpu_to_nginx: Option<Ratio>,
    /// The same as a multiple of that of the scenario's base; `None` where there is none.
    pub(crate) cpu_to_base: Option<Ratio>,
    /// Units per second.
    pub(crate) per_second: Option<Spread>,
    /// The same as a multiple of the base's: that of the maxima.
    pub(crate) rate_to_base: Option<Ratio>,
    /// The share of its core that it used.
    pub(crate) busy: Option<Spread>,
    /// The share of theirs that load generator and upstream used meanwhile.
    pub(crate) load_busy: Option<Spread>,
    /// Median latency, in microseconds.
    pub(crate) p50_us: Option<Spread>,
    /// What one in a hundred exceeds.
    pub(crate) p99_us: Option<Spread>,
    /// The greatest.
    pub(crate) worst_us: Option<Spread>,
    /// The median as a multiple of nginx's.
    pub(crate) p50_to_nginx: Option<Ratio>,
    /// What one in a hundred exceeds, as a multiple of nginx's.
    pub(crate) p99_to_nginx: Option<Ratio>,
    /// What the target adds to the median of the upstream itself.
    pub(crate) added_p50_us: Option<Spread>,
    /// What it adds to what one in a hundred exceeds.
    pub(crate) added_p99_us: Option<Spread>,
    /// The added median as a multiple of what nginx adds.
    pub(crate) added_p50_to_nginx: Option<Ratio>,
    /// Resident memory before any load.
    pub(crate) idle_mib: Option<f64>,
    /// The most resident memory under this load.
    pub(crate) loaded_mib: Option<f64>,
    /// Every repetition.
    pub(crate) samples: Vec<Sample>,
}

impl Row {
    /// `figure` of it, and how it spread over the rounds.
    pub(crate) fn find(&self, figure: Figure) -> Option<Found> {
        match figure {
            Figure::Cpu => self.cpu_to_nginx.map(Found::from),
            Figure::AddedP50 => self.added_p50_to_nginx.map(Found::from),
            Figure::P50 => self.p50_to_nginx.map(Found::from),
            Figure::P99 => self.p99_to_nginx.map(Found::from),
            Figure::CpuToBase => self.cpu_to_base.map(Found::from),
            Figure::RateToBase => self.rate_to_base.map(Found::from),
            Figure::AddedMillis => self.added_p50_us.map(|added| {
                let spread = added.divided(1_000.0);
                Found::new(spread.min, Some(spread))
            }),
            Figure::WorstMillis => self.worst_us.map(|worst| {
                let spread = worst.divided(1_000.0);
                Found::new(spread.max, Some(spread))
            }),
            Figure::Idle => self.idle_mib.map(|mib| Found::new(mib, None)),
            Figure::Loaded => self.loaded_mib.map(|mib| Found::new(mib, None)),
        }
    }

    /// What `figure` is a multiple of, in microseconds, where this is nginx itself.
    pub(crate) fn unit(&self, figure: Figure) -> Option<f64> {
        let spread = match figure {
            Figure::Cpu => self.cpu_us,
            Figure::AddedP50 => self.added_p50_us,
            Figure::P50 => self.p50_us,
            Figure::P99 => self.p99_us,
            _ => None,
        };
        spread.map(|spread| spread.min)
    }
}

/// A figure as it is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Found {
    /// The figure.
    pub(crate) value: f64,
    /// That of the single rounds, where each has one.
    pub(crate) rounds: Option<Spread>,
}

impl Found {
    fn new(value: f64, rounds: Option<Spread>) -> Self {
        Self { value, rounds }
    }
}

impl From<Ratio> for Found {
    fn from(Ratio { of_best, rounds }: Ratio) -> Self {
        Self::new(of_best, Some(rounds))
    }
}

/// A scenario's figures.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measured {
    /// The scenario's name.
    pub(crate) scenario: &'static str,
    /// It in words.
    pub(crate) title: &'static str,
    /// What was counted.
    pub(crate) unit: &'static str,
    /// Whether the load took all that it got, so that whoever was slowest was the limit.
    pub(crate) saturating: bool,
    /// What of it stands in the summary.
    #[serde(skip)]
    pub(crate) columns: Vec<Figure>,
    /// What others of Weir's rows are compared with.
    pub(crate) base: Option<String>,
    /// The targets.
    pub(crate) rows: Vec<Row>,
    /// What Weir is to reach, and whether it does.
    pub(crate) verdicts: Vec<Verdict>,
}

/// Whether a goal is reached.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verdict {
    /// The goal.
    pub(crate) goal: Goal,
    /// Which row it is about.
    pub(crate) target: String,
    /// What it is compared with; `None` if something was left out.
    pub(crate) found: Option<Found>,
    /// Whether it is reached; `None` if something was left out.
    pub(crate) reached: Option<bool>,
}

impl Measured {
    /// The figures of `rounds`.
    pub(crate) fn of(scenario: &Scenario, rounds: &[Rounds]) -> Self {
        let find = |name: &str| rounds.iter().find(|rounds| rounds.target == name);
        let base = scenario.base.map(|way| way.name_of(WEIR));
        let bases = Bases {
            direct: find(DIRECT),
            nginx: find(NGINX),
            base: base.as_deref().and_then(find),
        };
        let rows: Vec<Row> = rounds.iter().map(|rounds| row(rounds, &bases)).collect();
        let verdicts = scenario.goals.iter().flat_map(|goal| judge(*goal, &rows));
        Self {
            scenario: scenario.name,
            title: scenario.title,
            unit: scenario.unit(),
            saturating: scenario.is_saturating(),
            columns: scenario.columns(),
            verdicts: verdicts.collect(),
            base,
            rows,
        }
    }
}

/// What the figures of a target are compared with.
#[derive(Debug)]
struct Bases<'a> {
    direct: Option<&'a Rounds>,
    nginx: Option<&'a Rounds>,
    base: Option<&'a Rounds>,
}

impl Bases<'_> {
    /// Whether goals are about `rounds`: Weir's, but for what its others are compared with.
    fn are_for(&self, rounds: &Rounds) -> bool {
        let is_base = self.base.is_some_and(|base| base.target == rounds.target);
        (rounds.target == WEIR || rounds.way.is_weirs_alone()) && !is_base
    }
}

fn row(rounds: &Rounds, bases: &Bases<'_>) -> Row {
    let Bases { direct, nginx, base } = *bases;
    let spread = |figures: Option<Vec<f64>>| Spread::of(&figures?);
    let ratio = |figures: Option<Vec<f64>>, base: Option<Vec<f64>>| Ratio::between(&figures?, &base?);
    // The upstream adds nothing to itself, and is no proxy to be compared with one.
    let to_nginx = nginx.filter(|_| rounds.target != DIRECT);
    let direct = direct.filter(|_| rounds.target != DIRECT);
    let added_p50 = |rounds: &Rounds| added(rounds.p50(), direct.and_then(Rounds::p50));
    Row {
        target: rounds.target.clone(),
        is_judged: bases.are_for(rounds),
        cpu_us: spread(rounds.cpu()),
        cpu_to_nginx: ratio(rounds.cpu(), to_nginx.and_then(Rounds::cpu)),
        cpu_to_base: ratio(rounds.cpu(), base.and_then(Rounds::cpu)),
        per_second: spread(rounds.rate()),
        rate_to_base: base.and_then(|base| Ratio::of_maxima(&rounds.rate()?, &base.rate()?)),
        busy: spread(rounds.each(|sample| sample.busy)),
        load_busy: spread(rounds.each(|sample| Some(sample.load_busy))),
        p50_us: spread(rounds.p50()),
        p99_us: spread(rounds.p99()),
        worst_us: spread(rounds.each(|sample| Some(sample.worst_us))),
        p50_to_nginx: ratio(rounds.p50(), to_nginx.and_then(Rounds::p50)),
        p99_to_nginx: ratio(rounds.p99(), to_nginx.and_then(Rounds::p99)),
        added_p50_us: spread(added_p50(rounds)),
        added_p99_us: spread(added(rounds.p99(), direct.and_then(Rounds::p99))),
        added_p50_to_nginx: ratio(added_p50(rounds), to_nginx.and_then(added_p50)),
        idle_mib: rounds.idle_mib,
        loaded_mib: spread(rounds.each(|sample| sample.resident_mib)).map(|spread| spread.max),
        samples: rounds.samples.clone(),
    }
}

/// Whether `goal` is reached, for each row that it is about; without any, that it is not known.
fn judge(goal: Goal, rows: &[Row]) -> Vec<Verdict> {
    let verdict = |target: &str, found: Option<Found>| Verdict {
        goal,
        target: target.to_owned(),
        found,
        reached: found.map(|found| goal.is_reached_by(found.value)),
    };
    let judged = rows.iter().filter(|row| row.is_judged);
    let verdicts: Vec<Verdict> = judged
        .map(|row| verdict(&row.target, row.find(goal.figure)))
        .collect();
    if verdicts.is_empty() {
        return vec![verdict(WEIR, None)];
    }
    verdicts
}

#[cfg(test)]
pub(crate) mod tests;
