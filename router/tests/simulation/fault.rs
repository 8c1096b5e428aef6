//! What can go wrong at a provider, turned into acts, with the truth about it: what may become of an attempt
//! that meets it.

use std::fmt;
use std::time::Duration;

use weir_table::FailureClass;

use crate::answer::{Act, Answer, Framing, Wanted};
use crate::dice::Dice;
use crate::refusal::{Refusal, Told};
use crate::wording::Voice;

/// What happens to one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: the provider does its part, and soon.
    None,
    /// The connection is refused.
    Refuse,
    /// Nobody answers where the provider should be.
    Blackhole,
    /// The connection is accepted and never answered.
    Silence,
    /// It breaks somewhere in the answer.
    Reset,
    /// Nothing more comes from somewhere in the answer on.
    Stall,
    /// The provider ends its side somewhere in the answer.
    HalfClose,
    /// The answer comes in drops.
    Drip,
    /// What comes is not HTTP.
    Garbage,
    /// The length in the head is too large.
    TooLong,
    /// The length in the head is too small.
    TooShort,
    /// An error's status.
    Status(Refusal),
    /// A 200 with an error in it.
    ErrorBody,
    /// An error event in the stream, after so many events with content.
    ErrorEvent(usize),
    /// `[DONE]` comes twice.
    TwiceDone,
    /// `[DONE]` does not come.
    NoDone,
    /// Neither finish reasons nor `[DONE]` come.
    NoEnd,
    /// An answer without choices.
    NoChoices,
    /// An unreadable event, after so many events with content.
    Malformed(usize),
}

impl Fault {
    /// Something that goes wrong with an answer of this kind.
    pub(crate) fn draw(dice: &mut Dice, wanted: Wanted) -> Self {
        let anywhere = [
            Self::Refuse,
            Self::Blackhole,
            Self::Silence,
            Self::Reset,
            Self::Reset,
            Self::Stall,
            Self::HalfClose,
            Self::Drip,
            Self::Garbage,
            Self::TooLong,
            Self::TooShort,
            Self::ErrorBody,
            Self::NoChoices,
        ];
        let in_streams = [
            Self::ErrorEvent(dice.count(0, 3)),
            Self::Malformed(dice.count(0, 3)),
            Self::TwiceDone,
            Self::NoDone,
            Self::NoEnd,
        ];
        match dice.between(1, 100) {
            1..=35 => Self::Status(Refusal::draw(dice)),
            36..=60 if wanted.streamed => dice.pick(&in_streams),
            _ => dice.pick(&anywhere),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(Refusal {
                status, code, told, ..
            }) => {
                write!(f, "{status}")?;
                code.map_or(Ok(()), |code| write!(f, " {code}"))?;
                told.map_or(Ok(()), |told| write!(f, ", {}", told.header()))
            }
            other => write!(f, "{other:?}"),
        }
    }
}

/// The most that may come of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Nothing of it is for the caller.
    Nothing,
    /// The caller may see some of it.
    Content,
    /// It may be a whole answer.
    Whole,
}

/// What may become of an attempt.
#[derive(Debug, Clone)]
pub(crate) struct Truth {
    /// The most that may come of it.
    pub(crate) reach: Reach,
    /// What it may be called where it fails, unless a time passes first.
    pub(crate) classes: Vec<FailureClass>,
    /// Whether it is a silence, after which the target is not asked again.
    pub(crate) silent: bool,
    /// Whether it is a good answer that comes soon, so that no time can pass first.
    pub(crate) prompt: bool,
    /// For how long the provider does not want to be asked again.
    pub(crate) told: Option<Duration>,
    /// How many tokens each choice has when it is whole.
    pub(crate) tokens: usize,
}

/// What a provider does with one request.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What goes wrong.
    pub(crate) fault: Fault,
    /// What it does.
    pub(crate) acts: Vec<Act>,
    /// What that may lead to.
    pub(crate) truth: Truth,
}

/// The classes of a connection that ends before the answer does.
const CUT: [FailureClass; 3] = [
    FailureClass::ConnectFailed,
    FailureClass::StreamCut,
    FailureClass::MalformedResponse,
];

