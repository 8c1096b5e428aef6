//! What people read: an object's status, and Events when it changes for better or worse.
//!
//! Pure but for [`Reporter`]. A status that says the same is not written again; times do not count as a
//! difference, and stay as they are while their condition does. Only the status subresource is ever written.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::runtime::events::{Event, EventType, Recorder};
use kube::{Api, Client};
use serde_json::json;
use weir_policy::api::{
    AccessKey, AccessKeyStatus, ClusterProvider, FallbackPolicy, GROUP, LoadBalancingPolicy, PolicyStatus,
    Provider, ProviderStatus, VERSION,
};
use weir_policy::object::{ObjectKind, ObjectRef};
use weir_policy::verdict::{
    ACCEPTED, ConditionDraft, PROGRAMMED, PolicyOutcome, READY, RECONCILING, RESOLVED_REFS, Rollout, STALLED,
    Verdict, written_kind,
};

use crate::MANAGER;
use crate::lease::Gate;
use crate::metrics::Metrics;
use crate::observe::{Status, version};
use crate::publish::{Failure, send};

/// Every condition that the operator writes; those of others do not concern it.
const OURS: [&str; 6] = [ACCEPTED, RESOLVED_REFS, PROGRAMMED, READY, RECONCILING, STALLED];

/// The reason of a condition that only time will mend.
const ON_ITS_WAY: &str = "Pending";

/// What an Event can hold, in bytes.
const NOTE_LIMIT: usize = 1024;

/// The status that a verdict comes to. Conditions that were so before keep their time.
pub fn status(verdict: &Verdict, rollout: &Rollout, before: Option<&Status>, now: &Time) -> Status {
    let drafts = verdict.conditions(rollout).into_iter();
    let old = before.map(conditions).unwrap_or_default();
    let conditions = drafts
        .map(|draft| condition(draft, verdict.generation, old, now))
        .collect();
    let observed_generation = verdict.generation;
    match (&verdict.policy, verdict.access) {
        (Some(outcome), _) => Status::Policy(policy_status(outcome, observed_generation, conditions)),
        (None, Some(_)) => Status::AccessKey(AccessKeyStatus {
            observed_generation,
            conditions,
        }),
        (None, None) => Status::Provider(ProviderStatus {
            observed_generation,
            conditions,
        }),
    }
}

fn policy_status(outcome: &PolicyOutcome, generation: i64, conditions: Vec<Condition>) -> PolicyStatus {
    PolicyStatus {
        observed_generation: generation,
        conditions,
        kind: written_kind(outcome.kind),
        targets: Some(outcome.targets.clone()).filter(|targets| !targets.is_empty()),
        distribution: outcome.distribution.clone(),
        digest: outcome.serving.digest().map(ToString::to_string),
    }
}

fn condition(draft: ConditionDraft, generation: i64, old: &[Condition], now: &Time) -> Condition {
    let status = if draft.status { "True" } else { "False" };
    let before = old
        .iter()
        .find(|condition| condition.type_ == draft.kind && condition.status == status);
    Condition {
        last_transition_time: before
            .map_or_else(|| now.clone(), |before| before.last_transition_time.clone()),
        message: draft.message,
        observed_generation: Some(generation),
        reason: draft.reason.to_owned(),
        status: status.to_owned(),
        type_: draft.kind.to_owned(),
    }
}

fn conditions(status: &Status) -> &[Condition] {
    match status {
        Status::Policy(status) => &status.conditions,
        Status::Provider(status) => &status.conditions,
        Status::AccessKey(status) => &status.conditions,
    }
}

/// Whether two statuses say the same. Neither times nor the order of conditions matter, nor conditions that
/// others have put in.
pub fn says_the_same(one: &Status, other: &Status) -> bool {
    without_times(one) == without_times(other)
}

fn without_times(status: &Status) -> Status {
    let ours = conditions(status)
        .iter()
        .filter(|condition| OURS.contains(&condition.type_.as_str()));
    let timeless = |condition: &Condition| Condition {
        last_transition_time: Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH),
        ..condition.clone()
    };
    let sorted: BTreeMap<_, _> = ours
        .map(|condition| (condition.type_.clone(), timeless(condition)))
        .collect();
    let conditions = sorted.into_values().collect();
    match status {
        Status::Policy(status) => Status::Policy(PolicyStatus {
            conditions,
            ..status.clone()
        }),
        Status::Provider(status) => Status::Provider(ProviderStatus {
            conditions,
            ..status.clone()
        }),
        Status::AccessKey(status) => Status::AccessKey(AccessKeyStatus {
            conditions,
            ..status.clone()
        }),
    }
}

/// A change for better or worse that is worth an Event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The condition's reason.
    pub reason: String,
    /// The condition's message.
    pub note: String,
    /// Whether it is good news.
    pub mood: Mood,
}

/// Whether a transition is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It is, or it is only a matter of time.
    Good,
    /// Someone should look.
    Bad,
}

