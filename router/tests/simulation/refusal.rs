//! Answers that are an error's status, as providers send them.

use std::time::Duration;

use weir_table::FailureClass;

use crate::answer::{Answer, Framing};
use crate::dice::Dice;
use crate::wording::Voice;

/// An error's status, what is written into its body, and when to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The status.
    pub(crate) status: u16,
    /// What `OpenAI` calls it, where the status does not tell.
    pub(crate) code: Option<&'static str>,
    /// What it means.
    pub(crate) class: FailureClass,
    /// When to ask again.
    pub(crate) told: Option<Told>,
}

/// How a provider says when to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// In `retry-after`.
    Seconds(u64),
    /// In `retry-after-ms`.
    Millis(u64),
}

impl Told {
    /// The header.
    pub(crate) fn header(self) -> String {
        match self {
            Self::Seconds(seconds) => format!("retry-after: {seconds}"),
            Self::Millis(millis) => format!("retry-after-ms: {millis}"),
        }
    }

    /// The time.
    pub(crate) fn wait(self) -> Duration {
        match self {
            Self::Seconds(seconds) => Duration::from_secs(seconds),
            Self::Millis(millis) => Duration::from_millis(millis),
        }
    }
}

/// Every status that is tried, the code beside it, and what it means.
const REFUSALS: [(u16, Option<&str>, FailureClass); 19] = [
    (302, None, FailureClass::ModelNotFound),
    (400, None, FailureClass::InvalidRequest),
    (
        400,
        Some("context_length_exceeded"),
        FailureClass::ContextLengthExceeded,
    ),
    (400, Some("content_filter"), FailureClass::ContentFiltered),
    (401, None, FailureClass::Unauthorized),
    (402, None, FailureClass::QuotaExhausted),
    (403, None, FailureClass::Unauthorized),
    (404, None, FailureClass::ModelNotFound),
    (408, None, FailureClass::Timeout),
    (409, None, FailureClass::ServerError),
    (413, None, FailureClass::RequestTooLarge),
    (422, None, FailureClass::InvalidRequest),
    (429, None, FailureClass::RateLimited),
    (429, Some("insufficient_quota"), FailureClass::QuotaExhausted),
    (500, None, FailureClass::ServerError),
    (502, None, FailureClass::ServerError),
    (503, None, FailureClass::Overloaded),
    (504, None, FailureClass::Timeout),
    (529, None, FailureClass::Overloaded),
];

impl Refusal {
    /// Any refusal.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        // Every other refusal is a rate limit, the one that says most about what to do next.
        let rate_limit = (429, None, FailureClass::RateLimited);
        let (status, code, class) = dice
            .maybe(40, |_| rate_limit)
            .unwrap_or_else(|| dice.pick(&REFUSALS));
        let told = dice.maybe(50, |dice| {
            let seconds = Told::Seconds(dice.between(0, 8));
            let millis = Told::Millis(dice.between(0, 6_000));
            dice.pick(&[seconds, millis, Told::Seconds(60)])
        });
        // With a redirect it says when to follow that (RFC 9110, section 10.2.3), and nobody does.
        let told = told.filter(|_| status >= 400);
        Self {
            status,
            code,
            class,
            told,
        }
    }

    /// The answer that it is.
    pub(crate) fn answer(self, voice: Voice) -> Answer {
        let body = voice.refusal(self.status, self.code);
        let mut answer = Answer::new(Framing::Length(0));
        let headers: Vec<String> = ["content-type: application/json".to_owned()]
            .into_iter()
            .chain(self.told.map(Told::header))
            .collect();
        answer.head(&format!("{} Refused", self.status), &headers, body.len());
        answer.piece(&body);
        answer
    }
}
