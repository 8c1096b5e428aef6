//! Requests to a target: the form as Anthropic takes it. What a model would refuse is left out and named, if
//! the answer is still what was asked for; else the request is refused.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::DIALECT;
use super::blocks::{Block, blocks};
use super::tools::{AskedTool, Choice};
use crate::claude::Claude;
use crate::claude::thinking::Mode;
use crate::form::{Ask, Output, Part, Role};
use crate::json;
use crate::{Dropped, Refusal, Written};

#[derive(Serialize)]
struct Request<'x> {
    model: &'x str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'x>>,
    messages: Vec<Message<'x>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<AskedTool<'x>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'x>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'x [Cow<'x, str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'x>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'x>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
}

#[derive(Serialize)]
struct Message<'x> {
    role: &'static str,
    content: Vec<Block<'x>>,
}

#[derive(Serialize)]
struct OutputConfig<'x> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format<'x>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "json_schema")]
struct Format<'x> {
    schema: &'x RawValue,
}

#[derive(Serialize)]
struct Metadata<'x> {
    user_id: &'x str,
}

/// Writes `ask` for the model called `model`.
///
/// # Errors
/// Something is asked for that Anthropic's Messages has no word for and that changes the answer: several
/// choices, JSON without a schema, sound, a stop text of white space alone, no message at all.
pub fn write_request(ask: &Ask<'_>, model: &str) -> Result<Written, Refusal> {
    let mut dropped = Dropped::of_extras(ask, DIALECT)?;
    refuse_the_unsayable(ask)?;
    drop_the_unknown(ask, &mut dropped);
    let claude = Claude::named(model);
    let thinking = claude.thinking(ask);
    if !thinking.is_as_asked {
        dropped.add("reasoning_effort");
    }
    let sampling = Sampling::of(ask, claude, thinking.mode, &mut dropped);
    let mut request = Request {
        model,
        max_tokens: ask
            .max_tokens
            .unwrap_or_else(|| default_limit(claude, thinking.mode)),
        system: ask.system.iter().filter_map(Block::text).collect(),
        messages: messages(ask, &mut dropped)?,
        tools: ask.tools.iter().map(AskedTool::of).collect(),
        tool_choice: Choice::of(ask),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        stop_sequences: &ask.stop,
        thinking: thinking.mode,
        output_config: OutputConfig::of(&ask.output, thinking.effort, &mut dropped),
        metadata: user_of(ask, &mut dropped),
        stream: ask.stream,
    };
    if ask.auto_cache && !is_marked(ask) {
        request.mark();
    }
    let body = json::write(&request);
    Ok(Written { body, dropped })
}

fn refuse_the_unsayable(ask: &Ask<'_>) -> Result<(), Refusal> {
    if ask.choices.is_some_and(|choices| choices > 1) {
        return Err(Refusal::unsupported("n", DIALECT));
    }
    if matches!(ask.output, Output::Json) {
        return Err(Refusal::new(
            "response_format",
            "Anthropic's Messages, the dialect of this target, gives JSON of a schema only; send `json_schema`",
        ));
    }
    if ask.stop.iter().any(|text| text.trim().is_empty()) {
        return Err(Refusal::new(
            "stop",
            "Anthropic's Messages, the dialect of this target, takes no stop text of white space alone",
        ));
    }
    Ok(())
}

/// Names what Anthropic has no field for, unless it says what is so anyway.
fn drop_the_unknown(ask: &Ask<'_>, dropped: &mut Dropped) {
    if ask.seed.is_some() {
        dropped.add("seed");
    }
    if ask.frequency_penalty.is_some_and(|penalty| penalty != 0.0) {
        dropped.add("frequency_penalty");
    }
    if ask.presence_penalty.is_some_and(|penalty| penalty != 0.0) {
        dropped.add("presence_penalty");
    }
}

/// A budget of thinking comes on top of what the model is asked for otherwise.
fn default_limit(claude: Claude<'_>, mode: Option<Mode>) -> u64 {
    let budget = match mode {
        Some(Mode::Enabled { budget_tokens }) => budget_tokens,
        _ => 0,
    };
    let limit = claude.max_tokens().saturating_add(budget);
    limit.min(claude.most_tokens())
}

/// How to sample.
struct Sampling {
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
}

