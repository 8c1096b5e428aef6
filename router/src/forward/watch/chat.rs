//! The stream of a chat completion, or of a completion: what commits it, when it is whole, and what it took.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;
use serde::de::IgnoredAny;
use weir_dialect::form::Usage;
use weir_table::Dialect;

use super::like::Like;
use super::reply::{Finish, Reply};
use super::{Meaning, UsageEvent, failed, usage};
use crate::forward::sse::{Payload, payload};

static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"finish_reason\""));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));

static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));

/// The event that ends a whole stream.
pub(super) const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// How far a chat completion's stream has come.
#[derive(Debug)]
pub(crate) struct Progress {
    dialect: Dialect,
    choices: u64,
    usage_event: UsageEvent,
    usage: Option<Usage>,
    seen: BTreeSet<u64>,
    finished: BTreeSet<u64>,
    like: Box<Like>,
}

impl Progress {
    /// A stream of `dialect` that is to have `choices` choices.
    pub(crate) fn new(dialect: Dialect, choices: u64, usage_event: UsageEvent) -> Self {
        Self {
            dialect,
            choices,
            usage_event,
            usage: None,
            seen: BTreeSet::new(),
            finished: BTreeSet::new(),
            like: Box::default(),
        }
    }

    /// Whether every choice has had its finish reason: those that were asked for, and those that were seen.
    pub(crate) fn all_finished(&self) -> bool {
        self.finished.len() as u64 >= self.choices && self.seen.is_subset(&self.finished)
    }

    /// What it took, if that was said.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Looks at an event before commitment: closely, because what it holds decides.
    pub(crate) fn open(&mut self, event: &[u8]) -> Meaning {
        match payload(event) {
            Payload::Nothing => Meaning::Passes,
            Payload::Done => Meaning::Done,
            Payload::Error(data) => failed(self.dialect, &data),
            Payload::Data(data) => self.weigh(&data),
        }
    }

    fn weigh(&mut self, data: &[u8]) -> Meaning {
        let Some(reply) = Reply::read(data) else {
            return Meaning::Malformed;
        };
        if let Some(error) = reply.error() {
            return failed(self.dialect, error);
        }
        self.note(&reply);
        if self.usage_event == UsageEvent::Ours && reply.is_only_usage() {
            return Meaning::LeftOut;
        }
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
        if self.like.is(event) {
            return Meaning::Passes;
        }
        let data = match payload(event) {
            Payload::Nothing => return Meaning::Passes,
            Payload::Done => return Meaning::Done,
            Payload::Error(data) => return failed(self.dialect, &data),
            Payload::Data(data) => data,
        };
        if [&FINISH, &ERROR, &USAGE].iter().any(|name| is_set(&data, name)) {
            return match self.weigh(&data) {
                Meaning::Commits => Meaning::Passes,
                meaning => meaning,
            };
        }
        self.glance(event, &data)
    }

    /// Looks at the data of an event that neither ends a choice nor is an error.
    fn glance(&mut self, event: &[u8], data: &[u8]) -> Meaning {
        if let Some(reply) = Reply::read(data) {
            self.seen.extend(reply.indices());
            self.like.remember(event);
            return Meaning::Passes;
        }
        match serde_json::from_slice::<IgnoredAny>(data) {
            Ok(_) => Meaning::Passes,
            Err(_) => Meaning::Malformed,
        }
    }

    fn note(&mut self, reply: &Reply<'_>) {
        self.seen.extend(reply.indices());
        self.finished.extend(reply.finishes().map(|(index, _)| index));
        self.usage = reply.usage().and_then(usage::openai).or(self.usage);
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
