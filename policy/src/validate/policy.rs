//! The two kinds of policy, each alone.

use std::collections::BTreeSet;

use weir_table::check::{MAX_RETRIES, MAX_TARGETS, is_weight};
use weir_table::name::is_dns_label;
use weir_table::{Backoff, FailureClass, KeySource, ModelKind, Timeouts};

use super::{Findings, milliseconds};
use crate::api::{
    BackoffSpec, CredentialSource, FallbackPolicySpec, FallbackTarget, KeyFrom, LoadBalancingPolicySpec,
    PolicyKind, SecretKeyRef, WeightedTarget,
};
use crate::problem::{Cause, Problem};

/// Retries of a model where none are given.
const DEFAULT_RETRIES: u8 = 2;

/// A policy that is in order, as far as it alone can show.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProvenPolicy {
    pub kind: Option<ModelKind>,
    pub expose_to: BTreeSet<String>,
    pub body: Body,
}

/// What the policy does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Split(ProvenSplit),
    Chain(ProvenChain),
}

/// A load-balancing policy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProvenSplit {
    pub salt: Option<String>,
    pub key_from: Vec<KeySource>,
    pub targets: Vec<ProvenTarget>,
}

/// One of its targets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProvenTarget {
    pub name: String,
    pub weight: f64,
    pub to: Destination,
}

/// A fallback policy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProvenChain {
    pub on: Option<BTreeSet<FailureClass>>,
    pub backoff: Backoff,
    pub deadline_ms: Option<u64>,
    pub rungs: Vec<ProvenRung>,
}

/// One of its targets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProvenRung {
    pub retries: u8,
    pub timeouts: Timeouts,
    pub to: Destination,
}

/// Where a target leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    Model(ModelName, Option<SecretKeyRef>),
    Policy(String),
}

/// A model as written, and the provider in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelName {
    pub text: String,
    pub provider: String,
    pub rest: String,
}

impl ProvenPolicy {
    /// Where each target leads, in order.
    pub(crate) fn destinations(&self) -> Vec<&Destination> {
        match &self.body {
            Body::Split(split) => split.targets.iter().map(|target| &target.to).collect(),
            Body::Chain(chain) => chain.rungs.iter().map(|rung| &rung.to).collect(),
        }
    }

    /// The policies that it names, and the place of each.
    pub(crate) fn references(&self) -> impl Iterator<Item = (usize, &str)> {
        self.destinations()
            .into_iter()
            .enumerate()
            .filter_map(|(at, destination)| match destination {
                Destination::Policy(name) => Some((at, name.as_str())),
                Destination::Model(..) => None,
            })
    }
}

/// Proves a `LoadBalancingPolicy`.
pub(crate) fn load_balancing(spec: &LoadBalancingPolicySpec) -> Result<ProvenPolicy, Vec<Problem>> {
    let LoadBalancingPolicySpec {
        targets,
        salt,
        key_from,
        kind,
        expose_to,
    } = spec;
    let mut findings = Findings::default();
    findings.count(targets.len());
    findings.namespaces(expose_to, "spec.exposeTo");
    if let Some(salt) = salt {
        findings.text(salt, "spec.salt");
    }
    let key_from = key_from
        .iter()
        .enumerate()
        .filter_map(|(at, source)| findings.key_source(at, source))
        .collect();
    let proven: Vec<_> = targets
        .iter()
        .enumerate()
        .filter_map(|(at, target)| findings.weighted(at, target))
        .collect();
    findings.weights(targets);
    findings.unique_names(&proven);
    let body = Body::Split(ProvenSplit {
        salt: salt.clone(),
        key_from,
        targets: proven,
    });
    findings.prove(Some(policy(*kind, expose_to, body)))
}

/// Proves a `FallbackPolicy`.
pub(crate) fn fallback(spec: &FallbackPolicySpec) -> Result<ProvenPolicy, Vec<Problem>> {
    let FallbackPolicySpec {
        targets,
        on,
        backoff,
        deadline_seconds,
        kind,
        expose_to,
    } = spec;
    let mut findings = Findings::default();
    findings.count(targets.len());
    findings.namespaces(expose_to, "spec.exposeTo");
    findings.within(*deadline_seconds, 1..=3600, "spec.deadlineSeconds");
    let on: Option<BTreeSet<FailureClass>> = on
        .as_ref()
        .map(|on| on.iter().map(|class| (*class).into()).collect());
    findings.require(
        on.as_ref().is_none_or(|on| !on.is_empty()),
        "spec.on",
        "must name at least one failure class",
    );
    let backoff = findings.backoff(backoff.as_ref());
    let rungs = targets
        .iter()
        .enumerate()
        .filter_map(|(at, target)| findings.rung(at, target))
        .collect();
    let chain = ProvenChain {
        on,
        backoff,
        deadline_ms: milliseconds(*deadline_seconds),
        rungs,
    };
    findings.prove(Some(policy(*kind, expose_to, Body::Chain(chain))))
}

