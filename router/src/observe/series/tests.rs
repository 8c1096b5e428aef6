use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use weir_dialect::form::Usage;
use weir_table::{FailureClass, Prices};

use super::{Counted, Ended, Series, TOKEN_TYPES, TargetName, outcomes};
use crate::observe::task::{TASKS, Task};
use crate::worker;

const PRICES: Prices = Prices {
    input: Some(1.0),
    output: Some(2.0),
    cache_read: None,
    cache_write: None,
};

fn name() -> TargetName {
    TargetName {
        namespace: "ns".into(),
        path: "outer/inner".into(),
        target: "p/m".into(),
    }
}

fn series() -> Counted {
    Counted::default()
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
    assert_eq!((name().policy(), name().provider()), ("outer", "p"));
    assert_eq!(TargetName::default().policy(), "");
}

#[test]
fn what_each_worker_counts_is_told_as_one() {
    let series = Series::new(name(), 3);
    let usage = Some(Usage {
        input: 7,
        output: 2,
        ..Usage::default()
    });
    for number in [0, 2, 2] {
        let count = || {
            worker::be(number);
            let own = series.own();
            own.first_choices.inc();
            own.retries.count(Some(FailureClass::Timeout));
            own.ended(Ended { usage, ..good() });
        };
        thread::scope(|scope| scope.spawn(count).join().unwrap());
    }
    assert_eq!(series.counted.all()[2].get().unwrap().first_choices.get(), 2);
    assert!(series.counted.all()[1].get().is_none(), "it counted nothing");
    let total = series.total();
    assert_eq!(total.name, name());
    let Counted {
        first_choices,
        requests,
        retries,
        tokens,
        dollars,
        ..
    } = &total.counted;
    assert_eq!((first_choices.get(), requests.of(None)), (3, 3));
    assert_eq!(retries.of(Some(FailureClass::Timeout)), 3);
    assert_eq!(tokens.each_ref().map(Counter::get), [21, 0, 0, 6, 0]);
    assert!((dollars.get() - 33e-6).abs() < 1e-12);
    let timings = total.counted.timings(Task::Chat).unwrap();
    assert!(!timings.durations(None).unwrap().is_empty() && timings.first_token.is_empty());
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
