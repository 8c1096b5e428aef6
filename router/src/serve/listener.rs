//! Accepts connections and runs HTTP on them. Bounds what a connection can take before it has said
//! anything: the size of its head and the time for it.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use super::{Hub, exchange};
use crate::surroundings::Carrier;

/// The most headers of a request.
const MAX_HEADERS: usize = 128;

/// The largest head of a request, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// How long a request's head may take to arrive. Also bounds how long a connection may be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// How long to wait when the system has no more file descriptors.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Serves connections on `listener` until they are to close; `connections` holds the tasks that are left.
pub(crate) async fn serve(listener: TcpListener, hub: Arc<Hub>, connections: TaskTracker) {
    let mut closing = pin!(hub.drain.closing());
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut closing => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) if stream.set_nodelay(true).is_ok() => {
                connections.spawn(serve_connection(stream, hub.clone()));
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

/// Answers the requests that come on `io`, until it ends.
pub(crate) async fn serve_connection(io: impl Carrier, hub: Arc<Hub>) {
    let service = service_fn(|request| {
        let hub = hub.clone();
        async move { Ok::<_, std::convert::Infallible>(exchange::answer(&hub, request).await) }
    });
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD)
        .serve_connection(TokioIo::new(io), service);
    let (mut http, mut closing) = (pin!(http), pin!(hub.drain.closing()));
    let mut watch = Watch::Unregistered;
    let ended: hyper::Result<()> = poll_fn(|cx| {
        // Registered once, because the waker is the task's own and stays the same; from then on a load
        // tells whether it was for this that the task was woken.
        if watch == Watch::Unregistered {
            let _not_yet = Future::poll(closing.as_mut(), cx);
            watch = Watch::Registered;
        }
        if watch == Watch::Registered && hub.drain.is_closing() {
            watch = Watch::Over;
            Pin::as_mut(&mut http).graceful_shutdown();
        }
        Future::poll(http.as_mut(), cx)
    })
    .await;
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// How far a connection has been told of the router's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watch {
    Unregistered,
    Registered,
    Over,
}
