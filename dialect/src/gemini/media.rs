//! Writes images, sounds and documents: as they are, or as addresses from which Gemini fetches them.
//! <https://ai.google.dev/gemini-api/docs/file-input-methods>

use std::borrow::Cow;

use serde::Serialize;

use super::content::Data;
use super::model::Model;
use crate::Refusal;
use crate::form::Source;

/// Where files live that were uploaded to Gemini.
const FILES: &str = "https://generativelanguage.googleapis.com/";
/// A bucket of Google Cloud Storage. Gemini would read it with the rights of the provider's key, which are not
/// the caller's.
const BUCKET: &str = "gs://";

/// Types by the ends of names, for what Gemini reads.
const TYPES: [(&str, &str); 17] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("bmp", "image/bmp"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("pdf", "application/pdf"),
    ("json", "application/json"),
    ("txt", "text/plain"),
    ("md", "text/plain"),
    ("html", "text/html"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("xml", "text/xml"),
    ("rtf", "text/rtf"),
    ("js", "text/javascript"),
];

/// What is done with a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is looked at or read.
    Seen,
    /// It is listened to: Gemini fetches no sounds from elsewhere.
    Heard,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'f> {
    mime_type: &'f str,
    data: &'f str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileData<'f> {
    /// Left out where the address does not tell it. Files that were uploaded know their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'static str>,
    file_uri: Cow<'f, str>,
}

/// What is at `source`.
///
/// # Errors
/// It is nowhere that this model fetches from.
pub(super) fn data<'f>(source: &'f Source<'_>, kind: Kind, model: Model) -> Result<Data<'f>, Refusal> {
    match source {
        Source::Base64 { media_type, data } => Ok(Data::InlineData(Blob {
            mime_type: media_type,
            data,
        })),
        Source::Text(text) => Ok(Data::Text(text)),
        Source::File(id) if id.starts_with("files/") => Ok(file(Cow::Owned(format!("{FILES}v1beta/{id}")))),
        Source::File(uri) | Source::Url(uri) if uri.starts_with(FILES) => Ok(file(Cow::Borrowed(uri))),
        Source::File(uri) | Source::Url(uri) if uri.starts_with(BUCKET) => Err(Refusal::new(
            "messages[].content[]",
            "Gemini would read from this bucket with the provider's rights; send what is there as base64",
        )),
        Source::File(_) => Err(Refusal::new(
            "messages[].content[]",
            "a file is named by an id that is not Gemini's; upload it there, or send what is in it",
        )),
        Source::Url(url) if is_fetched(url, kind, model) => Ok(file(Cow::Borrowed(url))),
        Source::Url(_) => Err(Refusal::new(
            "messages[].content[]",
            "this model of Gemini does not fetch from such an address; send what is there as base64",
        )),
    }
}

fn file(uri: Cow<'_, str>) -> Data<'_> {
    Data::FileData(FileData {
        mime_type: type_of(&uri),
        file_uri: uri,
    })
}

fn is_fetched(url: &str, kind: Kind, model: Model) -> bool {
    url.starts_with("https://") && kind == Kind::Seen && model.fetches()
}

fn type_of(uri: &str) -> Option<&'static str> {
    let path = uri.split(['?', '#']).next()?;
    let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
    let mut types = TYPES.iter();
    types
        .find(|(known, _)| extension.eq_ignore_ascii_case(known))
        .map(|(_, media_type)| *media_type)
}
