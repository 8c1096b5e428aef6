//! Every endpoint besides chat completions and embeddings: where it goes, and what comes back.

use serde_json::json;
use weir_table::{BaseUrl, Dialect, Lack, Provider};

use crate::rig::Rig;
use crate::tables::{chain, model, provider, rung, split, table};
use crate::upstream::{Act, Upstream, answer, chat, error};

/// A router with the policies `one`, a split of one target, and `two`, a chain of two, all at `upstream`.
async fn rig(upstream: &Upstream, tell: impl Fn(&mut Provider)) -> Rig {
    let mut told = provider(upstream.addr);
    tell(&mut told);
    let one = split("one", vec![("p/a", 1.0, model("p", "a"))]);
    let two = chain("two", vec![rung(model("p", "a"), 0), rung(model("p", "b"), 0)]);
    Rig::with(table(vec![("p", told)], vec![one, two])).await
}

/// The first line of the last request.
fn asked(upstream: &Upstream) -> String {
    let seen = upstream.seen();
    seen.last().unwrap().head.lines().next().unwrap().to_owned()
}

const MESSAGE: &str =
    r#"{"type":"message","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn"}"#;

#[tokio::test]
async fn listed_endpoints_pass_through_whatever_they_answer() {
    let sound = "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 4\r\ncontent-disposition: inline\r\n\r\n\x00\x01\x02\x03";
    let upstream = Upstream::start(vec![vec![Act::Write(sound.into())]]).await;
    let rig = rig(&upstream, |_| {}).await;
    for path in [
        "/images/generations",
        "/images/edits",
        "/audio/speech",
        "/audio/transcriptions",
        "/audio/translations",
        "/moderations",
        "/rerank",
        "/score",
    ] {
        let body = br#"{"model":"policy/one","input":"x","weir":{}}"#;
        let reply = rig
            .post(&format!("/v1{path}"), "accept-encoding: br\r\n", body)
            .await;
        assert_eq!(
            (reply.status, &*reply.body),
            (200, &b"\x00\x01\x02\x03"[..]),
            "{path}"
        );
        assert_eq!(reply.header("content-type"), Some("audio/mpeg"));
        assert_eq!(reply.header("content-disposition"), Some("inline"));
        assert_eq!(reply.header("x-weir-model"), Some("p/a"));
        assert_eq!(asked(&upstream), format!("POST /base/v1{path} HTTP/1.1"));
        let seen = upstream.seen().pop().unwrap();
        assert_eq!(seen.json(), json!({"model": "real-a", "input": "x"}));
        assert_eq!(
            seen.header("accept-encoding"),
            Some("br"),
            "nothing is looked into"
        );
    }
}

