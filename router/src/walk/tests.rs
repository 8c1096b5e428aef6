//! Ways through trees: which target is asked when, and what comes out at the end. No clock runs and
//! nothing is sent.

mod health;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::time::Instant;
use weir_table::FailureClass as C;
use weir_table::check::check;
use weir_table::{
    Backoff, Chain, Credential, CredentialId, FailureClass, Model, ModelKind, Node, Policy, Prices,
    ProviderEntry, Rung, Scope, Split, SplitTarget, Table, Timeouts,
};

use super::{Moment, Step, Terms, Walk};
use crate::body::Prompt;
use crate::error::Failure;
use crate::forward::Patience;
use crate::key::Keys;
use crate::samples;
use crate::state::{Registries, Served, prepared_for_tests};

fn model(name: &str) -> Model {
    Model {
        model: format!("p/{name}"),
        provider: "p".to_owned(),
        upstream: name.to_owned(),
        region: None,
        credential: None,
        context_window: None,
        reasoning: false,
        prices: Prices::default(),
    }
}

fn leaf(name: &str) -> Node {
    Node::from(model(name))
}

fn window(name: &str, tokens: u64) -> Node {
    Node::from(Model {
        context_window: Some(tokens),
        ..model(name)
    })
}

fn keyed(name: &str, key: &str) -> Node {
    let credential = Some(Credential::Named(CredentialId::of_secret_key("ns", "s", key)));
    Node::from(Model {
        credential,
        ..model(name)
    })
}

fn rungs(nodes: Vec<(Node, u8)>) -> Vec<Rung> {
    nodes
        .into_iter()
        .map(|(node, retries)| Rung {
            retries,
            timeouts: Timeouts::default(),
            node,
        })
        .collect()
}

fn chain_of(name: &str, nodes: Vec<(Node, u8)>) -> Chain {
    Chain {
        policy: name.to_owned(),
        on: None,
        backoff: Backoff::DEFAULT,
        deadline_ms: None,
        rungs: rungs(nodes),
    }
}

fn chain(name: &str, nodes: Vec<(Node, u8)>) -> Node {
    Node::from(chain_of(name, nodes))
}

fn split(name: &str, nodes: Vec<(&str, f64, Node)>) -> Node {
    let targets = nodes
        .into_iter()
        .map(|(name, weight, node)| SplitTarget::new(name.to_owned(), weight, node));
    Node::from(Split::new(
        name.to_owned(),
        name.to_owned(),
        Vec::new(),
        targets.collect(),
    ))
}

fn served(root: Node) -> Served {
    let provider = samples::provider(Credential::Anonymous);
    let name = root.policy_name().unwrap().to_owned();
    let mut table = Table::empty(Scope::Namespace("ns".to_owned()));
    table
        .providers
        .insert("p".to_owned(), ProviderEntry::Live(Box::new(provider)));
    table.providers.insert("gone".to_owned(), ProviderEntry::Gone);
    table.policies.insert(
        name,
        Policy {
            kind: ModelKind::Chat,
            expose_to: BTreeSet::new(),
            root,
        },
    );
    prepared_for_tests(&check(table).unwrap(), &Registries::default())
}

/// Stands for an answer among events.
const ANSWER: FailureClass = C::Cancelled;

/// A failure, and how long the attempt took until it came.
type Event = (FailureClass, Option<Duration>, u64);

fn fails(class: FailureClass) -> Event {
    (class, None, 0)
}

fn told(class: FailureClass, retry_after_ms: u64) -> Event {
    (class, Some(Duration::from_millis(retry_after_ms)), 0)
}

fn takes(class: FailureClass, millis: u64) -> Event {
    (class, None, millis)
}

/// Walks `root` while attempts fail as in `events`, the last one for ever, and writes down what happens:
/// `@millis target` for an attempt, with `!` where its own limits bind, and at last the outcome.
fn story(root: Node, events: &[Event]) -> String {
    story_within(root, events, None)
}

fn story_within(root: Node, events: &[Event], caller: Option<Duration>) -> String {
    story_at(&served(root), Instant::now(), events, caller)
}

