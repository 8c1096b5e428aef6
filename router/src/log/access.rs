//! The access log's lines. They are put together by hand, in a buffer that each thread keeps, because one is
//! written for every request: an event of `tracing` and its general formatter take ten times as long. Whether they
//! are wanted is still `tracing`'s to say.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::sync::OnceLock;

use super::stamp::Stamp;
use super::{ACCESS, LogFormat, lines};
use crate::body::quote;

/// The shape of lines, once the process has one.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What a thread keeps for its next line.
#[derive(Default)]
struct Scratch {
    stamp: Stamp,
    text: String,
}

/// Says what shape lines have from now on. Until then there are none.
pub(super) fn begin(format: LogFormat) {
    // Set before: then that is what the process wants.
    let _kept = FORMAT.set(format);
}

/// Writes a line with what `fields` adds to it, if lines are wanted.
pub(crate) fn access(fields: impl FnOnce(&mut Line<'_>)) {
    let Some(format) = FORMAT.get() else { return };
    if !tracing::enabled!(target: ACCESS, tracing::Level::INFO) {
        return;
    }
    SCRATCH.with_borrow_mut(|Scratch { stamp, text }| {
        text.clear();
        write(*format, stamp.now(), text, fields);
        lines::Lines::get().gather(text.as_bytes());
    });
}

fn write(format: LogFormat, now: &str, text: &mut String, fields: impl FnOnce(&mut Line<'_>)) {
    match format {
        LogFormat::Json => {
            text.extend([
                "{\"timestamp\":\"",
                now,
                "\",\"level\":\"INFO\",\"target\":\"weir::access\"",
            ]);
            fields(&mut Line { format, text });
            text.push_str("}\n");
        }
        LogFormat::Text => {
            text.extend([now, " access"]);
            fields(&mut Line { format, text });
            text.push('\n');
        }
    }
}

/// A line that is being written.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    format: LogFormat,
    text: &'a mut String,
}

impl Line<'_> {
    /// Adds a text.
    pub(crate) fn text(&mut self, name: &'static str, value: &str) {
        match self.format {
            LogFormat::Json => self.json(name, value),
            LogFormat::Text => self.plain(name, value),
        }
    }

    /// Adds a number, if there is one.
    pub(crate) fn number(&mut self, name: &'static str, value: impl Into<Option<u64>>) {
        let Some(value) = value.into() else { return };
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(value);
        match self.format {
            LogFormat::Json => self.text.extend([",\"", name, "\":", digits]),
            LogFormat::Text => self.text.extend([" ", name, "=", digits]),
        }
    }

    fn json(&mut self, name: &str, value: &str) {
        self.text.extend([",\"", name, "\":"]);
        if is_plain(value) {
            self.text.extend(["\"", value, "\""]);
        } else {
            self.text.push_str(&quote(value));
        }
    }

    /// In quotes where a caller's text could be taken for another field.
    fn plain(&mut self, name: &str, value: &str) {
        self.text.extend([" ", name, "="]);
        let harmless = |b: u8| b.is_ascii_graphic() && !matches!(b, b'=' | b'"' | b'\'' | b'\\');
        // Writing to a string does not fail.
        let _ok = if value.bytes().all(harmless) {
            self.text.write_str(value)
        } else if value.contains([' ', '=']) {
            write!(self.text, "{value:?}")
        } else {
            write!(self.text, "{}", value.escape_debug())
        };
    }
}

/// Whether `value` needs no escapes. Counts, because that is done with several bytes at a time.
fn is_plain(value: &str) -> bool {
    let needs = |b: &u8| *b < 0x20 || *b == b'"' || *b == b'\\';
    value.as_bytes().iter().filter(|b| needs(b)).count() == 0
}

#[cfg(test)]
mod tests {
    use super::{Line, write};
    use crate::log::LogFormat;

    fn logged(format: LogFormat) -> String {
        let mut text = String::new();
        write(
            format,
            "2026-01-01T00:00:00.000000Z",
            &mut text,
            |line: &mut Line<'_>| {
                line.text("policy", "a/b");
                line.text("model", "x\"\n");
                line.text("tags", "t outcome=ok");
                line.number("attempts", 2);
                line.number("input_tokens", None);
            },
        );
        text
    }

    #[test]
    fn a_json_line_reads_back() {
        let line: serde_json::Value = serde_json::from_str(&logged(LogFormat::Json)).unwrap();
        assert_eq!(
            (&line["policy"], &line["model"]),
            (&"a/b".into(), &"x\"\n".into())
        );
        assert_eq!((&line["attempts"], line.get("input_tokens")), (&2.into(), None));
        assert_eq!(
            (&line["level"], &line["target"]),
            (&"INFO".into(), &"weir::access".into())
        );
    }

    #[test]
    fn a_text_line_is_one_line() {
        let expected =
            "2026-01-01T00:00:00.000000Z access policy=a/b model=x\\\"\\n tags=\"t outcome=ok\" attempts=2\n";
        assert_eq!(logged(LogFormat::Text), expected);
    }
}
