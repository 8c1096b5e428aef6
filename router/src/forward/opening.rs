//! A stream up to its first content: until then everything is held back, so that another target can still
//! be asked and nobody has seen anything.

use std::collections::VecDeque;

use bytes::Bytes;
use http::Request;
use tokio::time::Instant;
use weir_table::FailureClass;

use super::answer::Outgoing;
use super::attempt::Accepted;
use super::bounds::{Bounds, Until};
use super::head::{Wanted, head};
use super::headers;
use super::sse::{Events, events};
use super::stream::{EventStream, Source};
use super::watch::{Meaning, Watch};
use crate::body::Spliced;
use crate::error::{Failure, Voice};
use crate::state::Endpoint;

/// The most of a stream that is held back while it has no content.
const HELD: usize = 64 * 1024;

/// Asks for a stream.
pub(super) async fn streamed(
    endpoint: &Endpoint,
    request: Request<Spliced>,
    bounds: Bounds,
    watch: Watch,
    voice: Voice,
) -> Result<Accepted, Failure> {
    let first = bounds.until(
        bounds.begun,
        bounds.limits.first_content,
        FailureClass::FirstTokenTimeout,
    );
    let response = first
        .bound(head(endpoint, request, &bounds, Wanted::Events))
        .await?;
    let (head, body) = response.into_parts();
    let mut opening = Opening {
        source: Source {
            body,
            unseen: Bytes::new(),
            events: Events::default(),
            watch,
        },
        held: VecDeque::new(),
        held_bytes: 0,
    };
    opening.commit(&bounds, first).await?;
    let Opening { source, held, .. } = opening;
    let stream = EventStream::new(source, held, bounds.limits.stall, voice);
    let headers = headers::downstream(&head.headers);
    Ok(Accepted {
        status: head.status,
        headers,
        body: Outgoing::Stream(Box::new(stream)),
        usage: None,
    })
}

/// A stream before its first content.
struct Opening {
    source: Source,
    held: VecDeque<Bytes>,
    held_bytes: usize,
}

/// Whether a stream has shown content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    Content,
}

impl Opening {
    /// Reads until the first content.
    async fn commit(&mut self, bounds: &Bounds, first: Until) -> Result<(), Failure> {
        loop {
            let silence = bounds.until(Instant::now(), bounds.limits.silence, FailureClass::StreamStalled);
            let read = first.earlier(silence).bound(self.read()).await?;
            let block = self
                .source
                .events
                .push(&read)
                .map_err(|_| malformed("the provider sent an event without end"))?;
            if self.hold(&block)? == Shown::Content {
                return Ok(());
            }
        }
    }

    async fn read(&mut self) -> Result<Bytes, Failure> {
        match self.source.body.data().await {
            Some(Ok(read)) => Ok(read),
            None if self.source.watch.closing().is_some() => {
                Err(malformed("the provider's stream has no content"))
            }
            None | Some(Err(_)) => Err(Failure::new(
                FailureClass::StreamCut,
                "the provider's stream ended before its first content",
            )),
        }
    }

    /// Holds the events of `block` back, up to the one with content.
    fn hold(&mut self, block: &Bytes) -> Result<Shown, Failure> {
        for event in events(block) {
            match self.source.watch.open(&block[event.clone()]) {
                Meaning::Passes => self.keep(block.slice(event)),
                Meaning::Malformed | Meaning::LeftOut => {}
                Meaning::Commits | Meaning::IsAnswer => return Ok(self.show(block.slice(event.start..))),
                Meaning::Done => return Err(malformed("the provider's stream has no content")),
                Meaning::Failed(failure) => return Err(*failure),
            }
        }
        Ok(if self.held_bytes > HELD {
            Shown::Content
        } else {
            Shown::Nothing
        })
    }

    fn keep(&mut self, event: Bytes) {
        self.held_bytes += event.len();
        self.held.push_back(event);
    }

    /// Everything from the first content on is for the committed stream to look at.
    fn show(&mut self, rest: Bytes) -> Shown {
        self.source.unseen = rest;
        Shown::Content
    }
}

fn malformed(text: &'static str) -> Failure {
    Failure::new(FailureClass::MalformedResponse, text)
}
