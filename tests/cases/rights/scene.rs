//! An installation on which rights are taken away: what is done on it, and what is seen.

use std::{fs, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use weir_table::{CredentialId, credential::secret_name};
use weir_tests::{
    client::Shape,
    fixtures::{self, access_key, caller_secret, load_balancing, model, policy, provider_secret, weir},
    identity::{ROUTER, SYSTEM},
    poll::eventually,
    site::Site,
};

use super::uses::{Deed, Missed, Symptom, Use};
use crate::context::Context;

/// How soon a missing right must be seen, on a busy machine.
const SEEN: Duration = Duration::from_secs(30);

/// How soon all must be well again.
const HEALED: Duration = Duration::from_mins(1);

/// The router that is restarted.
const RESTARTED: usize = 0;

/// An installation, one tenant in it, and how often something has been done.
pub(super) struct Scene {
    pub(super) site: Arc<Site>,
    account: String,
    namespace: String,
    step: u32,
    /// How the log stood, and what had been counted, when a right was taken away.
    log: u64,
    counted: u64,
}

impl Scene {
    /// Sets up everything that deeds need.
    pub(super) async fn set(context: &Context, account: &str) -> Result<Self> {
        let site = context.own(&format!("rights-of-{account}")).await?;
        let namespace = site.cluster.namespace("rights").await?;
        let scene = Self {
            site,
            account: account.to_owned(),
            namespace,
            step: 0,
            log: 0,
            counted: 0,
        };
        let key = format!("wk-{}-0123456789abcdef0123456789", scene.namespace);
        let secrets = [
            caller_secret(&scene.namespace, "web", &key),
            provider_secret(&scene.namespace, "own", &scene.key()),
            fixtures::provider(&scene.namespace, "own", &scene.site.provider.base_url("own")),
        ];
        scene.site.cluster.apply_all(&secrets).await?;
        for kind in [
            "Provider",
            "ClusterProvider",
            "AccessKey",
            "FallbackPolicy",
            "LoadBalancingPolicy",
        ] {
            scene.site.cluster.apply(&scene.object(kind)).await?;
        }
        scene.site.program(&[scene.policy()], SEEN).await?;
        Ok(scene)
    }

    /// What must be there before a right is taken away.
    pub(super) async fn prepare(&mut self, needed: &Use) -> Result<()> {
        self.step += 1;
        match needed.deed {
            Deed::Remove => {
                self.site.cluster.apply(&namespace(&self.other())).await?;
                self.site.program(&[one_of(&self.other())], SEEN).await?;
            }
            Deed::TellAgain => {
                self.spoil("flips").await?;
                self.told("flips", 1).await?;
            }
            _ => {}
        }
        self.log = fs::metadata(self.process_log())?.len();
        self.counted = if needed.missed == Missed::AtOnce {
            self.count(needed.symptom).await?
        } else {
            0
        };
        Ok(())
    }

    /// Does what needs the right, and sees that it is missing.
    pub(super) async fn miss(&mut self, needed: &Use) -> Result<()> {
        match needed.missed {
            Missed::AtOnce => self.act(needed.deed).await?,
            Missed::AtStart => {
                self.restart().await?;
                self.act(needed.deed).await?;
            }
            Missed::AtStartAfter => {
                self.act(needed.deed).await?;
                self.restart().await?;
            }
            Missed::AfterStart => {
                self.restart().await?;
                self.shows(needed.symptom).await?;
                self.act(needed.deed).await?;
                self.goes_on().await?;
            }
        }
        self.shows(needed.symptom).await?;
        // A leader leads until its time is up; whatever else was done stays done.
        let undone = || async { Ok((!self.is_done(needed.deed).await.unwrap_or(false)).then_some(())) };
        eventually(&format!("{:?} to fail without it", needed.deed), SEEN, undone).await
    }

    /// Sees that all is well, with the right.
    pub(super) async fn heal(&mut self, needed: &Use) -> Result<()> {
        if needed.symptom == Symptom::EventsFailed {
            // An Event that was not told is not told later.
            self.step += 1;
            self.act(needed.deed).await?;
        }
        let done = || async { Ok(self.is_done(needed.deed).await?.then_some(())) };
        eventually(&format!("{:?} to be done", needed.deed), HEALED, done).await?;
        if needed.deed == Deed::Notice {
            self.site
                .cluster
                .delete("EndpointSlice", Some(SYSTEM), "ghost")
                .await?;
        }
        if needed.deed == Deed::MakeToken {
            self.site.give_token().await?;
        }
        self.step += 1;
        self.site.program(&[self.policy()], HEALED).await
    }

    async fn restart(&self) -> Result<()> {
        if self.account == ROUTER {
            return self.site.restart_router_at_once(RESTARTED).await;
        }
        self.site.restart_operator().await
    }

    /// Somebody does something that the right lets Weir follow.
    async fn act(&self, deed: Deed) -> Result<()> {
        let cluster = &self.site.cluster;
        match deed {
            Deed::Follow(kind) => cluster.apply(&self.object(kind)).await.map(drop),
            Deed::Rotate => cluster
                .apply(&provider_secret(&self.namespace, "own", &self.key()))
                .await
                .map(drop),
            Deed::Mend => self.alter().await,
            Deed::Publish => {
                cluster.apply(&namespace(&self.other())).await?;
                cluster.apply(&one_of(&self.other())).await.map(drop)
            }
            Deed::Change => cluster.apply(&self.policy()).await.map(drop),
            Deed::Remove => {
                cluster
                    .delete("LoadBalancingPolicy", Some(&self.other()), "only")
                    .await
            }
            Deed::Gather => cluster.delete("Secret", Some(SYSTEM), &self.shard()).await,
            Deed::MakeToken => cluster.delete("Secret", Some(SYSTEM), "weir-admin-token").await,
            Deed::MakeLease => cluster.delete("Lease", Some(SYSTEM), "weir-operator").await,
            Deed::Notice => {
                let ghost = fixtures::router_slice("weir-router", "ghost", "10.213.255.254", 8080, 9090);
                cluster.apply(&ghost).await?;
                cluster.apply(&self.policy()).await.map(drop)
            }
            Deed::Lead => Ok(()),
            Deed::Tell => self.spoil(&format!("bad-{}", self.step)).await,
            Deed::TellAgain => {
                self.mend("flips").await?;
                self.spoil("flips").await
            }
        }
    }

    /// Whether Weir has followed.
    async fn is_done(&self, deed: Deed) -> Result<bool> {
        let cluster = &self.site.cluster;
        let system = Some(SYSTEM);
        match deed {
            Deed::Follow(kind) => self.follows(kind).await,
            Deed::Rotate => self.key_is_used().await,
            Deed::Mend => Ok(self
                .table(&self.namespace)
                .await?
                .is_some_and(|map| map["data"]["table.json"] != "{}")),
            Deed::Publish => Ok(self.table(&self.other()).await?.is_some()),
            Deed::Remove => Ok(self.table(&self.other()).await?.is_none()),
            Deed::Change => self.serves_this_step(RESTARTED).await,
            Deed::Gather => Ok(cluster.get("Secret", system, &self.shard()).await?.is_some()),
            Deed::MakeToken => Ok(cluster.get("Secret", system, "weir-admin-token").await?.is_some()),
            Deed::Lead | Deed::MakeLease => {
                let lease = cluster.get("Lease", system, "weir-operator").await?;
                Ok(lease.is_some() && self.metric("weir_operator_leader").await? == 1)
            }
            Deed::Notice => {
                let policy = self.policy();
                let seen = cluster
                    .condition(&policy, "Programmed", "False", Duration::ZERO)
                    .await?;
                Ok(seen["reason"] == "RouterUnreachable")
            }
            Deed::Tell => Ok(self.events(&format!("bad-{}", self.step)).await? > 0),
            Deed::TellAgain => Ok(self.events("flips").await? > 1),
        }
    }

    /// Waits until the absence of a right is seen.
    async fn shows(&self, symptom: Symptom) -> Result<()> {
        let seen = || async { Ok(self.is_shown(symptom).await?.then_some(())) };
        eventually(&format!("{symptom:?}"), SEEN, seen).await
    }

    async fn is_shown(&self, symptom: Symptom) -> Result<bool> {
        match symptom {
            Symptom::WatchErrors(_)
            | Symptom::StatusesFailed
            | Symptom::EventsFailed
            | Symptom::PublishesFailed(_)
            | Symptom::LeaseErrors => Ok(self.count(symptom).await? > self.counted),
            Symptom::Logged(text) | Symptom::RouterLogged(text) => {
                let log = fs::read(self.process_log())?;
                let since = usize::try_from(self.log)?;
                Ok(String::from_utf8_lossy(&log[since..]).contains(text))
            }
            Symptom::Stale => {
                let metrics = self.site.router_metrics(RESTARTED).await?;
                Ok(metrics.lines().any(|line| line == "weir_router_tables_stale 1"))
            }
        }
    }

    /// What the operator has counted of a symptom; 0 of one that it does not count.
    async fn count(&self, symptom: Symptom) -> Result<u64> {
        let series = match symptom {
            Symptom::WatchErrors(kind) => {
                format!("weir_operator_watch_errors_total{{kind=\"{kind}\",reason=\"Forbidden\"}}")
            }
            Symptom::StatusesFailed => r#"weir_operator_status_patches_total{result="Forbidden"}"#.to_owned(),
            Symptom::EventsFailed => r#"weir_operator_events_total{result="Forbidden"}"#.to_owned(),
            Symptom::PublishesFailed(kind) => {
                format!("weir_operator_publishes_total{{kind=\"{kind}\",result=\"Forbidden\"}}")
            }
            Symptom::LeaseErrors => r#"weir_operator_lease_errors_total{reason="Forbidden"}"#.to_owned(),
            _ => return Ok(0),
        };
        self.metric(&series).await
    }

    async fn metric(&self, series: &str) -> Result<u64> {
        let metrics = self.site.operator_metrics().await?;
        let value = metrics
            .lines()
            .find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        Ok(value.unwrap_or_default())
    }

    fn process_log(&self) -> &std::path::Path {
        if self.account == ROUTER {
            self.site.routers[RESTARTED].process.log()
        } else {
            self.site.operator.log()
        }
    }

    /// Waits until something that was done later than the last deed, and needs no right that is away, is done.
    async fn goes_on(&self) -> Result<()> {
        if self.account == ROUTER {
            let other = || async { Ok(self.serves_this_step(1).await?.then_some(())) };
            self.site.cluster.apply(&self.policy()).await?;
            return eventually("the other router to go on", SEEN, other).await;
        }
        let control = weir(
            "FallbackPolicy",
            Some(&self.namespace),
            "control",
            &json!({"targets": [{
                "model": "openai/o1", "timeoutSeconds": self.step,
            }]}),
        );
        // The subject of the test may be this very kind.
        let control = [
            control,
            load_balancing(&self.namespace, "control-2", &[model("openai/o1", self.step)]),
        ];
        self.site.cluster.apply_all(&control).await?;
        let one = || async {
            for object in &control {
                if self.is_observed(object).await? {
                    return Ok(Some(()));
                }
            }
            Ok(None)
        };
        eventually("a neighbour to be followed", SEEN, one).await
    }

    async fn follows(&self, kind: &str) -> Result<bool> {
        self.is_observed(&self.object(kind)).await
    }

    /// Whether an object's status is about the spec that it has.
    async fn is_observed(&self, object: &Value) -> Result<bool> {
        let kind = object["kind"].as_str().unwrap_or_default();
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let found = self
            .site
            .cluster
            .get(kind, object["metadata"]["namespace"].as_str(), name)
            .await?;
        let found = found.context("no such object")?;
        Ok(found["status"]["observedGeneration"] == found["metadata"]["generation"])
    }

    /// An object of this kind, another with each step.
    fn object(&self, kind: &str) -> Value {
        let (here, step) = (Some(self.namespace.as_str()), self.step);
        let address =
            |path: &str| json!({"dialect": "OpenAI", "baseURL": format!("http://127.0.1:9/{path}{step}")});
        match kind {
            "Provider" => weir(kind, here, "subject", &address("p")),
            "ClusterProvider" => weir(kind, None, "rights-subject", &address("c")),
            "AccessKey" => {
                let keys = json!([{"secretRef": {"name": "web", "key": "key"}}]);
                access_key(
                    &self.namespace,
                    "subject",
                    &json!({"keys": keys, "models": [format!("openai/m{step}")]}),
                )
            }
            "FallbackPolicy" => {
                let target = json!({"model": "openai/o1", "timeoutSeconds": 30 + step});
                weir(kind, here, "subject", &json!({"targets": [target]}))
            }
            _ => load_balancing(&self.namespace, "subject", &[model("openai/o1", 1 + step)]),
        }
    }

    /// The policy whose only target is a model of this step's name, asked with the tenant's own key.
    fn policy(&self) -> Value {
        load_balancing(
            &self.namespace,
            "p",
            &[model(&format!("own/{}", self.target()), 1)],
        )
    }

    fn target(&self) -> String {
        format!("of-{}-{}", self.namespace, self.step)
    }

    /// A namespace of this step's own.
    fn other(&self) -> String {
        format!("{}-{}", self.namespace, self.step)
    }

    fn key(&self) -> String {
        format!("sk-of-step-{}", self.step)
    }

    /// The gathered Secret with the tenant's own key.
    fn shard(&self) -> String {
        secret_name(CredentialId::of_secret_key(&self.namespace, "own-key", "apiKey").shard())
    }

    async fn table(&self, namespace: &str) -> Result<Option<Value>> {
        self.site
            .cluster
            .get("ConfigMap", Some(SYSTEM), &format!("weir-ns-{namespace}"))
            .await
    }

    async fn alter(&self) -> Result<()> {
        let name = format!("weir-ns-{}", self.namespace);
        let words = [
            "patch",
            "configmap",
            &name,
            "-n",
            SYSTEM,
            "--type=merge",
            "-p",
            r#"{"data":{"table.json":"{}"}}"#,
        ];
        self.site.cluster.kubectl.run(&words).await?.success().map(drop)
    }

    async fn serves_this_step(&self, router: usize) -> Result<bool> {
        let name = format!("policy/{}/p", self.namespace);
        let answer = self
            .site
            .client
            .chat(self.site.routers[router].http, &name, "k", Shape::Plain)
            .await?;
        Ok(answer.header("x-weir-model") == format!("own/{}", self.target()))
    }

    /// Whether the restarted router sends the key of this step.
    async fn key_is_used(&self) -> Result<bool> {
        let name = format!("policy/{}/p", self.namespace);
        let answer = self
            .site
            .client
            .chat(self.site.routers[RESTARTED].http, &name, "k", Shape::Plain)
            .await?;
        answer.content(Shape::Plain)?;
        let asked = answer
            .header("x-weir-model")
            .trim_start_matches("own/")
            .to_owned();
        Ok(self.site.provider.authorization(&asked) == Some(format!("Bearer {}", self.key())))
    }

    /// Applies a policy with a reference into nowhere, and waits until its status says so.
    async fn spoil(&self, name: &str) -> Result<()> {
        let bad = load_balancing(&self.namespace, name, &[policy("absent", 1)]);
        self.site.cluster.apply(&bad).await?;
        self.site
            .cluster
            .condition(&bad, "ResolvedRefs", "False", SEEN)
            .await
            .map(drop)
    }

    async fn mend(&self, name: &str) -> Result<()> {
        let good = load_balancing(&self.namespace, name, &[model("openai/o1", 1)]);
        self.site.program(&[good], SEEN).await
    }

    /// Waits until an Event of a policy counts at least `count`.
    async fn told(&self, name: &str, count: u64) -> Result<()> {
        let told = || async { Ok((self.events(name).await? >= count).then_some(())) };
        eventually("an Event", SEEN, told).await
    }

    /// The most that any Event of a policy counts; 0 if there is none.
    async fn events(&self, name: &str) -> Result<u64> {
        let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", self.namespace);
        let events = self.site.cluster.raw(&path).await?;
        let about = |event: &&Value| event["regarding"]["name"] == name;
        let counts = events["items"].as_array().into_iter().flatten().filter(about);
        Ok(counts
            .map(|event| event["series"]["count"].as_u64().unwrap_or(1))
            .max()
            .unwrap_or(0))
    }
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// The only policy of a namespace.
fn one_of(namespace: &str) -> Value {
    load_balancing(namespace, "only", &[model("openai/o1", 1)])
}
