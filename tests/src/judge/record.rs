//! The API server's audit log as far as the judge needs it: the operator's statuses, and the routers' places.

use std::{
    fmt,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::{Context, Result};
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// The conditions that the operator writes; others may have put in more.
const OURS: [&str; 6] = [
    "Accepted",
    "ResolvedRefs",
    "Programmed",
    "Ready",
    "Reconciling",
    "Stalled",
];

/// One write that matters.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A status was written.
    Status(Written),
    /// A router's place behind the Service changed.
    Place(Place),
}

impl Entry {
    /// When the API server was asked for it.
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Status(written) => written.time,
            Self::Place(place) => place.time,
        }
    }
}

/// One status, as it stood after it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// When the API server was asked for it.
    pub time: Timestamp,
    /// The object's kind.
    pub kind: String,
    /// The object's namespace; empty for the cluster's own.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The generation that the object had.
    pub generation: i64,
    /// The status.
    pub status: Status,
}

impl fmt::Display for Written {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            time,
            kind,
            namespace,
            name,
            generation,
            status,
        } = self;
        write!(
            formatter,
            "the status of {kind} {namespace}/{name}, written at {time} to generation {generation}: {status:?}"
        )
    }
}

/// What all kinds' statuses have.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Status {
    /// The generation that it is about.
    pub observed_generation: i64,
    /// The conditions.
    pub conditions: Vec<Condition>,
    /// The digest of the policy's tree that is published.
    pub digest: Option<String>,
}

/// One condition.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Condition {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why.
    pub reason: String,
    /// The generation that it is about.
    pub observed_generation: i64,
}

impl Status {
    /// The condition of this type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Whether there is such a condition, and it is true.
    pub fn is_true(&self, kind: &str) -> bool {
        self.condition(kind)
            .is_some_and(|condition| condition.status == "True")
    }
}

/// Whether a router was ready behind the Service from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// When the API server was told.
    pub time: Timestamp,
    /// The slice, which is named after its router.
    pub name: String,
    /// Whether it is ready.
    pub is_ready: bool,
}

/// Reads every status that `operator` wrote, and every router's places.
pub fn read(audit_log: &Path, operator: &str) -> Result<Vec<Entry>> {
    let file = File::open(audit_log).with_context(|| format!("reading {}", audit_log.display()))?;
    read_from(BufReader::new(file), operator).with_context(|| format!("reading {}", audit_log.display()))
}

fn read_from(mut log: impl BufRead, operator: &str) -> Result<Vec<Entry>> {
    let (mut entries, mut line) = (Vec::new(), String::new());
    // The last line may still be being written.
    while log.read_line(&mut line)? > 0 && line.ends_with('\n') {
        if line.contains("\"status\"") || line.contains("\"endpointslices\"") {
            let event = serde_json::from_str(&line);
            entries.extend(entry(event.with_context(|| line.clone())?, operator)?);
        }
        line.clear();
    }
    Ok(entries)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    verb: String,
    request_received_timestamp: Timestamp,
    user: User,
    #[serde(default)]
    object_ref: Reference,
    #[serde(default)]
    response_status: Answer,
    #[serde(default)]
    response_object: Value,
}

/// Nobody, where the API server did not take the caller for anybody.
#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    username: String,
}

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct Reference {
    api_group: String,
    resource: String,
    subresource: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    code: u16,
}

/// What matters of an event, if anything does.
fn entry(event: Event, operator: &str) -> Result<Option<Entry>> {
    let Event {
        verb,
        request_received_timestamp: time,
        user,
        object_ref,
        response_status,
        response_object: object,
    } = event;
    if !(200..300).contains(&response_status.code) {
        return Ok(None);
    }
    if object_ref.resource == "endpointslices" {
        let is_ready = verb != "delete" && object["endpoints"][0]["conditions"]["ready"] == true;
        let name = object_ref.name;
        return Ok(Some(Entry::Place(Place { time, name, is_ready })));
    }
    let is_status = object_ref.api_group == "weir.dev" && object_ref.subresource == "status";
    if !is_status || user.username != operator {
        return Ok(None);
    }
    let status = written(time, &object)
        .with_context(|| format!("the status of {} {}", object_ref.resource, object_ref.name))?;
    Ok(Some(Entry::Status(status)))
}

