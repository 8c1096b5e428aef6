//! One HTTP/2 connection to a provider, shared by several requests. It is driven by a task of its own, which
//! ends with the connection; requests take lanes on it and leave them by dropping them.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderValue, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::wire::NotAnswered;
use crate::body::Spliced;

/// The most requests on one connection: a lost packet delays all of them, and answers are long.
const MOST: usize = 64;

/// How much of one answer may wait here for a caller that reads slowly.
const STREAM_WINDOW: u32 = 256 * 1024;

/// The same for all answers on one connection: as much as all of them may have, so that none delays another.
const CONNECTION_WINDOW: u32 = 64 * STREAM_WINDOW;

/// How often a connection that carries requests is asked whether it still lives.
const PING: Duration = Duration::from_secs(20);

/// How long it may take to say so.
const PONG: Duration = Duration::from_secs(10);

/// An open connection.
pub(super) struct Shared {
    sender: SendRequest<Spliced>,
    /// How many places there are: as many as the provider allows, up to [`MOST`].
    most: Arc<AtomicUsize>,
    lanes: AtomicUsize,
    /// Whether nobody has taken a place on it since it was last looked at.
    rested: AtomicBool,
}

/// One request's place on a connection.
#[derive(Debug)]
pub(super) struct Lane(Arc<Shared>);

impl Shared {
    /// Begins HTTP/2 on `io`.
    pub(super) async fn begin<I>(io: I) -> hyper::Result<Arc<Self>>
    where
        I: Read + Write + Unpin + Send + 'static,
    {
        let (sender, mut connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PONG)
            .handshake(io)
            .await?;
        let most = Arc::new(AtomicUsize::new(MOST));
        let told = most.clone();
        // What went wrong, if anything, is told to whoever waits for an answer.
        drop(tokio::spawn(poll_fn(move |cx| {
            let ended = Pin::new(&mut connection).poll(cx);
            told.store(connection.current_max_send_streams().min(MOST), Ordering::Relaxed);
            ended
        })));
        Ok(Arc::new(Self {
            sender,
            most,
            lanes: AtomicUsize::new(0),
            rested: AtomicBool::new(false),
        }))
    }

    /// Whether requests may still be sent on it.
    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Whether nobody uses it, or has since this was asked last.
    pub(super) fn has_rested(&self) -> bool {
        let rested = self.rested.swap(true, Ordering::Relaxed);
        rested && self.lanes.load(Ordering::Relaxed) == 0
    }

    /// A place on it, if there is one that can be used at once.
    pub(super) fn lane(self: &Arc<Self>) -> Option<Lane> {
        // Two requests may see the last place at once; the second then waits until another one ends.
        let free = self.lanes.load(Ordering::Relaxed) < self.most.load(Ordering::Relaxed);
        (free && self.is_open()).then(|| self.claim())
    }

    /// A place on it.
    pub(super) fn claim(self: &Arc<Self>) -> Lane {
        self.lanes.fetch_add(1, Ordering::Relaxed);
        self.rested.store(false, Ordering::Relaxed);
        Lane(self.clone())
    }
}

impl Lane {
    /// Sends `request` and waits for the head of its answer. The request comes back where nothing of it was
    /// sent.
    pub(super) async fn send(
        &self,
        request: Request<Spliced>,
    ) -> Result<Response<Incoming>, NotAnswered<hyper::Error>> {
        let sent = self.0.sender.clone().try_send_request(absolute(request)).await;
        sent.map_err(|mut error| NotAnswered {
            unsent: error.take_message().map(relative),
            error: error.into_error(),
        })
    }
}

/// The next piece of an answer on a lane; trailers are passed over.
pub(super) fn poll_piece(body: &mut Incoming, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Bytes>>> {
    loop {
        match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Poll::Ready(Some(Ok(data)));
                }
            }
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.0.lanes.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The request with scheme and authority in its address, where HTTP/2 has them as fields of their own
/// (RFC 9113, section 8.3.1).
fn absolute(mut request: Request<Spliced>) -> Request<Spliced> {
    let root = || PathAndQuery::from_static("/");
    let path = request.uri().path_and_query().cloned().unwrap_or_else(root);
    let host = request.headers_mut().remove(HOST);
    let uri = Uri::builder()
        .scheme(Scheme::HTTPS)
        .authority(host.as_ref().map(HeaderValue::as_bytes).unwrap_or_default())
        .path_and_query(path)
        .build();
    if let Ok(uri) = uri {
        *request.uri_mut() = uri;
    }
    request
}

/// The request as HTTP/1.1 has it, for another connection.
fn relative(mut request: Request<Spliced>) -> Request<Spliced> {
    let authority = request
        .uri()
        .authority()
        .map(Authority::as_str)
        .unwrap_or_default();
    if let Ok(host) = HeaderValue::from_str(authority) {
        request.headers_mut().insert(HOST, host);
    }
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(path);
    }
    request
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("open", &self.is_open())
            .field("lanes", &self.lanes)
            .finish_non_exhaustive()
    }
}
