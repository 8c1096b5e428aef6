//! The one form between dialects: a conversation with what is asked of the model, and its answer. It holds
//! what at least two dialects can say; texts and media are borrowed from the body that they came in.
//!
//! Values only. What a field means is said here once; how it is written is each dialect's business.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// A request, whoever made it.
#[derive(Debug, Clone, Default)]
pub struct Ask<'a> {
    /// Instructions that stand before the conversation, in order.
    pub system: Vec<Text<'a>>,
    /// The conversation, in order. Neighbours may have the same role; targets that forbid it join them with
    /// [`Ask::joined_turns`].
    pub turns: Vec<Turn<'a>>,
    /// What the model may call.
    pub tools: Vec<Tool<'a>>,
    /// Whether it may, must or must not call something; `None`: as the target thinks fit.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether several calls may come at once; `None`: as the target thinks fit.
    pub parallel_tool_calls: Option<bool>,
    /// The shape of the answer's text.
    pub output: Output<'a>,
    /// The most tokens of the answer, reasoning included.
    pub max_tokens: Option<u64>,
    /// Sampling temperature, as the caller's dialect means it.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// Sampling among the most likely tokens only.
    pub top_k: Option<u64>,
    /// Texts at which the answer ends.
    pub stop: Vec<Cow<'a, str>>,
    /// The seed for sampling.
    pub seed: Option<i64>,
    /// Penalty for tokens by how often they came.
    pub frequency_penalty: Option<f64>,
    /// Penalty for tokens that came at all.
    pub presence_penalty: Option<f64>,
    /// How many answers are wanted; `None` is one.
    pub choices: Option<u64>,
    /// How much the model is to think first.
    pub reasoning: Option<Reasoning>,
    /// An id of the end user, for the provider's abuse detection.
    pub user: Option<Cow<'a, str>>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether the caller wants usage in its stream. Dialects in which it always comes say true.
    pub stream_usage: bool,
    /// Whether cache marks are to be set where the caller set none and the target knows them.
    pub auto_cache: bool,
    /// What the caller said and this form has no place for.
    pub extras: Vec<Extra<'a>>,
}

/// A field of the caller's that the form has no place for. Targets of the caller's own dialect never see
/// this form, so that every extra is lost in translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra<'a> {
    /// The field's path in the caller's body, such as `logit_bias`.
    pub field: Cow<'a, str>,
    /// Whether losing it changes what the caller gets.
    pub weight: Weight,
}

/// What it means to lose a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The answer is still what was asked for (`store`, `metadata`, `service_tier`): dropped, and named.
    Hint,
    /// The answer would be another one (`logprobs`, `modalities: [audio]`): refused.
    Essential,
}

/// One side's turn.
#[derive(Debug, Clone)]
pub struct Turn<'a> {
    /// Whose.
    pub role: Role,
    /// What was said, called and returned, in order.
    pub parts: Vec<Part<'a>>,
}

/// Whose turn it is. Results of tools are the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The caller's side.
    User,
    /// The model.
    Assistant,
}