/// The classes of a wait that ends in nothing.
const SILENT: [FailureClass; 3] = [
    FailureClass::FirstTokenTimeout,
    FailureClass::StreamStalled,
    FailureClass::Timeout,
];

/// What a provider is asked, and how it would answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    /// The visit that asks.
    pub(crate) visit: usize,
    /// What it wants.
    pub(crate) wanted: Wanted,
    /// How the provider speaks.
    pub(crate) voice: Voice,
}

/// What the provider does with `task`.
pub(crate) fn plan(fault: Fault, task: Task, dice: &mut Dice) -> Plan {
    let tokens = dice.count(1, 6);
    let fault = match fault {
        // What is to come in the middle does.
        Fault::ErrorEvent(after) => Fault::ErrorEvent(after.min(tokens - 1)),
        Fault::Malformed(after) => Fault::Malformed(after.min(tokens - 1)),
        fault => fault,
    };
    let mut answer = written(fault, task, tokens, dice);
    let truth = Truth {
        tokens,
        ..afflict(fault, &mut answer, task.wanted, dice)
    };
    Plan {
        fault,
        acts: answer.acts,
        truth,
    }
}

/// The answer before anything is done to its bytes.
fn written(fault: Fault, task: Task, tokens: usize, dice: &mut Dice) -> Answer {
    let Task { visit, wanted, voice } = task;
    let framing = match fault {
        Fault::TooLong => Framing::Length(dice.count(1, 500).cast_signed()),
        Fault::TooShort => Framing::Length(-dice.count(1, 150).cast_signed()),
        _ => dice.pick(&[Framing::Length(0), Framing::Chunked, Framing::ToTheEnd]),
    };
    let mut answer = Answer::new(framing);
    match fault {
        Fault::Status(refusal) => return refusal.answer(voice),
        Fault::ErrorBody => plain(&mut answer, &voice.error()),
        Fault::NoChoices if !wanted.streamed => plain(&mut answer, &voice.nothing()),
        _ if wanted.streamed => stream(&mut answer, &events(fault, task, tokens), dice),
        _ => plain(&mut answer, &voice.document(visit, wanted.choices, tokens)),
    }
    answer
}

fn plain(answer: &mut Answer, body: &str) {
    let json = ["content-type: application/json".to_owned()];
    answer.head("200 OK", &json, body.len());
    answer.piece(body);
    answer.end();
    (answer.first_content, answer.finished) = (answer.length, answer.length);
}

fn stream(answer: &mut Answer, events: &[(Mark, String)], dice: &mut Dice) {
    let body = events.iter().map(|(_, event)| event.len()).sum();
    answer.head("200 OK", &["content-type: text/event-stream".to_owned()], body);
    for (mark, event) in events {
        answer.pause(dice.millis(0, 15));
        answer.piece(event);
        match mark {
            Mark::Content if answer.first_content == 0 => answer.first_content = answer.length,
            Mark::Finish => answer.finished = answer.length,
            Mark::Content | Mark::Other => {}
        }
    }
    answer.end();
}

/// What an event is to the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Content,
    Finish,
    Other,
}

fn events(fault: Fault, task: Task, tokens: usize) -> Vec<(Mark, String)> {
    let script = task.voice.script(task.visit, task.wanted, tokens);
    let mark = |mark| move |event| (mark, event);
    let mut events: Vec<_> = script.opening.into_iter().map(mark(Mark::Other)).collect();
    match fault {
        Fault::NoChoices => events.extend(script.empty.into_iter().map(mark(Mark::Other))),
        _ => events.extend(script.content.into_iter().map(mark(Mark::Content))),
    }
    let content = events.iter().position(|(mark, _)| *mark == Mark::Content);
    let at = |after| content.unwrap_or_default() + after;
    match fault {
        Fault::ErrorEvent(after) => {
            events.truncate(at(after));
            events.push((Mark::Other, task.voice.error_event()));
            return events;
        }
        Fault::NoEnd => return events,
        Fault::Malformed(after) => events.insert(at(after), (Mark::Other, task.voice.malformed_event())),
        _ => {}
    }
    events.extend(script.finish.into_iter().map(mark(Mark::Finish)));
    events.extend(script.usage.into_iter().map(mark(Mark::Other)));
    let dones = match fault {
        Fault::NoDone => 0,
        Fault::TwiceDone => 2,
        _ => 1,
    };
    events.extend(std::iter::repeat_n((Mark::Other, script.done), dones));
    events
}

