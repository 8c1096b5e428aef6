//! How much of an answer's body is still to come, and where it ends (RFC 9112, section 6.3).

use bytes::{Bytes, BytesMut};

use super::chunks::{Ahead, Chunks, up_to};
use super::error::WireError;

/// What is still to come.
#[derive(Debug)]
pub(super) enum Body {
    /// Nothing.
    Ended,
    /// So many bytes, which is never 0.
    Length(u64),
    /// Chunks.
    Chunked(Chunks),
    /// Whatever comes until the connection is closed.
    UntilClose,
    /// Nothing that could be trusted: it never looks as if it had ended.
    Broken(WireError),
}

/// What there is of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A piece, which is not empty.
    Piece(Bytes),
    /// Its end.
    End,
    /// Nothing until more is read.
    Unread,
    /// It is broken.
    Broken(WireError),
}

impl Body {
    /// A body of `length` bytes.
    pub(super) fn of_length(length: u64) -> Self {
        match length {
            0 => Self::Ended,
            length => Self::Length(length),
        }
    }

    /// Whether everything was taken.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self, Self::Ended)
    }

    /// How many bytes are still to come, where that is known.
    pub(super) fn left(&self) -> Option<u64> {
        match self {
            Self::Ended => Some(0),
            Self::Length(left) => Some(*left),
            Self::Chunked(_) | Self::UntilClose | Self::Broken(_) => None,
        }
    }

    /// Takes the next piece out of `bytes`. With the last one it has ended, if that is to be seen already.
    pub(super) fn next(&mut self, bytes: &mut BytesMut) -> Next {
        match self {
            Self::Ended => Next::End,
            Self::Broken(error) => Next::Broken(*error),
            _ if bytes.is_empty() => Next::Unread,
            Self::Chunked(chunks) => match chunks.look_ahead(bytes) {
                Ok(Ahead::Data(_)) if bytes.is_empty() => Next::Unread,
                Ok(Ahead::Data(left)) => {
                    let piece = chunks.take(left, bytes);
                    let ahead = chunks.look_ahead(bytes);
                    self.see(ahead);
                    Next::Piece(piece)
                }
                Ok(Ahead::Unknown) => Next::Unread,
                ahead => {
                    self.see(ahead);
                    self.next(bytes)
                }
            },
            Self::UntilClose => Next::Piece(bytes.split().freeze()),
            Self::Length(left) => {
                let piece = up_to(*left, bytes);
                *self = Self::of_length(*left - piece.len() as u64);
                Next::Piece(piece)
            }
        }
    }

    /// What comes next in a body in chunks is known. An error is told when it is its turn.
    fn see(&mut self, ahead: Result<Ahead, WireError>) {
        match ahead {
            Ok(Ahead::End) => *self = Self::Ended,
            Err(error) => *self = Self::Broken(error),
            Ok(Ahead::Data(_) | Ahead::Unknown) => {}
        }
    }

    /// The connection was closed, and everything before that was taken.
    pub(super) fn closed(&mut self) {
        *self = match self {
            Self::Ended | Self::UntilClose => Self::Ended,
            Self::Length(_) | Self::Chunked(_) => Self::Broken(WireError::Cut),
            Self::Broken(error) => Self::Broken(*error),
        };
    }
}
