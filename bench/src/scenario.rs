//! What is measured, as data: the shape of the load, the unit that is counted, and the goal.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use crate::dialect::Dialect;

/// The events of a stream: one with the role, fifty with content, one with the finish reason, and `[DONE]`.
pub(crate) const EVENTS: u32 = 53;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Name {
    /// 64 connections without pause, a small prompt, an answer of 500 bytes.
    Sat,
    /// 64 connections without pause, a prompt of 64 KiB.
    Big,
    /// An upstream that takes 60 ms, 256 requests in flight.
    Delay,
    /// 100 streams of 53 events, 10 ms apart.
    Sse,
    /// 16 streams of 53 events without pause.
    Burst,
    /// 8 connections without pause: the latency that is added.
    C8,
    /// 64 connections without pause, a prompt of 2 KiB: passed through, and translated into each dialect.
    Translate,
    /// 16 streams of 53 events without pause, passed through and translated out of each dialect.
    TranslateBurst,
    /// 256 connections without pause: memory.
    Memory,
    /// The choice of a target alone, without any I/O.
    Micro,
}

impl Name {
    /// What is measured where nobody says. Memory comes first, because processes keep what a load made them
    /// take.
    pub(crate) const USUAL: [Self; 8] = [
        Self::Memory,
        Self::Sat,
        Self::Big,
        Self::Sse,
        Self::Burst,
        Self::C8,
        Self::Translate,
        Self::TranslateBurst,
    ];
}

/// What the mock upstream answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 500 bytes, after so long.
    Whole(Duration),
    /// A stream of [`EVENTS`] events, so far apart.
    Stream(Duration),
}

impl Answer {
    /// How long an answer takes at least.
    pub(crate) fn length(self) -> Duration {
        match self {
            Self::Whole(wait) => wait,
            Self::Stream(pause) => pause * EVENTS,
        }
    }
}

/// What Weir is to reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Goal {
    /// CPU time per unit, at most so many times nginx's.
    Cpu(f64),
    /// Latency added at the median, at most so many times nginx's.
    AddedLatency(f64),
    /// At most so many MiB at rest, and so many under this load.
    Memory(f64, f64),
}

/// A load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    /// Its name.
    pub(crate) name: &'static str,
    /// It in words.
    pub(crate) title: &'static str,
    /// How many connections there are; each has one request in flight.
    pub(crate) connections: u32,
    /// The length of the prompt, in bytes.
    pub(crate) prompt: usize,
    /// What comes back.
    pub(crate) answer: Answer,
    /// What Weir is to translate it into, beside passing it through.
    pub(crate) dialects: &'static [Dialect],
    /// What Weir is to reach.
    pub(crate) goal: Option<Goal>,
}

impl Scenario {
    /// The load behind `name`; `None` for [`Name::Micro`], which has none.
    pub(crate) const fn of(name: Name) -> Option<Self> {
        Some(match name {
            Name::Sat => Self {
                goal: Some(Goal::Cpu(1.4)),
                ..Self::small("sat", "64 connections, 500-byte answer", 64)
            },
            Name::Big => Self {
                prompt: 64 * 1024,
                goal: Some(Goal::Cpu(1.4)),
                ..Self::small("big", "64 connections, 64 KiB prompt", 64)
            },
            Name::Delay => Self {
                answer: Answer::Whole(Duration::from_millis(60)),
                ..Self::small("delay", "256 requests in flight, 60 ms upstream", 256)
            },
            Name::Sse => Self {
                answer: Answer::Stream(Duration::from_millis(10)),
                goal: Some(Goal::Cpu(1.25)),
                ..Self::small("sse", "100 streams of 53 events 10 ms apart", 100)
            },
            Name::Burst => Self {
                answer: Answer::Stream(Duration::ZERO),
                goal: Some(Goal::Cpu(1.3)),
                ..Self::small("burst", "16 streams of 53 events back to back", 16)
            },
            Name::C8 => Self {
                goal: Some(Goal::AddedLatency(1.5)),
                ..Self::small("c8", "8 connections, 500-byte answer", 8)
            },
            Name::Translate => Self {
                prompt: 2 * 1024,
                dialects: &Dialect::TRANSLATED,
                ..Self::small("translate", "64 connections, 2 KiB prompt, 500-byte answer", 64)
            },
            Name::TranslateBurst => Self {
                answer: Answer::Stream(Duration::ZERO),
                dialects: &Dialect::TRANSLATED,
                ..Self::small("translate-burst", "16 streams of 53 events back to back", 16)
            },
            Name::Memory => Self {
                goal: Some(Goal::Memory(10.0, 30.0)),
                ..Self::small("memory", "256 connections, 500-byte answer", 256)
            },
            Name::Micro => return None,
        })
    }

    const fn small(name: &'static str, title: &'static str, connections: u32) -> Self {
        Self {
            name,
            title,
            connections,
            prompt: 200,
            answer: Answer::Whole(Duration::ZERO),
            dialects: &[],
            goal: None,
        }
    }

    /// Whether answers are streams, which are counted by their events.
    pub(crate) fn is_streamed(&self) -> bool {
        matches!(self.answer, Answer::Stream(_))
    }

    /// What is counted.
    pub(crate) fn unit(&self) -> &'static str {
        if self.is_streamed() { "event" } else { "request" }
    }

    /// How late the connection number `index` begins, so that waits and pauses do not fall together.
    pub(crate) fn head_start(&self, index: u32) -> Duration {
        self.answer.length() * index / self.connections
    }

    /// How long the load runs before it is counted: until every connection is busy, and connections, pools
    /// and caches are warm.
    pub(crate) fn warm_up(&self) -> Duration {
        self.answer.length() + Duration::from_millis(250)
    }
}
