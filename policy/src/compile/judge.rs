//! The policies of one namespace: who has which name, who is in order, and what serves in each one's name.

use std::collections::{BTreeMap, BTreeSet};

use weir_table::name::is_dns_label;
use weir_table::{Digest, ModelKind, Node, Policy, Table};

use crate::api::TargetShare;
use crate::graph::{self, References};
use crate::object::{ObjectKind, ObjectRef};
use crate::problem::{Cause, Problem, Warning};
use crate::resolve::Surroundings;
use crate::snapshot::{Namespace, Object};
use crate::tree::{self, Neighbours, shape, warn};
use crate::validate::policy::{self, ProvenPolicy};
use crate::verdict::{PolicyOutcome, Serving, Verdict};

/// Targets named in the one-line summary; the rest are counted.
const SUMMARY_TARGETS: usize = 8;

/// What became of one policy.
#[derive(Debug)]
pub(super) struct Record {
    pub object: ObjectRef,
    pub generation: i64,
    pub created: i64,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
    pub serves: Serves,
}

/// What serves in a policy's name.
#[derive(Debug)]
pub(super) enum Serves {
    Current(Policy),
    LastGood(Policy),
    Nothing,
}

impl Serves {
    pub(super) fn policy(&self) -> Option<&Policy> {
        match self {
            Self::Current(policy) | Self::LastGood(policy) => Some(policy),
            Self::Nothing => None,
        }
    }
}

/// A policy that wants a name.
struct Claim {
    object: ObjectRef,
    generation: i64,
    created: i64,
    proven: Result<ProvenPolicy, Vec<Problem>>,
}

impl Claim {
    fn new<S>(
        object: ObjectRef,
        source: &Object<S>,
        prove: impl Fn(&S) -> Result<ProvenPolicy, Vec<Problem>>,
    ) -> Self {
        let proven = source.decoded().and_then(prove);
        let proven = proven.and_then(|proven| named(&object.name).map(|()| proven));
        Self {
            object,
            generation: source.generation,
            created: source.created,
            proven,
        }
    }

    fn record(self, problems: Vec<Problem>, warnings: Vec<Warning>, serves: Serves) -> Record {
        let Self {
            object,
            generation,
            created,
            proven: _,
        } = self;
        Record {
            object,
            generation,
            created,
            problems,
            warnings,
            serves,
        }
    }
}

/// Refuses a name that no caller could use.
fn named(name: &str) -> Result<(), Vec<Problem>> {
    let message = format!(
        "must be a DNS label (1 to 63 lower-case letters, digits and inner hyphens), and is {name:?}"
    );
    if is_dns_label(name) {
        Ok(())
    } else {
        Err(vec![Problem::new("metadata.name", Cause::Invalid, message)])
    }
}

/// Judges every policy of a namespace.
pub(super) fn policies(
    objects: &Namespace,
    surroundings: &Surroundings<'_>,
    published: Option<&Table>,
) -> Vec<Record> {
    let (claims, losers) = claims(objects, surroundings.namespace, published);
    let names: Vec<String> = claims.keys().cloned().collect();
    let proven: BTreeMap<String, ProvenPolicy> = claims
        .iter()
        .filter_map(|(name, claim)| Some((name.clone(), claim.proven.clone().ok()?)))
        .collect();
    let references: References<'_> = proven
        .iter()
        .map(|(name, policy)| {
            (
                name.as_str(),
                policy.references().map(|(_, other)| other).collect(),
            )
        })
        .collect();
    let cyclic = cycles(&references);
    let mut judge = Judge {
        surroundings,
        published,
        records: BTreeMap::new(),
        names: names.iter().cloned().collect(),
    };
    let unproven = names
        .iter()
        .map(String::as_str)
        .filter(|name| !proven.contains_key(*name));
    let order = unproven.chain(graph::order(&references, &cyclic.keys().copied().collect()));
    let mut claims = claims;
    for name in order {
        if let Some(claim) = claims.remove(name) {
            judge.judge(name, claim, cyclic.get(name));
        }
    }
    judge.records.into_values().chain(losers).collect()
}