/// A piece of a turn or of an answer.
#[derive(Debug, Clone)]
pub enum Part<'a> {
    /// Text.
    Text(Text<'a>),
    /// A picture.
    Image(Media<'a>),
    /// A document, such as a PDF.
    Document(Document<'a>),
    /// Sound.
    Audio(Media<'a>),
    /// The model calls a tool.
    ToolCall(ToolCall<'a>),
    /// What a tool returned.
    ToolResult(ToolResult<'a>),
    /// What the model thought.
    Thought(Thought<'a>),
    /// The model's words for not answering.
    Refusal(Cow<'a, str>),
}

/// A text, and whether a prompt cache may end after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// The mark after it.
    pub cache: Option<CacheMark<'a>>,
}

/// "What stands up to here may be cached."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheMark<'a> {
    /// For how long, in the words of the dialect (`5m`, `1h`); `None`: its default.
    pub ttl: Option<Cow<'a, str>>,
}

/// An image or a sound.
#[derive(Debug, Clone)]
pub struct Media<'a> {
    /// Where it is.
    pub source: Source<'a>,
    /// How closely to look (`low`, `high`, `auto`).
    pub detail: Option<Cow<'a, str>>,
    /// The mark after it.
    pub cache: Option<CacheMark<'a>>,
}

/// A document.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// Where it is.
    pub source: Source<'a>,
    /// Its file name or title.
    pub name: Option<Cow<'a, str>>,
    /// The mark after it.
    pub cache: Option<CacheMark<'a>>,
}

/// Where media are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<'a> {
    /// Here.
    Base64 {
        /// The media type, such as `image/png`.
        media_type: Cow<'a, str>,
        /// The data, in base64 as the caller wrote it.
        data: Cow<'a, str>,
    },
    /// There, for the provider to fetch. Weir never fetches.
    Url(Cow<'a, str>),
    /// A file that was uploaded to the provider before, by its id.
    File(Cow<'a, str>),
    /// Plain text, for documents.
    Text(Cow<'a, str>),
}

/// A call of a tool.
#[derive(Debug, Clone)]
pub struct ToolCall<'a> {
    /// What its result refers to. Made up by the reader where a dialect has none.
    pub id: Cow<'a, str>,
    /// The tool.
    pub name: Cow<'a, str>,
    /// The arguments: the text of a JSON object; empty means `{}`.
    pub arguments: Cow<'a, str>,
    /// What some models want back with the call (Gemini's thought signature).
    pub signature: Option<Cow<'a, str>>,
}

/// What a tool returned.
#[derive(Debug, Clone)]
pub struct ToolResult<'a> {
    /// The call's id.
    pub id: Cow<'a, str>,
    /// The result: texts, images and documents.
    pub parts: Vec<Part<'a>>,
    /// Whether the tool failed.
    pub is_error: bool,
    /// The mark after it.
    pub cache: Option<CacheMark<'a>>,
}

/// A piece of reasoning.
#[derive(Debug, Clone, Default)]
pub struct Thought<'a> {
    /// What was thought, as far as the provider shows it.
    pub text: Cow<'a, str>,
    /// The provider's proof of it, wanted back unchanged. Read it by [`Thought::claudes_proof`] or
    /// [`Thought::geminis_proof`]: a proof shown to another provider than its own makes it refuse the request.
    pub signature: Option<Cow<'a, str>>,
    /// Reasoning that the provider does not show, wanted back unchanged; then there is no text.
    pub redacted: Option<Cow<'a, str>>,
}

/// What tells Gemini's proofs from Claude's, which nothing precedes. Callers keep it with the proof.
const GEMINIS: &str = "gemini:";

impl Thought<'_> {
    /// The proof, if it may be shown to a Claude.
    pub fn claudes_proof(&self) -> Option<&str> {
        self.signature
            .as_deref()
            .filter(|proof| !proof.starts_with(GEMINIS))
    }

    /// The proof, if a Gemini gave it, as it gave it.
    pub fn geminis_proof(&self) -> Option<&str> {
        self.signature.as_deref()?.strip_prefix(GEMINIS)
    }

    /// `proof` of a Gemini, as [`Thought::signature`] and [`crate::Event::ThoughtSignature`] hold it.
    pub fn signature_of_gemini(proof: &str) -> String {
        format!("{GEMINIS}{proof}")
    }
}

/// A tool.
#[derive(Debug, Clone)]
pub struct Tool<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// What it does.
    pub description: Option<Cow<'a, str>>,
    /// The JSON schema of its arguments, untouched; `None`: it takes none.
    pub parameters: Option<&'a RawValue>,
    /// Whether arguments must keep to the schema.
    pub strict: Option<bool>,
    /// The mark after it.
    pub cache: Option<CacheMark<'a>>,
}

/// Whether the model may call tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    /// As it likes.
    Auto,
    /// Not at all.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(Cow<'a, str>),
}

/// The shape of the answer's text.
#[derive(Debug, Clone, Default)]
pub enum Output<'a> {
    /// Any text.
    #[default]
    Text,
    /// Some JSON object.
    Json,
    /// JSON of this schema.
    Schema(Schema<'a>),
}

/// A JSON schema for the answer.
#[derive(Debug, Clone)]
pub struct Schema<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// What it is.
    pub description: Option<Cow<'a, str>>,
    /// The schema, untouched: the order of its properties is the order of the answer's.
    pub schema: &'a RawValue,
    /// Whether the answer must keep to it.
    pub strict: Option<bool>,
}

