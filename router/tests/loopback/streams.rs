//! Streams: untouched while they are good, an error in band when they break, never whole-looking when they
//! are not, and no later than they come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use weir_table::Timeouts;

use crate::rig::{Reply, Rig};
use crate::tables::{chain, model, provider, rung, split, table};
use crate::upstream::{
    Act, DONE, Upstream, chat, chunk, event, finish, good_stream, last_chunk, role, said, stream_head,
};

const STREAMED: &str = r#"{"model":"policy/talk","stream":true}"#;

/// A router whose one target is `upstream`.
async fn rig(upstream: &Upstream) -> Rig {
    let root = split("talk", vec![("openai/a", 1.0, model("openai", "a"))]);
    let mut provider = provider(upstream.addr);
    provider.timeouts = Timeouts {
        stall_ms: Some(100),
        ..Timeouts::default()
    };
    Rig::with(table(vec![("openai", provider)], vec![root])).await
}

/// What a caller reads of a stream in which the provider does `script`.
async fn read(script: Vec<Act>) -> Reply {
    let upstream = Upstream::start(vec![script]).await;
    let reply = rig(&upstream).await.chat(STREAMED).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    reply
}

/// The class of the error that a stream ends in, once it does not look whole.
fn broken(reply: &Reply) -> String {
    let text = reply.text();
    assert!(!text.contains("[DONE]"), "{text}");
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    let error: serde_json::Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
    error["error"]["class"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_good_stream_is_passed_on_byte_for_byte() {
    let usage = "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n";
    let events = [
        ": ping\n\n",
        &role(),
        &said("a"),
        &said("b"),
        &finish(),
        usage,
        DONE,
    ];
    let upstream = Upstream::start(vec![script(&events)]).await;
    let asked = r#"{"model":"policy/talk","stream":true,"stream_options":{"include_usage":true}}"#;
    let reply = rig(&upstream).await.chat(asked).await;
    assert_eq!(reply.text(), events.concat(), "its caller asked for usage");
    assert_eq!(
        upstream.seen()[0].body,
        asked.replace("policy/talk", "real-a").into_bytes()
    );
}

#[tokio::test]
async fn usage_that_only_the_router_asked_for_stays_here() {
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n";
    let filters = "data: {\"choices\":[],\"usage\":null,\"prompt_filter_results\":[]}\n\n";
    let upstream = Upstream::start(vec![script(&[
        filters,
        &role(),
        &said("a"),
        &finish(),
        usage,
        DONE,
    ])])
    .await;
    let reply = rig(&upstream).await.chat(STREAMED).await;
    assert_eq!(
        reply.text(),
        [filters, &role(), &said("a"), &finish(), DONE].concat()
    );
    let seen = upstream.seen()[0].json();
    assert_eq!(seen["stream_options"], serde_json::json!({"include_usage": true}));
}

/// A stream of these events.
fn script(events: &[&str]) -> Vec<Act> {
    let chunks = events.iter().map(|event| chunk(event));
    [stream_head()]
        .into_iter()
        .chain(chunks)
        .chain([last_chunk()])
        .collect()
}

#[tokio::test]
async fn events_that_arrive_in_pieces_come_out_whole() {
    let whole = [role(), said("a"), finish(), DONE.to_owned()].concat();
    let pieces = whole
        .as_bytes()
        .chunks(7)
        .map(|piece| chunk(std::str::from_utf8(piece).unwrap()));
    let script = [stream_head()]
        .into_iter()
        .chain(pieces)
        .chain([last_chunk()])
        .collect();
    assert_eq!(read(script).await.text(), whole);
}

#[tokio::test]
async fn a_cut_after_content_ends_in_an_error_in_band_and_without_done() {
    let reply = read(vec![
        stream_head(),
        chunk(&role()),
        chunk(&said("half")),
        Act::Close,
    ])
    .await;
    assert!(reply.text().starts_with(&format!("{}{}", role(), said("half"))));
    assert_eq!(broken(&reply), "StreamCut");
}

#[tokio::test]
async fn a_cut_inside_an_event_leaves_no_half_event() {
    let half = &said("lost")[..30];
    let reply = read(vec![stream_head(), chunk(&said("kept")), chunk(half), Act::Close]).await;
    assert_eq!(broken(&reply), "StreamCut");
    assert!(
        reply
            .text()
            .starts_with(&format!("{}data: {{\"error\"", said("kept"))),
        "{}",
        reply.text()
    );
}

#[tokio::test]
async fn an_end_without_finish_is_a_cut_however_politely_it_ends() {
    let reply = read(vec![stream_head(), chunk(&said("half")), last_chunk()]).await;
    assert_eq!(broken(&reply), "StreamCut");
}

#[tokio::test]
async fn a_stall_after_content_ends_in_an_error_in_band() {
    let upstream = Upstream::start(vec![vec![stream_head(), chunk(&said("half")), Act::Silence]]).await;
    let reply = rig(&upstream).await.chat(STREAMED).await;
    assert_eq!(broken(&reply), "StreamStalled");
    upstream.gone().await;
}

#[tokio::test]
async fn a_providers_error_after_content_is_told_in_our_words() {
    let error = "data: {\"error\":{\"message\":\"bad key sk-1\",\"code\":\"insufficient_quota\"}}\n\n";
    let reply = read(vec![
        stream_head(),
        chunk(&said("half")),
        chunk(error),
        chunk(DONE),
        last_chunk(),
    ])
    .await;
    assert_eq!(broken(&reply), "QuotaExhausted");
    assert!(!reply.text().contains("sk-1"));
}

#[tokio::test]
async fn a_missing_done_is_added_when_every_choice_has_finished() {
    for end in [last_chunk(), Act::Close] {
        let reply = read(vec![stream_head(), chunk(&said("a")), chunk(&finish()), end]).await;
        assert_eq!(reply.text(), format!("{}{}{DONE}", said("a"), finish()));
    }
}

#[tokio::test]
async fn a_malformed_event_is_left_out_of_a_stream_that_goes_on() {
    let burst = format!(
        "{}data: {{\"choices\":[\n\n{}{}{DONE}",
        said("a"),
        said("b"),
        finish()
    );
    let upstream = Upstream::start(vec![vec![stream_head(), chunk(&burst), last_chunk()]]).await;
    let rig = rig(&upstream).await;
    let reply = rig.chat(STREAMED).await;
    assert_eq!(
        reply.text(),
        format!("{}{}{}{DONE}", said("a"), said("b"), finish())
    );
    assert!(
        rig.admin("/metrics")
            .await
            .text()
            .contains("weir_router_skipped_events_total 1")
    );
}

#[tokio::test]
async fn an_empty_answer_that_ran_into_its_limit_is_an_answer() {
    let reply = read(vec![
        stream_head(),
        chunk(&event("{}", "\"length\"")),
        chunk(DONE),
        last_chunk(),
    ])
    .await;
    assert_eq!(reply.text(), format!("{}{DONE}", event("{}", "\"length\"")));
}

#[tokio::test]
async fn a_stream_that_says_nothing_for_64_kib_is_held_back_no_longer() {
    let go = Arc::new(Notify::new());
    let nothing = role().repeat(65 * 1024 / role().len() + 1);
    let script = vec![
        stream_head(),
        chunk(&nothing),
        Act::Hold(go.clone()),
        chunk(&said("late")),
        chunk(&finish()),
    ];
    let upstream = Upstream::start(vec![[script, vec![chunk(DONE), last_chunk()]].concat()]).await;
    let rig = rig(&upstream).await;
    let mut stream = rig.open(STREAMED).await;
    read_until(&mut stream, "assistant").await;
    go.notify_one();
    read_until(&mut stream, "[DONE]").await;
}

#[tokio::test]
async fn nothing_is_retried_after_content() {
    let first = Upstream::start(vec![vec![stream_head(), chunk(&said("half")), Act::Close]]).await;
    let second = Upstream::start(vec![good_stream("other")]).await;
    let root = chain(
        "talk",
        vec![rung(model("first", "a"), 3), rung(model("second", "b"), 0)],
    );
    let rig = Rig::with(table(
        vec![("first", provider(first.addr)), ("second", provider(second.addr))],
        vec![root],
    ))
    .await;
    assert_eq!(broken(&rig.chat(STREAMED).await), "StreamCut");
    assert_eq!((first.seen().len(), second.seen().len()), (1, 0));
}

/// Reads from `stream` until `text` has come.
async fn read_until(stream: &mut TcpStream, text: &str) -> Duration {
    let (begun, mut read) = (Instant::now(), Vec::new());
    while !String::from_utf8_lossy(&read).contains(text) {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).await.unwrap();
        assert!(
            count > 0,
            "ended before {text}: {}",
            String::from_utf8_lossy(&read)
        );
        read.extend_from_slice(&some[..count]);
    }
    begun.elapsed()
}

#[tokio::test]
async fn events_are_passed_on_when_they_come_and_not_when_the_stream_ends() {
    let go = Arc::new(Notify::new());
    let script = vec![
        stream_head(),
        chunk(&said("first")),
        Act::Hold(go.clone()),
        chunk(&said("second")),
        Act::Hold(go.clone()),
        chunk(&finish()),
        chunk(DONE),
        last_chunk(),
    ];
    let upstream = Upstream::start(vec![script]).await;
    let rig = rig(&upstream).await;
    let mut stream = rig.open(STREAMED).await;
    read_until(&mut stream, "first").await;
    go.notify_one();
    read_until(&mut stream, "second").await;
    go.notify_one();
    read_until(&mut stream, "[DONE]").await;
}

#[tokio::test]
async fn no_event_waits_for_an_acknowledgement() {
    // Without TCP_NODELAY a small write waits until the one before it is acknowledged, which a caller whose
    // connection has been used to and fro does 40 ms late.
    let pair = [
        chunk(&said("a")),
        Act::Wait(Duration::from_millis(2)),
        chunk(&finish()),
    ];
    let script = [stream_head()]
        .into_iter()
        .chain(pair)
        .chain([chunk(DONE), last_chunk()])
        .collect();
    let upstream = Upstream::start(vec![script]).await;
    let rig = rig(&upstream).await;
    let mut stream = rig.open(STREAMED).await;
    let mut waits = vec![read_until(&mut stream, "[DONE]\n\n\r\n0\r\n\r\n").await];
    for _ in 0..20 {
        Rig::write(&mut stream, STREAMED).await;
        waits.push(read_until(&mut stream, "[DONE]\n\n\r\n0\r\n\r\n").await);
    }
    let late = &mut waits[10..];
    late.sort();
    assert!(late[late.len() / 2] < Duration::from_millis(25), "{late:?}");
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_its_upstream_along() {
    for script in [
        vec![Act::Silence],
        vec![stream_head(), chunk(&said("begin")), Act::Silence],
    ] {
        let root = split("talk", vec![("openai/a", 1.0, model("openai", "a"))]);
        let upstream = Upstream::start(vec![script]).await;
        let rig = Rig::with(table(vec![("openai", provider(upstream.addr))], vec![root])).await;
        let stream = rig.open(STREAMED).await;
        crate::rig::until("the provider was asked", || async { !upstream.seen().is_empty() }).await;
        drop(stream);
        tokio::time::timeout(Duration::from_secs(5), upstream.gone())
            .await
            .expect("the provider to be left");
        crate::rig::until("it is counted", || async {
            rig.admin("/metrics")
                .await
                .text()
                .contains("outcome=\"Cancelled\"")
        })
        .await;
    }
}

#[tokio::test]
async fn streams_share_kept_connections() {
    let upstream = Upstream::start(vec![good_stream("a"), chat("b")]).await;
    let rig = rig(&upstream).await;
    rig.chat(STREAMED).await;
    rig.chat(r#"{"model":"policy/talk"}"#).await;
    assert_eq!(upstream.connections(), 1);
}
