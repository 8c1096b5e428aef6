//! The invariants of every table. The operator runs this before it publishes and the router after it
//! has loaded, so that neither has to trust the other; [`Checked`] is the proof that it was run.
//!
//! Total and pure: every violation of a table is found, none stops the search for the next.

use std::collections::BTreeSet;
use std::fmt;

use crate::access::MAX_KEYS;
use crate::model::{Chain, Model, Node, Policy, Provider, ProviderEntry, Scope, Split, SplitTarget, Table};
use crate::name::{is_dns_label, is_provider_name};
use crate::price::Prices;
use crate::share::share;

/// The most targets of one policy.
pub const MAX_TARGETS: usize = 64;

/// The most policies on a way from the root to a model, both ends counted.
pub const MAX_DEPTH: usize = 8;

/// The most models below one policy.
pub const MAX_LEAVES: usize = 256;

/// The most retries of one target.
pub const MAX_RETRIES: u8 = 10;

/// The least weight other than 0.
pub const MIN_WEIGHT: f64 = 1e-6;

/// The greatest weight.
pub const MAX_WEIGHT: f64 = 1e9;

/// Whether `weight` is one that a target may have.
pub fn is_weight(weight: f64) -> bool {
    weight == 0.0 || (MIN_WEIGHT..=MAX_WEIGHT).contains(&weight)
}

/// A table that holds every invariant.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked(Table);

impl Checked {
    /// The table.
    pub fn table(&self) -> &Table {
        &self.0
    }

    /// The same table, in less room: what is equal in it is held once, and what is as it was in the table `before`
    /// is held together with that.
    #[must_use]
    pub fn shared(mut self, before: Option<&Self>) -> Self {
        share(&mut self.0, before.map(Self::table));
        self
    }

    /// The table, to be taken apart.
    pub fn into_inner(self) -> Table {
        self.0
    }
}

/// One broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Where in the table, such as `policies.x.targets[0]`.
    pub path: String,
    /// What must hold there.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Proves `table`, or says everything that is wrong with it.
pub fn check(table: Table) -> Result<Checked, Vec<Violation>> {
    let mut findings = Findings::default();
    findings.scope(&table.scope);
    for (name, entry) in &table.providers {
        findings.provider(name, entry);
    }
    for (name, policy) in &table.policies {
        findings.policy(&table, name, policy);
    }
    findings.access_keys(&table);
    if findings.0.is_empty() {
        Ok(Checked(table))
    } else {
        Err(findings.0)
    }
}

#[derive(Default)]
struct Findings(Vec<Violation>);

impl Findings {
    /// Notes `message` about `path` unless `holds`.
    fn require(&mut self, holds: bool, path: &str, message: &str) {
        if !holds {
            self.0.push(Violation {
                path: path.to_owned(),
                message: message.to_owned(),
            });
        }
    }

    fn scope(&mut self, scope: &Scope) {
        if let Scope::Namespace(namespace) = scope {
            self.require(
                is_dns_label(namespace),
                "scope",
                "a namespace must be a DNS label",
            );
        }
    }

    fn access_keys(&mut self, table: &Table) {
        let is_empty = table.access_keys.is_empty();
        let holds = is_empty || matches!(table.scope, Scope::Namespace(_));
        self.require(holds, "accessKeys", "a caller must belong to a namespace");
        let mut known = BTreeSet::new();
        for (name, caller) in &table.access_keys {
            let path = format!("accessKeys.{name}");
            let few = caller.keys.len() <= MAX_KEYS;
            self.require(few, &path, "a caller must have at most 8 keys");
            let fresh = caller.keys.keys().all(|key| known.insert(key));
            self.require(fresh, &path, "a key must belong to one caller only");
        }
    }

    fn provider(&mut self, name: &str, entry: &ProviderEntry) {
        let path = format!("providers.{name}");
        self.require(
            is_provider_name(name),
            &path,
            "a provider's name must be a DNS label other than `policy`",
        );
        if let ProviderEntry::Live(provider) = entry {
            self.region(&path, provider);
            for (model, known) in &provider.models {
                self.prices(&format!("{path}.models.{model}"), known.prices);
            }
        }
    }

