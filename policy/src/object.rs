//! How objects are referred to in verdicts and messages.

use std::fmt;

/// The kinds that a verdict can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A `LoadBalancingPolicy`.
    LoadBalancingPolicy,
    /// A `FallbackPolicy`.
    FallbackPolicy,
    /// A `Provider`.
    Provider,
    /// A `ClusterProvider`.
    ClusterProvider,
    /// An `AccessKey`.
    AccessKey,
}

impl ObjectKind {
    /// The kind as written in a manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LoadBalancingPolicy => "LoadBalancingPolicy",
            Self::FallbackPolicy => "FallbackPolicy",
            Self::Provider => "Provider",
            Self::ClusterProvider => "ClusterProvider",
            Self::AccessKey => "AccessKey",
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One object: kind, namespace (none for a `ClusterProvider`) and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// The object's kind.
    pub kind: ObjectKind,
    /// Its namespace, if its kind has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}
