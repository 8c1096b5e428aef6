//! Takes `application/vnd.amazon.eventstream` apart: bytes in, whole messages out. The format itself, with its two
//! checksums, is read by the AWS crate.
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>

use std::fmt;

use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::Message;
use aws_smithy_types::str_bytes::StrBytes;
use bytes::{Bytes, BytesMut};

use crate::Incoming;

#[cfg(test)]
mod tests;

/// The longest message, in bytes: the most that AWS allows for a payload.
pub const LONGEST: usize = 16 * 1024 * 1024;

/// The shortest: the prelude and the checksum behind nothing.
const SHORTEST: usize = 16;

/// The bytes that say how long a message is.
const LENGTH: usize = 4;

/// The messages of one stream.
#[derive(Default)]
pub struct Frames {
    /// The beginning of a message whose end has not come. Never more than that message.
    begun: BytesMut,
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames")
            .field("begun", &self.begun.len())
            .finish()
    }
}

/// Bytes that are not of an event stream. Nothing after them can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// A message that claims to be longer than any is.
    #[error("a message of the event stream is longer than 16 MiB")]
    TooLong,
    /// A length, a checksum or a header is wrong.
    #[error("a message of the event stream is damaged")]
    Damaged,
}

/// One whole message.
#[derive(Clone)]
pub struct Frame(Message);

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("payload", &self.0.payload().len())
            .finish()
    }
}

impl Frames {
    /// The messages that are whole with `chunk`. One that lies in it whole is copied only by the AWS crate, which
    /// copies each payload while it sums it up.
    ///
    /// # Errors
    /// The bytes are not of an event stream.
    pub fn push(&mut self, chunk: &Bytes) -> Result<Vec<Frame>, BadFrame> {
        let mut rest = chunk.clone();
        let mut frames = Vec::new();
        while let Some(message) = self.next(&mut rest)? {
            let message = read_message_from(message).map_err(|_| BadFrame::Damaged)?;
            frames.push(Frame(message));
        }
        Ok(frames)
    }

    /// Whether the stream may end here: no message is begun.
    pub fn is_between_messages(&self) -> bool {
        self.begun.is_empty()
    }

    /// The bytes of the next whole message, off `rest`; else all of `rest` is kept.
    fn next(&mut self, rest: &mut Bytes) -> Result<Option<Bytes>, BadFrame> {
        if self.begun.is_empty()
            && let Some(length) = length(rest)?
            && rest.len() >= length
        {
            return Ok(Some(rest.split_to(length)));
        }
        self.take(LENGTH, rest);
        let Some(length) = length(&self.begun)? else {
            return Ok(None);
        };
        self.take(length, rest);
        let is_whole = self.begun.len() == length;
        Ok(is_whole.then(|| self.begun.split().freeze()))
    }

    /// Takes off `rest` what is begun lacks to `length` bytes.
    fn take(&mut self, length: usize, rest: &mut Bytes) {
        let lacking = length.saturating_sub(self.begun.len()).min(rest.len());
        self.begun.extend_from_slice(&rest.split_to(lacking));
    }
}

impl Frame {
    /// The message as its dialect reads it: named by its event, its exception, or the code of an error of the
    /// transport, whose data is then its text.
    pub fn incoming(&self) -> Incoming<'_> {
        let payload: &[u8] = self.0.payload();
        let (name, data) = match self.header(":message-type") {
            Some("exception") => (self.header(":exception-type"), payload),
            Some("error") => (
                self.header(":error-code"),
                self.header(":error-message").unwrap_or_default().as_bytes(),
            ),
            _ => (self.header(":event-type"), payload),
        };
        Incoming {
            name: name.unwrap_or_default(),
            data,
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.0.headers().iter();
        let header = headers.find(|header| header.name().as_str() == name)?;
        header.value().as_string().ok().map(StrBytes::as_str)
    }
}

/// How long the message that `bytes` begin is; `None`: too few bytes to say.
fn length(bytes: &[u8]) -> Result<Option<usize>, BadFrame> {
    let Some(length) = bytes.first_chunk::<LENGTH>() else {
        return Ok(None);
    };
    match usize::try_from(u32::from_be_bytes(*length)) {
        Ok(length) if length < SHORTEST => Err(BadFrame::Damaged),
        Ok(length) if length <= LONGEST => Ok(Some(length)),
        _ => Err(BadFrame::TooLong),
    }
}
