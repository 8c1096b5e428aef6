//! The text of a JSON string or number that was found by the scanner. Decodes; decides nothing.

use std::borrow::Cow;

use super::scan::Name;

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

/// Whether `name`, of `bytes`, is `wanted` but for the case of its letters.
pub(crate) fn differs_in_case(bytes: &[u8], name: &Name, wanted: &str) -> bool {
    let wanted = wanted.as_bytes();
    named(bytes, name).is_ok_and(|text| *text != *wanted && text.eq_ignore_ascii_case(wanted))
}

/// Whether `name`, of `bytes`, is `wanted`.
pub(crate) fn means(bytes: &[u8], name: &Name, wanted: &str) -> bool {
    named(bytes, name).is_ok_and(|text| *text == *wanted.as_bytes())
}

/// The text of `name`, of `bytes`: its escapes are resolved.
pub(crate) fn named<'a>(bytes: &'a [u8], name: &Name) -> Result<Cow<'a, [u8]>, NoText> {
    let raw = &bytes[name.at.clone()];
    if name.escaped {
        return string(raw).map(|text| text.into_owned().into_bytes().into());
    }
    Ok(Cow::Borrowed(&raw[1..raw.len() - 1]))
}

/// `text` as a JSON string, with its quotes.
pub(crate) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::scan::members;
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
        let called = |name: &str| {
            let object = format!(r#"{{"{name}":1}}"#).into_bytes();
            means(&object, &members(&object).unwrap()[0].name, "model")
        };
        assert!(called("model"));
        assert!(called(r"mod\u0065l"));
        assert!(!called("mode"));
        assert!(!called(r"model\\"));
        assert!(!called(r"\ud800"), "it is no text");
    }

    #[test]
    fn a_quoted_text_reads_back() {
        assert_eq!(string(quote("a\"b\\\u{1}").as_bytes()).unwrap(), "a\"b\\\u{1}");
    }
}