fn policy(kind: Option<PolicyKind>, expose_to: &[String], body: Body) -> ProvenPolicy {
    let kind = kind.map(|kind| match kind {
        PolicyKind::Chat => ModelKind::Chat,
        PolicyKind::Embedding => ModelKind::Embedding,
    });
    ProvenPolicy {
        kind,
        expose_to: expose_to.iter().cloned().collect(),
        body,
    }
}

impl Findings {
    fn count(&mut self, targets: usize) {
        let message = match targets {
            0 => "must have at least one target".to_owned(),
            more => format!("must have at most {MAX_TARGETS} targets, and has {more}"),
        };
        self.require((1..=MAX_TARGETS).contains(&targets), "spec.targets", &message);
    }

    fn weighted(&mut self, at: usize, target: &WeightedTarget) -> Option<ProvenTarget> {
        let WeightedTarget {
            name,
            model,
            policy,
            weight,
            credential,
        } = target;
        let path = format!("spec.targets[{at}]");
        let to = self.destination(&path, model.as_deref(), policy.as_deref(), credential.as_ref());
        let weight = self.weight(&path, *weight);
        let name = name.clone().or_else(|| to.as_ref().map(Destination::name));
        if let Some(name) = &name {
            self.text(name, &format!("{path}.name"));
        }
        Some(ProvenTarget {
            name: name?,
            weight: weight?,
            to: to?,
        })
    }

    fn weight(&mut self, path: &str, weight: Option<f64>) -> Option<f64> {
        let path = format!("{path}.weight");
        let Some(weight) = weight else {
            self.require(
                false,
                &path,
                "is missing: every target must say its part, such as `weight: 50`",
            );
            return None;
        };
        self.require(
            is_weight(weight),
            &path,
            &format!("must be 0, or from 0.000001 to 1000000000, and is {weight}"),
        );
        Some(weight)
    }

    /// All zero is one mistake; a weight that is missing or no weight is another, and said elsewhere.
    fn weights(&mut self, targets: &[WeightedTarget]) {
        let all_zero = !targets.is_empty() && targets.iter().all(|target| target.weight == Some(0.0));
        let message = "at least one target must have a weight above 0: no request could go anywhere";
        self.require(!all_zero, "spec.targets", message);
    }

    fn unique_names(&mut self, targets: &[ProvenTarget]) {
        let mut seen = BTreeSet::new();
        for target in targets {
            let message = format!(
                "two targets are called {:?}: give one of them a `name` of its own",
                target.name
            );
            self.require(seen.insert(&target.name), "spec.targets", &message);
        }
    }

    fn key_source(&mut self, at: usize, source: &KeyFrom) -> Option<KeySource> {
        let path = format!("spec.keyFrom[{at}]");
        match (&source.header, &source.field) {
            (Some(header), None) => {
                self.require(
                    is_header(header),
                    &format!("{path}.header"),
                    "must be the name of an HTTP header",
                );
                Some(KeySource::Header(header.to_ascii_lowercase()))
            }
            (None, Some(field)) => {
                let message = "must be one name, or two with a dot between, such as metadata.user_id";
                self.require(is_field(field), &format!("{path}.field"), message);
                Some(KeySource::Field(field.clone()))
            }
            _ => {
                self.require(false, &path, "must have exactly one of `header` and `field`");
                None
            }
        }
    }

    fn rung(&mut self, at: usize, target: &FallbackTarget) -> Option<ProvenRung> {
        let FallbackTarget {
            model,
            policy,
            retries,
            credential,
            first_token_timeout_seconds,
            timeout_seconds,
        } = target;
        let path = format!("spec.targets[{at}]");
        let to = self.destination(&path, model.as_deref(), policy.as_deref(), credential.as_ref());
        self.within(*retries, 0..=i32::from(MAX_RETRIES), &format!("{path}.retries"));
        self.within(
            *first_token_timeout_seconds,
            1..=3600,
            &format!("{path}.firstTokenTimeoutSeconds"),
        );
        self.within(*timeout_seconds, 1..=3600, &format!("{path}.timeoutSeconds"));
        let alone = model.is_some()
            || (retries.is_none() && first_token_timeout_seconds.is_none() && timeout_seconds.is_none());
        self.require(
            alone,
            &path,
            "retries and timeouts go with `model`; a policy inside a chain runs once per visit",
        );
        let timeouts = Timeouts {
            first_token_ms: milliseconds(*first_token_timeout_seconds),
            attempt_ms: milliseconds(*timeout_seconds),
            ..Timeouts::default()
        };
        let to = to?;
        Some(ProvenRung {
            retries: retries_of(*retries, &to),
            timeouts,
            to,
        })
    }