/// The same at `begun`, in a table that others have been served from before.
fn story_at(served: &Served, begun: Instant, events: &[Event], caller: Option<Duration>) -> String {
    let tree = served.policies.values().next().unwrap();
    let prompt = Prompt::read(Bytes::from_static(
        br#"{"model":"m","requesty":{"trace_id":"t"}}"#,
    ))
    .unwrap();
    let headers = HeaderMap::new();
    let keys = Keys {
        prompt: &prompt,
        headers: &headers,
        request_id: "r",
    };
    let mut walk = Walk::new(Terms {
        begun,
        patience: caller,
        silence: C::FirstTokenTimeout,
        keys,
    });
    let (mut now, mut story) = (begun, String::new());
    let mut step = walk.begin(tree.root());
    for n in 0..100 {
        let next = match step {
            Step::Try(next) => next,
            Step::Over(failure) => {
                write!(story, "{}", failure.class).unwrap();
                return story;
            }
        };
        now = now.max(next.not_before);
        let binds = if next.patience == Patience::Limited {
            "!"
        } else {
            ""
        };
        write!(
            story,
            "@{} {}{binds} ",
            (now - begun).as_millis(),
            &next.leaf.label[2..]
        )
        .unwrap();
        let (class, retry_after, took) = events[n.min(events.len() - 1)];
        now += Duration::from_millis(took);
        if class == ANSWER {
            walk.answered(now);
            story.push_str("answer");
            return story;
        }
        let failure = Failure {
            retry_after,
            ..Failure::new(class, "x")
        };
        step = walk.failed(failure, Moment { now, jitter: 0.5 });
    }
    panic!("it never ends: {story}");
}

#[test]
fn a_split_alone_asks_once() {
    let root = split("s", vec![("a", 1.0, leaf("a")), ("b", 0.0, leaf("b"))]);
    assert_eq!(story(root, &[fails(C::Overloaded)]), "@0 a Overloaded");
}

#[test]
fn retries_come_first_then_the_next_rung() {
    let root = chain("c", vec![(leaf("a"), 2), (leaf("b"), 1)]);
    assert_eq!(
        story(root, &[fails(C::ServerError)]),
        "@0 a! @500 a! @1500 a! @1500 b @2000 b ServerError"
    );
}

#[test]
fn a_short_rate_limit_is_waited_for_and_a_long_one_is_not() {
    let root = || chain("c", vec![(leaf("a"), 1), (leaf("b"), 0)]);
    assert_eq!(
        story(root(), &[told(C::RateLimited, 2_000)]),
        "@0 a! @2000 a! @2000 b RateLimited"
    );
    assert_eq!(
        story(root(), &[told(C::RateLimited, 60_000)]),
        "@0 a! @0 b RateLimited"
    );
}

#[test]
fn the_last_rung_waits_as_long_as_it_is_told_if_that_fits() {
    let root = || chain("c", vec![(leaf("a"), 1)]);
    assert_eq!(
        story(root(), &[told(C::RateLimited, 60_000)]),
        "@0 a @60000 a RateLimited"
    );
    assert_eq!(
        story(root(), &[told(C::RateLimited, 599_500)]),
        "@0 a RateLimited"
    );
}

#[test]
fn a_target_is_asked_no_sooner_than_told_on_whatever_rung() {
    let root = || chain("c", vec![(leaf("a"), 0), (leaf("b"), 0), (leaf("a"), 0)]);
    let busy = told(C::RateLimited, 3_000);
    assert_eq!(
        story(root(), &[busy, takes(C::ServerError, 2_900)]),
        "@0 a! @0 b RateLimited"
    );
    assert_eq!(
        story(root(), &[busy, takes(C::ServerError, 3_000)]),
        "@0 a! @0 b @3000 a RateLimited"
    );
}

