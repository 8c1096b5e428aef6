//! One connection of HTTP/1.1 to a provider, as a client. It has no task of its own: whoever waits for something on
//! it does its I/O, so that a request is one task from the caller's socket to the provider's and back. It knows
//! nothing of pools, times or what is asked.
//!
//! It can be used again only after an answer that ended where its head said, to a request that was sent whole;
//! whatever else happens on it, it is for nobody any more.

mod body;
mod chunks;
mod error;
mod head;
mod intake;
mod outflow;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, Response};

use self::body::{Body, Next};
pub(crate) use self::error::WireError;
use self::head::{Connection, Head, is_worth_a_look};
use self::intake::{Intake, quiet};
pub(super) use self::outflow::Layer;
use self::outflow::Outflow;
use crate::body::Spliced;
use crate::surroundings::Carrier;

/// The most informational heads before an answer: some proxies send one every few seconds.
const MAX_INFORMATIONAL: usize = 1_000;

/// An open connection. Dropping it closes it.
pub(super) struct Wire {
    io: Box<dyn Carrier>,
    layer: Layer,
    out: Outflow,
    intake: Intake,
    /// What is still to come of the answer to the request sent last.
    body: Body,
    /// What that answer leaves.
    after: Connection,
}

/// Why a request got no answer.
#[derive(Debug)]
pub(super) struct NotAnswered<E> {
    /// The request, if nothing of it was sent.
    pub(super) unsent: Option<Request<Spliced>>,
    /// What happened.
    pub(super) error: E,
}

impl<E> NotAnswered<E> {
    /// The same with another error.
    pub(super) fn map<T>(self, with: impl FnOnce(E) -> T) -> NotAnswered<T> {
        NotAnswered {
            unsent: self.unsent,
            error: with(self.error),
        }
    }
}

/// Whether a connection can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// At once.
    Ready,
    /// Never again.
    Ended,
}

impl Wire {
    /// A connection on `io`, which nothing was sent on.
    pub(super) fn begin(io: impl Carrier, layer: Layer) -> Self {
        Self {
            io: Box::new(io),
            layer,
            out: Outflow::new(),
            intake: Intake::new(),
            body: Body::Ended,
            after: Connection::Stays,
        }
    }