impl Sampling {
    /// What of it the model takes, as it is told to think: no sampling at all beside thinking, and later
    /// models not both of `temperature` and `top_p`. A temperature above 1 is left out: the default, 1, is the
    /// highest there is.
    fn of(ask: &Ask<'_>, claude: Claude<'_>, mode: Option<Mode>, dropped: &mut Dropped) -> Self {
        let takes =
            claude.takes_sampling() && !matches!(mode, Some(Mode::Enabled { .. } | Mode::Adaptive { .. }));
        let temperature = ask.temperature.filter(|temperature| takes && *temperature <= 1.0);
        let takes_top_p = takes && !(claude.takes_one_sampling() && temperature.is_some());
        let top_p = ask.top_p.filter(|_| takes_top_p);
        let top_k = ask.top_k.filter(|_| takes);
        if is_lost(ask.temperature, temperature) {
            dropped.add("temperature");
        }
        if is_lost(ask.top_p, top_p) {
            dropped.add("top_p");
        }
        if top_k.is_none() && ask.top_k.is_some() {
            dropped.add("top_k");
        }
        Self {
            temperature,
            top_p,
            top_k,
        }
    }
}

/// Whether `asked` is not said, and is not what is so anyway: temperature and `top_p` are 1 unless told.
fn is_lost(asked: Option<f64>, said: Option<f64>) -> bool {
    said.is_none() && asked.is_some_and(|asked| (asked - 1.0).abs() > f64::EPSILON)
}

/// The conversation. Turns that say nothing are left out, and what the model is to continue does not end in
/// white space: Anthropic refuses both.
fn messages<'x>(ask: &'x Ask<'_>, dropped: &mut Dropped) -> Result<Vec<Message<'x>>, Refusal> {
    let mut messages = Vec::with_capacity(ask.turns.len());
    for joined in ask.joined_turns() {
        let is_result = |part: &&Part<'_>| matches!(part, Part::ToolResult(_));
        let (results, others): (Vec<_>, Vec<_>) = joined.parts.into_iter().partition(is_result);
        let content = blocks(results.into_iter().chain(others), dropped)?;
        let role = match joined.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        messages.push(Message { role, content });
    }
    if let Some(last) = messages.last_mut().filter(|last| last.role == "assistant") {
        trim_end(&mut last.content);
    }
    messages.retain(|message| !message.content.is_empty());
    if messages.is_empty() {
        return Err(Refusal::new(
            "messages",
            "at least one message must say something",
        ));
    }
    Ok(messages)
}

fn trim_end(content: &mut Vec<Block<'_>>) {
    if let Some(Block::Text { text, .. }) = content.last_mut() {
        *text = text.trim_end();
        if text.is_empty() {
            content.pop();
        }
    }
}

impl<'x> OutputConfig<'x> {
    /// Effort and shape. A schema has no name here, which says nothing, and no description.
    fn of(output: &'x Output<'_>, effort: Option<&'static str>, dropped: &mut Dropped) -> Option<Self> {
        let format = match output {
            Output::Schema(schema) => {
                if schema.description.is_some() {
                    dropped.add("response_format.json_schema.description");
                }
                Some(Format {
                    schema: schema.schema,
                })
            }
            Output::Text | Output::Json => None,
        };
        (effort.is_some() || format.is_some()).then_some(Self { effort, format })
    }
}

/// The end user's id. Anthropic refuses what looks like an address or a telephone number, and what is longer
/// than 256 characters.
fn user_of<'x>(ask: &'x Ask<'_>, dropped: &mut Dropped) -> Option<Metadata<'x>> {
    let user_id = ask.user.as_deref()?;
    let is_digits = |c: char| c.is_ascii_digit() || " +()-".contains(c);
    let is_number = user_id.len() >= 7 && user_id.chars().all(is_digits);
    if user_id.contains('@') || is_number || user_id.chars().count() > 256 {
        dropped.add("user");
        return None;
    }
    Some(Metadata { user_id })
}

impl Request<'_> {
    /// Sets cache marks where most of the next request will be the same: after the tools, after the system
    /// prompt and after the last thing that the user said. Anthropic takes four at most.
    fn mark(&mut self) {
        if let Some(tool) = self.tools.last_mut() {
            tool.mark();
        }
        if let Some(text) = self.system.last_mut() {
            text.mark();
        }
        let user = self.messages.iter_mut().rfind(|message| message.role == "user");
        if let Some(last) = user.and_then(|message| message.content.last_mut()) {
            last.mark();
        }
    }
}

/// Whether the caller set a mark of its own.
fn is_marked(ask: &Ask<'_>) -> bool {
    ask.system.iter().any(|text| text.cache.is_some())
        || ask.tools.iter().any(|tool| tool.cache.is_some())
        || ask.turns.iter().flat_map(|turn| &turn.parts).any(is_part_marked)
}

fn is_part_marked(part: &Part<'_>) -> bool {
    match part {
        Part::Text(text) => text.cache.is_some(),
        Part::Image(media) | Part::Audio(media) => media.cache.is_some(),
        Part::Document(document) => document.cache.is_some(),
        Part::ToolResult(result) => result.cache.is_some() || result.parts.iter().any(is_part_marked),
        Part::ToolCall(_) | Part::Thought(_) | Part::Refusal(_) => false,
    }
}

#[cfg(test)]
mod tests;