#[tokio::test]
async fn a_form_goes_to_the_target_of_its_model() {
    let upstream = Upstream::start(vec![answer("200 OK", "", r#"{"text":"hi"}"#)]).await;
    let rig = rig(&upstream, |_| {}).await;
    let part = |name: &str, value: &str| {
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file = part("file\"; filename=\"a.wav", "RIFF\r\n\0--b?");
    let body = [
        &file,
        &part("requesty", "{}"),
        &part("model", "policy/one"),
        "--b--\r\n",
    ]
    .concat();
    let kind = "content-type: multipart/form-data; boundary=b\r\n";
    let reply = rig.post("/v1/audio/transcriptions", kind, body.as_bytes()).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, r#"{"text":"hi"}"#));
    let seen = upstream.seen().pop().unwrap();
    assert_eq!(
        seen.header("content-type"),
        Some("multipart/form-data; boundary=b")
    );
    let expected = [&file, &part("model", "real-a"), "--b--\r\n"].concat();
    assert_eq!(String::from_utf8(seen.body).unwrap(), expected);
}

#[tokio::test]
async fn a_form_has_no_other_boundary_than_the_one_that_its_model_was_found_by() {
    let upstream = Upstream::start(vec![answer("200 OK", "", "{}")]).await;
    let rig = rig(&upstream, |_| {}).await;
    let model = "content-disposition: form-data; name=\"model\"\r\n\r\n";
    let other = format!("--c\r\n{model}dear\r\n--c--");
    let body = format!(
        "--b\r\n{model}policy/one\r\n--b\r\ncontent-disposition: form-data; name=x\r\n\r\n{other}\r\n--b--\r\n"
    );
    let kinds =
        "content-type: multipart/form-data; boundary=b\r\ncontent-type: multipart/form-data; boundary=c\r\n";
    let reply = rig.post("/v1/images/edits", kinds, body.as_bytes()).await;
    assert_eq!(reply.status, 200);
    let seen = upstream.seen().pop().unwrap();
    assert!(
        seen.head.contains("boundary=b") && !seen.head.contains("boundary=c"),
        "{}",
        seen.head
    );
}

#[tokio::test]
async fn a_long_answer_of_any_kind_is_passed_on_as_it_comes() {
    let long = "z".repeat(1_000_000);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len());
    let upstream = Upstream::start(vec![vec![Act::Write([head, &chunk].concat().into())]]).await;
    let rig = rig(&upstream, |_| {}).await;
    let reply = rig.post("/v1/audio/speech", "", br#"{"model":"p/x"}"#).await;
    assert_eq!((reply.status, reply.body.len()), (200, long.len()));
}

#[tokio::test]
async fn a_small_answer_that_breaks_off_is_asked_for_at_the_next_target() {
    let half = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 9\r\n\r\nhalf";
    let whole = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 5\r\n\r\nwhole";
    let scripts = vec![
        vec![Act::Write(half.into()), Act::Close],
        vec![Act::Write(whole.into())],
    ];
    let upstream = Upstream::start(scripts).await;
    let rig = rig(&upstream, |_| {}).await;
    let reply = rig
        .post("/v1/images/generations", "", br#"{"model":"policy/two"}"#)
        .await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "whole"));
    assert_eq!(reply.header("x-weir-attempts"), Some("2"));
}

#[tokio::test]
async fn only_paths_that_a_provider_lists_are_passed_to_it() {
    let upstream = Upstream::start(vec![answer("200 OK", "", "{}")]).await;
    let rig = rig(&upstream, |provider| {
        provider.passthrough_paths = vec!["/v1/own/path".to_owned()];
    })
    .await;
    let reply = rig.post("/v1/own/path", "", br#"{"model":"policy/one"}"#).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "{}"));
    assert_eq!(asked(&upstream), "POST /base/v1/own/path HTTP/1.1");
    for path in ["/v1/own", "/v1/realtime/sessions", "/v1/files", "/v1/own/path/"] {
        let reply = rig.post(path, "", br#"{"model":"policy/one"}"#).await;
        assert_eq!(
            (reply.status, reply.class().as_str()),
            (404, "PolicyNotFound"),
            "{path}"
        );
    }
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_path_of_one_provider_is_not_anothers() {
    let upstream = Upstream::start(vec![answer("200 OK", "", "{}")]).await;
    let mut lists = provider(upstream.addr);
    lists.passthrough_paths = vec!["/v1/own".to_owned()];
    let policy = chain(
        "two",
        vec![rung(model("bare", "a"), 2), rung(model("lists", "b"), 0)],
    );
    let providers = vec![("bare", provider(upstream.addr)), ("lists", lists)];
    let rig = Rig::with(table(providers, vec![policy])).await;
    let refused = rig.post("/v1/own", "", br#"{"model":"bare/x"}"#).await;
    assert_eq!(
        (refused.status, refused.class().as_str()),
        (400, "InvalidRequest")
    );
    let reply = rig.post("/v1/own", "", br#"{"model":"policy/two"}"#).await;
    assert_eq!(
        (reply.status, reply.header("x-weir-model")),
        (200, Some("lists/b"))
    );
    assert_eq!(upstream.seen().len(), 1, "who does not list it is not asked");
}

#[tokio::test]
async fn what_another_model_thought_is_not_shown_to_anthropic() {
    let upstream = Upstream::start(vec![answer("200 OK", "", MESSAGE)]).await;
    let rig = rig(&upstream, anthropic).await;
    let body = br#"{"model":"policy/one","max_tokens":9,"messages":[{"role":"user","content":"a"},
        {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"gemini:x"},
        {"type":"text","text":"b"}]},{"role":"user","content":"c"}]}"#;
    let newer = "anthropic-version: 2026-10-21\r\n";
    let reply = rig.post("/v1/messages", newer, body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = upstream.seen().pop().unwrap();
    // What is written is of the version that the form knows, not of the caller's.
    assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
    let seen = seen.json();
    assert_eq!(seen["model"], "real-a");
    assert_eq!(
        seen["messages"][1]["content"],
        serde_json::json!([{"type": "text", "text": "b"}])
    );
}

#[tokio::test]
async fn messages_go_to_anthropic_as_they_are() {
    let upstream = Upstream::start(vec![answer(
        "200 OK",
        "anthropic-organization-id: o\r\n",
        MESSAGE,
    )])
    .await;
    let rig = rig(&upstream, anthropic).await;
    let headers = "x-api-key: caller\r\nanthropic-beta: b-1\r\nopenai-beta: x\r\n";
    for path in ["/v1/messages", "/anthropic/v1/messages"] {
        let body = br#"{"model":"policy/one", "max_tokens":1,"messages":[],"requesty":{}}"#;
        let reply = rig.post(path, headers, body).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, MESSAGE));
        assert_eq!(reply.header("anthropic-organization-id"), None);
        assert_eq!(asked(&upstream), "POST /base/v1/messages HTTP/1.1");
        let seen = upstream.seen().pop().unwrap();
        assert_eq!(seen.header("x-api-key"), Some("sk-test"));
        assert_eq!(seen.header("authorization"), None);
        assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
        assert_eq!(
            (seen.header("anthropic-beta"), seen.header("openai-beta")),
            (Some("b-1"), None)
        );
        assert_eq!(
            String::from_utf8(seen.body).unwrap(),
            r#"{"model":"real-a", "max_tokens":1,"messages":[]}"#
        );
    }
    rig.post(
        "/v1/messages",
        "anthropic-version: 2024-01-01\r\n",
        br#"{"model":"p/x"}"#,
    )
    .await;
    assert_eq!(
        upstream.seen().pop().unwrap().header("anthropic-version"),
        Some("2024-01-01")
    );
}

/// Makes a provider one of Anthropic's dialect.
fn anthropic(provider: &mut Provider) {
    provider.dialect = Dialect::Anthropic;
}

#[tokio::test]
async fn tokens_are_counted_where_the_target_can() {
    let upstream = Upstream::start(vec![answer("200 OK", "", r#"{"input_tokens":12}"#)]).await;
    let body = br#"{"model":"policy/one","messages":[]}"#;
    let reply = rig(&upstream, anthropic)
        .await
        .post("/v1/messages/count_tokens", "", body)
        .await;
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (200, r#"{"input_tokens":12}"#)
    );
    assert_eq!(asked(&upstream), "POST /base/v1/messages/count_tokens HTTP/1.1");
    let refused = rig(&upstream, |_| {})
        .await
        .post("/v1/messages/count_tokens", "", body)
        .await;
    assert_eq!(
        (refused.status, refused.class().as_str()),
        (400, "InvalidRequest")
    );
    assert_eq!(refused.json()["type"], "error");
}

#[tokio::test]
async fn errors_of_messages_have_anthropics_shape() {
    let upstream = Upstream::start(vec![answer(
        "529 Overloaded",
        "",
        r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#,
    )])
    .await;
    let rig = rig(&upstream, anthropic).await;
    for (body, kind, class) in [
        (r#"{"model":"policy/one"}"#, "overloaded_error", "Overloaded"),
        (r#"{"model":"policy/none"}"#, "not_found_error", "PolicyNotFound"),
        ("{", "invalid_request_error", "InvalidRequest"),
    ] {
        let reply = rig.post("/v1/messages", "", body.as_bytes()).await;
        let error = reply.json();
        assert_eq!(error["type"], "error", "{error}");
        assert_eq!(
            (&error["error"]["type"], &error["error"]["class"]),
            (&json!(kind), &json!(class))
        );
    }
}

#[tokio::test]
async fn responses_and_completions_have_their_own_paths() {
    let response = r#"{"object":"response","status":"completed","output":[{"type":"message"}]}"#;
    let text = r#"{"object":"text_completion","choices":[{"index":0,"text":"hi","finish_reason":"stop"}]}"#;
    let upstream = Upstream::start(vec![answer("200 OK", "", response), answer("200 OK", "", text)]).await;
    let rig = rig(&upstream, |_| {}).await;
    let reply = rig
        .post("/v1/responses", "", br#"{"model":"policy/one","input":"x"}"#)
        .await;
    assert_eq!((reply.status, reply.text().as_str()), (200, response));
    assert_eq!(asked(&upstream), "POST /base/v1/responses HTTP/1.1");
    let reply = rig
        .post("/v1/completions", "", br#"{"model":"policy/one","prompt":"x"}"#)
        .await;
    assert_eq!((reply.status, reply.text().as_str()), (200, text));
    assert_eq!(asked(&upstream), "POST /base/v1/completions HTTP/1.1");
}

#[tokio::test]
async fn a_models_name_does_not_lead_to_another_address() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let rig = rig(&upstream, |provider| {
        provider.dialect = Dialect::AzureOpenAI;
        provider.api_version = Some("2024-10-21".to_owned());
    })
    .await;
    for model in ["p/..", "p/.", "p/a/../b", "p/../.."] {
        let body = json!({"model": model, "messages": []}).to_string();
        let reply = rig.chat(&body).await;
        assert_eq!(
            (reply.status, reply.class().as_str()),
            (404, "PolicyNotFound"),
            "{model}"
        );
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn azure_is_asked_at_its_deployments() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let azure = |provider: &mut Provider| {
        provider.dialect = Dialect::AzureOpenAI;
        provider.base_url = BaseUrl::parse(&format!("http://{}", upstream.addr)).unwrap();
    };
    let classic = rig(&upstream, |provider| {
        azure(provider);
        provider.api_version = Some("2024-10-21".to_owned());
    })
    .await;
    for (model, deployment) in [("policy/one", "real-a"), ("p/gpt 4", "gpt%204")] {
        let reply = classic.chat(&json!({"model": model}).to_string()).await;
        assert_eq!(reply.status, 200);
        let path = format!("/openai/deployments/{deployment}/chat/completions?api-version=2024-10-21");
        assert_eq!(asked(&upstream), format!("POST {path} HTTP/1.1"));
        assert_eq!(upstream.seen().pop().unwrap().header("api-key"), Some("sk-test"));
    }
    let newer = rig(&upstream, azure).await;
    assert_eq!(newer.chat(r#"{"model":"policy/one"}"#).await.status, 200);
    assert_eq!(asked(&upstream), "POST /openai/v1/chat/completions HTTP/1.1");
}

#[tokio::test]
async fn a_stream_is_not_asked_for_usage_where_the_provider_lacks_it() {
    let upstream = Upstream::start(vec![error("400 Bad Request", "x", "")]).await;
    let body = r#"{"model":"policy/one","stream":true}"#;
    rig(&upstream, |provider| provider.lacks = [Lack::StreamUsage].into())
        .await
        .chat(body)
        .await;
    assert_eq!(
        upstream.seen()[0].json(),
        json!({"model": "real-a", "stream": true})
    );
    rig(&upstream, |_| {}).await.chat(body).await;
    assert_eq!(
        upstream.seen()[1].json()["stream_options"],
        json!({"include_usage": true})
    );
}
