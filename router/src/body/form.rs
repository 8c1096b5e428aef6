//! Bodies of `multipart/form-data`: where each part begins and ends, and where the few are that the router
//! reads. One pass over the bytes, nothing decoded, nothing moved. What two readers could take in two ways is
//! refused, because the provider would read it too. <https://www.rfc-editor.org/rfc/rfc7578>

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use super::metadata::key_of;
use super::text::utf8;
use crate::error::Failure;

/// The most parts of one form.
const MAX_PARTS: usize = 1_024;

/// The names that the router reads.
const READ: [&str; 3] = ["model", "requesty", "weir"];

/// One part of a form, as places in the bytes that were scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its name, without quotes.
    pub(crate) name: Range<usize>,
    /// Its content.
    pub(crate) value: Range<usize>,
    /// All of it, from its boundary up to the next.
    pub(crate) whole: Range<usize>,
}

/// The boundary that `content_type` gives, if it is that of a form.
pub(crate) fn boundary(content_type: &str) -> Option<Result<&str, Failure>> {
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut found = parameters.split(';').filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim();
        let plain = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then_some(plain.unwrap_or(value))
    });
    let boundary = found.next().filter(|text| is_boundary(text));
    let only = boundary.filter(|_| found.next().is_none());
    Some(only.ok_or_else(|| Failure::invalid("content-type", "multipart/form-data needs one boundary")))
}

/// <https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1>, less what would have to be quoted.
fn is_boundary(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&b);
    (1..=70).contains(&text.len()) && text.bytes().all(plain)
}

/// The parts of the form that `bytes` are, in order.
pub(crate) fn parts(bytes: &[u8], boundary: &str) -> Result<Vec<Part>, Failure> {
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let finder = memmem::Finder::new(&delimiter);
    let mut parts = Vec::new();
    let mut start = 0;
    let mut at = bytes
        .strip_prefix(&delimiter[2..])
        .map(|_| delimiter.len() - 2)
        .ok_or_else(|| malformed("it must begin with its boundary"))?;
    loop {
        let Some(head) = after_delimiter(bytes, at)? else {
            return Ok(parts);
        };
        if parts.len() == MAX_PARTS {
            return Err(malformed("it has too many parts"));
        }
        let blank = memmem::find(&bytes[head..], b"\r\n\r\n").ok_or_else(cut_short)?;
        let value = head + blank + 4;
        // The line end before a boundary is the boundary's, also where the part is empty.
        let end = finder.find(&bytes[value..]).ok_or_else(cut_short)? + value;
        parts.push(Part {
            name: name(bytes, head..head + blank)?,
            value: value..end,
            whole: start..end + 2,
        });
        start = end + 2;
        at = end + delimiter.len();
    }
}

/// Where the next part's head begins, if another part follows the delimiter that ends at `at`.
fn after_delimiter(bytes: &[u8], at: usize) -> Result<Option<usize>, Failure> {
    match &bytes[at..] {
        [b'\r', b'\n', ..] => Ok(Some(at + 2)),
        [b'-', b'-', rest @ ..] if rest.trim_ascii().is_empty() => Ok(None),
        [] => Err(cut_short()),
        _ => Err(malformed(
            "something follows a boundary on its line, or the last one",
        )),
    }
}

/// Where the name stands that the head at `head` gives its part.
fn name(bytes: &[u8], head: Range<usize>) -> Result<Range<usize>, Failure> {
    let text = &bytes[head.clone()];
    if memmem::find(text, b"\\\"").is_some() || memmem::find(text, b"\n ").is_some() {
        return Err(malformed(
            "the head of a part must not have escaped quotes or folded lines",
        ));
    }
    let mut found = None;
    let mut from = head.start;
    for line in text.split(|byte| *byte == b'\n') {
        for parameter in disposition(line) {
            let name = parameter
                .name_in(line)
                .map(|place| from + place.start..from + place.end);
            if name.is_some() && found.replace(name).is_some() {
                return Err(malformed("a part has two names"));
            }
        }
        from += line.len() + 1;
    }
    let name = found.flatten().ok_or_else(|| malformed("a part has no name"))?;
    check_name(&bytes[name.clone()]).map(|()| name)
}

