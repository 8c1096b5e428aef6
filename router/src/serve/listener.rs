//! Accepts connections and runs HTTP on them. Bounds what a connection can take before it has said
//! anything: the size of its head and the time for it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use super::bell::Bell;
use super::pace::{Pace, Rest};
use super::patience::Patient;
use super::workers::{Door, hand_over};
use super::{Hub, cors, http2};
use crate::surroundings::Carrier;

/// The largest head of a request, in bytes.
pub(super) const MAX_HEAD: u32 = 64 * 1024;

/// How long a request's head may take to arrive. Also bounds how long a connection may be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// The same once the router's end has come. A caller that has just connected, or just read the end of a stream,
/// may be about to ask, and nothing has told it not to: it is answered, and that answer tells it.
const GRACE: Duration = Duration::from_secs(1);

/// How a client of HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long to wait when the system has no more file descriptors.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Accepts connections on `listener` until they are to close, and hands them in at `doors`; `connections` holds
/// those that are left.
pub(crate) async fn serve(listener: TcpListener, hub: Arc<Hub>, doors: Vec<Door>, connections: TaskTracker) {
    let mut closing = pin!(hub.drain.closing());
    loop {
        let accepted = tokio::select! {
            // Whoever had connected before the end came is served.
            biased;
            accepted = listener.accept() => accepted,
            () = &mut closing => return,
        };
        match accepted {
            Ok((stream, _)) if stream.set_nodelay(true).is_ok() => {
                hand_over(&doors, stream, connections.token());
            }
            Ok((closed_already, _)) => drop(closed_already),
            Err(error) => accept_failed(&error).await,
        }
    }
}

async fn accept_failed(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    sleep(EXHAUSTED).await;
}

/// Finds out which HTTP a caller speaks, and speaks it.
pub(super) async fn accepted_connection(stream: TcpStream, hub: Arc<Hub>) {
    let silent = async {
        hub.drain.closing().await;
        sleep(GRACE).await;
    };
    let version = tokio::select! {
        biased;
        version = timeout(HEAD_TIMEOUT, spoken(&stream)) => version,
        () = silent => return,
    };
    match version {
        Ok(Ok(Version::Http1)) => serve_connection(stream, hub.clone()).await,
        Ok(Ok(Version::Http2)) => http2::serve_connection(stream, hub.clone()).await,
        // It has said nothing, or has gone.
        Ok(Err(_)) | Err(_) => {}
    }
}

/// Which HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

/// Looks at the first bytes without taking them. A client of HTTP/2 sends its preface in one piece, and no
/// method of HTTP/1.1 begins like it (RFC 9113, section 3.4).
async fn spoken(stream: &TcpStream) -> io::Result<Version> {
    let mut first = [0; PREFACE.len()];
    let length = stream.peek(&mut first).await?;
    if first[..length] == *PREFACE {
        Ok(Version::Http2)
    } else {
        Ok(Version::Http1)
    }
}

/// Answers the requests that come on `io` in HTTP/1.1, until it ends.
pub(crate) async fn serve_connection(io: impl Carrier, hub: Arc<Hub>) {
    let pace = Pace::default();
    let mut rest = Rest::new(pace.clone(), HEAD_TIMEOUT);
    // Borrowed, because all requests of all workers would count their holds on it.
    let of_all = &hub;
    let service = service_fn(|request| {
        let busy = pace.begin();
        async move {
            let answer = cors::answer(of_all, request).await;
            Ok::<_, Infallible>(answer.map(|body| busy.with(body)))
        }
    });
    let http = http1::Builder::new()
        .max_header_size(MAX_HEAD as usize)
        .serve_connection(TokioIo::new(Patient::new(io, pace.clone())), service);
    let (mut http, mut end, mut bell) = (pin!(http), hub.drain.look_out(), None);
    let ended = poll_fn(|cx| {
        let bell = Bell::for_task(&mut bell, cx);
        if let Poll::Ready(ended) = bell.listen(|cx| http.as_mut().poll(cx)) {
            return Poll::Ready(ended);
        }
        if end.has_come(cx) {
            rest.shorten(GRACE);
        }
        rest.poll_over(cx).map(Ok)
    })
    .await;
    log_end(ended);
}

/// Says how a connection ended, to who looks for it.
pub(super) fn log_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
