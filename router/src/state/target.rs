//! A policy's tree with everything resolved that a request would otherwise have to work out: addresses,
//! header values, times. Built when a table is taken in, read by requests, never changed.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use weir_table::{Digest, ModelKind, Node, Prices, Timeouts};

use super::endpoint::Endpoint;
use crate::body::ModelName;
use crate::error::Failure;
use crate::health::{Account, Circuit, Health};
use crate::observe::Kept;

/// A policy, ready for requests.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The name for `x-weir-policy`.
    pub(crate) name: HeaderValue,
    /// What it is for.
    pub(crate) kind: ModelKind,
    /// Other namespaces whose callers may name it.
    pub(crate) expose_to: BTreeSet<String>,
    /// The digest of this policy alone.
    pub(crate) digest: Digest,
    /// The table's digest for `x-weir-table`.
    pub(crate) stamp: HeaderValue,
    /// The tree as it stands in the table.
    root: Node,
    /// The same tree's prepared side.
    below: Below,
}

impl Tree {
    /// A tree of both sides, which have the same shape.
    pub(crate) fn new(
        policy: &weir_table::Policy,
        below: Below,
        name: HeaderValue,
        stamp: HeaderValue,
    ) -> Self {
        let weir_table::Policy {
            kind,
            expose_to,
            root,
        } = policy;
        Self {
            name,
            kind: *kind,
            expose_to: expose_to.clone(),
            digest: Digest::of_policy(policy),
            stamp,
            root: root.clone(),
            below,
        }
    }

    /// Where a walk begins.
    pub(crate) fn root(&self) -> Place<'_> {
        Place {
            node: &self.root,
            below: &self.below,
        }
    }
}

/// The prepared side of a node.
#[derive(Debug)]
pub(crate) enum Below {
    /// A policy's children, in the table's order.
    Nodes(Box<[Below]>),
    /// A model.
    Leaf(Arc<Leaf>),
}

/// One place of a tree, seen from both sides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'t> {
    /// The table's side.
    pub(crate) node: &'t Node,
    /// The prepared side.
    pub(crate) below: &'t Below,
}

impl<'t> Place<'t> {
    /// The child `at` of this place, whose table's side is `node`.
    pub(crate) fn child(self, at: usize, node: &'t Node) -> Option<Self> {
        match self.below {
            Below::Nodes(nodes) => nodes.get(at).map(|below| Self { node, below }),
            Below::Leaf(_) => None,
        }
    }
}

/// A model at the end of a way through a policy, or one that was called directly. What is of the model alone is a
/// [`Target`], which many leaves share.
#[derive(Debug)]
pub(crate) struct Leaf {
    /// How it was come by.
    pub(crate) way: Arc<Way>,
    /// What is counted of it.
    pub(crate) series: Kept,
    /// What is asked.
    pub(crate) target: Arc<Target>,
}

/// The policies on the way to a leaf. Leaves of one policy share it.
#[derive(Debug)]
pub(crate) struct Way {
    /// `outer/inner`; empty for a direct call.
    pub(crate) path: Arc<str>,
    /// The same for `x-weir-path`.
    pub(crate) header: Option<HeaderValue>,
}

impl Way {
    /// The way of a direct call: none.
    pub(crate) fn direct() -> Self {
        Self {
            path: Arc::from(""),
            header: None,
        }
    }
}

/// A model at an endpoint, with all that an attempt at it needs.
#[derive(Debug)]
pub(crate) struct Target {
    /// The namespace whose table it is in; empty for the cluster's.
    pub(crate) namespace: Arc<str>,
    /// The target as written, or what stands for it where callers choose the text.
    pub(crate) label: Arc<str>,
    /// The target for `x-weir-model`.
    pub(crate) model_header: HeaderValue,
    /// What the provider calls it.
    pub(crate) upstream: ModelName,
    /// Tokens that fit, if known.
    pub(crate) context_window: Option<u64>,
    /// How long each part of an attempt may take.
    pub(crate) limits: Limits,
    /// How to reach it.
    pub(crate) reach: Reach,
    /// How it has fared lately.
    pub(crate) health: Health,
    /// What it costs, as far as known.
    pub(crate) prices: Prices,
}

impl Deref for Leaf {
    type Target = Target;

    fn deref(&self) -> &Target {
        &self.target
    }
}

impl Leaf {
    /// Whether `other` would ask the same model at the same endpoint.
    pub(crate) fn is_same_target(&self, other: &Self) -> bool {
        match (&self.reach, &other.reach) {
            (Reach::Live(mine), Reach::Live(theirs)) => {
                Arc::ptr_eq(&mine.pool, &theirs.pool)
                    && mine.sites == theirs.sites
                    && self.upstream == other.upstream
            }
            _ => std::ptr::eq(self, other),
        }
    }