/// A parameter, as places in its line.
struct Parameter {
    key: Range<usize>,
    value: Range<usize>,
}

impl Parameter {
    /// Where the name of a part stands, if this gives it.
    fn name_in(&self, line: &[u8]) -> Option<Range<usize>> {
        let key = line[self.key.clone()].trim_ascii();
        let names = key.eq_ignore_ascii_case(b"name") || key.eq_ignore_ascii_case(b"name*");
        names.then(|| self.value.clone())
    }
}

/// The parameters of `line`, if it is the header with the name; quotes are respected and taken off.
fn disposition(line: &[u8]) -> impl Iterator<Item = Parameter> {
    let header = b"content-disposition:";
    let ours = line
        .get(..header.len())
        .is_some_and(|begins| begins.eq_ignore_ascii_case(header));
    let mut at = ours.then(|| next_semicolon(line, header.len()));
    std::iter::from_fn(move || {
        let start = at?;
        let equals = start + memchr::memchr(b'=', line.get(start..)?)?;
        let value = value(line, equals + 1);
        at = Some(next_semicolon(line, value.end));
        Some(Parameter {
            key: start..equals,
            value,
        })
    })
}

/// The place behind the next semicolon, or behind the end.
fn next_semicolon(line: &[u8], from: usize) -> usize {
    let rest = line.get(from..).unwrap_or_default();
    memchr::memchr(b';', rest).map_or(line.len(), |at| from + at + 1)
}

fn value(line: &[u8], start: usize) -> Range<usize> {
    let end_of = |from: usize, ends: &[u8]| {
        let rest = line.get(from..).unwrap_or_default();
        rest.iter()
            .position(|byte| ends.contains(byte))
            .map_or(line.len(), |at| from + at)
    };
    match line.get(start) {
        Some(b'"') => start + 1..end_of(start + 1, b"\""),
        _ => start..end_of(start, b"; \t\r"),
    }
}

/// Refuses names that one reader could take for what the router reads, and another not.
fn check_name(name: &[u8]) -> Result<(), Failure> {
    let plain = name.trim_ascii();
    match READ
        .into_iter()
        .find(|read| plain.eq_ignore_ascii_case(read.as_bytes()))
    {
        Some(read) if name != read.as_bytes() => {
            let text = format!("a part's name differs from `{read}` in nothing but case or blanks");
            Err(Failure::invalid(read, text))
        }
        _ => Ok(()),
    }
}

/// Where the value of the one part called `name` stands; two of them are refused.
pub(crate) fn only(bytes: &[u8], parts: &[Part], name: &str) -> Result<Option<Range<usize>>, Failure> {
    let mut found = parts
        .iter()
        .filter(|part| &bytes[part.name.clone()] == name.as_bytes());
    let first = found.next();
    if found.next().is_some() {
        return Err(Failure::invalid(
            name,
            format!("`{name}` must not be given twice"),
        ));
    }
    Ok(first.map(|part| part.value.clone()))
}

/// The key that the part called `name` gives; `None` for an empty one.
pub(crate) fn key<'a>(bytes: &'a [u8], parts: &[Part], name: &str) -> Result<Option<Cow<'a, str>>, Failure> {
    match only(bytes, parts, name)? {
        Some(value) => key_of(utf8(&bytes[value]), name),
        None => Ok(None),
    }
}

fn cut_short() -> Failure {
    malformed("it is cut short")
}

fn malformed(why: &str) -> Failure {
    Failure::invalid_body(format!("the body must be multipart/form-data: {why}"))
}

#[cfg(test)]
mod tests;
