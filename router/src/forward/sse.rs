//! Server-sent events: where one ends, and what it carries. Pure: bytes in, places out. Events are passed on
//! as the bytes that they came as; what they mean is for their dialect to say.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use memchr::memmem;

/// The largest event that is put together from pieces.
const MAX_EVENT: usize = 1024 * 1024;

/// Cuts a stream of bytes after whole events, so that a stream which breaks has never begun an event that
/// it does not end. Bytes are only copied where an event spans two reads.
#[derive(Default)]
pub(crate) struct Events {
    tail: BytesMut,
}

/// An event was larger than [`MAX_EVENT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Events {
    /// Takes in what was read, and gives back the whole events that are there now.
    pub(crate) fn push(&mut self, read: &Bytes) -> Result<Bytes, TooLarge> {
        if self.tail.is_empty() {
            let end = last_end(read);
            self.tail.extend_from_slice(&read[end..]);
            return if self.tail.len() > MAX_EVENT {
                Err(TooLarge)
            } else {
                Ok(read.slice(..end))
            };
        }
        // A boundary can begin in what was there before, but no further back than its own length.
        let searched = self.tail.len().saturating_sub(3);
        self.tail.extend_from_slice(read);
        let end = last_end(&self.tail[searched..]);
        match end {
            0 if self.tail.len() > MAX_EVENT => Err(TooLarge),
            0 => Ok(Bytes::new()),
            end => Ok(self.tail.split_to(searched + end).freeze()),
        }
    }
}

/// Where the last whole event of `bytes` ends; 0 if none does.
fn last_end(bytes: &[u8]) -> usize {
    if bytes.ends_with(b"\n\n") {
        return bytes.len();
    }
    let plain = memmem::rfind(bytes, b"\n\n").map_or(0, |at| at + 2);
    let returns = memmem::rfind(bytes, b"\n\r\n").map_or(0, |at| at + 3);
    plain.max(returns)
}

/// The events of `block`, which [`Events::push`] gave.
pub(crate) fn events(block: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = block.get(from..).filter(|rest| !rest.is_empty())?;
        let range = from..from + first_end(rest);
        from = range.end;
        Some(range)
    })
}

/// The first event of `block`, which [`Events::push`] gave.
pub(crate) fn first_event(block: &[u8]) -> Option<Range<usize>> {
    events(block).next()
}

/// Where the first event of `bytes` ends: after its blank line.
fn first_end(bytes: &[u8]) -> usize {
    let newlines = memchr::memchr_iter(b'\n', bytes);
    for at in newlines {
        match &bytes[at + 1..] {
            [b'\n', ..] => return at + 2,
            [b'\r', b'\n', ..] => return at + 3,
            _ => {}
        }
    }
    bytes.len()
}

/// The fields of an event, as <https://html.spec.whatwg.org/multipage/server-sent-events.html> has them.
pub(super) struct Fields<'a> {
    /// Its name; empty if it has none.
    pub(super) name: &'a [u8],
    /// Its data; several lines of it are joined.
    pub(super) data: Cow<'a, [u8]>,
}

impl<'a> Fields<'a> {
    /// Reads an event.
    pub(super) fn of(event: &'a [u8]) -> Self {
        let (mut name, mut data) = (&b""[..], Cow::Borrowed(&b""[..]));
        for line in lines(event) {
            if let Some(more) = line.strip_prefix(b"data:") {
                join(&mut data, more.trim_ascii());
            } else if let Some(given) = line.strip_prefix(b"event:") {
                name = given.trim_ascii();
            }
        }
        Self { name, data }
    }
}

/// Whether `read` holds nothing but what keeps a connection alive: comments, and the pings of Anthropic's
/// streams. It says nothing of whether the model is still at work.
pub(crate) fn only_keeps_alive(read: &[u8]) -> bool {
    lines(read).map(<[u8]>::trim_ascii).all(|line| match line {
        [] | [b':', ..] | b"event: ping" | b"event:ping" => true,
        _ => line.strip_prefix(b"data:").is_some_and(is_ping),
    })
}

/// The lines of `bytes`, without what ends them.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let from = rest?;
        let end = memchr::memchr(b'\n', from);
        rest = end.map(|end| &from[end + 1..]);
        Some(&from[..end.unwrap_or(from.len())])
    })
}

/// Whether `data` is `{"type": "ping"}`.
fn is_ping(data: &[u8]) -> bool {
    let letters = data.iter().filter(|byte| !byte.is_ascii_whitespace());
    letters.eq(br#"{"type":"ping"}"#)
}

/// What an event carries.
#[derive(PartialEq, Eq)]
pub(super) enum Payload<'a> {
    /// `[DONE]`.
    Done,
    /// Its data.
    Data(Cow<'a, [u8]>),
    /// The data of an event whose name is `error`.
    Error(Cow<'a, [u8]>),
    /// A comment, or a name alone.
    Nothing,
}

/// What `event` carries.
pub(super) fn payload(event: &[u8]) -> Payload<'_> {
    let Fields { name, data } = Fields::of(event);
    match &*data {
        _ if name == b"error" => Payload::Error(data),
        b"" => Payload::Nothing,
        b"[DONE]" => Payload::Done,
        _ => Payload::Data(data),
    }
}

fn join<'a>(data: &mut Cow<'a, [u8]>, more: &'a [u8]) {
    if data.is_empty() {
        *data = Cow::Borrowed(more);
    } else {
        let data = data.to_mut();
        data.push(b'\n');
        data.extend_from_slice(more);
    }
}

#[cfg(test)]
mod tests;
