//! What callers meet besides answers: limits on how much a router takes at once, browsers' rules, and
//! requests that ask before they send.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use weir_table::Table;

use crate::rig::{Rig, until};
use crate::tables::{model, provider, split, table};
use crate::upstream::{Act, Upstream, chat};

const PLAIN: &str = r#"{"model":"policy/talk"}"#;

fn talk(upstream: &Upstream) -> Table {
    let root = split("talk", vec![("openai/a", 1.0, model("openai", "a"))]);
    table(vec![("openai", provider(upstream.addr))], vec![root])
}

#[tokio::test]
async fn one_request_too_many_is_told_so_at_once() {
    let upstream = Upstream::start(vec![vec![Act::Silence]]).await;
    let rig = Rig::configured(talk(&upstream), |config| config.max_in_flight = 1).await;
    let first = rig.open(PLAIN).await;
    until("the first is under way", || async { upstream.seen().len() == 1 }).await;
    let second = rig.chat(PLAIN).await;
    assert_eq!((second.status, second.class().as_str()), (503, "Overload"));
    assert_eq!(second.header("retry-after"), Some("1"));
    assert_eq!(upstream.seen().len(), 1);
    drop(first);
}

#[tokio::test]
async fn bodies_that_find_no_room_are_told_so_and_leave_none_taken() {
    let upstream = Upstream::start(vec![chat("a")]).await;
    let rig = Rig::configured(talk(&upstream), |config| config.max_held_bytes = 200_000).await;
    let large = |size: usize| format!(r#"{{"model":"policy/talk","input":"{}"}}"#, "x".repeat(size));
    for _ in 0..3 {
        assert_eq!(rig.chat(&large(1_000_000)).await.class(), "Overload");
        assert_eq!(rig.chat(&large(150_000)).await.status, 200);
    }
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_ask_and_read() {
    let upstream = Upstream::start(vec![chat("a")]).await;
    let origin = "https://chat.example.com";
    let rig = Rig::configured(talk(&upstream), |config| {
        config.cors_origins = vec![origin.parse().unwrap()];
    })
    .await;
    let preflight = format!(
        "OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: {origin}\r\n\
         access-control-request-method: POST\r\naccess-control-request-headers: authorization\r\n\r\n"
    );
    let asked = rig.raw(&preflight).await;
    assert_eq!(asked.status, 204);
    assert_eq!(
        asked.header("access-control-allow-headers"),
        Some("authorization")
    );
    let path = "/v1/chat/completions";
    let answered = rig
        .post(path, &format!("origin: {origin}\r\n"), PLAIN.as_bytes())
        .await;
    assert_eq!(answered.header("access-control-allow-origin"), Some(origin));
    let elsewhere = rig
        .post(path, "origin: https://evil.example\r\n", PLAIN.as_bytes())
        .await;
    assert_eq!(elsewhere.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn no_page_may_ask_unless_told() {
    let upstream = Upstream::start(vec![chat("a")]).await;
    let rig = Rig::with(talk(&upstream)).await;
    let headers = "origin: https://chat.example.com\r\n";
    let answered = rig.post("/v1/chat/completions", headers, PLAIN.as_bytes()).await;
    assert_eq!(answered.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_caller_that_waits_to_be_told_is_told_to_go_on() {
    let upstream = Upstream::start(vec![chat("a")]).await;
    let rig = Rig::with(talk(&upstream)).await;
    let mut stream = TcpStream::connect(rig.addr).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        PLAIN.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut told = [0; 25];
    stream.read_exact(&mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(PLAIN.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}
