//! What is asked of a model, in the words of `OpenTelemetry`'s `gen_ai.operation.name`.

use crate::operation::Operation;

/// A kind of task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Messages in, a message out, on whichever endpoint.
    Chat,
    /// A text in, its continuation out.
    TextCompletion,
    /// Vectors for texts.
    Embeddings,
    /// Anything else; nothing is known of the answers.
    Other,
}

/// Every task, in its own order.
pub(super) const TASKS: [Task; 4] = [Task::Chat, Task::TextCompletion, Task::Embeddings, Task::Other];

impl Task {
    /// What `operation` asks for.
    pub(super) const fn of(operation: Operation) -> Self {
        match operation {
            Operation::ChatCompletions | Operation::Messages | Operation::Responses => Self::Chat,
            Operation::Completions => Self::TextCompletion,
            Operation::Embeddings => Self::Embeddings,
            Operation::CountTokens | Operation::Listed(_) | Operation::Own => Self::Other,
        }
    }

    /// The word of the conventions, or `other`.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::TextCompletion => "text_completion",
            Self::Embeddings => "embeddings",
            Self::Other => "other",
        }
    }

    /// Whether its answers say what they took.
    pub(super) const fn has_usage(self) -> bool {
        !matches!(self, Self::Other)
    }
}
