//! How the process logs: one line per event on standard error, as JSON or text, filtered by `WEIR_LOG`. The
//! access log is the target `weir::access` at `info`; its lines are gathered and written together, because
//! a system call for each would cost as much as a good part of the request.

mod access;
mod lines;
mod stamp;

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

pub(crate) use access::{Line, access};
use lines::Lines;

/// The target of the access log.
const ACCESS: &str = "weir::access";

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// For people.
    Text,
}

/// Sets logging up for this process. A second call changes nothing.
pub fn init(format: LogFormat) {
    let filter = EnvFilter::try_from_env("WEIR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(Lines::get());
    // Only fails where logging has been set up before, which is then what the process wants.
    drop(match format {
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init(),
        LogFormat::Text => builder.try_init(),
    });
    access::begin(format);
}

/// Writes what is still gathered. To be called before the process ends.
pub fn flush() {
    Lines::get().write_out();
}