    fn prices(&mut self, path: &str, prices: Prices) {
        self.require(
            prices.are_sound(),
            path,
            "a price must be a finite number, 0 or more",
        );
    }

    fn region(&mut self, path: &str, provider: &Provider) {
        if let Some(region) = &provider.region {
            self.require(is_dns_label(region), path, "a region must be a DNS label");
        }
    }

    fn policy(&mut self, table: &Table, name: &str, policy: &Policy) {
        let path = format!("policies.{name}");
        self.require(is_dns_label(name), &path, "a policy's name must be a DNS label");
        self.require(
            policy.root.policy_name() == Some(name),
            &path,
            "a policy's root must bear its name",
        );
        self.require(
            (1..=MAX_LEAVES).contains(&policy.root.models().len()),
            &path,
            "a policy must reach 1 to 256 models",
        );
        self.node(table, &path, &policy.root, &mut Vec::new(), 0);
    }

    fn node<'a>(
        &mut self,
        table: &Table,
        path: &str,
        node: &'a Node,
        salts: &mut Vec<&'a str>,
        depth: usize,
    ) {
        match node {
            Node::Model(model) => self.model(table, path, model),
            Node::Split(split) => {
                self.depth(path, depth + 1);
                self.split(path, split, salts);
                salts.push(&split.salt);
                self.below(table, path, node, salts, depth + 1);
                salts.pop();
            }
            Node::Chain(chain) => {
                self.depth(path, depth + 1);
                self.chain(path, chain);
                self.below(table, path, node, salts, depth + 1);
            }
        }
    }

    fn below<'a>(
        &mut self,
        table: &Table,
        path: &str,
        node: &'a Node,
        salts: &mut Vec<&'a str>,
        depth: usize,
    ) {
        if depth > MAX_DEPTH {
            return;
        }
        for (at, child) in node.children().enumerate() {
            self.node(table, &format!("{path}.targets[{at}]"), child, salts, depth);
        }
    }

    fn depth(&mut self, path: &str, depth: usize) {
        self.require(depth <= MAX_DEPTH, path, "policies must not nest deeper than 8");
    }

    fn split(&mut self, path: &str, split: &Split, salts: &[&str]) {
        self.targets(path, split.targets.len());
        let names: BTreeSet<&str> = split.targets.iter().map(|target| target.name.as_str()).collect();
        self.require(
            names.len() == split.targets.len(),
            path,
            "the names of targets must be unique",
        );
        let positive = split.targets.iter().any(|target| target.weight > 0.0);
        self.require(positive, path, "at least one weight must be above 0");
        let reused = salts.contains(&split.salt.as_str());
        self.require(
            !reused,
            path,
            "two levels of one tree must not have the same salt",
        );
        for (at, target) in split.targets.iter().enumerate() {
            self.weight(&format!("{path}.targets[{at}]"), target);
        }
    }

    fn weight(&mut self, path: &str, target: &SplitTarget) {
        self.require(
            is_weight(target.weight),
            path,
            "a weight must be 0 or from 1e-6 to 1e9",
        );
    }

    fn chain(&mut self, path: &str, chain: &Chain) {
        self.targets(path, chain.rungs.len());
        for (at, rung) in chain.rungs.iter().enumerate() {
            let path = format!("{path}.targets[{at}]");
            self.require(rung.retries <= MAX_RETRIES, &path, "retries must be 0 to 10");
            let once = rung.retries == 0 || rung.node.policy_name().is_none();
            self.require(
                once,
                &path,
                "a policy inside a chain runs once: retries must be 0",
            );
        }
    }

    fn targets(&mut self, path: &str, count: usize) {
        self.require(
            (1..=MAX_TARGETS).contains(&count),
            path,
            "a policy must have 1 to 64 targets",
        );
    }

    fn model(&mut self, table: &Table, path: &str, model: &Model) {
        self.require(
            !model.upstream.is_empty(),
            path,
            "a model must have an upstream name",
        );
        let known = table.providers.contains_key(&model.provider);
        self.require(known, path, "a model's provider must be in the table");
        let region = model.region.as_deref();
        self.require(
            region.is_none_or(is_dns_label),
            path,
            "a region must be a DNS label",
        );
        self.prices(path, model.prices);
    }
}

#[cfg(test)]
mod tests;
