//! A stream up to its first content: until then everything is held back, so that another target can still
//! be asked and nobody has seen anything.

use std::pin::pin;

use bytes::Bytes;
use http::Request;
use tokio::time::Instant;
use weir_table::FailureClass;

use super::answer::Outgoing;
use super::attempt::Accepted;
use super::bounds::{Bounds, Until};
use super::flow::{Flow, Outbox, Shown, no_content};
use super::head::{Wanted, head};
use super::headers;
use super::stream::{EventStream, Source};
use crate::body::Spliced;
use crate::error::{Failure, Voice};
use crate::state::Endpoint;

/// The most of a stream that is held back while it has no content.
const HELD: usize = 64 * 1024;

/// Asks for a stream, of which `flow` makes what its caller reads in `voice`.
pub(super) async fn streamed(
    endpoint: &Endpoint,
    request: Request<Spliced>,
    bounds: Bounds,
    wanted: Wanted,
    flow: Flow,
    voice: Voice,
) -> Result<Accepted, Failure> {
    let first = bounds.until(
        bounds.begun,
        bounds.limits.first_content,
        FailureClass::FirstTokenTimeout,
    );
    let response = first
        .bound(pin!(head(endpoint, request, &bounds, wanted)))
        .await?;
    let (head, body) = response.into_parts();
    let mut opening = Opening {
        source: Source { body, flow },
        held: Outbox::default(),
    };
    opening.commit(&bounds, first).await?;
    let Opening { source, held } = opening;
    let stream = EventStream::new(source, held, bounds.limits.stall, voice);
    Ok(Accepted {
        status: head.status,
        headers: headers::downstream(&head.headers),
        body: Outgoing::Stream(Box::new(stream)),
        usage: None,
    })
}

/// A stream before its first content.
struct Opening {
    source: Source,
    held: Outbox,
}

impl Opening {
    /// Reads until the first content, or until too much would be held back.
    async fn commit(&mut self, bounds: &Bounds, first: Until) -> Result<(), Failure> {
        loop {
            let silence = bounds.until(Instant::now(), bounds.limits.silence, FailureClass::StreamStalled);
            let read = first.earlier(silence).bound(pin!(self.read())).await?;
            let shown = self.source.flow.open(&read, &mut self.held)?;
            if shown == Shown::Content || self.held.bytes > HELD {
                return Ok(());
            }
        }
    }

    async fn read(&mut self) -> Result<Bytes, Failure> {
        match self.source.body.data().await {
            Some(Ok(read)) => Ok(read),
            None if self.source.flow.is_complete() => Err(no_content()),
            None | Some(Err(_)) => Err(Failure::new(
                FailureClass::StreamCut,
                "the provider's stream ended before its first content",
            )),
        }
    }
}