#[test]
fn a_silent_target_is_asked_once_on_whatever_rung() {
    let root = chain(
        "c",
        vec![(leaf("a"), 5), (leaf("b"), 0), (leaf("a"), 5), (leaf("d"), 0)],
    );
    let events = [takes(C::FirstTokenTimeout, 10_000), fails(C::Overloaded)];
    assert_eq!(story(root, &events), "@0 a! @10000 b! @10000 d Overloaded");
}

#[test]
fn limits_do_not_bind_where_only_the_same_target_is_left() {
    let root = chain("c", vec![(leaf("a"), 0), (leaf("a"), 0)]);
    assert_eq!(
        story(root, &[fails(C::FirstTokenTimeout)]),
        "@0 a FirstTokenTimeout"
    );
}

#[test]
fn a_refused_credential_is_not_used_again() {
    let root = chain(
        "c",
        vec![
            (keyed("a", "k"), 3),
            (keyed("b", "k"), 0),
            (keyed("c", "other"), 0),
        ],
    );
    for class in [C::Unauthorized, C::QuotaExhausted] {
        assert_eq!(
            story(root.clone(), &[fails(class)]),
            format!("@0 a! @0 c {class}")
        );
    }
}

#[test]
fn a_prompt_too_long_goes_only_where_more_fits_or_nobody_knows() {
    let root = chain(
        "c",
        vec![
            (window("a", 8), 2),
            (window("b", 8), 0),
            (leaf("c"), 0),
            (window("d", 9), 0),
        ],
    );
    assert_eq!(
        story(root, &[fails(C::ContextLengthExceeded)]),
        "@0 a! @0 c! @0 d ContextLengthExceeded"
    );
}

#[test]
fn filtered_content_stops_the_whole_tree() {
    let inner = chain("i", vec![(leaf("a"), 0), (leaf("b"), 0)]);
    let root = chain("c", vec![(inner, 0), (leaf("c"), 0)]);
    assert_eq!(story(root, &[fails(C::ContentFiltered)]), "@0 a! ContentFiltered");
    let last = chain("c", vec![(leaf("a"), 0)]);
    assert_eq!(
        story(last, &[takes(C::DeadlineExceeded, 600_000)]),
        "@0 a DeadlineExceeded"
    );
}

#[test]
fn a_policys_own_list_decides() {
    let on = |on: &[FailureClass]| {
        let on = Some(on.iter().copied().collect());
        Node::from(Chain {
            on,
            ..chain_of("c", vec![(leaf("a"), 0), (leaf("b"), 0)])
        })
    };
    assert_eq!(
        story(on(&[C::RateLimited]), &[fails(C::ServerError)]),
        "@0 a ServerError"
    );
    assert_eq!(
        story(on(&[C::ContentFiltered]), &[fails(C::ContentFiltered)]),
        "@0 a @0 b ContentFiltered"
    );
}

#[test]
fn an_inner_chain_runs_once_and_counts_as_its_most_useful_error() {
    let inner = chain("i", vec![(leaf("a"), 0), (leaf("b"), 0)]);
    let root = chain("o", vec![(inner, 0), (leaf("c"), 0)]);
    let events = [
        told(C::RateLimited, 9_000),
        fails(C::ServerError),
        fails(C::Unauthorized),
    ];
    assert_eq!(story(root, &events), "@0 a! @0 b! @0 c RateLimited");
}

#[test]
fn a_split_inside_a_chain_falls_on_to_the_next_rung() {
    let inner = split("s", vec![("a", 1.0, leaf("a")), ("b", 0.0, leaf("b"))]);
    let root = chain("c", vec![(inner, 0), (leaf("c"), 0)]);
    assert_eq!(
        story(root, &[fails(C::ConnectFailed)]),
        "@0 a! @0 c ConnectFailed"
    );
}

#[test]
fn an_inner_chain_whose_first_target_is_out_goes_on_with_its_second() {
    let inner = chain("i", vec![(leaf("a"), 0), (leaf("b"), 0)]);
    let root = chain("o", vec![(leaf("a"), 0), (inner, 0)]);
    assert_eq!(
        story(root, &[fails(C::Timeout), fails(C::Overloaded)]),
        "@0 a! @0 b Overloaded"
    );
}

