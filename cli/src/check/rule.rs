//! What a finding breaks: the compiler's causes, and the few of the files themselves.

use serde::{Serialize, Serializer};
use weir_policy::problem::Cause;

/// What a finding breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// A document as such: not YAML, a field that no kind has, an object that is there twice.
    Document,
    /// What the compiler found; a condition in the cluster gives it as its reason.
    Cause(Cause),
    /// Nothing: it is served, and may not be what was meant.
    Advice,
    /// What Weir's own compiler must uphold.
    Defect,
}

impl Rule {
    /// Its name in reports.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Document => "InvalidDocument",
            Self::Cause(cause) => cause.reason(),
            Self::Advice => "Advice",
            Self::Defect => "Defect",
        }
    }

    /// What it means, in one sentence.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Document => {
                "A document can't be read, is there twice, or has a field that its kind does not have."
            }
            Self::Cause(cause) => meaning(cause),
            Self::Advice => "It is served, and may not be what was meant.",
            Self::Defect => "Weir's compiler made a table that breaks its own rules; please report it.",
        }
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

const fn meaning(cause: Cause) -> &'static str {
    match cause {
        Cause::Undecodable => "The object can't be decoded.",
        Cause::Invalid => "A field's value is not one that it may have.",
        Cause::Cycle => "Policies refer to each other in a circle.",
        Cause::MixedKinds => "Chat and embedding models are below one policy.",
        Cause::MixedDimensions => "Embedding models of different dimensions are below one policy.",
        Cause::TooDeep => "Policies nest deeper than the limit.",
        Cause::TooManyModels => "There are more models below one policy than the limit.",
        Cause::SaltReused => "Two levels of one tree draw with the same salt.",
        Cause::Conflict => "Another policy has the name.",
        Cause::NamespacedProvidersDisabled => "Providers do not count in this cluster.",
        Cause::TableFull => "The namespace's table has no room left.",
        Cause::Expired => "Every key of an AccessKey has expired.",
        Cause::UnknownPolicy => "A policy is named that does not exist.",
        Cause::PolicyNotAccepted => "A policy is named that is not accepted.",
        Cause::UnknownProvider => "A provider is named that does not exist or is not accepted.",
        Cause::ProviderNotAllowed => "A ClusterProvider does not allow this namespace.",
        Cause::ProviderNotReady => "A provider's own credential is not there.",
        Cause::CredentialsFull => {
            "There is no room for a Secret's value among the credentials of the routers."
        }
        Cause::MissingSecret => "A Secret does not exist.",
        Cause::MissingKey => "A Secret lacks the key.",
        Cause::HostNotAllowed => "A Secret may not be sent to the provider's host.",
        Cause::UnfitKey => "What a Secret holds can't be a caller's key.",
        Cause::KeyReused => "Another AccessKey has the same key.",
    }
}
