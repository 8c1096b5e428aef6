//! Finds the members of a JSON object in one pass over its bytes, and proves that the bytes are one JSON
//! object, whole. It builds no document and decodes no text: what is inside strings is the reader's to
//! judge, only their ends are looked for, by `memchr`.

use std::ops::Range;

/// The most members of one object: requests have a few dozen, and a list of millions would be memory
/// that a caller makes us hold.
const MAX_MEMBERS: usize = 1_024;

/// The deepest nesting below the outermost object, the same as `serde_json`'s.
const MAX_DEPTH: u32 = 126;

/// One member of an object, as places in the bytes that were scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// The name, with its quotes.
    pub(crate) name: Range<usize>,
    /// The value.
    pub(crate) value: Range<usize>,
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
    let mut cursor = Cursor { bytes, at: 0 };
    cursor.blanks();
    let members = cursor.top()?;
    cursor.blanks();
    if cursor.at == bytes.len() {
        Ok(members)
    } else {
        Err(cursor.unexpected("nothing after the object"))
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn top(&mut self) -> Result<Vec<Member>, ScanError> {
        let mut members = Vec::with_capacity(16);
        self.expect(b'{', "an object")?;
        self.blanks();
        if self.eat(b'}') {
            return Ok(members);
        }
        loop {
            if members.len() == MAX_MEMBERS {
                return Err(ScanError::TooMany);
            }
            members.push(self.member()?);
            if !self.goes_on(b'}', "`,` or `}`")? {
                return Ok(members);
            }
        }
    }

    fn member(&mut self) -> Result<Member, ScanError> {
        let name = self.name()?;
        let start = self.at;
        self.value(0)?;
        Ok(Member {
            name,
            value: start..self.at,
        })
    }

    /// Passes a name and its colon, up to the value.
    fn name(&mut self) -> Result<Range<usize>, ScanError> {
        self.blanks();
        let start = self.at;
        self.expect(b'"', "a field's name in quotes")?;
        self.string_rest()?;
        let name = start..self.at;
        self.blanks();
        self.expect(b':', "`:`")?;
        self.blanks();
        Ok(name)
    }

    fn value(&mut self, depth: u32) -> Result<(), ScanError> {
        match self.peek()? {
            b'{' | b'[' if depth == MAX_DEPTH => Err(ScanError::TooDeep),
            b'"' => {
                self.at += 1;
                self.string_rest()
            }
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn object(&mut self, depth: u32) -> Result<(), ScanError> {
        self.at += 1;
        self.blanks();
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            self.name()?;
            self.value(depth + 1)?;
            if !self.goes_on(b'}', "`,` or `}`")? {
                return Ok(());
            }
        }
    }

    fn array(&mut self, depth: u32) -> Result<(), ScanError> {
        self.at += 1;
        self.blanks();
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            self.blanks();
            self.value(depth + 1)?;
            if !self.goes_on(b']', "`,` or `]`")? {
                return Ok(());
            }
        }
    }

    /// After an element: whether another follows.
    fn goes_on(&mut self, close: u8, wanted: &'static str) -> Result<bool, ScanError> {
        self.blanks();
        let found = self.peek()?;
        if found != b',' && found != close {
            return Err(self.unexpected(wanted));
        }
        self.at += 1;
        Ok(found == b',')
    }

    /// Passes the rest of a string, whose opening quote is behind. Only quotes are looked for: of line ends and
    /// other escapes a prompt has many more, and what stands before a quote says whether it is one of them.
    fn string_rest(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        for found in memchr::memchr_iter(b'"', &self.bytes[start..]) {
            let text = &self.bytes[start..start + found];
            let backslashes = text.iter().rev().take_while(|byte| **byte == b'\\').count();
            if backslashes % 2 == 0 {
                self.at = start + found + 1;
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

    fn unexpected(&self, wanted: &'static str) -> ScanError {
        ScanError::Unexpected { at: self.at, wanted }
    }
}

#[cfg(test)]
mod tests;
