//! Where a key arrives if nothing fails: at every split the target that the table's own selection gives, at
//! every chain its first rung. Pure.

use serde::{Serialize, Serializer};
use weir_table::{Model, Node};

/// Where a key arrives.
#[derive(Debug, Serialize)]
pub(crate) struct Arrival<'t, 'k> {
    /// The key.
    pub(crate) key: &'k str,
    /// The policies on the way, from the one that was named.
    #[serde(serialize_with = "joined")]
    path: Vec<&'t str>,
    /// The target of the named policy that the way begins with.
    pub(crate) target: &'t str,
    /// The model at its end.
    #[serde(flatten, serialize_with = "model")]
    pub(crate) model: &'t Model,
}

impl Arrival<'_, '_> {
    /// The policies on the way, as in `x-weir-path`.
    pub(crate) fn path(&self) -> String {
        self.path.join("/")
    }
}

/// Where `key` arrives in the tree of `root`; `None` only if a split there gives no target.
pub(crate) fn arrive<'t, 'k>(root: &'t Node, key: &'k str) -> Option<Arrival<'t, 'k>> {
    let (mut node, mut path, mut first) = (root, Vec::new(), None);
    loop {
        path.extend(node.policy_name());
        let (target, next) = match node {
            Node::Split(split) => split
                .select(key.as_bytes())
                .map(|target| (target.name.as_str(), &target.node))?,
            Node::Chain(chain) => chain.rungs.first().map(|rung| (label(&rung.node), &rung.node))?,
            Node::Model(model) => {
                let target = first.unwrap_or(model.model.as_str());
                return Some(Arrival {
                    key,
                    path,
                    target,
                    model,
                });
            }
        };
        first.get_or_insert(target);
        node = next;
    }
}

/// What a chain's target is called: the model as written, or the policy's name.
pub(super) fn label(node: &Node) -> &str {
    match node {
        Node::Model(model) => &model.model,
        Node::Split(split) => &split.policy,
        Node::Chain(chain) => &chain.policy,
    }
}

fn joined<S: Serializer>(path: &[&str], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.join("/"))
}

/// What of a model is shown. Its credential is nobody's business here.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    model: &'a str,
    provider: &'a str,
    upstream: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
}

impl<'a> From<&'a Model> for Shown<'a> {
    fn from(model: &'a Model) -> Self {
        Self {
            model: &model.model,
            provider: &model.provider,
            upstream: &model.upstream,
            region: model.region.as_deref(),
        }
    }
}

fn model<S: Serializer>(model: &Model, serializer: S) -> Result<S::Ok, S::Error> {
    Shown::from(model).serialize(serializer)
}
