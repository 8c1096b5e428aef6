//! Targets that speak otherwise than their callers: what they are asked, what their callers read, and that a
//! stream of theirs is held back, committed, ended and broken off like any other.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::{Value, json};
use weir_table::{BaseUrl, Credential, Dialect, Lack, Provider};

use crate::rig::{Reply, Rig, key_pair};
use crate::tables::{chain, model, provider, rung, table};
use crate::upstream::{Act, Upstream, answer, chunk, error, last_chunk, stream_head};

/// A router whose policy `talk` goes first to `p/a` and then to `p/b`, both at `upstream`.
async fn rig(upstream: &Upstream, dialect: Dialect) -> Rig {
    configured(upstream, |provider| provider.dialect = dialect).await
}

async fn configured(upstream: &Upstream, tell: impl FnOnce(&mut Provider)) -> Rig {
    let mut told = provider(upstream.addr);
    told.base_url = BaseUrl::parse(&format!("http://{}", upstream.addr)).unwrap();
    tell(&mut told);
    let policy = chain("talk", vec![rung(model("p", "a"), 0), rung(model("p", "b"), 0)]);
    Rig::with(table(vec![("p", told)], vec![policy])).await
}

const ASKED: &str = r#"{"model":"policy/talk","messages":[{"role":"user","content":"hello"}],"weir":{}}"#;
const STREAMED: &str =
    r#"{"model":"policy/talk","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;

const MESSAGE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"real","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#;
const GENERATED: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2},"modelVersion":"real"}"#;
const CONVERSED: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"hi"}]}},"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3}}"#;

#[tokio::test]
async fn a_long_prompt_is_translated_whole() {
    let prompt = "x".repeat(3 * 1024 * 1024);
    for (dialect, said) in [(Dialect::Anthropic, MESSAGE), (Dialect::Bedrock, CONVERSED)] {
        let upstream = Upstream::start(vec![answer("200 OK", "", said)]).await;
        let rig = configured(&upstream, |provider| {
            provider.dialect = dialect;
            if dialect == Dialect::Bedrock {
                provider.credential = Credential::Named(key_pair());
                provider.region = Some("eu-central-1".to_owned());
            }
        })
        .await;
        let reply = rig.chat(&ASKED.replace("hello", &prompt)).await;
        assert_eq!(reply.content(), "hi", "{dialect:?}");
        let asked = upstream.seen().last().unwrap().json()["messages"].to_string();
        assert!(asked.contains(&prompt), "{dialect:?}");
    }
}

/// The first line of the last request.
fn asked(upstream: &Upstream) -> String {
    let seen = upstream.seen();
    seen.last().unwrap().head.lines().next().unwrap().to_owned()
}

fn event(kind: &str, rest: &str) -> String {
    format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{rest}}}\n\n")
}

