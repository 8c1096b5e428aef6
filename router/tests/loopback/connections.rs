//! Connections to providers that end, hang or answer at the wrong time, and what the caller sees of it.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use weir_table::Table;

use crate::rig::Rig;
use crate::tables::{model, provider, split, table};
use crate::upstream::{Act, DONE, Upstream, answer, chat, chunk, finish, said, stream_head};

const PLAIN: &str = r#"{"model":"policy/talk"}"#;
const STREAMED: &str = r#"{"model":"policy/talk","stream":true}"#;

fn talk(addr: std::net::SocketAddr) -> Table {
    let root = split("talk", vec![("openai/a", 1.0, model("openai", "a"))]);
    table(vec![("openai", provider(addr))], vec![root])
}

async fn rig(upstream: &Upstream) -> Rig {
    Rig::with(talk(upstream.addr)).await
}

#[tokio::test]
async fn what_was_sent_once_is_not_sent_again_by_itself() {
    let upstream = Upstream::start(vec![chat("a"), vec![Act::Close], chat("b")]).await;
    let rig = rig(&upstream).await;
    assert_eq!(rig.chat(PLAIN).await.content(), "a");
    let reply = rig.chat(PLAIN).await;
    assert_eq!(reply.class(), "ConnectFailed");
    assert_eq!(reply.header("x-weir-attempts"), Some("1"));
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test]
async fn connections_are_not_kept_for_a_while_once_one_has_ended_under_a_request() {
    let scripts = vec![chat("a"), vec![Act::Close], chat("b"), chat("c"), chat("d")];
    let upstream = Upstream::start(scripts).await;
    let rig = rig(&upstream).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(rig.chat(PLAIN).await.status);
    }
    assert_eq!(seen, [200, 502, 200, 200, 200]);
    assert_eq!(
        upstream.connections(),
        4,
        "one for the first two, and one for each of the others"
    );
}

#[tokio::test]
async fn a_failure_to_connect_names_no_host() {
    let addr = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let reply = Rig::with(talk(addr)).await.chat(PLAIN).await;
    assert_eq!(reply.class(), "ConnectFailed");
    assert!(!reply.text().contains("127.0.0.1"), "{}", reply.text());
}

#[tokio::test]
async fn a_connection_on_which_the_request_is_still_being_sent_is_not_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rig = Rig::with(talk(listener.local_addr().unwrap())).await;
    let prompt = format!(
        r#"{{"model":"policy/talk","input":"{}"}}"#,
        "x".repeat(15 * 1024 * 1024)
    );
    let hasty = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        // An answer to what was not asked yet would be none.
        assert!(stream.read(&mut [0; 1_024]).await.unwrap() > 0);
        let head = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(head).await.unwrap();
        stream
    };
    let (reply, mut stream) = tokio::join!(rig.chat(&prompt), hasty);
    assert_eq!(reply.class(), "RequestTooLarge");
    let mut read = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut read)).await;
    assert!(end.is_ok(), "the connection is kept");
    assert!(
        read.len() < prompt.len(),
        "the test's prompt fits into the system's buffers"
    );
}

#[tokio::test]
async fn an_error_whose_body_hangs_keeps_its_class() {
    let head = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 60\r\ncontent-length: 99\r\n\r\n{\"error\"";
    for body in [PLAIN, STREAMED] {
        let upstream = Upstream::start(vec![vec![Act::Write(head.into()), Act::Silence]]).await;
        let reply = rig(&upstream).await.chat(body).await;
        assert_eq!(reply.class(), "RateLimited");
        upstream.gone().await;
    }
}

#[tokio::test]
async fn a_document_that_is_an_error_keeps_its_class_where_a_stream_was_asked_for() {
    let error = r#"{"error":{"message":"x","code":"insufficient_quota"}}"#;
    let upstream = Upstream::start(vec![answer("200 OK", "", error)]).await;
    assert_eq!(
        rig(&upstream).await.chat(STREAMED).await.class(),
        "QuotaExhausted"
    );
}

#[tokio::test]
async fn nothing_after_the_end_of_a_stream_keeps_the_caller_waiting() {
    let mut script = vec![stream_head(), chunk(&said("a")), chunk(&finish()), chunk(DONE)];
    for _ in 0..200 {
        script.extend([Act::Wait(Duration::from_millis(20)), chunk(": ping\n\n")]);
    }
    let upstream = Upstream::start(vec![script]).await;
    let rig = rig(&upstream).await;
    let begun = Instant::now();
    assert!(rig.chat(STREAMED).await.text().ends_with(DONE));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

/// What a caller reads, head, chunks and all, of an answer that ends with its connection.
async fn close_delimited(body: &str) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    let upstream = Upstream::start(vec![vec![Act::Write(format!("{head}{body}").into()), Act::Close]]).await;
    let rig = rig(&upstream).await;
    let mut stream = TcpStream::connect(rig.addr).await.unwrap();
    let length = PLAIN.len();
    let asked = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{PLAIN}"
    );
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let _closed = stream.read_to_end(&mut read).await;
    read
}

#[tokio::test]
async fn a_cut_document_never_looks_whole() {
    let document = |length: usize| {
        let text = "y".repeat(length);
        format!(r#"{{"choices":[{{"index":0,"message":{{"content":"{text}"}},"finish_reason":"stop"}}]}}"#)
    };
    let (long, huge) = (document(1024 * 1024), document(9 * 1024 * 1024));
    let cut = |document: &str| document[..document.len() - 50].to_owned();
    assert!(close_delimited(&cut(&long)).await.starts_with(b"HTTP/1.1 502"));
    assert!(close_delimited(&huge).await.ends_with(b"\r\n0\r\n\r\n"));
    let read = close_delimited(&cut(&huge)).await;
    assert!(read.starts_with(b"HTTP/1.1 200") && !read.ends_with(b"\r\n0\r\n\r\n"));
}
