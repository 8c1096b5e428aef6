//! A body in chunks (RFC 9112, section 7.1). Strict: what is not exactly as written there ends the answer, because
//! whoever reads it otherwise would find its end elsewhere.

use bytes::{Buf as _, Bytes, BytesMut};

use super::error::WireError;

/// The most bytes of chunk extensions in one answer. They are skipped.
const MAX_EXTENSIONS: usize = 16 * 1024;

/// The longest line with a chunk's size and nothing else: whatever is longer has extensions, or zeros before it, which
/// are counted as such.
const PLAIN_LINE: usize = 18;

/// The longest line with a chunk's size: with extensions it can be as long as they may be.
const MAX_LINE: usize = MAX_EXTENSIONS;

/// The most bytes of trailers.
const MAX_TRAILERS: usize = 16 * 1024;

/// The most trailers.
const MAX_TRAILER_FIELDS: usize = 100;

/// Where in a body in chunks its reader stands.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    place: Place,
    /// How many bytes of extensions there were.
    extensions: usize,
}

#[derive(Debug, Default, Clone, Copy)]
enum Place {
    /// Before a chunk.
    #[default]
    Size,
    /// In a chunk of which so much is still to come, which is never 0.
    Data(u64),
    /// Behind a chunk's data.
    DataEnd,
    /// Behind the last chunk.
    Trailers,
    /// Behind everything.
    End,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ahead {
    /// So many bytes of the body.
    Data(u64),
    /// Nothing.
    End,
    /// That is not to be seen yet.
    Unknown,
}

/// The line before a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    size: u64,
    /// How long the line is, with its end.
    length: usize,
}

impl Chunks {
    /// Skips what is between the data, as far as it is there.
    pub(super) fn look_ahead(&mut self, bytes: &mut BytesMut) -> Result<Ahead, WireError> {
        loop {
            let after = match self.place {
                Place::Data(left) => return Ok(Ahead::Data(left)),
                Place::End => return Ok(Ahead::End),
                Place::Size => self.pass_size(bytes)?,
                Place::DataEnd => pass_data_end(bytes)?,
                Place::Trailers => pass_trailers(bytes)?,
            };
            match after {
                Some(place) => self.place = place,
                None => return Ok(Ahead::Unknown),
            }
        }
    }

    /// Takes out of `bytes` what there is of the chunk of which `left` bytes are still to come.
    pub(super) fn take(&mut self, left: u64, bytes: &mut BytesMut) -> Bytes {
        let piece = up_to(left, bytes);
        self.place = match left - piece.len() as u64 {
            0 => Place::DataEnd,
            left => Place::Data(left),
        };
        piece
    }

    fn pass_size(&mut self, bytes: &mut BytesMut) -> Result<Option<Place>, WireError> {
        let Some(line) = size_line(bytes)? else {
            return Ok(None);
        };
        self.extensions += line.length.saturating_sub(PLAIN_LINE);
        if self.extensions >= MAX_EXTENSIONS {
            return Err(WireError::NotHttp("its chunks have too many extensions"));
        }
        bytes.advance(line.length);
        Ok(Some(match line.size {
            0 => Place::Trailers,
            size => Place::Data(size),
        }))
    }
}

/// The first bytes of `bytes`, at most `most`.
pub(super) fn up_to(most: u64, bytes: &mut BytesMut) -> Bytes {
    let there = bytes.len();
    let length = usize::try_from(most).map_or(there, |most| most.min(there));
    bytes.split_to(length).freeze()
}

/// The line before a chunk, if it is there to its end.
fn size_line(bytes: &[u8]) -> Result<Option<Line>, WireError> {
    const NO_SIZE: WireError = WireError::NotHttp("a chunk has no size");
    let (size, digits) = leading_hex(bytes)?;
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let begun = digits + bytes[digits..].iter().take_while(|b| blank(b)).count();
    let end = match bytes.get(begun) {
        _ if digits == 0 && !bytes.is_empty() => return Err(NO_SIZE),
        None | Some(b'\r') => begun,
        Some(b';') => begun + extensions(&bytes[begun..])?,
        Some(_) => return Err(NO_SIZE),
    };
    match bytes.get(end..end + 2) {
        Some(b"\r\n") => Ok(Some(Line {
            size,
            length: end + 2,
        })),
        Some(_) => Err(WireError::NotHttp("a chunk's size has no line end")),
        None if end > MAX_LINE => Err(WireError::NotHttp("a chunk's size is too long")),
        None => Ok(None),
    }
}

/// The number that `bytes` begin with, and how many digits it has.
fn leading_hex(bytes: &[u8]) -> Result<(u64, usize), WireError> {
    const TOO_LARGE: WireError = WireError::NotHttp("a chunk is too large");
    let mut size = 0_u64;
    for (at, byte) in bytes.iter().enumerate() {
        let Some(digit) = char::from(*byte).to_digit(16) else {
            return Ok((size, at));
        };
        size = size.checked_mul(16).ok_or(TOO_LARGE)? | u64::from(digit);
    }
    Ok((size, bytes.len()))
}

/// How long the extensions are that `bytes` begin with.
fn extensions(bytes: &[u8]) -> Result<usize, WireError> {
    match memchr::memchr2(b'\r', b'\n', bytes) {
        Some(at) if bytes[at] == b'\n' => Err(WireError::NotHttp("a chunk's size has no line end")),
        at => Ok(at.unwrap_or(bytes.len())),
    }
}

/// Passes the line end behind a chunk's data.
fn pass_data_end(bytes: &mut BytesMut) -> Result<Option<Place>, WireError> {
    match &bytes[..] {
        [b'\r', b'\n', ..] => {
            bytes.advance(2);
            Ok(Some(Place::Size))
        }
        [] | [b'\r'] => Ok(None),
        _ => Err(WireError::NotHttp("a chunk is longer than its size")),
    }
}

/// Passes the trailers and the empty line. Nobody wants to know them, but they must be such.
fn pass_trailers(bytes: &mut BytesMut) -> Result<Option<Place>, WireError> {
    let length = match &bytes[..] {
        [b'\r', b'\n', ..] => 2,
        [] | [b'\r'] => return Ok(None),
        _ => match memchr::memmem::find(bytes, b"\r\n\r\n") {
            Some(at) => at + 4,
            None if bytes.len() > MAX_TRAILERS => return Err(too_many_trailers()),
            None => return Ok(None),
        },
    };
    if length > 2 {
        check_trailers(&bytes[..length])?;
    }
    bytes.advance(length);
    Ok(Some(Place::End))
}

fn check_trailers(block: &[u8]) -> Result<(), WireError> {
    if block.len() > MAX_TRAILERS {
        return Err(too_many_trailers());
    }
    let line_ends = memchr::memchr_iter(b'\n', block);
    let mut fields = [httparse::EMPTY_HEADER; MAX_TRAILER_FIELDS];
    match httparse::parse_headers(block, &mut fields) {
        Ok(httparse::Status::Complete((length, _))) if length == block.len() => {}
        Err(error) => return Err(WireError::Head(error)),
        Ok(_) => return Err(WireError::NotHttp("its trailers are none")),
    }
    for at in line_ends {
        if at == 0 || block[at - 1] != b'\r' {
            return Err(WireError::NotHttp("a trailer has no line end"));
        }
    }
    Ok(())
}

fn too_many_trailers() -> WireError {
    WireError::NotHttp("it has too many trailers")
}
