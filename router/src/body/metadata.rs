//! The `requesty` and `weir` objects of a request: who sent it, for the hash, and whether its prompt is to be
//! cached. `tags` are for the access log and nothing else, within bounds; `extra` may hold anything, and is not kept.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::scan::{Member, members};
use super::text::{NoText, means, string_or_number};
use crate::error::Failure;

/// The longest key, in bytes of its decoded text.
pub(crate) const MAX_KEY_BYTES: usize = 1_024;

/// What one such object says of its sender.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// `trace_id`, unless null, empty or absent.
    pub(crate) trace_id: Option<String>,
    /// `user_id`, likewise.
    pub(crate) user_id: Option<String>,
    /// `tags`, within bounds and joined by commas.
    pub(crate) tags: String,
    /// `auto_cache`: whether cache marks are to be set where the caller set none.
    pub(crate) auto_cache: bool,
}

impl fmt::Debug for Metadata {
    /// Never who the sender is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata")
            .field("trace_id", &self.trace_id.as_ref().map(String::len))
            .field("user_id", &self.user_id.as_ref().map(String::len))
            .field("tags", &self.tags.len())
            .field("auto_cache", &self.auto_cache)
            .finish()
    }
}

impl Metadata {
    /// Reads `raw`, the value of the field called `name`.
    pub(crate) fn read(raw: &[u8], name: &str) -> Result<Self, Failure> {
        if raw == b"null" {
            return Ok(Self::default());
        }
        let wrong = || Failure::invalid(name, format!("`{name}` must be an object"));
        let members = members(raw).map_err(|_| wrong())?;
        let value = |field: &'static str| {
            let path = Path { name, field };
            only(raw, &members, field, path).map(|found| found.map(|at| (&raw[at], path)))
        };
        let id = |field| match value(field)? {
            Some((raw, path)) => key(raw, path).map(|text| text.map(Cow::into_owned)),
            None => Ok(None),
        };
        let (auto_cache, tags) = (value("auto_cache")?, value("tags")?);
        Ok(Self {
            trace_id: id("trace_id")?,
            user_id: id("user_id")?,
            tags: tags.map(|(raw, _)| tags_of(raw)).unwrap_or_default(),
            auto_cache: auto_cache.is_some_and(|(raw, _)| raw == b"true"),
        })
    }
}

/// Where a field stands; written only where something is wrong with it.
#[derive(Debug, Clone, Copy)]
struct Path<'a> {
    name: &'a str,
    field: &'static str,
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.name, self.field)
    }
}

/// The most tags of a request that are kept.
const MAX_TAGS: usize = 8;

/// The most bytes of a tag that are kept.
const MAX_TAG_BYTES: usize = 64;

/// The tags in `raw`, as far as they are kept. What is no list of texts has none: nothing is refused for what
/// only a log wants to know.
fn tags_of(raw: &[u8]) -> String {
    let tags: FirstTags = serde_json::from_slice(raw).unwrap_or_default();
    tags.0.join(",")
}

/// The first texts of a list.
#[derive(Default)]
struct FirstTags(Vec<String>);

impl<'de> Deserialize<'de> for FirstTags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Self::default())
    }
}

impl<'de> Visitor<'de> for FirstTags {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Self, A::Error> {
        while let Some(tag) = list.next_element::<&RawValue>()? {
            let text = string_or_number(tag.get().as_bytes());
            if let Ok(text) = text
                && self.0.len() < MAX_TAGS
            {
                let end = text.floor_char_boundary(MAX_TAG_BYTES);
                self.0.push(text[..end].to_owned());
            }
        }
        Ok(self)
    }
}

/// Where the value of the one member called `field` stands; two of them are refused.
pub(crate) fn only(
    bytes: &[u8],
    members: &[Member],
    field: &str,
    path: impl fmt::Display + Copy,
) -> Result<Option<Range<usize>>, Failure> {
    let mut found = members.iter().filter(|member| means(bytes, &member.name, field));
    let first = found.next();
    if found.next().is_some() {
        return Err(wrong(path, "must not be given twice"));
    }
    Ok(first.map(|member| member.value.clone()))
}

