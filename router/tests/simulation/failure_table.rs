//! The table in `docs/failover.md`, row by row, through the whole forwarding path on virtual time: when which
//! target was asked, and what its caller got. `@2000 a` is an attempt at target `a`, 2 s after the request.

mod street;

use std::time::Duration;

use weir_table::Timeouts;

use self::street::{After, Does, Street, Target, answers, hangs, says, status};

/// What is asked for.
const PLAIN: &str = r#"{"model":"policy/p"}"#;
const STREAM: &str = r#"{"model":"policy/p","stream":true}"#;

/// The head of a stream that ends with its connection.
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const ROLE: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"half\"}}]}\n\n";

fn target(name: &'static str, retries: u8, does: Vec<Does>) -> Target {
    Target {
        name,
        retries,
        timeouts: Timeouts::default(),
        window: None,
        does,
    }
}

/// A target that answers at once.
fn good(name: &'static str) -> Target {
    target(name, 2, vec![answers()])
}

fn limited(retry_after: u64) -> Does {
    status(
        429,
        &format!("retry-after: {retry_after}\r\n"),
        "rate_limit_exceeded",
    )
}

/// What happens to one request.
async fn story(targets: Vec<Target>, body: &str) -> String {
    Street::of(targets).await.ask(body, "").await
}

#[tokio::test(start_paused = true)]
async fn rate_limited_with_retry_after_2_waits_2_s_on_the_same_target() {
    let targets = vec![target("a", 2, vec![limited(2), answers()]), good("b")];
    assert_eq!(story(targets, PLAIN).await, "@0 a @2000 a 200 by a");
}

#[tokio::test(start_paused = true)]
async fn rate_limited_with_retry_after_60_goes_to_the_next_at_once() {
    let targets = vec![target("a", 2, vec![limited(60), answers()]), good("b")];
    assert_eq!(story(targets, PLAIN).await, "@0 a @0 b 200 by b");
}

#[tokio::test(start_paused = true)]
async fn rate_limited_on_the_last_rung_waits_as_told_if_that_fits() {
    let targets = || vec![target("a", 2, vec![limited(60), answers()])];
    assert_eq!(story(targets(), PLAIN).await, "@0 a @60000 a 200 by a");
    let street = Street::of(targets()).await;
    assert_eq!(
        street.ask(PLAIN, "x-request-timeout: 30\r\n").await,
        "@0 a 429 RateLimited, not to be retried, worth it in 60000"
    );
}

