//! The access log's lines, put together by hand: they are written for every request, and the general
//! formatter takes ten times as long.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Json, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::LogFormat;

/// Formats the access log here and everything else as usual.
#[derive(Debug)]
pub(super) struct Events {
    /// The shape of lines.
    pub(super) format: LogFormat,
    /// How the other events are formatted.
    pub(super) others: Either,
}

/// One of the general formatters.
#[derive(Debug)]
pub(super) enum Either {
    /// For programs.
    Json(Format<Json>),
    /// For people.
    Text(Format<Full>),
}

impl<S, N> FormatEvent<S, N> for Events
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if event.metadata().target() == super::ACCESS {
            return line(self.format, writer.by_ref(), event);
        }
        match &self.others {
            Either::Json(json) => json.format_event(context, writer, event),
            Either::Text(text) => text.format_event(context, writer, event),
        }
    }
}

fn line(format: LogFormat, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
    match format {
        LogFormat::Json => {
            writer.write_str("{\"timestamp\":\"")?;
            SystemTime.format_time(&mut writer)?;
            writer.write_str("\",\"level\":\"INFO\",\"target\":\"weir::access\"")?;
            event.record(&mut JsonLine(&mut writer));
            writer.write_str("}\n")
        }
        LogFormat::Text => {
            SystemTime.format_time(&mut writer)?;
            writer.write_str(" access")?;
            event.record(&mut TextLine(&mut writer));
            writer.write_char('\n')
        }
    }
}

/// Writes fields as JSON members. Writing to a log's buffer does not fail.
struct JsonLine<'a, 'w>(&'a mut Writer<'w>);

impl JsonLine<'_, '_> {
    fn name(&mut self, field: &Field) {
        let _ok = self.0.write_str(",\"");
        let _ok = self.0.write_str(field.name());
        let _ok = self.0.write_str("\":");
    }
}

impl Visit for JsonLine<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field);
        let plain = value.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
        let _ok = if plain {
            self.0
                .write_char('"')
                .and_then(|()| self.0.write_str(value))
                .and_then(|()| self.0.write_char('"'))
        } else {
            self.0.write_str(&crate::body::quote(value))
        };
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.name(field);
        let _ok = write!(self.0, "{value}");
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Writes fields as `name=value`, in quotes where a caller's text could be taken for another field.
struct TextLine<'a, 'w>(&'a mut Writer<'w>);

impl Visit for TextLine<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let _ok = if value.contains([' ', '=']) {
            write!(self.0, " {}={value:?}", field.name())
        } else {
            write!(self.0, " {}={}", field.name(), value.escape_debug())
        };
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let _ok = write!(self.0, " {}={value}", field.name());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ok = write!(self.0, " {}={value:?}", field.name());
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::format::Format;

    use super::{Either, Events};
    use crate::log::LogFormat;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat) -> String {
        let written = Written::default();
        let others = Either::Json(Format::default().json());
        let into = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .event_format(Events { format, others })
            .with_writer(move || into.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "weir::access", policy = "a/b", target = "x\"\n", tags = "t outcome=ok", attempts = 2_u64);
        });
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_reads_back() {
        let line: serde_json::Value = serde_json::from_str(&logged(LogFormat::Json)).unwrap();
        assert_eq!(
            (&line["policy"], &line["target"]),
            (&"a/b".into(), &"x\"\n".into())
        );
        assert_eq!(line["attempts"], 2);
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn a_text_line_is_one_line() {
        let line = logged(LogFormat::Text);
        assert!(
            line.ends_with(" access policy=a/b target=x\\\"\\n tags=\"t outcome=ok\" attempts=2\n"),
            "{line}"
        );
    }
}
