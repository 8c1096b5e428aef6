//! What callers see of a router's end: every one is told to go elsewhere, and none loses a request or a stream.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::rig::{Rig, parse, until};
use crate::tables::{model, provider, split, table};
use crate::upstream::{Act, DONE, Upstream, chat, chunk, finish, last_chunk, said, stream_head};

const PLAIN: &str = r#"{"model":"policy/talk"}"#;
const STREAMED: &str = r#"{"model":"policy/talk","stream":true}"#;

/// How long the router goes on accepting, and then bears with still connections.
const DELAY: Duration = Duration::from_secs(1);

async fn rig(upstream: &Upstream) -> Rig {
    let root = split("talk", vec![("p/a", 1.0, model("p", "a"))]);
    let table = table(vec![("p", provider(upstream.addr))], vec![root]);
    Rig::configured(table, |config| config.drain_delay = DELAY).await
}

/// A stream that says something, and the rest when it is told to.
fn held(go: &Arc<Notify>) -> Vec<Act> {
    let hold = Act::Hold(go.clone());
    vec![
        stream_head(),
        chunk(&said("a")),
        hold,
        chunk(&finish()),
        chunk(DONE),
        last_chunk(),
    ]
}

async fn until_not_ready(rig: &Rig) {
    until("it is not ready", || async {
        rig.admin("/readyz").await.status == 503
    })
    .await;
}

/// Well before still connections are closed, and long after a router without patience would have closed them.
async fn until_it_takes_no_more(rig: &Rig) {
    until("it takes no more", || async {
        TcpStream::connect(rig.addr).await.is_err()
    })
    .await;
    tokio::time::sleep(DELAY / 4).await;
}

/// Reads from `stream` until `end` was read.
async fn read_until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    while !read.windows(end.len()).any(|window| window == end) {
        assert!(
            stream.read_buf(&mut read).await.unwrap() > 0,
            "{}",
            String::from_utf8_lossy(&read)
        );
    }
    read
}

#[tokio::test]
async fn the_next_request_after_a_stream_that_ended_late_is_answered_and_told_to_go() {
    let go = Arc::new(Notify::new());
    let upstream = Upstream::start(vec![held(&go), chat("again")]).await;
    let mut rig = rig(&upstream).await;
    let mut connection = rig.open(STREAMED).await;
    read_until(&mut connection, said("a").as_bytes()).await;
    rig.stop();
    until_it_takes_no_more(&rig).await;
    go.notify_one();
    read_until(&mut connection, b"0\r\n\r\n").await;

    Rig::write(&mut connection, PLAIN).await;
    let mut read = Vec::new();
    connection.read_to_end(&mut read).await.unwrap();
    let reply = parse(&read);
    assert_eq!(
        (reply.content().as_str(), reply.header("connection")),
        ("again", Some("close"))
    );
    rig.ended.await.unwrap();
}

#[tokio::test]
async fn who_connected_before_the_end_is_answered_after_it() {
    let upstream = Upstream::start(vec![chat("late")]).await;
    let mut rig = rig(&upstream).await;
    let mut connection = TcpStream::connect(rig.addr).await.unwrap();
    rig.stop();
    until_it_takes_no_more(&rig).await;
    Rig::write(&mut connection, PLAIN).await;
    let mut read = Vec::new();
    connection.read_to_end(&mut read).await.unwrap();
    assert_eq!(parse(&read).content(), "late");
    rig.ended.await.unwrap();
}

#[tokio::test]
async fn still_connections_do_not_hold_the_end() {
    let upstream = Upstream::start(vec![chat("a")]).await;
    let mut rig = rig(&upstream).await;
    let _silent = TcpStream::connect(rig.addr).await.unwrap();
    let mut idle = rig.open(PLAIN).await;
    read_until(&mut idle, b"}").await;
    let mut half = rig.open(PLAIN).await;
    read_until(&mut half, b"}").await;
    half.write_all(b"POST /v1/chat").await.unwrap();
    rig.stop();
    tokio::time::timeout(10 * DELAY, rig.ended)
        .await
        .expect("an end in time")
        .unwrap();
    assert_eq!(idle.read(&mut [0; 16]).await.unwrap(), 0);
}

async fn http2(rig: &Rig) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(rig.addr).await.unwrap();
    let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(rig: &Rig, body: &'static str) -> Request<Full<Bytes>> {
    Request::post(format!("http://{}/v1/chat/completions", rig.addr))
        .body(Full::from(body))
        .unwrap()
}

#[tokio::test]
async fn a_caller_of_http2_is_told_to_go_and_its_stream_ends_whole() {
    let go = Arc::new(Notify::new());
    let upstream = Upstream::start(vec![held(&go), chat("still here")]).await;
    let mut rig = rig(&upstream).await;
    let mut sender = http2(&rig).await;
    let stream = sender.send_request(request(&rig, STREAMED)).await.unwrap();
    rig.stop();
    until_not_ready(&rig).await;
    let late = sender.send_request(request(&rig, PLAIN)).await.unwrap();
    assert_eq!(late.status(), 200);
    assert_eq!(late.headers().get("connection"), None, "HTTP/2 has no such field");

    // GOAWAY: the connection takes no more requests, and lives on for the one that it has.
    until("it was told to go", || {
        let asked = sender.send_request(request(&rig, PLAIN));
        async move { asked.await.is_err() }
    })
    .await;
    go.notify_one();
    let text = stream.into_body().collect().await.unwrap().to_bytes();
    assert!(text.ends_with(DONE.as_bytes()), "{text:?}");
    rig.ended.await.unwrap();
}
