//! Reads Gemini's streams. Each message holds what came since the last one, and usage so far.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Call, CallIds, Candidate, Failure, Message, Piece};
use super::finish::{Ended, ended};
use crate::form::{Finish, Thought};
use crate::json::{self, Str};
use crate::{Event, Fault, Incoming, Reader, Unreadable};

/// How far a stream has come.
#[derive(Debug, Default)]
pub(super) struct Stream {
    has_begun: bool,
    ids: CallIds,
    choices: BTreeMap<u32, Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    calls: u32,
    has_ended: bool,
}

impl Reader for Stream {
    fn read<'a>(&mut self, message: Incoming<'a>) -> Result<Vec<Event<'a>>, Unreadable> {
        let mut message: Message<'a> = json::read_answer(message.data)?;
        if let Some(failure) = message.error {
            return Ok(vec![Event::Failed(fault(failure))]);
        }
        let mut events = Vec::with_capacity(4);
        self.begin(&mut message, &mut events);
        if message.is_blocked() && self.choices.is_empty() {
            self.end(0, Finish::ContentFilter, &mut events);
        }
        for candidate in message.candidates.unwrap_or_default() {
            self.candidate(candidate, &mut events);
        }
        events.extend(message.usage_metadata.map(|usage| Event::Usage(usage.usage())));
        Ok(events)
    }

    fn is_complete(&self) -> bool {
        !self.choices.is_empty() && self.choices.values().all(|choice| choice.has_ended)
    }
}

impl Stream {
    fn begin<'a>(&mut self, message: &mut Message<'a>, events: &mut Vec<Event<'a>>) {
        if self.has_begun {
            return;
        }
        self.has_begun = true;
        self.ids = CallIds::of(message.response_id.as_deref());
        events.push(Event::Start {
            id: message.response_id.take().map(Cow::from),
            model: message.model_version.take().map(Cow::from),
        });
    }

    fn candidate<'a>(&mut self, candidate: Candidate<'a>, events: &mut Vec<Event<'a>>) {
        let choice = candidate.index;
        self.choices.entry(choice).or_default();
        for piece in candidate
            .content
            .and_then(|content| content.parts)
            .unwrap_or_default()
        {
            self.piece(choice, piece, events);
        }
        let Some(reason) = candidate.finish_reason else {
            return;
        };
        let calls = self.choices.get(&choice).map_or(0, |progress| progress.calls);
        match ended(&reason, calls) {
            Ended::So(finish) => self.end(choice, finish, events),
            Ended::Failed => events.push(Event::Failed(Fault {
                kind: reason.to_string(),
                message: candidate
                    .finish_message
                    .map(|text| text.to_string())
                    .unwrap_or_default(),
                ..Fault::default()
            })),
        }
    }

    fn piece<'a>(&mut self, choice: u32, piece: Piece<'a>, events: &mut Vec<Event<'a>>) {
        if let Some(call) = piece.function_call {
            return self.call(choice, call, piece.thought_signature, events);
        }
        if let Some(text) = piece.text.filter(|text| !text.is_empty()) {
            let text = text.into();
            events.push(if piece.thought == Some(true) {
                Event::Thought { choice, text }
            } else {
                Event::Text { choice, text }
            });
        }
        events.extend(piece.thought_signature.map(|proof| Event::ThoughtSignature {
            choice,
            signature: Cow::Owned(Thought::signature_of_gemini(&proof)),
        }));
    }

    /// Gemini calls in one piece.
    fn call<'a>(
        &mut self,
        choice: u32,
        mut call: Call<'a>,
        signature: Option<Str<'a>>,
        events: &mut Vec<Event<'a>>,
    ) {
        let progress = self.choices.entry(choice).or_default();
        let number = progress.calls;
        progress.calls = number.saturating_add(1);
        let id = self.ids.next(&mut call);
        let text = call.arguments();
        events.push(Event::ToolCall {
            choice,
            call: number,
            id,
            name: call.name.into(),
            signature: signature.map(Cow::from),
        });
        events.push(Event::Arguments {
            choice,
            call: number,
            text,
        });
    }

    /// Some models give the reason more than once.
    fn end(&mut self, choice: u32, finish: Finish, events: &mut Vec<Event<'_>>) {
        let progress = self.choices.entry(choice).or_default();
        if !std::mem::replace(&mut progress.has_ended, true) {
            events.push(Event::Finish { choice, finish });
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    #[serde(borrow)]
    reason: Option<Str<'a>>,
    retry_delay: Option<Str<'a>>,
}

fn fault(failure: Failure<'_>) -> Fault {
    let details = failure.details.map_or("[]", RawValue::get);
    let details: Vec<Detail<'_>> = serde_json::from_str(details).unwrap_or_default();
    let text = |text: Option<Str<'_>>| text.map(|text| text.to_string()).unwrap_or_default();
    Fault {
        status: failure.code,
        kind: text(failure.status),
        code: details
            .iter()
            .find_map(|detail| detail.reason.as_deref())
            .unwrap_or_default()
            .to_owned(),
        retry_after: details
            .iter()
            .find_map(|detail| seconds(detail.retry_delay.as_deref()?)),
        message: text(failure.message),
    }
}

/// A duration as protobuf writes it: `34.5s`.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
