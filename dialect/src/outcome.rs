//! What translating comes to: something written, with what was dropped on the way, or a reason why not.

use std::borrow::Cow;
use std::time::Duration;

use crate::form::{Ask, Weight};

/// A request's body in a target's dialect.
#[derive(Debug, Clone)]
pub struct Written {
    /// The body.
    pub body: Vec<u8>,
    /// What the caller said and the target will not hear.
    pub dropped: Dropped,
}

/// What an answer is called by where its provider does not say: given by the router, which has the clock and
/// the request's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The request's id, such as `req_0123`; dialects put their own prefix before its last part.
    pub id: String,
    /// What the provider calls the model.
    pub model: String,
    /// Seconds since 1970.
    pub created: u64,
}

impl Stamp {
    /// The id of an answer: `prefix` and the last part of the provider's own id, else of the request's.
    /// `chatcmpl-` and `msg_01Ab` are `chatcmpl-01Ab`.
    pub fn answer_id(&self, prefix: &str, own: Option<&str>) -> String {
        let id = own.filter(|own| !own.is_empty()).unwrap_or(&self.id);
        if id.starts_with(prefix) {
            return id.to_owned();
        }
        let last = id.rsplit('_').find(|part| !part.is_empty()).unwrap_or_default();
        format!("{prefix}{last}")
    }
}

/// Fields that were left out, by their paths in the caller's body; told to the caller in `x-weir-dropped`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dropped(Vec<String>);

impl Dropped {
    /// The hints among what the form had no place for.
    ///
    /// # Errors
    /// The first essential one is refused: the answer would not be what was asked for.
    pub fn of_extras(ask: &Ask<'_>, target: &str) -> Result<Self, Refusal> {
        let mut dropped = Self::default();
        for extra in &ask.extras {
            match extra.weight {
                Weight::Hint => dropped.add(&extra.field),
                Weight::Essential => return Err(Refusal::unsupported(&extra.field, target)),
            }
        }
        Ok(dropped)
    }

    /// `field` was left out. Named once, however often it was.
    pub fn add(&mut self, field: &str) {
        if !self.0.iter().any(|known| known == field) {
            self.0.push(field.to_owned());
        }
    }

    /// The fields, in the order in which they were left out.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A request that cannot be said in a dialect, or is none in its own: the caller's to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The field at fault, as a path in the caller's body; empty for the body as a whole.
    pub field: String,
    /// What is wrong and what to do. Never a word of the prompt.
    pub message: Cow<'static, str>,
}

impl Refusal {
    /// `field` is not what it must be.
    pub fn new(field: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }

    /// `target` cannot do what `field` asks for. `target` is such as `Anthropic's Messages`.
    pub fn unsupported(field: &str, target: &str) -> Self {
        Self::new(
            field,
            format!(
                "`{field}` cannot be said in {target}, the dialect of this target; leave it out or name another target"
            ),
        )
    }
}

/// An answer or an event that is not of its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the provider's answer is not of its dialect")]
pub struct Unreadable;

/// What a provider said went wrong, in its own words; which failure that is, is the router's to say. The
/// message may repeat what the caller wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    /// A status inside the answer, if one was said.
    pub status: Option<u16>,
    /// The kind: `overloaded_error`, `RESOURCE_EXHAUSTED`, `throttlingException`.
    pub kind: String,
    /// A finer code, if any: `context_length_exceeded`.
    pub code: String,
    /// The message.
    pub message: String,
    /// When to ask again, if the error itself says so.
    pub retry_after: Option<Duration>,
}

#[cfg(test)]
mod tests;
