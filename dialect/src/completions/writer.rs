//! Events, written as a caller's stream.

use serde::Serialize;

use super::{ChoiceOut, word};
use crate::chat::chunk::UsageOut;
use crate::form::Usage;
use crate::{Event, Stamp, Writer, sse};

#[derive(Serialize)]
struct Chunk<'e> {
    id: &'e str,
    object: &'static str,
    created: u64,
    model: &'e str,
    choices: &'e [ChoiceOut<'e>],
    #[serde(skip_serializing_if = "UsageOut::is_absent")]
    usage: UsageOut,
}

/// How far a stream has come.
#[derive(Debug)]
pub(super) struct TextWriter {
    stamp: Stamp,
    stream_usage: bool,
    usage: Option<Usage>,
}

impl TextWriter {
    pub(super) fn new(stamp: Stamp, stream_usage: bool) -> Self {
        Self {
            stamp: Stamp {
                id: stamp.answer_id(super::ID, None),
                ..stamp
            },
            stream_usage,
            usage: None,
        }
    }

    fn start(&mut self, id: Option<&str>, model: Option<&str>) {
        self.stamp.id = self.stamp.answer_id(super::ID, id);
        if let Some(model) = model {
            model.clone_into(&mut self.stamp.model);
        }
    }

    fn chunk(&self, choices: &[ChoiceOut<'_>], usage: UsageOut, into: &mut Vec<u8>) {
        let chunk = Chunk {
            id: &self.stamp.id,
            object: "text_completion",
            created: self.stamp.created,
            model: &self.stamp.model,
            choices,
            usage,
        };
        sse::data(&chunk, into);
    }

    fn choice(&self, index: u32, text: &str, finish_reason: Option<&'static str>, into: &mut Vec<u8>) {
        let choice = ChoiceOut {
            index: index as usize,
            text: text.into(),
            logprobs: (),
            finish_reason,
        };
        self.chunk(&[choice], UsageOut::yet(self.stream_usage), into);
    }
}

impl Writer for TextWriter {
    fn write(&mut self, event: &Event<'_>, into: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => self.start(id.as_deref(), model.as_deref()),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Text { choice, text } | Event::Refusal { choice, text } => {
                self.choice(*choice, text, None, into);
            }
            Event::Finish { choice, finish } => self.choice(*choice, "", Some(word(finish)), into),
            // Thoughts and calls have no place here.
            _ => {}
        }
    }

    fn end(&mut self, into: &mut Vec<u8>) {
        if let Some(usage) = self.usage.filter(|_| self.stream_usage) {
            self.chunk(&[], UsageOut::Known(usage.into()), into);
        }
        into.extend_from_slice(b"data: [DONE]\n\n");
    }
}
