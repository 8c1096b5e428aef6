//! How circuits and budgets change the way through a tree.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use weir_table::FailureClass as C;
use weir_table::{Chain, FailureClass, Node};

use super::{ANSWER, Event, chain, chain_of, fails, keyed, leaf, served, split, story_at, takes, told};
use crate::error::Failure;
use crate::state::{Below, Leaf, Served};

const SECOND: Duration = Duration::from_secs(1);

/// A table that requests are served from one after the other, and the time.
struct Past {
    served: Served,
    now: Instant,
}

impl Past {
    fn of(root: Node) -> Self {
        Self {
            served: served(root),
            now: Instant::now() + SECOND,
        }
    }

    fn story(&self, events: &[Event]) -> String {
        story_at(&self.served, self.now, events, None)
    }

    fn leaf(&self, name: &str) -> Arc<Leaf> {
        let mut leaves = Vec::new();
        for tree in self.served.policies.values() {
            gather(tree.root().below, &mut leaves);
        }
        let label = format!("p/{name}");
        leaves.into_iter().find(|leaf| *leaf.label == *label).unwrap()
    }

    /// Target `name` has failed like this, for as long as it takes to notice.
    fn failed(&mut self, name: &str, class: FailureClass) -> &mut Self {
        for _ in 0..5 {
            self.leaf(name)
                .health
                .failed(self.now, &Failure::new(class, "x"), self.now);
        }
        self
    }

    fn after(&mut self, time: Duration) {
        self.now += time;
    }
}

fn gather(below: &Below, into: &mut Vec<Arc<Leaf>>) {
    match below {
        Below::Leaf(leaf) => into.push(leaf.clone()),
        Below::Nodes(nodes) => nodes.iter().for_each(|below| gather(below, into)),
    }
}

fn three() -> Node {
    chain("c", vec![(leaf("a"), 0), (leaf("b"), 0), (leaf("d"), 0)])
}

#[test]
fn an_open_circuit_is_skipped_where_another_target_remains() {
    let mut past = Past::of(three());
    past.failed("a", C::ServerError);
    assert_eq!(past.story(&[fails(ANSWER)]), "@0 b! answer");
}

#[test]
fn one_request_tries_after_five_seconds_and_an_answer_brings_everybody_back() {
    let mut past = Past::of(three());
    past.failed("a", C::ServerError).after(5 * SECOND);
    assert_eq!(
        past.story(&[fails(C::ServerError), fails(ANSWER)]),
        "@0 a! @0 b! answer"
    );
    assert_eq!(past.story(&[fails(ANSWER)]), "@0 b! answer", "one at a time");
    past.after(15 * SECOND);
    assert_eq!(past.story(&[takes(ANSWER, 1)]), "@0 a! answer");
    past.after(SECOND);
    assert_eq!(past.story(&[fails(ANSWER)]), "@0 a! answer");
}

#[test]
fn a_rate_limited_target_is_left_alone_for_as_long_as_it_said() {
    let mut past = Past::of(three());
    let limited = told(C::RateLimited, 9_000);
    assert_eq!(past.story(&[limited, fails(ANSWER)]), "@0 a! @0 b! answer");
    past.after(8 * SECOND);
    assert_eq!(past.story(&[fails(ANSWER)]), "@0 b! answer");
    past.after(SECOND);
    assert_eq!(past.story(&[fails(ANSWER)]), "@0 a! answer");
}

#[test]
fn a_refused_credential_is_left_alone_whichever_model_it_was_for() {
    let root = chain(
        "c",
        vec![
            (keyed("a", "k"), 0),
            (keyed("b", "k"), 0),
            (keyed("d", "other"), 0),
        ],
    );
    let mut past = Past::of(root);
    past.failed("b", C::Unauthorized);
    assert_eq!(past.story(&[fails(ANSWER)]), "@0 d answer");
}

#[test]
fn with_every_circuit_open_the_least_bad_target_is_asked_and_no_other() {
    let mut past = Past::of(three());
    past.failed("b", C::ServerError).after(SECOND);
    past.failed("a", C::ServerError).failed("d", C::ServerError);
    assert_eq!(past.story(&[fails(C::ServerError)]), "@0 b ServerError");
    let mut past = Past::of(three());
    past.failed("a", C::ServerError).after(SECOND);
    past.failed("b", C::ServerError).failed("d", C::ServerError);
    assert_eq!(past.story(&[fails(C::ServerError)]), "@0 a ServerError");
    let mut past = Past::of(three());
    past.failed("d", C::ServerError).after(SECOND);
    past.failed("a", C::ServerError).failed("b", C::ServerError);
    assert_eq!(past.story(&[fails(ANSWER)]), "@0 d answer");
}

