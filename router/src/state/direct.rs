//! Models that are called by `<provider>/<model>[@region]` without a policy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::HeaderValue;
use weir_table::{DirectModel, FailureClass, ModelKind, Timeouts};

use super::target::{Leaf, Limits, Pace, Reach, Target, Way};
use crate::body::ModelName;
use crate::error::Failure;
use crate::observe::{Kept, SharedKept};

/// A provider that callers may name.
#[derive(Debug)]
pub(crate) struct Direct {
    /// Its name.
    pub(crate) name: String,
    /// The namespace of its table; empty for the cluster's.
    pub(crate) namespace: Arc<str>,
    /// Namespaces that may use it; `None` means all.
    pub(crate) allowed: Option<BTreeSet<String>>,
    /// What is known of its models.
    pub(crate) models: BTreeMap<String, DirectModel>,
    /// What is counted of each of them.
    pub(crate) kept: BTreeMap<String, SharedKept>,
    /// The same of all others.
    pub(crate) others: SharedKept,
    /// Its times.
    pub(crate) timeouts: Timeouts,
    /// How it is reached where no region is named.
    pub(crate) home: Reach,
    /// How it is reached in each region that it or the catalogue knows.
    pub(crate) regions: BTreeMap<String, Reach>,
}

/// `<model>[@region]`, told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Named<'a> {
    model: &'a str,
    region: Option<&'a str>,
}

impl Direct {
    /// Whether callers of `namespace` may name it.
    pub(crate) fn allows(&self, namespace: &str) -> bool {
        self.allowed
            .as_ref()
            .is_none_or(|allowed| allowed.contains(namespace))
    }

    /// What `rest`, the text behind the provider's name, is for.
    pub(crate) fn kind(&self, rest: &str) -> ModelKind {
        self.models
            .get(self.named(rest).model)
            .map_or(ModelKind::Unknown, |model| model.kind)
    }

    /// The target that `rest` names.
    pub(crate) fn leaf(&self, rest: &str) -> Result<Leaf, Failure> {
        let named = self.named(rest);
        if named.model.split('/').any(|step| matches!(step, "." | "..")) {
            return Err(unspeakable("steps such as `..` in it"));
        }
        let known = self.models.get(named.model);
        let upstream = ModelName::new(upstream(known, named));
        let reach = named
            .region
            .and_then(|region| self.regions.get(region))
            .unwrap_or(&self.home)
            .for_model(&upstream);
        let text = format!("{}/{rest}", self.name);
        let model_header =
            HeaderValue::from_bytes(text.as_bytes()).map_err(|_| unspeakable("control characters in it"))?;
        let target = Target {
            namespace: self.namespace.clone(),
            label: Arc::from(self.label(rest)),
            model_header,
            upstream,
            context_window: None,
            limits: Limits::resolve(
                Timeouts::default(),
                self.timeouts,
                Pace::of(known.is_some_and(|model| model.reasoning)),
            ),
            // Callers may name whatever they like: nothing is kept of it.
            health: reach.health(|_| None),
            reach,
            prices: known.map(|model| model.prices).unwrap_or_default(),
        };
        Ok(Leaf {
            way: Arc::new(Way::direct()),
            series: self.series(rest),
            target: Arc::new(target),
        })
    }

    /// What stands for the target that `rest` names where callers must not choose the text.
    pub(crate) fn label(&self, rest: &str) -> String {
        let known = self.models.contains_key(self.named(rest).model);
        format!("{}/{}", self.name, if known { rest } else { "*" })
    }

    /// Where the series of what `rest` names is kept. A model in a region has no place of its own, and is looked
    /// for each time.
    fn series(&self, rest: &str) -> Kept {
        let named = self.named(rest);
        match (self.kept.get(named.model), named.region) {
            (Some(kept), None) => Kept::Shared(kept.clone()),
            (Some(_), Some(_)) => Kept::own(),
            (None, _) => Kept::Shared(self.others.clone()),
        }
    }

    /// An `@x` is a region only if the provider or the catalogue knows it; many names have an `@`.
    fn named<'a>(&self, rest: &'a str) -> Named<'a> {
        let whole = Named {
            model: rest,
            region: None,
        };
        if self.models.contains_key(rest) {
            return whole;
        }
        match rest.rsplit_once('@') {
            Some((model, region)) if self.regions.contains_key(region) => Named {
                model,
                region: Some(region),
            },
            _ => whole,
        }
    }
}

/// The provider's own name for a model: in the region, else anywhere, else as the caller wrote it.
fn upstream<'a>(known: Option<&'a DirectModel>, named: Named<'a>) -> &'a str {
    let by_region = known.map(|model| &model.upstream);
    let own = by_region.and_then(|names| {
        names
            .get(named.region.unwrap_or_default())
            .or_else(|| names.get(""))
    });
    own.map_or(named.model, String::as_str)
}

/// A name that is no model's. Where models are part of addresses, a step would lead to another address.
fn unspeakable(what: &str) -> Failure {
    let mut failure = Failure::invalid("model", format!("a model's name must not have {what}"));
    failure.class = FailureClass::PolicyNotFound;
    failure
}
