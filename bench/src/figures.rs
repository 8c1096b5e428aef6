//! From what the repetitions showed to the figures that are quoted. Pure.

use std::time::Duration;

use serde::Serialize;

use crate::load::Counted;
use crate::scenario::{Goal, Scenario};
use crate::stats::{Ratio, Spread, float, percentile};
use crate::target::{DIRECT, NGINX, WEIR};

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

    /// What each round's latency is above the least of `direct`. The least, because a slow round of the
    /// upstream's own would make the targets look fast.
    fn added(&self, direct: &Self, latency: impl Fn(&Sample) -> f64) -> Option<Vec<f64>> {
        let least = Spread::of(&direct.each(|sample| Some(latency(sample)))?)?.min;
        self.each(|sample| Some(latency(sample) - least))
    }
}

/// The figures of one target in one scenario.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    /// The target's name.
    pub(crate) target: String,
    /// Processor time per unit, in microseconds.
    pub(crate) cpu_us: Option<Spread>,
    /// The same as a multiple of nginx's.
    pub(crate) cpu_to_nginx: Option<Ratio>,
    /// The same as a multiple of what Weir takes where it passes through; `None` where nothing is translated.
    pub(crate) cpu_to_untranslated: Option<Ratio>,
    /// Units per second.
    pub(crate) per_second: Option<Spread>,
    /// The share of its core that it used.
    pub(crate) busy: Option<Spread>,
    /// The share of theirs that load generator and upstream used meanwhile.
    pub(crate) load_busy: Option<Spread>,
    /// Median latency, in microseconds.
    pub(crate) p50_us: Option<Spread>,
    /// What one in a hundred exceeds.
    pub(crate) p99_us: Option<Spread>,
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
    /// The targets.
    pub(crate) rows: Vec<Row>,
    /// What Weir is to reach, and whether it does.
    pub(crate) verdict: Option<Verdict>,
}

/// Whether a goal is reached.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verdict {
    /// The goal.
    pub(crate) goal: Goal,
    /// What it is compared with; empty if something was left out.
    pub(crate) found: Vec<f64>,
    /// Whether it is reached; `None` if something was left out.
    pub(crate) reached: Option<bool>,
}

impl Measured {
    /// The figures of `rounds`.
    pub(crate) fn of(scenario: &Scenario, rounds: &[Rounds]) -> Self {
        let find = |name: &str| rounds.iter().find(|rounds| rounds.target == name);
        let bases = Bases {
            direct: find(DIRECT),
            nginx: find(NGINX),
            untranslated: find(WEIR).filter(|_| !scenario.dialects.is_empty()),
        };
        let rows: Vec<Row> = rounds.iter().map(|rounds| row(rounds, &bases)).collect();
        let weir = rows.iter().find(|row| row.target == WEIR);
        let verdict = scenario.goal.map(|goal| judge(goal, weir));
        Self {
            scenario: scenario.name,
            title: scenario.title,
            unit: scenario.unit(),
            rows,
            verdict,
        }
    }
}

/// What the figures of a target are compared with.
#[derive(Debug)]
struct Bases<'a> {
    direct: Option<&'a Rounds>,
    nginx: Option<&'a Rounds>,
    untranslated: Option<&'a Rounds>,
}

fn row(rounds: &Rounds, bases: &Bases<'_>) -> Row {
    let Bases {
        direct,
        nginx,
        untranslated,
    } = *bases;
    let p50 = |rounds: &Rounds| rounds.added(direct?, |sample| sample.p50_us);
    let spread = |figures: Option<Vec<f64>>| Spread::of(&figures?);
    let ratio = |figures: Option<Vec<f64>>, base: Option<Vec<f64>>| Ratio::between(&figures?, &base?);
    let is_proxy = rounds.target != DIRECT;
    Row {
        target: rounds.target.clone(),
        cpu_us: spread(rounds.cpu()),
        cpu_to_nginx: ratio(rounds.cpu(), nginx.and_then(Rounds::cpu)),
        cpu_to_untranslated: ratio(rounds.cpu(), untranslated.and_then(Rounds::cpu)),
        per_second: spread(rounds.each(|sample| Some(sample.per_second))),
        busy: spread(rounds.each(|sample| sample.busy)),
        load_busy: spread(rounds.each(|sample| Some(sample.load_busy))),
        p50_us: spread(rounds.each(|sample| Some(sample.p50_us))),
        p99_us: spread(rounds.each(|sample| Some(sample.p99_us))),
        added_p50_us: spread(p50(rounds).filter(|_| is_proxy)),
        added_p99_us: spread(
            direct
                .and_then(|direct| rounds.added(direct, |sample| sample.p99_us))
                .filter(|_| is_proxy),
        ),
        added_p50_to_nginx: ratio(p50(rounds), nginx.and_then(p50)).filter(|_| is_proxy),
        idle_mib: rounds.idle_mib,
        loaded_mib: spread(rounds.each(|sample| sample.resident_mib)).map(|spread| spread.max),
        samples: rounds.samples.clone(),
    }
}

