//! What becomes of a provider's bytes on their way to a caller's stream: they are passed on as they are, or
//! translated. Either way this says when the first content has come, and when the stream is whole.

mod framing;
mod passed;
mod translated;

use std::collections::VecDeque;

use bytes::Bytes;
use weir_dialect::form::Usage;
use weir_table::FailureClass;

pub(super) use self::framing::Framing;
pub(super) use self::passed::Passed;
pub(super) use self::translated::{Translated, explains};
use crate::error::Failure;

/// How bytes are dealt with.
pub(super) enum Flow {
    /// Passed on.
    Passed(Passed),
    /// Translated.
    Translated(Box<Translated>),
}

/// What is on its way to the caller.
#[derive(Default)]
pub(super) struct Outbox {
    /// Whole events, in order.
    pub(super) ready: VecDeque<Bytes>,
    /// How many bytes were ever put in.
    pub(super) bytes: usize,
    /// How many unreadable events were left out since somebody last looked.
    pub(super) skipped: u32,
}

/// Whether a stream has shown content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Not yet.
    Nothing,
    /// It has: from here on it is committed.
    Content,
}

/// How a committed stream goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// More is to come.
    GoesOn,
    /// It is whole.
    Whole,
    /// The provider gave up.
    Failed(Box<Failure>),
}

impl Outbox {
    /// Adds `piece`, unless it is empty.
    pub(super) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.bytes += piece.len();
            self.ready.push_back(piece);
        }
    }
}

impl Flow {
    /// Takes in what was read before the first content.
    pub(super) fn open(&mut self, read: &Bytes, out: &mut Outbox) -> Result<Shown, Failure> {
        match self {
            Self::Passed(passed) => passed.open(read, out),
            Self::Translated(translated) => translated.open(read, out),
        }
    }

    /// Goes on with what was read together with the first content, if there is anything.
    pub(super) fn resume(&mut self, out: &mut Outbox) -> Option<Turn> {
        match self {
            Self::Passed(passed) => passed.resume(out),
            Self::Translated(translated) => translated.resume(out),
        }
    }

    /// Takes in what was read after the first content.
    pub(super) fn pass(&mut self, read: &Bytes, out: &mut Outbox) -> Turn {
        match self {
            Self::Passed(passed) => passed.pass(read, out),
            Self::Translated(translated) => translated.pass(read, out),
        }
    }

    /// Whether a stream that ends here is whole.
    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Passed(passed) => passed.is_complete(),
            Self::Translated(translated) => translated.is_complete(),
        }
    }

    /// Adds what a whole stream lacks that ends here without its last event.
    pub(super) fn close(&mut self, out: &mut Outbox) {
        match self {
            Self::Passed(passed) => passed.close(out),
            Self::Translated(translated) => translated.close(out),
        }
    }

    /// What the stream took, as far as it was said.
    pub(super) fn usage(&self) -> Option<Usage> {
        match self {
            Self::Passed(passed) => passed.usage(),
            Self::Translated(translated) => translated.usage(),
        }
    }
}

/// A stream that ended well and said nothing.
pub(super) fn no_content() -> Failure {
    malformed("the provider's stream has no content")
}

fn malformed(text: &'static str) -> Failure {
    Failure::new(FailureClass::MalformedResponse, text)
}
