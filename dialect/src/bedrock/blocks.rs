//! The conversation as Converse's blocks.
//!
//! Blank texts are left out, as Bedrock refuses them and they say nothing; and with them turns in which nothing
//! else stands. Neighbouring turns of one role become one.

use serde_json::value::RawValue;

use super::model::{Model, Place};
use super::names::Names;
use super::wire::{Block, CachePoint, Message, Reasoning, ToolResult, ToolUse};
use super::{media, wire};
use crate::form::{Ask, CacheMark, Media, Part, Role, Text, Thought, ToolCall};
use crate::{Dropped, Refusal, form};

/// What a tool's result says that says nothing.
const NO_RESULT: &str = "(empty)";

/// Writes blocks for one model, and remembers what was left out.
pub(super) struct Blocks<'f> {
    pub(super) model: Model<'f>,
    /// Whether marks are to be set where the caller set none.
    pub(super) marks_itself: bool,
    pub(super) dropped: Dropped,
    names: Names<'f>,
}

impl<'f> Blocks<'f> {
    /// Blocks for `model` of what `ask` says.
    pub(super) fn new(ask: &Ask<'_>, model: Model<'f>, dropped: Dropped) -> Self {
        Self {
            model,
            marks_itself: ask.auto_cache && !has_marks(ask),
            dropped,
            names: Names::default(),
        }
    }

    /// The instructions.
    pub(super) fn system(&mut self, texts: &'f [Text<'_>]) -> Vec<Block<'f>> {
        let mut blocks = Vec::with_capacity(texts.len());
        for text in texts {
            push_text(&text.text, &mut blocks);
            self.mark(text.cache.as_ref(), Place::System, &mut blocks);
        }
        self.mark_itself(Place::System, &mut blocks);
        blocks
    }

    /// The conversation.
    pub(super) fn messages(&mut self, ask: &'f Ask<'_>) -> Result<Vec<Message<'f>>, Refusal> {
        let mut messages: Vec<Message<'f>> = Vec::with_capacity(ask.turns.len());
        for turn in &ask.turns {
            let role = match turn.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            let joins = messages.last().is_some_and(|last| last.role == role);
            let mut content = match messages.pop_if(|_| joins) {
                Some(last) => last.content,
                None => Vec::with_capacity(turn.parts.len()),
            };
            for part in &turn.parts {
                self.part(part, &mut content)?;
            }
            if !content.is_empty() {
                messages.push(Message { role, content });
            }
        }
        let last = messages.iter_mut().rev().find(|message| message.role == "user");
        match last {
            Some(last) => self.mark_itself(Place::Messages, &mut last.content),
            None => {
                return Err(Refusal::new(
                    "messages",
                    "nothing is said to the model; say something",
                ));
            }
        }
        Ok(messages)
    }

    fn part(&mut self, part: &'f Part<'_>, into: &mut Vec<Block<'f>>) -> Result<(), Refusal> {
        match part {
            Part::Text(text) => push_text(&text.text, into),
            Part::Refusal(text) => push_text(text, into),
            Part::Image(image) => {
                self.drop_detail(image);
                into.push(Block::Image(media::image(&image.source)?));
            }
            Part::Audio(audio) => into.push(Block::Audio(media::audio(&audio.source)?)),
            Part::Document(document) => into.push(self.document(document)?),
            Part::ToolCall(call) => into.push(self.call(call)?),
            Part::ToolResult(result) => into.push(self.result(result)?),
            Part::Thought(thought) => into.extend(self.thought(thought)),
        }
        self.mark(mark_of(part), Place::Messages, into);
        Ok(())
    }

    fn drop_detail(&mut self, image: &Media<'_>) {
        if image.detail.as_ref().is_some_and(|detail| detail != "auto") {
            self.dropped.add("messages[].content[].image_url.detail");
        }
    }

    fn document(&mut self, document: &'f form::Document<'_>) -> Result<Block<'f>, Refusal> {
        let (format, source) = media::document(document)?;
        Ok(Block::Document(wire::Document {
            format,
            name: self.names.document(document.name.as_deref()),
            source,
        }))
    }

    fn call(&mut self, call: &'f ToolCall<'_>) -> Result<Block<'f>, Refusal> {
        Ok(Block::ToolUse(ToolUse {
            id: self.names.call(&call.id),
            name: &call.name,
            input: object(&call.arguments)?,
        }))
    }

    fn result(&mut self, result: &'f form::ToolResult<'_>) -> Result<Block<'f>, Refusal> {
        let mut content = Vec::with_capacity(result.parts.len());
        for part in &result.parts {
            match part {
                Part::Image(_) | Part::Document(_) | Part::Text(_) | Part::Refusal(_) => {
                    self.part(part, &mut content)?;
                }
                _ => {
                    return Err(Refusal::new(
                        "messages",
                        "a tool's result holds texts, images and documents only",
                    ));
                }
            }
        }
        // Marks stand between blocks of the conversation only.
        content.retain(|block| !matches!(block, Block::CachePoint(_)));
        if content.is_empty() {
            content.push(Block::Text(NO_RESULT));
        }
        Ok(Block::ToolResult(ToolResult {
            id: self.names.call(&result.id),
            content,
            status: result.is_error.then_some("error"),
        }))
    }

    /// Only Claude wants thoughts back, and takes them with its own proof only.
    fn thought(&mut self, thought: &'f Thought<'_>) -> Option<Block<'f>> {
        let is_claude = matches!(self.model, Model::Claude(_));
        let reasoning = match (&thought.redacted, thought.claudes_proof()) {
            (Some(redacted), _) if is_claude => Reasoning::RedactedContent(redacted),
            (None, Some(signature)) if is_claude => Reasoning::ReasoningText {
                text: &thought.text,
                signature,
            },
            _ => {
                self.dropped.add("messages[].reasoning_content");
                return None;
            }
        };
        Some(Block::ReasoningContent(reasoning))
    }

    /// Sets the caller's mark behind what stands in `into`.
    fn mark(&mut self, mark: Option<&'f CacheMark<'_>>, place: Place, into: &mut Vec<Block<'f>>) {
        let Some(point) = mark.and_then(|mark| self.point(mark, place)) else {
            return;
        };
        if !matches!(into.last(), None | Some(Block::CachePoint(_))) {
            into.push(Block::CachePoint(point));
        }
    }

    /// The point that `mark` stands for; none to a model that does not know it there.
    pub(super) fn point(&mut self, mark: &'f CacheMark<'_>, place: Place) -> Option<CachePoint<'f>> {
        if !self.model.caches(place) {
            self.dropped.add("cache_control");
            return None;
        }
        let known = |ttl: &&str| self.model.caches_for_a_time() && matches!(*ttl, "5m" | "1h");
        let ttl = mark.ttl.as_deref().filter(known);
        if ttl.is_none() && mark.ttl.is_some() {
            self.dropped.add("cache_control.ttl");
        }
        Some(CachePoint {
            r#type: "default",
            ttl,
        })
    }

    fn mark_itself(&self, place: Place, into: &mut Vec<Block<'f>>) {
        if !into.is_empty() {
            into.extend(self.own_point(place).map(Block::CachePoint));
        }
    }

    /// The mark to set in `place` where the caller set none.
    pub(super) fn own_point(&self, place: Place) -> Option<CachePoint<'f>> {
        let wanted = self.marks_itself && self.model.caches(place);
        wanted.then_some(CachePoint {
            r#type: "default",
            ttl: None,
        })
    }
}

