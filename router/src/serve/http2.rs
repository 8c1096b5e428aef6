//! HTTP/2 from callers: many requests on one connection, each answered as on one of its own.

use std::convert::Infallible;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::listener::{MAX_HEAD, log_end};
use super::pace::Pace;
use super::patience::Patient;
use super::{Hub, cors};
use crate::surroundings::Carrier;

/// The most requests at once on a connection.
const MOST: u32 = 256;

/// How much of one request's body may come before it is read.
const STREAM_WINDOW: u32 = 256 * 1024;

/// The same for all requests of a connection.
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// How much of one answer may wait for a caller that reads slowly.
const UNREAD: usize = 64 * 1024;

/// How often a connection is asked whether it still lives, and how long it may take to say so.
const PING: Duration = Duration::from_secs(30);

/// Answers the requests that come on `io`, until it ends.
pub(super) async fn serve_connection(io: impl Carrier, hub: Arc<Hub>) {
    // Held once more for this connection, so that its requests count their holds on what no other worker writes.
    let shared = Arc::new(hub.clone());
    let service = service_fn(move |request| {
        let hub = shared.clone();
        async move { Ok::<_, Infallible>(cors::answer(&hub, request).await) }
    });
    let http = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(UNREAD)
        .max_header_list_size(MAX_HEAD)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .serve_connection(TokioIo::new(Patient::new(io, Pace::default())), service);
    let (mut http, mut end) = (pin!(http), Some(hub.drain.look_out()));
    let ended = poll_fn(|cx| {
        // GOAWAY loses no request: what crosses it counts as not begun (RFC 9113, section 6.8).
        if end.take_if(|end| end.has_come(cx)).is_some() {
            http.as_mut().graceful_shutdown();
        }
        http.as_mut().poll(cx)
    })
    .await;
    log_end(ended);
}