#[test]
fn no_attempt_begins_with_less_than_a_second_left() {
    let root = || chain("c", vec![(leaf("a"), 3), (leaf("b"), 0)]);
    let caller = Some(Duration::from_secs(3));
    assert_eq!(
        story_within(root(), &[takes(C::Overloaded, 1_900)], caller),
        "@0 a! @1900 b Overloaded"
    );
    assert_eq!(
        story_within(root(), &[takes(C::Overloaded, 2_100)], caller),
        "@0 a! Overloaded"
    );
}

#[test]
fn a_policys_deadline_bounds_its_chain() {
    let root = Node::from(Chain {
        deadline_ms: Some(2_000),
        ..chain_of("c", vec![(leaf("a"), 9)])
    });
    assert_eq!(story(root, &[fails(C::Overloaded)]), "@0 a @500 a Overloaded");
}

fn within(name: &str, deadline_ms: u64, nodes: Vec<(Node, u8)>) -> Node {
    Node::from(Chain {
        deadline_ms: Some(deadline_ms),
        ..chain_of(name, nodes)
    })
}

#[test]
fn an_inner_deadline_counts_from_where_its_chain_was_entered() {
    let inner = within("i", 3_000, vec![(leaf("b"), 1)]);
    let root = chain("o", vec![(leaf("a"), 0), (inner, 0), (leaf("c"), 0)]);
    let events = [takes(C::Overloaded, 60_000), fails(C::Overloaded)];
    assert_eq!(
        story(root, &events),
        "@0 a! @60000 b! @60500 b! @60500 c Overloaded"
    );
}

#[test]
fn an_inner_deadline_that_passes_leaves_the_outer_chain_its_next_rung() {
    let inner = || within("i", 3_000, vec![(leaf("a"), 0), (leaf("b"), 0)]);
    let root = || chain("o", vec![(inner(), 0), (leaf("c"), 0)]);
    let events = [takes(C::DeadlineExceeded, 3_000), fails(C::ServerError)];
    assert_eq!(story(root(), &events), "@0 a! @3000 c ServerError");
    let events = [
        takes(C::Overloaded, 1_000),
        takes(C::DeadlineExceeded, 2_000),
        fails(C::Unauthorized),
    ];
    assert_eq!(story(root(), &events), "@0 a! @1000 b! @3000 c Overloaded");
    let picky = Node::from(Chain {
        on: Some([C::RateLimited].into()),
        ..chain_of("o", vec![(inner(), 0), (leaf("c"), 0)])
    });
    let events = [takes(C::DeadlineExceeded, 3_000), fails(C::ServerError)];
    assert_eq!(story(picky, &events), "@0 a! @3000 c ServerError");
}

#[test]
fn a_target_that_let_an_inner_deadline_pass_is_not_asked_again() {
    let inner = within("i", 3_000, vec![(leaf("a"), 0)]);
    let root = chain("o", vec![(inner, 0), (leaf("a"), 0), (leaf("c"), 0)]);
    let events = [takes(C::DeadlineExceeded, 3_000), fails(C::ServerError)];
    assert_eq!(story(root, &events), "@0 a! @3000 c ServerError");
}

#[test]
fn a_lapsed_chain_inside_an_exhausted_one_does_not_stop_the_tree() {
    let inner = within("i", 3_000, vec![(leaf("a"), 0)]);
    let middle = chain("m", vec![(inner, 0)]);
    let root = chain("o", vec![(middle, 0), (leaf("c"), 0)]);
    let events = [takes(C::DeadlineExceeded, 3_000), fails(C::ServerError)];
    assert_eq!(story(root, &events), "@0 a! @3000 c ServerError");
}

#[test]
fn the_deadline_of_the_outermost_chain_stops_the_whole_tree() {
    let inner = within("i", 9_000, vec![(leaf("a"), 0), (leaf("b"), 0)]);
    let root = || within("o", 3_000, vec![(inner.clone(), 0), (leaf("c"), 0)]);
    let late = [takes(C::DeadlineExceeded, 3_000)];
    assert_eq!(story(root(), &late), "@0 a! DeadlineExceeded");
    let late = [takes(C::DeadlineExceeded, 2_000)];
    let caller = Some(Duration::from_secs(2));
    assert_eq!(story_within(root(), &late, caller), "@0 a! DeadlineExceeded");
}