/// The members of circles, each with the way back to itself.
fn cycles<'a>(references: &References<'a>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let naming = references.iter().filter(|(_, wanted)| !wanted.is_empty());
    naming
        .filter_map(|(name, _)| Some((*name, graph::cycle(references, name)?)))
        .collect()
}

/// Who has each name, and who has lost one: the kind that is published keeps it, else the older, else the
/// LoadBalancingPolicy.
fn claims(
    objects: &Namespace,
    namespace: &str,
    published: Option<&Table>,
) -> (BTreeMap<String, Claim>, Vec<Record>) {
    let object = |kind, name: &String| ObjectRef {
        kind,
        namespace: Some(namespace.to_owned()),
        name: name.clone(),
    };
    let splits = objects.load_balancing.iter().map(|(name, source)| {
        Claim::new(
            object(ObjectKind::LoadBalancingPolicy, name),
            source,
            policy::load_balancing,
        )
    });
    let chains = objects
        .fallback
        .iter()
        .map(|(name, source)| Claim::new(object(ObjectKind::FallbackPolicy, name), source, policy::fallback));
    let mut winners: BTreeMap<String, Claim> = BTreeMap::new();
    let mut losers = Vec::new();
    for claim in splits.chain(chains) {
        let name = claim.object.name.clone();
        let Some(holder) = winners.remove(&name) else {
            winners.insert(name, claim);
            continue;
        };
        let (winner, loser) = if outranks(&claim, &holder, published) {
            (claim, holder)
        } else {
            (holder, claim)
        };
        losers.push(conflict(loser, &winner.object));
        winners.insert(name, winner);
    }
    (winners, losers)
}

/// Whether `claim`, a FallbackPolicy, has a better right to the name than `holder`, a LoadBalancingPolicy.
fn outranks(claim: &Claim, holder: &Claim, published: Option<&Table>) -> bool {
    let root = published
        .and_then(|table| table.policies.get(&claim.object.name))
        .map(|policy| &policy.root);
    match root {
        Some(root) => is_of_kind(root, claim.object.kind),
        None => claim.created < holder.created,
    }
}

fn is_of_kind(root: &Node, kind: ObjectKind) -> bool {
    matches!(
        (root, kind),
        (Node::Split(_), ObjectKind::LoadBalancingPolicy) | (Node::Chain(_), ObjectKind::FallbackPolicy)
    )
}

fn conflict(loser: Claim, winner: &ObjectRef) -> Record {
    let message =
        format!("{winner} has this name already: both kinds share one space of names; rename one of the two");
    let problem = Problem::new("metadata.name", Cause::Conflict, message);
    loser.record(vec![problem], Vec::new(), Serves::Nothing)
}

struct Judge<'j, 'a> {
    surroundings: &'j Surroundings<'a>,
    published: Option<&'j Table>,
    records: BTreeMap<String, Record>,
    names: BTreeSet<String>,
}

impl Neighbours for Judge<'_, '_> {
    fn tree(&self, name: &str) -> Option<&Node> {
        self.records.get(name)?.serves.policy().map(|policy| &policy.root)
    }

