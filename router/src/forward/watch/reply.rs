//! What the router reads of an answer, streamed or whole: whether there is content in it, how its choices
//! ended, and whether it is an error after all. One pass over its bytes: texts are found, not decoded and not kept.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use crate::body::scan::{Cursor, Name, ScanError, whole};
use crate::body::text::string;

/// A chunk of a stream, or a whole answer. Of a field that is given twice the last counts, as it does for most
/// readers of JSON, except that content is content wherever it was said.
#[derive(Debug, Default)]
pub(crate) struct Reply<'a> {
    /// `None` where there is no list of them.
    choices: Option<Vec<Choice>>,
    has_data: bool,
    has_count: bool,
    error: Option<&'a [u8]>,
    /// Whether it calls itself an error.
    is_error: bool,
    usage: Option<&'a [u8]>,
    whole: &'a [u8],
}

#[derive(Debug, Default)]
struct Choice {
    index: u64,
    has_content: bool,
    finish: Option<Finish>,
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
        let mut reply = Self {
            whole: data,
            ..Self::default()
        };
        whole(data, |cursor, name| reply.member(cursor, &name)).ok()?;
        has_only_texts(data).then_some(reply)
    }

    fn member(&mut self, cursor: &mut Cursor<'a>, name: &Name) -> Result<(), ScanError> {
        match &*cursor.named(name)? {
            b"choices" => self.choices = unless_null(cursor, choices)?,
            b"data" => self.has_data = is_something(cursor.raw()?),
            b"input_tokens" => self.has_count = is_something(cursor.raw()?),
            b"error" => self.error = Some(cursor.raw()?).filter(|error| *error != b"null"),
            b"object" => self.is_error = unless_null(cursor, text)?.is_some_and(|object| object == "error"),
            b"usage" => self.usage = Some(cursor.raw()?).filter(|usage| is_something(usage)),
            _ => cursor.pass()?,
        }
        Ok(())
    }

    /// The error that this is instead of an answer.
    pub(crate) fn error(&self) -> Option<&'a [u8]> {
        self.error.or_else(|| self.is_error.then_some(self.whole))
    }

    /// Whether any choice says anything.
    pub(crate) fn has_content(&self) -> bool {
        self.choices().iter().any(|choice| choice.has_content)
    }

    /// What it took, where that is said.
    pub(crate) fn usage(&self) -> Option<&'a [u8]> {
        self.usage
    }

    /// Whether it says what the stream took and nothing else.
    pub(crate) fn is_only_usage(&self) -> bool {
        self.choices.as_ref().is_some_and(Vec::is_empty) && self.usage.is_some()
    }

    /// Whether there is a count of tokens.
    pub(crate) fn has_count(&self) -> bool {
        self.has_count
    }

    /// The choices that are spoken of.
    pub(crate) fn indices(&self) -> impl Iterator<Item = u64> {
        self.choices().iter().map(|choice| choice.index)
    }

    /// The choices that end here, and how.
    pub(crate) fn finishes(&self) -> impl Iterator<Item = (u64, Finish)> {
        let finished = |choice: &Choice| Some((choice.index, choice.finish?));
        self.choices().iter().filter_map(finished)
    }

    /// Whether a whole answer is one: content, or a reason for having none.
    pub(crate) fn is_answer(&self) -> bool {
        self.has_content() || self.finishes().any(|(_, finish)| finish != Finish::Other)
    }

    /// Whether there is anything in `data`, where embeddings are.
    pub(crate) fn has_data(&self) -> bool {
        self.has_data
    }

    fn choices(&self) -> &[Choice] {
        self.choices.as_deref().unwrap_or_default()
    }
}

