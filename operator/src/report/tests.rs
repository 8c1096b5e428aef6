use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use weir_policy::object::{ObjectKind, ObjectRef};
use weir_policy::problem::{Cause, Problem};
use weir_policy::verdict::{ACCEPTED, PROGRAMMED, PolicyOutcome, READY, Rollout, Serving, Verdict};
use weir_table::codec::encode;
use weir_table::{Digest, ModelKind, Scope, Table};

use super::{Mood, conditions, find, says_the_same, status, transitions};
use crate::observe::Status;

fn at(second: i64) -> Time {
    Time(Timestamp::from_second(second).expect("a valid time"))
}

fn digest() -> Digest {
    encode(&Table::empty(Scope::Cluster), weir_table::Format::NEWEST).digest
}

fn verdict(generation: i64) -> Verdict {
    let kind = ObjectKind::LoadBalancingPolicy;
    let object = ObjectRef {
        kind,
        namespace: Some("a".into()),
        name: "x".into(),
    };
    let serving = Serving::Current(digest());
    let outcome = PolicyOutcome {
        serving,
        kind: ModelKind::Chat,
        targets: "m 100%".into(),
        distribution: vec![],
    };
    Verdict {
        object,
        generation,
        problems: vec![],
        warnings: vec![],
        policy: Some(outcome),
        access: None,
    }
}

fn bad(generation: i64) -> Verdict {
    let problem = Problem::new("spec.targets", Cause::Cycle, "x → y → x");
    let mut verdict = verdict(generation);
    verdict.problems = vec![problem];
    verdict
}

const PENDING: Rollout = Rollout::Pending { done: 0, ready: 2 };

fn time_of(status: &Status, kind: &str) -> Time {
    find(status, kind)
        .expect("the condition is there")
        .last_transition_time
        .clone()
}

#[test]
fn every_condition_names_the_generation_that_it_is_about() {
    let first = status(&verdict(3), &PENDING, None, &at(1));
    assert!(
        conditions(&first)
            .iter()
            .all(|condition| condition.observed_generation == Some(3))
    );
    let Status::Policy(first) = first else {
        panic!("a policy has a policy's status")
    };
    assert_eq!(
        (first.observed_generation, first.digest),
        (3, Some(digest().to_string()))
    );
}

#[test]
fn a_condition_keeps_its_time_until_its_status_changes() {
    let first = status(&verdict(1), &PENDING, None, &at(1));
    let second = status(&verdict(2), &Rollout::Done, Some(&first), &at(2));
    assert_eq!(time_of(&second, ACCEPTED), at(1));
    assert_eq!(time_of(&second, PROGRAMMED), at(2));
}

#[test]
fn neither_time_nor_order_is_a_difference() {
    let one = status(&verdict(1), &Rollout::Done, None, &at(1));
    let mut other = status(&verdict(1), &Rollout::Done, None, &at(2));
    if let Status::Policy(other) = &mut other {
        other.conditions.reverse();
    }
    assert!(says_the_same(&one, &other));
}

#[test]
fn a_message_a_generation_or_a_digest_is_a_difference() {
    let one = status(&verdict(1), &PENDING, None, &at(1));
    let fewer = Rollout::Pending { done: 1, ready: 2 };
    assert!(!says_the_same(&one, &status(&verdict(1), &fewer, None, &at(1))));
    assert!(!says_the_same(&one, &status(&verdict(2), &PENDING, None, &at(1))));
    let mut unserved = verdict(1);
    unserved.policy.as_mut().expect("it is a policy").serving = Serving::Nothing;
    assert!(!says_the_same(&one, &status(&unserved, &PENDING, None, &at(1))));
}

#[test]
fn a_condition_that_another_controller_adds_does_not_start_a_fight() {
    let one = status(&verdict(1), &Rollout::Done, None, &at(1));
    let mut other = one.clone();
    if let Status::Policy(other) = &mut other {
        let theirs = Condition {
            type_: "Theirs".into(),
            ..other.conditions[0].clone()
        };
        other.conditions.push(theirs);
    }
    assert!(says_the_same(&one, &other));
}

#[test]
fn becoming_ready_is_told_once_and_acceptance_alone_is_not() {
    let first = status(&verdict(1), &Rollout::Done, None, &at(1));
    let told = transitions(None, &first);
    assert_eq!(
        told.iter()
            .map(|t| (t.reason.as_str(), t.mood))
            .collect::<Vec<_>>(),
        [("Ready", Mood::Good)]
    );
    assert!(
        transitions(
            Some(&first),
            &status(&verdict(2), &Rollout::Done, Some(&first), &at(2))
        )
        .is_empty()
    );
}

#[test]
fn turning_bad_is_one_warning() {
    let good = status(&verdict(1), &Rollout::Done, None, &at(1));
    let told = transitions(Some(&good), &status(&bad(2), &Rollout::Done, Some(&good), &at(2)));
    assert_eq!(
        told.iter()
            .map(|t| (t.reason.as_str(), t.mood))
            .collect::<Vec<_>>(),
        [("Cycle", Mood::Bad)]
    );
}

#[test]
fn a_rollout_under_way_is_no_warning() {
    let ready = status(&verdict(1), &Rollout::Done, None, &at(1));
    let pending = status(&verdict(2), &PENDING, Some(&ready), &at(2));
    assert!(find(&pending, READY).is_some_and(|ready| ready.status == "False"));
    let told = transitions(Some(&ready), &pending);
    assert_eq!(
        told.iter()
            .map(|t| (t.reason.as_str(), t.mood))
            .collect::<Vec<_>>(),
        [("Pending", Mood::Good)]
    );
}

#[test]
fn a_provider_gets_a_providers_status() {
    let mut provider = verdict(1);
    provider.policy = None;
    assert!(matches!(
        status(&provider, &PENDING, None, &at(1)),
        Status::Provider(_)
    ));
}
