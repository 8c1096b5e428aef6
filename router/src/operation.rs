//! What a caller can ask for. Each operation has its path, its kind of model and its shape of answer.

use weir_table::ModelKind;

/// One of the operations that are routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/embeddings`.
    Embeddings,
}

impl Operation {
    /// The path behind a provider's base URL.
    pub(crate) fn upstream_path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/chat/completions",
            Self::Embeddings => "/embeddings",
        }
    }

    /// The kind of model that serves it.
    pub(crate) fn kind(self) -> ModelKind {
        match self {
            Self::ChatCompletions => ModelKind::Chat,
            Self::Embeddings => ModelKind::Embedding,
        }
    }

    /// Whether models of `kind` can be asked.
    pub(crate) fn takes(self, kind: ModelKind) -> bool {
        kind == ModelKind::Unknown || kind == self.kind()
    }

    /// The path as callers write it.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/v1/chat/completions",
            Self::Embeddings => "/v1/embeddings",
        }
    }
}