    fn exists(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

impl Judge<'_, '_> {
    fn judge(&mut self, name: &str, claim: Claim, cycle: Option<&Vec<&str>>) {
        let judged = match (&claim.proven, cycle) {
            (Err(problems), _) => Err(problems.clone()),
            (Ok(proven), Some(way)) => Err(vec![circle(proven, way)]),
            (Ok(proven), None) => self.build(name, proven),
        };
        let record = match judged {
            Ok(Good {
                policy,
                unready,
                warnings,
            }) => claim.record(unready, warnings, Serves::Current(policy)),
            Err(problems) => {
                let serves = self
                    .last_good(name, claim.object.kind)
                    .map_or(Serves::Nothing, Serves::LastGood);
                claim.record(problems, Vec::new(), serves)
            }
        };
        self.records.insert(name.to_owned(), record);
    }

    fn build(&self, name: &str, proven: &ProvenPolicy) -> Result<Good, Vec<Problem>> {
        let built = tree::build(name, proven, self.surroundings, self)?;
        let leaves = shape::leaves(&built.root, self.surroundings);
        let problems = shape::problems(&built.root, proven.kind, &leaves);
        if !problems.is_empty() {
            return Err(problems);
        }
        let kind = shape::kind(proven.kind, &leaves);
        let warnings = warn::warnings(&built.root, &leaves);
        let policy = Policy {
            kind,
            expose_to: proven.expose_to.clone(),
            root: built.root,
        };
        Ok(Good {
            policy,
            unready: built.unready,
            warnings,
        })
    }

    fn last_good(&self, name: &str, kind: ObjectKind) -> Option<Policy> {
        let policy = self.published?.policies.get(name)?;
        is_of_kind(&policy.root, kind).then(|| policy.clone())
    }
}

/// A policy that is in order.
struct Good {
    policy: Policy,
    unready: Vec<Problem>,
    warnings: Vec<Warning>,
}

fn circle(proven: &ProvenPolicy, way: &[&str]) -> Problem {
    let next = way.get(1).copied().unwrap_or_default();
    let at = proven
        .references()
        .find(|(_, name)| *name == next)
        .map_or(0, |(at, _)| at);
    let message = format!("policies refer to each other in a circle: {}", way.join(" → "));
    Problem::new(format!("spec.targets[{at}].policy"), Cause::Cycle, message)
}

impl Record {
    pub(super) fn into_verdict(self) -> Verdict {
        let Self {
            object,
            generation,
            created: _,
            problems,
            warnings,
            serves,
        } = self;
        let served = serves.policy();
        let kind = served.map_or(ModelKind::Unknown, |policy| policy.kind);
        let root = served.map(|policy| &policy.root);
        let policy = PolicyOutcome {
            kind,
            targets: root.map(summary).unwrap_or_default(),
            distribution: root.map(distribution).unwrap_or_default(),
            serving: serving(&serves),
        };
        Verdict {
            object,
            generation,
            problems,
            warnings,
            policy: Some(policy),
            access: None,
        }
    }
}

fn serving(serves: &Serves) -> Serving {
    match serves {
        Serves::Current(policy) => Serving::Current(Digest::of_policy(policy)),
        Serves::LastGood(policy) => Serving::LastGood(Digest::of_policy(policy)),
        Serves::Nothing => Serving::Nothing,
    }
}

/// The share of each target in percent, to a hundredth; nothing for a chain, whose order says all.
fn distribution(root: &Node) -> Vec<TargetShare> {
    let Node::Split(split) = root else {
        return Vec::new();
    };
    let percent = |share: f64| (share * 10_000.0).round() / 100.0;
    let shares = split.shares().into_iter().map(percent);
    split
        .targets
        .iter()
        .zip(shares)
        .map(|(target, percent)| TargetShare {
            target: target.name.clone(),
            percent,
        })
        .collect()
}

/// The targets in one line: `openai/o1 50%, openai/o3-mini 50%`, or `openai/gpt-5.2 → anthropic/claude`.
fn summary(root: &Node) -> String {
    let (names, between): (Vec<String>, &str) = match root {
        Node::Chain(chain) => (chain.rungs.iter().map(|rung| name(&rung.node)).collect(), " → "),
        _ => (
            distribution(root)
                .iter()
                .map(|share| format!("{} {}%", share.target, share.percent))
                .collect(),
            ", ",
        ),
    };
    let more = names.len().saturating_sub(SUMMARY_TARGETS);
    let shown = names[..names.len() - more].join(between);
    if more == 0 {
        shown
    } else {
        format!("{shown}{between}{more} more")
    }
}

fn name(node: &Node) -> String {
    match node {
        Node::Model(model) => model.model.clone(),
        _ => format!("policy/{}", node.policy_name().unwrap_or_default()),
    }
}
