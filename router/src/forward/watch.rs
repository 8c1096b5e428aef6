//! What passes by on its way from a provider that speaks as its caller does: where an answer begins, whether
//! it is whole, what it took. One module per wire; nothing is changed here, and nothing of it kept.

pub(super) mod chat;
mod like;
pub(super) mod messages;
pub(super) mod reply;
pub(super) mod responses;
pub(super) mod usage;

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;
use weir_dialect::form::Usage;
use weir_table::{Dialect, FailureClass};

use self::reply::{Reply, is_something};
use crate::classify;
use crate::error::Failure;
use crate::forward::sse::{Payload, payload};
use crate::operation::Operation;

/// What an event means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It goes on.
    Passes,
    /// It holds the first content; everything before it was none. Only before commitment.
    Commits,
    /// It is not readable, and is left out.
    Malformed,
    /// It came because the router asked for it, and is left out.
    LeftOut,
    /// The stream is complete.
    Done,
    /// The stream is complete, and what it holds is the answer. Only before commitment.
    IsAnswer,
    /// The provider gave up.
    Failed(Box<Failure>),
}

/// Whose the event is that says what a stream of chat completions took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UsageEvent {
    /// The caller asked for it, or the provider sends it unasked.
    Callers,
    /// The router asked for it.
    Ours,
}

/// A stream that is watched, by its wire.
#[derive(Debug)]
pub(super) enum Watch {
    /// Chat completions and completions.
    Chat(chat::Progress),
    /// Anthropic's messages.
    Messages(messages::Progress),
    /// Responses.
    Responses(responses::Progress),
}

impl Watch {
    /// Looks at an event before commitment.
    pub(super) fn open(&mut self, event: &[u8]) -> Meaning {
        match self {
            Self::Chat(progress) => progress.open(event),
            Self::Messages(progress) => progress.look(event),
            Self::Responses(progress) => progress.look(event),
        }
    }

    /// Looks at an event after commitment: only as far as is needed to know whether the stream is whole.
    pub(super) fn pass(&mut self, event: &[u8]) -> Meaning {
        match self {
            Self::Chat(progress) => progress.pass(event),
            Self::Messages(progress) => progress.look(event),
            Self::Responses(progress) => progress.look(event),
        }
    }

    /// What has to be added for a stream that ends here to be whole; `None` if it was cut.
    pub(super) fn closing(&self) -> Option<Bytes> {
        match self {
            Self::Chat(progress) => progress.all_finished().then_some(chat::DONE),
            Self::Messages(progress) => progress.has_stopped().then_some(messages::STOP),
            Self::Responses(_) => None,
        }
    }

    /// What the stream took, as far as it was said.
    pub(super) fn usage(&self) -> Option<Usage> {
        match self {
            Self::Chat(progress) => progress.usage(),
            Self::Messages(progress) => progress.usage(),
            Self::Responses(progress) => progress.usage(),
        }
    }
}

/// Proves that `answer` is one, and reads what it took.
pub(super) fn prove(dialect: Dialect, operation: Operation, answer: &[u8]) -> Result<Option<Usage>, Failure> {
    match operation {
        Operation::Messages => messages::prove(dialect, answer),
        Operation::Responses => responses::prove(dialect, answer),
        _ => prove_reply(dialect, operation, answer),
    }
}

fn prove_reply(dialect: Dialect, operation: Operation, answer: &[u8]) -> Result<Option<Usage>, Failure> {
    let reply = Reply::read(answer).ok_or_else(misshapen)?;
    if let Some(error) = reply.error() {
        return Err(classify::in_band(dialect, error));
    }
    let missing = match operation {
        Operation::ChatCompletions | Operation::Completions => (!reply.is_answer()).then_some("content"),
        Operation::Embeddings => (!reply.has_data()).then_some("embeddings"),
        Operation::CountTokens => (!reply.has_count()).then_some("count of tokens"),
        _ => None,
    };
    match missing {
        Some(what) => Err(malformed(format!("the provider's answer has no {what}"))),
        None => Ok(reply.usage().and_then(usage::openai)),
    }
}

/// Whether a value is more than nothing.
fn says_something(raw: &RawValue) -> bool {
    is_something(raw.get().as_bytes())
}

fn misshapen() -> Failure {
    malformed("the provider's answer is not JSON of the right shape")
}

fn malformed(text: impl Into<Cow<'static, str>>) -> Failure {
    Failure::new(FailureClass::MalformedResponse, text)
}

/// The data of an event, where a wire has an event of its own to end with; else what the event means there.
fn data(dialect: Dialect, event: &[u8]) -> Result<Cow<'_, [u8]>, Meaning> {
    match payload(event) {
        Payload::Nothing => Err(Meaning::Passes),
        Payload::Done => Err(Meaning::LeftOut),
        Payload::Error(data) => Err(failed(dialect, &data)),
        Payload::Data(data) => Ok(data),
    }
}

fn failed(dialect: Dialect, error: &[u8]) -> Meaning {
    Meaning::Failed(Box::new(classify::in_band(dialect, error)))
}