#[test]
fn a_chain_with_less_than_a_second_of_its_own_is_passed_by() {
    let inner = || within("i", 900, vec![(leaf("a"), 3), (leaf("b"), 0)]);
    let root = chain("o", vec![(inner(), 0), (leaf("c"), 0)]);
    assert_eq!(story(root, &[fails(C::Unauthorized)]), "@0 c Unauthorized");
    let root = chain("o", vec![(inner(), 0)]);
    assert_eq!(story(root, &[fails(C::Unauthorized)]), "DeadlineExceeded");
}

#[test]
fn a_caller_who_waits_less_than_a_second_gets_no_attempt() {
    let trees = [
        chain("c", vec![(leaf("a"), 0), (leaf("b"), 0)]),
        split("s", vec![("a", 1.0, leaf("a"))]),
    ];
    for root in trees {
        let short = Some(Duration::from_millis(999));
        let long = Some(Duration::from_secs(1));
        assert_eq!(
            story_within(root.clone(), &[fails(C::Forbidden)], short),
            "DeadlineExceeded"
        );
        assert!(story_within(root, &[fails(C::Forbidden)], long).starts_with("@0 a"));
    }
}

#[test]
fn a_wait_that_no_clock_can_hold_does_not_fit() {
    let root = || chain("c", vec![(leaf("a"), 1), (leaf("b"), 1)]);
    for class in [C::RateLimited, C::Overloaded] {
        assert_eq!(
            story(root(), &[(class, Some(Duration::MAX), 0)]),
            format!("@0 a! @0 b {class}")
        );
    }
}

#[test]
fn targets_that_the_key_does_not_lead_to_do_not_remain() {
    let split = |second| split("s", vec![("a", 1.0, leaf("a")), ("b", 0.0, second)]);
    let inner = |second| chain("i", vec![(split(second), 0)]);
    for second in [leaf("b"), chain("j", vec![(leaf("b"), 0), (leaf("d"), 0)])] {
        let root = chain("o", vec![(leaf("a"), 1), (inner(second), 0)]);
        assert_eq!(
            story(root, &[fails(C::FirstTokenTimeout)]),
            "@0 a FirstTokenTimeout",
        );
    }
    let root = chain("o", vec![(leaf("c"), 0), (inner(leaf("b")), 0)]);
    assert_eq!(
        story(root, &[fails(C::FirstTokenTimeout)]),
        "@0 c! @0 a FirstTokenTimeout"
    );
}

#[test]
fn a_request_on_its_way_shows_nothing_of_its_caller() {
    let prompt = Prompt::read(Bytes::from_static(
        br#"{"model":"m","requesty":{"user_id":"canary"},"user":"canary"}"#,
    ))
    .unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "Bearer canary".parse().unwrap());
    let keys = Keys {
        prompt: &prompt,
        headers: &headers,
        request_id: "r",
    };
    let terms = Terms {
        begun: Instant::now(),
        patience: None,
        silence: C::Timeout,
        keys,
    };
    let shown = format!(
        "{:?} {:?} {:?} {terms:?}",
        Walk::new(terms),
        prompt.requesty(),
        keys.resolve(&[]).unwrap()
    );
    assert!(!shown.contains("canary"), "{shown}");
    assert!(shown.contains("requesty.user_id"), "{shown}");
}

#[test]
fn every_failure_ends_every_walk() {
    for class in C::ALL {
        let inner = chain("i", vec![(leaf("a"), 2), (window("b", 5), 1)]);
        let root = chain(
            "o",
            vec![
                (split("s", vec![("i", 1.0, inner)]), 0),
                (keyed("c", "k"), 2),
                (leaf("a"), 1),
            ],
        );
        let told = story(root, &[fails(class)]);
        assert!(told.matches('@').count() <= 10, "{told}");
    }
}
