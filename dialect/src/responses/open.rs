//! Items of a stream that are still being written.

use std::borrow::Cow;
use std::fmt;

use super::events::{Place, What};
use super::object::{Item, Piece, Status};
use crate::chat::conversation::ExtraOut;

/// What is being said or thought.
pub(super) struct Speech {
    pub(super) kind: Kind,
    pub(super) place: usize,
    pub(super) id: String,
    pub(super) text: String,
}

/// As what it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Refusal,
    Thought,
}

/// What the events around a text are called.
pub(super) struct Names {
    pub(super) added: &'static str,
    pub(super) delta: &'static str,
    pub(super) done: &'static str,
    pub(super) piece_done: &'static str,
}

/// A call that is being made.
pub(super) struct OpenCall {
    pub(super) call: u32,
    pub(super) place: usize,
    pub(super) id: String,
    pub(super) call_id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    pub(super) signature: Option<String>,
}

impl Kind {
    pub(super) const fn names(self) -> Names {
        match self {
            Self::Text => Names {
                added: "response.content_part.added",
                delta: "response.output_text.delta",
                done: "response.output_text.done",
                piece_done: "response.content_part.done",
            },
            Self::Refusal => Names {
                added: "response.content_part.added",
                delta: "response.refusal.delta",
                done: "response.refusal.done",
                piece_done: "response.content_part.done",
            },
            Self::Thought => Names {
                added: "response.reasoning_summary_part.added",
                delta: "response.reasoning_summary_text.delta",
                done: "response.reasoning_summary_text.done",
                piece_done: "response.reasoning_summary_part.done",
            },
        }
    }

    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Text | Self::Refusal => super::MESSAGE,
            Self::Thought => super::REASONING,
        }
    }

    pub(super) const fn piece(self, text: &str) -> Piece<'_> {
        match self {
            Self::Text => Piece::text(text),
            Self::Refusal => Piece::Refusal { refusal: text },
            Self::Thought => Piece::SummaryText { text },
        }
    }

    pub(super) const fn delta(self, delta: &str) -> What<'_> {
        match self {
            Self::Text => What::TextDelta { delta, logprobs: [] },
            Self::Refusal | Self::Thought => What::Delta { delta },
        }
    }

    pub(super) const fn whole(self, text: &str) -> What<'_> {
        match self {
            Self::Text => What::Text { text, logprobs: [] },
            Self::Refusal => What::Refusal { refusal: text },
            Self::Thought => What::Summary { text },
        }
    }
}

impl Speech {
    pub(super) fn place(&self) -> Place<'_> {
        let thinks = self.kind == Kind::Thought;
        Place {
            item_id: &self.id,
            output_index: self.place,
            content_index: (!thinks).then_some(0),
            summary_index: thinks.then_some(0),
        }
    }

    /// The item as it now is.
    pub(super) fn item<'e>(&'e self, status: Status, proof: Option<Cow<'e, str>>) -> Item<'e> {
        let id = self.id.clone();
        match self.kind {
            Kind::Thought => Item::reasoning(id, status, &self.text, proof),
            _ if self.text.is_empty() => Item::message(id, status, Vec::new()),
            kind => Item::message(id, status, vec![kind.piece(&self.text)]),
        }
    }
}

impl OpenCall {
    pub(super) fn place(&self) -> Place<'_> {
        Place {
            item_id: &self.id,
            output_index: self.place,
            content_index: None,
            summary_index: None,
        }
    }

    /// The item as it now is.
    pub(super) fn item(&self, status: Status) -> Item<'_> {
        Item::FunctionCall {
            id: self.id.clone(),
            status,
            call_id: &self.call_id,
            name: &self.name,
            arguments: &self.arguments,
            extra_content: self.signature.as_deref().map(ExtraOut::new),
        }
    }
}

impl fmt::Debug for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {} bytes", self.kind, self.text.len())
    }
}

impl fmt::Debug for OpenCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {} with {} bytes", self.call, self.arguments.len())
    }
}