/// The key that a raw value gives: a string's text or a number as it is written; `None` for null and the
/// empty string, whose place the next source takes.
pub(crate) fn key(raw: &[u8], path: impl fmt::Display + Copy) -> Result<Option<Cow<'_, str>>, Failure> {
    if raw == b"null" {
        return Ok(None);
    }
    key_of(string_or_number(raw), path)
}

/// The key that a text is; `None` for the empty one.
pub(crate) fn key_of(
    text: Result<Cow<'_, str>, NoText>,
    path: impl fmt::Display + Copy,
) -> Result<Option<Cow<'_, str>>, Failure> {
    let text = text.map_err(|why| match why {
        NoText::OtherType => wrong(path, "must be a string or a number"),
        NoText::Undecodable => wrong(path, "must be valid Unicode text"),
    })?;
    if text.len() > MAX_KEY_BYTES {
        let what = format_args!("must not be longer than {MAX_KEY_BYTES} bytes");
        return Err(wrong(path, what));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn wrong(path: impl fmt::Display, what: impl fmt::Display) -> Failure {
    Failure::invalid(&path.to_string(), format!("`{path}` {what}"))
}

#[cfg(test)]
mod tests {
    use weir_table::FailureClass;

    use super::Metadata;

    fn trace_id(json: &str) -> Result<Option<String>, String> {
        let read = Metadata::read(json.as_bytes(), "requesty");
        read.map(|metadata| metadata.trace_id).map_err(|failure| {
            assert_eq!(failure.class, FailureClass::InvalidRequest);
            failure.message.into_owned()
        })
    }

    fn tags(json: &str) -> String {
        Metadata::read(json.as_bytes(), "requesty").unwrap().tags
    }

    #[test]
    fn tags_are_kept_within_bounds_and_never_a_reason_to_refuse() {
        assert_eq!(tags(r#"{"tags":["a","b\"c",7,null,{"x":1},"é"]}"#), "a,b\"c,7,é");
        assert_eq!(
            tags(r#"{"tags":["1","2","3","4","5","6","7","8","9"]}"#),
            "1,2,3,4,5,6,7,8"
        );
        let long = format!(r#"{{"tags":["{}é"]}}"#, "x".repeat(63));
        assert_eq!(tags(&long), "x".repeat(63));
        for none in [r#"{"tags":"a"}"#, r#"{"tags":null}"#, r#"{"tags":{"a":1}}"#, "{}"] {
            assert_eq!(tags(none), "", "{none}");
        }
    }

    #[test]
    fn ids_are_strings_or_numbers_as_written() {
        assert_eq!(trace_id(r#"{"trace_id":"a"}"#), Ok(Some("a".to_owned())));
        assert_eq!(trace_id(r#"{"trace_id":1e3}"#), Ok(Some("1e3".to_owned())));
        assert_eq!(trace_id(r#"{"trace_id":"\u00e9"}"#), Ok(Some("é".to_owned())));
    }

    #[test]
    fn null_empty_and_absent_give_way_to_the_next_source() {
        for json in [r#"{"trace_id":null}"#, r#"{"trace_id":""}"#, "{}", "null"] {
            assert_eq!(trace_id(json), Ok(None), "{json}");
        }
    }

    #[test]
    fn other_types_are_refused_by_name() {
        for value in ["true", "{}", "[]", r#""\ud800""#] {
            let message = trace_id(&format!(r#"{{"trace_id":{value}}}"#)).unwrap_err();
            assert!(message.contains("`requesty.trace_id`"), "{message}");
        }
        assert!(
            trace_id("7")
                .unwrap_err()
                .contains("`requesty` must be an object")
        );
    }

    #[test]
    fn a_key_longer_than_a_kibibyte_is_refused() {
        let fits = "x".repeat(1_024);
        assert_eq!(
            trace_id(&format!(r#"{{"trace_id":"{fits}"}}"#)),
            Ok(Some(fits.clone()))
        );
        assert!(
            trace_id(&format!(r#"{{"trace_id":"{fits}y"}}"#))
                .unwrap_err()
                .contains("1024 bytes")
        );
    }
}
