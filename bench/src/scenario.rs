//! What is measured, as data: the shape of the load, the unit that is counted, on which ways, and the goals.

mod loads;

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use crate::goal::{Figure, Goal};
use crate::pace::Pace;
use crate::way::Way;

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
    /// 100 streams of 53 events, 10 ms apart.
    Sse,
    /// 16 streams of 53 events without pause.
    Burst,
    /// 8 connections without pause: the latency that is added.
    C8,
    /// 1,000 requests a second, evenly spaced over 64 connections: latency from when each was planned.
    Rate,
    /// One stream at a time: how long its first content takes.
    First,
    /// 64, 128 and 256 connections without pause: whether throughput holds.
    Over,
    /// Weir with one worker and with two on two cores, 8,000 requests a second.
    Two,
    /// 64 connections without pause, a prompt of 2 KiB: passed through, and translated into each dialect.
    Translate,
    /// 16 streams of 53 events without pause, passed through and translated out of each dialect.
    TranslateBurst,
    /// `sat` with TLS to the upstream.
    SatTls,
    /// `big` with TLS to the upstream.
    BigTls,
    /// `sse` with TLS to the upstream.
    SseTls,
    /// `sat` with HTTP/2 from the callers: 8 connections of 8 requests.
    SatH2,
    /// `sse` with HTTP/2 from the callers.
    SseH2,
    /// `sat` with HTTP/2 to the upstream, which needs TLS; nginx speaks HTTP/1.1 to it.
    SatH2Up,
    /// `sse` with HTTP/2 to the upstream.
    SseH2Up,
    /// An upstream that takes 60 ms, 256 requests in flight.
    Delay,
    /// 256 connections without pause: memory.
    Memory,
}

impl Name {
    /// What is measured where nobody says: every goal that is about time.
    pub(crate) const USUAL: [Self; 10] = [
        Self::Sat,
        Self::Big,
        Self::Sse,
        Self::Burst,
        Self::C8,
        Self::Rate,
        Self::First,
        Self::Over,
        Self::Two,
        Self::Translate,
    ];
}

/// Scenarios that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// sat, big, sse, burst and c8: the table that others are compared by.
    Table,
    /// rate, first and over.
    Latency,
    /// two.
    Cores,
    /// translate and translate-burst.
    Translate,
    /// sat-tls, big-tls and sse-tls.
    Tls,
    /// sat-h2, sse-h2, sat-h2-up and sse-h2-up.
    Http2,
}

impl Group {
    /// What it holds.
    pub(crate) const fn names(self) -> &'static [Name] {
        match self {
            Self::Table => &[Name::Sat, Name::Big, Name::Sse, Name::Burst, Name::C8],
            Self::Latency => &[Name::Rate, Name::First, Name::Over],
            Self::Cores => &[Name::Two],
            Self::Translate => &[Name::Translate, Name::TranslateBurst],
            Self::Tls => &[Name::SatTls, Name::BigTls, Name::SseTls],
            Self::Http2 => &[Name::SatH2, Name::SseH2, Name::SatH2Up, Name::SseH2Up],
        }
    }
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

/// A load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    /// Its name.
    pub(crate) name: &'static str,
    /// It in words.
    pub(crate) title: &'static str,
    /// How many requests there are at once; each has a connection, or its place on one.
    pub(crate) connections: u32,
    /// When they are sent.
    pub(crate) pace: Pace,
    /// The length of the prompt, in bytes.
    pub(crate) prompt: usize,
    /// What comes back.
    pub(crate) answer: Answer,
    /// On which ways targets are asked.
    pub(crate) ways: &'static [Way],
    /// Weir on which way the others of its ways are compared with.
    pub(crate) base: Option<Way>,
    /// What Weir is to reach.
    pub(crate) goals: &'static [Goal],
}

impl Scenario {
    /// The load behind `name`.
    pub(crate) const fn of(name: Name) -> Self {
        match name {
            Name::Sat => loads::SAT,
            Name::Big => loads::BIG,
            Name::Sse => loads::SSE,
            Name::Burst => loads::BURST,
            Name::C8 => loads::C8,
            Name::Rate => loads::RATE,
            Name::First => loads::FIRST,
            Name::Over => loads::OVER,
            Name::Two => loads::TWO,
            Name::Translate => loads::TRANSLATE,
            Name::TranslateBurst => loads::TRANSLATE_BURST,
            Name::SatTls => loads::SAT_TLS,
            Name::BigTls => loads::BIG_TLS,
            Name::SseTls => loads::SSE_TLS,
            Name::SatH2 => loads::SAT_H2,
            Name::SseH2 => loads::SSE_H2,
            Name::SatH2Up => loads::SAT_H2_UP,
            Name::SseH2Up => loads::SSE_H2_UP,
            Name::Delay => loads::DELAY,
            Name::Memory => loads::MEMORY,
        }
    }

    /// Whether answers are streams, which are counted by their events.
    pub(crate) fn is_streamed(&self) -> bool {
        matches!(self.answer, Answer::Stream(_))
    }

    /// Whether it asks for as much as there is, so that whoever is slowest is the limit.
    pub(crate) fn is_saturating(&self) -> bool {
        self.pace == Pace::Closed && self.answer.length().is_zero()
    }

    /// What is counted.
    pub(crate) fn unit(&self) -> &'static str {
        if self.is_streamed() { "event" } else { "request" }
    }

    /// The figures that stand in the summary: those of the goals, and else CPU time, as multiples of nginx's.
    pub(crate) fn columns(&self) -> Vec<Figure> {
        if self.goals.is_empty() {
            return vec![Figure::Cpu];
        }
        let figures = self.goals.iter().map(|goal| goal.figure);
        figures.filter(|figure| figure.is_to_nginx()).collect()
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

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::{Group, Name, Scenario};
    use crate::goal::Figure;

    #[test]
    fn every_scenario_is_called_what_the_command_line_calls_it() {
        for name in Name::value_variants() {
            let called = name.to_possible_value().unwrap();
            assert_eq!(Scenario::of(*name).name, called.get_name());
        }
    }

    #[test]
    fn the_usual_run_has_every_goal_about_time() {
        for name in Group::value_variants().iter().flat_map(|group| group.names()) {
            let scenario = Scenario::of(*name);
            let usual = Name::USUAL.contains(name);
            assert_eq!(usual, !scenario.goals.is_empty(), "{}", scenario.name);
        }
    }

    #[test]
    fn the_summary_has_what_is_compared_with_nginx() {
        let columns = |name| Scenario::of(name).columns();
        assert_eq!(columns(Name::Rate), [Figure::P50, Figure::P99]);
        assert_eq!(columns(Name::SatTls), [Figure::Cpu]);
        assert!(columns(Name::Over).is_empty());
    }
}