    /// Whether `other` would send the same credential to the same provider.
    pub(crate) fn is_same_credential(&self, other: &Self) -> bool {
        match (&self.reach, &other.reach) {
            (Reach::Live(mine), Reach::Live(theirs)) => {
                mine.credential == theirs.credential && Arc::ptr_eq(&mine.pool, &theirs.pool)
            }
            _ => std::ptr::eq(self, other),
        }
    }
}

/// How a target is reached.
#[derive(Debug, Clone)]
pub(crate) enum Reach {
    /// There.
    Live(Arc<Endpoint>),
    /// Not at all, and why.
    Barred(Box<Failure>),
}

impl Reach {
    /// How `model` is reached, where that differs from model to model.
    pub(crate) fn for_model(&self, model: &ModelName) -> Self {
        match self {
            Self::Live(endpoint) if endpoint.address.is_by_model() => match endpoint.for_model(model) {
                Ok(own) => Self::Live(Arc::new(own)),
                Err(failure) => Self::Barred(Box::new(failure)),
            },
            _ => self.clone(),
        }
    }

    /// The health of what is reached, of which `circuit` makes out a model's if it is asked for by table.
    pub(crate) fn health(&self, circuit: impl FnOnce(&Account) -> Option<Arc<Circuit>>) -> Health {
        match self {
            Self::Live(endpoint) => Health::of(endpoint.account.clone(), circuit(&endpoint.account)),
            Self::Barred(_) => Health::default(),
        }
    }
}

/// How long each part of an attempt may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// To an open connection.
    pub(crate) connect: Duration,
    /// To a stream's first content.
    pub(crate) first_content: Duration,
    /// Between any bytes of a stream before its first content.
    pub(crate) silence: Duration,
    /// Between any bytes of a stream after its first content.
    pub(crate) stall: Duration,
    /// To a whole answer that is not streamed.
    pub(crate) attempt: Duration,
}

/// The product's own times, for models that answer at once.
const PROMPT: Limits = Limits {
    connect: Duration::from_secs(5),
    first_content: Duration::from_secs(10),
    silence: Duration::from_secs(15),
    stall: Duration::from_secs(30),
    attempt: Duration::from_secs(90),
};

/// The product's own times, for models that think first: they may be silent for all that while.
const THINKING: Limits = Limits {
    connect: Duration::from_secs(5),
    first_content: Duration::from_mins(2),
    silence: Duration::from_mins(2),
    stall: Duration::from_mins(2),
    attempt: Duration::from_mins(10),
};

/// How soon a model is expected to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// At once.
    Prompt,
    /// After thinking.
    Thinking,
}

impl Pace {
    /// The pace of a model that is or is not known to reason.
    pub(crate) fn of(reasoning: bool) -> Self {
        if reasoning { Self::Thinking } else { Self::Prompt }
    }
}

impl Limits {
    /// The times of a rung, else its provider's, else the product's own.
    pub(crate) fn resolve(rung: Timeouts, provider: Timeouts, pace: Pace) -> Self {
        let own = if pace == Pace::Thinking { THINKING } else { PROMPT };
        let pick = |rung: Option<u64>, provider: Option<u64>, own: Duration| {
            rung.or(provider).map_or(own, Duration::from_millis)
        };
        Self {
            connect: pick(rung.connect_ms, provider.connect_ms, own.connect),
            first_content: pick(rung.first_token_ms, provider.first_token_ms, own.first_content),
            silence: own.silence,
            stall: pick(rung.stall_ms, provider.stall_ms, own.stall),
            attempt: pick(rung.attempt_ms, provider.attempt_ms, own.attempt),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_table::Timeouts;

    use super::{Limits, Pace};

    #[test]
    fn a_rung_comes_before_its_provider_and_that_before_the_product() {
        let rung = Timeouts {
            first_token_ms: Some(1),
            ..Timeouts::default()
        };
        let provider = Timeouts {
            first_token_ms: Some(2),
            stall_ms: Some(3),
            ..Timeouts::default()
        };
        let limits = Limits::resolve(rung, provider, Pace::Prompt);
        assert_eq!(limits.first_content, Duration::from_millis(1));
        assert_eq!(limits.stall, Duration::from_millis(3));
        assert_eq!(limits.attempt, Duration::from_secs(90));
        assert_eq!(
            Limits::resolve(rung, provider, Pace::Thinking).attempt,
            Duration::from_mins(10)
        );
    }
}
