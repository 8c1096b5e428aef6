//! Finds the members of a JSON object in one pass over its bytes, and proves that the bytes are one JSON
//! object, whole. It builds no document and decodes no text: what is inside strings is the reader's to
//! judge, only their ends are looked for, by `memchr` where they are far.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

use super::text::named;

/// The most members of one object: requests have a few dozen, and a list of millions would be memory
/// that a caller makes us hold.
const MAX_MEMBERS: usize = 1_024;

/// The deepest nesting below the outermost object, the same as `serde_json`'s.
const MAX_DEPTH: u32 = 126;

/// One member of an object, as places in the bytes that were scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// The name.
    pub(crate) name: Name,
    /// The value.
    pub(crate) value: Range<usize>,
}

/// A member's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// Where it is, with its quotes.
    pub(crate) at: Range<usize>,
    /// Whether there are escapes in it.
    pub(crate) escaped: bool,
}

/// Why bytes are not one whole JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScanError {
    /// They end inside the object.
    #[error("it is cut short after {0} bytes")]
    CutShort(usize),
    /// Something else stands where JSON wants one of a few things.
    #[error("at byte {at} it must have {wanted}")]
    Unexpected {
        /// Where.
        at: usize,
        /// What must stand there.
        wanted: &'static str,
    },
    /// Deeper than [`MAX_DEPTH`].
    #[error("it nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// More members than [`MAX_MEMBERS`].
    #[error("it has more than {MAX_MEMBERS} fields at one level")]
    TooMany,
}

/// The members of the object that `bytes` are, in order.
pub(crate) fn members(bytes: &[u8]) -> Result<Vec<Member>, ScanError> {
    let mut members = Vec::with_capacity(16);
    whole(bytes, |cursor, name| {
        if members.len() == MAX_MEMBERS {
            return Err(ScanError::TooMany);
        }
        let start = cursor.at;
        cursor.pass()?;
        members.push(Member {
            name,
            value: start..cursor.at,
        });
        Ok(())
    })?;
    Ok(members)
}

/// Goes through the object that `bytes` are; `each` has to pass the value of every member that it is told of.
pub(crate) fn whole<'a>(
    bytes: &'a [u8],
    each: impl FnMut(&mut Cursor<'a>, Name) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    let mut cursor = Cursor {
        bytes,
        at: 0,
        depth: 0,
    };
    cursor.blanks();
    cursor.object(each)?;
    cursor.blanks();
    if cursor.at == bytes.len() {
        Ok(())
    } else {
        Err(cursor.unexpected("nothing after the object"))
    }
}

/// A place in bytes that are being scanned.
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many objects and arrays are open here.
    depth: u32,
}

