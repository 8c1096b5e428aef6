//! Failures before the first content: another target answers, and the answer does not show it but in its
//! headers.

use std::time::Duration;

use weir_table::{Node, Rung, Table, Timeouts};

use crate::rig::Rig;
use crate::tables::{chain, model, provider, rung, split, table};
use crate::upstream::{
    Act, Upstream, answer, chat, chunk, error, finish, good_stream, role, said, stream_head,
};
use crate::upstream::{DONE, last_chunk};

const PLAIN: &str = r#"{"model":"policy/safe"}"#;
const STREAMED: &str = r#"{"model":"policy/safe","stream":true}"#;

/// A chain from `first`, with so many retries, to `second`.
fn safe(first: &Upstream, second: &Upstream, retries: u8) -> Table {
    safe_with(first, second, rung(model("first", "a"), retries))
}

fn safe_with(first: &Upstream, second: &Upstream, rung_of_first: Rung) -> Table {
    let root = chain("safe", vec![rung_of_first, rung(model("second", "b"), 0)]);
    table(
        vec![("first", provider(first.addr)), ("second", provider(second.addr))],
        vec![root],
    )
}

/// What a caller of `safe` gets for `body` if its first target does `script`: model, attempts, and the body.
async fn falls_back(script: Vec<Act>, body: &str) -> (String, String, String) {
    let first = Upstream::start(vec![script]).await;
    let good = if body == STREAMED {
        good_stream("good")
    } else {
        chat("good")
    };
    let second = Upstream::start(vec![good]).await;
    let reply = Rig::with(safe(&first, &second, 0)).await.chat(body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let header = |name| reply.header(name).unwrap().to_owned();
    (header("x-weir-model"), header("x-weir-attempts"), reply.text())
}

#[tokio::test]
async fn a_failure_before_the_answer_is_answered_by_the_next_target() {
    let cases = [
        ("overloaded", error("503 Service Unavailable", "busy", "")),
        (
            "rate limited",
            error("429 Too Many Requests", "rate", "retry-after: 60\r\n"),
        ),
        ("unauthorised", error("401 Unauthorized", "key", "")),
        ("unknown model", error("404 Not Found", "model_not_found", "")),
        ("refused", error("400 Bad Request", "bad", "")),
        ("closed", vec![Act::Close]),
        (
            "not HTTP",
            vec![Act::Write(b"SSH-2.0\r\n\r\n".to_vec()), Act::Close],
        ),
        ("not JSON", answer("200 OK", "", "<html>")),
        ("empty", answer("200 OK", "", "")),
        ("no choices", answer("200 OK", "", r#"{"choices":[]}"#)),
        (
            "no content",
            answer(
                "200 OK",
                "",
                r#"{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}"#,
            ),
        ),
        (
            "an error inside",
            answer(
                "200 OK",
                "",
                r#"{"error":{"message":"x","type":"overloaded_error"}}"#,
            ),
        ),
        (
            "cut short",
            vec![
                Act::Write(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"choices\"".to_vec()),
                Act::Close,
            ],
        ),
        ("a redirect", answer("302 Found", "location: http://x/\r\n", "")),
    ];
    for (name, script) in cases {
        let (model, attempts, text) = falls_back(script, PLAIN).await;
        assert_eq!((model.as_str(), attempts.as_str()), ("second/b", "2"), "{name}");
        assert!(text.contains("good"), "{name}");
    }
}

#[tokio::test]
async fn a_failure_before_a_streams_first_content_is_answered_by_the_next_target() {
    let in_band = "data: {\"error\":{\"message\":\"x\",\"code\":\"rate_limit_exceeded\"}}\n\n";
    let cases = [
        ("an error answer", error("503 Service Unavailable", "busy", "")),
        ("cut after the head", vec![stream_head(), Act::Close]),
        (
            "cut after the role",
            vec![stream_head(), chunk(&role()), Act::Close],
        ),
        (
            "cut inside an event",
            vec![stream_head(), chunk("data: {\"choices\":[{\"del"), Act::Close],
        ),
        (
            "an error after the role",
            vec![stream_head(), chunk(&role()), chunk(in_band), last_chunk()],
        ),
        (
            "done without content",
            vec![stream_head(), chunk(&role()), chunk(DONE), last_chunk()],
        ),
        (
            "stopped without content",
            vec![stream_head(), chunk(&role()), chunk(&finish()), last_chunk()],
        ),
        ("JSON instead", chat("not a stream")),
    ];
    for (name, script) in cases {
        let (model, attempts, text) = falls_back(script, STREAMED).await;
        assert_eq!((model.as_str(), attempts.as_str()), ("second/b", "2"), "{name}");
        assert_eq!(
            text,
            format!("{}{}{}{DONE}", role(), said("good"), finish()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn retries_ask_the_same_target_again() {
    let busy = || error("500 Internal Server Error", "x", "");
    let first = Upstream::start(vec![busy(), busy(), chat("third time")]).await;
    let second = Upstream::start(vec![chat("no")]).await;
    let reply = Rig::with(safe(&first, &second, 2)).await.chat(PLAIN).await;
    assert_eq!(
        (reply.content().as_str(), reply.header("x-weir-attempts")),
        ("third time", Some("3"))
    );
    assert!(second.seen().is_empty());
}

#[tokio::test]
async fn when_everything_fails_the_caller_is_told_not_to_retry() {
    let first = Upstream::start(vec![error(
        "429 Too Many Requests",
        "rate",
        "retry-after: 30\r\n",
    )])
    .await;
    let second = Upstream::start(vec![error("500 Internal Server Error", "x", "")]).await;
    let reply = Rig::with(safe(&first, &second, 0)).await.chat(PLAIN).await;
    assert_eq!(
        (reply.status, reply.class().as_str()),
        (429, "RateLimited"),
        "the most useful error"
    );
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    let left: u64 = reply.header("retry-after-ms").unwrap().parse().unwrap();
    assert!(
        (10_000..=30_000).contains(&left),
        "counted from the answer: {left}"
    );
    assert_eq!(reply.header("x-weir-attempts"), Some("2"));
}

#[tokio::test]
async fn a_silent_target_is_left_after_its_own_time() {
    let timeouts = Timeouts {
        first_token_ms: Some(80),
        attempt_ms: Some(80),
        ..Timeouts::default()
    };
    for (body, script) in [
        (PLAIN, vec![Act::Silence]),
        (STREAMED, vec![stream_head(), chunk(&role()), Act::Silence]),
    ] {
        let first = Upstream::start(vec![script]).await;
        let good = if body == STREAMED {
            good_stream("good")
        } else {
            chat("good")
        };
        let second = Upstream::start(vec![good]).await;
        let silent = Rung {
            retries: 5,
            timeouts,
            node: model("first", "a"),
        };
        let reply = Rig::with(safe_with(&first, &second, silent))
            .await
            .chat(body)
            .await;
        assert_eq!(reply.header("x-weir-model"), Some("second/b"), "{}", reply.text());
        assert_eq!(first.seen().len(), 1, "a silent target is asked once");
        first.gone().await;
    }
}

#[tokio::test]
async fn a_targets_own_time_does_not_bind_where_nothing_else_is_left() {
    let timeouts = Timeouts {
        attempt_ms: Some(1),
        ..Timeouts::default()
    };
    let slow = [vec![Act::Wait(Duration::from_millis(60))], chat("late but good")].concat();
    let first = Upstream::start(vec![slow]).await;
    let root = chain(
        "safe",
        vec![Rung {
            retries: 0,
            timeouts,
            node: model("first", "a"),
        }],
    );
    let rig = Rig::with(table(vec![("first", provider(first.addr))], vec![root])).await;
    assert_eq!(rig.chat(PLAIN).await.content(), "late but good");
}

#[tokio::test]
async fn the_callers_own_deadline_ends_everything() {
    let first = Upstream::start(vec![vec![Act::Silence]]).await;
    let second = Upstream::start(vec![chat("no")]).await;
    let rig = Rig::with(safe(&first, &second, 0)).await;
    let reply = rig
        .post(
            "/v1/chat/completions",
            "x-stainless-timeout: 0.1\r\n",
            PLAIN.as_bytes(),
        )
        .await;
    assert_eq!((reply.status, reply.class().as_str()), (504, "DeadlineExceeded"));
    assert!(second.seen().is_empty());
}

#[tokio::test]
async fn nested_policies_say_the_way_they_went() {
    let first = Upstream::start(vec![error("503 Service Unavailable", "busy", "")]).await;
    let second = Upstream::start(vec![chat("good")]).await;
    let inner: Node = chain(
        "safe",
        vec![rung(model("first", "a"), 0), rung(model("second", "b"), 0)],
    );
    let outer = split("rollout", vec![("policy/safe", 1.0, inner)]);
    let rig = Rig::with(table(
        vec![("first", provider(first.addr)), ("second", provider(second.addr))],
        vec![outer],
    ))
    .await;
    let reply = rig.chat(r#"{"model":"policy/rollout"}"#).await;
    assert_eq!(reply.header("x-weir-policy"), Some("rollout"));
    assert_eq!(reply.header("x-weir-path"), Some("rollout/safe"));
    assert_eq!(reply.header("x-weir-model"), Some("second/b"));
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_costs_no_attempt() {
    let closing = |text: &str| [chat(text), vec![Act::Close]].concat();
    let upstream = Upstream::start(vec![closing("one"), closing("two"), closing("three")]).await;
    let root = split("safe", vec![("first/a", 1.0, model("first", "a"))]);
    let rig = Rig::with(table(vec![("first", provider(upstream.addr))], vec![root])).await;
    for expected in ["one", "two", "three"] {
        let reply = rig.chat(PLAIN).await;
        assert_eq!(
            (reply.content().as_str(), reply.header("x-weir-attempts")),
            (expected, Some("1"))
        );
    }
}
