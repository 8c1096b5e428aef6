//! HTTP/1.1 as far as a load generator needs it: where a message ends. Pure: bytes in, pieces out. It reads
//! requests and responses alike, copies no body, and knows nothing of sockets.
//!
//! Framing after RFC 9112, section 6: `content-length` or `chunked`. Bodies that end with their connection
//! are refused, because nobody could tell whether they are whole.

use anyhow::{Context as _, Result, bail};
use memchr::{memchr, memmem};

/// The longest head that is read.
const MAX_HEAD: usize = 64 * 1024;

/// How much of what was read is looked at for the end of a head at once, so that a body behind it is not
/// copied with it.
const HEAD_STEP: usize = 1_024;

/// A part of a message, in the order in which they come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// The head is complete; [`Message::status`] or [`Message::path`] can be asked.
    Head,
    /// Some of the body.
    Body(&'a [u8]),
    /// The message is complete. What follows is the next one.
    End,
}

/// A message that is being read.
#[derive(Debug, Default)]
pub(crate) struct Message {
    head: Vec<u8>,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    /// So many bytes of the body are still to come.
    Length(usize),
    /// In the line with a chunk's size.
    Size(usize),
    /// In the rest of that line, which has no meaning here.
    Extension(usize),
    /// So many bytes of the chunk are still to come.
    Chunk(usize),
    /// In the line end after a chunk.
    ChunkEnd,
    /// In a line after the last chunk, of which there are so many bytes.
    Trailer(usize),
    Complete,
}

impl Message {
    /// The next piece of the message in `input`, from which it is taken; `None` if more has to be read.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Piece<'a>>> {
        loop {
            match self.state {
                State::Complete | State::Length(0) => {
                    self.head.clear();
                    self.state = State::Head;
                    return Ok(Some(Piece::End));
                }
                _ if input.is_empty() => return Ok(None),
                State::Head => {
                    if self.head(input)? {
                        return Ok(Some(Piece::Head));
                    }
                }
                State::Length(left) => {
                    let body = take(input, left);
                    self.state = State::Length(left - body.len());
                    return Ok(Some(Piece::Body(body)));
                }
                State::Chunk(left) => {
                    let body = take(input, left);
                    self.state = if body.len() == left {
                        State::ChunkEnd
                    } else {
                        State::Chunk(left - body.len())
                    };
                    return Ok(Some(Piece::Body(body)));
                }
                _ => self.state = self.between(take(input, 1)[0])?,
            }
        }
    }

    /// The status of the response whose head has been read.
    pub(crate) fn status(&self) -> Option<u16> {
        std::str::from_utf8(self.head.get(9..12)?).ok()?.parse().ok()
    }

    /// The path of the request whose head has been read.
    pub(crate) fn path(&self) -> &[u8] {
        let mut words = self.head.split(|byte| *byte == b' ');
        words.nth(1).unwrap_or_default()
    }

    /// What the head that has been read says under `name`.
    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        header(&self.head, name.as_bytes())
    }

    /// Takes the head in, and says whether it is complete.
    fn head(&mut self, input: &mut &[u8]) -> Result<bool> {
        let seen = self.head.len().saturating_sub(3);
        self.head.extend_from_slice(&input[..input.len().min(HEAD_STEP)]);
        let copied = input.len().min(HEAD_STEP);
        let Some(found) = memmem::find(&self.head[seen..], b"\r\n\r\n") else {
            *input = &input[copied..];
            if self.head.len() > MAX_HEAD {
                bail!("a head of more than {MAX_HEAD} bytes");
            }
            return Ok(false);
        };
        let end = seen + found + 4;
        *input = &input[copied - (self.head.len() - end)..];
        self.head.truncate(end);
        self.state = framing(&self.head)?;
        Ok(true)
    }

    /// The state after `byte`, which lies between chunks.
    fn between(&self, byte: u8) -> Result<State> {
        Ok(match (self.state, byte) {
            (State::Size(0) | State::Extension(0), b'\n') => State::Trailer(0),
            (State::Size(size) | State::Extension(size), b'\n') => State::Chunk(size),
            (State::Size(size), b';' | b'\r' | b' ') => State::Extension(size),
            (State::Size(size), digit) => State::Size(larger(size, digit)?),
            (State::ChunkEnd, b'\n') => State::Size(0),
            (State::Trailer(0), b'\n') => State::Complete,
            (State::Trailer(_), b'\n') => State::Trailer(0),
            (State::Trailer(length), byte) if byte != b'\r' => State::Trailer(length + 1),
            (state, _) => state,
        })
    }
}

