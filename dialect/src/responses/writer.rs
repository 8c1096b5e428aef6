//! Events, written as a caller's stream. The last event of this dialect repeats the whole answer, so that this
//! writer, and no other, remembers what was said: as much as the answer's own length.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::events::{At, OfItem, OfResponse, Sent, What};
use super::object::{Frame, Incomplete, Item, Response, Status, item_id};
use super::open::{Kind, OpenCall, Speech};
use super::proof;
use crate::form::{Finish, Thought, Usage};
use crate::{Event, Stamp, Writer, sse};

/// How far a stream has come.
pub(super) struct ResponseWriter {
    stamp: Stamp,
    begun: bool,
    next_number: u64,
    /// The items of the output; those that are still being written are `None`.
    output: Vec<Option<Box<RawValue>>>,
    speech: Option<Speech>,
    calls: Vec<OpenCall>,
    incomplete: Option<Incomplete>,
    usage: Option<Usage>,
}

impl ResponseWriter {
    pub(super) fn new(stamp: Stamp) -> Self {
        Self {
            stamp: Stamp {
                id: stamp.answer_id(super::ID, None),
                ..stamp
            },
            begun: false,
            next_number: 0,
            output: Vec::new(),
            speech: None,
            calls: Vec::new(),
            incomplete: None,
            usage: None,
        }
    }

    fn start(&mut self, id: Option<&str>, model: Option<&str>, into: &mut Vec<u8>) {
        self.stamp.id = self.stamp.answer_id(super::ID, id);
        if let Some(model) = model {
            model.clone_into(&mut self.stamp.model);
        }
        self.begin(into);
    }

    fn begin(&mut self, into: &mut Vec<u8>) {
        if !self.begun {
            self.begun = true;
            self.response("response.created", Status::InProgress, into);
            self.response("response.in_progress", Status::InProgress, into);
        }
    }

    /// Sends the response as it now is.
    fn response(&mut self, name: &'static str, status: Status, into: &mut Vec<u8>) {
        let output: Vec<_> = self.output.iter().flatten().collect();
        let frame = Frame {
            id: &self.stamp.id,
            created: self.stamp.created,
            model: &self.stamp.model,
            status,
            incomplete: self.incomplete,
            usage: self.usage,
        };
        let response = Response::new(frame, &output);
        send(&mut self.next_number, name, OfResponse { response }, into);
    }

    fn add(&mut self, prefix: &str) -> (usize, String) {
        let place = self.output.len();
        self.output.push(None);
        (place, item_id(prefix, &self.stamp.id, place))
    }

    fn send_item(&mut self, name: &'static str, output_index: usize, item: &Item<'_>, into: &mut Vec<u8>) {
        send(&mut self.next_number, name, OfItem { output_index, item }, into);
    }

    fn done(&mut self, place: usize, item: &Item<'_>, into: &mut Vec<u8>) {
        self.send_item("response.output_item.done", place, item, into);
        self.output[place] = to_raw_value(item).ok();
    }

    fn speak(&mut self, kind: Kind, text: &str, into: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if self.speech.as_ref().is_none_or(|speech| speech.kind != kind) {
            self.hush(Status::Completed, None, into);
            self.open(kind, into);
            let names = kind.names();
            self.at_speech(
                names.added,
                |speech| What::Piece {
                    part: speech.kind.piece(""),
                },
                into,
            );
        }
        if let Some(speech) = &mut self.speech {
            speech.text.push_str(text);
        }
        self.at_speech(kind.names().delta, |speech| speech.kind.delta(text), into);
    }

    fn open(&mut self, kind: Kind, into: &mut Vec<u8>) {
        self.begin(into);
        let (place, id) = self.add(kind.prefix());
        let speech = Speech {
            kind,
            place,
            id,
            text: String::new(),
        };
        let item = speech.item(Status::InProgress, None);
        self.send_item("response.output_item.added", place, &item, into);
        self.speech = Some(speech);
    }