impl<'a> Cursor<'a> {
    /// Passes an object; `each` has to pass the value of every member that it is told of.
    pub(crate) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, Name) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        self.elements(b'{', b'}', "an object", |cursor| {
            let name = cursor.name()?;
            each(cursor, name)
        })
    }

    /// Passes an array; `each` has to pass one element.
    pub(crate) fn array(
        &mut self,
        each: impl FnMut(&mut Self) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        self.elements(b'[', b']', "an array", each)
    }

    /// Passes a value of any kind.
    pub(crate) fn pass(&mut self) -> Result<(), ScanError> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.string_rest()
            }
            b'{' => self.object(|cursor, _| cursor.pass()),
            b'[' => self.array(Self::pass),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(self.unexpected("a value")),
        }
    }

    /// Passes a value of any kind, and gives its bytes.
    pub(crate) fn raw(&mut self) -> Result<&'a [u8], ScanError> {
        let start = self.at;
        self.pass()?;
        Ok(&self.bytes[start..self.at])
    }

    /// Passes `null`, if that is what is next.
    pub(crate) fn null(&mut self) -> bool {
        let found = self.bytes[self.at..].starts_with(b"null");
        self.at += if found { 4 } else { 0 };
        found
    }

    /// Whether an array is next.
    pub(crate) fn is_at_array(&self) -> bool {
        self.bytes.get(self.at) == Some(&b'[')
    }

    /// The text of `name`, which was found here.
    pub(crate) fn named(&self, name: &Name) -> Result<Cow<'a, [u8]>, ScanError> {
        named(self.bytes, name).map_err(|_| self.unexpected("a name before that is text"))
    }

    /// What is wrong with what is next.
    pub(crate) fn unexpected(&self, wanted: &'static str) -> ScanError {
        ScanError::Unexpected { at: self.at, wanted }
    }

    fn elements(
        &mut self,
        open: u8,
        close: u8,
        wanted: &'static str,
        mut each: impl FnMut(&mut Self) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        self.expect(open, wanted)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH + 1 {
            return Err(ScanError::TooDeep);
        }
        self.blanks();
        if !self.eat(close) {
            loop {
                each(self)?;
                self.blanks();
                match self.peek()? {
                    b',' => self.at += 1,
                    found if found == close => {
                        self.at += 1;
                        break;
                    }
                    _ => return Err(self.unexpected(more(close))),
                }
                self.blanks();
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Passes a name and its colon, up to the value.
    fn name(&mut self) -> Result<Name, ScanError> {
        let start = self.at;
        self.expect(b'"', "a field's name in quotes")?;
        self.at += plain(&self.bytes[self.at..]);
        let escaped = self.peek()? == b'\\';
        self.string_rest()?;
        let at = start..self.at;
        self.blanks();
        self.expect(b':', "`:`")?;
        self.blanks();
        Ok(Name { at, escaped })
    }

    /// Passes the rest of a string, whose opening quote is behind. Only quotes are looked for: of line ends and
    /// other escapes a prompt has many more, and what stands before a quote says whether it is one of them.
    fn string_rest(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        while let Some(found) = quote(&self.bytes[self.at..]) {
            let end = self.at + found;
            self.at = end + 1;
            if !is_escaped(&self.bytes[start..end]) {
                return Ok(());
            }
        }
        Err(ScanError::CutShort(self.bytes.len()))
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<(), ScanError> {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            Ok(())
        } else if word.starts_with(rest) {
            Err(ScanError::CutShort(self.bytes.len()))
        } else {
            Err(self.unexpected("true, false or null"))
        }
    }

    fn number(&mut self) -> Result<(), ScanError> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _signed = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ScanError> {
        if !self.peek()?.is_ascii_digit() {
            return Err(self.unexpected("a digit"));
        }
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        Ok(())
    }

    fn blanks(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Result<u8, ScanError> {
        self.bytes
            .get(self.at)
            .copied()
            .ok_or(ScanError::CutShort(self.bytes.len()))
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, wanted: &'static str) -> Result<(), ScanError> {
        if self.peek()? != byte {
            return Err(self.unexpected(wanted));
        }
        self.at += 1;
        Ok(())
    }
}

/// What may follow an element before `close`.
fn more(close: u8) -> &'static str {
    if close == b'}' { "`,` or `}`" } else { "`,` or `]`" }
}

/// Whether a quote behind `text` is part of it: an odd number of backslashes stand before it.
fn is_escaped(text: &[u8]) -> bool {
    match text {
        [.., b'\\', b'\\'] => text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1,
        [.., b'\\'] => true,
        _ => false,
    }
}

/// Where the first quote is. Roles and what stands between the quotes of JSON in a text are short: sixteen bytes are
/// looked at by themselves, since calling `memchr` takes longer than passing them.
fn quote(bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<8>();
    let near = match words {
        [first, second, ..] => byte_in(*first, b'"').or_else(|| byte_in(*second, b'"').map(|at| at + 8)),
        _ => None,
    };
    near.or_else(|| memchr(b'"', bytes))
}

/// How much comes before the first quote or backslash. Names are short: eight bytes at a time are at their end before
/// a search has begun.
fn plain(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (before, word) in words.iter().enumerate() {
        if let Some(at) = [byte_in(*word, b'"'), byte_in(*word, b'\\')]
            .into_iter()
            .flatten()
            .min()
        {
            return before * 8 + at;
        }
    }
    let tail = rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\'));
    words.len() * 8 + tail.count()
}

/// Where `byte` is first among eight. `(x − 1) & ¬x` has the high bit of the lowest byte that is zero, and of none below it
/// (Mycroft's test for a zero byte).
fn byte_in(word: [u8; 8], byte: u8) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    let others = u64::from_le_bytes(word) ^ u64::from_ne_bytes([byte; 8]);
    let found = others.wrapping_sub(ONES) & !others & (ONES << 7);
    (found != 0).then_some(found.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests;
