//! A caller's request, read into the form.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::items::{self, Input};
use super::tools::{self, ChoiceIn, TextIn, ToolIn};
use crate::Refusal;
use crate::chat::request::{EFFORTS, ROUTERS, reasoning};
use crate::form::{Ask, Extra, Output, Text, Weight};
use crate::json::{self, Str};

/// <https://platform.openai.com/docs/api-reference/responses/create>
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    input: Input<'a>,
    instructions: Option<Str<'a>>,
    tools: Option<Vec<ToolIn<'a>>>,
    tool_choice: Option<ChoiceIn<'a>>,
    parallel_tool_calls: Option<bool>,
    text: Option<TextIn<'a>>,
    reasoning: Option<ReasoningIn<'a>>,
    max_output_tokens: Option<u64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    user: Option<Str<'a>>,
    safety_identifier: Option<Str<'a>>,
    stream: Option<bool>,
    store: Option<bool>,
    include: Option<Vec<Str<'a>>>,
    top_logprobs: Option<u64>,
    moderation: Option<&'a RawValue>,
    // What only a provider that keeps state can do.
    previous_response_id: Option<&'a RawValue>,
    conversation: Option<&'a RawValue>,
    prompt: Option<&'a RawValue>,
    background: Option<bool>,
}

#[derive(Deserialize)]
struct ReasoningIn<'a> {
    #[serde(borrow)]
    effort: Option<Str<'a>>,
    /// Asks for what is given anyway.
    #[serde(rename = "summary")]
    _summary: Option<Str<'a>>,
}

/// Reads a request.
pub(super) fn read(body: &[u8]) -> Result<Ask<'_>, Refusal> {
    let (body, extras) = json::read_request::<Body<'_>>(body, &ROUTERS)?;
    body.into_ask(extras)
}

impl<'a> Body<'a> {
    fn into_ask(mut self, mut extras: Vec<Extra<'a>>) -> Result<Ask<'a>, Refusal> {
        self.refuse_state()?;
        extras.extend(self.extras());
        let effort = self.reasoning.take().and_then(|asked| asked.effort);
        let step = |word: Str<'_>| reasoning(&word).ok_or_else(|| Refusal::new("reasoning.effort", EFFORTS));
        let mut ask = Ask {
            tools: tools::tools(self.tools.take().unwrap_or_default())?,
            output: self.text.take().map_or(Ok(Output::Text), tools::output)?,
            reasoning: effort.map(step).transpose()?,
            extras,
            ..self.plain()
        };
        if let Some(choice) = self.tool_choice {
            tools::choose(choice, &mut ask)?;
        }
        items::read(self.input, &mut ask)?;
        Ok(ask)
    }

    /// The fields that are said alike in the form. Streams of this dialect always end in their usage.
    fn plain(&mut self) -> Ask<'a> {
        let instructions = self.instructions.take().filter(|text| !text.is_empty());
        Ask {
            system: instructions.map(Text::new).into_iter().collect(),
            parallel_tool_calls: self.parallel_tool_calls,
            max_tokens: self.max_output_tokens,
            temperature: self.temperature,
            top_p: self.top_p,
            user: self.safety_identifier.take().or(self.user.take()).map(Cow::from),
            stream: self.stream.unwrap_or_default(),
            stream_usage: true,
            ..Ask::default()
        }
    }

    fn refuse_state(&self) -> Result<(), Refusal> {
        let asked = [
            (self.previous_response_id.is_some(), "previous_response_id"),
            (self.conversation.is_some(), "conversation"),
            (self.prompt.is_some(), "prompt"),
            (self.background == Some(true), "background"),
        ];
        match asked.into_iter().find(|(asked, _)| *asked) {
            None => Ok(()),
            Some((_, field)) => Err(Refusal::new(
                field,
                format!(
                    "`{field}` needs stored state, which no target but OpenAI's own has; send the whole input"
                ),
            )),
        }
    }

    /// What is lost, unless it asks for nothing or for what is so anyway.
    fn extras(&self) -> impl Iterator<Item = Extra<'a>> + use<'a> {
        let included = |wanted: fn(&str) -> bool| self.include.iter().flatten().any(|field| wanted(field));
        let lost = [
            (self.store == Some(true), "store", Weight::Hint),
            (included(is_other), "include", Weight::Hint),
            (included(is_logprobs), "include", Weight::Essential),
            (
                self.top_logprobs.is_some_and(|top| top > 0),
                "top_logprobs",
                Weight::Essential,
            ),
            (self.moderation.is_some(), "moderation", Weight::Essential),
        ];
        let lost = lost.into_iter().filter(|(asked, ..)| *asked);
        lost.map(|(_, field, weight)| Extra {
            field: Cow::Borrowed(field),
            weight,
        })
    }
}

fn is_logprobs(include: &str) -> bool {
    include == "message.output_text.logprobs"
}

/// Whether it is of no use here: what belongs to tools that `OpenAI` runs. Proofs of reasoning are always
/// given.
fn is_other(include: &str) -> bool {
    include != "reasoning.encrypted_content" && !is_logprobs(include)
}
