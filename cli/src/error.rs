//! How a command ends, and the exit code that says so.

use std::io::{self, Write as _};
use std::process::ExitCode;

/// How a command that ran to its end found things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything is in order.
    Good,
    /// Something is wrong with what was looked at; it has been said.
    Bad,
}

/// Why a command did not run to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It was asked for something that can't be done; asking differently may help.
    #[error("{0}")]
    Usage(String),
    /// It was asked rightly, and the answer is no.
    #[error("{0}")]
    Failed(String),
    /// What it says can't be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// The exit code: 0 in order, 1 not in order, 2 asked wrongly. A reader that has had enough, such as
/// `head`, is in order.
pub(crate) fn exit_code(result: Result<Outcome, Error>) -> ExitCode {
    let (code, told) = match result {
        Ok(Outcome::Good) => (0, None),
        Ok(Outcome::Bad) => (1, None),
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => (0, None),
        Err(error @ (Error::Failed(_) | Error::Output(_))) => (1, Some(error)),
        Err(error @ Error::Usage(_)) => (2, Some(error)),
    };
    if let Some(error) = told {
        // Nowhere is left to say it if this fails.
        drop(writeln!(io::stderr(), "weir: {error}"));
    }
    ExitCode::from(code)
}
