//! What each router served and when, by its own log, and when it was ready, by the Service's slices.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result};
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;

use super::record::{Entry, Written};

/// How long before a write what it says may have been true: a status that is on its way says what routers served when
/// it set out.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

/// How much later than it took effect a line may be logged on a busy machine.
const LATE_LINE: Duration = Duration::from_secs(1);

/// The routers of a site, through time.
#[derive(Debug, Default)]
pub struct Places {
    routers: BTreeMap<String, Router>,
}

/// One router, through time. Every list is in order.
#[derive(Debug, Default)]
struct Router {
    /// When its process began to listen, which is when it served nothing.
    started: Vec<Timestamp>,
    /// The digest of each policy, by namespace and name; empty once it was gone.
    served: BTreeMap<(String, String), Vec<(Timestamp, String)>>,
    /// When its place behind the Service became ready, and when it ceased to be.
    ready: Vec<(Timestamp, bool)>,
}

#[derive(Deserialize)]
struct Line {
    timestamp: Timestamp,
    message: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    policy: String,
    #[serde(default)]
    digest: String,
}

impl Places {
    /// Reads the routers' logs, and takes their places out of the record.
    pub fn read(logs: &[(String, impl AsRef<Path>)], entries: &[Entry]) -> Result<Self> {
        let mut routers = BTreeMap::new();
        for (name, log) in logs {
            let log = log.as_ref();
            let file = File::open(log).with_context(|| format!("reading {}", log.display()))?;
            let mut router = Router::default();
            for line in BufReader::new(file).lines() {
                router.take_in(&line?);
            }
            routers.insert(name.clone(), router);
        }
        for entry in entries {
            if let Entry::Place(place) = entry
                && let Some(router) = routers.get_mut(&place.name)
            {
                router.ready.push((place.time, place.is_ready));
            }
        }
        Ok(Self { routers })
    }
}

impl Router {
    fn take_in(&mut self, line: &str) {
        if !(line.contains("\"listening\"") || line.contains("\"a policy is served")) {
            return;
        }
        // The last line may still be being written.
        let Ok(line) = serde_json::from_str::<Line>(line) else {
            return;
        };
        if line.message == "listening" {
            return self.started.push(line.timestamp);
        }
        let policy = (line.namespace, line.policy);
        self.served
            .entry(policy)
            .or_default()
            .push((line.timestamp, line.digest));
    }

    /// Whether it was behind the Service from `since` until `until`, and ran all that time.
    fn was_ready(&self, since: Timestamp, until: Timestamp) -> bool {
        let before = self.ready.iter().rev().find(|(time, _)| *time <= since);
        let changed = self.ready.iter().any(|(time, _)| since < *time && *time <= until);
        let started = self.started.iter().any(|time| since < *time && *time <= until);
        before.is_some_and(|(_, is_ready)| *is_ready) && !changed && !started
    }

    /// Whether it served this digest at some time between the two.
    fn served(&self, policy: &(String, String), digest: &str, since: Timestamp, until: Timestamp) -> bool {
        let times = self.served.get(policy).map_or(&[][..], Vec::as_slice);
        let started = self.started.iter().rev().find(|time| **time <= since);
        let before = times.iter().rev().find(|(time, _)| *time <= since);
        let before = before.filter(|(time, _)| started.is_none_or(|started| started <= time));
        let between = times.iter().filter(|(time, _)| since < *time && *time <= until);
        between.chain(before).any(|(_, served)| served == digest)
    }
}

