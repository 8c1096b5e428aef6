//! A request's body as it goes upstream: the caller's own bytes, with a few places cut out or replaced.
//! The long parts are shared, never copied, and the length is known before the first byte is sent.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::io::IoSlice;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

/// Up to this size one copy is cheaper than several pieces.
const COPIED: usize = 4 * 1024;

/// One change: the bytes in `range` give way to `with`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    /// What goes.
    pub(crate) range: Range<usize>,
    /// What comes.
    pub(crate) with: Bytes,
}

/// A body in pieces.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Spliced {
    pieces: VecDeque<Bytes>,
    left: usize,
}

impl Spliced {
    /// `bytes` with `edits` made, which are in order and do not overlap.
    pub(crate) fn new(bytes: &Bytes, edits: &[Edit]) -> Self {
        let length = edits.iter().fold(bytes.len(), |length, edit| {
            length - edit.range.len() + edit.with.len()
        });
        if length <= COPIED {
            return Self::whole(copied(bytes, edits, length));
        }
        let mut pieces = VecDeque::with_capacity(edits.len() * 2 + 1);
        let mut from = 0;
        for edit in edits {
            pieces.push_back(bytes.slice(from..edit.range.start));
            pieces.push_back(edit.with.clone());
            from = edit.range.end;
        }
        pieces.push_back(bytes.slice(from..));
        pieces.retain(|piece| !piece.is_empty());
        Self { left: length, pieces }
    }

    /// A body that is there already.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            left: bytes.len(),
            pieces: VecDeque::from([bytes]),
        }
    }

    /// A body in these pieces.
    #[cfg(test)]
    pub(crate) fn in_pieces(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        let pieces: VecDeque<Bytes> = pieces.into_iter().collect();
        Self {
            left: pieces.iter().map(Bytes::len).sum(),
            pieces,
        }
    }

    /// All of it in one piece.
    pub(crate) fn into_bytes(self) -> Bytes {
        let mut whole = BytesMut::with_capacity(self.left);
        self.pieces
            .iter()
            .for_each(|piece| whole.extend_from_slice(piece));
        whole.freeze()
    }

    /// The length in bytes, of what is left.
    pub(crate) fn len(&self) -> usize {
        self.left
    }

    /// The first piece that is left; empty if none is.
    pub(crate) fn first(&self) -> &[u8] {
        self.left().next().map_or(&[], |piece| &piece[..])
    }

    /// Puts the first pieces that are left into `into`, which may have room for fewer, and says how many it did.
    pub(crate) fn slices<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        let pieces = self.left().zip(into);
        pieces.map(|(piece, place)| *place = IoSlice::new(piece)).count()
    }

    /// Copies those of the first pieces that fit behind `into` when it is not to be longer than `most`, and says
    /// how many bytes that is.
    pub(crate) fn copy_into(&self, into: &mut Vec<u8>, most: usize) -> usize {
        let before = into.len();
        for piece in self.left() {
            if into.len() + piece.len() > most {
                break;
            }
            into.extend_from_slice(piece);
        }
        into.len() - before
    }

    /// Takes the first `count` bytes away; there are as many.
    pub(crate) fn advance(&mut self, mut count: usize) {
        self.left -= count;
        while count > 0 {
            let Some(first) = self.pieces.front_mut() else {
                return;
            };
            let of_first = count.min(first.len());
            first.advance(of_first);
            count -= of_first;
            if first.is_empty() {
                self.pieces.pop_front();
            }
        }
    }

    fn left(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter().filter(|piece| !piece.is_empty())
    }
}

/// `bytes` with `edits` made, in one piece of `length` bytes.
fn copied(bytes: &[u8], edits: &[Edit], length: usize) -> Bytes {
    let mut whole = BytesMut::with_capacity(length);
    let mut from = 0;
    for edit in edits {
        whole.extend_from_slice(&bytes[from..edit.range.start]);
        whole.extend_from_slice(&edit.with);
        from = edit.range.end;
    }
    whole.extend_from_slice(&bytes[from..]);
    whole.freeze()
}

impl fmt::Debug for Spliced {
    /// Never a word of the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spliced")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl Body for Spliced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.pop_front();
        self.left -= piece.as_ref().map_or(0, Bytes::len);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{COPIED, Edit, Spliced};

    #[test]
    fn long_parts_are_shared() {
        let body = Bytes::from(vec![b'x'; COPIED * 2]);
        let spliced = Spliced::new(
            &body,
            &[Edit {
                range: 0..1,
                with: Bytes::from_static(b"yy"),
            }],
        );
        assert_eq!(spliced.len(), COPIED * 2 + 1);
        assert_eq!(spliced.pieces[1].as_ptr(), body[1..].as_ptr());
    }

    #[test]
    fn what_is_printed_of_a_body_is_its_length() {
        let spliced = Spliced::new(&Bytes::from_static(b"canary"), &[]);
        assert_eq!(format!("{spliced:?}"), "Spliced { left: 6, .. }");
    }

    #[test]
    fn a_short_body_goes_in_one_piece() {
        let body = Bytes::from_static(b"abcdef");
        let edits = [
            Edit {
                range: 1..2,
                with: Bytes::from_static(b"BB"),
            },
            Edit {
                range: 4..6,
                with: Bytes::new(),
            },
        ];
        assert_eq!(Spliced::new(&body, &edits).pieces, ["aBBcd"]);
    }
}