/// Up to `count` bytes from the front of `input`.
fn take<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(count.min(input.len()));
    *input = rest;
    taken
}

fn larger(size: usize, digit: u8) -> Result<usize> {
    let value = char::from(digit)
        .to_digit(16)
        .context("a chunk's size that is no number")?;
    let larger = size
        .checked_mul(16)
        .context("a chunk's size that is out of range")?;
    Ok(larger + value as usize)
}

fn framing(head: &[u8]) -> Result<State> {
    if let Some(length) = header(head, b"content-length") {
        let length = std::str::from_utf8(length)
            .ok()
            .and_then(|text| text.parse().ok());
        return Ok(State::Length(
            length.context("a content-length that is no number")?,
        ));
    }
    match header(head, b"transfer-encoding") {
        Some(coding) if coding.eq_ignore_ascii_case(b"chunked") => Ok(State::Size(0)),
        _ => bail!("a head without content-length and without transfer-encoding: chunked"),
    }
}

/// The value of the header `name`.
fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (found, value) = line.split_at(memchr(b':', line)?);
        found.eq_ignore_ascii_case(name).then(|| value[1..].trim_ascii())
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Message, Piece};

    /// The body of the message, request or response, at the beginning of `wire`.
    pub(crate) fn body(mut wire: &[u8]) -> Vec<u8> {
        let (mut message, mut body) = (Message::default(), Vec::new());
        while let Some(piece) = message.next(&mut wire).unwrap() {
            match piece {
                Piece::Head => {}
                Piece::Body(bytes) => body.extend_from_slice(bytes),
                Piece::End => return body,
            }
        }
        panic!("the message has no end");
    }

    /// What `wire` holds, read `step` bytes at a time: the bodies of its messages.
    fn bodies(wire: &[u8], step: usize) -> Vec<Vec<u8>> {
        let (mut message, mut body, mut bodies) = (Message::default(), Vec::new(), Vec::new());
        for mut read in wire.chunks(step) {
            while let Some(piece) = message.next(&mut read).unwrap() {
                match piece {
                    Piece::Head => assert_eq!(message.status(), Some(200)),
                    Piece::Body(bytes) => body.extend_from_slice(bytes),
                    Piece::End => bodies.push(std::mem::take(&mut body)),
                }
            }
        }
        assert!(body.is_empty(), "every message ended");
        bodies
    }

    #[test]
    fn messages_end_where_they_say_however_they_are_cut() {
        let wire = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nTransfer-Encoding: \
                     chunked\r\n\r\n3;x=y\r\nabc\r\n0a\r\n0123456789\r\n0\r\nx-trailer: 1\r\n\r\nHTTP/1.1 200 \
                     OK\r\ncontent-length: 0\r\n\r\n";
        let whole = vec![b"hello".to_vec(), b"abc0123456789".to_vec(), Vec::new()];
        for step in 1..=wire.len() {
            assert_eq!(bodies(wire, step), whole, "{step} bytes at a time");
        }
    }

    #[test]
    fn a_request_says_where_it_is_asked() {
        let mut wire = b"POST /v1/messages?beta=true HTTP/1.1\r\ncontent-length: 0\r\n\r\n".as_slice();
        let mut message = Message::default();
        assert_eq!(message.next(&mut wire).unwrap(), Some(Piece::Head));
        assert_eq!(message.path(), b"/v1/messages?beta=true");
    }

    #[test]
    fn a_body_whose_end_nobody_can_tell_is_refused() {
        let mut wire = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello".as_slice();
        assert!(Message::default().next(&mut wire).is_err());
    }

    #[test]
    fn a_message_that_was_cut_has_no_end() {
        let mut wire = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n".as_slice();
        let mut message = Message::default();
        let mut last = None;
        while let Some(piece) = message.next(&mut wire).unwrap() {
            last = Some(piece);
        }
        assert_eq!(last, Some(Piece::Body(b"abc")));
    }
}
