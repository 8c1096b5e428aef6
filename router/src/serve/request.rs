//! Reads a request's body, no more of it than is allowed and no more slowly.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;
use weir_table::FailureClass;

use super::room::{Held, Room};
use crate::error::Failure;

/// How long a body may make no progress.
const SILENCE: Duration = Duration::from_secs(30);

/// What is set aside for a body at first, whatever length its head claims.
const FIRST: u64 = 1024 * 1024;

/// The whole body, of at most `limit` bytes, for which `room` has a place.
pub(super) async fn read(
    headers: &HeaderMap,
    body: &mut Incoming,
    limit: usize,
    room: &Room,
) -> Result<(Bytes, Held), Failure> {
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return Err(Failure::invalid(
            "content-encoding",
            "the body must not be compressed",
        ));
    }
    let hint = body.size_hint().lower();
    if hint > limit as u64 {
        return Err(too_large(limit));
    }
    let mut held = Held::default();
    let first = next(body).await?.unwrap_or_default();
    if body.is_end_stream() {
        return fits(first, limit).map(|whole| (whole, held));
    }
    let mut whole = BytesMut::with_capacity(usize::try_from(hint.min(FIRST)).unwrap_or_default());
    whole.extend_from_slice(&first);
    while let Some(piece) = next(body).await? {
        if whole.len() + piece.len() > limit {
            return Err(too_large(limit));
        }
        room.grow(&mut held, whole.len() + piece.len())?;
        whole.extend_from_slice(&piece);
    }
    fits(whole.freeze(), limit).map(|whole| (whole, held))
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Failure> {
    let mut frame = body.frame();
    let read = match soon(&mut frame).await {
        Some(read) => Ok(read),
        None => timeout(SILENCE, frame).await,
    };
    match read {
        Ok(None) => Ok(None),
        Ok(Some(Ok(frame))) => Ok(Some(frame.into_data().unwrap_or_default())),
        Ok(Some(Err(_))) => Err(Failure::invalid_body("the body ended before it was whole")),
        Err(_elapsed) => Err(Failure::invalid_body(
            "the body stopped arriving before it was whole",
        )),
    }
}

/// What `work` gives, if it is there already: small bodies are, and need no timer. hyper hands a piece over only
/// once it was asked for, and so has to be asked twice.
async fn soon<T>(work: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    let mut asked = false;
    poll_fn(|cx| match Pin::new(&mut *work).poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if asked => Poll::Ready(None),
        Poll::Pending => {
            asked = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

fn fits(body: Bytes, limit: usize) -> Result<Bytes, Failure> {
    if body.len() > limit {
        Err(too_large(limit))
    } else {
        Ok(body)
    }
}

fn too_large(limit: usize) -> Failure {
    let text =
        format!("the body must not be larger than {limit} bytes; the router's --max-body-bytes says so");
    Failure::new(FailureClass::RequestTooLarge, text)
}
