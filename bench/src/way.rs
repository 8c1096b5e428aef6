//! On which way a target is asked. Most are asked on one; the rest are for questions of their own. Pure.

use crate::dialect::Dialect;

/// How callers, target and upstream speak, and how many of them there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// HTTP/1.1 in clear text on both sides, passed through.
    Plain,
    /// The same, translated by Weir.
    Translated(Dialect),
    /// Weir, asked by so many connections, whatever the scenario says.
    Crowd(u32),
    /// A Weir of its own that may use both cores, with so many workers.
    Workers(u32),
    /// TLS to the upstream, with HTTP/1.1 in it.
    Tls,
    /// TLS to the upstream, which offers HTTP/2; nginx speaks HTTP/1.1 all the same.
    Http2Upstream,
    /// Callers speak HTTP/2 in clear text, several requests on each connection.
    Http2Callers,
}

impl Way {
    /// Those on which one and the same Weir is asked, beside the plain one.
    pub(crate) const OF_WEIR: [Self; 9] = [
        Self::Tls,
        Self::Http2Upstream,
        Self::Http2Callers,
        Self::Translated(Dialect::Anthropic),
        Self::Translated(Dialect::Gemini),
        Self::Translated(Dialect::Bedrock),
        Self::Crowd(64),
        Self::Crowd(128),
        Self::Crowd(256),
    ];

    /// What `target` is called on it.
    pub(crate) fn name_of(self, target: &str) -> String {
        match self {
            Self::Translated(dialect) => format!("{target} → {}", dialect.name()),
            Self::Crowd(connections) => format!("{target}, {connections} connections"),
            Self::Workers(1) => format!("{target}, 1 worker"),
            Self::Workers(workers) => format!("{target}, {workers} workers"),
            Self::Plain | Self::Tls | Self::Http2Upstream | Self::Http2Callers => target.to_owned(),
        }
    }

    /// Whether nobody but Weir is asked on it.
    pub(crate) fn is_weirs_alone(self) -> bool {
        matches!(self, Self::Translated(_) | Self::Crowd(_) | Self::Workers(_))
    }

    /// The policy that Weir is asked for.
    pub(crate) fn policy(self) -> &'static str {
        match self {
            Self::Translated(dialect) => dialect.policy(),
            Self::Tls => "tls",
            Self::Http2Upstream => "http2",
            Self::Plain | Self::Crowd(_) | Self::Workers(_) | Self::Http2Callers => Dialect::OpenAi.policy(),
        }
    }

    /// Whether it needs an upstream with TLS.
    pub(crate) fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Http2Upstream)
    }
}
