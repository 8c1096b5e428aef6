//! A caller's request, read into the form.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::message::Message;
use super::tools::{self, ChoiceIn, FormatIn, ToolIn};
use super::turns::{self, OLD_FUNCTIONS};
use super::words;
use crate::Refusal;
use crate::form::{Ask, Extra, Output, Reasoning, Weight};
use crate::json::{self, Str, StrOr};

/// What the router reads itself.
pub(crate) const ROUTERS: [&str; 3] = ["model", "requesty", "weir"];

/// <https://platform.openai.com/docs/api-reference/chat/create>
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
    tools: Option<Vec<ToolIn<'a>>>,
    tool_choice: Option<ChoiceIn<'a>>,
    parallel_tool_calls: Option<bool>,
    response_format: Option<FormatIn<'a>>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
    stop: Option<StrOr<'a, Vec<Str<'a>>>>,
    seed: Option<i64>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    n: Option<u64>,
    reasoning_effort: Option<Str<'a>>,
    user: Option<Str<'a>>,
    safety_identifier: Option<Str<'a>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    // What only targets of this dialect know.
    functions: Option<&'a RawValue>,
    function_call: Option<&'a RawValue>,
    logprobs: Option<bool>,
    top_logprobs: Option<u64>,
    logit_bias: Option<&'a RawValue>,
    modalities: Option<Vec<Str<'a>>>,
    web_search_options: Option<&'a RawValue>,
    moderation: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(crate) struct StreamOptions {
    include_usage: Option<bool>,
}

/// Reads a request.
///
/// # Errors
/// It is none, or says what no other dialect could be asked for.
pub(super) fn read(body: &[u8]) -> Result<Ask<'_>, Refusal> {
    let (body, extras) = json::read_request::<Body<'_>>(body, &ROUTERS)?;
    body.into_ask(extras)
}

impl<'a> Body<'a> {
    fn into_ask(mut self, mut extras: Vec<Extra<'a>>) -> Result<Ask<'a>, Refusal> {
        if self.functions.is_some() || self.function_call.is_some() {
            return Err(Refusal::new("functions", OLD_FUNCTIONS));
        }
        extras.extend(self.essentials());
        let mut ask = Ask {
            tools: tools::tools(self.tools.take().unwrap_or_default())?,
            output: self
                .response_format
                .take()
                .map_or(Ok(Output::Text), tools::output)?,
            reasoning: self.reasoning_effort.as_deref().map(effort).transpose()?,
            extras,
            ..self.plain()
        };
        if let Some(choice) = self.tool_choice {
            tools::choose(choice, &mut ask)?;
        }
        turns::read(self.messages, &mut ask)?;
        Ok(ask)
    }

    /// The fields that are said alike in the form.
    fn plain(&mut self) -> Ask<'a> {
        Ask {
            parallel_tool_calls: self.parallel_tool_calls,
            max_tokens: self.max_completion_tokens.or(self.max_tokens),
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            stop: self.stop.take().map(stop).unwrap_or_default(),
            seed: self.seed,
            frequency_penalty: self.frequency_penalty,
            presence_penalty: self.presence_penalty,
            choices: self.n,
            user: self.safety_identifier.take().or(self.user.take()).map(Cow::from),
            stream: self.stream.unwrap_or_default(),
            stream_usage: stream_usage(self.stream_options.as_ref()),
            ..Ask::default()
        }
    }

    fn essentials(&self) -> impl Iterator<Item = Extra<'a>> + use<'a> {
        let biased = self.logit_bias.is_some_and(|bias| bias.get().contains(':'));
        let speaks = self.modalities.iter().flatten().any(|kind| &**kind != "text");
        let asked = [
            (self.logprobs == Some(true), "logprobs"),
            (self.top_logprobs.is_some_and(|top| top > 0), "top_logprobs"),
            (biased, "logit_bias"),
            (speaks, "modalities"),
            (self.web_search_options.is_some(), "web_search_options"),
            (self.moderation.is_some(), "moderation"),
        ];
        let asked = asked
            .into_iter()
            .filter_map(|(asked, field)| asked.then_some(field));
        asked.map(|field| Extra {
            field: Cow::Borrowed(field),
            weight: Weight::Essential,
        })
    }
}

/// Whether the options of a stream ask for usage.
pub(crate) fn stream_usage(options: Option<&StreamOptions>) -> bool {
    options
        .and_then(|options| options.include_usage)
        .unwrap_or_default()
}

/// One text or several.
pub(crate) fn stop<'a>(stop: StrOr<'a, Vec<Str<'a>>>) -> Vec<Cow<'a, str>> {
    match stop {
        StrOr::Str(text) => vec![text],
        StrOr::Other(texts) => texts.into_iter().map(Cow::from).collect(),
    }
}

fn effort(word: &str) -> Result<Reasoning, Refusal> {
    reasoning(word).ok_or_else(|| Refusal::new("reasoning_effort", EFFORTS))
}

/// What is said of a step that is none.
pub(crate) const EFFORTS: &str = "use none, minimal, low, medium, high, xhigh or max";

/// How much to think, in a word.
pub(crate) fn reasoning(word: &str) -> Option<Reasoning> {
    match word {
        "none" => Some(Reasoning::Off),
        step => words::effort(step).map(Reasoning::Effort),
    }
}
