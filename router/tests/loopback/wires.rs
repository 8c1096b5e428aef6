//! Streams of messages, responses and completions: held back, committed, ended and broken off as those of chat
//! completions are, each in its own words.

use weir_table::Dialect;

use crate::rig::{Reply, Rig};
use crate::tables::{chain, model, provider, rung, table};
use crate::upstream::{Act, DONE, Upstream, chunk, last_chunk, stream_head};

/// What a caller at `path` reads where the `n`th target does the `n`th script.
async fn read(path: &str, dialect: Dialect, scripts: Vec<Vec<Act>>) -> Reply {
    let upstream = Upstream::start(scripts).await;
    let mut provider = provider(upstream.addr);
    provider.dialect = dialect;
    let policy = chain("talk", vec![rung(model("p", "a"), 0), rung(model("p", "b"), 0)]);
    let rig = Rig::with(table(vec![("p", provider)], vec![policy])).await;
    rig.post(
        path,
        "",
        br#"{"model":"policy/talk","stream":true,"stream_options":{"include_usage":true}}"#,
    )
    .await
}

async fn messages(scripts: Vec<Vec<Act>>) -> Reply {
    read("/v1/messages", Dialect::Anthropic, scripts).await
}

async fn responses(scripts: Vec<Vec<Act>>) -> Reply {
    read("/v1/responses", Dialect::OpenAI, scripts).await
}

fn stream(events: &[String], end: Act) -> Vec<Act> {
    let chunks = events.iter().map(|event| chunk(event));
    [stream_head()].into_iter().chain(chunks).chain([end]).collect()
}

fn event(kind: &str, rest: &str) -> String {
    format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{rest}}}\n\n")
}

fn start() -> String {
    event(
        "message_start",
        r#","message":{"content":[],"usage":{"input_tokens":1}}"#,
    )
}

fn text(text: &str) -> String {
    let delta = format!(r#","index":0,"delta":{{"type":"text_delta","text":"{text}"}}"#);
    event("content_block_delta", &delta)
}

fn stopped() -> String {
    event(
        "message_delta",
        r#","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}"#,
    )
}

fn stop() -> String {
    event("message_stop", "")
}

fn overloaded() -> String {
    event(
        "error",
        r#","error":{"type":"overloaded_error","message":"busy"}"#,
    )
}

/// The last event's data.
fn last(reply: &Reply) -> serde_json::Value {
    let text = reply.text();
    let last = text.trim_end().rsplit("data: ").next().unwrap().to_owned();
    serde_json::from_str(&last).unwrap()
}

#[tokio::test]
async fn a_message_is_passed_on_byte_for_byte() {
    let events = [
        start(),
        event("ping", ""),
        text("a"),
        text("b"),
        stopped(),
        stop(),
    ];
    let reply = messages(vec![stream(&events, last_chunk())]).await;
    assert_eq!((reply.status, reply.text()), (200, events.concat()));
}

#[tokio::test]
async fn a_message_that_fails_before_its_content_is_the_next_targets() {
    let good = [start(), text("good"), stopped(), stop()];
    for bad in [
        stream(&[start(), overloaded()], last_chunk()),
        stream(&[start(), event("ping", "")], Act::Close),
        stream(&[start(), stop()], last_chunk()),
    ] {
        let reply = messages(vec![bad, stream(&good, last_chunk())]).await;
        assert_eq!(
            (reply.status, reply.text()),
            (200, good.concat()),
            "nothing of the first is seen"
        );
        assert_eq!(reply.header("x-weir-attempts"), Some("2"));
    }
}

#[tokio::test]
async fn a_message_that_breaks_ends_in_anthropics_error() {
    for (end, class) in [
        (stream(&[start(), text("half")], Act::Close), "StreamCut"),
        (stream(&[start(), text("half")], last_chunk()), "StreamCut"),
        (
            stream(&[start(), text("half"), overloaded()], last_chunk()),
            "Overloaded",
        ),
    ] {
        let reply = messages(vec![end]).await;
        assert!(
            reply.text().contains("\n\nevent: error\ndata: "),
            "{}",
            reply.text()
        );
        assert!(!reply.text().contains("message_stop"));
        assert_eq!(last(&reply)["type"], "error");
        assert_eq!(last(&reply)["error"]["class"], class);
    }
}

#[tokio::test]
async fn a_message_that_lacks_only_its_last_event_gets_it() {
    let events = [start(), text("a"), stopped()];
    let reply = messages(vec![stream(&events, last_chunk())]).await;
    assert_eq!(reply.text(), [events.concat(), stop()].concat());
}

fn created() -> String {
    event(
        "response.created",
        r#","response":{"status":"in_progress","output":[]}"#,
    )
}

fn delta(text: &str) -> String {
    event("response.output_text.delta", &format!(r#","delta":"{text}""#))
}

fn completed() -> String {
    event(
        "response.completed",
        r#","response":{"status":"completed","output":[{"type":"message"}]}"#,
    )
}

#[tokio::test]
async fn a_response_is_passed_on_byte_for_byte() {
    let events = [created(), delta("a"), delta("b"), completed()];
    let reply = responses(vec![stream(&events, last_chunk())]).await;
    assert_eq!((reply.status, reply.text()), (200, events.concat()));
    let whole_at_once = [created(), completed()];
    let reply = responses(vec![stream(&whole_at_once, last_chunk())]).await;
    assert_eq!((reply.status, reply.text()), (200, whole_at_once.concat()));
}

#[tokio::test]
async fn a_response_that_fails_before_its_content_is_the_next_targets() {
    let good = [created(), delta("good"), completed()];
    let failed = event(
        "response.failed",
        r#","response":{"error":{"code":"server_error","message":"x"}}"#,
    );
    let bad = stream(&[created(), failed.clone()], last_chunk());
    let reply = responses(vec![bad, stream(&good, last_chunk())]).await;
    assert_eq!((reply.status, reply.text()), (200, good.concat()));
    let reply = responses(vec![stream(&[created(), delta("half"), failed], last_chunk())]).await;
    assert_eq!(
        last(&reply)["type"],
        "error",
        "after its content it is told in our words"
    );
    assert_eq!(last(&reply)["error"]["class"], "ServerError");
}

#[tokio::test]
async fn a_response_without_its_last_event_is_cut() {
    for end in [Act::Close, last_chunk()] {
        let reply = responses(vec![stream(&[created(), delta("half")], end)]).await;
        assert_eq!(last(&reply)["error"]["class"], "StreamCut");
        assert_eq!(last(&reply)["type"], "error");
    }
}

#[tokio::test]
async fn a_completion_streams_like_a_chats() {
    let said = |text: &str, finish: &str| {
        format!("data: {{\"choices\":[{{\"index\":0,\"text\":\"{text}\",\"finish_reason\":{finish}}}]}}\n\n")
    };
    let events = [said("", "null"), said("a", "null"), said("", "\"stop\"")];
    let reply = read(
        "/v1/completions",
        Dialect::OpenAI,
        vec![stream(&events, last_chunk())],
    )
    .await;
    assert_eq!(
        (reply.status, reply.text()),
        (200, [&events.concat(), DONE].concat())
    );
}
