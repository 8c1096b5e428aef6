//! The checks: what each asks, and what its answer must be. Pure. An answer's text is compared and counted, never
//! printed.

use std::time::Duration;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use weir_table::{FailureClass, Origin};

use super::client::{Answer, Question, Unanswered};
use super::expectation::Expectation;
use super::router::RouterUrl;
use super::stream;

/// A key that nobody has, of the length of a real one.
const WRONG_KEY: &str = "weir-probe-presents-a-key-that-nobody-has";

/// A policy that there is not.
const UNKNOWN_POLICY: &str = "policy/weir-probe-names-a-policy-that-is-not";

/// The most characters of somebody's words in a report.
const LONGEST_QUOTE: usize = 300;

/// What a router is asked to prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// A whole answer comes, and its headers say by which policy.
    Answer,
    /// A stream comes to its end.
    Stream,
    /// Who has no valid key gets nothing.
    WrongKey,
    /// What is not there is not made up.
    UnknownPolicy,
}

/// What is not as it should be.
#[derive(Debug)]
pub(super) struct Fault {
    /// What was found instead.
    pub(super) found: String,
    /// What to do about it.
    pub(super) remedy: &'static str,
}

impl Check {
    /// In the order in which they are made.
    pub(super) const ALL: [Self; 4] = [Self::Answer, Self::Stream, Self::WrongKey, Self::UnknownPolicy];

    /// What it is called in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Stream => "stream",
            Self::WrongKey => "wrong-key",
            Self::UnknownPolicy => "unknown-policy",
        }
    }

    /// What to ask.
    pub(super) fn question(self, expectation: &Expectation) -> Question<'_> {
        let model = match self {
            Self::UnknownPolicy => UNKNOWN_POLICY,
            _ => &expectation.model,
        };
        let key = match self {
            Self::WrongKey => Some(WRONG_KEY),
            _ => expectation.key.as_deref(),
        };
        let messages = json!([{ "role": "user", "content": "Say hello." }]);
        let body = json!({ "model": model, "messages": messages, "stream": self == Self::Stream });
        Question {
            body: body.to_string(),
            key,
        }
    }

    /// What `answer` proves, or what is wrong with it.
    pub(super) fn judge(self, expectation: &Expectation, answer: &Answer) -> Result<String, Fault> {
        match self {
            Self::Answer => whole(expectation, answer),
            Self::Stream => streamed(expectation, answer),
            Self::WrongKey => refused(answer, StatusCode::UNAUTHORIZED, LET_IN),
            Self::UnknownPolicy => refused(answer, StatusCode::NOT_FOUND, MADE_UP),
        }
    }
}

const LET_IN: &str = "Callers without a valid key must be refused: is the router started with \
    --allow-unauthenticated while there is no AccessKey, or does a proxy in front put a key in?";
const MADE_UP: &str = "Nothing may answer for a policy that there is not: is --url a router's own address?";
const NOT_WEIR: &str = "Is --url a router's own address? Its Service is named in the chart's notes; something else \
    seems to answer there.";
const CONTENT: &str =
    "Is the policy the one that was meant, and does --expect say what its provider answers?";

impl Fault {
    fn new(found: impl Into<String>, remedy: &'static str) -> Self {
        Self {
            found: found.into(),
            remedy,
        }
    }

    /// There was no whole answer within `limit`.
    pub(super) fn late(limit: Duration) -> Self {
        let found = format!("no whole answer in {} s", limit.as_secs());
        Self::new(
            found,
            "See the router's log and metrics: its target may be silent.",
        )
    }

    /// There was no whole answer from `url`.
    pub(super) fn unanswered(url: &RouterUrl, unanswered: &Unanswered) -> Self {
        let remedy = match unanswered {
            Unanswered::Connect(_) | Unanswered::Silent => {
                "Is a router ready behind this address, and does a NetworkPolicy let this caller in?"
            }
            Unanswered::Request(_) => "Give another --url.",
            Unanswered::NoAnswer(_) | Unanswered::Cut(_) => {
                "See the router's log: did it end, or does something between cut connections?"
            }
        };
        Self::new(format!("{url}: {unanswered}"), remedy)
    }

    /// A router, or something in its place, said no.
    fn answered(answer: &Answer) -> Self {
        let status = answer.status.as_u16();
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match class(&body) {
            Some(class) => {
                let message = one_line(body["error"]["message"].as_str().unwrap_or_default());
                Self::new(format!("{status} {}: {message}", class.as_str()), remedy(class))
            }
            None => Self::new(format!("{status}, in words that are not Weir's"), NOT_WEIR),
        }
    }
}

/// Somebody's words as a part of one line of a report: a provider may have chosen them, and must not be able to
/// write lines of the report itself, or colours of the terminal.
pub(super) fn one_line(text: &str) -> String {
    let safe = |letter: char| if letter.is_control() { '�' } else { letter };
    text.chars().take(LONGEST_QUOTE).map(safe).collect()
}