/// The events of a message that says `texts`.
fn message(texts: &[&str]) -> Vec<Vec<u8>> {
    let start = r#","message":{"id":"msg_1","model":"real","content":[],"usage":{"input_tokens":1,"output_tokens":1}}"#;
    let mut events = vec![
        event("message_start", start),
        event(
            "content_block_start",
            r#","index":0,"content_block":{"type":"text","text":""}"#,
        ),
    ];
    events.extend(texts.iter().map(|text| {
        event(
            "content_block_delta",
            &format!(r#","index":0,"delta":{{"type":"text_delta","text":"{text}"}}"#),
        )
    }));
    events.push(event("content_block_stop", r#","index":0"#));
    events.push(event(
        "message_delta",
        r#","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}"#,
    ));
    events.push(event("message_stop", ""));
    events.into_iter().map(String::into_bytes).collect()
}

/// The events of a generation that says `texts`.
fn generation(texts: &[&str]) -> Vec<Vec<u8>> {
    let said = |text: &&str| {
        format!(
            "data: {{\"candidates\":[{{\"content\":{{\"role\":\"model\",\"parts\":[{{\"text\":\"{text}\"}}]}},\"index\":0}}]}}\r\n\r\n"
        )
    };
    let end = "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":1,\"candidatesTokenCount\":2}}\r\n\r\n";
    texts
        .iter()
        .map(said)
        .chain([end.to_owned()])
        .map(String::into_bytes)
        .collect()
}

fn frame(kind: &str, name: &str, payload: &Value) -> Vec<u8> {
    let header =
        |name: &'static str, value: &str| Header::new(name, HeaderValue::String(value.to_owned().into()));
    let named = if kind == "event" {
        ":event-type"
    } else {
        ":exception-type"
    };
    let message = Message::new(payload.to_string().into_bytes())
        .add_header(header(":message-type", kind))
        .add_header(header(named, name));
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).unwrap();
    bytes
}

/// The messages of a conversation that says `texts`.
fn conversation(texts: &[&str]) -> Vec<Vec<u8>> {
    let mut frames = vec![frame("event", "messageStart", &json!({"role": "assistant"}))];
    frames.extend(texts.iter().map(|text| {
        frame(
            "event",
            "contentBlockDelta",
            &json!({"contentBlockIndex": 0, "delta": {"text": text}}),
        )
    }));
    frames.push(frame(
        "event",
        "contentBlockStop",
        &json!({"contentBlockIndex": 0}),
    ));
    frames.push(frame("event", "messageStop", &json!({"stopReason": "end_turn"})));
    frames.push(frame(
        "event",
        "metadata",
        &json!({"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}}),
    ));
    frames
}

/// The bytes of a chunk.
fn piece(bytes: &[u8]) -> Act {
    let head = format!("{:x}\r\n", bytes.len()).into_bytes();
    Act::Write([&head, bytes, b"\r\n"].concat())
}

fn head(dialect: Dialect) -> Act {
    if dialect == Dialect::Bedrock {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\ntransfer-encoding: chunked\r\n\r\n";
        return Act::Write(head.into());
    }
    stream_head()
}

/// A stream of these messages that ends with `end`.
fn stream(dialect: Dialect, messages: &[Vec<u8>], end: Act) -> Vec<Act> {
    let pieces = messages.iter().map(|message| piece(message));
    [head(dialect)].into_iter().chain(pieces).chain([end]).collect()
}

const FOREIGN: [Dialect; 3] = [Dialect::Anthropic, Dialect::Gemini, Dialect::Bedrock];

/// The messages of a good stream of `dialect` that says `texts`.
fn good(dialect: Dialect, texts: &[&str]) -> Vec<Vec<u8>> {
    match dialect {
        Dialect::Anthropic => message(texts),
        Dialect::Gemini => generation(texts),
        _ => conversation(texts),
    }
}

/// What a stream of `dialect` begins with that is no content.
fn beginning(dialect: Dialect) -> Vec<Vec<u8>> {
    match dialect {
        Dialect::Gemini => vec![
            b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]},\"index\":0}]}\r\n\r\n"
                .to_vec(),
        ],
        dialect => good(dialect, &[])[..1].to_vec(),
    }
}

/// An error inside a stream of `dialect`.
fn fault(dialect: Dialect) -> Vec<u8> {
    match dialect {
        Dialect::Anthropic => event(
            "error",
            r#","error":{"type":"overloaded_error","message":"busy"}"#,
        )
        .into_bytes(),
        Dialect::Gemini => {
            b"data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n"
                .to_vec()
        }
        _ => frame(
            "exception",
            "serviceUnavailableException",
            &json!({"message": "busy"}),
        ),
    }
}

/// The chunks of a chat completion's stream.
fn chunks(reply: &Reply) -> Vec<Value> {
    let text = reply.text();
    let events = text
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "));
    events
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// The text of a chat completion's stream.
fn text(reply: &Reply) -> String {
    let chunks = chunks(reply);
    let said = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    said.collect()
}

#[tokio::test]
async fn a_chat_is_asked_of_anthropic() {
    let upstream = Upstream::start(vec![answer("200 OK", "", MESSAGE)]).await;
    let rig = rig(&upstream, Dialect::Anthropic).await;
    let reply = rig.chat(ASKED).await;
    assert_eq!(
        (reply.status, reply.content().as_str()),
        (200, "hi"),
        "{}",
        reply.text()
    );
    assert_eq!(reply.json()["object"], "chat.completion");
    assert_eq!(reply.json()["usage"]["total_tokens"], 3);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("x-weir-model"), Some("p/a"));
    assert_eq!(asked(&upstream), "POST /v1/messages HTTP/1.1");
    let seen = upstream.seen().pop().unwrap();
    assert_eq!(seen.header("x-api-key"), Some("sk-test"));
    assert_eq!(seen.json()["model"], "real-a");
    assert_eq!(seen.json()["messages"][0]["role"], "user");
    assert_eq!(seen.json()["weir"], Value::Null);
}

#[tokio::test]
async fn a_chat_is_asked_of_gemini() {
    let upstream = Upstream::start(vec![answer("200 OK", "", GENERATED)]).await;
    let reply = rig(&upstream, Dialect::Gemini).await.chat(ASKED).await;
    assert_eq!(
        (reply.status, reply.content().as_str()),
        (200, "hi"),
        "{}",
        reply.text()
    );
    assert_eq!(asked(&upstream), "POST /models/real-a:generateContent HTTP/1.1");
    let seen = upstream.seen().pop().unwrap();
    assert_eq!(seen.header("x-goog-api-key"), Some("sk-test"));
    assert_eq!(seen.json()["contents"][0]["parts"][0]["text"], "hello");
}

#[tokio::test]
async fn a_chat_is_asked_of_bedrock_with_a_bearer_key() {
    let upstream = Upstream::start(vec![answer("200 OK", "", CONVERSED)]).await;
    let reply = rig(&upstream, Dialect::Bedrock).await.chat(ASKED).await;
    assert_eq!(
        (reply.status, reply.content().as_str()),
        (200, "hi"),
        "{}",
        reply.text()
    );
    assert_eq!(
        reply.json()["model"],
        "real-a",
        "filled in where the dialect has none"
    );
    assert_eq!(asked(&upstream), "POST /model/real-a/converse HTTP/1.1");
    assert_eq!(upstream.seen()[0].header("authorization"), Some("Bearer sk-test"));
}

#[tokio::test]
async fn a_request_to_bedrock_is_signed_with_a_key_pair() {
    let upstream = Upstream::start(vec![answer("200 OK", "", CONVERSED)]).await;
    let rig = configured(&upstream, |provider| {
        provider.dialect = Dialect::Bedrock;
        provider.credential = Credential::Named(key_pair());
        provider.region = Some("eu-central-1".to_owned());
    })
    .await;
    let reply = rig.chat(ASKED).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = upstream.seen().pop().unwrap();
    let signature = seen.header("authorization").unwrap();
    assert!(
        signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
        "{signature}"
    );
    assert!(
        signature.contains("/eu-central-1/bedrock/aws4_request"),
        "{signature}"
    );
    assert!(
        signature.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token"),
        "{signature}"
    );
    assert_eq!(seen.header("x-amz-security-token"), Some("token"));
}

#[tokio::test]
async fn streams_of_every_dialect_are_read() {
    for dialect in FOREIGN {
        let script = stream(dialect, &good(dialect, &["a", "b"]), last_chunk());
        let upstream = Upstream::start(vec![script]).await;
        let reply = rig(&upstream, dialect).await.chat(STREAMED).await;
        assert_eq!(
            (reply.status, text(&reply).as_str()),
            (200, "ab"),
            "{dialect:?}: {}",
            reply.text()
        );
        assert_eq!(reply.header("content-type"), Some("text/event-stream"));
        assert!(reply.text().ends_with("data: [DONE]\n\n"));
        let chunks = chunks(&reply);
        assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "stop");
        assert!(
            chunks.iter().all(|chunk| chunk["usage"].is_null()),
            "nobody asked for usage"
        );
    }
}

#[tokio::test]
async fn streams_that_arrive_in_pieces_are_read() {
    for dialect in FOREIGN {
        let bytes = good(dialect, &["a", "b"]).concat();
        let pieces: Vec<_> = bytes.chunks(5).map(<[u8]>::to_vec).collect();
        let upstream = Upstream::start(vec![stream(dialect, &pieces, last_chunk())]).await;
        let reply = rig(&upstream, dialect).await.chat(STREAMED).await;
        assert_eq!(text(&reply), "ab", "{dialect:?}: {}", reply.text());
        assert!(reply.text().ends_with("data: [DONE]\n\n"));
    }
}

#[tokio::test]
async fn a_stream_that_fails_before_its_content_is_the_next_targets() {
    for dialect in FOREIGN {
        let begun = beginning(dialect);
        let fails = [begun.clone(), vec![fault(dialect)]].concat();
        for bad in [
            stream(dialect, &fails, last_chunk()),
            stream(dialect, &begun, Act::Close),
            stream(dialect, &begun, last_chunk()),
        ] {
            let script = stream(dialect, &good(dialect, &["good"]), last_chunk());
            let upstream = Upstream::start(vec![bad, script]).await;
            let reply = rig(&upstream, dialect).await.chat(STREAMED).await;
            assert_eq!(text(&reply), "good", "{dialect:?}: {}", reply.text());
            assert_eq!(reply.header("x-weir-attempts"), Some("2"));
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_after_its_content_never_looks_whole() {
    for dialect in FOREIGN {
        let said = good(dialect, &["half"]);
        let upto = if dialect == Dialect::Gemini {
            1
        } else {
            said.len() - 3
        };
        let half = said[..upto].to_vec();
        let fails = [half.clone(), vec![fault(dialect)]].concat();
        for (script, class) in [
            (stream(dialect, &half, Act::Close), "StreamCut"),
            (stream(dialect, &half, last_chunk()), "StreamCut"),
            (stream(dialect, &fails, last_chunk()), "Overloaded"),
        ] {
            let upstream = Upstream::start(vec![script]).await;
            let reply = rig(&upstream, dialect).await.chat(STREAMED).await;
            assert_eq!(text(&reply), "half", "{dialect:?}: {}", reply.text());
            assert!(!reply.text().contains("[DONE]"), "{}", reply.text());
            assert_eq!(
                chunks(&reply).last().unwrap()["error"]["class"],
                class,
                "{dialect:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_stands_behind_the_end_of_a_stream_is_left_out() {
    let whole = good(Dialect::Anthropic, &["a"]).concat();
    let twice = [whole.clone(), whole].concat();
    let upstream = Upstream::start(vec![stream(Dialect::Anthropic, &[twice], last_chunk())]).await;
    let reply = rig(&upstream, Dialect::Anthropic).await.chat(STREAMED).await;
    assert_eq!(text(&reply), "a");
    assert_eq!(reply.text().matches("[DONE]").count(), 1);
}

#[tokio::test]
async fn messages_are_asked_of_a_chat() {
    let body = r#"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
    let upstream = Upstream::start(vec![answer("200 OK", "", body)]).await;
    let rig = rig(&upstream, Dialect::OpenAI).await;
    let asks = br#"{"model":"policy/talk","max_tokens":9,"system":"be kind","messages":[{"role":"user","content":"hello"}]}"#;
    let reply = rig.post("/v1/messages", "", asks).await;
    let message = reply.json();
    assert_eq!(
        (reply.status, &message["type"]),
        (200, &json!("message")),
        "{message}"
    );
    assert_eq!(message["content"][0]["text"], "hi");
    assert_eq!(message["stop_reason"], "end_turn");
    assert_eq!(asked(&upstream), "POST /chat/completions HTTP/1.1");
    assert_eq!(upstream.seen()[0].json()["messages"][0]["role"], "system");
}

#[tokio::test]
async fn a_stream_of_messages_is_read_from_a_chat() {
    let said = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let script = |end: Vec<Act>| {
        let begins = [
            stream_head(),
            chunk(&said(r#"{"role":"assistant","content":""}"#, "null")),
        ];
        let says = [chunk(&said(r#"{"content":"hi"}"#, "null"))];
        begins.into_iter().chain(says).chain(end).collect::<Vec<_>>()
    };
    let finishes = vec![
        chunk(&said("{}", "\"stop\"")),
        chunk("data: [DONE]\n\n"),
        last_chunk(),
    ];
    let upstream = Upstream::start(vec![script(finishes), script(vec![Act::Close])]).await;
    let rig = rig(&upstream, Dialect::OpenAI).await;
    let asks =
        br#"{"model":"policy/talk","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#;
    let reply = rig.post("/v1/messages", "", asks).await;
    let text = reply.text();
    assert!(text.starts_with("event: message_start\n"), "{text}");
    assert!(
        text.contains(r#""text":"hi""#) && text.contains("event: message_stop\n"),
        "{text}"
    );
    let usage = &upstream.seen()[0].json()["stream_options"];
    assert_eq!(usage, &json!({"include_usage": true}));
    let broken = rig.post("/v1/messages", "", asks).await.text();
    assert!(
        broken.contains("event: error\n") && !broken.contains("message_stop"),
        "{broken}"
    );
}

#[tokio::test]
async fn a_chat_that_tells_no_usage_is_not_asked_for_it() {
    let upstream = Upstream::start(vec![error("503 Service Unavailable", "x", "")]).await;
    let rig = configured(&upstream, |provider| provider.lacks = [Lack::StreamUsage].into()).await;
    let asks = br#"{"model":"p/x","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#;
    let refused = rig.post("/v1/messages", "", asks).await;
    assert_eq!(
        refused.json()["request_id"].as_str(),
        refused.header("x-request-id")
    );
    assert_eq!(upstream.seen()[0].json()["stream_options"], Value::Null);
}

#[tokio::test]
async fn responses_and_completions_are_asked_of_others() {
    let upstream = Upstream::start(vec![answer("200 OK", "", MESSAGE)]).await;
    let rig = rig(&upstream, Dialect::Anthropic).await;
    let reply = rig
        .post("/v1/responses", "", br#"{"model":"policy/talk","input":"hello"}"#)
        .await;
    assert_eq!(
        (reply.status, &reply.json()["object"]),
        (200, &json!("response")),
        "{}",
        reply.text()
    );
    let reply = rig
        .post(
            "/v1/completions",
            "",
            br#"{"model":"policy/talk","prompt":"hello"}"#,
        )
        .await;
    assert_eq!(
        (reply.status, &reply.json()["choices"][0]["text"]),
        (200, &json!("hi")),
        "{}",
        reply.text()
    );
}

#[tokio::test]
async fn a_provider_without_responses_is_asked_for_a_chat() {
    let body = r#"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
    let upstream = Upstream::start(vec![answer("200 OK", "", body)]).await;
    let rig = configured(&upstream, |provider| provider.lacks = [Lack::Responses].into()).await;
    let reply = rig
        .post("/v1/responses", "", br#"{"model":"policy/talk","input":"hello"}"#)
        .await;
    assert_eq!(
        (reply.status, &reply.json()["object"]),
        (200, &json!("response")),
        "{}",
        reply.text()
    );
    assert_eq!(asked(&upstream), "POST /chat/completions HTTP/1.1");
}

#[tokio::test]
async fn embeddings_are_asked_of_gemini() {
    let vectors = r#"{"embeddings":[{"values":[0.5,1]},{"values":[2,3]}]}"#;
    let upstream = Upstream::start(vec![answer("200 OK", "", vectors)]).await;
    let rig = rig(&upstream, Dialect::Gemini).await;
    let reply = rig
        .post("/v1/embeddings", "", br#"{"model":"p/e","input":["a","b"]}"#)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["data"][1]["embedding"], json!([2.0, 3.0]));
    assert_eq!(asked(&upstream), "POST /models/e:batchEmbedContents HTTP/1.1");
}

#[tokio::test]
async fn what_a_target_cannot_hear_is_named_or_refused() {
    let upstream = Upstream::start(vec![answer("200 OK", "", MESSAGE)]).await;
    let rig = rig(&upstream, Dialect::Anthropic).await;
    let asks = |field: &str| {
        format!(r#"{{"model":"policy/talk","messages":[{{"role":"user","content":"x"}}],{field}}}"#)
    };
    let reply = rig.chat(&asks(r#""seed":7,"store":true"#)).await;
    assert_eq!(reply.status, 200);
    let dropped = reply.header("x-weir-dropped").unwrap();
    assert!(dropped.contains("seed") && dropped.contains("store"), "{dropped}");
    let refused = rig.chat(&asks(r#""logprobs":true"#)).await;
    assert_eq!(
        (refused.status, refused.class().as_str()),
        (400, "InvalidRequest")
    );
    assert_eq!(refused.json()["error"]["param"], "logprobs");
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_request_that_one_target_cannot_hear_goes_to_the_next() {
    let claude = Upstream::start(vec![answer("200 OK", "", MESSAGE)]).await;
    let plain = Upstream::start(vec![crate::upstream::chat("heard")]).await;
    let mut first = provider(claude.addr);
    first.dialect = Dialect::Anthropic;
    let policy = chain("talk", vec![rung(model("c", "a"), 2), rung(model("o", "b"), 0)]);
    let rig = Rig::with(table(
        vec![("c", first), ("o", provider(plain.addr))],
        vec![policy],
    ))
    .await;
    let asks = r#"{"model":"policy/talk","messages":[{"role":"user","content":"x"}],"logprobs":true}"#;
    let reply = rig.chat(asks).await;
    assert_eq!((reply.status, reply.content().as_str()), (200, "heard"));
    assert_eq!(claude.seen().len(), 0);
}

#[tokio::test]
async fn an_answer_without_content_is_none() {
    let empty = r#"{"type":"message","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":0}}"#;
    let upstream = Upstream::start(vec![answer("200 OK", "", empty), answer("200 OK", "", MESSAGE)]).await;
    let reply = rig(&upstream, Dialect::Anthropic).await.chat(ASKED).await;
    assert_eq!(
        (reply.content().as_str(), reply.header("x-weir-attempts")),
        ("hi", Some("2"))
    );
}