    fn at_speech<'e>(
        &mut self,
        name: &'static str,
        what: impl FnOnce(&Speech) -> What<'e>,
        into: &mut Vec<u8>,
    ) {
        if let Some(speech) = &self.speech {
            let body = At {
                place: speech.place(),
                what: what(speech),
            };
            send(&mut self.next_number, name, body, into);
        }
    }

    /// Ends what is being said or thought, with the proof of it.
    fn hush(&mut self, status: Status, proof: Option<String>, into: &mut Vec<u8>) {
        let Some(speech) = self.speech.take() else {
            return;
        };
        let names = speech.kind.names();
        if !speech.text.is_empty() {
            let place = speech.place();
            let what = speech.kind.whole(&speech.text);
            send(&mut self.next_number, names.done, At { place, what }, into);
            let what = What::Piece {
                part: speech.kind.piece(&speech.text),
            };
            send(&mut self.next_number, names.piece_done, At { place, what }, into);
        }
        self.done(speech.place, &speech.item(status, proof.map(Cow::Owned)), into);
    }

    /// What proves the thoughts so far, or a thought that is not shown.
    fn prove(&mut self, thought: &Thought<'_>, into: &mut Vec<u8>) {
        let thinks = self
            .speech
            .as_ref()
            .is_some_and(|speech| speech.kind == Kind::Thought);
        if !thinks || thought.redacted.is_some() {
            self.hush(Status::Completed, None, into);
            self.open(Kind::Thought, into);
        }
        self.hush(Status::Completed, proof::encrypted(thought), into);
    }

    fn call(&mut self, call: OpenCall, into: &mut Vec<u8>) {
        self.send_item(
            "response.output_item.added",
            call.place,
            &call.item(Status::InProgress),
            into,
        );
        self.calls.push(call);
    }

    fn arguments(&mut self, call: u32, text: &str, into: &mut Vec<u8>) {
        let Some(call) = self.calls.iter_mut().find(|open| open.call == call) else {
            return;
        };
        call.arguments.push_str(text);
        let body = At {
            place: call.place(),
            what: What::Delta { delta: text },
        };
        send(
            &mut self.next_number,
            "response.function_call_arguments.delta",
            body,
            into,
        );
    }

    /// Ends everything that is still open.
    fn close(&mut self, status: Status, into: &mut Vec<u8>) {
        self.hush(status, None, into);
        for mut call in std::mem::take(&mut self.calls) {
            if call.arguments.is_empty() {
                call.arguments.push_str("{}");
            }
            let what = What::Arguments {
                name: &call.name,
                arguments: &call.arguments,
            };
            let place = call.place();
            let name = "response.function_call_arguments.done";
            send(&mut self.next_number, name, At { place, what }, into);
            self.done(call.place, &call.item(status), into);
        }
    }

    fn finish(&mut self, finish: &Finish, into: &mut Vec<u8>) {
        self.incomplete = Incomplete::of(finish);
        self.close(Incomplete::status(self.incomplete), into);
    }
}

fn send<B: Serialize>(number: &mut u64, name: &'static str, body: B, into: &mut Vec<u8>) {
    let sent = Sent {
        name,
        sequence_number: *number,
        body,
    };
    *number += 1;
    sse::event(name, &sent, into);
}

impl Writer for ResponseWriter {
    fn write(&mut self, event: &Event<'_>, into: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => self.start(id.as_deref(), model.as_deref(), into),
            Event::Text { choice: 0, text } => self.speak(Kind::Text, text, into),
            Event::Refusal { choice: 0, text } => self.speak(Kind::Refusal, text, into),
            Event::Thought { choice: 0, text } => self.speak(Kind::Thought, text, into),
            Event::ThoughtSignature { choice: 0, signature } => {
                self.prove(
                    &Thought {
                        signature: Some(Cow::Borrowed(signature)),
                        ..Thought::default()
                    },
                    into,
                );
            }
            Event::RedactedThought { choice: 0, data } => {
                self.prove(
                    &Thought {
                        redacted: Some(Cow::Borrowed(data)),
                        ..Thought::default()
                    },
                    into,
                );
            }
            Event::ToolCall { choice: 0, .. } => self.called(event, into),
            Event::Arguments {
                choice: 0,
                call,
                text,
            } => self.arguments(*call, text, into),
            Event::Finish { choice: 0, finish } => self.finish(finish, into),
            Event::Usage(usage) => self.usage = Some(*usage),
            // Other choices were not asked for: this dialect has no word for them.
            _ => {}
        }
    }

    fn end(&mut self, into: &mut Vec<u8>) {
        let status = Incomplete::status(self.incomplete);
        self.begin(into);
        self.close(status, into);
        let name = if self.incomplete.is_some() {
            "response.incomplete"
        } else {
            "response.completed"
        };
        self.response(name, status, into);
    }
}

impl fmt::Debug for ResponseWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "response of {} items, {} events",
            self.output.len(),
            self.next_number
        )
    }
}

impl ResponseWriter {
    fn called(&mut self, event: &Event<'_>, into: &mut Vec<u8>) {
        let Event::ToolCall {
            call,
            id: call_id,
            name,
            signature,
            ..
        } = event
        else {
            return;
        };
        self.hush(Status::Completed, None, into);
        self.begin(into);
        let (place, id) = self.add(super::CALL);
        let call = OpenCall {
            call: *call,
            place,
            id,
            call_id: call_id.clone().into_owned(),
            name: name.clone().into_owned(),
            arguments: String::new(),
            signature: signature.as_deref().map(str::to_owned),
        };
        self.call(call, into);
    }
}
