//! A running router, and a caller that sees every byte.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use weir_router::source::pushed::{self, Pusher};
use weir_router::{Config, Router, Secret};
use weir_table::{Checked, CredentialId, Table};

use crate::tables::{credential, with_cluster};

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// The key pair of AWS that a provider may have instead.
pub(crate) fn key_pair() -> CredentialId {
    CredentialId::of_aws_secret("default", "provider")
}

/// A router.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) addr: SocketAddr,
    pub(crate) admin: SocketAddr,
    pusher: Pusher,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) ended: JoinHandle<()>,
}

impl Rig {
    /// A router that serves `table` and is ready.
    pub(crate) async fn with(table: Table) -> Self {
        Self::configured(table, |_| {}).await
    }

    /// The same, told more.
    pub(crate) async fn configured(table: Table, tell: impl FnOnce(&mut Config)) -> Self {
        let anywhere = "127.0.0.1:0".parse().unwrap();
        let mut config = Config::new(anywhere, anywhere);
        // So that tests can say how many connections a provider sees.
        config.workers = NonZeroUsize::new(1);
        tell(&mut config);
        let router = Router::bind(config).await.unwrap();
        let (addr, admin) = (router.listen_addr(), router.admin_addr());
        let (pusher, updates) = pushed::source();
        let (stop, stopped) = oneshot::channel::<()>();
        let ended =
            tokio::spawn(async move { router.run(updates, async { drop(stopped.await) }).await.unwrap() });
        let rig = Self {
            addr,
            admin,
            pusher,
            stop: Some(stop),
            ended,
        };
        rig.push(table).await;
        rig.until_ready().await;
        rig
    }

    /// Replaces the table of namespace `default`.
    pub(crate) async fn push(&self, table: Table) {
        self.push_both(with_cluster(table)).await;
    }

    /// Swaps in the tables of a namespace and of the cluster.
    pub(crate) async fn push_both(&self, tables: Vec<Checked>) {
        let pair = r#"{"accessKeyId":"AKIDEXAMPLE","secretAccessKey":"secret","sessionToken":"token"}"#;
        let credentials = BTreeMap::from([
            (credential(), Secret::new("sk-test")),
            (key_pair(), Secret::new(pair)),
        ]);
        self.pusher.push(tables, credentials).await.unwrap();
    }

    /// Drops the router, whatever it does.
    pub(crate) async fn abandon(self) {
        self.ended.abort();
        assert!(self.ended.await.is_err_and(|error| error.is_cancelled()));
    }

    /// Tells the router to end.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// What the admin port says at `path`.
    pub(crate) async fn admin(&self, path: &str) -> Reply {
        ask(
            self.admin,
            &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
            b"",
        )
        .await
    }

    /// The same, with a token.
    pub(crate) async fn admin_as(&self, token: &str, path: &str) -> Reply {
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        ask(self.admin, &head, b"").await
    }

    /// What these very bytes get.
    pub(crate) async fn raw(&self, bytes: &str) -> Reply {
        ask(self.addr, bytes, b"").await
    }

    /// Posts `body` to the chat endpoint.
    pub(crate) async fn chat(&self, body: &str) -> Reply {
        self.post("/v1/chat/completions", "", body.as_bytes()).await
    }

    /// Posts `body` to `path`, on a connection of its own.
    pub(crate) async fn post(&self, path: &str, headers: &str, body: &[u8]) -> Reply {
        ask(self.addr, &head(path, headers, body.len()), body).await
    }

    /// Gets `path`.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        ask(
            self.addr,
            &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
            b"",
        )
        .await
    }

    /// Opens a connection and posts `body` to the chat endpoint; the answer is for the test to read.
    pub(crate) async fn open(&self, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        Self::write(&mut stream, body).await;
        stream
    }

    /// Posts `body` on a connection that stays open.
    pub(crate) async fn write(stream: &mut TcpStream, body: &str) {
        let head = head("/v1/chat/completions", "", body.len()).replace("connection: close\r\n", "");
        stream
            .write_all(format!("{head}{body}").as_bytes())
            .await
            .unwrap();
    }

    async fn until_ready(&self) {
        until("the router is ready", || async {
            self.admin("/readyz").await.status == 200
        })
        .await;
    }
}

/// Polls until `holds`, or fails.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "did not come true: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn head(path: &str, headers: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    )
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The class of the error that this is.
    pub(crate) fn class(&self) -> String {
        self.json()["error"]["class"]
            .as_str()
            .unwrap_or_else(|| panic!("{}", self.text()))
            .to_owned()
    }

    /// The text of the first choice.
    pub(crate) fn content(&self) -> String {
        self.json()["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

async fn ask(addr: SocketAddr, head: &str, body: &[u8]) -> Reply {
    let asked = async {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // A router that refuses a body may close before it has read it.
        let _written = stream.write_all(body).await;
        let mut read = Vec::new();
        let _closed = stream.read_to_end(&mut read).await;
        parse(&read)
    };
    tokio::time::timeout(PATIENCE, asked)
        .await
        .expect("an answer in time")
}

/// Takes an answer apart that was read to its end.
pub(crate) fn parse(read: &[u8]) -> Reply {
    let split = read
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap_or_else(|| {
            panic!("no head in {:?}", String::from_utf8_lossy(read));
        });
    let head = String::from_utf8(read[..split].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut reply = Reply {
        status,
        head,
        body: read[split + 4..].to_vec(),
    };
    if reply.header("transfer-encoding") == Some("chunked") {
        reply.body = unchunk(&reply.body);
    }
    reply
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    body
}