fn judge(goal: Goal, weir: Option<&Row>) -> Verdict {
    let found = weir.and_then(|row| found(goal, row)).unwrap_or_default();
    let limits = match goal {
        Goal::Cpu(limit) | Goal::AddedLatency(limit) => vec![limit],
        Goal::Memory(idle, loaded) => vec![idle, loaded],
    };
    let within = found.iter().zip(&limits).all(|(found, limit)| found <= limit);
    let reached = (!found.is_empty()).then_some(within);
    Verdict { goal, found, reached }
}

/// What is compared with the limits of `goal`, in their order.
fn found(goal: Goal, row: &Row) -> Option<Vec<f64>> {
    Some(match goal {
        Goal::Cpu(_) => vec![row.cpu_to_nginx?.of_minima],
        Goal::AddedLatency(_) => vec![row.added_p50_to_nginx?.of_minima],
        Goal::Memory(..) => vec![row.idle_mib?, row.loaded_mib?],
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Measured, Rounds, Sample};
    use crate::load::Counted;
    use crate::scenario::{Name, Scenario};

    fn rounds(target: &str, figures: &[(f64, f64)]) -> Rounds {
        let sample = |(cpu, p50): &(f64, f64)| Sample {
            cpu_us: (target != "direct").then_some(*cpu),
            per_second: 1.0,
            busy: None,
            load_busy: 0.5,
            p50_us: *p50,
            p99_us: *p50,
            resident_mib: Some(20.0),
        };
        Rounds {
            target: target.to_owned(),
            idle_mib: Some(9.0),
            samples: figures.iter().map(sample).collect(),
        }
    }

    fn measured(name: Name) -> Measured {
        let all = vec![
            rounds("direct", &[(0.0, 100.0), (0.0, 150.0)]),
            rounds("nginx", &[(20.0, 180.0), (30.0, 200.0)]),
            rounds("weir", &[(50.0, 240.0), (26.0, 220.0)]),
        ];
        Measured::of(&Scenario::of(name).unwrap(), &all)
    }

    #[test]
    fn a_sample_divides_by_what_ended_in_the_window() {
        let counted = Counted {
            window: Duration::from_secs(2),
            units: 4_000,
            processor: Some(Duration::from_millis(100)),
            own: Duration::from_secs(1),
            latencies: [1, 2, 3].map(Duration::from_micros).to_vec(),
        };
        let sample = Sample::of(&counted, None);
        assert_eq!(
            (sample.cpu_us, sample.per_second, sample.busy),
            (Some(25.0), 2_000.0, Some(0.05))
        );
        assert!(
            (sample.p50_us - 2.0).abs() < 1e-9 && (sample.load_busy - 0.5).abs() < 1e-9,
            "{sample:?}"
        );
    }

    #[test]
    fn processor_time_is_compared_by_its_minima() {
        let measured = measured(Name::Sat);
        let ratio = measured.rows[2].cpu_to_nginx.unwrap();
        assert!((ratio.of_minima - 1.3).abs() < 1e-12, "{ratio:?}");
        assert_eq!(measured.verdict.unwrap().reached, Some(true));
    }

    #[test]
    fn what_is_translated_is_compared_with_what_is_passed_through() {
        let to_untranslated = |name| {
            let rows = measured(name).rows;
            rows[1].cpu_to_untranslated.map(|ratio| ratio.of_minima)
        };
        let ratio = to_untranslated(Name::Translate).unwrap();
        assert!((ratio - 20.0 / 26.0).abs() < 1e-12, "{ratio}");
        assert_eq!(to_untranslated(Name::Sat), None);
    }

    #[test]
    fn added_latency_is_what_lies_above_the_best_of_direct() {
        let measured = measured(Name::C8);
        assert!((measured.rows[2].added_p50_us.unwrap().min - 120.0).abs() < 1e-12);
        assert!((measured.rows[2].added_p50_to_nginx.unwrap().of_minima - 1.5).abs() < 1e-12);
        assert!(
            measured.rows[0].added_p50_us.is_none(),
            "the upstream adds nothing to itself"
        );
    }

    #[test]
    fn a_goal_is_neither_reached_nor_missed_without_the_yardstick() {
        let scenario = Scenario::of(Name::Sat).unwrap();
        let alone = Measured::of(&scenario, &[rounds("weir", &[(26.0, 220.0)])]);
        assert_eq!(alone.verdict.unwrap().reached, None);
        assert_eq!(measured(Name::Memory).verdict.unwrap().reached, Some(true));
    }
}