/// The transitions of `Accepted` and `Ready` between two statuses. A first `Accepted` is no news, and a
/// summary that only repeats what `Accepted` says is not told twice.
pub fn transitions(before: Option<&Status>, after: &Status) -> Vec<Transition> {
    let old = |kind: &str| {
        before
            .and_then(|status| find(status, kind))
            .map(|found| found.status.as_str())
    };
    let is_news = |condition: &Condition| match old(&condition.type_) {
        Some(before) => before != condition.status,
        None => condition.type_ == READY || condition.status == "False",
    };
    let changed = [ACCEPTED, READY]
        .into_iter()
        .filter_map(|kind| find(after, kind))
        .filter(|c| is_news(c));
    let mut told: Vec<Transition> = changed.map(transition).collect();
    told.dedup();
    told
}

fn find<'a>(status: &'a Status, kind: &str) -> Option<&'a Condition> {
    conditions(status)
        .iter()
        .find(|condition| condition.type_ == kind)
}

fn transition(condition: &Condition) -> Transition {
    let is_good = condition.status == "True" || condition.reason == ON_ITS_WAY;
    Transition {
        reason: condition.reason.clone(),
        note: shorten(&condition.message),
        mood: if is_good { Mood::Good } else { Mood::Bad },
    }
}

fn shorten(message: &str) -> String {
    let end = message.floor_char_boundary(NOTE_LIMIT);
    message[..end].to_owned()
}

/// A status to write.
#[derive(Debug, Clone)]
pub struct Report {
    /// Of which object.
    pub object: ObjectRef,
    /// Of no later object of that name.
    pub uid: String,
    /// Of no later version of it: what was judged must still be what is there, and nobody, such as a replica that
    /// leads by now, may have said something newer.
    pub version: u64,
    /// The status.
    pub status: Status,
    /// What to tell besides.
    pub transitions: Vec<Transition>,
}

/// Writes statuses and Events.
#[derive(Clone)]
pub struct Reporter {
    client: Client,
    recorder: Recorder,
    gate: Gate,
    metrics: Metrics,
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter")
            .field("gate", &self.gate)
            .finish_non_exhaustive()
    }
}

impl Reporter {
    /// A reporter; `recorder` is to be the only one, so that repeated Events are counted instead of repeated.
    pub fn new(client: Client, recorder: Recorder, gate: Gate, metrics: Metrics) -> Self {
        Self {
            client,
            recorder,
            gate,
            metrics,
        }
    }

    /// Writes a status, then its Events, and says which version of the object that made.
    pub async fn report(&self, report: &Report, term: u64) -> Result<u64, Failure> {
        let api = self.api(&report.object);
        let params = PatchParams::apply(MANAGER).force();
        let patch = body(report);
        let patch = Patch::Apply(&patch);
        let written = send(
            &self.gate,
            term,
            api.patch_status(&report.object.name, &params, &patch),
        )
        .await?;
        for transition in &report.transitions {
            self.tell(report, transition).await;
        }
        Ok(version(&written.metadata))
    }

    /// An Event is a courtesy: one that can't be written is counted, and not tried again.
    async fn tell(&self, report: &Report, transition: &Transition) {
        let event = Event {
            type_: match transition.mood {
                Mood::Good => EventType::Normal,
                Mood::Bad => EventType::Warning,
            },
            reason: transition.reason.clone(),
            note: Some(transition.note.clone()),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        let told = self.recorder.publish(&event, &reference(report)).await;
        let told = told.map_err(Failure::from);
        self.metrics.told(&told);
        if let Err(failure) = told {
            tracing::debug!(object = %report.object, %failure, "no Event");
        }
    }

    fn api(&self, object: &ObjectRef) -> Api<DynamicObject> {
        let resource = resource(object.kind);
        match &object.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }
}

fn resource(kind: ObjectKind) -> ApiResource {
    match kind {
        ObjectKind::LoadBalancingPolicy => ApiResource::erase::<LoadBalancingPolicy>(&()),
        ObjectKind::FallbackPolicy => ApiResource::erase::<FallbackPolicy>(&()),
        ObjectKind::Provider => ApiResource::erase::<Provider>(&()),
        ObjectKind::ClusterProvider => ApiResource::erase::<ClusterProvider>(&()),
        ObjectKind::AccessKey => ApiResource::erase::<AccessKey>(&()),
    }
}

/// The uid makes the API server refuse the status of an object that has been replaced, the version one of an object
/// that has changed.
fn body(report: &Report) -> serde_json::Value {
    let status = match &report.status {
        Status::Policy(status) => json!(status),
        Status::Provider(status) => json!(status),
        Status::AccessKey(status) => json!(status),
    };
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": report.object.kind.as_str(),
        "metadata": {
            "name": report.object.name,
            "uid": report.uid,
            "resourceVersion": report.version.to_string(),
        },
        "status": status,
    })
}

fn reference(report: &Report) -> ObjectReference {
    ObjectReference {
        api_version: Some(format!("{GROUP}/{VERSION}")),
        kind: Some(report.object.kind.as_str().to_owned()),
        namespace: report.object.namespace.clone(),
        name: Some(report.object.name.clone()),
        uid: Some(report.uid.clone()),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests;
