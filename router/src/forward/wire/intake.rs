//! What was read and not yet understood.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::ReadBuf;
use tokio::task::unconstrained;
use tokio_util::io::poll_read_buf;

use super::error::WireError;
use crate::surroundings::Carrier;

/// How much is read at once to begin with: most answers are no longer, and of a stream that is in no hurry a read
/// brings one event.
const LEAST: usize = 8 * 1024;

/// The most that is read at once, for answers that fill what they are given. With as much again on its way to
/// the caller, a stream stays below 64 KiB.
const MOST: usize = 32 * 1024;

/// A buffer that grows with what comes. It is read into only when what it holds is not enough, and so is never
/// much larger than the largest thing that has to be seen whole.
pub(super) struct Intake {
    /// What is there.
    pub(super) bytes: BytesMut,
    /// How much to read next.
    next: usize,
}

impl Intake {
    /// Nothing.
    pub(super) fn new() -> Self {
        Self {
            bytes: BytesMut::new(),
            next: LEAST,
        }
    }

    /// Reads more: how much, or 0 at the end.
    pub(super) fn poll_more(
        &mut self,
        io: &mut dyn Carrier,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.room() < self.next / 2 && !self.bytes.try_reclaim(self.next) {
            self.renew();
        }
        let room = self.room();
        let read = ready!(poll_read_buf(Pin::new(io), cx, &mut self.bytes))?;
        if read == room {
            self.next = (self.next * 2).min(MOST);
        }
        Poll::Ready(Ok(read))
    }

    /// Takes a buffer of its own again. By itself the old one would grow by more than is wanted, and with it what
    /// a caller that reads slowly holds.
    fn renew(&mut self) {
        let mut bytes = BytesMut::with_capacity(self.bytes.len() + self.next);
        bytes.extend_from_slice(&self.bytes);
        self.bytes = bytes;
    }

    fn room(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }

    /// Lets go of the buffer, which is empty, so that none is held while nothing is expected.
    pub(super) fn rest(&mut self) {
        *self = Self::new();
    }
}

/// Fails if anything comes on `io`, where nothing should: bytes or an end. Where the system has nothing to tell,
/// this costs no call of it. A task that has used its turn up is answered all the same: else a closed connection
/// would seem to be open.
pub(super) fn quiet(io: &mut dyn Carrier, cx: &mut Context<'_>) -> Result<(), WireError> {
    let mut byte = [0];
    let mut into = ReadBuf::new(&mut byte);
    let read = unconstrained(poll_fn(|cx| Pin::new(&mut *io).poll_read(cx, &mut into)));
    match pin!(read).poll(cx) {
        Poll::Pending => Ok(()),
        Poll::Ready(Err(error)) => Err(error.into()),
        Poll::Ready(Ok(())) if into.filled().is_empty() => Err(WireError::Closed),
        Poll::Ready(Ok(())) => Err(WireError::Unasked),
    }
}
