//! What can be wrong with an object, and what is only worth a word.

use std::fmt;

/// Why an object is not served as it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where in the object, such as `spec.targets[1].weight`.
    pub path: String,
    /// What kind of problem it is.
    pub cause: Cause,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Problem {
    /// A problem at `path`.
    pub fn new(path: impl Into<String>, cause: Cause, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            cause,
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Something that is served, and may not be what was meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// Where in the object.
    pub path: String,
    /// What is odd about it.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// The kinds of problems; each is a condition's reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The object could not be decoded.
    Undecodable,
    /// A field's value is not one that it may have.
    Invalid,
    /// Policies refer to each other in a circle.
    Cycle,
    /// Chat and embedding models below one policy.
    MixedKinds,
    /// Embedding models of different dimensions below one policy.
    MixedDimensions,
    /// Policies nest deeper than the limit.
    TooDeep,
    /// More models below one policy than the limit.
    TooManyModels,
    /// Two levels of one tree draw with the same salt.
    SaltReused,
    /// Another policy has the name.
    Conflict,
    /// The namespace's table has no room left.
    TableFull,
    /// No key of a caller is valid any more.
    Expired,
    /// Providers do not count in this cluster.
    NamespacedProvidersDisabled,
    /// A policy is named that does not exist.
    UnknownPolicy,
    /// A policy is named that is not accepted and has never been.
    PolicyNotAccepted,
    /// A provider is named that does not exist or is not accepted.
    UnknownProvider,
    /// A ClusterProvider does not allow this namespace.
    ProviderNotAllowed,
    /// A provider's own credential is not there.
    ProviderNotReady,
    /// A Secret does not exist or lacks the label.
    MissingSecret,
    /// A Secret lacks the key.
    MissingKey,
    /// A Secret may not be sent to the provider's host.
    HostNotAllowed,
    /// What a Secret holds can't be a caller's key.
    UnfitKey,
    /// Another caller has the same key.
    KeyReused,
    /// The gathered Secrets have no room for a Secret's value.
    CredentialsFull,
}

/// What a cause speaks about, and so which condition it makes false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// The object as it stands: `Accepted`.
    Object,
    /// What it refers to: `ResolvedRefs`.
    References,
}

impl Cause {
    /// Every cause, in the order in which they are defined.
    pub const ALL: [Self; 23] = [
        Self::Undecodable,
        Self::Invalid,
        Self::Cycle,
        Self::MixedKinds,
        Self::MixedDimensions,
        Self::TooDeep,
        Self::TooManyModels,
        Self::SaltReused,
        Self::Conflict,
        Self::TableFull,
        Self::Expired,
        Self::NamespacedProvidersDisabled,
        Self::UnknownPolicy,
        Self::PolicyNotAccepted,
        Self::UnknownProvider,
        Self::ProviderNotAllowed,
        Self::ProviderNotReady,
        Self::MissingSecret,
        Self::MissingKey,
        Self::HostNotAllowed,
        Self::UnfitKey,
        Self::KeyReused,
        Self::CredentialsFull,
    ];

    /// The reason that a condition gives.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Undecodable => "Undecodable",
            Self::Invalid => "Invalid",
            Self::Cycle => "Cycle",
            Self::MixedKinds => "MixedKinds",
            Self::MixedDimensions => "MixedDimensions",
            Self::TooDeep => "TooDeep",
            Self::TooManyModels => "TooManyModels",
            Self::SaltReused => "SaltReused",
            Self::Conflict => "Conflict",
            Self::TableFull => "TableFull",
            Self::Expired => "Expired",
            Self::NamespacedProvidersDisabled => "NamespacedProvidersDisabled",
            Self::UnknownPolicy => "UnknownPolicy",
            Self::PolicyNotAccepted => "PolicyNotAccepted",
            Self::UnknownProvider => "UnknownProvider",
            Self::ProviderNotAllowed => "ProviderNotAllowed",
            Self::ProviderNotReady => "ProviderNotReady",
            Self::MissingSecret => "MissingSecret",
            Self::MissingKey => "MissingKey",
            Self::HostNotAllowed => "HostNotAllowed",
            Self::UnfitKey => "UnfitKey",
            Self::KeyReused => "KeyReused",
            Self::CredentialsFull => "CredentialsFull",
        }
    }

    /// Which condition it makes false.
    pub const fn aspect(self) -> Aspect {
        match self {
            Self::Undecodable
            | Self::Invalid
            | Self::Cycle
            | Self::MixedKinds
            | Self::MixedDimensions
            | Self::TooDeep
            | Self::TooManyModels
            | Self::SaltReused
            | Self::Conflict
            | Self::TableFull
            | Self::Expired
            | Self::NamespacedProvidersDisabled => Aspect::Object,
            Self::UnknownPolicy
            | Self::PolicyNotAccepted
            | Self::UnknownProvider
            | Self::ProviderNotAllowed
            | Self::ProviderNotReady
            | Self::MissingSecret
            | Self::MissingKey
            | Self::HostNotAllowed
            | Self::UnfitKey
            | Self::KeyReused
            | Self::CredentialsFull => Aspect::References,
        }
    }

    /// Whether no other object can mend it: an edit of the object itself is expected to, or of the way in which
    /// Weir is run. A reference that may still appear is
    /// not such a case, and neither is a table that may get room again.
    pub const fn is_terminal(self) -> bool {
        matches!(self.aspect(), Aspect::Object) && !matches!(self, Self::TableFull)
    }

    /// Whether the object's new version can't be served because of it. A provider that lacks its key fails
    /// its own targets, and so does a key for which there is no room; the others below the same policy need not
    /// suffer.
    pub const fn blocks(self) -> bool {
        !matches!(self, Self::ProviderNotReady | Self::CredentialsFull)
    }
}

#[cfg(test)]
mod tests {
    use super::Cause;

    #[test]
    fn every_reason_has_a_row_in_the_documentation() {
        let page = include_str!("../../docs/conditions.md");
        for cause in Cause::ALL {
            assert!(
                page.contains(&format!("\n| `{}` |", cause.reason())),
                "{}",
                cause.reason()
            );
        }
    }

    #[test]
    fn causes_are_listed_once() {
        let mut sorted = Cause::ALL.to_vec();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted, Cause::ALL);
    }
}