/// Which class of failure the body of an error answer names.
fn class(body: &Value) -> Option<FailureClass> {
    serde_json::from_value(body["error"]["class"].clone()).ok()
}

/// What to do when a request that should have been answered was not.
fn remedy(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Unauthenticated => {
            "Give the key of an AccessKey with --key-file or WEIR_KEY; `kubectl get accesskeys -A` says which are Ready."
        }
        FailureClass::PolicyNotFound | FailureClass::Forbidden => {
            "`kubectl get lbp,fbp -A` lists the policies. The AccessKey must lie in the policy's namespace, and allow it."
        }
        FailureClass::PolicyUnavailable => {
            "The router has no table to serve yet: see /readyz on its admin port, and the operator's log."
        }
        _ => match class.origin() {
            Origin::Caller => "Is the policy one for chat? See the message.",
            Origin::Credential => "The provider refuses its key: see the Secret that its Provider refers to.",
            Origin::Provider => {
                "The router works, its provider does not: see baseURL, and whether the routers may reach it."
            }
            Origin::Router => "See the router's log and metrics.",
        },
    }
}

fn whole(expectation: &Expectation, answer: &Answer) -> Result<String, Fault> {
    let signed = signed(expectation, answer)?;
    let body: Value = serde_json::from_slice(&answer.body)
        .map_err(|_| Fault::new("200, and the body is not JSON", NOT_WEIR))?;
    let text = body["choices"][0]["message"]["content"]
        .as_str()
        .unwrap_or_default();
    said(expectation, text)?;
    Ok(format!("200 with {} characters, {signed}", text.chars().count()))
}

fn streamed(expectation: &Expectation, answer: &Answer) -> Result<String, Fault> {
    let signed = signed(expectation, answer)?;
    if !header(answer, CONTENT_TYPE.as_str()).starts_with("text/event-stream") {
        return Err(Fault::new("200, and not a stream of events", NOT_WEIR));
    }
    let streamed = stream::read(&String::from_utf8_lossy(&answer.body)).map_err(|found| {
        Fault::new(
            found,
            "See the router's log: the target, or something between, cut the stream.",
        )
    })?;
    said(expectation, &streamed.text)?;
    Ok(format!("{} events and [DONE], {signed}", streamed.events))
}

/// What the headers say of how a good answer came about.
fn signed(expectation: &Expectation, answer: &Answer) -> Result<String, Fault> {
    if answer.status != StatusCode::OK {
        return Err(Fault::answered(answer));
    }
    let (policy, model) = (header(answer, "x-weir-policy"), header(answer, "x-weir-model"));
    if policy.is_empty() || model.is_empty() {
        return Err(Fault::new("200 without x-weir-policy and x-weir-model", NOT_WEIR));
    }
    if policy != expectation.policy {
        let found = format!("x-weir-policy is {policy:?}, not {:?}", expectation.policy);
        return Err(Fault::new(found, NOT_WEIR));
    }
    match &expectation.target {
        Some(target) if target != model => Err(Fault::new(
            format!("x-weir-model is {model:?}, not {target:?}"),
            "Is --expect-model a target of the policy as it is published? See the policy's status.",
        )),
        _ => Ok(format!("x-weir-policy {policy}, x-weir-model {model}")),
    }
}

/// Whether the answer's text is what was expected.
fn said(expectation: &Expectation, text: &str) -> Result<(), Fault> {
    match &expectation.text {
        _ if text.is_empty() => Err(Fault::new("200 without any text", CONTENT)),
        Some(part) if !text.contains(part) => Err(Fault::new(
            format!("200, and the text does not hold {part:?}"),
            CONTENT,
        )),
        _ => Ok(()),
    }
}

/// Whether the answer is the refusal that it should be, in Weir's own words.
fn refused(answer: &Answer, status: StatusCode, remedy: &'static str) -> Result<String, Fault> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let wanted = status.as_u16();
    match class(&body) {
        Some(class) if answer.status == status => Ok(format!("refused: {wanted} {}", class.as_str())),
        _ if answer.status == StatusCode::OK => {
            Err(Fault::new(format!("answered 200 in place of {wanted}"), remedy))
        }
        _ => {
            let Fault { found, remedy } = Fault::answered(answer);
            Err(Fault::new(format!("{found} (expected: {wanted})"), remedy))
        }
    }
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let value = answer.headers.get(name);
    value.and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn what_others_say_writes_no_line_of_its_own() {
        let told = one_line("down\n  ok    stream\u{1b}[32m");
        assert_eq!(told, "down�  ok    stream�[32m");
        assert_eq!(one_line(&"x".repeat(10_000)).len(), 300);
    }
}
