//! The text of a JSON string or number that was found by the scanner. Decodes; decides nothing.

use std::borrow::Cow;
use std::cmp::Ordering;

/// Why a raw value is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoText {
    /// It is a boolean, an object, an array or null.
    OtherType,
    /// It is a string that stands for no text: a lone surrogate, a control character, not UTF-8.
    Undecodable,
}

/// The text of the string `raw`, which begins and ends with its quotes: its escapes are resolved.
pub(crate) fn string(raw: &[u8]) -> Result<Cow<'_, str>, NoText> {
    let inner = raw
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
        .ok_or(NoText::OtherType)?;
    if inner.contains(&b'\\') {
        return serde_json::from_slice(raw)
            .map(Cow::Owned)
            .map_err(|_| NoText::Undecodable);
    }
    let text = std::str::from_utf8(inner).map_err(|_| NoText::Undecodable)?;
    if text.bytes().any(|b| b < 0x20) {
        Err(NoText::Undecodable)
    } else {
        Ok(Cow::Borrowed(text))
    }
}

/// The text of a string, or of a number as it is written.
pub(crate) fn string_or_number(raw: &[u8]) -> Result<Cow<'_, str>, NoText> {
    match raw.first() {
        Some(b'-' | b'0'..=b'9') => std::str::from_utf8(raw)
            .map(Cow::Borrowed)
            .map_err(|_| NoText::Undecodable),
        _ => string(raw),
    }
}

/// The text of bytes that are no JSON.
pub(crate) fn utf8(raw: &[u8]) -> Result<Cow<'_, str>, NoText> {
    std::str::from_utf8(raw)
        .map(Cow::Borrowed)
        .map_err(|_| NoText::Undecodable)
}

/// Whether a member's name, with its quotes, means `name` but for the case of its letters.
pub(crate) fn differs_in_case(raw: &[u8], name: &str) -> bool {
    let plain = raw.get(1..raw.len() - 1).unwrap_or_default();
    let alike = |text: &[u8]| text != name.as_bytes() && text.eq_ignore_ascii_case(name.as_bytes());
    alike(plain)
        || (plain.len() > name.len()
            && plain.contains(&b'\\')
            && string(raw).is_ok_and(|text| alike(text.as_bytes())))
}

/// Whether a member's name, with its quotes, means `name`; escapes are resolved before they are compared.
pub(crate) fn means(raw: &[u8], name: &str) -> bool {
    let plain = raw.get(1..raw.len() - 1).unwrap_or_default();
    // What is written with an escape is longer than what it means.
    match plain.len().cmp(&name.len()) {
        Ordering::Less => false,
        Ordering::Equal => plain == name.as_bytes(),
        Ordering::Greater => plain.contains(&b'\\') && string(raw).is_ok_and(|text| text == name),
    }
}

/// `text` as a JSON string, with its quotes.
pub(crate) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::{NoText, means, quote, string, string_or_number};

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(string(br#""\u00e9""#).unwrap(), "é");
        assert_eq!(string(br#""plain""#).unwrap(), "plain");
    }

    #[test]
    fn a_lone_surrogate_is_no_text() {
        assert_eq!(string(br#""\ud800""#), Err(NoText::Undecodable));
        assert_eq!(string(b"\"\xff\""), Err(NoText::Undecodable));
        assert_eq!(string(b"\"a\nb\""), Err(NoText::Undecodable));
    }

    #[test]
    fn a_number_is_its_own_text() {
        assert_eq!(string_or_number(b"1.50").unwrap(), "1.50");
        assert_eq!(string_or_number(b"true"), Err(NoText::OtherType));
    }

    #[test]
    fn names_are_compared_after_decoding() {
        assert!(means(br#""model""#, "model"));
        assert!(means(br#""mod\u0065l""#, "model"));
        assert!(!means(br#""mode""#, "model"));
    }

    #[test]
    fn a_quoted_text_reads_back() {
        assert_eq!(string(quote("a\"b\\\u{1}").as_bytes()).unwrap(), "a\"b\\\u{1}");
    }
}
