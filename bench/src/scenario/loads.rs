//! Every load, one by one.

use std::time::Duration;

use super::{Answer, Scenario};
use crate::dialect::Dialect;
use crate::goal::{Figure, Goal};
use crate::pace::Pace;
use crate::way::Way;

/// Passed through, and translated into each dialect.
const TRANSLATED: [Way; 4] = [
    Way::Plain,
    Way::Translated(Dialect::Anthropic),
    Way::Translated(Dialect::Gemini),
    Way::Translated(Dialect::Bedrock),
];

pub(super) const SAT: Scenario = Scenario {
    goals: &[Goal::at_most(Figure::Cpu, 1.4)],
    ..Scenario::small("sat", "64 connections, 500-byte answer", 64)
};

pub(super) const BIG: Scenario = Scenario {
    goals: &[Goal::at_most(Figure::Cpu, 1.4)],
    ..Scenario::big("big", "64 connections, 64 KiB prompt")
};

pub(super) const SSE: Scenario = Scenario {
    goals: &[Goal::at_most(Figure::Cpu, 1.25)],
    ..Scenario::sse("sse", "100 streams of 53 events 10 ms apart", 100)
};

pub(super) const BURST: Scenario = Scenario {
    goals: &[Goal::at_most(Figure::Cpu, 1.3)],
    ..Scenario::burst("burst")
};

pub(super) const C8: Scenario = Scenario {
    goals: &[Goal::at_most(Figure::AddedP50, 1.5)],
    ..Scenario::small("c8", "8 connections, 500-byte answer", 8)
};

pub(super) const RATE: Scenario = Scenario {
    pace: Pace::Even(1_000),
    goals: &[Goal::at_most(Figure::P50, 1.3), Goal::at_most(Figure::P99, 1.3)],
    ..Scenario::small("rate", "1,000 requests a second, evenly over 64 connections", 64)
};

pub(super) const FIRST: Scenario = Scenario {
    answer: Answer::Stream(Duration::from_micros(200)),
    goals: &[
        Goal::at_most(Figure::AddedMillis, 1.0),
        Goal::at_most(Figure::WorstMillis, 20.0),
    ],
    ..Scenario::small("first", "one stream at a time, to its first content", 1)
};

pub(super) const OVER: Scenario = Scenario {
    ways: &[Way::Crowd(64), Way::Crowd(128), Way::Crowd(256)],
    base: Some(Way::Crowd(64)),
    goals: &[Goal::at_least(Figure::RateToBase, 0.95)],
    ..Scenario::small("over", "more connections than saturate, 500-byte answer", 64)
};

pub(super) const TWO: Scenario = Scenario {
    pace: Pace::Ticked(8_000),
    ways: &[Way::Workers(1), Way::Workers(2)],
    base: Some(Way::Workers(1)),
    goals: &[Goal::at_most(Figure::CpuToBase, 1.1)],
    ..Scenario::small(
        "two",
        "8,000 requests a second over 64 connections, on two cores of which load and upstream share one",
        64,
    )
};

pub(super) const TRANSLATE: Scenario = Scenario {
    prompt: 2 * 1024,
    ways: &TRANSLATED,
    base: Some(Way::Plain),
    goals: &[Goal::at_most(Figure::CpuToBase, 3.0)],
    ..Scenario::small("translate", "64 connections, 2 KiB prompt, 500-byte answer", 64)
};

pub(super) const TRANSLATE_BURST: Scenario = Scenario {
    ways: &TRANSLATED,
    base: Some(Way::Plain),
    ..Scenario::burst("translate-burst")
};

pub(super) const SAT_TLS: Scenario = Scenario {
    ways: &[Way::Tls],
    ..Scenario::small("sat-tls", "sat with TLS to the upstream", 64)
};

pub(super) const BIG_TLS: Scenario = Scenario {
    ways: &[Way::Tls],
    ..Scenario::big("big-tls", "big with TLS to the upstream")
};

pub(super) const SSE_TLS: Scenario = Scenario {
    ways: &[Way::Tls],
    ..Scenario::sse("sse-tls", "sse with TLS to the upstream", 100)
};

pub(super) const SAT_H2: Scenario = Scenario {
    ways: &[Way::Http2Callers],
    ..Scenario::small(
        "sat-h2",
        "sat with HTTP/2 from callers, 8 connections of 8 requests",
        64,
    )
};

pub(super) const SSE_H2: Scenario = Scenario {
    ways: &[Way::Http2Callers],
    ..Scenario::sse(
        "sse-h2",
        "sse with HTTP/2 from callers, 8 streams on each connection",
        96,
    )
};

pub(super) const SAT_H2_UP: Scenario = Scenario {
    ways: &[Way::Http2Upstream],
    ..Scenario::small(
        "sat-h2-up",
        "sat with HTTP/2 and TLS to the upstream (nginx: HTTP/1.1 and TLS)",
        64,
    )
};

pub(super) const SSE_H2_UP: Scenario = Scenario {
    ways: &[Way::Http2Upstream],
    ..Scenario::sse(
        "sse-h2-up",
        "sse with HTTP/2 and TLS to the upstream (nginx: HTTP/1.1 and TLS)",
        100,
    )
};

pub(super) const DELAY: Scenario = Scenario {
    answer: Answer::Whole(Duration::from_millis(60)),
    ..Scenario::small("delay", "256 requests in flight, 60 ms upstream", 256)
};

pub(super) const MEMORY: Scenario = Scenario {
    goals: &[
        Goal::at_most(Figure::Idle, 10.0),
        Goal::at_most(Figure::Loaded, 30.0),
    ],
    ..Scenario::small("memory", "256 connections, 500-byte answer", 256)
};

impl Scenario {
    const fn small(name: &'static str, title: &'static str, connections: u32) -> Self {
        Self {
            name,
            title,
            connections,
            pace: Pace::Closed,
            prompt: 200,
            answer: Answer::Whole(Duration::ZERO),
            ways: &[Way::Plain],
            base: None,
            goals: &[],
        }
    }

    const fn big(name: &'static str, title: &'static str) -> Self {
        Self {
            prompt: 64 * 1024,
            ..Self::small(name, title, 64)
        }
    }

    const fn sse(name: &'static str, title: &'static str, streams: u32) -> Self {
        Self {
            answer: Answer::Stream(Duration::from_millis(10)),
            ..Self::small(name, title, streams)
        }
    }

    const fn burst(name: &'static str) -> Self {
        Self {
            answer: Answer::Stream(Duration::ZERO),
            ..Self::small(name, "16 streams of 53 events back to back", 16)
        }
    }
}
