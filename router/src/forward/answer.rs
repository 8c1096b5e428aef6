//! The body that a caller reads: a whole answer, a stream of events, or the rest of an answer too large to
//! be looked at whole.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use weir_table::FailureClass;

use super::pool::Inflow;
use super::stream::{EventStream, Silence};
use crate::observe::Record;

/// A body on its way to a caller.
pub(crate) enum Outgoing {
    /// All of it; `None` once it is sent.
    Whole(Option<Bytes>),
    /// Events.
    Stream(Box<EventStream>),
    /// What was read, and what is still to come.
    Rest(Box<Rest>),
}

/// A committed answer broke; there is nothing to say it in but the end of the connection.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the provider's answer broke off")]
pub(crate) struct BrokenOff;

impl Outgoing {
    /// A body that is there already.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()).filter(|bytes| !bytes.is_empty()))
    }

    /// Ties the request's record to this body's end.
    pub(crate) fn observe(&mut self, record: Record) {
        match self {
            Self::Whole(_) => record.succeeded(),
            Self::Stream(stream) => stream.observe(record),
            Self::Rest(rest) => rest.record = Some(record),
        }
    }
}

impl fmt::Debug for Outgoing {
    /// Never a word of the answer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("left", &self.size_hint().exact())
            .finish_non_exhaustive()
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(stream) => stream
                .poll_next(cx)
                .map(|piece| piece.map(|piece| Ok(Frame::data(piece)))),
            Self::Rest(rest) => rest
                .poll_next(cx)
                .map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Stream(_) => SizeHint::default(),
            Self::Rest(rest) => rest.left.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

/// An answer of which the beginning has been looked at.
pub(crate) struct Rest {
    ready: VecDeque<Bytes>,
    source: Option<Inflow>,
    left: Option<u64>,
    silence: Silence,
    end: End,
    /// Its last byte so far that is no white space.
    last: Option<u8>,
    record: Option<Record>,
}

/// Where an answer may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Where the JSON object that it is ends.
    OfDocument,
    /// Wherever HTTP says that it does.
    AsHttpSays,
}

impl Rest {
    /// The document that begins with `read` and goes on in `body`.
    pub(super) fn of_document(read: Bytes, body: Inflow, stall: Duration) -> Self {
        Self::new(read, body, stall, End::OfDocument)
    }

    /// The answer of any kind that begins with `read` and goes on in `body`.
    pub(super) fn of_bytes(read: Bytes, body: Inflow, stall: Duration) -> Self {
        Self::new(read, body, stall, End::AsHttpSays)
    }

    fn new(read: Bytes, body: Inflow, stall: Duration, end: End) -> Self {
        let left = body.left().map(|rest| rest + read.len() as u64);
        let mut rest = Self {
            ready: VecDeque::new(),
            source: Some(body),
            left,
            silence: Silence::new(stall),
            end,
            last: None,
            record: None,
        };
        rest.take_in(read);
        rest
    }

    fn take_in(&mut self, read: Bytes) {
        self.silence.broken();
        self.last = read.trim_ascii_end().last().copied().or(self.last);
        self.ready.push_back(read);
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let piece = ready!(self.poll_piece(cx));
        if let (Some(Ok(piece)), Some(left)) = (&piece, &mut self.left) {
            *left = left.saturating_sub(piece.len() as u64);
        }
        Poll::Ready(piece)
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(piece)));
            }
            let Some(body) = &mut self.source else {
                return Poll::Ready(None);
            };
            match body.poll_data(cx) {
                Poll::Ready(Some(Ok(read))) => self.take_in(read),
                Poll::Ready(None) if self.may_end() => self.ended(),
                Poll::Ready(None | Some(Err(_))) => {
                    return Poll::Ready(Some(Err(self.broke(FailureClass::StreamCut))));
                }
                Poll::Pending => match self.silence.poll_over(cx) {
                    Poll::Ready(()) => {
                        return Poll::Ready(Some(Err(self.broke(FailureClass::StreamStalled))));
                    }
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    /// Where the connection's end is the answer's, a cut shows in the document alone.
    fn may_end(&self) -> bool {
        self.end == End::AsHttpSays || self.last == Some(b'}')
    }

    fn ended(&mut self) {
        if let Some(body) = self.source.take() {
            body.give_back();
        }
        if let Some(record) = self.record.take() {
            record.succeeded();
        }
    }

    fn broke(&mut self, class: FailureClass) -> BrokenOff {
        self.source = None;
        if let Some(record) = self.record.take() {
            record.failed(class);
        }
        BrokenOff
    }
}

#[cfg(test)]
mod tests {
    use super::Outgoing;

    #[test]
    fn what_is_printed_of_an_answer_is_its_length() {
        let printed = format!("{:?}", Outgoing::whole("canary"));
        assert_eq!(printed, "Outgoing { left: Some(6), .. }");
    }
}
