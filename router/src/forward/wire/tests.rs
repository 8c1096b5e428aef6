//! The connection against carriers that do as they are told, against any cut of what comes, and against hyper's.

mod answers;
mod laws;
mod peer;
mod scripted;
mod sending;

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};

use super::{Condition, Layer, Wire, WireError};
use crate::body::Spliced;

/// What a connection made of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    end: Result<(), WireError>,
    after: Condition,
}

fn request(method: Method, body: impl Into<Bytes>) -> Request<Spliced> {
    let mut request = Request::new(Spliced::whole(body));
    *request.method_mut() = method;
    *request.uri_mut() = "/v1/chat?x=1".parse().unwrap();
    request
        .headers_mut()
        .insert("accept", "text/plain".parse().unwrap());
    request
        .headers_mut()
        .insert("host", "provider.test".parse().unwrap());
    request
}

fn post() -> Request<Spliced> {
    request(Method::POST, "prompt")
}

/// What `future` gives, if it gives something without being waited for: it is polled as long as it may make
/// progress by that.
fn now<T>(future: impl Future<Output = T>) -> Poll<T> {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..10_000 {
        if let Poll::Ready(done) = future.as_mut().poll(&mut cx) {
            return Poll::Ready(done);
        }
    }
    Poll::Pending
}

/// The same where it must.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match now(future) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits"),
    }
}

/// The rest of the answer on `wire`, and how it ends.
async fn rest(wire: &mut Wire) -> (Vec<u8>, Result<(), WireError>) {
    let mut read = Vec::new();
    loop {
        match poll_fn(|cx| wire.poll_data(cx)).await {
            Some(Ok(piece)) => {
                assert!(!piece.is_empty());
                read.extend_from_slice(&piece);
            }
            Some(Err(error)) => {
                let again = poll_fn(|cx| wire.poll_data(cx)).await;
                assert_eq!(again, Some(Err(error)), "what broke never ends well");
                return (read, Err(error));
            }
            None => return (read, Ok(())),
        }
    }
}

fn condition(wire: &mut Wire) -> Condition {
    wire.poll_condition(&mut Context::from_waker(Waker::noop()))
}

/// What `wire` makes of an answer to `request`.
async fn exchange(wire: &mut Wire, request: Request<Spliced>) -> Result<Outcome, WireError> {
    let answer = wire.send(request).await.map_err(|failed| failed.error)?;
    let (head, ()) = answer.into_parts();
    let (body, end) = rest(wire).await;
    Ok(Outcome {
        status: head.status,
        headers: head.headers,
        body,
        end,
        after: condition(wire),
    })
}
