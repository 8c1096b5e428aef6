use std::time::Duration;

use weir_dialect::form::Usage;
use weir_table::{FailureClass, Prices};

use super::{Ended, Series, TOKEN_TYPES, TargetName, outcomes};
use crate::observe::task::{TASKS, Task};

const PRICES: Prices = Prices {
    input: Some(1.0),
    output: Some(2.0),
    cache_read: None,
    cache_write: None,
};

fn series() -> Series {
    Series::new(TargetName {
        namespace: "ns".into(),
        path: "outer/inner".into(),
        target: "p/m".into(),
    })
}

/// A good answer to a chat, of which nothing is known but that it took 3 s.
fn good() -> Ended<'static> {
    Ended {
        task: Task::Chat,
        outcome: None,
        lasted: Duration::from_secs(3),
        first_token: None,
        usage: None,
        prices: &PRICES,
    }
}

#[test]
fn a_target_belongs_to_the_policy_that_was_named() {
    let name = series().name;
    assert_eq!((name.policy(), name.provider()), ("outer", "p"));
    assert_eq!(TargetName::default().policy(), "");
}

#[test]
fn tasks_and_outcomes_are_counted_where_they_are_looked_for() {
    let series = series();
    for outcome in outcomes() {
        series.requests.count(outcome);
    }
    assert!(outcomes().all(|outcome| series.requests.of(outcome) == 1));
    for (at, task) in TASKS.into_iter().enumerate() {
        assert_eq!(task as usize, at);
    }
}

#[test]
fn what_was_used_is_counted_and_paid() {
    let (series, usage) = (
        series(),
        Usage {
            input: 100,
            cache_read: 60,
            cache_write: 0,
            output: 50,
            reasoning: 20,
        },
    );
    series.ended(Ended {
        usage: Some(usage),
        ..good()
    });
    let counted: Vec<u64> = series
        .tokens
        .iter()
        .map(prometheus_client::metrics::counter::Counter::get)
        .collect();
    assert_eq!(counted, [100, 60, 0, 50, 20]);
    assert_eq!(
        TOKEN_TYPES,
        ["input", "cache_read", "cache_write", "output", "reasoning"]
    );
    assert!((series.dollars.get() - 200e-6).abs() < 1e-12);
    assert_eq!((series.usage_missing.get(), series.price_missing.get()), (0, 0));
}

#[test]
fn unknown_usage_is_counted_and_not_invented() {
    let series = series();
    series.ended(good());
    series.ended(Ended {
        task: Task::Other,
        ..good()
    });
    series.ended(Ended {
        outcome: Some(FailureClass::StreamCut),
        ..good()
    });
    assert_eq!(series.usage_missing.get(), 1);
    assert!(series.timings(Task::Chat).unwrap().input_tokens.is_empty());
}

#[test]
fn a_missing_price_is_counted_and_costs_nothing() {
    let series = series();
    let usage = Some(Usage {
        input: 1,
        ..Usage::default()
    });
    series.ended(Ended {
        usage,
        prices: &Prices::default(),
        ..good()
    });
    assert_eq!(series.price_missing.get(), 1);
    assert!(series.dollars.get().abs() < 1e-12);
}

#[test]
fn first_tokens_are_those_of_streams_that_ended_well() {
    let series = series();
    series.ended(good());
    let cut = Some(FailureClass::StreamCut);
    let first_token = Some(Duration::from_secs(1));
    series.ended(Ended {
        outcome: cut,
        first_token,
        ..good()
    });
    let timings = series.timings(Task::Chat).unwrap();
    assert!(timings.first_token.is_empty());
    let usage = Some(Usage {
        output: 1,
        ..Usage::default()
    });
    series.ended(Ended {
        first_token,
        usage,
        ..good()
    });
    assert!(!timings.first_token.is_empty() && timings.per_token.is_empty());
    let usage = Some(Usage {
        output: 2,
        ..Usage::default()
    });
    series.ended(Ended {
        first_token,
        usage,
        ..good()
    });
    assert!(!timings.per_token.is_empty());
    assert!(timings.durations(cut).is_some() && timings.durations(Some(FailureClass::Timeout)).is_none());
}
