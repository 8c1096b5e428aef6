//! Streams in the one form: a target's events are read into [`Event`]s by a [`Reader`], and written as the
//! caller's events by a [`Writer`]. Both remember how far the stream has come, and nothing of what was said.

use std::borrow::Cow;

use crate::form::{Finish, Usage};
use crate::outcome::Fault;

/// One whole message of a target's stream: an event of a text/event-stream, or a message of an
/// `application/vnd.amazon.eventstream`.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// The event's name (`event:`, `:event-type`, `:exception-type`); empty if it has none.
    pub name: &'a str,
    /// Its data.
    pub data: &'a [u8],
}

/// What happens in a stream. `choice` counts the answers from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// The answer begins. Comes once, first.
    Start {
        /// The provider's id of it.
        id: Option<Cow<'a, str>>,
        /// The model, as the provider says it.
        model: Option<Cow<'a, str>>,
    },
    /// More text.
    Text {
        /// Of which answer.
        choice: u32,
        /// The text.
        text: Cow<'a, str>,
    },
    /// More of the model's refusal.
    Refusal {
        /// Of which answer.
        choice: u32,
        /// The text.
        text: Cow<'a, str>,
    },
    /// More reasoning.
    Thought {
        /// Of which answer.
        choice: u32,
        /// The text.
        text: Cow<'a, str>,
    },
    /// The proof of the reasoning so far.
    ThoughtSignature {
        /// Of which answer.
        choice: u32,
        /// The proof.
        signature: Cow<'a, str>,
    },
    /// Reasoning that is not shown.
    RedactedThought {
        /// Of which answer.
        choice: u32,
        /// The data.
        data: Cow<'a, str>,
    },
    /// A tool is called; its arguments follow.
    ToolCall {
        /// Of which answer.
        choice: u32,
        /// Which call of that answer, from 0.
        call: u32,
        /// The call's id.
        id: Cow<'a, str>,
        /// The tool.
        name: Cow<'a, str>,
        /// What some models want back with the call (Gemini's thought signature).
        signature: Option<Cow<'a, str>>,
    },
    /// More of a call's arguments, as text of JSON.
    Arguments {
        /// Of which answer.
        choice: u32,
        /// Which call of that answer.
        call: u32,
        /// The text.
        text: Cow<'a, str>,
    },
    /// An answer ends.
    Finish {
        /// Which.
        choice: u32,
        /// Why.
        finish: Finish,
    },
    /// What it took so far; the last one holds.
    Usage(Usage),
    /// The provider gave up.
    Failed(Fault),
    /// The dialect's own last event (`[DONE]`, `message_stop`) came.
    End,
}

impl Event<'_> {
    /// Whether it holds content: what commits an attempt.
    pub fn is_content(&self) -> bool {
        match self {
            Self::Text { text, .. }
            | Self::Refusal { text, .. }
            | Self::Thought { text, .. }
            | Self::Arguments { text, .. } => !text.is_empty(),
            Self::ToolCall { .. } | Self::RedactedThought { .. } => true,
            _ => false,
        }
    }
}

/// Reads a target's stream.
pub trait Reader: std::fmt::Debug + Send {
    /// The events in one message. A message that means nothing gives none.
    ///
    /// # Errors
    /// The message is not of the dialect.
    fn read<'a>(&mut self, message: Incoming<'a>) -> Result<Vec<Event<'a>>, crate::Unreadable>;

    /// Whether the stream may end here: every answer that began has had its reason for ending.
    fn is_complete(&self) -> bool;
}

/// Writes a caller's stream.
pub trait Writer: std::fmt::Debug + Send {
    /// Writes `event` as zero or more events of the caller's dialect. [`Event::Failed`] and [`Event::End`]
    /// write nothing: errors are the router's to write, and [`Writer::end`] ends the stream.
    fn write(&mut self, event: &Event<'_>, into: &mut Vec<u8>);

    /// Writes what ends a whole stream: usage held back, the terminal event.
    fn end(&mut self, into: &mut Vec<u8>);
}
