//! A caller's request, read into the form.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Refusal;
use crate::chat::request::{ROUTERS, StreamOptions, stop, stream_usage};
use crate::form::{Ask, Extra, Part, Role, Text, Turn, Weight};
use crate::json::{self, Str, StrOr};

/// How many tokens an answer has at most if the caller does not say: the default of this dialect.
const DEFAULT_MAX_TOKENS: u64 = 16;

/// <https://platform.openai.com/docs/api-reference/completions/create>
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    prompt: StrOr<'a, Vec<&'a RawValue>>,
    max_tokens: Option<u64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    n: Option<u64>,
    stop: Option<StrOr<'a, Vec<Str<'a>>>>,
    seed: Option<i64>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    user: Option<Str<'a>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    // What other dialects have no word for.
    best_of: Option<u64>,
    echo: Option<bool>,
    logit_bias: Option<&'a RawValue>,
    logprobs: Option<u64>,
    suffix: Option<Str<'a>>,
}

/// Reads a request.
pub(super) fn read(body: &[u8]) -> Result<Ask<'_>, Refusal> {
    let (mut body, mut extras) = json::read_request::<Body<'_>>(body, &ROUTERS)?;
    extras.extend(body.extras());
    Ok(Ask {
        turns: vec![Turn {
            role: Role::User,
            parts: vec![Part::Text(Text::new(prompt(body.prompt)?))],
        }],
        max_tokens: Some(body.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS)),
        temperature: body.temperature,
        top_p: body.top_p,
        choices: body.n,
        stop: body.stop.take().map(stop).unwrap_or_default(),
        seed: body.seed,
        frequency_penalty: body.frequency_penalty,
        presence_penalty: body.presence_penalty,
        user: body.user.map(Cow::from),
        stream: body.stream.unwrap_or_default(),
        stream_usage: stream_usage(body.stream_options.as_ref()),
        extras,
        ..Ask::default()
    })
}

/// The one text of a prompt.
fn prompt<'a>(prompt: StrOr<'a, Vec<&'a RawValue>>) -> Result<Cow<'a, str>, Refusal> {
    let text = match prompt {
        StrOr::Str(text) => Some(text),
        StrOr::Other(texts) => match *texts.as_slice() {
            [one] => serde_json::from_str::<Str<'a>>(one.get()).ok().map(Cow::from),
            _ => None,
        },
    };
    let text = text.filter(|text| !text.is_empty());
    text.ok_or_else(|| {
        Refusal::new(
            "prompt",
            "use one text; several prompts and tokens cannot be translated",
        )
    })
}

impl<'a> Body<'a> {
    fn extras(&self) -> impl Iterator<Item = Extra<'a>> + use<'a> {
        let biased = self.logit_bias.is_some_and(|bias| bias.get().contains(':'));
        let suffixed = self.suffix.as_deref().is_some_and(|suffix| !suffix.is_empty());
        let lost = [
            (self.best_of.is_some(), "best_of", Weight::Hint),
            (self.echo == Some(true), "echo", Weight::Essential),
            (biased, "logit_bias", Weight::Essential),
            (self.logprobs.is_some(), "logprobs", Weight::Essential),
            (suffixed, "suffix", Weight::Essential),
        ];
        let lost = lost.into_iter().filter(|(asked, ..)| *asked);
        lost.map(|(_, field, weight)| Extra {
            field: Cow::Borrowed(field),
            weight,
        })
    }
}
