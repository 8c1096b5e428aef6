//! One request on one connection, read to its end. Knows nothing of what an answer should be.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::router::RouterUrl;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// The most of an answer that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// What is asked.
pub(super) struct Question<'a> {
    /// The JSON to post to `/v1/chat/completions`.
    pub(super) body: String,
    /// The key to present.
    pub(super) key: Option<&'a str>,
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why there is no whole answer; its text is what happened.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// The name is not known, or nobody listens.
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    /// Nobody answered to the attempt to connect.
    #[error("cannot connect: nothing answered in {} s", CONNECT.as_secs())]
    Silent,
    /// The request can't be written.
    #[error("cannot be asked: {0}")]
    Request(#[from] http::Error),
    /// The connection ended before a head.
    #[error("no answer: {0}")]
    NoAnswer(#[from] hyper::Error),
    /// The answer ended before its end, or never.
    #[error("the answer was cut: {0}")]
    Cut(Box<dyn std::error::Error + Send + Sync>),
}

/// Asks the router at `url`, and reads the answer to its end.
pub(super) async fn ask(url: &RouterUrl, question: Question<'_>) -> Result<Answer, Unanswered> {
    let request = request(url, question)?;
    let stream = timeout(CONNECT, TcpStream::connect((url.host.as_str(), url.port)))
        .await
        .map_err(|_| Unanswered::Silent)?
        .map_err(Unanswered::Connect)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // How it ends is seen by who waits for the answer.
    let driving = tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, LONGEST)
        .collect()
        .await
        .map_err(Unanswered::Cut)?
        .to_bytes();
    driving.abort();
    Ok(Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    })
}

fn request(url: &RouterUrl, question: Question<'_>) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut request = Request::post(format!("{}/v1/chat/completions", url.prefix))
        .header(HOST, &url.authority)
        .header(CONNECTION, "close")
        .header(CONTENT_TYPE, "application/json");
    if let Some(key) = question.key {
        request = request.header(AUTHORIZATION, format!("Bearer {key}"));
    }
    request.body(Full::new(Bytes::from(question.body)))
}
