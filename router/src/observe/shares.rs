//! What tables configure: the share of a policy's requests that each of its targets is to be asked first. Pure.

use std::collections::BTreeMap;

use weir_table::Node;

use super::series::TargetName;
use crate::state::{Below, Leaf, Place, Snapshot, Tree};

/// The share of every target of every policy that is served. A target that is reached twice on one way has both
/// shares.
pub(super) fn configured(snapshot: &Snapshot) -> BTreeMap<TargetName, f64> {
    let mut shares = BTreeMap::new();
    let served = snapshot
        .reports
        .iter()
        .filter_map(|report| report.served.as_deref());
    for tree in served.flat_map(|served| served.policies.values()) {
        of_tree(tree, &mut shares);
    }
    shares
}

fn of_tree(tree: &Tree, shares: &mut BTreeMap<TargetName, f64>) {
    let mut left = vec![(tree.root(), 1.0)];
    while let Some((place, share)) = left.pop() {
        match place.below {
            Below::Leaf(leaf) => *shares.entry(name(leaf)).or_default() += share,
            Below::Nodes(_) => left.extend(children(place, share)),
        }
    }
}

/// The children of a place that has `share`. Of a chain the first rung has all of it; the others are for when
/// that fails.
fn children(place: Place<'_>, share: f64) -> Vec<(Place<'_>, f64)> {
    let parts = match place.node {
        Node::Split(split) => split.shares(),
        Node::Chain(_) | Node::Model(_) => vec![1.0],
    };
    let parts = parts.into_iter().chain(std::iter::repeat(0.0));
    let children = place.node.children().enumerate().zip(parts);
    children
        .filter_map(|((at, node), part)| Some((place.child(at, node)?, share * part)))
        .collect()
}

/// What `leaf` is called in labels.
pub(super) fn name(leaf: &Leaf) -> TargetName {
    TargetName {
        namespace: leaf.namespace.clone(),
        path: leaf.way.path.clone(),
        target: leaf.label.clone(),
    }
}
