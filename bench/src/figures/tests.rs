//! From repetitions to figures and verdicts.

use std::time::Duration;

use super::{Measured, Rounds, Sample};
use crate::dialect::Dialect;
use crate::goal::Figure;
use crate::load::Counted;
use crate::scenario::{Name, Scenario};
use crate::way::Way;

fn rounds(target: &str, figures: &[(f64, f64)]) -> Rounds {
    let sample = |(cpu, p50): &(f64, f64)| Sample {
        cpu_us: (target != "direct").then_some(*cpu),
        per_second: 1e6 / cpu,
        busy: None,
        load_busy: 0.5,
        p50_us: *p50,
        p99_us: *p50 * 2.0,
        worst_us: *p50 * 100.0,
        resident_mib: Some(20.0),
    };
    Rounds {
        target: target.to_owned(),
        way: Way::Plain,
        idle_mib: Some(9.0),
        samples: figures.iter().map(sample).collect(),
    }
}

/// Three targets in scenario `name`, in two rounds.
pub(crate) fn measured(name: Name) -> Measured {
    let all = vec![
        rounds("direct", &[(0.0, 100.0), (0.0, 150.0)]),
        rounds("nginx", &[(20.0, 180.0), (30.0, 200.0)]),
        rounds("weir", &[(50.0, 240.0), (26.0, 220.0)]),
    ];
    Measured::of(&Scenario::of(name), &all)
}

#[test]
fn a_sample_divides_by_what_ended_in_the_window() {
    let counted = Counted {
        window: Duration::from_secs(2),
        units: 4_000,
        ever: 5_000,
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
    assert!((ratio.of_best - 1.3).abs() < 1e-12, "{ratio:?}");
    assert_eq!(measured.verdicts[0].reached, Some(true));
    assert_eq!(measured.verdicts[0].target, "weir");
}

/// Two of Weir's ways, with their figures, in scenario `name`.
fn of_ways(name: Name, ways: [(Way, f64); 2]) -> Measured {
    let rounds = ways.map(|(way, cpu)| Rounds {
        way,
        ..rounds(&way.name_of("weir"), &[(cpu, 200.0), (cpu * 1.5, 200.0)])
    });
    Measured::of(&Scenario::of(name), &rounds)
}

#[test]
fn what_is_translated_is_compared_with_what_is_passed_through() {
    let bedrock = Way::Translated(Dialect::Bedrock);
    let translated = of_ways(Name::Translate, [(Way::Plain, 20.0), (bedrock, 62.0)]);
    let verdict = &translated.verdicts[0];
    assert_eq!(
        (&*verdict.target, verdict.reached),
        ("weir → Bedrock", Some(false))
    );
    assert!((verdict.found.unwrap().value - 3.1).abs() < 1e-12, "{verdict:?}");
    assert_eq!(
        translated.verdicts.len(),
        1,
        "what it is compared with has no goal"
    );
    assert!(measured(Name::Sat).rows[2].cpu_to_base.is_none());
}

#[test]
fn throughput_is_compared_by_its_maxima() {
    let measured = of_ways(Name::Over, [(Way::Crowd(64), 20.0), (Way::Crowd(256), 25.0)]);
    let verdict = &measured.verdicts[0];
    assert_eq!(
        (&*verdict.target, verdict.reached),
        ("weir, 256 connections", Some(false))
    );
    assert!((verdict.found.unwrap().value - 0.8).abs() < 1e-12, "{verdict:?}");
}

#[test]
fn a_first_event_is_judged_by_what_is_added_and_by_the_slowest_of_all() {
    let measured = measured(Name::First);
    let found: Vec<f64> = measured
        .verdicts
        .iter()
        .filter_map(|verdict| Some(verdict.found?.value))
        .collect();
    assert_eq!(found, [0.12, 24.0], "milliseconds");
    let reached: Vec<Option<bool>> = measured.verdicts.iter().map(|verdict| verdict.reached).collect();
    assert_eq!(reached, [Some(true), Some(false)]);
}

#[test]
fn latency_at_a_rate_is_compared_as_a_whole() {
    let row = &measured(Name::Rate).rows[2];
    let found = row.find(Figure::P99).unwrap();
    assert!((found.value - 220.0 / 180.0).abs() < 1e-12, "{found:?}");
}

#[test]
fn added_latency_is_what_lies_above_the_best_of_direct() {
    let measured = measured(Name::C8);
    assert!((measured.rows[2].added_p50_us.unwrap().min - 120.0).abs() < 1e-12);
    assert!((measured.rows[2].added_p50_to_nginx.unwrap().of_best - 1.5).abs() < 1e-12);
    assert!(
        measured.rows[0].added_p50_us.is_none(),
        "the upstream adds nothing to itself"
    );
}

#[test]
fn a_goal_is_neither_reached_nor_missed_without_the_yardstick() {
    let scenario = Scenario::of(Name::Sat);
    let alone = Measured::of(&scenario, &[rounds("weir", &[(26.0, 220.0)])]);
    assert_eq!(alone.verdicts[0].reached, None);
    let without_weir = Measured::of(&scenario, &[rounds("nginx", &[(26.0, 220.0)])]);
    assert_eq!(without_weir.verdicts[0].reached, None);
    let memory: Vec<Option<bool>> = measured(Name::Memory)
        .verdicts
        .iter()
        .map(|verdict| verdict.reached)
        .collect();
    assert_eq!(memory, [Some(true), Some(true)]);
}