/// Does to `answer` what `fault` says, and tells the truth about it.
fn afflict(fault: Fault, answer: &mut Answer, wanted: Wanted, dice: &mut Dice) -> Truth {
    let at = dice.count(0, answer.length);
    match fault {
        Fault::None | Fault::TwiceDone | Fault::NoDone | Fault::Malformed(_) => Truth {
            prompt: true,
            ..truth(Reach::Whole, &[])
        },
        Fault::Refuse => truth(Reach::Nothing, &[FailureClass::ConnectFailed]),
        // A time for more than the connection may be the first to pass.
        Fault::Blackhole => truth(
            Reach::Nothing,
            &[&SILENT[..], &[FailureClass::ConnectFailed]].concat(),
        ),
        Fault::Silence => {
            answer.acts = vec![Act::Hang];
            silence(Reach::Nothing)
        }
        Fault::Reset => cut(answer, at, Act::Reset),
        Fault::HalfClose => cut(answer, at, Act::HalfClose),
        Fault::Stall => {
            answer.cut(at, Act::Hang);
            silence(reach(answer, at))
        }
        Fault::Drip => {
            answer.drip(dice, 400);
            truth(Reach::Whole, &SILENT)
        }
        Fault::Garbage => {
            let garbage = [
                &b"\x15\x03\x03\x00\x02\x02F"[..],
                b"SSH-2.0-x\r\n",
                b"HTTP/9 what\r\n\r\n",
            ];
            answer.acts = vec![Act::Send(dice.pick(&garbage).to_vec()), Act::HalfClose];
            truth(Reach::Nothing, &CUT)
        }
        Fault::TooLong => {
            answer.cut(answer.length, dice.pick(&[Act::HalfClose, Act::Reset]));
            truth(most(wanted), &CUT)
        }
        Fault::TooShort => truth(most(wanted), &CUT),
        Fault::Status(refusal) => Truth {
            silent: refusal.class == FailureClass::Timeout,
            told: refusal.told.map(Told::wait),
            ..truth(Reach::Nothing, &[refusal.class])
        },
        Fault::ErrorBody | Fault::ErrorEvent(0) => truth(Reach::Nothing, &[FailureClass::ServerError]),
        Fault::ErrorEvent(_) => truth(Reach::Content, &[FailureClass::ServerError]),
        Fault::NoEnd => truth(Reach::Content, &[FailureClass::StreamCut]),
        Fault::NoChoices => truth(Reach::Nothing, &[FailureClass::MalformedResponse]),
    }
}

fn truth(reach: Reach, classes: &[FailureClass]) -> Truth {
    Truth {
        reach,
        classes: classes.to_vec(),
        silent: false,
        prompt: false,
        told: None,
        tokens: 0,
    }
}

fn silence(reach: Reach) -> Truth {
    Truth {
        silent: reach == Reach::Nothing,
        ..truth(reach, &SILENT)
    }
}

fn cut(answer: &mut Answer, at: usize, then: Act) -> Truth {
    answer.cut(at, then);
    truth(reach(answer, at), &CUT)
}

/// What may come of the first `bytes` of an answer.
fn reach(answer: &Answer, bytes: usize) -> Reach {
    if bytes >= answer.finished {
        Reach::Whole
    } else if bytes >= answer.first_content {
        Reach::Content
    } else {
        Reach::Nothing
    }
}

/// What may come of an answer that lacks some of its end.
fn most(wanted: Wanted) -> Reach {
    if wanted.streamed {
        Reach::Whole
    } else {
        Reach::Nothing
    }
}
