//! What callers get for requests that can't be served: the class, the status, a message that says what to
//! do. Nothing of it reaches a provider.

use tokio::io::AsyncReadExt as _;
use weir_table::{ModelKind, Table};

use crate::rig::{Reply, Rig};
use crate::tables::{model, provider, split, table};
use crate::upstream::{Upstream, chat};

/// The table of these tests: a chat policy and an embedding policy.
fn policies(upstream: &Upstream) -> Table {
    let chat = split("talk", vec![("openai/a", 1.0, model("openai", "a"))]);
    let embedding = split("embed", vec![("openai/e", 1.0, model("openai", "e"))]);
    let mut table = table(vec![("openai", provider(upstream.addr))], vec![chat, embedding]);
    table.policies.get_mut("embed").unwrap().kind = ModelKind::Embedding;
    table
}

/// What `body` gets at the chat endpoint; no provider may have been asked.
async fn refused(body: impl AsRef<[u8]>) -> Reply {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let rig = Rig::with(policies(&upstream)).await;
    let reply = rig.post("/v1/chat/completions", "", body.as_ref()).await;
    assert!(upstream.seen().is_empty(), "a provider was asked");
    assert!(reply.header("x-request-id").is_some());
    reply
}

/// `status class`, once the message holds `words`.
fn told(reply: &Reply, words: &str) -> String {
    let error = &reply.json()["error"];
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(words), "{message}");
    assert_eq!(error["type"], "invalid_request_error");
    assert_eq!(error["origin"], "caller");
    format!("{} {}", reply.status, reply.class())
}

