//! The head of an answer, and what it says of what follows. What two readers could understand in two ways is
//! refused: an answer that ends elsewhere for one of them is how answers are smuggled (RFC 9112, sections 6 and 11.2).

use std::mem::MaybeUninit;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use httparse::{ParserConfig, Response, Status};

use super::body::Body;
use super::chunks::Chunks;
use super::error::WireError;

/// The largest head, in bytes.
const MAX_HEAD: usize = 64 * 1024 - 1;

/// The longest body whose length can be told on.
const LONGEST: u64 = u64::MAX - 2;

/// The most headers. There is room for them on the stack.
const MAX_HEADERS: usize = 100;

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    version: Version,
    said: Said,
}

/// What a head says of what follows.
#[derive(Debug, Default, Clone, Copy)]
struct Said {
    length: Option<u64>,
    coding: Option<Chunked>,
    connection: Option<Connection>,
}

/// The one transfer coding that is understood.
#[derive(Debug, Clone, Copy)]
struct Chunked;

/// What becomes of a connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connection {
    /// Another request may follow.
    Stays,
    /// It closes.
    Closes,
}

/// Where a header is in a head.
#[derive(Clone, Copy, Default)]
struct Place {
    name: (u16, u16),
    value: (u16, u16),
}

/// A head that is there to its end.
struct Whole {
    status: StatusCode,
    version: Version,
    length: usize,
    headers: usize,
}

/// Whether `bytes`, of which the first `seen` were no whole head, may be one now, or can't be one any more: so that
/// a head which comes in drops is not read anew with each of them.
pub(super) fn is_worth_a_look(bytes: &[u8], seen: usize) -> bool {
    let from = seen.saturating_sub(3);
    seen == 0 || bytes.len() > MAX_HEAD || holds_empty_line(&bytes[from..])
}

fn holds_empty_line(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', bytes).any(|at| {
        let rest = &bytes[at + 1..];
        rest.starts_with(b"\n") || rest.starts_with(b"\r\n")
    })
}

/// Takes a head out of `bytes`, if it is there to its end. Its headers go into the map that
/// `headers` is, instead of what is in it; their values share the bytes.
pub(super) fn take(bytes: &mut BytesMut, headers: &mut HeaderMap) -> Result<Option<Head>, WireError> {
    let mut places = [Place::default(); MAX_HEADERS];
    let Some(whole) = parse(bytes, &mut places)? else {
        return if bytes.len() > MAX_HEAD {
            Err(TOO_LARGE)
        } else {
            Ok(None)
        };
    };
    let head = bytes.split_to(whole.length).freeze();
    let mut headers = std::mem::take(headers);
    headers.clear();
    let mut said = Said::default();
    for place in &places[..whole.headers] {
        let name = HeaderName::from_bytes(&head[range(place.name)]);
        let name = name.map_err(|_| WireError::Head(httparse::Error::HeaderName))?;
        let value = value(&head, place.value)?;
        said.hear(&name, &value)?;
        headers.append(name, value);
    }
    Ok(Some(Head {
        status: whole.status,
        version: whole.version,
        headers,
        said,
    }))
}

const TOO_LARGE: WireError = WireError::NotHttp("its head is larger than 64 KiB");

fn parse(bytes: &[u8], places: &mut [Place; MAX_HEADERS]) -> Result<Option<Whole>, WireError> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = Response::new(&mut []);
    let parsed =
        ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, &mut headers);
    let Status::Complete(length) = parsed.map_err(WireError::Head)? else {
        return Ok(None);
    };
    if length > MAX_HEAD {
        return Err(TOO_LARGE);
    }
    for (place, header) in places.iter_mut().zip(response.headers.iter()) {
        *place = Place {
            name: place_of(header.name.as_bytes(), bytes),
            value: place_of(header.value, bytes),
        };
    }
    let status = StatusCode::from_u16(response.code.unwrap_or_default());
    Ok(Some(Whole {
        status: status.map_err(|_| WireError::Head(httparse::Error::Status))?,
        version: if response.version == Some(1) {
            Version::HTTP_11
        } else {
            Version::HTTP_10
        },
        length,
        headers: response.headers.len(),
    }))
}