#[tokio::test(start_paused = true)]
async fn rate_limited_without_a_word_backs_off() {
    let silent = || status(429, "", "rate_limit_exceeded");
    let targets = vec![target("a", 2, vec![silent()]), good("b")];
    assert_eq!(
        story(targets, PLAIN).await,
        "@0 a @500 a @1500 a @1500 b 200 by b"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_does_wrong_is_tried_again_after_500_ms_and_1_s_and_then_at_the_next() {
    let wrong = [
        status(503, "", "overloaded"),
        status(529, "", "overloaded"),
        status(500, "", "server_error"),
        says("", After::Closes),
        says("SSH-2.0-what\r\n\r\n", After::Closes),
        says(
            "HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"choices\":[]}",
            After::GoesOn,
        ),
        says(
            "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"choices\"",
            After::Closes,
        ),
    ];
    for does in wrong {
        let targets = vec![target("a", 2, vec![does.clone()]), good("b")];
        let told = story(targets, PLAIN).await;
        assert_eq!(told, "@0 a @500 a @1500 a @1500 b 200 by b", "{does:?}");
    }
    let cut = says(&format!("{HEAD}{ROLE}"), After::Closes);
    let targets = vec![target("a", 2, vec![cut]), good("b")];
    assert_eq!(
        story(targets, STREAM).await,
        "@0 a @500 a @1500 a @1500 b 200 by b"
    );
}

#[tokio::test(start_paused = true)]
async fn backoff_grows_to_4_s() {
    let targets = vec![target("a", 5, vec![status(500, "", "server_error")])];
    assert_eq!(
        story(targets, PLAIN).await,
        "@0 a @500 a @1500 a @3500 a @7500 a @11500 a 502 ServerError, not to be retried"
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_primary_is_asked_once_and_the_next_answers_after_its_limit() {
    let targets = || vec![target("a", 2, vec![hangs()]), good("b")];
    assert_eq!(story(targets(), STREAM).await, "@0 a @10000 b 200 by b");
    assert_eq!(story(targets(), PLAIN).await, "@0 a @90000 b 200 by b");
    let role_only = || {
        vec![
            target("a", 2, vec![says(&format!("{HEAD}{ROLE}"), After::Hangs)]),
            good("b"),
        ]
    };
    assert_eq!(story(role_only(), STREAM).await, "@0 a @10000 b 200 by b");
    let mut stalled = role_only();
    stalled[0].timeouts.first_token_ms = Some(60_000);
    assert_eq!(
        story(stalled, STREAM).await,
        "@0 a @15000 b 200 by b",
        "nothing at all for 15 s"
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_target_is_not_asked_again_on_any_rung() {
    let targets = vec![
        target("a", 2, vec![hangs(), answers()]),
        target("b", 0, vec![status(500, "", "server_error")]),
        target("a", 2, vec![]),
        good("c"),
    ];
    assert_eq!(story(targets, STREAM).await, "@0 a @10000 b @10000 c 200 by c");
}

#[tokio::test(start_paused = true)]
async fn a_target_with_nobody_after_it_has_the_whole_deadline() {
    let late = || Does {
        after: Duration::from_mins(5),
        ..answers()
    };
    let targets = vec![
        target("a", 0, vec![status(500, "", "x")]),
        target("b", 0, vec![late()]),
    ];
    assert_eq!(story(targets, PLAIN).await, "@0 a @0 b 200 by b");
    let targets = vec![target("a", 0, vec![hangs()])];
    assert_eq!(
        story(targets, PLAIN).await,
        "@0 a 504 DeadlineExceeded, not to be retried"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_not_used_again_and_another_is_used_at_once() {
    for does in [
        status(401, "", "invalid_api_key"),
        status(429, "", "insufficient_quota"),
    ] {
        let targets = vec![target("a", 2, vec![does]), target("a", 2, vec![]), good("b")];
        assert_eq!(story(targets, PLAIN).await, "@0 a @0 b 200 by b");
    }
}

#[tokio::test(start_paused = true)]
async fn what_asking_again_cannot_mend_goes_to_the_next_at_once() {
    let cases = [
        status(404, "", "model_not_found"),
        status(400, "", "invalid"),
        status(413, "", "too_large"),
        status(302, "location: http://elsewhere.test/\r\n", ""),
    ];
    for does in cases {
        let targets = vec![target("a", 2, vec![does.clone()]), good("b")];
        assert_eq!(story(targets, PLAIN).await, "@0 a @0 b 200 by b", "{does:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_prompt_too_long_goes_only_to_a_larger_window() {
    let window = |window, target| Target { window, ..target };
    let long = || status(400, "", "context_length_exceeded");
    let targets = vec![
        window(Some(8_000), target("a", 2, vec![long()])),
        window(Some(8_000), good("b")),
        window(Some(16_000), target("c", 2, vec![long()])),
        window(None, good("d")),
    ];
    assert_eq!(story(targets, PLAIN).await, "@0 a @0 c @0 d 200 by d");
    let targets = vec![
        window(Some(8_000), target("a", 2, vec![long()])),
        window(Some(8_000), good("b")),
    ];
    assert_eq!(
        story(targets, PLAIN).await,
        "@0 a 400 ContextLengthExceeded, not to be retried"
    );
}

#[tokio::test(start_paused = true)]
async fn filtered_content_stops_everything() {
    let targets = vec![target("a", 2, vec![status(400, "", "content_filter")]), good("b")];
    assert_eq!(
        story(targets, PLAIN).await,
        "@0 a 400 ContentFiltered, not to be retried"
    );
}

#[tokio::test(start_paused = true)]
async fn a_deadline_stops_everything_and_nothing_begins_in_its_last_second() {
    let targets = vec![target("a", 0, vec![hangs()]), good("b")];
    let street = Street::of(targets).await;
    let told = street.ask(PLAIN, "x-stainless-timeout: 5\r\n").await;
    assert_eq!(told, "@0 a 504 DeadlineExceeded, not to be retried");
    let slow = Does {
        after: Duration::from_millis(4_001),
        ..status(500, "", "x")
    };
    let street = Street::of(vec![target("a", 0, vec![slow]), good("b")]).await;
    let told = street.ask(PLAIN, "x-stainless-timeout: 5\r\n").await;
    assert_eq!(told, "@0 a 502 ServerError, not to be retried");
}

#[tokio::test(start_paused = true)]
async fn the_most_useful_error_is_told() {
    let targets = vec![
        target("a", 0, vec![limited(60)]),
        target("b", 0, vec![limited(20)]),
        target("c", 0, vec![status(500, "", "server_error")]),
    ];
    assert_eq!(
        story(targets, PLAIN).await,
        "@0 a @0 b @0 c 429 RateLimited, not to be retried, worth it in 20000"
    );
    let targets = vec![
        target("a", 0, vec![status(400, "", "invalid")]),
        target("b", 0, vec![limited(20)]),
    ];
    assert_eq!(
        story(targets, PLAIN).await,
        "@0 a @0 b 400 InvalidRequest, not to be retried"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_tried_after_content_and_a_cut_answer_never_looks_whole() {
    let cut = says(&format!("{HEAD}{ROLE}{TEXT}"), After::Closes);
    let targets = vec![target("a", 2, vec![cut]), good("b")];
    assert_eq!(story(targets, STREAM).await, "@0 a 200 by a, then StreamCut");
}

#[tokio::test(start_paused = true)]
async fn a_committed_stream_that_only_pings_is_stalled_after_30_s() {
    let pings = (0..200).map(|_| ": ping\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\n");
    let pinging = Does {
        pieces: pings.map(str::to_owned).collect(),
        ..says(&format!("{HEAD}{ROLE}{TEXT}"), After::Hangs)
    };
    let street = Street::of(vec![target("a", 0, vec![pinging])]).await;
    assert_eq!(street.ask(STREAM, "").await, "@0 a 200 by a, then StreamStalled");
    assert_eq!(street.now(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_is_passed_over_until_a_request_is_let_through() {
    let mut does = vec![status(500, "", "server_error"); 5];
    does.push(answers());
    let street = Street::of(vec![target("a", 4, does), good("b")]).await;
    assert_eq!(
        street.ask(PLAIN, "").await,
        "@0 a @500 a @1500 a @3500 a @7500 a @7500 b 200 by b"
    );
    assert_eq!(street.ask(PLAIN, "").await, "@0 b 200 by b");
    street.pass(Duration::from_millis(4_999)).await;
    assert_eq!(street.ask(PLAIN, "").await, "@0 b 200 by b");
    street.pass(Duration::from_millis(1)).await;
    assert_eq!(street.ask(PLAIN, "").await, "@0 a 200 by a");
    assert_eq!(street.ask(PLAIN, "").await, "@0 a 200 by a");
}

#[tokio::test(start_paused = true)]
async fn with_all_circuits_open_one_target_is_asked_rather_than_none() {
    let limited = |name| target(name, 0, vec![limited(60), answers()]);
    let street = Street::of(vec![limited("a"), limited("b")]).await;
    assert_eq!(
        street.ask(PLAIN, "").await,
        "@0 a @0 b 429 RateLimited, not to be retried, worth it in 60000"
    );
    assert_eq!(street.ask(PLAIN, "").await, "@0 a 200 by a");
}

/// A policy that only splits has no other target to go to.
#[tokio::test(start_paused = true)]
async fn a_policy_that_only_splits_asks_once() {
    let street = Street::split(target("a", 0, vec![limited(2)])).await;
    assert_eq!(
        street.ask(PLAIN, "").await,
        "@0 a 429 RateLimited, worth it in 2000"
    );
}
