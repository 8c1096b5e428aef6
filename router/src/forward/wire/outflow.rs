//! A request on its way out: its head, written into a buffer that the connection keeps, and the pieces of its body,
//! which are never put together where the system takes several at once.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderName, HeaderValue};

use crate::body::Spliced;
use crate::surroundings::Carrier;

/// How much of a request is copied into one piece where the carrier takes one piece at a time.
const JOINED: usize = 16 * 1024;

/// The most pieces in one write: a head, and a body with a handful of places replaced.
const PIECES: usize = 16;

/// The largest buffer that is kept for the next request's head.
const KEPT: usize = 4 * 1024;

/// What a write that fails says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// A write goes to the system: where the first one fails, nothing was sent.
    Clear,
    /// Something stands in between, which may have sent a part before it failed.
    Secured,
}

/// The request that is being sent, or was last.
pub(super) struct Outflow {
    /// The head, and behind it `joined` bytes of the body.
    head: Vec<u8>,
    joined: usize,
    /// How much of `head` has been sent.
    sent: usize,
    /// What else of the body is still to be sent, except that until something is sent it is all there.
    body: Spliced,
    stage: Stage,
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing of it has left.
    Ready,
    /// Some of it may have.
    Begun,
    /// All of it was written, but may be held back on its way.
    Written,
    /// It was sent.
    Sent,
    /// Nothing more is sent: it can't be, or is not wanted.
    Stopped,
}

impl Outflow {
    /// No request.
    pub(super) fn new() -> Self {
        Self {
            head: Vec::new(),
            joined: 0,
            sent: 0,
            body: Spliced::default(),
            stage: Stage::Sent,
        }
    }

    /// Makes ready to send the request of `parts` and `body` on `io`.
    pub(super) fn begin(&mut self, parts: &Parts, body: Spliced, io: &dyn Carrier) {
        self.head.clear();
        self.sent = 0;
        write_head(parts, body.len(), &mut self.head);
        self.joined = if io.is_write_vectored() {
            0
        } else {
            body.copy_into(&mut self.head, JOINED)
        };
        self.body = body;
        self.stage = Stage::Ready;
    }

    /// The body, if nothing of the request can have left.
    pub(super) fn take_unsent(&mut self) -> Option<Spliced> {
        self.is_unsent().then(|| {
            self.stage = Stage::Stopped;
            std::mem::take(&mut self.body)
        })
    }

    /// Whether nothing of it can have left.
    pub(super) fn is_unsent(&self) -> bool {
        self.stage == Stage::Ready
    }

    /// Whether all of it was sent.
    pub(super) fn is_sent(&self) -> bool {
        self.stage == Stage::Sent
    }

    /// Whether there is something to do.
    pub(super) fn is_going_on(&self) -> bool {
        matches!(self.stage, Stage::Ready | Stage::Begun | Stage::Written)
    }

    /// Sends nothing more, if there is more.
    pub(super) fn stop(&mut self) {
        if self.stage != Stage::Sent {
            self.stage = Stage::Stopped;
            self.body = Spliced::default();
        }
    }

    /// Sends what can be sent now. An error is told once; nothing more is sent after it.
    pub(super) fn poll_send(
        &mut self,
        io: &mut dyn Carrier,
        layer: Layer,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.stage == Stage::Ready && layer == Layer::Secured {
            self.begun();
        }
        let sent = ready!(self.poll_stages(io, cx));
        if sent.is_err() && self.stage != Stage::Ready {
            self.stop();
        }
        Poll::Ready(sent)
    }

    fn poll_stages(&mut self, io: &mut dyn Carrier, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while matches!(self.stage, Stage::Ready | Stage::Begun) {
            let written = ready!(self.poll_write(io, cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.begun();
            self.advance(written);
        }
        if self.stage == Stage::Written {
            ready!(Pin::new(io).poll_flush(cx))?;
            self.stage = Stage::Sent;
            self.forget();
        }
        Poll::Ready(Ok(()))
    }

    /// Keeps nothing of what was sent but some room.
    fn forget(&mut self) {
        self.head.clear();
        self.head.shrink_to(KEPT);
        (self.sent, self.joined) = (0, 0);
    }

    fn poll_write(&self, io: &mut dyn Carrier, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let head = &self.head[self.sent..];
        if !io.is_write_vectored() {
            let piece = if head.is_empty() { self.body.first() } else { head };
            return Pin::new(io).poll_write(cx, piece);
        }
        let mut pieces = [IoSlice::new(&[]); PIECES];
        pieces[0] = IoSlice::new(head);
        let from = usize::from(!head.is_empty());
        let count = from + self.body.slices(&mut pieces[from..]);
        Pin::new(io).poll_write_vectored(cx, &pieces[..count])
    }

    /// Some of it may have left: it is not to be had back any more.
    fn begun(&mut self) {
        if self.stage == Stage::Ready {
            self.stage = Stage::Begun;
            self.body.advance(self.joined);
        }
    }

    fn advance(&mut self, written: usize) {
        let of_head = written.min(self.head.len() - self.sent);
        self.sent += of_head;
        self.body.advance(written - of_head);
        if self.sent == self.head.len() && self.body.len() == 0 {
            self.stage = Stage::Written;
        }
    }
}

/// Writes a head: the host first (RFC 9112, section 3.2), and the body's length as it is, whatever the headers say.
fn write_head(parts: &Parts, length: usize, into: &mut Vec<u8>) {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    for part in [parts.method.as_str(), " ", path, " HTTP/1.1\r\n"] {
        into.extend_from_slice(part.as_bytes());
    }
    let first = parts.headers.get(HOST).map(|host| (&HOST, host));
    let others = parts
        .headers
        .iter()
        .filter(|(name, _)| !matches!(**name, HOST | CONTENT_LENGTH | TRANSFER_ENCODING));
    for (name, value) in first.into_iter().chain(others) {
        write_header(name, value, into);
    }
    into.extend_from_slice(b"content-length: ");
    into.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    into.extend_from_slice(b"\r\n\r\n");
}

/// Neither a name nor a value can hold a line end: their types see to it.
fn write_header(name: &HeaderName, value: &HeaderValue, into: &mut Vec<u8>) {
    into.extend_from_slice(name.as_str().as_bytes());
    into.extend_from_slice(b": ");
    into.extend_from_slice(value.as_bytes());
    into.extend_from_slice(b"\r\n");
}
