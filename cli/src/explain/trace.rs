//! Why a key arrives where it does: every level with all its candidates. Pure. The winner is the one that
//! the table's own selection gives; the figures beside it are the ones that it compares.

use std::fmt;

use serde::{Serialize, Serializer};
use weir_table::{Chain, Model, Node, Split, SplitTarget, select};

use super::arrival::{Arrival, Shown};

/// An arrival with its reasons.
#[derive(Debug, Serialize)]
pub(crate) struct Explained<'t, 'k> {
    #[serde(flatten)]
    pub(crate) arrival: Arrival<'t, 'k>,
    pub(crate) steps: Step<'t>,
}

/// One level, and what comes after it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Step<'a> {
    /// A draw by weight.
    Split(Draw<'a>),
    /// An order.
    Chain(Order<'a>),
    /// The end.
    #[serde(serialize_with = "shown")]
    Model(&'a Model),
}

/// A load-balancing policy's draw.
#[derive(Debug, Serialize)]
pub(crate) struct Draw<'a> {
    pub(crate) policy: &'a str,
    pub(crate) salt: &'a str,
    /// The targets, as they stand in the policy.
    pub(crate) candidates: Vec<Candidate<'a>>,
    /// What stands behind the winner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<Box<Step<'a>>>,
}

/// One target of a draw.
#[derive(Debug, Serialize)]
pub(crate) struct Candidate<'a> {
    pub(crate) target: &'a str,
    pub(crate) weight: f64,
    /// Its part of all keys, from 0 to 1.
    pub(crate) share: f64,
    pub(crate) hash: Hash,
    /// `−ln(u)/weight`, of which the least wins; none without weight.
    pub(crate) score: Option<f64>,
    pub(crate) standing: Standing,
}

/// `XXH3_64(key, seed)`, shown as 16 hex digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hash(u64);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What became of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Standing {
    /// It has the key.
    Wins,
    /// Another is nearer.
    Loses,
}

/// A fallback policy's order.
#[derive(Debug, Serialize)]
pub(crate) struct Order<'a> {
    pub(crate) policy: &'a str,
    pub(crate) rungs: Vec<Rung<'a>>,
}

/// One target of an order.
#[derive(Debug, Serialize)]
pub(crate) struct Rung<'a> {
    pub(crate) retries: u8,
    pub(crate) step: Step<'a>,
}

/// Explains what becomes of `key` at `node` and below.
pub(crate) fn explain<'a>(node: &'a Node, key: &[u8]) -> Step<'a> {
    match node {
        Node::Split(split) => Step::Split(draw(split, key)),
        Node::Chain(chain) => Step::Chain(order(chain, key)),
        Node::Model(model) => Step::Model(model),
    }
}

fn draw<'a>(split: &'a Split, key: &[u8]) -> Draw<'a> {
    let winner = split.select(key);
    let of = |(target, share): (&'a SplitTarget, f64)| candidate(target, share, key, winner);
    Draw {
        policy: &split.policy,
        salt: &split.salt,
        candidates: split.targets.iter().zip(split.shares()).map(of).collect(),
        next: winner.map(|target| Box::new(explain(&target.node, key))),
    }
}

fn candidate<'a>(
    target: &'a SplitTarget,
    share: f64,
    key: &[u8],
    winner: Option<&SplitTarget>,
) -> Candidate<'a> {
    let hash = select::hash(key, target.seed());
    let wins = winner.is_some_and(|winner| winner.name == target.name);
    Candidate {
        target: &target.name,
        weight: target.weight,
        share,
        hash: Hash(hash),
        score: Some(select::score(hash, target.weight)).filter(|score| score.is_finite()),
        standing: if wins { Standing::Wins } else { Standing::Loses },
    }
}

fn order<'a>(chain: &'a Chain, key: &[u8]) -> Order<'a> {
    let rung = |rung: &'a weir_table::Rung| Rung {
        retries: rung.retries,
        step: explain(&rung.node, key),
    };
    Order {
        policy: &chain.policy,
        rungs: chain.rungs.iter().map(rung).collect(),
    }
}

fn shown<S: Serializer>(model: &Model, serializer: S) -> Result<S::Ok, S::Error> {
    Shown::from(model).serialize(serializer)
}
