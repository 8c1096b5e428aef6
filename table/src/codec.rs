//! How a table is written down: one canonical JSON, its digest, and the form that fits a `ConfigMap`.
//!
//! The document is `{"format":2,"digest":"<sha-256>","table":{…}}`; the digest is over the exact bytes of
//! the value of `table`, so a reader proves what it read without encoding it again. From format 2 on these bytes
//! follow the format's number and a colon: the same table in another format has another digest. Decoding trusts
//! nothing: neither the size behind a gzip stream nor the digest.

use std::fmt;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::format::Format;
use crate::model::{Policy, Table};

/// The key of a plain table in a `ConfigMap`'s `data`.
pub const PLAIN_KEY: &str = "table.json";

/// The key of a compressed table in a `ConfigMap`'s `binaryData`.
pub const GZIP_KEY: &str = "table.json.gz";

/// The largest table that is stored plain, in bytes: half of what a `ConfigMap` takes, because a JSON
/// text inside a JSON text grows by its quotes.
pub const PLAIN_LIMIT: usize = 512 * 1024;

/// The largest compressed table, in bytes: what a `ConfigMap` takes, less room for its metadata.
pub const GZIP_LIMIT: usize = 1024 * 1024 - 32 * 1024;

/// The most that a compressed table may unfold to, in bytes.
pub const DECODED_LIMIT: u64 = 64 * 1024 * 1024;

/// SHA-256 over canonical bytes, as 64 lower-case hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex(&Sha256::digest(bytes)))
    }

    fn of_table(format: Format, bytes: &[u8]) -> Self {
        let mut hash = Sha256::new();
        if format > Format::One {
            hash.update(format!("{}:", format.number()));
        }
        hash.update(bytes);
        Self(hex(&hash.finalize()))
    }

    /// The digest of one policy's tree; what its neighbours are does not touch it.
    pub fn of_policy(policy: &Policy) -> Self {
        Self::of(&canonical(policy))
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits: enough to recognise a table by.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl TryFrom<String> for Digest {
    type Error = DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 64 && text.bytes().all(lower_hex) {
            Ok(Self(text))
        } else {
            Err(DecodeError::NoDigest)
        }
    }
}

/// Lower-case hex digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|b| [b >> 4, b & 0xf]);
    nibbles.map(|n| char::from(DIGITS[usize::from(n)])).collect()
}

/// A table's document and digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The whole document.
    pub json: String,
    /// The digest of the table in it.
    pub digest: Digest,
    /// How it is written.
    pub format: Format,
}

/// What a document holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The table, not checked yet.
    pub table: Table,
    /// Its digest.
    pub digest: Digest,
    /// How it was written.
    pub format: Format,
}

/// A document in the form in which a `ConfigMap` holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// Under [`PLAIN_KEY`] in `data`.
    Plain(String),
    /// Under [`GZIP_KEY`] in `binaryData`.
    Gzip(Vec<u8>),
}

/// Why a document is no table.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not the JSON of a table; the text names line and column, and never quotes the document.
    #[error("the table is not readable: {0}")]
    Json(#[from] serde_json::Error),
    /// Not gzip, or cut short.
    #[error("the table does not unpack: {0}")]
    Gzip(#[from] std::io::Error),
    /// Unfolds to more than [`DECODED_LIMIT`].
    #[error("the table unpacks to more than {DECODED_LIMIT} bytes")]
    TooLarge,
    /// Written by a newer operator than this reader.
    #[error("the table has format {found}; this router reads up to {}: upgrade the router first", Format::NEWEST.number())]
    Format {
        /// The format found.
        found: u32,
    },
    /// The digest is not 64 lower-case hex digits.
    #[error("the table's digest is not 64 lower-case hex digits")]
    NoDigest,
    /// The content is not what was digested.
    #[error("the table's content has digest {found}, but says {said}")]
    Digest {
        /// What the document says.
        said: String,
        /// What its content has.
        found: String,
    },
}

#[derive(Serialize)]
struct WriteDocument<'a> {
    format: u32,
    digest: &'a Digest,
    table: &'a RawValue,
}

#[derive(Deserialize)]
struct ReadDocument<'a> {
    digest: Digest,
    #[serde(borrow)]
    table: &'a RawValue,
}

#[derive(Deserialize)]
struct ReadFormat {
    format: u32,
}

/// The canonical bytes of a value of this crate. Its types hold no map but `BTreeMap`s, no keys but
/// strings and, once checked, no number that JSON lacks, so that encoding can't fail.
fn canonical(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// The canonical document of `table` in `format`, and its digest.
pub fn encode(table: &Table, format: Format) -> Encoded {
    let bytes = canonical(&format.written(table));
    let digest = Digest::of_table(format, &bytes);
    let text = String::from_utf8(bytes).unwrap_or_default();
    let json = RawValue::from_string(text).and_then(|table| {
        serde_json::to_string(&WriteDocument {
            format: format.number(),
            digest: &digest,
            table: &table,
        })
    });
    Encoded {
        json: json.unwrap_or_default(),
        digest,
        format,
    }
}

/// The document in the form in which a `ConfigMap` can hold it, or `None` if it fits in neither.
pub fn store(json: &str) -> Option<Stored> {
    if json.len() <= PLAIN_LIMIT {
        return Some(Stored::Plain(json.to_owned()));
    }
    let packed = gzip(json.as_bytes());
    (packed.len() <= GZIP_LIMIT).then_some(Stored::Gzip(packed))
}

/// The gzip stream of `bytes`, without name or time: equal input gives equal output.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

/// Reads a stored document back, and proves its digest. What it says is not checked yet:
/// see [`crate::check`].
pub fn load(stored: &Stored) -> Result<Decoded, DecodeError> {
    match stored {
        Stored::Plain(json) => decode(json),
        Stored::Gzip(packed) => decode(&gunzip(packed)?),
    }
}

fn gunzip(packed: &[u8]) -> Result<String, DecodeError> {
    let mut text = String::new();
    GzDecoder::new(packed)
        .take(DECODED_LIMIT + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > DECODED_LIMIT {
        Err(DecodeError::TooLarge)
    } else {
        Ok(text)
    }
}

/// Reads a document, and proves its digest.
pub fn decode(json: &str) -> Result<Decoded, DecodeError> {
    let found = serde_json::from_str::<ReadFormat>(json)?.format;
    let format = Format::of_number(found).ok_or(DecodeError::Format { found })?;
    let document: ReadDocument<'_> = serde_json::from_str(json)?;
    let digest = Digest::of_table(format, document.table.get().as_bytes());
    if digest != document.digest {
        return Err(DecodeError::Digest {
            said: document.digest.into(),
            found: digest.into(),
        });
    }
    let table = format.read(serde_json::from_str(document.table.get())?);
    Ok(Decoded {
        table,
        digest,
        format,
    })
}

#[cfg(test)]
mod tests;
