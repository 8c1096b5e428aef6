//! What can go wrong on a connection of HTTP/1.1. What it says is for the caller too: it names no host, and holds
//! no byte of what came.

use std::io;

/// Why there is no answer, or no more of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    /// The system, or TLS, says that it broke.
    #[error("{0}")]
    Broke(io::ErrorKind),
    /// It was closed, and nothing of an answer had come.
    #[error("it was closed")]
    Closed,
    /// It was closed in the middle of an answer.
    #[error("it was closed in the middle of an answer")]
    Cut,
    /// Something came before anything was asked.
    #[error("something came that nobody had asked for")]
    Unasked,
    /// A head cannot be read.
    #[error("its head cannot be read: {0}")]
    Head(httparse::Error),
    /// Something else is not as HTTP says.
    #[error("{0}")]
    NotHttp(&'static str),
}

impl WireError {
    /// Whether what came is not HTTP.
    pub(crate) fn is_malformed(self) -> bool {
        matches!(self, Self::Head(_) | Self::NotHttp(_))
    }
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        Self::Broke(error.kind())
    }
}
