//! What goes through untouched, what is taken out, and what is written on the answer.

use serde_json::json;
use weir_table::{DirectModel, ModelKind, Owner, Prices, Provider, Scope, Table};

use crate::rig::{Rig, until};
use crate::tables::{beside, model, provider, split, table};
use crate::upstream::{Upstream, answer, chat};

async fn rig(upstream: &Upstream) -> Rig {
    let policy = split("experiment", vec![("openai/a", 1.0, model("openai", "a"))]);
    Rig::with(table(vec![("openai", provider(upstream.addr))], vec![policy])).await
}

#[tokio::test]
async fn a_request_goes_to_its_policys_target_and_the_answer_says_so() {
    let upstream = Upstream::start(vec![chat("hello")]).await;
    let rig = rig(&upstream).await;
    let reply = rig.chat(r#"{"model":"policy/Experiment","messages":[]}"#).await;
    assert_eq!((reply.status, reply.content().as_str()), (200, "hello"));
    assert_eq!(reply.header("x-weir-policy"), Some("experiment"));
    assert_eq!(reply.header("x-weir-model"), Some("openai/a"));
    assert_eq!(reply.header("x-weir-path"), Some("experiment"));
    assert_eq!(reply.header("x-weir-attempts"), Some("1"));
    assert_eq!(reply.header("x-weir-table").map(str::len), Some(12));
    assert!(reply.header("x-request-id").unwrap().starts_with("req_"));
    assert_eq!(
        reply.json()["model"],
        "real-name",
        "the body's model is as the provider sent it"
    );

    let seen = &upstream.seen()[0];
    assert!(
        seen.head.starts_with("POST /base/v1/chat/completions HTTP/1.1"),
        "{}",
        seen.head
    );
    assert_eq!(seen.header("authorization"), Some("Bearer sk-test"));
    assert_eq!(seen.header("host"), Some(upstream.addr.to_string().as_str()));
    assert_eq!(seen.json(), json!({"model": "real-a", "messages": []}));
}

#[tokio::test]
async fn the_callers_own_headers_and_metadata_stay_here() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let rig = rig(&upstream).await;
    let headers = "authorization: Bearer caller\r\ncookie: a=b\r\nx-requesty-trace-id: t\r\nx-weir-a: b\r\n\
                   x-api-key: k\r\nuser-agent: sdk/1\r\ntraceparent: 00-1\r\n";
    let body = br#"{"requesty":{"trace_id":"t","tags":["x"]}, "model":"policy/experiment","weir":{},"n":1}"#;
    let reply = rig.post("/v1/chat/completions", headers, body).await;
    assert_eq!(reply.status, 200);
    let seen = &upstream.seen()[0];
    assert_eq!(seen.header("authorization"), Some("Bearer sk-test"));
    for name in ["cookie", "x-requesty-trace-id", "x-weir-a", "x-api-key"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!(
        (seen.header("user-agent"), seen.header("traceparent")),
        (Some("sdk/1"), Some("00-1"))
    );
    assert_eq!(String::from_utf8_lossy(&seen.body), r#"{"model":"real-a","n":1}"#);
}

#[tokio::test]
async fn headers_of_a_managed_key_stay_here() {
    let headers = "set-cookie: s=1\r\nopenai-organization: org\r\nx-ratelimit-limit-tokens: 1\r\nopenai-processing-ms: 5\r\n";
    let body = r#"{"choices":[{"index":0,"message":{"content":"x"},"finish_reason":"stop"}]}"#;
    let upstream = Upstream::start(vec![answer("200 OK", headers, body)]).await;
    let reply = rig(&upstream)
        .await
        .chat(r#"{"model":"policy/experiment"}"#)
        .await;
    assert_eq!(reply.header("openai-processing-ms"), Some("5"));
    for name in ["set-cookie", "openai-organization", "x-ratelimit-limit-tokens"] {
        assert_eq!(reply.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn a_model_is_called_directly_by_its_provider() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let reply = rig(&upstream)
        .await
        .chat(r#"{"model":"openai/some\/model"}"#)
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-weir-model"), Some("openai/some/model"));
    assert_eq!(
        (reply.header("x-weir-policy"), reply.header("x-weir-path")),
        (None, None)
    );
    assert_eq!(upstream.seen()[0].json()["model"], "some/model");
}

#[tokio::test]
async fn embeddings_go_to_their_own_path() {
    let data = r#"{"object":"list","data":[{"index":0,"embedding":[0.1]}],"model":"e"}"#;
    let upstream = Upstream::start(vec![answer("200 OK", "", data)]).await;
    let reply = rig(&upstream)
        .await
        .post("/v1/embeddings", "", br#"{"model":"openai/e","input":"x"}"#)
        .await;
    assert_eq!((reply.status, reply.text().as_str()), (200, data));
    assert!(upstream.seen()[0].head.starts_with("POST /base/v1/embeddings "));
}

#[tokio::test]
async fn a_plain_split_does_not_fall_back() {
    let upstream = Upstream::start(vec![crate::upstream::error(
        "503 Service Unavailable",
        "busy",
        "",
    )])
    .await;
    let reply = rig(&upstream)
        .await
        .chat(r#"{"model":"policy/experiment"}"#)
        .await;
    assert_eq!((reply.status, reply.class().as_str()), (503, "Overloaded"));
    assert_eq!(
        reply.header("x-should-retry"),
        None,
        "the caller's own retry is as good as any"
    );
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_long_answer_comes_through_whole() {
    let text = "y".repeat(600_000);
    let upstream = Upstream::start(vec![chat(&text)]).await;
    let reply = rig(&upstream)
        .await
        .chat(r#"{"model":"policy/experiment"}"#)
        .await;
    assert_eq!(reply.content(), text);
}

#[tokio::test]
async fn models_list_what_can_be_named() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let rig = rig(&upstream).await;
    let list = rig.get("/v1/models").await.json();
    assert_eq!(list["object"], "list");
    assert_eq!(
        list["data"][0],
        json!({"id": "policy/experiment", "object": "model", "created": 0, "owned_by": "weir"})
    );
    for path in ["/v1/models/policy/experiment", "/v1/models/policy%2FExperiment"] {
        assert_eq!(rig.get(path).await.json()["id"], "policy/experiment", "{path}");
    }
    assert_eq!(rig.get("/v1/models/policy/none").await.class(), "PolicyNotFound");
}

#[tokio::test]
async fn a_shadowed_provider_of_the_cluster_lists_no_models() {
    let upstream = Upstream::start(vec![]).await;
    let rig = rig(&upstream).await;
    let chats = DirectModel {
        kind: ModelKind::Chat,
        upstream: [].into(),
        reasoning: false,
        prices: Prices::default(),
    };
    let known = |owner, name: &str| Provider {
        owner,
        models: [(name.to_owned(), chats.clone())].into(),
        ..provider(upstream.addr)
    };
    let own = table(vec![("p", known(Owner::Namespace, "own"))], vec![]);
    let cluster = Table {
        scope: Scope::Cluster,
        ..table(
            vec![
                ("p", known(Owner::Cluster, "hidden")),
                ("q", known(Owner::Cluster, "seen")),
            ],
            vec![],
        )
    };
    rig.push_both(beside(own, cluster)).await;
    until("exactly what can be named is listed", || async {
        let list = rig.get("/v1/models").await.json();
        let entries = list["data"].as_array().unwrap();
        let ids: Vec<_> = entries.iter().filter_map(|entry| entry["id"].as_str()).collect();
        ids == ["p/own", "q/seen"]
    })
    .await;
}

#[tokio::test]
async fn one_connection_serves_one_request_after_another() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let rig = rig(&upstream).await;
    for _ in 0..5 {
        assert_eq!(rig.chat(r#"{"model":"policy/experiment"}"#).await.status, 200);
    }
    assert_eq!(upstream.connections(), 1);
}