/// A policy is `Programmed` only while there is a ready router, and every one of them serves the digest in its status.
pub fn programmed_means_served_everywhere(written: &Written, places: &Places) -> Result<(), String> {
    if !written.status.is_true("Programmed") {
        return Ok(());
    }
    let digest = written.status.digest.as_deref().unwrap_or_default();
    let policy = (written.namespace.clone(), written.name.clone());
    let (since, until) = (written.time - ON_ITS_WAY, written.time + LATE_LINE);
    let routers = &places.routers;
    if !routers
        .values()
        .any(|router| router.served(&policy, digest, since, until))
    {
        return Err(format!("no router served {digest:?}"));
    }
    let mut ready = routers
        .iter()
        .filter(|(_, router)| router.was_ready(since, written.time));
    match ready.find(|(_, router)| !router.served(&policy, digest, since, until)) {
        Some((name, _)) => Err(format!("{name} was ready and did not serve {digest:?}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;

    use super::{Places, Router, programmed_means_served_everywhere};
    use crate::judge::record::{Written, written};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn served(second: i64, digest: &str) -> String {
        let message = if digest.is_empty() {
            "a policy is served no more"
        } else {
            "a policy is served"
        };
        json!({
            "timestamp": at(second).to_string(), "level": "DEBUG", "message": message,
            "namespace": "a", "policy": "p", "digest": digest, "target": "weir_router::state",
        })
        .to_string()
    }

    fn listening(second: i64) -> String {
        json!({"timestamp": at(second).to_string(), "message": "listening", "listen": "x"}).to_string()
    }

    fn router(lines: &[String]) -> Router {
        let mut router = Router {
            ready: vec![(at(0), true)],
            ..Router::default()
        };
        for line in lines {
            router.take_in(line);
        }
        router
    }

    fn programmed(second: i64, digest: &str) -> Written {
        let object = json!({
            "kind": "LoadBalancingPolicy",
            "metadata": {"name": "p", "namespace": "a", "generation": 1},
            "status": {
                "observedGeneration": 1,
                "digest": digest,
                "conditions": [{"type": "Programmed", "status": "True"}],
            },
        });
        written(at(second), &object).unwrap()
    }

    fn judged(routers: Vec<Router>, written: &Written) -> Result<(), String> {
        let names = (0..).map(|number| format!("router-{number}"));
        let places = Places {
            routers: names.zip(routers).collect(),
        };
        programmed_means_served_everywhere(written, &places)
    }

    #[test]
    fn what_every_ready_router_served_is_programmed() {
        let one = || router(&[listening(1), served(20, "x")]);
        assert_eq!(judged(vec![one(), one()], &programmed(21, "x")), Ok(()));
    }

    #[test]
    fn one_ready_router_that_did_not_serve_it_is_named() {
        let late = router(&[listening(1), served(20, "old"), served(30, "x")]);
        let routers = vec![router(&[listening(1), served(20, "x")]), late];
        let error = judged(routers, &programmed(21, "x")).unwrap_err();
        assert!(error.starts_with("router-1 was ready"), "{error}");
    }

    #[test]
    fn a_digest_served_long_ago_is_not_served_now() {
        for next in ["y", ""] {
            let routers = vec![router(&[listening(1), served(20, "x"), served(25, next)])];
            assert!(judged(routers, &programmed(40, "x")).is_err());
        }
    }

    #[test]
    fn without_a_router_nothing_is_programmed() {
        assert!(judged(Vec::new(), &programmed(1, "x")).is_err());
        let restarted = vec![router(&[listening(1), served(20, "x"), listening(22)])];
        assert!(judged(restarted, &programmed(40, "x")).is_err());
    }

    #[test]
    fn a_router_that_had_left_or_just_came_is_not_asked() {
        let serving = || router(&[listening(1), served(20, "x")]);
        let mut gone = router(&[listening(1)]);
        gone.ready.push((at(10), false));
        let mut new = router(&[listening(38)]);
        new.ready = vec![(at(39), true)];
        assert_eq!(judged(vec![serving(), gone, new], &programmed(40, "x")), Ok(()));
    }

    #[test]
    fn what_is_not_programmed_is_not_judged() {
        let mut written = programmed(21, "x");
        written.status.conditions[0].status = "False".to_owned();
        assert_eq!(judged(Vec::new(), &written), Ok(()));
    }
}
