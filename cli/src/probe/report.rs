//! How a probe ended, for people and as JSON. Pure but for the writing.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::check::{Check, Fault};
use super::router::RouterUrl;
use crate::out::{Paint, Tone};

/// How every check ended.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    url: String,
    model: String,
    /// Whether no check failed.
    pub(super) passed: bool,
    checks: Vec<Finding>,
}

/// How one check ended.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    check: &'static str,
    outcome: State,
    /// What was found; why it was not looked for.
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
    tries: u32,
    seconds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Passed,
    Failed,
    Skipped,
}

impl Finding {
    /// A check that was made, `tries` times within `took`.
    pub(super) fn made(check: Check, outcome: Result<String, Fault>, tries: u32, took: Duration) -> Self {
        let (outcome, detail, remedy) = match outcome {
            Ok(proven) => (State::Passed, proven, None),
            Err(Fault { found, remedy }) => (State::Failed, found, Some(remedy)),
        };
        Self {
            check: check.name(),
            outcome,
            detail,
            remedy,
            tries,
            seconds: took.as_secs_f64(),
        }
    }

    /// A check that was not made.
    pub(super) fn skipped(check: Check, why: &str) -> Self {
        Self {
            check: check.name(),
            outcome: State::Skipped,
            detail: why.to_owned(),
            remedy: None,
            tries: 0,
            seconds: 0.0,
        }
    }

    /// Whether something is wrong.
    pub(super) fn failed(&self) -> bool {
        self.outcome == State::Failed
    }
}

impl Report {
    /// What `checks` came to.
    pub(super) fn new(url: &RouterUrl, model: &str, checks: Vec<Finding>) -> Self {
        Self {
            url: url.to_string(),
            model: model.to_owned(),
            passed: !checks.iter().any(Finding::failed),
            checks,
        }
    }

    /// For people.
    pub(super) fn write(&self, paint: Paint, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{} through {}",
            paint.word(Tone::Heading, &self.model),
            self.url
        )?;
        for finding in &self.checks {
            finding.write(paint, out)?;
        }
        if self.passed {
            return writeln!(
                out,
                "{}: the router does what it should.",
                paint.word(Tone::Good, "Passed")
            );
        }
        writeln!(out, "{}.", paint.word(Tone::Error, "Failed"))
    }

    /// One JSON document.
    pub(super) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }
}

impl Finding {
    fn write(&self, paint: Paint, out: &mut impl Write) -> io::Result<()> {
        let (word, tone) = match self.outcome {
            State::Passed => ("ok  ", Tone::Good),
            State::Failed => ("FAIL", Tone::Error),
            State::Skipped => ("skip", Tone::Warning),
        };
        let told = paint.word(tone, word);
        writeln!(
            out,
            "  {told}  {:<14}  {}{}",
            self.check,
            self.detail,
            self.spent()
        )?;
        self.remedy
            .map_or(Ok(()), |remedy| writeln!(out, "{:24}{remedy}", ""))
    }

    /// How long it took, where that is more than one request takes.
    fn spent(&self) -> String {
        if self.tries < 2 {
            return String::new();
        }
        format!(" ({} tries in {:.0} s)", self.tries, self.seconds)
    }
}