/// What `body` gets, which must reach the provider.
async fn served(body: &str) -> serde_json::Value {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let rig = Rig::with(policies(&upstream)).await;
    let reply = rig.chat(body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    upstream.seen()[0].json()
}

#[tokio::test]
async fn an_unknown_policy_is_404_model_not_found() {
    let reply = refused(r#"{"model":"policy/nope"}"#).await;
    assert_eq!(
        told(&reply, "GET /v1/models lists what there is"),
        "404 PolicyNotFound"
    );
    let error = &reply.json()["error"];
    assert_eq!(
        (error["code"].as_str(), error["param"].as_str()),
        (Some("model_not_found"), Some("model"))
    );
}

#[tokio::test]
async fn an_unknown_namespace_provider_and_bare_model_are_404_too() {
    for model in ["policy/elsewhere/talk", "nobody/a", "gpt-5", "openai/", ""] {
        let reply = refused(format!(r#"{{"model":"{model}"}}"#)).await;
        assert_eq!(told(&reply, "/v1/models"), "404 PolicyNotFound", "{model}");
    }
}

#[tokio::test]
async fn a_missing_model_says_what_to_name() {
    assert_eq!(
        told(&refused(r#"{"messages":[]}"#).await, "policy/<name>"),
        "400 InvalidRequest"
    );
}

#[tokio::test]
async fn a_caller_that_sends_all_of_a_body_that_is_too_large_still_reads_the_answer() {
    let upstream = Upstream::start(Vec::new()).await;
    let rig = Rig::with(policies(&upstream)).await;
    // More than the system's buffers hold, so that the caller is still writing when it is answered.
    let body = "x".repeat(64 * 1024 * 1024);
    let mut stream = rig.open(&body).await;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_body_that_is_not_json_is_400() {
    for body in ["", "hello", "[]", "{'model':1}", "{\"model\":\"policy/talk\",}"] {
        assert_eq!(
            told(&refused(body).await, "must be a JSON object"),
            "400 InvalidRequest",
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_json_text_cut_short_is_400() {
    let reply = refused(r#"{"model":"policy/talk","messages":[{"role":"#).await;
    assert_eq!(told(&reply, "cut short after 43 bytes"), "400 InvalidRequest");
}

#[tokio::test]
async fn a_body_shorter_than_it_claims_reaches_nobody() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let upstream = Upstream::start(vec![chat("x")]).await;
    let rig = Rig::with(policies(&upstream)).await;
    let mut stream = tokio::net::TcpStream::connect(rig.addr).await.unwrap();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{\"model\"";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await.unwrap();
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_body_of_64_mib_is_413() {
    let mut body = br#"{"model":"policy/talk","messages":""#.to_vec();
    body.resize(64 * 1024 * 1024, b'x');
    let reply = refused(body).await;
    assert_eq!(told(&reply, "--max-body-bytes"), "413 RequestTooLarge");
}

#[tokio::test]
async fn a_body_that_grows_too_large_without_saying_so_is_413() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let rig = Rig::configured(policies(&upstream), |config| config.max_body_bytes = 1_000).await;
    let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1_000)).repeat(2);
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let reply = rig.raw(&format!("{head}{chunk}0\r\n\r\n")).await;
    assert_eq!(told(&reply, "1000 bytes"), "413 RequestTooLarge");
}

#[tokio::test]
async fn duplicate_model_keys_are_400_however_they_are_written() {
    for second in ["model", r"mod\u0065l"] {
        let reply = refused(format!(r#"{{"model":"policy/talk","{second}":"openai/a"}}"#)).await;
        assert_eq!(
            told(&reply, "`model` must not be given twice"),
            "400 InvalidRequest"
        );
    }
}

#[tokio::test]
async fn duplicate_metadata_is_400() {
    for name in ["requesty", "weir"] {
        let reply = refused(format!(
            r#"{{"model":"policy/talk","{name}":{{}},"{name}":{{}}}}"#
        ))
        .await;
        assert_eq!(
            told(&reply, &format!("`{name}` must not be given twice")),
            "400 InvalidRequest"
        );
    }
}

#[tokio::test]
async fn model_after_10_mb_of_messages_is_found() {
    let text = "abc\\n\\\"d".repeat(1_250_000);
    let seen = served(&format!(r#"{{"messages":"{text}","model":"policy/talk"}}"#)).await;
    assert_eq!(seen["model"], "real-a");
    assert_eq!(seen["messages"].as_str().unwrap().len(), 6 * 1_250_000);
}

#[tokio::test]
async fn a_trace_id_may_be_a_number_or_null() {
    for id in ["12.50", "null", "\"\""] {
        let seen = served(&format!(
            r#"{{"model":"policy/talk","requesty":{{"trace_id":{id}}}}}"#
        ))
        .await;
        assert_eq!(seen, serde_json::json!({"model": "real-a"}), "{id}");
    }
}

#[tokio::test]
async fn a_trace_id_of_another_type_is_400_by_name() {
    for id in ["{}", "[]", "true", r#""\ud800""#] {
        let reply = refused(format!(
            r#"{{"model":"policy/talk","requesty":{{"trace_id":{id}}}}}"#
        ))
        .await;
        assert_eq!(told(&reply, "`requesty.trace_id`"), "400 InvalidRequest", "{id}");
        assert_eq!(reply.json()["error"]["param"], "requesty.trace_id");
    }
}

#[tokio::test]
async fn a_trace_id_of_1_mb_is_400_and_is_not_repeated() {
    let id = "t".repeat(1024 * 1024);
    let reply = refused(format!(
        r#"{{"model":"policy/talk","requesty":{{"trace_id":"{id}"}}}}"#
    ))
    .await;
    assert_eq!(
        told(&reply, "must not be longer than 1024 bytes"),
        "400 InvalidRequest"
    );
    assert!(reply.body.len() < 1_000);
}

#[tokio::test]
async fn a_chat_request_on_an_embedding_policy_is_400_before_any_attempt() {
    let reply = refused(r#"{"model":"policy/embed"}"#).await;
    assert_eq!(told(&reply, "/v1/embeddings"), "400 InvalidRequest");
}

#[tokio::test]
async fn an_embedding_request_on_a_chat_policy_is_400_before_any_attempt() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let rig = Rig::with(policies(&upstream)).await;
    let reply = rig
        .post("/v1/embeddings", "", br#"{"model":"policy/talk","input":"x"}"#)
        .await;
    assert_eq!(told(&reply, "/v1/chat/completions"), "400 InvalidRequest");
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn any_other_path_is_404() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let rig = Rig::with(policies(&upstream)).await;
    for path in [
        "/v1/files",
        "/v1/fine_tuning/jobs",
        "/",
        "/v1/../v1/chat/completions",
        "/v1/chat/completions/",
    ] {
        let reply = rig.post(path, "", br#"{"model":"policy/talk"}"#).await;
        assert_eq!(
            told(&reply, "POST /v1/chat/completions"),
            "404 PolicyNotFound",
            "{path}"
        );
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_compressed_body_is_400() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let rig = Rig::with(policies(&upstream)).await;
    let reply = rig
        .post("/v1/chat/completions", "content-encoding: gzip\r\n", b"\x1f\x8b")
        .await;
    assert_eq!(told(&reply, "must not be compressed"), "400 InvalidRequest");
}
