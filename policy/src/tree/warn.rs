//! What is odd about a policy that is served all the same.

use std::collections::BTreeSet;

use weir_table::{Chain, FailureClass, Model, ModelKind, Node, Rung};

use super::shape::{Leaf, list};
use crate::api::ModelFeature;
use crate::problem::Warning;

/// How long a stream may take to its first content where nobody has said, in milliseconds.
const FIRST_TOKEN_MS: u64 = 10_000;

/// The same for a model that reasons.
const FIRST_TOKEN_REASONING_MS: u64 = 120_000;

/// How long a request may take where nobody has said, in milliseconds.
const DEADLINE_MS: u64 = 600_000;

/// Everything worth a word about a tree.
pub(crate) fn warnings(root: &Node, leaves: &[Leaf<'_>]) -> Vec<Warning> {
    let chain = match root {
        Node::Chain(chain) => chain_warnings(chain),
        _ => Vec::new(),
    };
    let of_models = [unknown_kinds(leaves), context_windows(leaves), features(leaves)];
    of_models
        .into_iter()
        .flatten()
        .map(|message| warning("spec.targets", message))
        .chain(chain)
        .collect()
}

fn warning(path: impl Into<String>, message: impl Into<String>) -> Warning {
    Warning {
        path: path.into(),
        message: message.into(),
    }
}

fn unknown_kinds(leaves: &[Leaf<'_>]) -> Option<String> {
    let mut unknown = leaves
        .iter()
        .filter(|leaf| leaf.facts.kind == ModelKind::Unknown)
        .peekable();
    unknown.peek()?;
    Some(format!(
        "whether these are chat or embedding models is not known: {}; say so in the provider's `models`",
        list(unknown)
    ))
}

fn context_windows(leaves: &[Leaf<'_>]) -> Option<String> {
    let known = || {
        leaves
            .iter()
            .filter_map(|leaf| leaf.facts.context_window.map(|tokens| (tokens, leaf)))
    };
    let (least, small) = known().min_by_key(|(tokens, _)| *tokens)?;
    let (most, large) = known().max_by_key(|(tokens, _)| *tokens)?;
    let message = || {
        let (small, large) = (&small.model.model, &large.model.model);
        format!("context windows differ: {small} takes {least} tokens, {large} {most}")
    };
    (least != most).then(message)
}

fn features(leaves: &[Leaf<'_>]) -> Option<String> {
    let compared = [
        (ModelFeature::Tools, "tools"),
        (ModelFeature::Images, "images"),
        (ModelFeature::StructuredOutput, "structured output"),
    ];
    let differences: Vec<String> = compared
        .into_iter()
        .filter_map(|(feature, name)| feature_difference(leaves, feature, name))
        .collect();
    (!differences.is_empty()).then(|| {
        format!(
            "targets can't all take the same requests: {}",
            differences.join("; ")
        )
    })
}

fn feature_difference(leaves: &[Leaf<'_>], feature: ModelFeature, name: &str) -> Option<String> {
    let known = leaves
        .iter()
        .filter_map(|leaf| leaf.facts.features.as_ref().map(|features| (features, leaf)));
    let (with, without): (Vec<_>, Vec<_>) = known.partition(|(features, _)| features.contains(&feature));
    if with.is_empty() || without.is_empty() {
        return None;
    }
    let names: BTreeSet<&str> = without
        .iter()
        .map(|(_, leaf)| leaf.model.model.as_str())
        .collect();
    Some(format!(
        "no {name}: {}",
        names.into_iter().collect::<Vec<_>>().join(", ")
    ))
}

fn chain_warnings(chain: &Chain) -> Vec<Warning> {
    let rungs = chain.rungs.iter().enumerate();
    let unreachable = rungs.filter_map(|(at, rung)| {
        let why = unreachable(chain, &chain.rungs[..at], rung)?;
        Some(warning(format!("spec.targets[{at}]"), why))
    });
    unreachable.chain(worst_case(chain)).collect()
}

/// Why a rung is never reached, or never with another outcome than an earlier one.
fn unreachable(chain: &Chain, above: &[Rung], rung: &Rung) -> Option<String> {
    let Node::Model(model) = &rung.node else {
        return None;
    };
    let earlier = above.iter().position(|above| same_endpoint(&above.node, model));
    if let Some(earlier) = earlier {
        return Some(format!(
            "asks what spec.targets[{earlier}] has asked; more `retries` there do the same"
        ));
    }
    let only_context = chain
        .on
        .as_ref()
        .is_some_and(|on| *on == BTreeSet::from([FailureClass::ContextLengthExceeded]));
    let largest = above.iter().filter_map(|rung| window(&rung.node)).max();
    let no_larger = largest
        .zip(model.context_window)
        .is_some_and(|(largest, own)| own <= largest);
    let message =
        "is never reached: `on` names only ContextLengthExceeded, and its context window is no larger";
    (only_context && no_larger).then(|| message.to_owned())
}

fn same_endpoint(node: &Node, model: &Model) -> bool {
    matches!(node, Node::Model(other) if other.model == model.model && other.credential == model.credential)
}

fn window(node: &Node) -> Option<u64> {
    match node {
        Node::Model(model) => model.context_window,
        _ => None,
    }
}

/// Whether the chain could want more time than it has, every stream silent to its limit.
fn worst_case(chain: &Chain) -> Option<Warning> {
    let deadline = chain.deadline_ms.unwrap_or(DEADLINE_MS);
    let worst: u64 = chain.rungs.iter().map(longest).sum();
    let message = || {
        let (worst, deadline) = (worst / 1_000, deadline / 1_000);
        format!(
            "targets that stay silent could take {worst} s, and the deadline is {deadline} s: the last may not be tried"
        )
    };
    (worst > deadline).then(|| warning("spec.deadlineSeconds", message()))
}

/// How long a silent rung holds a request up. It is not asked twice, so its retries do not count.
fn longest(rung: &Rung) -> u64 {
    let models = rung.node.models();
    let longest = models
        .iter()
        .map(|model| match (rung.timeouts.first_token_ms, model.reasoning) {
            (Some(given), _) => given,
            (None, true) => FIRST_TOKEN_REASONING_MS,
            (None, false) => FIRST_TOKEN_MS,
        });
    match &rung.node {
        Node::Chain(chain) => chain.rungs.iter().map(self::longest).sum(),
        _ => longest.max().unwrap_or_default(),
    }
}
