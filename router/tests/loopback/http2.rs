//! HTTP/2 on both sides: many requests on one connection, each as on one of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::rig::Rig;
use crate::tables::{model, provider, split, table};
use crate::tls::{authority_for, secure};
use crate::upstream::{Upstream, chat, good_stream};

const PLAIN: &str = r#"{"model":"policy/talk"}"#;
const STREAMED: &str = r#"{"model":"policy/talk","stream":true}"#;

async fn connect(addr: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn chat_request(addr: SocketAddr, body: &'static str) -> Request<Full<Bytes>> {
    Request::post(format!("http://{addr}/v1/chat/completions"))
        .body(Full::from(body))
        .unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_caller_may_speak_http2_without_asking_first() {
    let upstream = Upstream::start(vec![chat("a"), good_stream("b")]).await;
    let root = split("talk", vec![("openai/a", 1.0, model("openai", "a"))]);
    let rig = Rig::with(table(vec![("openai", provider(upstream.addr))], vec![root])).await;
    let mut sender = connect(rig.addr).await;
    let whole = sender.send_request(chat_request(rig.addr, PLAIN)).await.unwrap();
    assert_eq!(whole.status(), 200);
    assert!(text(whole).await.contains("\"content\":\"a\""));
    let stream = sender
        .send_request(chat_request(rig.addr, STREAMED))
        .await
        .unwrap();
    assert!(text(stream).await.ends_with("data: [DONE]\n\n"));
}

/// A provider that speaks HTTP/2, and how many connections it was opened.
async fn provider_of_http2(tls: TlsAcceptor) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, opened) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = opened.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let secured = tls.accept(stream).await.unwrap();
            assert_eq!(secured.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(secured), service_fn(echo));
            tokio::spawn(serving);
        }
    });
    (addr, opened)
}

/// A chat completion that says which host and path it was asked at.
async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let asked = request.uri().to_string();
    let authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
    let answer = serde_json::json!({
        "choices": [{"index": 0, "message": {"content": format!("{asked} {authorization}")}, "finish_reason": "stop"}],
    });
    let response = Response::builder().header("content-type", "application/json");
    Ok(response.body(Full::from(answer.to_string())).unwrap())
}

#[tokio::test]
async fn a_provider_may_choose_http2_and_shares_its_connection() {
    let (bundle, tls) = authority_for("127.0.0.1", &[b"h2", b"http/1.1"]);
    let (addr, opened) = provider_of_http2(tls).await;
    let rig = Rig::with(secure(addr, Some(bundle))).await;
    let first = rig.chat(PLAIN).await;
    assert_eq!(
        first.content(),
        format!("https://{addr}/v1/chat/completions Bearer sk-test")
    );
    let replies = futures::future::join_all((0..20).map(|_| rig.chat(PLAIN))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(opened.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_caller_that_leaves_ends_its_request_at_a_provider_of_http2() {
    let (bundle, tls) = authority_for("127.0.0.1", &[b"h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rig = Rig::with(secure(listener.local_addr().unwrap(), Some(bundle))).await;
    let caller = rig.open(PLAIN).await;
    let (stream, _) = listener.accept().await.unwrap();
    let gone = Arc::new(tokio::sync::Notify::new());
    let notice = gone.clone();
    let silent = service_fn(move |_: Request<Incoming>| {
        let left = Left(notice.clone());
        async move {
            std::future::pending::<()>().await;
            drop(left);
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    });
    let secured = tls.accept(stream).await.unwrap();
    let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(secured), silent);
    tokio::spawn(serving);
    drop(caller);
    gone.notified().await;
}

/// Tells when it is dropped, as a request is whose caller has gone.
struct Left(Arc<tokio::sync::Notify>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