/// How much the model is to think before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reasoning {
    /// Not at all.
    Off,
    /// In steps, as `reasoning_effort` has them.
    Effort(Effort),
    /// At most so many tokens.
    Budget(u64),
    /// As much as it thinks fit.
    Adaptive,
}

/// Steps of reasoning effort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// `minimal`.
    Minimal,
    /// `low`.
    Low,
    /// `medium`.
    Medium,
    /// `high`.
    High,
    /// `xhigh`.
    ExtraHigh,
    /// `max`.
    Max,
}

impl Effort {
    /// The tokens that this step stands for where only a budget can be said: 1,024, 4,096, 8,192, 16,384,
    /// 32,768 and 65,536.
    pub const fn budget(self) -> u64 {
        match self {
            Self::Minimal => 1_024,
            Self::Low => 4_096,
            Self::Medium => 8_192,
            Self::High => 16_384,
            Self::ExtraHigh => 32_768,
            Self::Max => 65_536,
        }
    }

    /// The smallest step whose budget is at least `tokens`.
    pub fn of_budget(tokens: u64) -> Self {
        [Self::Minimal, Self::Low, Self::Medium, Self::High]
            .into_iter()
            .find(|step| tokens <= step.budget())
            .unwrap_or(Self::ExtraHigh)
    }
}

/// A whole answer.
#[derive(Debug, Clone, Default)]
pub struct Answer<'a> {
    /// The provider's id of it.
    pub id: Option<Cow<'a, str>>,
    /// The model, as the provider says it; filled in by the router where a dialect says none.
    pub model: Option<Cow<'a, str>>,
    /// The answers; one, unless more were asked for.
    pub choices: Vec<Choice<'a>>,
    /// What it took, if the provider said so; never invented.
    pub usage: Option<Usage>,
}

/// One of the answers.
#[derive(Debug, Clone)]
pub struct Choice<'a> {
    /// What the model said, thought and called, in order.
    pub parts: Vec<Part<'a>>,
    /// Why it ended; `None`: the provider did not say.
    pub finish: Option<Finish>,
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// The model was done.
    Stop,
    /// One of the caller's stop texts came; which, if known.
    StopText(Option<String>),
    /// The limit of tokens, or the context window, was reached.
    Length,
    /// Tools are called.
    ToolCalls,
    /// The provider's filter stopped it.
    ContentFilter,
    /// The model refused.
    Refusal,
}

/// What an answer took, in tokens. Counted as `OpenAI` does: `input` includes what was read from and written
/// to a cache, `output` includes reasoning. Readers of dialects that count otherwise add up, and writers of
/// such dialects take apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// The prompt's tokens, all of them.
    pub input: u64,
    /// Those of them that came from a cache.
    pub cache_read: u64,
    /// Those of them that were written to a cache.
    pub cache_write: u64,
    /// The answer's tokens, all of them.
    pub output: u64,
    /// Those of them that were reasoning.
    pub reasoning: u64,
}

impl<'a> Text<'a> {
    /// A text without a mark.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Self {
            text: text.into(),
            cache: None,
        }
    }
}

impl<'a> Ask<'a> {
    /// The turns with neighbours of one role joined, for targets that want the roles to alternate.
    pub fn joined_turns(&self) -> Vec<Joined<'_, 'a>> {
        let mut joined: Vec<Joined<'_, 'a>> = Vec::with_capacity(self.turns.len());
        for turn in &self.turns {
            match joined.last_mut().filter(|last| last.role == turn.role) {
                Some(last) => last.parts.extend(&turn.parts),
                None => joined.push(Joined {
                    role: turn.role,
                    parts: turn.parts.iter().collect(),
                }),
            }
        }
        joined
    }

    /// The tool of every call, by the call's id; of calls with one id, the one of the latest turn.
    pub fn called_tools(&self) -> BTreeMap<&str, &str> {
        let mut called = BTreeMap::new();
        for part in self.turns.iter().rev().flat_map(|turn| &turn.parts) {
            if let Part::ToolCall(call) = part {
                called.entry(&*call.id).or_insert(&*call.name);
            }
        }
        called
    }
}

/// Neighbouring turns of one role, as one.
#[derive(Debug, Clone)]
pub struct Joined<'f, 'a> {
    /// Whose.
    pub role: Role,
    /// Their parts, in order.
    pub parts: Vec<&'f Part<'a>>,
}
