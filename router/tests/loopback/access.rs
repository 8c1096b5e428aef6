//! Callers' keys over real sockets: who is let in, what is left for whom, and that nothing of a key goes on.

use serde_json::json;
use weir_router::Admission;
use weir_table::{AccessKey, Allowed, KeyHash, Names, Table, Validity};

use crate::rig::{Reply, Rig, until};
use crate::tables::{model, provider, split, table};
use crate::upstream::{Upstream, chat};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const LATE: &str = "late-late-late-late-late-late-late";

const TALK: &str = r#"{"model":"policy/talk","messages":[]}"#;

fn caller(key: &str, expires_at: Option<i64>, policies: Allowed) -> AccessKey {
    AccessKey {
        keys: [(KeyHash::of(key.as_bytes()), Validity { expires_at })].into(),
        policies,
        models: Allowed::default(),
    }
}

/// Two policies, and a caller who may name one of them; another whose key has expired.
fn keyed(upstream: &Upstream) -> Table {
    let policy = |name| split(name, vec![("openai/a", 1.0, model("openai", "a"))]);
    let providers = vec![("openai", provider(upstream.addr))];
    let mut table = table(providers, vec![policy("talk"), policy("other")]);
    let talk = Names::Only(["talk".to_owned()].into());
    let talk = Allowed::Within([("default".to_owned(), talk)].into());
    table.access_keys = [
        ("web".to_owned(), caller(KEY, None, talk)),
        ("old".to_owned(), caller(LATE, Some(1), Allowed::All)),
    ]
    .into();
    table
}

fn bearer(key: &str) -> String {
    format!("authorization: Bearer {key}\r\n")
}

async fn ask(rig: &Rig, headers: &str, body: &str) -> Reply {
    rig.post("/v1/chat/completions", headers, body.as_bytes()).await
}

async fn get(rig: &Rig, path: &str, headers: &str) -> Reply {
    rig.raw(&format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n"
    ))
    .await
}

#[tokio::test]
async fn a_key_opens_what_it_is_for_and_goes_no_further() {
    let upstream = Upstream::start(vec![chat("x"), chat("x")]).await;
    let rig = Rig::with(keyed(&upstream)).await;
    for headers in [bearer(KEY), format!("x-api-key: {KEY}\r\n")] {
        assert_eq!(ask(&rig, &headers, TALK).await.status, 200);
    }
    for seen in upstream.seen() {
        assert!(!seen.head.contains(KEY), "{}", seen.head);
        assert_eq!(seen.header("authorization"), Some("Bearer sk-test"));
    }
}

#[tokio::test]
async fn whoever_has_no_valid_key_is_told_so_in_the_shape_that_sdks_know() {
    let upstream = Upstream::start(vec![]).await;
    let rig = Rig::with(keyed(&upstream)).await;
    let two = format!("{}x-api-key: other\r\n", bearer(KEY));
    for headers in ["", &bearer("unknown"), &bearer(LATE), &two] {
        let reply = ask(&rig, headers, TALK).await;
        assert_eq!((reply.status, reply.class().as_str()), (401, "Unauthenticated"));
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        let error = &reply.json()["error"];
        assert_eq!(
            (&error["type"], &error["code"]),
            (&json!("authentication_error"), &json!("invalid_api_key"))
        );
        assert_eq!(get(&rig, "/v1/models", headers).await.status, 401);
        assert_eq!(get(&rig, "/v1/models/policy/talk", headers).await.status, 401);
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_key_is_asked_for_before_the_body_has_come() {
    let upstream = Upstream::start(vec![]).await;
    let rig = Rig::with(keyed(&upstream)).await;
    let head =
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5000\r\n\r\n";
    assert_eq!(rig.raw(head).await.status, 401);
}

#[tokio::test]
async fn what_a_key_is_not_for_does_not_exist_for_it() {
    let upstream = Upstream::start(vec![]).await;
    let rig = Rig::with(keyed(&upstream)).await;
    let headers = bearer(KEY);
    let body = |model: &str| format!(r#"{{"model":"{model}","messages":[]}}"#);
    let (other, none) = (
        ask(&rig, &headers, &body("policy/other")).await,
        ask(&rig, &headers, &body("policy/never")).await,
    );
    assert_eq!((other.status, none.status), (404, 404));
    assert_eq!(other.text().replace("other", "never"), none.text());
    let names = |head: &str| -> Vec<String> {
        let names = head.lines().filter_map(|line| line.split(':').next());
        names.map(str::to_owned).collect()
    };
    assert_eq!(names(&other.head), names(&none.head));
    assert_eq!(ask(&rig, &headers, &body("openai/a")).await.status, 404);

    let list = get(&rig, "/v1/models", &headers).await.json();
    let ids: Vec<&str> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["policy/talk"]);
    let of = async |name: &str| get(&rig, &format!("/v1/models/{name}"), &headers).await;
    assert_eq!(of("policy/talk").await.status, 200);
    let (other, none) = (of("policy/other").await, of("policy/never").await);
    assert_eq!((other.status, other.body), (404, none.body));
}

#[tokio::test]
async fn a_key_that_was_withdrawn_is_refused() {
    let upstream = Upstream::start(vec![]).await;
    let rig = Rig::with(keyed(&upstream)).await;
    assert_eq!(get(&rig, "/v1/models", &bearer(KEY)).await.status, 200);
    let mut without = keyed(&upstream);
    without.access_keys.remove("web");
    rig.push(without).await;
    until("the key is refused", || async {
        get(&rig, "/v1/models", &bearer(KEY)).await.status == 401
    })
    .await;
}

#[tokio::test]
async fn where_keys_are_waived_a_key_that_is_sent_must_still_be_valid() {
    let upstream = Upstream::start(vec![chat("x"), chat("x")]).await;
    let rig = Rig::configured(keyed(&upstream), |config| {
        config.admission = Admission::KeysOrNone;
    })
    .await;
    assert_eq!(ask(&rig, "", TALK).await.status, 200);
    assert_eq!(ask(&rig, &bearer(KEY), TALK).await.status, 200);
    assert_eq!(ask(&rig, &bearer("unused"), TALK).await.status, 401);
}

#[tokio::test]
async fn where_keys_are_wanted_and_there_are_none_nobody_is_let_in() {
    let upstream = Upstream::start(vec![]).await;
    let mut table = keyed(&upstream);
    table.access_keys.clear();
    let rig = Rig::configured(table, |config| config.admission = Admission::Keys).await;
    assert_eq!(ask(&rig, "", TALK).await.status, 401);
    assert_eq!(ask(&rig, &bearer("unused"), TALK).await.status, 401);
}
