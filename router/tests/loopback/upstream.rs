//! A provider that answers by script, byte by byte, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// One thing that the provider does after it has read a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Writes these bytes.
    Write(Vec<u8>),
    /// Waits.
    Wait(Duration),
    /// Waits until the test says so.
    Hold(Arc<Notify>),
    /// Never goes on.
    Silence,
    /// Closes the connection.
    Close,
}

/// A request as the provider read it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A provider.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) addr: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    gone: Arc<Notify>,
    connections: Arc<AtomicUsize>,
}

impl Upstream {
    /// A provider that runs the `n`th script for the `n`th request, and the last one for all that follow.
    pub(crate) async fn start(scripts: Vec<Vec<Act>>) -> Self {
        Self::start_with(scripts, None).await
    }

    /// The same over TLS.
    pub(crate) async fn start_tls(scripts: Vec<Vec<Act>>, tls: TlsAcceptor) -> Self {
        Self::start_with(scripts, Some(tls)).await
    }

    async fn start_with(scripts: Vec<Vec<Act>>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self {
            addr: listener.local_addr().unwrap(),
            seen: Arc::default(),
            gone: Arc::default(),
            connections: Arc::default(),
        };
        let (seen, gone, connections) = (
            upstream.seen.clone(),
            upstream.gone.clone(),
            upstream.connections.clone(),
        );
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                stream.set_nodelay(true).unwrap();
                let (seen, gone, scripts, tls) = (seen.clone(), gone.clone(), scripts.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => converse(stream, seen, gone, scripts).await,
                        // A router that does not trust this provider ends the handshake.
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => converse(stream, seen, gone, scripts).await,
                            Err(_refused) => {}
                        },
                    }
                });
            }
        });
        upstream
    }

    /// What it was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How many connections were opened to it.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Ends when the router has closed a connection on which the provider was silent.
    pub(crate) async fn gone(&self) {
        self.gone.notified().await;
    }
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: Arc<Mutex<Vec<Seen>>>,
    gone: Arc<Notify>,
    scripts: Vec<Vec<Act>>,
) {
    while let Some(request) = read(&mut stream).await {
        let nth = {
            let mut seen = seen.lock().unwrap();
            seen.push(request);
            seen.len() - 1
        };
        for act in scripts.get(nth).or(scripts.last()).unwrap() {
            match act {
                Act::Write(bytes) => {
                    let _written = stream.write_all(bytes).await;
                    let _flushed = stream.flush().await;
                }
                Act::Wait(time) => tokio::time::sleep(*time).await,
                Act::Hold(until) => until.notified().await,
                Act::Close => return,
                Act::Silence => {
                    let _end = stream.read(&mut [0; 1]).await;
                    gone.notify_one();
                    return;
                }
            }
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let mut seen = Seen {
        head: String::from_utf8(head).unwrap(),
        body: Vec::new(),
    };
    let length = seen
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    seen.body.resize(length, 0);
    stream.read_exact(&mut seen.body).await.ok()?;
    Some(seen)
}

/// An answer with a length.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<Act> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    vec![Act::Write([head.as_bytes(), body.as_bytes()].concat())]
}

/// A good chat completion.
pub(crate) fn chat(content: &str) -> Vec<Act> {
    let body = format!(
        r#"{{"id":"c1","object":"chat.completion","created":1,"model":"real-name","choices":[{{"index":0,"message":{{"role":"assistant","content":"{content}"}},"finish_reason":"stop"}}],"usage":{{"total_tokens":3}}}}"#
    );
    answer("200 OK", "", &body)
}

/// An error in `OpenAI`'s shape.
pub(crate) fn error(status: &str, code: &str, headers: &str) -> Vec<Act> {
    let body = format!(
        r#"{{"error":{{"message":"upstream says {code}","type":"x","param":null,"code":"{code}"}}}}"#
    );
    answer(status, headers, &body)
}

/// The head of a stream, which is sent in chunks.
pub(crate) fn stream_head() -> Act {
    Act::Write(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
    )
}

/// One chunk of a chunked body.
pub(crate) fn chunk(bytes: &str) -> Act {
    Act::Write(format!("{:x}\r\n{bytes}\r\n", bytes.len()).into_bytes())
}

/// The end of a chunked body.
pub(crate) fn last_chunk() -> Act {
    Act::Write(b"0\r\n\r\n".to_vec())
}

/// One event of a chat completion's stream.
pub(crate) fn event(delta: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
    )
}

/// The event that only says who speaks.
pub(crate) fn role() -> String {
    event(r#"{"role":"assistant","content":""}"#, "null")
}

/// An event with content.
pub(crate) fn said(text: &str) -> String {
    event(&format!(r#"{{"content":"{text}"}}"#), "null")
}

/// The event in which the one choice ends.
pub(crate) fn finish() -> String {
    event("{}", "\"stop\"")
}

/// The event after which nothing comes.
pub(crate) const DONE: &str = "data: [DONE]\n\n";

/// A whole good stream.
pub(crate) fn good_stream(text: &str) -> Vec<Act> {
    vec![
        stream_head(),
        chunk(&role()),
        chunk(&said(text)),
        chunk(&finish()),
        chunk(DONE),
        last_chunk(),
    ]
}
