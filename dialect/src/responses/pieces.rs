//! Pieces of content in the input, read into parts of the form.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::data_url;
use crate::form::{CacheMark, Document, Media, Part, Source, Text};
use crate::json::{Str, StrOr};

/// A text, or a list of pieces.
pub(super) type Content<'a> = StrOr<'a, Vec<Piece<'a>>>;

/// A piece of content.
#[derive(Deserialize)]
pub(super) struct Piece<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    pub(super) text: Option<Str<'a>>,
    refusal: Option<Str<'a>>,
    image_url: Option<Str<'a>>,
    detail: Option<Str<'a>>,
    file_id: Option<Str<'a>>,
    file_data: Option<Str<'a>>,
    file_url: Option<Str<'a>>,
    filename: Option<Str<'a>>,
    input_audio: Option<Sound<'a>>,
    prompt_cache_breakpoint: Option<Breakpoint<'a>>,
    // What the answers hold and clients send back.
    #[serde(rename = "annotations")]
    _annotations: Option<&'a RawValue>,
    #[serde(rename = "logprobs")]
    _logprobs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Sound<'a> {
    #[serde(borrow)]
    data: Str<'a>,
    format: Str<'a>,
}

#[derive(Deserialize)]
struct Breakpoint<'a> {
    #[serde(borrow)]
    ttl: Option<Str<'a>>,
    #[serde(rename = "mode")]
    _mode: Option<Str<'a>>,
}

/// What is wrong with an item: which of its fields, and why.
#[derive(Debug)]
pub(super) struct Bad(pub(super) Cow<'static, str>, pub(super) Cow<'static, str>);

impl Bad {
    pub(super) fn new(field: &'static str, why: impl Into<Cow<'static, str>>) -> Self {
        Self(Cow::Borrowed(field), why.into())
    }

    fn below(self, field: &str, place: usize) -> Self {
        Self(Cow::Owned(format!("{field}[{place}].{}", self.0)), self.1)
    }
}

/// The parts of a content in `field`, without empty ones.
pub(super) fn parts<'a>(content: Content<'a>, field: &str) -> Result<Vec<Part<'a>>, Bad> {
    let pieces = match content {
        StrOr::Str(text) if text.is_empty() => return Ok(Vec::new()),
        StrOr::Str(text) => return Ok(vec![Part::Text(Text::new(text))]),
        StrOr::Other(pieces) => pieces,
    };
    let mut parts = Vec::with_capacity(pieces.len());
    for (place, piece) in pieces.into_iter().enumerate() {
        parts.extend(piece.part().map_err(|bad| bad.below(field, place))?);
    }
    Ok(parts)
}

impl<'a> Piece<'a> {
    fn part(mut self) -> Result<Option<Part<'a>>, Bad> {
        let cache = self.prompt_cache_breakpoint.take().map(|mark| CacheMark {
            ttl: mark.ttl.map(Cow::from),
        });
        match &*self.kind {
            "input_text" | "output_text" | "text" => Ok(self.text(cache)),
            "refusal" => Ok(self.refusal.map(|text| Part::Refusal(text.0))),
            "input_image" => self.image(cache).map(Some),
            "input_file" => self.document(cache).map(Some),
            "input_audio" => self.audio(cache).map(Some),
            _ => Err(Bad::new(
                "type",
                "this type of content is not known; use input_text, input_image, input_file or input_audio",
            )),
        }
    }

    fn text(self, cache: Option<CacheMark<'a>>) -> Option<Part<'a>> {
        let text = self.text.map(Cow::from).filter(|text| !text.is_empty())?;
        Some(Part::Text(Text { text, cache }))
    }

    fn image(self, cache: Option<CacheMark<'a>>) -> Result<Part<'a>, Bad> {
        let source = match (self.image_url, self.file_id) {
            (Some(url), _) => data_url::source(url.0).ok_or_else(|| Bad::new("image_url", NOT_BASE64))?,
            (None, Some(id)) => Source::File(id.0),
            (None, None) => return Err(Bad::new("image_url", "an image needs `image_url` or `file_id`")),
        };
        let detail = self.detail.map(Cow::from);
        Ok(Part::Image(Media {
            source,
            detail,
            cache,
        }))
    }

    fn document(self, cache: Option<CacheMark<'a>>) -> Result<Part<'a>, Bad> {
        let source = match (self.file_data, self.file_url, self.file_id) {
            (Some(data), ..) => file(data.0)?,
            (None, Some(url), _) => Source::Url(url.0),
            (None, None, Some(id)) => Source::File(id.0),
            (None, None, None) => {
                return Err(Bad::new(
                    "file_data",
                    "a file needs `file_data`, `file_url` or `file_id`",
                ));
            }
        };
        let name = self.filename.map(Cow::from);
        Ok(Part::Document(Document { source, name, cache }))
    }

    fn audio(self, cache: Option<CacheMark<'a>>) -> Result<Part<'a>, Bad> {
        let missing = || Bad::new("input_audio", "audio needs its `input_audio`");
        let sound = self.input_audio.ok_or_else(missing)?;
        let source = Source::Base64 {
            media_type: Cow::Owned(format!("audio/{}", &*sound.format)),
            data: sound.data.0,
        };
        Ok(Part::Audio(Media {
            source,
            detail: None,
            cache,
        }))
    }
}

const NOT_BASE64: &str = "a data: URL must hold base64";

/// A file's data: a `data:` URL, or bare base64, which is then a PDF's.
fn file(data: Cow<'_, str>) -> Result<Source<'_>, Bad> {
    match data_url::source(data) {
        Some(Source::Url(data)) => Ok(Source::Base64 {
            media_type: Cow::Borrowed("application/pdf"),
            data,
        }),
        source => source.ok_or_else(|| Bad::new("file_data", NOT_BASE64)),
    }
}