    fn backoff(&mut self, spec: Option<&BackoffSpec>) -> Backoff {
        let Some(BackoffSpec {
            initial_milliseconds,
            max_milliseconds,
            max_retry_after_seconds,
        }) = spec
        else {
            return Backoff::DEFAULT;
        };
        self.within(
            *initial_milliseconds,
            1..=60_000,
            "spec.backoff.initialMilliseconds",
        );
        self.within(*max_milliseconds, 1..=300_000, "spec.backoff.maxMilliseconds");
        self.within(
            *max_retry_after_seconds,
            0..=600,
            "spec.backoff.maxRetryAfterSeconds",
        );
        let given = |value: &Option<i32>| value.and_then(|value| u64::try_from(value).ok());
        Backoff {
            initial_ms: given(initial_milliseconds).unwrap_or(Backoff::DEFAULT.initial_ms),
            max_ms: given(max_milliseconds).unwrap_or(Backoff::DEFAULT.max_ms),
            max_retry_after_ms: milliseconds(*max_retry_after_seconds)
                .unwrap_or(Backoff::DEFAULT.max_retry_after_ms),
        }
    }

    fn destination(
        &mut self,
        path: &str,
        model: Option<&str>,
        policy: Option<&str>,
        credential: Option<&CredentialSource>,
    ) -> Option<Destination> {
        match (model, policy) {
            (Some(model), None) => {
                let key = credential.map(|credential| credential.secret_ref.clone());
                Some(Destination::Model(self.model(path, model)?, key))
            }
            (None, Some(policy)) => {
                self.require(
                    credential.is_none(),
                    &format!("{path}.credential"),
                    "goes with `model`, not with `policy`",
                );
                self.policy(path, policy)
            }
            (Some(_), Some(_)) => {
                self.require(
                    false,
                    path,
                    "must have exactly one of `model` and `policy`, and has both",
                );
                None
            }
            (None, None) => {
                self.require(
                    false,
                    path,
                    "must have exactly one of `model` and `policy`, and has neither",
                );
                None
            }
        }
    }

    fn model(&mut self, path: &str, model: &str) -> Option<ModelName> {
        let path = format!("{path}.model");
        self.text(model, &path);
        if let Some(name) = model.strip_prefix("policy/") {
            self.require(
                false,
                &path,
                &format!("names a policy: write `policy: {name}` instead"),
            );
            return None;
        }
        let parts = model
            .split_once('/')
            .filter(|(provider, rest)| is_dns_label(provider) && !rest.is_empty());
        if parts.is_none() {
            let message = format!("must be <provider>/<model>, such as openai/gpt-4o, and is {model:?}");
            self.require(false, &path, &message);
        }
        let (provider, rest) = parts?;
        Some(ModelName {
            text: model.to_owned(),
            provider: provider.to_owned(),
            rest: rest.to_owned(),
        })
    }

    fn policy(&mut self, path: &str, policy: &str) -> Option<Destination> {
        let path = format!("{path}.policy");
        if let Some(name) = policy.strip_prefix("policy/") {
            let message =
                format!("must be the policy's bare name: write `policy: {name}`; the prefix is for callers");
            self.0.push(Problem::new(path, Cause::Invalid, message));
            return None;
        }
        let message =
            "must be the name of a policy in this namespace: lower-case letters, digits and inner hyphens";
        self.require(is_dns_label(policy), &path, message);
        Some(Destination::Policy(policy.to_owned()))
    }
}

impl Destination {
    /// What a target is called where it has no name of its own.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Model(model, _) => model.text.clone(),
            Self::Policy(name) => format!("policy/{name}"),
        }
    }
}

/// Retries, proven to fit; a policy inside a chain has none.
fn retries_of(retries: Option<i32>, to: &Destination) -> u8 {
    match (to, retries) {
        (Destination::Policy(_), _) => 0,
        (Destination::Model(..), None) => DEFAULT_RETRIES,
        (Destination::Model(..), Some(retries)) => u8::try_from(retries).unwrap_or(MAX_RETRIES),
    }
}

/// A token of RFC 9110, section 5.6.2.
fn is_header(name: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=128).contains(&name.len()) && name.bytes().all(token)
}

fn is_field(path: &str) -> bool {
    let name = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    };
    (1..=2).contains(&path.split('.').count()) && path.split('.').all(name)
}