/// Where `part` is in `whole`, which it is a part of and which is no longer than [`MAX_HEAD`].
fn place_of(part: &[u8], whole: &[u8]) -> (u16, u16) {
    let from = part.as_ptr().addr() - whole.as_ptr().addr();
    let narrow = |at| u16::try_from(at).unwrap_or(u16::MAX);
    (narrow(from), narrow(from + part.len()))
}

fn range((from, to): (u16, u16)) -> Range<usize> {
    from.into()..to.into()
}

fn value(head: &Bytes, place: (u16, u16)) -> Result<HeaderValue, WireError> {
    HeaderValue::from_maybe_shared(head.slice(range(place)))
        .map_err(|_| WireError::Head(httparse::Error::HeaderValue))
}

impl Head {
    /// Whether another head follows. To switch protocols nobody has asked.
    pub(super) fn is_informational(&self) -> Result<bool, WireError> {
        if self.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(WireError::NotHttp("it changes to another protocol"));
        }
        Ok(self.status.is_informational())
    }

    /// The body of this answer to a request by `method`, and what becomes of the connection after it.
    pub(super) fn body(&mut self, method: &Method) -> Result<(Body, Connection), WireError> {
        let Said { length, coding, .. } = self.said;
        let stays = self.connection();
        let none = matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        match (coding, length) {
            _ if none || method == Method::HEAD => {
                // One that speaks of a body after all may be followed by one.
                let spoken = coding.is_some() || length.is_some_and(|length| length > 0);
                Ok((Body::Ended, if spoken { Connection::Closes } else { stays }))
            }
            (Some(Chunked), _) if self.version == Version::HTTP_10 => {
                Err(WireError::NotHttp("HTTP/1.0 has no chunks"))
            }
            (Some(Chunked), None) => Ok((Body::Chunked(Chunks::default()), stays)),
            (Some(Chunked), Some(_)) => {
                // Chunks win, and whoever wrote it or passed it on is not trusted further.
                self.headers.remove(CONTENT_LENGTH);
                Ok((Body::Chunked(Chunks::default()), Connection::Closes))
            }
            (None, Some(length)) => Ok((Body::of_length(length), stays)),
            (None, None) => Ok((Body::UntilClose, Connection::Closes)),
        }
    }

    fn connection(&self) -> Connection {
        match self.said.connection {
            Some(said) => said,
            None if self.version == Version::HTTP_11 => Connection::Stays,
            None => Connection::Closes,
        }
    }
}

impl Said {
    fn hear(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<(), WireError> {
        match *name {
            CONTENT_LENGTH => self.hear_length(value.as_bytes()),
            TRANSFER_ENCODING => self.hear_coding(value.as_bytes()),
            CONNECTION => {
                self.hear_connection(value.as_bytes());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A length is digits and nothing else, and all that are said are the same.
    fn hear_length(&mut self, value: &[u8]) -> Result<(), WireError> {
        const NONE: WireError = WireError::NotHttp("its length is none");
        let digit = |length: u64, byte: &u8| {
            let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
            length.checked_mul(10)?.checked_add(digit)
        };
        let length = value.iter().try_fold(0, digit);
        let length = length.filter(|length| *length <= LONGEST && !value.is_empty());
        let length = length.ok_or(NONE)?;
        if self.length.is_some_and(|said| said != length) {
            return Err(WireError::NotHttp("it has two lengths"));
        }
        self.length = Some(length);
        Ok(())
    }

    /// Only chunks may come, and once, because nothing else was asked for (RFC 9110, section 10.1.4): what is
    /// coded otherwise nobody here could read.
    fn hear_coding(&mut self, value: &[u8]) -> Result<(), WireError> {
        if self.coding.is_some() || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(WireError::NotHttp("its transfer coding is not only chunks"));
        }
        self.coding = Some(Chunked);
        Ok(())
    }

    /// Once it is to close, nothing undoes that.
    fn hear_connection(&mut self, value: &[u8]) {
        for option in value.split(|b| *b == b',') {
            let option = option.trim_ascii();
            if option.eq_ignore_ascii_case(b"close") {
                self.connection = Some(Connection::Closes);
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.connection.get_or_insert(Connection::Stays);
            }
        }
    }
}
