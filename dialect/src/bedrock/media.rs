//! Images, sounds and documents: Bedrock names their formats itself, and takes only what stands in the request.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::wire::{Bytes, Media};
use crate::Refusal;
use crate::form::{Document, Source};

/// A picture.
pub(super) fn image<'f>(source: &'f Source<'_>) -> Result<Media<'f>, Refusal> {
    let (media_type, source) = data(source, "image")?;
    let format = match media_type {
        "image/png" => "png",
        "image/jpeg" | "image/jpg" => "jpeg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        _ => return Err(unknown("images as PNG, JPEG, GIF or WebP")),
    };
    Ok(Media { format, source })
}

/// Sound.
pub(super) fn audio<'f>(source: &'f Source<'_>) -> Result<Media<'f>, Refusal> {
    let (media_type, source) = data(source, "sound")?;
    let format = match media_type {
        "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/mp4" => "mp4",
        "audio/m4a" | "audio/x-m4a" => "m4a",
        "audio/aac" => "aac",
        "audio/flac" => "flac",
        "audio/ogg" => "ogg",
        "audio/opus" => "opus",
        "audio/webm" => "webm",
        "audio/pcm" | "audio/pcm16" => "pcm",
        _ => {
            return Err(unknown(
                "sound as WAV, MP3, MP4, AAC, FLAC, Ogg, Opus, WebM or PCM",
            ));
        }
    };
    Ok(Media { format, source })
}

/// A document's format and data.
pub(super) fn document<'f>(document: &'f Document<'_>) -> Result<(&'static str, Bytes<'f>), Refusal> {
    if let Source::Text(text) = &document.source {
        let bytes = Cow::Owned(STANDARD.encode(text.as_bytes()));
        return Ok(("txt", Bytes { bytes }));
    }
    let (media_type, source) = data(&document.source, "document")?;
    let format = match media_type {
        "application/pdf" => "pdf",
        "text/plain" => "txt",
        "text/markdown" => "md",
        "text/csv" => "csv",
        "text/html" => "html",
        "application/msword" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        _ => {
            return Err(unknown(
                "documents as PDF, text, Markdown, CSV, HTML, Word or Excel",
            ));
        }
    };
    Ok((format, source))
}

/// The media type and the data. An address is refused even where Bedrock could fetch it: from S3 it would read
/// with the rights of the provider's key, not of the caller.
fn data<'f>(source: &'f Source<'_>, what: &str) -> Result<(&'f str, Bytes<'f>), Refusal> {
    match source {
        Source::Base64 { media_type, data } => {
            let bytes = Cow::Borrowed(&**data);
            Ok((
                media_type.split(';').next().unwrap_or_default().trim(),
                Bytes { bytes },
            ))
        }
        Source::Url(_) => Err(not_here(what, "by its address")),
        Source::File(_) => Err(not_here(what, "by the id of a file")),
        Source::Text(_) => Err(not_here(what, "as text")),
    }
}

fn not_here(what: &str, how: &str) -> Refusal {
    Refusal::new(
        "messages",
        format!("Bedrock takes no {what} {how}; send the data itself, in base64"),
    )
}

fn unknown(known: &str) -> Refusal {
    Refusal::new(
        "messages",
        format!("Bedrock takes {known} only; send one of these"),
    )
}
