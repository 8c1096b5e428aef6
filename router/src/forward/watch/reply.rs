//! What the router reads of an answer, streamed or whole: whether there is content in it, how its choices
//! ended, and whether it is an error after all. Texts are found, not decoded and not kept.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

/// A chunk of a stream, or a whole answer.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Reply<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    object: Option<Word<'a>>,
    #[serde(skip)]
    whole: &'a [u8],
}

#[derive(Debug, serde::Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    /// Some providers send it beside the delta, or instead.
    #[serde(borrow, default)]
    message: Option<Delta<'a>>,
    /// Where completions are not of a chat.
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<Word<'a>>,
}

/// The fields in which models answer; role and the like are none.
#[derive(Debug, serde::Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    audio: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
}

/// A text that is only copied where it holds escapes.
#[derive(Debug)]
struct Word<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(WordVisitor)
    }
}

struct WordVisitor;

impl<'de> Visitor<'de> for WordVisitor {
    type Value = Word<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Word<'de>, E> {
        Ok(Word(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Word<'de>, E> {
        Ok(Word(Cow::Owned(text.to_owned())))
    }
}

/// The choices that a chunk speaks of, for where nothing else of it matters.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Mentions {
    #[serde(default)]
    choices: Option<Vec<Mention>>,
}

#[derive(Debug, serde::Deserialize)]
struct Mention {
    #[serde(default)]
    index: Option<u64>,
}

impl Mentions {
    /// Reads `data`; `None` if it is not an object of this shape.
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }

    /// The choices that are spoken of.
    pub(crate) fn indices(&self) -> impl Iterator<Item = u64> {
        let choices = self.choices.as_deref().unwrap_or_default();
        choices.iter().map(|choice| choice.index.unwrap_or(0))
    }
}

/// How a choice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// The output limit was reached.
    Length,
    /// The provider's filter stopped it.
    ContentFilter,
    /// Any other way.
    Other,
}

impl<'a> Reply<'a> {
    /// Reads `data`; `None` if it is not an object of this shape.
    pub(crate) fn read(data: &'a [u8]) -> Option<Self> {
        // Of a text it is known that all of its parts are.
        let reply: Self = serde_json::from_str(std::str::from_utf8(data).ok()?).ok()?;
        Some(Self { whole: data, ..reply })
    }

    /// The error that this is instead of an answer.
    pub(crate) fn error(&self) -> Option<&'a [u8]> {
        match self.error {
            Some(error) if error.get() != "null" => Some(error.get().as_bytes()),
            _ if self.object.as_ref().is_some_and(|Word(object)| object == "error") => Some(self.whole),
            _ => None,
        }
    }

    /// Whether any choice says anything.
    pub(crate) fn has_content(&self) -> bool {
        self.choices().iter().any(Choice::has_content)
    }

    /// What it took, where that is said.
    pub(crate) fn usage(&self) -> Option<&'a RawValue> {
        self.usage.filter(|usage| is_something(usage))
    }

    /// Whether it says what the stream took and nothing else.
    pub(crate) fn is_only_usage(&self) -> bool {
        self.choices.as_ref().is_some_and(Vec::is_empty) && self.usage().is_some()
    }

    /// Whether there is a count of tokens.
    pub(crate) fn has_count(&self) -> bool {
        self.input_tokens.is_some_and(is_something)
    }

    /// The choices that are spoken of.
    pub(crate) fn indices(&self) -> impl Iterator<Item = u64> {
        self.choices().iter().map(Choice::index)
    }

    /// The choices that end here, and how. Some providers write an empty reason where there is none.
    pub(crate) fn finishes(&self) -> impl Iterator<Item = (u64, Finish)> {
        let finished = |choice: &Choice<'_>| {
            choice
                .finish_reason
                .as_ref()
                .filter(|Word(reason)| !reason.is_empty())
                .map(|Word(reason)| (choice.index(), finish(reason)))
        };
        self.choices().iter().filter_map(finished)
    }

    /// Whether a whole answer is one: content, or a reason for having none.
    pub(crate) fn is_answer(&self) -> bool {
        self.has_content() || self.finishes().any(|(_, finish)| finish != Finish::Other)
    }

    /// Whether there is anything in `data`, where embeddings are.
    pub(crate) fn has_data(&self) -> bool {
        self.data.is_some_and(is_something)
    }

    fn choices(&self) -> &[Choice<'a>] {
        self.choices.as_deref().unwrap_or_default()
    }
}

impl Choice<'_> {
    fn has_content(&self) -> bool {
        let mut deltas = [&self.delta, &self.message].into_iter().flatten();
        deltas.any(Delta::has_content) || self.text.is_some_and(is_something)
    }

    fn index(&self) -> u64 {
        self.index.unwrap_or(0)
    }
}

impl Delta<'_> {
    fn has_content(&self) -> bool {
        let Self {
            content,
            reasoning_content,
            reasoning,
            refusal,
            audio,
            tool_calls,
            function_call,
        } = self;
        let fields = [
            content,
            reasoning_content,
            reasoning,
            refusal,
            audio,
            tool_calls,
            function_call,
        ];
        fields.into_iter().flatten().any(|raw| is_something(raw))
    }
}

/// Whether a value is more than nothing.
pub(super) fn is_something(raw: &RawValue) -> bool {
    !matches!(raw.get(), "null" | "\"\"" | "[]" | "{}")
}

fn finish(reason: &str) -> Finish {
    match reason {
        "length" => Finish::Length,
        "content_filter" => Finish::ContentFilter,
        _ => Finish::Other,
    }
}