impl Choice {
    /// Beside the delta, or instead, some providers send a message; `text` is where completions are not of a chat.
    fn member(&mut self, cursor: &mut Cursor<'_>, name: &Name) -> Result<(), ScanError> {
        match &*cursor.named(name)? {
            b"index" => self.index = unless_null(cursor, number)?.unwrap_or(0),
            b"delta" | b"message" => {
                self.has_content |= unless_null(cursor, says_something)?.unwrap_or(false);
            }
            b"text" => self.has_content |= is_something(cursor.raw()?),
            b"finish_reason" => self.finish = unless_null(cursor, finish)?.flatten(),
            _ => cursor.pass()?,
        }
        Ok(())
    }
}

fn choices(cursor: &mut Cursor<'_>) -> Result<Vec<Choice>, ScanError> {
    let mut choices = Vec::new();
    cursor.array(|cursor| {
        let mut choice = Choice::default();
        fields(cursor, |cursor, name| choice.member(cursor, &name))?;
        choices.push(choice);
        Ok(())
    })?;
    Ok(choices)
}

/// Whether a delta has something in one of the fields in which models answer; role and the like are none.
fn says_something(cursor: &mut Cursor<'_>) -> Result<bool, ScanError> {
    let mut says = false;
    fields(cursor, |cursor, name| {
        match &*cursor.named(&name)? {
            b"content" | b"reasoning_content" | b"reasoning" | b"refusal" | b"audio" | b"tool_calls"
            | b"function_call" => says |= is_something(cursor.raw()?),
            _ => cursor.pass()?,
        }
        Ok(())
    })?;
    Ok(says)
}

/// Passes an object; PHP writes an empty one as an empty array.
fn fields<'a>(
    cursor: &mut Cursor<'a>,
    each: impl FnMut(&mut Cursor<'a>, Name) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    if cursor.is_at_array() {
        cursor.array(|cursor| Err(cursor.unexpected("nothing")))
    } else {
        cursor.object(each)
    }
}

/// Some providers write an empty reason where there is none.
fn finish(cursor: &mut Cursor<'_>) -> Result<Option<Finish>, ScanError> {
    Ok(match &*text(cursor)? {
        "" => None,
        "length" => Some(Finish::Length),
        "content_filter" => Some(Finish::ContentFilter),
        _ => Some(Finish::Other),
    })
}

fn text<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, str>, ScanError> {
    let raw = cursor.raw()?;
    string(raw).map_err(|_| cursor.unexpected("a text before"))
}

fn number(cursor: &mut Cursor<'_>) -> Result<u64, ScanError> {
    let digits = std::str::from_utf8(cursor.raw()?).ok();
    let number = digits.and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| cursor.unexpected("a whole number before"))
}

/// What `read` reads, unless there is null.
fn unless_null<'a, T>(
    cursor: &mut Cursor<'a>,
    read: impl FnOnce(&mut Cursor<'a>) -> Result<T, ScanError>,
) -> Result<Option<T>, ScanError> {
    if cursor.null() {
        return Ok(None);
    }
    read(cursor).map(Some)
}

/// Whether a value is more than nothing.
pub(super) fn is_something(raw: &[u8]) -> bool {
    !matches!(raw, b"null" | b"\"\"" | b"[]" | b"{}")
}

/// Whether all strings of `json`, whose shape has been read, are texts: UTF-8, with escapes that there are, and
/// without control characters. A backslash has no place outside strings, and of what control characters have, line
/// ends and the like, most answers have none.
fn has_only_texts(json: &[u8]) -> bool {
    if json.iter().copied().min().is_some_and(|least| least < 0x20) {
        return serde_json::from_slice::<IgnoredAny>(json).is_ok() && std::str::from_utf8(json).is_ok();
    }
    std::str::from_utf8(json).is_ok() && has_only_good_escapes(json)
}

fn has_only_good_escapes(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        rest = match &rest[at + 1..] {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', after @ ..] => after,
            [b'u', digits @ ..] => match digits.split_at_checked(4) {
                Some((digits, after)) if digits.iter().all(u8::is_ascii_hexdigit) => after,
                _ => return false,
            },
            _ => return false,
        };
    }
    true
}

#[cfg(test)]
mod tests;
