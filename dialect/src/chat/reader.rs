//! A target's stream of chunks, read into events.
//! <https://platform.openai.com/docs/api-reference/chat/streaming>

use std::borrow::Cow;

use serde::Deserialize;

use super::answer::{said, with_calls};
use super::calls::Calls;
use super::fault::{ErrorIn, fault};
use super::message::{Call, ExtraContent, Message, content_parts, made_up_id};
use super::words::{ChatUsage, finish};
use crate::form::{Finish, Part, Usage};
use crate::json::{self, Str, StrOr};
use crate::{Event, Fault, Incoming, Reader, Unreadable};

/// More answers than this are never asked for (<https://platform.openai.com/docs/api-reference/chat/create>).
pub(super) const MOST_CHOICES: u32 = 128;

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    id: Option<Str<'a>>,
    model: Option<Str<'a>>,
    choices: Option<Vec<ChoiceIn<'a>>>,
    usage: Option<ChatUsage>,
    error: Option<StrOr<'a, ErrorIn<'a>>>,
}

#[derive(Deserialize)]
struct ChoiceIn<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    delta: Option<Message<'a>>,
    finish_reason: Option<Str<'a>>,
}

/// How far a stream has come.
#[derive(Debug, Default)]
pub(super) struct ChunkReader {
    started: bool,
    /// What the provider calls the answer; empty if it does not.
    id: String,
    choices: Vec<Progress>,
}

/// How far an answer has come.
#[derive(Debug, Default)]
struct Progress {
    begun: bool,
    finished: bool,
    calls: Calls,
}

impl Reader for ChunkReader {
    fn read<'a>(&mut self, message: Incoming<'a>) -> Result<Vec<Event<'a>>, Unreadable> {
        let data = message.data.trim_ascii();
        match data {
            b"[DONE]" => return Ok(vec![Event::End]),
            b"" => return Ok(Vec::new()),
            _ => {}
        }
        let chunk: Chunk<'a> = json::read_answer(data)?;
        if chunk.error.is_some() || message.name == "error" {
            let whole = || json::read_answer(data).map(StrOr::Other).ok();
            return Ok(vec![Event::Failed(fault(chunk.error.or_else(whole)))]);
        }
        self.chunk(chunk)
    }

    fn is_complete(&self) -> bool {
        let mut begun = self.choices.iter().filter(|choice| choice.begun).peekable();
        begun.peek().is_some() && begun.all(|choice| choice.finished)
    }
}

impl ChunkReader {
    /// Chunks without choices or usage, such as Azure's first, say nothing and do not begin the answer.
    fn chunk<'a>(&mut self, chunk: Chunk<'a>) -> Result<Vec<Event<'a>>, Unreadable> {
        let choices = chunk.choices.unwrap_or_default();
        let mut events = Vec::with_capacity(4);
        let says = !choices.is_empty() || chunk.usage.is_some();
        if says && !self.started {
            self.started = true;
            chunk.id.as_deref().unwrap_or_default().clone_into(&mut self.id);
            events.push(Event::Start {
                id: said(chunk.id),
                model: said(chunk.model),
            });
        }
        for choice in choices {
            self.choice(choice, &mut events)?;
        }
        events.extend(chunk.usage.map(|usage| Event::Usage(Usage::from(usage))));
        Ok(events)
    }

    fn choice<'a>(&mut self, choice: ChoiceIn<'a>, events: &mut Vec<Event<'a>>) -> Result<(), Unreadable> {
        let number = choice.index.unwrap_or_default();
        if number >= MOST_CHOICES {
            return Err(Unreadable);
        }
        let place = number as usize;
        if self.choices.len() <= place {
            self.choices.resize_with(place + 1, Progress::default);
        }
        let progress = &mut self.choices[place];
        progress.begun = true;
        if let Some(delta) = choice.delta {
            progress.delta(number, delta, &self.id, events)?;
        }
        if let Some(word) = said(choice.finish_reason) {
            events.extend(progress.finish(number, &word));
        }
        Ok(())
    }
}

impl Progress {
    fn delta<'a>(
        &mut self,
        choice: u32,
        mut delta: Message<'a>,
        answer: &str,
        events: &mut Vec<Event<'a>>,
    ) -> Result<(), Unreadable> {
        delta.adopt_function_call();
        thoughts(choice, &mut delta, events);
        for part in content_parts(delta.content).map_err(|_| Unreadable)? {
            events.extend(spoken(choice, part));
        }
        let refusal = said(delta.refusal);
        events.extend(refusal.map(|text| Event::Refusal { choice, text }));
        for call in delta.tool_calls.into_iter().flatten() {
            self.call(choice, call, answer, events);
        }
        Ok(())
    }

    fn call<'a>(&mut self, choice: u32, call: Call<'a>, answer: &str, events: &mut Vec<Event<'a>>) {
        let (name, text) = match call.function {
            Some(function) => (said(function.name), said(function.arguments)),
            None => (None, None),
        };
        let place = self.calls.place(call.index, call.id.as_deref(), name.as_deref());
        if place.is_new {
            let made_up = || Cow::Owned(made_up_id(answer, format_args!("{choice}_{}", place.call)));
            events.push(Event::ToolCall {
                choice,
                call: place.call,
                id: said(call.id).unwrap_or_else(made_up),
                name: name.unwrap_or_default(),
                signature: call.extra_content.and_then(ExtraContent::signature),
            });
        }
        let call = place.call;
        events.extend(text.map(|text| Event::Arguments { choice, call, text }));
    }

    fn finish(&mut self, choice: u32, word: &str) -> Option<Event<'static>> {
        if self.finished {
            return None;
        }
        let Ok(finish) = finish(word) else {
            return Some(Event::Failed(Fault {
                kind: word.to_owned(),
                ..Fault::default()
            }));
        };
        self.finished = true;
        let finish: Finish = with_calls(finish, !self.calls.is_empty());
        Some(Event::Finish { choice, finish })
    }
}

/// The reasoning in a delta. Gateways repeat its text in the blocks that carry its proofs.
fn thoughts<'a>(choice: u32, delta: &mut Message<'a>, events: &mut Vec<Event<'a>>) {
    let text = delta.take_reasoning().filter(|text| !text.is_empty());
    let is_told = text.is_some();
    events.extend(text.map(|text| Event::Thought { choice, text }));
    for thought in delta.take_thoughts() {
        if !is_told && !thought.text.is_empty() {
            let text = thought.text;
            events.push(Event::Thought { choice, text });
        }
        let signature = thought.signature;
        events.extend(signature.map(|signature| Event::ThoughtSignature { choice, signature }));
        let data = thought.redacted;
        events.extend(data.map(|data| Event::RedactedThought { choice, data }));
    }
}

fn spoken(choice: u32, part: Part<'_>) -> Option<Event<'_>> {
    match part {
        Part::Text(text) => Some(Event::Text {
            choice,
            text: text.text,
        }),
        Part::Refusal(text) => Some(Event::Refusal { choice, text }),
        Part::Thought(thought) => Some(Event::Thought {
            choice,
            text: thought.text,
        }),
        _ => None,
    }
}