/// Reads an object as the API server answered it.
pub fn written(time: Timestamp, object: &Value) -> Result<Written> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut status: Status = serde_json::from_value(object["status"].clone())?;
    status
        .conditions
        .retain(|condition| OURS.contains(&condition.kind.as_str()));
    Ok(Written {
        time,
        kind: text(&object["kind"]),
        namespace: text(&object["metadata"]["namespace"]),
        name: text(&object["metadata"]["name"]),
        generation: object["metadata"]["generation"]
            .as_i64()
            .context("no generation")?,
        status,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Entry, entry, read_from};

    fn event(user: &str, code: u16) -> Value {
        json!({
            "verb": "patch",
            "requestReceivedTimestamp": "2026-01-01T00:00:00.000001Z",
            "user": {"username": user},
            "objectRef": {"apiGroup": "weir.dev", "resource": "providers", "subresource": "status", "name": "p"},
            "responseStatus": {"code": code},
            "responseObject": {
                "kind": "Provider",
                "metadata": {"name": "p", "namespace": "a", "generation": 3},
                "status": {"observedGeneration": 2, "conditions": [
                    {"type": "Ready", "status": "True"}, {"type": "Theirs", "status": "True"},
                ]},
            },
        })
    }

    fn read(event: Value) -> Option<Entry> {
        entry(serde_json::from_value(event).unwrap(), "the-operator").unwrap()
    }

    #[test]
    fn a_request_of_nobody_is_passed_over() {
        let mut refused = event("", 401);
        refused["user"] = json!({});
        assert!(read(refused).is_none());
    }

    #[test]
    fn a_status_of_the_operators_is_read_and_nobody_elses() {
        let Some(Entry::Status(written)) = read(event("the-operator", 200)) else {
            panic!("no status");
        };
        assert_eq!((written.generation, written.status.observed_generation), (3, 2));
        assert!(written.status.is_true("Ready") && !written.status.is_true("Stalled"));
        assert_eq!(written.status.condition("Theirs"), None);
        assert!(read(event("somebody", 200)).is_none());
        assert!(read(event("the-operator", 409)).is_none());
    }

    #[test]
    fn only_a_last_line_without_an_end_may_be_unreadable() {
        let whole = format!("{}\n", event("the-operator", 200));
        let (half, _) = whole.split_at(whole.len() / 2 + 1);
        let count = |log: &str| read_from(log.as_bytes(), "the-operator").map(|entries| entries.len());
        assert_eq!(count(&format!("{whole}{whole}{half}")).unwrap(), 2);
        assert!(count(&format!("{whole}{half}\n{whole}")).is_err());
    }

    #[test]
    fn a_status_of_the_operators_that_can_not_be_read_is_an_error() {
        let mut event = event("the-operator", 200);
        event["responseObject"]["metadata"]["generation"].take();
        assert!(entry(serde_json::from_value(event).unwrap(), "the-operator").is_err());
    }

    #[test]
    fn a_slice_that_is_deleted_or_not_ready_is_no_place() {
        let slice = |verb: &str, ready: bool| {
            let mut event = event("admin", 200);
            event["verb"] = verb.into();
            event["objectRef"] = json!({"resource": "endpointslices", "name": "weir-router-0"});
            event["responseObject"] = json!({"endpoints": [{"conditions": {"ready": ready}}]});
            match read(event) {
                Some(Entry::Place(place)) => place.is_ready,
                other => panic!("{other:?}"),
            }
        };
        assert!(slice("patch", true));
        assert!(!slice("patch", false) && !slice("delete", true));
    }
}
