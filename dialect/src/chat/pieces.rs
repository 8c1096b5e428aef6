//! Parts of the form, written as pieces of content.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::Refusal;
use crate::data_url::DataUrl;
use crate::form::{Document, Media, Part, Source, Text, Thought};

/// A piece of content.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum PieceOut<'f> {
    Text { text: &'f str },
    ImageUrl { image_url: ImageOut<'f> },
    InputAudio { input_audio: AudioOut<'f> },
    File { file: FileOut<'f> },
    Thinking { thinking: &'f str, signature: &'f str },
    RedactedThinking { data: &'f str },
}

#[derive(Serialize)]
pub(super) struct ImageOut<'f> {
    url: Url<'f>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'f str>,
}

#[derive(Serialize)]
pub(super) struct AudioOut<'f> {
    data: &'f str,
    format: &'f str,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum FileOut<'f> {
    Data {
        filename: &'f str,
        file_data: DataUrl<'f>,
    },
    Id {
        file_id: &'f str,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Url<'f> {
    There(&'f str),
    Here(DataUrl<'f>),
}

/// The piece for `part`, if it may stand in a content.
///
/// # Errors
/// Chat completions have no such media.
pub(super) fn piece<'f>(part: &'f Part<'_>) -> Result<Option<PieceOut<'f>>, Refusal> {
    match part {
        Part::Text(text) => Ok(Some(PieceOut::Text { text: &text.text })),
        Part::Image(media) => image(media).map(Some),
        Part::Audio(media) => audio(media).map(Some),
        Part::Document(document) => file(document).map(Some),
        _ => Ok(None),
    }
}

fn image<'f>(media: &'f Media<'_>) -> Result<PieceOut<'f>, Refusal> {
    let url = match &media.source {
        Source::Base64 { media_type, data } => Url::Here(DataUrl { media_type, data }),
        Source::Url(url) => Url::There(url),
        Source::File(_) | Source::Text(_) => return Err(unsaid("an image by the id of a file")),
    };
    let detail = media.detail.as_deref();
    Ok(PieceOut::ImageUrl {
        image_url: ImageOut { url, detail },
    })
}

fn audio<'f>(media: &'f Media<'_>) -> Result<PieceOut<'f>, Refusal> {
    let Source::Base64 { media_type, data } = &media.source else {
        return Err(unsaid("audio by its address"));
    };
    let format = match media_type.rsplit('/').next().unwrap_or_default() {
        "mpeg" => "mp3",
        "x-wav" | "wave" => "wav",
        other => other,
    };
    Ok(PieceOut::InputAudio {
        input_audio: AudioOut { data, format },
    })
}

fn file<'f>(document: &'f Document<'_>) -> Result<PieceOut<'f>, Refusal> {
    let file = match &document.source {
        Source::Text(text) => return Ok(PieceOut::Text { text }),
        Source::Url(_) => return Err(unsaid("a document by its address")),
        Source::File(file_id) => FileOut::Id { file_id },
        Source::Base64 { media_type, data } => FileOut::Data {
            filename: document.name.as_deref().unwrap_or("document.pdf"),
            file_data: DataUrl { media_type, data },
        },
    };
    Ok(PieceOut::File { file })
}

fn unsaid(what: &str) -> Refusal {
    Refusal::new(
        "messages",
        format!(
            "{what} cannot be said in chat completions, the dialect of this target; send its data in base64"
        ),
    )
}

/// The piece for a thought, as gateways write it.
pub(super) fn thinking<'f>(thought: &'f Thought<'_>) -> PieceOut<'f> {
    match &thought.redacted {
        Some(data) => PieceOut::RedactedThinking { data },
        None => PieceOut::Thinking {
            thinking: &thought.text,
            signature: thought.signature.as_deref().unwrap_or_default(),
        },
    }
}

/// A content: pieces, or texts as one text, which every server of this dialect reads.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ContentOut<'f> {
    Text(Paragraphs<'f>),
    Pieces(Vec<PieceOut<'f>>),
}

/// Texts with an empty line between them, put together only where they are written.
pub(super) struct Paragraphs<'f>(pub(super) Vec<&'f str>);

impl Serialize for Paragraphs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => serializer.serialize_str(one),
            several => serializer.serialize_str(&several.join("\n\n")),
        }
    }
}

impl<'f> ContentOut<'f> {
    /// A content of `pieces`.
    pub(super) fn of(pieces: Vec<PieceOut<'f>>) -> Self {
        let text = |piece: &PieceOut<'f>| match piece {
            PieceOut::Text { text } => Some(*text),
            _ => None,
        };
        match pieces.iter().map(text).collect::<Option<Vec<_>>>() {
            Some(texts) => Self::Text(Paragraphs(texts)),
            None => Self::Pieces(pieces),
        }
    }

    /// A content of texts alone.
    pub(super) fn of_texts<'t: 'f>(texts: impl IntoIterator<Item = &'f Text<'t>>) -> Self {
        Self::Text(Paragraphs(texts.into_iter().map(|text| &*text.text).collect()))
    }
}

/// Texts one behind the other; `None` if there are none.
pub(crate) fn joined<'f>(mut texts: impl Iterator<Item = &'f str>) -> Option<Cow<'f, str>> {
    let first = Cow::Borrowed(texts.next()?);
    Some(texts.fold(first, |all, more| all + more))
}

impl PieceOut<'_> {
    /// Whether it is a text.
    pub(super) const fn is_text(&self) -> bool {
        matches!(self, Self::Text { .. })
    }
}
