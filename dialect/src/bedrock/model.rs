//! Which model it is, as far as its id tells: some things can be said to some makers' models only. The id of an
//! application's own inference profile tells nothing; such a model gets what every model takes.

use crate::claude::Claude;

/// A model behind Converse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model<'a> {
    /// Anthropic's.
    Claude(Claude<'a>),
    /// Amazon's first Nova models.
    Nova,
    /// Amazon's Nova models that can think.
    Nova2,
    /// `OpenAI`'s open models.
    GptOss,
    /// `OpenAI`'s other models.
    Gpt,
    /// Any other.
    Other,
}

impl<'a> Model<'a> {
    /// The model that `id` names: an id with or without a region's prefix, or an ARN of one.
    pub(super) fn of(id: &'a str) -> Self {
        let claude = Claude::named(id);
        if claude.is_one() {
            return Self::Claude(claude);
        }
        let name = id.rsplit('/').next().unwrap_or(id);
        let is = |start: &str| {
            name.split_once('.')
                .is_some_and(|(_, rest)| name.starts_with(start) || rest.starts_with(start))
        };
        match () {
            () if is("amazon.nova-2") => Self::Nova2,
            () if is("amazon.nova") => Self::Nova,
            () if is("openai.gpt-oss") => Self::GptOss,
            () if is("openai.") => Self::Gpt,
            () => Self::Other,
        }
    }

    /// Whether marks for the prompt cache may stand in `place`. To models that don't know them they are errors.
    /// <https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html>
    pub(super) fn caches(self, place: Place) -> bool {
        match self {
            Self::Claude(claude) => claude.caches(),
            Self::Nova | Self::Nova2 => place != Place::Tools,
            Self::GptOss | Self::Gpt | Self::Other => false,
        }
    }

    /// Whether it takes a time to live for what is cached.
    pub(super) fn caches_for_a_time(self) -> bool {
        matches!(self, Self::Claude(_))
    }
}

/// Where a mark for the prompt cache may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind the instructions.
    System,
    /// Behind a tool.
    Tools,
    /// In the conversation.
    Messages,
}
