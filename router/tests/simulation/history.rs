//! What was seen of one schedule, by the callers and by the network, with virtual times since it began.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::fault::{Fault, Truth};
use crate::schedule::{Ask, Way};

/// One schedule, as it went.
#[derive(Debug)]
pub(crate) struct History {
    /// The schedule's policies, to be read by people.
    pub(crate) policies: String,
    /// Every request, in the order in which they began.
    pub(crate) requests: Vec<Request>,
    /// How many requests the router still counted when all had ended.
    pub(crate) in_flight: Option<i64>,
    /// How many connections of callers were still served when all callers had left.
    pub(crate) served: usize,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Request {
    /// What was asked.
    pub(crate) ask: Ask,
    /// What it may reach.
    pub(crate) way: Way,
    /// When.
    pub(crate) sent: Duration,
    /// Until when its answer must have begun.
    pub(crate) deadline: Duration,
    /// The attempts that it led to, as the network saw them, in order.
    pub(crate) visits: Vec<Visit>,
    /// How many more there were that no provider saw, because it had hung up.
    pub(crate) lost: usize,
    /// Providers at which something had gone wrong before the last attempt, so that they may be left alone.
    pub(crate) troubled: BTreeSet<usize>,
    /// What its caller got.
    pub(crate) reply: Reply,
}

/// One attempt, as the network saw it.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// Counts the attempts of a schedule.
    pub(crate) number: usize,
    /// Which request led to it.
    pub(crate) ask: usize,
    /// At which provider.
    pub(crate) provider: usize,
    /// When the router dialed, or began to write on a connection that it had kept.
    pub(crate) begun: Duration,
    /// Whether the connection had been kept.
    pub(crate) kept: bool,
    /// Whether nothing gets through to the provider at times.
    pub(crate) held: bool,
    /// What happened to it.
    pub(crate) fault: Fault,
    /// What that means.
    pub(crate) truth: Truth,
    /// When its request was there.
    pub(crate) asked: Option<Duration>,
    /// When the provider sent the first byte of an answer.
    pub(crate) answered: Option<Duration>,
    /// When the provider had sent the last one.
    pub(crate) done: Option<Duration>,
    /// When the router closed the connection.
    pub(crate) closed: Option<Duration>,
}

/// What a caller got.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    /// The status and when its head was there.
    pub(crate) head: Option<(u16, Duration)>,
    /// The head's lines.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, each piece with its time.
    pub(crate) pieces: Vec<(Duration, Vec<u8>)>,
    /// How it ended.
    pub(crate) end: End,
    /// When.
    pub(crate) ended: Duration,
}

/// How a reply ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// It did not, in any time that makes sense.
    #[default]
    Never,
    /// As its head said that it would.
    Whole,
    /// With the connection.
    Broken,
    /// The caller left first.
    Left,
}

impl Reply {
    /// The header `name`.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The whole body as text.
    pub(crate) fn text(&self) -> String {
        let bytes: Vec<u8> = self.pieces.iter().flat_map(|(_, piece)| piece.clone()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.policies)?;
        self.requests
            .iter()
            .try_for_each(|request| write!(f, "{request}"))?;
        writeln!(
            f,
            "at the end: {:?} in flight, {} served",
            self.in_flight, self.served
        )
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} {:?} may go {:?} until {}",
            time(self.sent),
            self.ask,
            self.way,
            time(self.deadline)
        )?;
        for visit in &self.visits {
            let at = |at: Option<Duration>| at.map_or_else(|| "never".to_owned(), time);
            writeln!(
                f,
                "  {} v{} at p{}{}: {} (answered {}, done {}, closed {}; {:?})",
                time(visit.begun),
                visit.number,
                visit.provider,
                if visit.kept { ", kept" } else { "" },
                visit.fault,
                at(visit.answered),
                at(visit.done),
                at(visit.closed),
                visit.truth
            )?;
        }
        let head = self.reply.head.map(|(status, at)| (status, time(at)));
        writeln!(
            f,
            "  {} lost, {:?} troubled; {} {:?} with head {head:?}: {:?}",
            self.lost,
            self.troubled,
            time(self.reply.ended),
            self.reply.end,
            timeless(&self.reply.text())
        )?;
        writeln!(f, "  {:?}", self.reply.headers)
    }
}

/// A time as people read it.
pub(crate) fn time(at: Duration) -> String {
    format!("{:.3} s", at.as_secs_f64())
}

/// A reply without when it says that it was made: that is not of this world's time.
fn timeless(reply: &str) -> String {
    let mut parts = reply.split("\"created\":");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |so_far, part| {
        so_far + "\"created\":" + part.trim_start_matches(|digit: char| digit.is_ascii_digit())
    })
}
