//! Anthropic's messages: what commits a stream, when it is whole, and what it took.
//! <https://docs.anthropic.com/en/docs/build-with-claude/streaming>

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use weir_dialect::form::Usage;
use weir_table::Dialect;

use super::{Meaning, data, failed, malformed, misshapen, says_something, usage};
use crate::classify;
use crate::error::Failure;

/// The event that ends a whole stream.
pub(super) const STOP: Bytes =
    Bytes::from_static(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");

/// How far a stream has come.
#[derive(Debug)]
pub(crate) struct Progress {
    dialect: Dialect,
    stopped: bool,
    usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    content_block: Option<Block<'a>>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

/// The fields in which deltas have content; a signature is none.
#[derive(Debug, Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow, default)]
    partial_json: Option<&'a RawValue>,
    #[serde(borrow, default)]
    citation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stop_reason: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
}

/// A message, whole or as it begins.
#[derive(Debug, Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stop_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

impl Progress {
    /// A stream of which nothing has come.
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            stopped: false,
            usage: None,
        }
    }

    /// Whether the model has said why it ended.
    pub(super) fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// What it took so far.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Looks at an event.
    pub(super) fn look(&mut self, event: &[u8]) -> Meaning {
        let data = match data(self.dialect, event) {
            Ok(data) => data,
            Err(meaning) => return meaning,
        };
        match serde_json::from_slice::<Event<'_>>(&data) {
            Ok(event) => self.weigh(&event, &data),
            Err(_) => Meaning::Malformed,
        }
    }

    fn weigh(&mut self, event: &Event<'_>, data: &[u8]) -> Meaning {
        let said = event.message.as_ref().and_then(|message| message.usage);
        if let Some(raw) = said.or(event.usage) {
            self.usage = usage::anthropic(raw, self.usage);
        }
        match &*event.kind {
            "error" => failed(self.dialect, data),
            "message_stop" => Meaning::Done,
            "message_delta" => self.ends(event.delta.as_ref()),
            "content_block_start" => commits(event.content_block.as_ref().is_some_and(Block::has_content)),
            "content_block_delta" => commits(event.delta.as_ref().is_some_and(Delta::has_content)),
            _ => Meaning::Passes,
        }
    }

    /// A reason for ending is an answer, also where there is nothing else: after the result of a tool the
    /// model may have nothing to say.
    fn ends(&mut self, delta: Option<&Delta<'_>>) -> Meaning {
        let reason = delta.and_then(|delta| delta.stop_reason);
        self.stopped |= reason.is_some_and(says_something);
        commits(self.stopped)
    }
}

fn commits(content: bool) -> Meaning {
    if content {
        Meaning::Commits
    } else {
        Meaning::Passes
    }
}

impl Delta<'_> {
    fn has_content(&self) -> bool {
        let Self {
            text,
            thinking,
            partial_json,
            citation,
            stop_reason: _,
        } = self;
        [text, thinking, partial_json, citation]
            .into_iter()
            .flatten()
            .any(|raw| says_something(raw))
    }
}

impl Block<'_> {
    /// Texts and thoughts begin empty; every other block is something by being there.
    fn has_content(&self) -> bool {
        match &*self.kind {
            "text" => self.text.is_some_and(says_something),
            "thinking" => self.thinking.is_some_and(says_something),
            _ => true,
        }
    }
}

/// Proves that `answer` is a message, and reads what it took.
pub(super) fn prove(dialect: Dialect, answer: &[u8]) -> Result<Option<Usage>, Failure> {
    let message: Message<'_> = serde_json::from_slice(answer).map_err(|_| misshapen())?;
    if message.error.is_some_and(says_something) {
        return Err(classify::in_band(dialect, answer));
    }
    let said = [message.content, message.stop_reason];
    if said.into_iter().flatten().any(says_something) {
        Ok(message.usage.and_then(|raw| usage::anthropic(raw, None)))
    } else {
        Err(malformed("the provider's answer has no content"))
    }
}

#[cfg(test)]
mod tests;