fn push_text<'f>(text: &'f str, into: &mut Vec<Block<'f>>) {
    if !text.trim().is_empty() {
        into.push(Block::Text(text));
    }
}

/// A call's arguments, which must be a JSON object.
fn object(arguments: &str) -> Result<&RawValue, Refusal> {
    let text = match arguments.trim() {
        "" => "{}",
        text => text,
    };
    let object = text.starts_with('{').then(|| serde_json::from_str(text).ok());
    object.flatten().ok_or_else(|| {
        Refusal::new(
            "messages",
            "the arguments of a call must be the text of a JSON object; mend the call or leave it out",
        )
    })
}

/// The mark behind `part`. One that stands within a tool's result stands behind the whole result.
fn mark_of<'p, 'a>(part: &'p Part<'a>) -> Option<&'p CacheMark<'a>> {
    match part {
        Part::Text(text) => text.cache.as_ref(),
        Part::Image(media) | Part::Audio(media) => media.cache.as_ref(),
        Part::Document(document) => document.cache.as_ref(),
        Part::ToolResult(result) => {
            let within = || result.parts.iter().rev().find_map(mark_of);
            result.cache.as_ref().or_else(within)
        }
        Part::ToolCall(_) | Part::Thought(_) | Part::Refusal(_) => None,
    }
}

/// Whether the caller set a mark anywhere.
fn has_marks(ask: &Ask<'_>) -> bool {
    let mut parts = ask.turns.iter().flat_map(|turn| &turn.parts);
    ask.system.iter().any(|text| text.cache.is_some())
        || ask.tools.iter().any(|tool| tool.cache.is_some())
        || parts.any(|part| mark_of(part).is_some())
}
