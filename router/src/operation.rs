//! What a caller can ask for. Each operation has its path, its kind of model and the shape of its errors.

use weir_table::ModelKind;

use crate::error::Voice;

/// Endpoints whose requests go to targets of `OpenAI`'s dialect as they are, and whose answers are not looked
/// into.
const LISTED: [&str; 8] = [
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
    "/v1/moderations",
    "/v1/rerank",
    "/v1/score",
];

/// Where the list of what a caller may name is.
pub(crate) const LIST: &str = "/v1/models";

/// One of the operations that are routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1/messages/count_tokens`.
    CountTokens,
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/completions`.
    Completions,
    /// `POST /v1/embeddings`.
    Embeddings,
    /// One of [`LISTED`].
    Listed(&'static str),
    /// A path that only some providers have, and say so.
    Own,
}

impl Operation {
    /// The operation at `path`, unless it is a provider's own. Anthropic's are also at the paths that clients
    /// of such gateways know.
    pub(crate) fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/v1/chat/completions" => Self::ChatCompletions,
            "/v1/messages" | "/anthropic/v1/messages" => Self::Messages,
            "/v1/messages/count_tokens" | "/anthropic/v1/messages/count_tokens" => Self::CountTokens,
            "/v1/responses" => Self::Responses,
            "/v1/completions" => Self::Completions,
            "/v1/embeddings" => Self::Embeddings,
            _ => Self::Listed(LISTED.into_iter().find(|listed| *listed == path)?),
        })
    }

    /// What [`Operation::path`] can be.
    pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
        let own = [
            Self::ChatCompletions,
            Self::Messages,
            Self::CountTokens,
            Self::Responses,
            Self::Completions,
            Self::Embeddings,
            Self::Own,
        ];
        own.map(Self::path).into_iter().chain(LISTED)
    }

    /// Whether models of `kind` can be asked. What is only passed through, any model may have.
    pub(crate) fn takes(self, kind: ModelKind) -> bool {
        match self {
            Self::Listed(_) | Self::Own => true,
            Self::Embeddings => kind != ModelKind::Chat,
            _ => kind != ModelKind::Embedding,
        }
    }

    /// Whether it only passes through: its bodies may be forms, and nothing of its answers is known.
    pub(crate) fn only_passes(self) -> bool {
        matches!(self, Self::Listed(_) | Self::Own)
    }

    /// Whether an answer to it can be a stream that is watched.
    pub(crate) fn streams(self) -> bool {
        match self {
            Self::ChatCompletions | Self::Messages | Self::Responses | Self::Completions => true,
            Self::CountTokens | Self::Embeddings | Self::Listed(_) | Self::Own => false,
        }
    }

    /// How its errors are written.
    pub(crate) fn voice(self) -> Voice {
        match self {
            Self::Messages | Self::CountTokens => Voice::Anthropic,
            Self::Responses => Voice::Responses,
            _ => Voice::OpenAi,
        }
    }

    /// The path as callers write it, or what stands for it where providers choose it.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/v1/chat/completions",
            Self::Messages => "/v1/messages",
            Self::CountTokens => "/v1/messages/count_tokens",
            Self::Responses => "/v1/responses",
            Self::Completions => "/v1/completions",
            Self::Embeddings => "/v1/embeddings",
            Self::Listed(path) => path,
            Self::Own => "passthrough",
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_table::ModelKind;

    use super::Operation;

    #[test]
    fn a_path_is_known_as_a_whole_or_not_at_all() {
        for path in [
            "/v1/chat/completions",
            "/v1/responses",
            "/v1/audio/speech",
            "/v1/messages/count_tokens",
        ] {
            assert_eq!(Operation::at(path).unwrap().path(), path);
        }
        for path in [
            "/v1/chat",
            "/v1/audio/speech/",
            "/v1/images",
            "/v1/realtime/sessions",
            "/v1/files",
            "",
        ] {
            assert_eq!(Operation::at(path), None, "{path}");
        }
    }

    #[test]
    fn only_what_passes_through_is_for_every_kind_of_model() {
        assert!(!Operation::Responses.takes(ModelKind::Embedding));
        assert!(!Operation::Embeddings.takes(ModelKind::Chat));
        assert!(Operation::Messages.takes(ModelKind::Unknown));
        assert!(Operation::at("/v1/rerank").unwrap().takes(ModelKind::Embedding));
    }
}
