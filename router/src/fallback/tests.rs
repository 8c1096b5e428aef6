//! The default table, row by row, and what an exhausted chain counts as.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;
use weir_table::FailureClass as C;
use weir_table::{Backoff, Chain, FailureClass};

use super::{Others, Reaction, Useful, moves_on, reaction, wait};
use crate::error::Failure;

fn failed(class: FailureClass, retry_after: Option<u64>) -> Failure {
    Failure {
        retry_after: retry_after.map(Duration::from_millis),
        ..Failure::new(class, "x")
    }
}

fn pause(class: FailureClass, retry_after: Option<u64>, retry: u8, others: Others) -> Option<u128> {
    wait(&failed(class, retry_after), Backoff::DEFAULT, retry, others, 0.5).map(|wait| wait.as_millis())
}

#[test]
fn every_class_has_the_reaction_of_the_documented_table() {
    let retry = [
        C::Overloaded,
        C::ServerError,
        C::ConnectFailed,
        C::MalformedResponse,
        C::StreamCut,
    ];
    let next = [
        C::FirstTokenTimeout,
        C::Timeout,
        C::StreamStalled,
        C::Unauthorized,
        C::QuotaExhausted,
        C::ModelNotFound,
        C::InvalidRequest,
        C::RequestTooLarge,
        C::CircuitOpen,
        C::PolicyUnavailable,
    ];
    let expected = |class: FailureClass| match class {
        C::RateLimited => Reaction::WhenTold,
        C::ContextLengthExceeded => Reaction::NextLarger,
        class if retry.contains(&class) => Reaction::Retry,
        class if next.contains(&class) => Reaction::Next,
        _ => Reaction::Stop,
    };
    for class in C::ALL {
        assert_eq!(reaction(class), expected(class), "{class}");
    }
}

#[test]
fn overload_waits_twice_as_long_each_time_up_to_four_seconds() {
    let waits: Vec<_> = (0..6)
        .map(|retry| pause(C::Overloaded, None, retry, Others::Remain).unwrap())
        .collect();
    assert_eq!(waits, [500, 1_000, 2_000, 4_000, 4_000, 4_000]);
}

#[test]
fn jitter_is_ten_percent_either_way() {
    let jittered = |jitter| {
        wait(
            &failed(C::ServerError, None),
            Backoff::DEFAULT,
            0,
            Others::None,
            jitter,
        )
        .unwrap()
    };
    assert_eq!(jittered(0.0), Duration::from_millis(450));
    assert_eq!(jittered(1.0), Duration::from_millis(550));
}

#[test]
fn a_rate_limit_is_waited_for_only_if_short_or_if_nothing_else_is_left() {
    assert_eq!(pause(C::RateLimited, Some(5_000), 0, Others::Remain), Some(5_000));
    assert_eq!(pause(C::RateLimited, Some(5_001), 0, Others::Remain), None);
    assert_eq!(pause(C::RateLimited, Some(60_000), 0, Others::None), Some(60_000));
    assert_eq!(pause(C::RateLimited, None, 1, Others::Remain), Some(1_000));
}

#[test]
fn an_overloaded_provider_is_never_asked_earlier_than_it_said() {
    assert_eq!(pause(C::Overloaded, Some(3_000), 0, Others::Remain), Some(3_000));
    assert_eq!(pause(C::Overloaded, Some(100), 0, Others::Remain), Some(500));
    assert_eq!(pause(C::Overloaded, Some(9_000), 0, Others::Remain), None);
}

#[test]
fn what_no_wait_can_mend_is_not_waited_for() {
    for class in [
        C::Timeout,
        C::Unauthorized,
        C::InvalidRequest,
        C::ContextLengthExceeded,
        C::ContentFiltered,
    ] {
        assert_eq!(pause(class, Some(1), 0, Others::None), None, "{class}");
    }
}

#[test]
fn a_policys_own_list_replaces_the_default() {
    let chain = |on: Option<&[FailureClass]>| Chain {
        policy: "p".to_owned(),
        on: on.map(|on| on.iter().copied().collect::<BTreeSet<_>>()),
        backoff: Backoff::DEFAULT,
        deadline_ms: None,
        rungs: Vec::new(),
    };
    assert!(moves_on(&chain(None), C::ServerError) && !moves_on(&chain(None), C::ContentFiltered));
    let own = chain(Some(&[C::ContentFiltered]));
    assert!(moves_on(&own, C::ContentFiltered) && !moves_on(&own, C::ServerError));
}

fn most(failures: &[(usize, FailureClass, Option<u64>)]) -> (FailureClass, Option<u64>) {
    let (mut useful, now) = (Useful::default(), Instant::now());
    for (rung, class, retry_after) in failures {
        useful.note(*rung, &failed(*class, *retry_after), now);
    }
    let most = useful.most(now).unwrap();
    (
        most.class,
        most.retry_after
            .map(|wait| u64::try_from(wait.as_millis()).unwrap()),
    )
}

#[test]
fn the_most_useful_error_is_told() {
    assert_eq!(
        most(&[(0, C::InvalidRequest, None), (1, C::RateLimited, Some(1))]),
        (C::InvalidRequest, None)
    );
    assert_eq!(
        most(&[(0, C::ServerError, None), (1, C::InvalidRequest, None)]),
        (C::ServerError, None)
    );
    assert_eq!(
        most(&[
            (0, C::RateLimited, Some(9)),
            (1, C::RateLimited, Some(3)),
            (2, C::RateLimited, None)
        ]),
        (C::RateLimited, Some(3))
    );
    assert_eq!(
        most(&[(0, C::ServerError, None), (1, C::Overloaded, None)]),
        (C::Overloaded, None)
    );
    assert_eq!(
        most(&[(0, C::Overloaded, None), (1, C::Unauthorized, None)]),
        (C::Overloaded, None)
    );
    assert_eq!(most(&[(0, C::Unauthorized, None)]), (C::Unauthorized, None));
    for of_router in [C::CircuitOpen, C::PolicyUnavailable] {
        assert_eq!(
            most(&[(0, C::Unauthorized, None), (1, of_router, None)]),
            (C::Unauthorized, None),
            "what was really asked says more"
        );
    }
}

#[test]
fn a_recovery_comes_nearer_while_later_rungs_are_asked() {
    let begun = Instant::now();
    let at = |millis| begun + Duration::from_millis(millis);
    let told = |failures: &[(u64, u64)], now| {
        let mut useful = Useful::default();
        for (came, told) in failures {
            useful.note(1, &failed(C::RateLimited, Some(*told)), at(*came));
        }
        useful.most(at(now)).unwrap().retry_after.unwrap().as_millis()
    };
    assert_eq!(told(&[(0, 9_000)], 2_000), 7_000);
    assert_eq!(told(&[(0, 9_000)], 10_000), 0);
    assert_eq!(
        told(&[(0, 9_000), (5_000, 5_000)], 6_000),
        3_000,
        "the first recovers sooner"
    );
}
