//! From a proven policy to its self-contained tree, and what must hold for the tree as a whole.

pub(crate) mod shape;
pub(crate) mod warn;

use weir_table::{Chain, Model, Node, Rung, Split, SplitTarget};

use crate::api::SecretKeyRef;
use crate::problem::{Cause, Problem};
use crate::resolve::Surroundings;
use crate::validate::policy::{Body, Destination, ModelName, ProvenChain, ProvenPolicy, ProvenSplit};

/// What is known of the policies that others name.
pub(crate) trait Neighbours {
    /// The tree that policy `name` is served by.
    fn tree(&self, name: &str) -> Option<&Node>;
    /// Whether there is a policy of that name at all.
    fn exists(&self, name: &str) -> bool;
}

/// A tree with what is wrong below it and does not keep it from being served.
#[derive(Debug)]
pub(crate) struct Built {
    pub root: Node,
    pub unready: Vec<Problem>,
}

/// The tree of policy `name`, or all that its references lack.
pub(crate) fn build(
    name: &str,
    proven: &ProvenPolicy,
    surroundings: &Surroundings<'_>,
    neighbours: &impl Neighbours,
) -> Result<Built, Vec<Problem>> {
    let mut builder = Builder {
        surroundings,
        neighbours,
        problems: Vec::new(),
        unready: Vec::new(),
    };
    let root = match &proven.body {
        Body::Split(split) => builder.split(name, split),
        Body::Chain(chain) => builder.chain(name, chain),
    };
    if builder.problems.is_empty() {
        Ok(Built {
            root,
            unready: builder.unready,
        })
    } else {
        Err(builder.problems)
    }
}

struct Builder<'b, 'a, N> {
    surroundings: &'b Surroundings<'a>,
    neighbours: &'b N,
    problems: Vec<Problem>,
    unready: Vec<Problem>,
}

impl<N: Neighbours> Builder<'_, '_, N> {
    fn split(&mut self, name: &str, split: &ProvenSplit) -> Node {
        let ProvenSplit {
            salt,
            key_from,
            targets,
        } = split;
        let salt = salt
            .clone()
            .unwrap_or_else(|| format!("{}/{name}", self.surroundings.namespace));
        let targets = targets.iter().enumerate().filter_map(|(at, target)| {
            let node = self.node(&format!("spec.targets[{at}]"), &target.to)?;
            Some(SplitTarget::new(target.name.clone(), target.weight, node))
        });
        let targets = targets.collect();
        Node::from(Split::new(name.to_owned(), salt, key_from.clone(), targets))
    }

    fn chain(&mut self, name: &str, chain: &ProvenChain) -> Node {
        let ProvenChain {
            on,
            backoff,
            deadline_ms,
            rungs,
        } = chain;
        let rungs = rungs.iter().enumerate().filter_map(|(at, rung)| {
            let node = self.node(&format!("spec.targets[{at}]"), &rung.to)?;
            Some(Rung {
                retries: rung.retries,
                timeouts: rung.timeouts,
                node,
            })
        });
        let rungs = rungs.collect();
        let (on, backoff, deadline_ms) = (on.clone(), *backoff, *deadline_ms);
        Node::from(Chain {
            policy: name.to_owned(),
            on,
            backoff,
            deadline_ms,
            rungs,
        })
    }

    fn node(&mut self, path: &str, to: &Destination) -> Option<Node> {
        match to {
            Destination::Model(model, key) => self.model(path, model, key.as_ref()).map(Node::from),
            Destination::Policy(name) => self.policy(path, name),
        }
    }

    fn model(&mut self, path: &str, name: &ModelName, key: Option<&SecretKeyRef>) -> Option<Model> {
        match self.surroundings.leaf(path, name, key) {
            Ok(resolved) => {
                self.unready.extend(resolved.unready);
                Some(resolved.model)
            }
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn policy(&mut self, path: &str, name: &str) -> Option<Node> {
        let tree = self.neighbours.tree(name).cloned();
        if tree.is_none() {
            let namespace = self.surroundings.namespace;
            let (cause, message) = if self.neighbours.exists(name) {
                let message = format!(
                    "policy {name} is not accepted, and no earlier version of it was: see its status"
                );
                (Cause::PolicyNotAccepted, message)
            } else {
                (
                    Cause::UnknownPolicy,
                    format!("policy {name} does not exist in namespace {namespace}"),
                )
            };
            self.problems
                .push(Problem::new(format!("{path}.policy"), cause, message));
        }
        tree
    }
}
