//! Swaps under load, the admin port, and the end.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use weir_router::AdminToken;
use weir_table::{Scope, Table};

use crate::rig::{Rig, parse, until};
use crate::tables::{model, provider, split, table};
use crate::upstream::{Act, DONE, Upstream, chat, chunk, finish, good_stream, last_chunk, said, stream_head};

/// Everything goes to target `a` or everything to `b`.
fn all_to(upstream: &Upstream, name: &str) -> Table {
    let weight = |target: &str| if target == name { 1.0 } else { 0.0 };
    let targets = vec![
        ("p/a", weight("a"), model("p", "a")),
        ("p/b", weight("b"), model("p", "b")),
    ];
    table(vec![("p", provider(upstream.addr))], vec![split("move", targets)])
}

#[tokio::test]
async fn swaps_under_load_lose_and_cut_nothing() {
    let upstream = Upstream::start(vec![good_stream("x")]).await;
    let rig = Arc::new(Rig::with(all_to(&upstream, "a")).await);
    let (running, answered) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..8)
        .map(|_| {
            let (rig, running, answered) = (rig.clone(), running.clone(), answered.clone());
            tokio::spawn(async move {
                let mut tables = BTreeSet::new();
                while running.load(Ordering::Relaxed) {
                    let reply = rig.chat(r#"{"model":"policy/move","stream":true}"#).await;
                    assert_eq!(reply.status, 200, "{}", reply.text());
                    assert!(reply.text().ends_with(DONE), "{}", reply.text());
                    tables.insert(reply.header("x-weir-table").unwrap().to_owned());
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                tables
            })
        })
        .collect();
    for n in 1..=40 {
        rig.push(all_to(&upstream, if n % 2 == 0 { "a" } else { "b" }))
            .await;
        let before = answered.load(Ordering::Relaxed);
        until("load goes on", || async {
            answered.load(Ordering::Relaxed) > before + 4
        })
        .await;
    }
    running.store(false, Ordering::Relaxed);
    let mut tables = BTreeSet::new();
    for task in load {
        tables.extend(task.await.unwrap());
    }
    assert_eq!(tables.len(), 2, "both tables served: {tables:?}");
}

#[tokio::test]
async fn a_stream_that_runs_keeps_its_table_through_a_swap() {
    let go = Arc::new(Notify::new());
    let script = vec![
        stream_head(),
        chunk(&said("a")),
        Act::Hold(go.clone()),
        chunk(&finish()),
        chunk(DONE),
        last_chunk(),
    ];
    let upstream = Upstream::start(vec![script]).await;
    let rig = Rig::with(all_to(&upstream, "a")).await;
    let mut stream = rig.open(r#"{"model":"policy/move","stream":true}"#).await;
    until("the provider was asked", || async { !upstream.seen().is_empty() }).await;
    rig.push(Table::empty(Scope::Namespace("default".to_owned())))
        .await;
    until("the policy is gone", || async {
        rig.chat(r#"{"model":"policy/move"}"#).await.status == 404
    })
    .await;
    go.notify_one();
    let mut read = vec![0; 65_536];
    let mut length = 0;
    while !String::from_utf8_lossy(&read[..length]).contains("[DONE]") {
        let count = stream.read(&mut read[length..]).await.unwrap();
        assert!(count > 0, "the stream was cut");
        length += count;
    }
}

#[tokio::test]
async fn the_admin_port_tells_what_is_served() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let rig = Rig::with(all_to(&upstream, "a")).await;
    let all = rig.admin("/api/tables").await.json();
    assert_eq!(all["formats"], serde_json::json!([2, 1]));
    let tables = all["tables"].as_array().unwrap();
    assert_eq!(
        (&tables[0]["scope"], &tables[0]["state"]),
        (&"cluster".into(), &"serving".into())
    );
    let mine = &rig.admin("/api/tables?namespace=default").await.json()["tables"];
    assert_eq!(mine.as_array().unwrap().len(), 1);
    assert_eq!(
        (&mine[0]["namespace"], &mine[0]["error"]),
        (&"default".into(), &serde_json::Value::Null)
    );
    assert_eq!(mine[0]["digest"].as_str().map(str::len), Some(64));
    assert_eq!(mine[0]["policies"]["move"].as_str().map(str::len), Some(64));
    let digests = &rig.admin("/api/tables?view=digests").await.json()["tables"];
    assert!(digests[1].get("policies").is_none() && digests[1]["digest"] == mine[0]["digest"]);
    let reply = rig.chat(r#"{"model":"policy/move"}"#).await;
    assert!(
        mine[0]["digest"]
            .as_str()
            .unwrap()
            .starts_with(reply.header("x-weir-table").unwrap())
    );
}

#[tokio::test]
async fn requests_are_counted_by_policy_target_and_outcome() {
    let upstream = Upstream::start(vec![chat("x"), crate::upstream::error("503 Busy", "busy", "")]).await;
    let rig = Rig::with(all_to(&upstream, "a")).await;
    for _ in 0..2 {
        rig.chat(r#"{"model":"policy/move"}"#).await;
    }
    rig.chat(r#"{"model":"policy/none"}"#).await;
    let metrics = rig.admin("/metrics").await.text();
    for line in [
        r#"weir_router_requests_total{namespace="default",policy="move",path="move",target="p/a",outcome="ok"} 1"#,
        r#"weir_router_requests_total{namespace="default",policy="move",path="move",target="p/a",outcome="Overloaded"} 1"#,
        r#"weir_router_requests_total{namespace="",policy="",path="",target="",outcome="PolicyNotFound"} 1"#,
        r#"weir_router_failed_attempts_total{namespace="default",policy="move",path="move",target="p/a",reason="Overloaded"} 1"#,
        "weir_router_in_flight_requests 0",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

#[tokio::test]
async fn the_admin_token_guards_what_is_served_and_nothing_else() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let rig = Rig::configured(all_to(&upstream, "a"), |config| {
        config.admin_token = AdminToken::new("let-me-in\n");
    })
    .await;
    for path in ["/", "/api/tables"] {
        assert_eq!(rig.admin(path).await.status, 401, "{path}");
        assert_eq!(rig.admin_as("let-me-out", path).await.status, 401, "{path}");
        assert_eq!(rig.admin_as("let-me-in", path).await.status, 200, "{path}");
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(rig.admin(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_changed_admin_token_counts_at_once_and_an_unreadable_one_changes_nothing() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let file = std::env::temp_dir().join(format!("weir-admin-token-{}", std::process::id()));
    std::fs::write(&file, "first\n").unwrap();
    let rig = Rig::configured(all_to(&upstream, "a"), |config| {
        config.admin_token = Some(AdminToken::in_file(&file).unwrap());
    })
    .await;
    assert_eq!(rig.admin_as("first", "/").await.status, 200);
    std::fs::write(&file, "second\n").unwrap();
    assert_eq!(rig.admin_as("first", "/").await.status, 401);
    assert_eq!(rig.admin_as("second", "/").await.status, 200);
    for unreadable in [
        |file: &Path| std::fs::write(file, "\n"),
        |file: &Path| std::fs::remove_file(file),
    ] {
        unreadable(&file).unwrap();
        assert_eq!(rig.admin("/").await.status, 401);
        assert_eq!(rig.admin_as("second", "/").await.status, 200);
    }
}

#[tokio::test]
async fn the_end_fails_readiness_first_and_lets_streams_finish() {
    let go = Arc::new(Notify::new());
    let script = vec![
        stream_head(),
        chunk(&said("a")),
        Act::Hold(go.clone()),
        chunk(&finish()),
        chunk(DONE),
        last_chunk(),
    ];
    let upstream = Upstream::start(vec![script, chat("still here")]).await;
    let mut rig = Rig::configured(all_to(&upstream, "a"), |config| {
        config.drain_delay = Duration::from_millis(300);
    })
    .await;
    let mut stream = rig.open(r#"{"model":"policy/move","stream":true}"#).await;
    let mut read = vec![0; 1024];
    let count = stream.read(&mut read).await.unwrap();
    let mut read = read[..count].to_vec();

    rig.stop();
    until("it is not ready", || async {
        rig.admin("/readyz").await.status == 503
    })
    .await;
    let late = rig.chat(r#"{"model":"policy/move"}"#).await;
    assert_eq!(
        (late.content().as_str(), late.header("connection")),
        ("still here", Some("close"))
    );
    until("it takes no more", || async {
        tokio::net::TcpStream::connect(rig.addr).await.is_err()
    })
    .await;
    assert!(!rig.ended.is_finished(), "a stream still runs");

    go.notify_one();
    stream.read_to_end(&mut read).await.unwrap();
    assert!(parse(&read).text().ends_with(DONE));
    rig.ended.await.unwrap();
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_at_the_drain_timeout() {
    let upstream = Upstream::start(vec![vec![Act::Silence]]).await;
    let mut rig = Rig::configured(all_to(&upstream, "a"), |config| {
        config.drain_timeout = Duration::from_millis(50);
    })
    .await;
    let _stream = rig.open(r#"{"model":"policy/move"}"#).await;
    until("the provider was asked", || async { !upstream.seen().is_empty() }).await;
    rig.stop();
    rig.ended.await.unwrap();
}

#[tokio::test]
async fn half_a_request_on_the_admin_port_does_not_hold_the_end() {
    let upstream = Upstream::start(vec![chat("x")]).await;
    let mut rig = Rig::configured(all_to(&upstream, "a"), |config| {
        config.drain_delay = Duration::from_millis(50);
    })
    .await;
    let mut half = TcpStream::connect(rig.admin).await.unwrap();
    half.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\nGET /li")
        .await
        .unwrap();
    let mut read = [0; 1024];
    assert!(half.read(&mut read).await.unwrap() > 0);
    rig.stop();
    tokio::time::timeout(Duration::from_secs(10), rig.ended)
        .await
        .expect("an end in time")
        .unwrap();
}
