//! Pieces of content as chat completions write them, read into parts of the form.

use std::borrow::Cow;

use serde::Deserialize;

use crate::data_url;
use crate::form::{CacheMark, Document, Media, Part, Source, Text, Thought};
use crate::json::{Str, StrOr};

/// A text, or a list of pieces.
pub(super) type Content<'a> = StrOr<'a, Vec<Piece<'a>>>;

/// A piece of content. `thinking` pieces are not `OpenAI`'s: gateways and Mistral write them.
#[derive(Deserialize)]
pub(super) struct Piece<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Str<'a>>,
    text: Option<Str<'a>>,
    image_url: Option<StrOr<'a, ImageUrl<'a>>>,
    input_audio: Option<InputAudio<'a>>,
    file: Option<File<'a>>,
    refusal: Option<Str<'a>>,
    thinking: Option<StrOr<'a, Vec<Piece<'a>>>>,
    signature: Option<Str<'a>>,
    data: Option<Str<'a>>,
    /// What the SDKs leave in blocks that they put together from a stream.
    #[serde(rename = "index")]
    _index: Option<u64>,
    cache_control: Option<CacheControl<'a>>,
    prompt_cache_breakpoint: Option<CacheControl<'a>>,
}

#[derive(Deserialize)]
struct ImageUrl<'a> {
    #[serde(borrow)]
    url: Str<'a>,
    detail: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct InputAudio<'a> {
    #[serde(borrow)]
    data: Str<'a>,
    format: Str<'a>,
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow, rename = "file_data")]
    data: Option<Str<'a>>,
    #[serde(rename = "file_id")]
    id: Option<Str<'a>>,
    #[serde(rename = "filename")]
    name: Option<Str<'a>>,
}

/// Anthropic's mark as gateways take it in chat completions, and `OpenAI`'s own breakpoint.
#[derive(Deserialize)]
pub(super) struct CacheControl<'a> {
    #[serde(borrow)]
    ttl: Option<Str<'a>>,
    #[serde(rename = "type")]
    _kind: Option<Str<'a>>,
    #[serde(rename = "mode")]
    _mode: Option<Str<'a>>,
}

/// What is wrong with a message or a piece: which of its fields, and why.
#[derive(Debug)]
pub(super) struct Bad(pub(super) Cow<'static, str>, pub(super) Cow<'static, str>);

impl Bad {
    /// The same, seen from the message, in whose content the piece stands at `place`.
    pub(super) fn below(self, place: usize) -> Self {
        let Self(field, why) = self;
        Self(Cow::Owned(format!("content[{place}].{field}")), why)
    }
}

fn bad(field: &'static str, why: &'static str) -> Bad {
    Bad(Cow::Borrowed(field), Cow::Borrowed(why))
}

impl<'a> CacheControl<'a> {
    pub(super) fn mark(self) -> CacheMark<'a> {
        CacheMark {
            ttl: self.ttl.map(Cow::from),
        }
    }
}

impl<'a> Piece<'a> {
    /// The part that this piece is; `None` if there is nothing in it.
    pub(super) fn part(self) -> Result<Option<Part<'a>>, Bad> {
        let kind = self.kind.clone().unwrap_or(Str(Cow::Borrowed("text")));
        match &*kind {
            "text" | "input_text" | "output_text" => Ok(self.text()),
            "image_url" => self.image().map(Some),
            "input_audio" => self.audio().map(Some),
            "file" => self.document().map(Some),
            "refusal" => Ok(self.refusal.map(|text| Part::Refusal(text.0))),
            "thinking" | "redacted_thinking" => Ok(self.thought().map(Part::Thought)),
            _ => Err(bad(
                "type",
                "this type of content is not known; use text, image_url, input_audio or file",
            )),
        }
    }

    /// The reasoning in this piece, if it is one.
    pub(super) fn thought(self) -> Option<Thought<'a>> {
        let filled = |text: Option<Str<'a>>| text.map(Cow::from).filter(|text| !text.is_empty());
        let thought = Thought {
            text: self.thinking.map(plain).unwrap_or_default(),
            signature: filled(self.signature),
            redacted: filled(self.data),
        };
        let empty = thought.text.is_empty() && thought.signature.is_none() && thought.redacted.is_none();
        (!empty).then_some(thought)
    }

    fn text(mut self) -> Option<Part<'a>> {
        let cache = self.cache();
        let text = self.text.map(Cow::from).filter(|text| !text.is_empty())?;
        Some(Part::Text(Text { text, cache }))
    }

    fn image(mut self) -> Result<Part<'a>, Bad> {
        let cache = self.cache();
        let (url, detail) = match self.image_url {
            Some(StrOr::Str(url)) => (url, None),
            Some(StrOr::Other(image)) => (image.url.0, image.detail),
            None => return Err(bad("image_url", "an image needs its `image_url`")),
        };
        Ok(Part::Image(Media {
            source: data_url::source(url).ok_or_else(|| bad("image_url.url", NOT_BASE64))?,
            detail: detail.map(Cow::from),
            cache,
        }))
    }

    fn audio(mut self) -> Result<Part<'a>, Bad> {
        let cache = self.cache();
        let missing = bad("input_audio", "audio needs its `input_audio`");
        let audio = self.input_audio.ok_or(missing)?;
        Ok(Part::Audio(Media {
            source: Source::Base64 {
                media_type: Cow::Owned(format!("audio/{}", &*audio.format)),
                data: audio.data.0,
            },
            detail: None,
            cache,
        }))
    }

    fn document(mut self) -> Result<Part<'a>, Bad> {
        let cache = self.cache();
        let file = self.file.ok_or(bad("file", "a file needs its `file`"))?;
        let source = match (file.data, file.id) {
            (Some(data), _) => file_source(data.0)?,
            (None, Some(id)) => Source::File(id.0),
            (None, None) => return Err(bad("file", "a file needs `file_data` or `file_id`")),
        };
        Ok(Part::Document(Document {
            source,
            name: file.name.map(Cow::from),
            cache,
        }))
    }

    fn cache(&mut self) -> Option<CacheMark<'a>> {
        let mark = self.cache_control.take().or(self.prompt_cache_breakpoint.take());
        mark.map(CacheControl::mark)
    }
}

const NOT_BASE64: &str = "a data: URL must hold base64";

/// A file's data: a `data:` URL, or bare base64, which is then a PDF's. Some callers give an address.
fn file_source(data: Cow<'_, str>) -> Result<Source<'_>, Bad> {
    match data_url::source(data) {
        Some(Source::Url(url)) if url.starts_with("http") => Ok(Source::Url(url)),
        Some(Source::Url(data)) => Ok(Source::Base64 {
            media_type: Cow::Borrowed("application/pdf"),
            data,
        }),
        Some(source) => Ok(source),
        None => Err(bad("file.file_data", NOT_BASE64)),
    }
}

/// The text of a thought, which Mistral writes as a list.
fn plain<'a>(thinking: StrOr<'a, Vec<Piece<'a>>>) -> Cow<'a, str> {
    match thinking {
        StrOr::Str(text) => text,
        StrOr::Other(pieces) => {
            let mut texts = pieces.into_iter().filter_map(|piece| piece.text.map(Cow::from));
            let first = texts.next().unwrap_or_default();
            texts.fold(first, |all, more| all + more)
        }
    }
}