#[test]
fn what_was_passed_over_is_asked_once_if_the_others_failed() {
    let root = chain("c", vec![(leaf("a"), 3), (leaf("b"), 0)]);
    let mut past = Past::of(root);
    past.failed("a", C::ServerError);
    assert_eq!(past.story(&[fails(C::Overloaded)]), "@0 b @0 a! Overloaded");
    let last = past.story(&[fails(C::Overloaded), fails(ANSWER)]);
    assert_eq!(last, "@0 b @0 a! answer");
}

#[test]
fn what_was_not_asked_yet_is_less_bad_than_what_failed_just_now() {
    let root = chain("c", vec![(leaf("a"), 0), (leaf("b"), 0), (leaf("a"), 0)]);
    let mut past = Past::of(root);
    past.failed("b", C::ServerError);
    let story = past.story(&[fails(C::RateLimited)]);
    assert_eq!(story, "@0 a @0 b RateLimited", "a's circuit opens sooner again");
}

#[test]
fn what_was_passed_over_is_not_asked_after_a_failure_that_stops() {
    let mut past = Past::of(three());
    past.failed("a", C::ServerError);
    assert_eq!(past.story(&[fails(C::ContentFiltered)]), "@0 b! ContentFiltered");
}

#[test]
fn an_open_circuit_does_not_hurry_the_target_before_it() {
    let mut past = Past::of(chain("c", vec![(leaf("a"), 0), (leaf("b"), 0)]));
    past.failed("b", C::ServerError);
    assert_eq!(past.story(&[fails(ANSWER)]), "@0 a answer");
}

#[test]
fn an_open_circuit_never_stops_a_requests_own_retries() {
    let past = Past::of(chain("c", vec![(leaf("a"), 9), (leaf("b"), 0)]));
    let story = past.story(&[fails(C::Overloaded)]);
    assert_eq!(story.matches(" a!").count(), 10, "{story}");
}

#[test]
fn a_policy_that_only_splits_asks_whom_the_hash_says() {
    let root = split("s", vec![("a", 1.0, leaf("a")), ("b", 0.0, leaf("b"))]);
    let mut past = Past::of(root);
    past.failed("a", C::ServerError);
    assert_eq!(past.story(&[fails(ANSWER)]), "@0 a answer");
}

#[test]
fn a_split_inside_a_chain_is_passed_over_with_its_choice() {
    let inner = split("s", vec![("a", 1.0, leaf("a")), ("b", 0.0, leaf("b"))]);
    let mut past = Past::of(chain("c", vec![(inner, 0), (leaf("d"), 0)]));
    past.failed("a", C::ServerError);
    assert_eq!(past.story(&[fails(ANSWER)]), "@0 d answer");
}

#[test]
fn an_inner_chain_gives_way_to_what_is_well_outside() {
    let inner = chain("i", vec![(leaf("a"), 0), (leaf("b"), 0)]);
    let mut past = Past::of(chain("o", vec![(inner, 0), (leaf("d"), 0)]));
    past.failed("a", C::ServerError).failed("b", C::ServerError);
    assert_eq!(past.story(&[fails(C::ServerError)]), "@0 d @0 a! ServerError");
}

#[test]
fn a_policy_that_does_not_name_circuits_asks_all_the_same() {
    let root = Node::from(Chain {
        on: Some([C::ServerError].into()),
        ..chain_of("c", vec![(leaf("a"), 0), (leaf("b"), 0)])
    });
    let mut past = Past::of(root);
    past.failed("a", C::ServerError);
    assert_eq!(past.story(&[fails(ANSWER)]), "@0 a answer");
}

#[test]
fn a_spent_budget_sends_a_request_on_at_once() {
    let past = Past::of(chain("c", vec![(leaf("a"), 2), (leaf("b"), 0), (leaf("a"), 0)]));
    let health = past.leaf("a").health.clone();
    while health.may_repeat(past.now) {}
    assert_eq!(past.story(&[fails(C::ServerError)]), "@0 a! @0 b! ServerError");
}

#[test]
fn a_fifth_of_many_requests_is_retried() {
    let past = Past::of(chain("c", vec![(leaf("a"), 1)]));
    let again = |_: &u32| past.story(&[fails(C::Overloaded)]).contains("@500");
    let repeated = (0..1_000).filter(again).count();
    assert_eq!(repeated, 208, "a fifth, and what the first ten had not paid in");
}

#[test]
fn a_target_that_cannot_be_asked_is_no_attempt_and_no_alternative() {
    let gone = |name: &str| {
        let mut model = super::model(name);
        model.provider = "gone".to_owned();
        Node::from(model)
    };
    let past = Past::of(chain("c", vec![(gone("x"), 2), (leaf("a"), 0), (gone("y"), 0)]));
    assert_eq!(past.story(&[fails(C::Overloaded)]), "@0 a Overloaded");
    let past = Past::of(chain("c", vec![(gone("x"), 2)]));
    assert_eq!(past.story(&[]), "PolicyUnavailable");
}
