//! Writes turns as Gemini's contents.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::media::{self, Blob, FileData};
use super::model::Model;
use crate::form::{Ask, Document, Media, Part, Role, Source, Text, Thought, ToolCall, ToolResult};
use crate::{Dropped, Refusal};

/// What stands for the signature of a call that no Gemini made, or whose signature the caller's dialect could
/// not keep. <https://ai.google.dev/gemini-api/docs/thought-signatures>
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// One side's turn, or the instructions.
#[derive(Debug, Serialize)]
pub(super) struct Content<'f> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<Piece<'f>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Piece<'f> {
    #[serde(flatten)]
    data: Data<'f>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<&'f str>,
}

/// What a piece is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::enum_variant_names, reason = "They are called so on the wire.")]
pub(super) enum Data<'f> {
    Text(&'f str),
    InlineData(Blob<'f>),
    FileData(FileData<'f>),
    FunctionCall(Call<'f>),
    FunctionResponse(Response<'f>),
}

#[derive(Debug, Serialize)]
pub(super) struct Call<'f> {
    id: &'f str,
    name: &'f str,
    args: &'f RawValue,
}

#[derive(Debug, Serialize)]
pub(super) struct Response<'f> {
    id: &'f str,
    name: &'f str,
    #[serde(rename = "response")]
    returned: Returned<'f>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Data<'f>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Returned<'f> {
    Output(Cow<'f, str>),
    Error(Cow<'f, str>),
}

impl Content<'_> {
    /// The same, said by the user.
    pub(super) fn of_the_user(self) -> Self {
        Self {
            role: Some("user"),
            ..self
        }
    }
}

/// The instructions before the conversation.
pub(super) fn instructions<'f>(system: &'f [Text<'_>]) -> Option<Content<'f>> {
    let texts = system.iter().filter(|text| !text.text.is_empty());
    let parts: Vec<_> = texts.map(|text| Piece::of(Data::Text(&text.text))).collect();
    (!parts.is_empty()).then_some(Content { role: None, parts })
}

/// The conversation. Turns in which nothing is said are left out: Gemini refuses them.
pub(super) fn contents<'f>(
    ask: &'f Ask<'_>,
    model: Model,
    dropped: &mut Dropped,
) -> Result<Vec<Content<'f>>, Refusal> {
    let mut contents = Vec::with_capacity(ask.turns.len());
    let called = ask.called_tools();
    for turn in ask.joined_turns() {
        let mut pieces = Pieces::new(&called, model, dropped);
        for part in turn.parts {
            pieces.push(part)?;
        }
        let parts = pieces.all();
        if !parts.is_empty() {
            let role = Some(role(turn.role));
            contents.push(Content { role, parts });
        }
    }
    Ok(contents)
}

fn role(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "model",
    }
}

impl<'f> Piece<'f> {
    fn of(data: Data<'f>) -> Self {
        Self {
            data,
            thought_signature: None,
        }
    }
}

/// The pieces of one turn, as they come to be.
struct Pieces<'f, 'd> {
    /// The tools of calls, by the calls' ids.
    called: &'d BTreeMap<&'f str, &'f str>,
    model: Model,
    dropped: &'d mut Dropped,
    /// In order.
    so_far: Vec<Piece<'f>>,
    /// What tools returned beside texts, for models that want it behind all results.
    behind: Vec<Piece<'f>>,
    has_calls: bool,
}

impl<'f, 'd> Pieces<'f, 'd> {
    fn new(called: &'d BTreeMap<&'f str, &'f str>, model: Model, dropped: &'d mut Dropped) -> Self {
        Self {
            called,
            model,
            dropped,
            so_far: Vec::new(),
            behind: Vec::new(),
            has_calls: false,
        }
    }

    fn all(mut self) -> Vec<Piece<'f>> {
        self.so_far.append(&mut self.behind);
        self.so_far
    }

    fn push(&mut self, part: &'f Part<'_>) -> Result<(), Refusal> {
        match part {
            Part::Text(text) => self.text(&text.text),
            Part::Refusal(text) => self.text(text),
            Part::Thought(thought) => self.thought(thought),
            Part::ToolCall(call) => self.call(call)?,
            Part::ToolResult(result) => self.result(result)?,
            Part::Image(_) | Part::Audio(_) | Part::Document(_) => {
                let data = self.medium(part)?;
                let data = data.filter(|data| !matches!(data, Data::Text("")));
                self.so_far.extend(data.map(Piece::of));
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &'f str) {
        if !text.is_empty() {
            self.so_far.push(Piece::of(Data::Text(text)));
        }
    }

    /// Only the proof goes back: Gemini gives it with a text that may be empty, and takes it so. What another
    /// provider thought is lost.
    fn thought(&mut self, thought: &'f Thought<'_>) {
        let Some(proof) = thought.geminis_proof() else {
            return self.dropped.add("messages[].reasoning_content");
        };
        self.so_far.push(Piece {
            data: Data::Text(""),
            thought_signature: Some(proof),
        });
    }

    /// Of calls that came at once only the first is signed.
    fn call(&mut self, call: &'f ToolCall<'_>) -> Result<(), Refusal> {
        let is_first = !std::mem::replace(&mut self.has_calls, true);
        let stands_in = (is_first && self.model.wants_signatures()).then_some(NO_SIGNATURE);
        self.so_far.push(Piece {
            data: Data::FunctionCall(Call {
                id: &call.id,
                name: &call.name,
                args: arguments(&call.arguments)?,
            }),
            thought_signature: call.signature.as_deref().or(stands_in),
        });
        Ok(())
    }

    fn result(&mut self, result: &'f ToolResult<'_>) -> Result<(), Refusal> {
        let name = self.called.get(&*result.id).ok_or_else(no_call)?;
        let parts = self.media_of(result)?;
        self.so_far.push(Piece::of(Data::FunctionResponse(Response {
            id: &result.id,
            name,
            returned: returned(result),
            parts,
        })));
        Ok(())
    }

    /// The media that may stand in the result; all others are put behind.
    fn media_of(&mut self, result: &'f ToolResult<'_>) -> Result<Vec<Data<'f>>, Refusal> {
        let mut within = Vec::new();
        for part in &result.parts {
            match self.medium(part)? {
                Some(data @ Data::InlineData(_)) if self.model.takes_media_of_tools() => within.push(data),
                Some(Data::Text(_)) | None => {}
                Some(data) => self.behind.push(Piece::of(data)),
            }
        }
        Ok(within)
    }

    /// `part` as a piece, if it is an image, a sound or a document.
    fn medium(&mut self, part: &'f Part<'_>) -> Result<Option<Data<'f>>, Refusal> {
        match part {
            Part::Image(Media { source, detail, .. }) => {
                if detail.as_deref().is_some_and(|detail| detail != "auto") {
                    self.dropped.add("messages[].content[].image_url.detail");
                }
                media::data(source, media::Kind::Seen, self.model).map(Some)
            }
            Part::Audio(Media { source, .. }) => {
                media::data(source, media::Kind::Heard, self.model).map(Some)
            }
            Part::Document(Document { source, .. }) => {
                media::data(source, media::Kind::Seen, self.model).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// The texts of a result, each on lines of its own.
fn returned<'f>(result: &'f ToolResult<'_>) -> Returned<'f> {
    let texts: Vec<&str> = result.parts.iter().filter_map(text_of).collect();
    let text = match &*texts {
        [one] => Cow::Borrowed(*one),
        texts => Cow::Owned(texts.join("\n")),
    };
    if result.is_error {
        Returned::Error(text)
    } else {
        Returned::Output(text)
    }
}

fn text_of<'f>(part: &'f Part<'_>) -> Option<&'f str> {
    match part {
        Part::Text(text) => Some(&text.text),
        Part::Document(Document {
            source: Source::Text(text),
            ..
        }) => Some(text),
        _ => None,
    }
}

fn arguments(text: &str) -> Result<&RawValue, Refusal> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    let value: Option<&RawValue> = serde_json::from_str(text).ok();
    value.filter(|value| value.get().starts_with('{')).ok_or_else(|| {
        Refusal::new(
            "messages[].tool_calls[].function.arguments",
            "the arguments of an earlier tool call are not a JSON object, which Gemini wants; mend or leave out that call",
        )
    })
}

fn no_call() -> Refusal {
    Refusal::new(
        "messages[].tool_call_id",
        "a tool's result refers to a call that is in no earlier turn, and Gemini wants that tool's name; send the call too",
    )
}
