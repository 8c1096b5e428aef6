//! Server-sent events of a chat completion: where one ends, and what it means for the stream. Pure: bytes
//! in, verdicts out. Events are passed on as the bytes that they came as; this only looks at them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use memchr::memmem::{self, Finder};
use serde::de::IgnoredAny;
use weir_table::Dialect;

use super::reply::{Finish, Mentions, Reply};
use crate::classify;
use crate::error::Failure;

/// The largest event that is put together from pieces.
const MAX_EVENT: usize = 1024 * 1024;

static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"finish_reason\""));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));

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

/// What an event carries.
#[derive(PartialEq, Eq)]
enum Payload<'a> {
    /// `[DONE]`.
    Done,
    /// Its data; several lines of it are joined.
    Data(Cow<'a, [u8]>),
    /// The data of an event whose name is `error`.
    Error(Cow<'a, [u8]>),
    /// A comment, or a name alone.
    Nothing,
}

/// Reads an event's fields, as <https://html.spec.whatwg.org/multipage/server-sent-events.html> has them.
fn payload(event: &[u8]) -> Payload<'_> {
    let (mut data, mut failed) = (Cow::Borrowed(&b""[..]), false);
    for line in event.split(|byte| *byte == b'\n') {
        if let Some(more) = line.strip_prefix(b"data:") {
            join(&mut data, more.trim_ascii());
        } else if let Some(name) = line.strip_prefix(b"event:") {
            failed = name.trim_ascii() == b"error";
        }
    }
    match &*data {
        _ if failed => Payload::Error(data),
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

/// What an event means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It goes on.
    Passes,
    /// It holds the first content; everything before it was none. Only before commitment.
    Commits,
    /// It is not readable, and is left out.
    Malformed,
    /// The stream is complete.
    Done,
    /// The provider gave up.
    Failed(Box<Failure>),
}

/// How far a chat completion's stream has come.
#[derive(Debug)]
pub(crate) struct Progress {
    dialect: Dialect,
    choices: u64,
    seen: BTreeSet<u64>,
    finished: BTreeSet<u64>,
}

impl Progress {
    /// A stream of `dialect` that is to have `choices` choices.
    pub(crate) fn new(dialect: Dialect, choices: u64) -> Self {
        Self {
            dialect,
            choices,
            seen: BTreeSet::new(),
            finished: BTreeSet::new(),
        }
    }

    /// Whether every choice has had its finish reason: those that were asked for, and those that were seen.
    pub(crate) fn all_finished(&self) -> bool {
        self.finished.len() as u64 >= self.choices && self.seen.is_subset(&self.finished)
    }

    /// Looks at an event before commitment: closely, because what it holds decides.
    pub(crate) fn open(&mut self, event: &[u8]) -> Meaning {
        match payload(event) {
            Payload::Nothing => Meaning::Passes,
            Payload::Done => Meaning::Done,
            Payload::Error(data) => self.failed(&data),
            Payload::Data(data) => self.weigh(&data),
        }
    }

    fn weigh(&mut self, data: &[u8]) -> Meaning {
        let Some(reply) = Reply::read(data) else {
            return Meaning::Malformed;
        };
        if let Some(error) = reply.error() {
            return self.failed(error);
        }
        self.note(&reply);
        let answers = |finish: Finish| matches!(finish, Finish::Length | Finish::ContentFilter);
        let content = reply.has_content() || reply.finishes().any(|(_, finish)| answers(finish));
        if content {
            Meaning::Commits
        } else {
            Meaning::Passes
        }
    }

    /// Looks at an event after commitment: only as far as is needed to know whether the stream is whole.
    pub(crate) fn pass(&mut self, event: &[u8]) -> Meaning {
        let data = match payload(event) {
            Payload::Nothing => return Meaning::Passes,
            Payload::Done => return Meaning::Done,
            Payload::Error(data) => return self.failed(&data),
            Payload::Data(data) => data,
        };
        if is_set(&data, &FINISH) || is_set(&data, &ERROR) {
            return match self.weigh(&data) {
                Meaning::Commits => Meaning::Passes,
                meaning => meaning,
            };
        }
        self.glance(&data)
    }

    /// Looks at data that neither ends a choice nor is an error.
    fn glance(&mut self, data: &[u8]) -> Meaning {
        if let Some(mentions) = Mentions::read(data) {
            self.seen.extend(mentions.indices());
            return Meaning::Passes;
        }
        match serde_json::from_slice::<IgnoredAny>(data) {
            Ok(_) => Meaning::Passes,
            Err(_) => Meaning::Malformed,
        }
    }

    fn failed(&self, error: &[u8]) -> Meaning {
        Meaning::Failed(Box::new(classify::in_band(self.dialect, error)))
    }

    fn note(&mut self, reply: &Reply<'_>) {
        self.seen.extend(reply.indices());
        self.finished.extend(reply.finishes().map(|(index, _)| index));
    }
}

/// Whether the name that `finder` looks for stands before a value other than null. Inside a JSON string
/// its quotes would be escaped, and so not be found.
fn is_set(data: &[u8], finder: &Finder<'_>) -> bool {
    finder.find_iter(data).any(|at| {
        let after = data[at + finder.needle().len()..].trim_ascii_start();
        match after.strip_prefix(b":") {
            Some(value) => !value.trim_ascii_start().starts_with(b"null"),
            // `"error"` may also be a value, as in `"object":"error"`.
            None => finder.needle() == b"\"error\"",
        }
    })
}

#[cfg(test)]
mod tests;
