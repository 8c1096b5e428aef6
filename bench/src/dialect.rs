//! The dialects that the mock provider speaks, each in a folder of its own. Pure.

/// How a provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Chat completions, as the load generator speaks them: nothing is translated.
    OpenAi,
    /// Messages.
    Anthropic,
    /// `generateContent`.
    Gemini,
    /// Converse; each request is signed, and streams are binary.
    Bedrock,
}

impl Dialect {
    /// All of them, in the order of their discriminants.
    pub(crate) const ALL: [Self; 4] = [Self::OpenAi, Self::Anthropic, Self::Gemini, Self::Bedrock];

    /// What Weir's resources call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "OpenAI",
            Self::Anthropic => "Anthropic",
            Self::Gemini => "Gemini",
            Self::Bedrock => "Bedrock",
        }
    }

    /// The policy whose targets speak it, in the namespace of callers without a key.
    pub(crate) const fn policy(self) -> &'static str {
        match self {
            Self::OpenAi => "bench",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
        }
    }

    /// The folder in which the mock provider speaks it.
    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1",
            Self::Anthropic => "/anthropic",
            Self::Gemini => "/gemini",
            Self::Bedrock => "/bedrock",
        }
    }

    /// What is spoken at `path`.
    pub(crate) fn asked_at(path: &[u8]) -> Self {
        let spoken = |dialect: &Self| path.starts_with(dialect.folder().as_bytes());
        Self::ALL.into_iter().find(spoken).unwrap_or(Self::OpenAi)
    }
}

#[cfg(test)]
mod tests {
    use super::Dialect;

    #[test]
    fn each_dialect_is_asked_in_its_folder() {
        for (at, dialect) in Dialect::ALL.into_iter().enumerate() {
            let path = format!("{}/v1/messages", dialect.folder());
            assert_eq!(Dialect::asked_at(path.as_bytes()), dialect);
            assert_eq!(dialect as usize, at);
        }
    }
}
