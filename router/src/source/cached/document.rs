//! What the files of a cache hold. Pure.
//!
//! A page is `{"table":…,"credentials":{"<id>":"<base64>"}}`, where `table` is the document that a `ConfigMap`
//! holds; its file is named by its digest. The index is `{"format":1,"digest":"…","content":{…}}`, whose digest
//! is over the exact bytes of `content`: of which source it is, and every page that counts. So what the index
//! proves is whole, and one moment's.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use weir_table::codec::{self, Stored};
use weir_table::{CredentialId, Digest, Scope};
use zeroize::Zeroizing;

use super::desk::Written;
use crate::secret::Secret;

/// The format that is written, and the only one that is read: a cache does not outlive the image.
pub(super) const FORMAT: u32 = 1;

/// The pages of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Whose they are.
    pub(super) scope: Scope,
    /// The table that was served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) served: Option<Digest>,
    /// The newer one that waited for credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) waited: Option<Digest>,
}

impl Entry {
    /// The digests of its pages.
    pub(super) fn pages(&self) -> impl Iterator<Item = &Digest> {
        self.served.iter().chain(&self.waited)
    }
}

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Damage {
    /// Something else, or a part of it.
    #[error("is damaged")]
    Damaged,
    /// Written by another version.
    #[error("has format {0}, and this router reads format {FORMAT}")]
    Format(u32),
    /// Kept of another API server, or of another namespace.
    #[error("is of another cluster or namespace")]
    Foreign,
}

/// What a page holds.
#[derive(Debug)]
pub(super) struct Page {
    /// The table's document.
    pub(super) table: Stored,
    /// The credentials that the table needs.
    pub(super) credentials: BTreeMap<CredentialId, Secret>,
}

#[derive(Serialize)]
struct WritePage<'a> {
    table: &'a RawValue,
    credentials: BTreeMap<&'a CredentialId, Shown<'a>>,
}

/// A credential's bytes, on their way into a page and nowhere else.
struct Shown<'a>(&'a Secret);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0.expose(), &STANDARD))
    }
}

#[derive(Deserialize)]
struct ReadPage<'a> {
    #[serde(borrow)]
    table: &'a RawValue,
    #[serde(borrow)]
    credentials: BTreeMap<CredentialId, &'a str>,
}

#[derive(Serialize)]
struct WriteIndex<'a> {
    format: u32,
    digest: &'a Digest,
    content: &'a RawValue,
}

/// What an index says.
#[derive(Serialize)]
struct WriteContent<'a> {
    of: &'a str,
    entries: Vec<&'a Entry>,
}

/// The same, read.
#[derive(Deserialize)]
struct ReadContent {
    of: String,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct ReadIndex<'a> {
    digest: Digest,
    #[serde(borrow)]
    content: &'a RawValue,
}

#[derive(Deserialize)]
struct ReadFormat {
    format: u32,
}

/// The bytes of a page.
pub(super) fn page(
    written: &Written,
    credentials: &BTreeMap<CredentialId, Secret>,
) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let document = codec::encode(written.table.table(), written.format).json;
    let table = RawValue::from_string(document)?;
    let values = credentials.iter().map(|(id, value)| (id, Shown(value)));
    // Room for all of it at once: a buffer that grows leaves copies behind, which nobody wipes.
    let values_size: usize = credentials
        .values()
        .map(|value| 64 + 2 * value.expose().len())
        .sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 + table.get().len() + values_size));
    let page = WritePage {
        table: &table,
        credentials: values.collect(),
    };
    serde_json::to_writer(&mut *bytes, &page)?;
    Ok(bytes)
}

/// Reads a page of which it is known that its digest is right.
pub(super) fn read_page(bytes: &[u8]) -> Result<Page, Damage> {
    let page: ReadPage<'_> = serde_json::from_slice(bytes).map_err(|_| Damage::Damaged)?;
    let value = |(id, text): (CredentialId, &str)| {
        let value = STANDARD.decode(text).map_err(|_| Damage::Damaged)?;
        Ok((id, Secret::new(value)))
    };
    Ok(Page {
        table: Stored::Plain(page.table.get().to_owned()),
        credentials: page
            .credentials
            .into_iter()
            .map(value)
            .collect::<Result<_, _>>()?,
    })
}

/// The bytes of an index of a source.
pub(super) fn index<'e>(of: &str, entries: impl Iterator<Item = &'e Entry>) -> serde_json::Result<Vec<u8>> {
    let entries = entries.collect();
    let content = serde_json::value::to_raw_value(&WriteContent { of, entries })?;
    serde_json::to_vec(&WriteIndex {
        format: FORMAT,
        digest: &Digest::of(content.get().as_bytes()),
        content: &content,
    })
}

/// Reads an index, and proves its digest and that it is of this source.
pub(super) fn read_index(bytes: &[u8], of: &str) -> Result<Vec<Entry>, Damage> {
    let ReadFormat { format } = serde_json::from_slice(bytes).map_err(|_| Damage::Damaged)?;
    if format != FORMAT {
        return Err(Damage::Format(format));
    }
    let ReadIndex { digest, content } = serde_json::from_slice(bytes).map_err(|_| Damage::Damaged)?;
    if Digest::of(content.get().as_bytes()) != digest {
        return Err(Damage::Damaged);
    }
    let content: ReadContent = serde_json::from_str(content.get()).map_err(|_| Damage::Damaged)?;
    if content.of != of {
        return Err(Damage::Foreign);
    }
    Ok(content.entries)
}
