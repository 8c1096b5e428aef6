//! Events that say the same as one before but for one text, as nearly all of a stream do. One look at the first of
//! them was enough: where only a text differs, and nothing in it ends it, the event is as whole as the other was
//! and means as much.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

/// The fields whose text may differ: what models say.
static TEXTS: LazyLock<[Finder<'static>; 4]> = LazyLock::new(|| {
    [
        r#""content":""#,
        r#""reasoning_content":""#,
        r#""reasoning":""#,
        r#""text":""#,
    ]
    .map(Finder::new)
});

/// The longest event that is remembered, in bytes.
const LONGEST: usize = 4 * 1024;

/// The event that others are compared with; at first none.
#[derive(Debug, Default)]
pub(super) struct Like {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Like {
    /// Whether `event` differs from the one that was remembered in its text alone.
    pub(super) fn is(&self, event: &[u8]) -> bool {
        let Self { before, after } = self;
        !before.is_empty()
            && event.len() >= before.len() + after.len()
            && event.starts_with(before)
            && event.ends_with(after)
            && is_plain(&event[before.len()..event.len() - after.len()])
    }

    /// Remembers `event`, whose data has been read and is whole.
    pub(super) fn remember(&mut self, event: &[u8]) {
        let Some(text) = text(event).filter(|_| event.len() <= LONGEST) else {
            return;
        };
        self.before.clear();
        self.before.extend_from_slice(&event[..text.start]);
        self.after.clear();
        self.after.extend_from_slice(&event[text.end..]);
    }
}

/// Where the text in `event` is, without its quotes. What is searched for begins with a quote, as no part of
/// another text can, whose quotes are escaped.
fn text(event: &[u8]) -> Option<Range<usize>> {
    let found = TEXTS
        .iter()
        .find_map(|name| Some(name.find(event)? + name.needle().len()));
    let start = found?;
    let length = plain_length(&event[start..]);
    (event.get(start + length) == Some(&b'"')).then_some(start..start + length)
}

fn is_plain(text: &[u8]) -> bool {
    plain_length(text) == text.len()
}

/// How much of `text` is the inside of a JSON string: nothing that ends it, and no escape that is not one of a
/// letter.
fn plain_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += match (byte, text.get(at + 1)) {
            (b'\\', Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => 2,
            (b'\\' | b'"' | 0..0x20, _) => return at,
            _ => 1,
        };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::Like;

    fn event(content: &str, finish: &str) -> String {
        format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}},\"finish_reason\":{finish}}}]}}\n\n"
        )
    }

    fn like(content: &str) -> Like {
        let mut like = Like::default();
        like.remember(event(content, "null").as_bytes());
        like
    }

    #[test]
    fn events_with_another_text_are_alike() {
        for first in ["a", "", "é\\n"] {
            for other in ["b", "", "long and longer", "\\n\\n", "say \\\"x\\\"", "\\\\", "é"] {
                assert!(like(first).is(event(other, "null").as_bytes()), "{first} {other}");
            }
        }
    }

    #[test]
    fn what_differs_in_more_or_is_no_text_is_not() {
        let like = like("a");
        for other in [
            event("b", "\"stop\""),
            event("b\",\"refusal\":\"c", "null"),
            event("b\\", "null"),
            event("b\\u00e9", "null"),
            event("b\\x", "null"),
            event("b\nc", "null"),
            event("b", "null").replace("\"index\":0", "\"index\":1"),
            event("b", "null").trim_end().to_owned(),
            String::new(),
        ] {
            assert!(!like.is(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn nothing_is_like_none() {
        assert!(!Like::default().is(b""));
        assert!(!Like::default().is(event("a", "null").as_bytes()));
    }

    #[test]
    fn a_stream_is_remembered_by_its_text_and_not_by_what_it_says_of_one() {
        let quoting = event("\\\"content\\\":\\\"x\\\"", "null");
        let mut like = Like::default();
        like.remember(quoting.as_bytes());
        assert!(like.is(event("b", "null").as_bytes()));
    }
}
