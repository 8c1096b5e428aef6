//! How the dialects read and write JSON: into values that borrow from the body, with what nobody asked for
//! named, and errors that say where but repeat nothing of what was written.
//!
//! Never a document: what a dialect does not name is skipped.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_ignored::Path;

use crate::form::{Extra, Weight};
use crate::{Refusal, Unreadable};

/// At most so many unknown fields are named.
const NAMED: usize = 32;

/// A text, borrowed from the body unless an escape stands in it. A struct with one in it needs
/// `#[serde(borrow)]` on one field of that lifetime; `Option<Str>` and `Vec<Str>` do.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Str<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl<'a> From<Str<'a>> for Cow<'a, str> {
    fn from(text: Str<'a>) -> Self {
        text.0
    }
}

impl std::ops::Deref for Str<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Either a text or something with more in it: a list or an object. Never reads one as the other.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StrOr<'a, T> {
    /// A text.
    Str(Cow<'a, str>),
    /// A list or an object.
    Other(T),
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for StrOr<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrOrVisitor(PhantomData))
    }
}

struct StrOrVisitor<'a, T>(PhantomData<fn() -> (&'a (), T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for StrOrVisitor<'a, T> {
    type Value = StrOr<'a, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a list or an object")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(StrOr::Str(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(StrOr::Str(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(StrOr::Str(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(list)).map(StrOr::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(StrOr::Other)
    }
}

/// Reads a caller's request. Fields that `T` does not name, at any depth, are hints: they come back beside
/// it, each path once, as `messages[].name`. `silent` fields of the top level do not.
///
/// # Errors
/// The body is no JSON, or not of the shape of `T`: says where and what was expected there.
pub(crate) fn read_request<'a, T: Deserialize<'a>>(
    body: &'a [u8],
    silent: &[&str],
) -> Result<(T, Vec<Extra<'a>>), Refusal> {
    let mut extras: Vec<Extra<'a>> = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let read = serde_ignored::deserialize(&mut deserializer, |path| note(&path, silent, &mut extras));
    match read.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(value) => Ok((value, extras)),
        Err(_) => Err(why_not::<T>(body)),
    }
}

/// Reads something that a target wrote; what `T` does not name is skipped.
///
/// # Errors
/// It is no JSON, or not of the shape of `T`.
pub(crate) fn read_answer<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(body).map_err(|_| Unreadable)
}

/// Writes what serialises without fail: the dialects' own structs, whose keys are texts.
pub(crate) fn write<T: Serialize>(value: &T) -> Vec<u8> {
    let mut body = Vec::with_capacity(1024);
    write_into(value, &mut body);
    body
}

/// Appends what [`write`] would write.
pub(crate) fn write_into<T: Serialize>(value: &T, into: &mut Vec<u8>) {
    let written = serde_json::to_writer(into, value);
    debug_assert!(written.is_ok(), "structs with texts as keys always serialise");
}

fn note(path: &Path<'_>, silent: &[&str], extras: &mut Vec<Extra<'_>>) {
    if is_silent(path, silent) || extras.len() >= NAMED {
        return;
    }
    let field = field_of(path);
    if !extras.iter().any(|extra| extra.field == field) {
        extras.push(Extra {
            field: Cow::Owned(field),
            weight: Weight::Hint,
        });
    }
}

fn is_silent(path: &Path<'_>, silent: &[&str]) -> bool {
    match path {
        Path::Map { parent, key } => matches!(parent, Path::Root) && silent.contains(&key.as_str()),
        _ => false,
    }
}

/// `messages[].name`: without places in lists, so that a field is named once however often it comes.
fn field_of(path: &Path<'_>) -> String {
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, .. } => field_of(parent) + "[]",
        Path::Map { parent, key } => {
            let parent = field_of(parent);
            let dot = if parent.is_empty() { "" } else { "." };
            format!("{parent}{dot}{}", plain(key))
        }
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            field_of(parent)
        }
    }
}

/// A word of a caller's as it may stand in a header or a message: at most 64 plain characters.
pub(crate) fn plain(key: &str) -> String {
    let shown = |c: char| {
        if c.is_ascii_alphanumeric() || "_-.".contains(c) {
            c
        } else {
            '?'
        }
    };
    key.chars().take(64).map(shown).collect()
}

/// Why `body` is no `T`. Reads it once more, which only a bad request has to pay.
fn why_not<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Refusal {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut deserializer) else {
        return Refusal::new(
            "",
            "the body has something behind its JSON object; send one object",
        );
    };
    let inner = error.inner();
    if !inner.is_data() {
        let (line, column) = (inner.line(), inner.column());
        return Refusal::new("", format!("the body is not JSON (line {line}, column {column})"));
    }
    let field = error.path().to_string();
    let field = if field == "." { String::new() } else { field };
    Refusal::new(field, what_is_wrong(&inner.to_string()))
}

/// What may be told of serde's message: the part that our own types wrote, never the value that it quotes.
fn what_is_wrong(message: &str) -> String {
    let message = message
        .rsplit_once(" at line ")
        .map_or(message, |(message, _)| message);
    if message.starts_with("missing field ") || message.starts_with("duplicate field ") {
        return message.to_owned();
    }
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected} here"),
        None => "the value is not of its type".to_owned(),
    }
}

#[cfg(test)]
mod tests;