    /// Sends `request` and waits for the head of its answer. The request comes back where nothing of it was sent.
    pub(super) async fn send(
        &mut self,
        request: Request<Spliced>,
    ) -> Result<Response<()>, NotAnswered<WireError>> {
        if !self.is_clean() {
            return Err(NotAnswered {
                unsent: Some(request),
                error: WireError::Closed,
            });
        }
        let (mut parts, body) = request.into_parts();
        self.out.begin(&parts, body, &*self.io);
        self.after = Connection::Closes;
        match self.answer(&mut parts).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                self.body = Body::Broken(error);
                let unsent = self.out.take_unsent();
                Err(NotAnswered {
                    unsent: unsent.map(|body| Request::from_parts(parts, body)),
                    error,
                })
            }
        }
    }

    async fn answer(&mut self, asked: &mut Parts) -> Result<Response<()>, WireError> {
        let mut awaited = Awaited::default();
        let mut head = poll_fn(|cx| self.poll_head(&mut awaited, &mut asked.headers, cx)).await?;
        (self.body, self.after) = head.body(&asked.method)?;
        if !head.status.is_success() {
            // Who refuses a request reads no more of it.
            self.out.stop();
        }
        let mut answer = Response::new(());
        *answer.status_mut() = head.status;
        *answer.headers_mut() = head.headers;
        Ok(answer)
    }

    /// Sends what can be sent, and looks for a head meanwhile: it may come before all is sent, and instead.
    fn poll_head(
        &mut self,
        awaited: &mut Awaited,
        headers: &mut HeaderMap,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Head, WireError>> {
        if self.out.is_unsent() {
            // A kept connection that was closed meanwhile, as they are, says so here, as far as the system has told.
            quiet(&mut *self.io, cx)?;
        }
        if let Poll::Ready(Err(error)) = self.poll_send(cx) {
            if self.out.is_unsent() {
                return Poll::Ready(Err(error.into()));
            }
            // What the provider said before it stopped listening may be there.
            awaited.failed = Some(error.into());
        }
        loop {
            if let Some(head) = self.take_head(awaited, headers)? {
                return Poll::Ready(Ok(head));
            }
            match ready!(self.intake.poll_more(&mut *self.io, cx)) {
                Ok(0) => {
                    // Once more as a whole, to tell what is no head from what is not all of one.
                    awaited.seen = 0;
                    self.take_head(awaited, headers)?;
                    return Poll::Ready(Err(awaited.end(&self.intake)));
                }
                Ok(_) if self.out.is_unsent() => return Poll::Ready(Err(WireError::Unasked)),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(awaited.failed.unwrap_or(error.into()))),
            }
        }
    }

    /// The head of the answer, if it is there; those that only inform are passed over.
    fn take_head(
        &mut self,
        awaited: &mut Awaited,
        headers: &mut HeaderMap,
    ) -> Result<Option<Head>, WireError> {
        let bytes = &mut self.intake.bytes;
        while !bytes.is_empty() && is_worth_a_look(bytes, awaited.seen) {
            let Some(mut head) = head::take(bytes, headers)? else {
                break;
            };
            if !head.is_informational()? {
                return Ok(Some(head));
            }
            *headers = std::mem::take(&mut head.headers);
            awaited.informed()?;
        }
        awaited.seen = bytes.len();
        Ok(None)
    }

    /// Sends what can be sent; an error is told once.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.out.is_going_on() {
            self.out.poll_send(&mut *self.io, self.layer, cx)
        } else {
            Poll::Ready(Ok(()))
        }
    }

    /// The next piece of the answer to the request sent last.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, WireError>>> {
        // Where the answer began before the request ended. If the rest can't be sent, the answer says what that means.
        let _sent = self.poll_send(cx);
        loop {
            match self.body.next(&mut self.intake.bytes) {
                Next::Piece(piece) => return Poll::Ready(Some(Ok(piece))),
                Next::End => return Poll::Ready(None),
                Next::Broken(error) => return Poll::Ready(Some(Err(error))),
                Next::Unread => {}
            }
            match ready!(self.intake.poll_more(&mut *self.io, cx)) {
                Ok(0) => self.body.closed(),
                Ok(_) => {}
                Err(error) => self.body = Body::Broken(error.into()),
            }
        }
    }

    /// Whether the answer has been read to its end.
    pub(super) fn is_at_end(&self) -> bool {
        self.body.has_ended()
    }

    /// How many bytes of the answer are still to come, where that is known.
    pub(super) fn left(&self) -> Option<u64> {
        self.body.left()
    }

    /// Whether it can be used again. Also sees whether the provider has closed it meanwhile.
    pub(super) fn poll_condition(&mut self, cx: &mut Context<'_>) -> Condition {
        if self.is_clean() && quiet(&mut *self.io, cx).is_ok() {
            self.intake.rest();
            Condition::Ready
        } else {
            self.after = Connection::Closes;
            Condition::Ended
        }
    }

    /// Whether nothing of the last exchange is left, as far as has been read.
    fn is_clean(&self) -> bool {
        self.after == Connection::Stays
            && self.body.has_ended()
            && self.out.is_sent()
            && self.intake.bytes.is_empty()
    }
}

/// What is known while a head is awaited.
#[derive(Debug, Default)]
struct Awaited {
    /// How many bytes have been looked at.
    seen: usize,
    /// How many heads were no answers.
    informational: usize,
    /// Why the request could not be sent whole.
    failed: Option<WireError>,
}

impl Awaited {
    fn informed(&mut self) -> Result<(), WireError> {
        self.seen = 0;
        self.informational += 1;
        if self.informational > MAX_INFORMATIONAL {
            return Err(WireError::NotHttp("it informs without end"));
        }
        Ok(())
    }

    /// What it means that the connection was closed, with what is in `intake` having come before.
    fn end(&self, intake: &Intake) -> WireError {
        let closed = if intake.bytes.is_empty() {
            WireError::Closed
        } else {
            WireError::Cut
        };
        self.failed.unwrap_or(closed)
    }
}

impl fmt::Debug for Wire {
    /// Never a byte of what is on it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("left", &self.left())
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
