//! Responses: what commits a stream, when it is whole, and what it took.
//! <https://platform.openai.com/docs/api-reference/responses-streaming>

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use weir_dialect::form::Usage;
use weir_table::Dialect;

use super::{Meaning, data, failed, malformed, misshapen, says_something, usage};
use crate::classify;
use crate::error::Failure;

/// How far a stream has come.
#[derive(Debug)]
pub(crate) struct Progress {
    dialect: Dialect,
    committed: bool,
    usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item: Option<Item<'a>>,
    #[serde(borrow, default)]
    response: Option<Response<'a>>,
}

#[derive(Debug, Deserialize)]
struct Item<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
}

/// A response, whole or as far as it has come.
#[derive(Debug, Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
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
            committed: false,
            usage: None,
        }
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
        match &*event.kind {
            "error" => failed(self.dialect, data),
            "response.failed" => self.gave_up(event.response.as_ref()),
            "response.completed" | "response.incomplete" => self.ends(event),
            "response.output_item.added" => self.shows(event.item.as_ref().is_some_and(Item::is_content)),
            "response.image_generation_call.partial_image" => self.shows(true),
            kind => {
                let is_delta = kind.strip_suffix(".delta").is_some();
                self.shows(is_delta && event.delta.is_some_and(says_something))
            }
        }
    }

    fn shows(&mut self, content: bool) -> Meaning {
        self.committed |= content;
        if content {
            Meaning::Commits
        } else {
            Meaning::Passes
        }
    }

    fn gave_up(&self, response: Option<&Response<'_>>) -> Meaning {
        let error = response.and_then(|response| response.error);
        failed(self.dialect, error.map_or(b"{}", |error| error.get().as_bytes()))
    }

    fn ends(&mut self, event: &Event<'_>) -> Meaning {
        let response = event.response.as_ref();
        self.usage = response
            .and_then(|response| response.usage)
            .and_then(|usage| usage::openai(usage.get().as_bytes()));
        let answers = event.kind == "response.incomplete" || response.is_some_and(Response::has_output);
        if self.committed || !answers {
            Meaning::Done
        } else {
            Meaning::IsAnswer
        }
    }
}

impl Item<'_> {
    /// A message or a piece of reasoning is yet to say something; a call is something by being there.
    fn is_content(&self) -> bool {
        !matches!(&*self.kind, "" | "message" | "reasoning")
    }
}

impl Response<'_> {
    fn has_output(&self) -> bool {
        self.output.is_some_and(says_something)
    }

    /// Whether there is nothing in it because it is still being worked on, as its caller wanted.
    fn is_under_way(&self) -> bool {
        matches!(
            self.status.as_deref(),
            Some("queued" | "in_progress" | "incomplete")
        )
    }
}

/// Proves that `answer` is a response, and reads what it took.
pub(super) fn prove(dialect: Dialect, answer: &[u8]) -> Result<Option<Usage>, Failure> {
    let response: Response<'_> = serde_json::from_slice(answer).map_err(|_| misshapen())?;
    if let Some(error) = response.error.filter(|error| says_something(error)) {
        return Err(classify::in_band(dialect, error.get().as_bytes()));
    }
    if response.has_output() || response.is_under_way() {
        Ok(response
            .usage
            .and_then(|usage| usage::openai(usage.get().as_bytes())))
    } else {
        Err(malformed("the provider's answer has no output"))
    }
}

#[cfg(test)]
mod tests;
