//! What must hold for a tree as a whole: its depth, its size, its salts, and that all of its models are of
//! one kind and, if they make vectors, of one length.

use std::collections::BTreeMap;

use weir_table::check::{MAX_DEPTH, MAX_LEAVES};
use weir_table::{Model, ModelKind, Node};

use crate::problem::{Cause, Problem};
use crate::resolve::{Facts, Surroundings};

/// A model of a tree: how it is reached, and what is known of it.
#[derive(Debug)]
pub(crate) struct Leaf<'t> {
    /// `spec.targets[0]`, then the policies on the way.
    pub route: String,
    pub model: &'t Model,
    pub facts: Facts,
}

/// Every model of a tree, from left to right.
pub(crate) fn leaves<'t>(root: &'t Node, surroundings: &Surroundings<'_>) -> Vec<Leaf<'t>> {
    let mut found = Vec::new();
    for (at, child) in root.children().enumerate() {
        collect(child, &format!("spec.targets[{at}]"), surroundings, &mut found);
    }
    found
}

fn collect<'t>(node: &'t Node, route: &str, surroundings: &Surroundings<'_>, found: &mut Vec<Leaf<'t>>) {
    if let Node::Model(model) = node {
        let facts = surroundings.facts(&model.provider, &model.model);
        found.push(Leaf {
            route: route.to_owned(),
            model,
            facts,
        });
        return;
    }
    let route = format!("{route}, by policy {}", node.policy_name().unwrap_or_default());
    for child in node.children() {
        collect(child, &route, surroundings, found);
    }
}

/// All that is wrong with the tree of a policy that says it is for `said`.
pub(crate) fn problems(root: &Node, said: Option<ModelKind>, leaves: &[Leaf<'_>]) -> Vec<Problem> {
    [
        too_deep(root),
        too_many(leaves),
        salt_reused(root),
        mixed_kinds(said, leaves),
        mixed_dimensions(leaves),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What the policy is for: what it says, else what its models are.
pub(crate) fn kind(said: Option<ModelKind>, leaves: &[Leaf<'_>]) -> ModelKind {
    let known = leaves
        .iter()
        .map(|leaf| leaf.facts.kind)
        .find(|kind| *kind != ModelKind::Unknown);
    said.or(known).unwrap_or(ModelKind::Unknown)
}

fn targets(cause: Cause, message: String) -> Problem {
    Problem::new("spec.targets", cause, message)
}

fn too_deep(root: &Node) -> Option<Problem> {
    let way = deepest(root);
    if way.len() <= MAX_DEPTH {
        return None;
    }
    let message = format!(
        "policies nest {} deep ({}); the limit is {MAX_DEPTH}",
        way.len(),
        way.join(" → ")
    );
    Some(targets(Cause::TooDeep, message))
}

/// The names on the longest way down.
fn deepest(node: &Node) -> Vec<&str> {
    let below = node
        .children()
        .map(deepest)
        .max_by_key(Vec::len)
        .unwrap_or_default();
    node.policy_name().into_iter().chain(below).collect()
}

fn too_many(leaves: &[Leaf<'_>]) -> Option<Problem> {
    let count = leaves.len();
    let message = format!("the policy reaches {count} models; the limit is {MAX_LEAVES}");
    (count > MAX_LEAVES).then(|| targets(Cause::TooManyModels, message))
}

fn salt_reused(root: &Node) -> Option<Problem> {
    let (upper, lower, salt) = reused(root, &mut Vec::new())?;
    let message = format!(
        "policies {upper} and {lower} draw with the same salt {salt:?}, one below the other: every request would \
         fall the same way in both; give one of them another `salt`"
    );
    Some(targets(Cause::SaltReused, message))
}

fn reused<'t>(node: &'t Node, above: &mut Vec<(&'t str, &'t str)>) -> Option<(String, String, String)> {
    let Node::Split(split) = node else {
        return node.children().find_map(|child| reused(child, above));
    };
    if let Some((upper, salt)) = above.iter().find(|(_, salt)| *salt == split.salt) {
        return Some(((*upper).to_owned(), split.policy.clone(), (*salt).to_owned()));
    }
    above.push((&split.policy, &split.salt));
    let found = node.children().find_map(|child| reused(child, above));
    above.pop();
    found
}

fn mixed_kinds(said: Option<ModelKind>, leaves: &[Leaf<'_>]) -> Option<Problem> {
    let of = |kind| leaves.iter().filter(move |leaf| leaf.facts.kind == kind);
    let (chat, embedding) = (of(ModelKind::Chat).count(), of(ModelKind::Embedding).count());
    let contradicted = match said {
        Some(ModelKind::Chat) => embedding > 0,
        Some(ModelKind::Embedding) => chat > 0,
        _ => chat > 0 && embedding > 0,
    };
    if !contradicted {
        return None;
    }
    let said = said
        .map(|kind| format!("`spec.kind` says {kind:?}; "))
        .unwrap_or_default();
    let message = format!(
        "chat and embedding models must not mix below one policy: {said}chat: {}; embedding: {}",
        list(of(ModelKind::Chat)),
        list(of(ModelKind::Embedding)),
    );
    Some(targets(Cause::MixedKinds, message))
}

fn mixed_dimensions(leaves: &[Leaf<'_>]) -> Option<Problem> {
    let mut by_length: BTreeMap<u32, &Leaf<'_>> = BTreeMap::new();
    for leaf in leaves
        .iter()
        .filter(|leaf| leaf.facts.kind == ModelKind::Embedding)
    {
        if let Some(length) = leaf.facts.dimensions {
            by_length.entry(length).or_insert(leaf);
        }
    }
    if by_length.len() < 2 {
        return None;
    }
    let each = by_length
        .iter()
        .map(|(length, leaf)| format!("{length}: {} ({})", leaf.model.model, leaf.route));
    let message = format!(
        "embedding models below one policy must make vectors of one length, else what one stores another can't \
         find: {}",
        each.collect::<Vec<_>>().join("; ")
    );
    Some(targets(Cause::MixedDimensions, message))
}

/// Models and how they are reached, in one line.
pub(crate) fn list<'l, 't: 'l>(leaves: impl Iterator<Item = &'l Leaf<'t>>) -> String {
    let named: Vec<String> = leaves
        .map(|leaf| format!("{} ({})", leaf.model.model, leaf.route))
        .collect();
    if named.is_empty() {
        "none".to_owned()
    } else {
        named.join(", ")
    }
}
