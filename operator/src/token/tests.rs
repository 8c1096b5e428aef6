use std::time::Duration;

use http::HeaderValue;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Keeper, Seen, Source, TOKEN_KEY, Tokens, bearer, read};
use crate::api_mock::Mock;
use crate::lease::Gate;

const PATH: &str = "secrets/the-token";

/// Runs a keeper that is told `seen`, for a minute.
async fn keep(mock: &Mock, gate: Gate, seen: Vec<Seen>) -> Option<HeaderValue> {
    let (token, told) = watch::channel(None);
    let keeper = Keeper {
        api: Api::namespaced(mock.client(), "weir-system"),
        name: "the-token".to_owned(),
        gate,
        token,
    };
    let (changes, receiver) = mpsc::channel(8);
    let stop = CancellationToken::new();
    let keeping = tokio::spawn(keeper.run(receiver, stop.clone()));
    for change in seen {
        changes.send(change).await.expect("the keeper is at work");
    }
    sleep(Duration::from_mins(1)).await;
    stop.cancel();
    keeping.await.expect("the keeper ends");
    told.borrow().clone()
}

fn open() -> (impl Sized, Gate) {
    Gate::open_for(Duration::from_hours(1))
}

#[tokio::test(start_paused = true)]
async fn the_leader_makes_what_is_not_there_with_256_random_bits() {
    let (_tenure, gate) = open();
    let (one, other) = (Mock::default(), Mock::default());
    keep(&one, gate.clone(), vec![Seen::Absent]).await;
    keep(&other, gate, vec![Seen::Absent]).await;
    let token = |mock: &Mock| {
        let writes = mock.writes();
        let write = writes.first().expect("a write");
        assert_eq!(write.path, PATH);
        let secret: Secret = serde_json::from_value(write.body.clone()).expect("a Secret");
        let ByteString(token) = secret.data.expect("data")[TOKEN_KEY].clone();
        String::from_utf8(token).expect("text")
    };
    assert_eq!((token(&one).len(), token(&other).len()), (64, 64));
    assert_ne!(token(&one), token(&other));
}

#[tokio::test(start_paused = true)]
async fn what_is_there_is_never_written_even_without_a_token() {
    let (_tenure, gate) = open();
    let mock = Mock::default();
    assert_eq!(keep(&mock, gate.clone(), vec![Seen::Present(None)]).await, None);
    let token = bearer(b"somebody's own\n");
    assert_eq!(keep(&mock, gate, vec![Seen::Present(token.clone())]).await, token);
    assert!(mock.paths().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_does_not_lead_makes_nothing() {
    let (_tenure, gate) = Gate::open_for(Duration::ZERO);
    let mock = Mock::default();
    keep(&mock, gate, vec![Seen::Absent]).await;
    assert!(mock.paths().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_made_before_the_watch_has_told() {
    let (_tenure, gate) = open();
    let mock = Mock::default();
    keep(&mock, gate, vec![]).await;
    assert!(mock.paths().is_empty());
}

#[tokio::test(start_paused = true)]
async fn it_is_made_in_the_name_of_a_manager_who_never_wrote_before_and_without_force() {
    let (_tenure, gate) = open();
    let mock = Mock::default();
    keep(&mock, gate, vec![Seen::Absent]).await;
    let queries: Vec<String> = mock.writes().into_iter().map(|write| write.query).collect();
    assert!(queries.len() >= 2, "it is tried again while the watch shows none");
    assert!(
        queries.iter().all(|query| !query.contains("force")),
        "{queries:?}"
    );
    assert_ne!(queries[0], queries[1]);
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_made_is_tried_ever_less_often() {
    let (_tenure, gate) = open();
    let mock = Mock::default();
    mock.refuse(PATH);
    keep(&mock, gate, vec![Seen::Absent]).await;
    let attempts = mock.refusals();
    assert!((5..9).contains(&attempts), "{attempts} attempts in a minute");
}

#[test]
fn a_new_token_leaves_the_old_one_to_be_tried() {
    let (token, told) = watch::channel(bearer(b"old"));
    let mut tokens = Tokens::of(Source::Secret(told));
    tokens.refresh();
    assert_eq!(
        (tokens.current(), tokens.previous()),
        (bearer(b"old").as_ref(), None)
    );
    token.send_replace(None);
    tokens.refresh();
    token.send_replace(bearer(b"new"));
    tokens.refresh();
    tokens.refresh();
    let both = (tokens.current().cloned(), tokens.previous().cloned());
    assert_eq!(both, (bearer(b"new"), bearer(b"old")));
}

#[test]
fn a_token_is_trimmed_and_shown_nowhere() {
    let secret = |value: &[u8]| Secret {
        data: Some([(TOKEN_KEY.to_owned(), ByteString(value.to_vec()))].into()),
        ..Secret::default()
    };
    let token = read(secret(b" canary\n"));
    assert_eq!(token, Some(HeaderValue::from_static("Bearer canary")));
    assert!(!format!("{token:?}").contains("canary"));
    assert_eq!(read(secret(b"\n")), None);
    assert_eq!(read(Secret::default()), None);
}
