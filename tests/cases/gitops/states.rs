//! Every state that an object can be in, made for real, and what Flux, Helm and Argo CD take it for.
//!
//! The statuses are also the test data of the scripts for Argo CD: `UPDATE_GOLDEN=1` writes them anew.

use std::{fmt::Write as _, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use weir_tests::{
    fixtures::{access_key, caller_secret, fallback, load_balancing, model, policy, weir},
    identity::SYSTEM,
    poll::eventually,
    referee::{self, Judgement, Observed},
    site::Site,
};

use super::{SOON, health_scripts, read};
use crate::context::{Context, figure};

/// The namespace of the test data.
const TEAM: &str = "team-a";

/// One object in one state.
struct State {
    /// The name of its test data.
    file: &'static str,
    object: Value,
    /// What to wait for: a condition, its status and its reason.
    until: (&'static str, &'static str, &'static str),
    /// What the engines must say.
    expected: Expected,
}

/// What Flux and Helm wait for, and what Argo CD shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// All is well.
    Done,
    /// Keys are refused because somebody wants it so.
    Suspended,
    /// Another object, or time, may mend it.
    UnderWay,
    /// Only an edit can mend it.
    Failed,
}

impl Expected {
    fn kstatus(self) -> &'static str {
        match self {
            Self::Done | Self::Suspended => "Current",
            Self::UnderWay => "InProgress",
            Self::Failed => "Failed",
        }
    }

    fn health(self) -> &'static str {
        match self {
            Self::Done => "Healthy",
            Self::Suspended => "Suspended",
            Self::UnderWay => "Progressing",
            Self::Failed => "Degraded",
        }
    }
}

fn state(
    file: &'static str,
    object: Value,
    until: (&'static str, &'static str, &'static str),
    expected: Expected,
) -> State {
    State {
        file,
        object,
        until,
        expected,
    }
}

fn lbp(name: &str, targets: &[Value]) -> Value {
    load_balancing(TEAM, name, targets)
}

fn key(name: &str, extra: &Value) -> Value {
    let mut spec = json!({"keys": [{"secretRef": {"name": name, "key": "key"}}]});
    if let (Some(spec), Some(extra)) = (spec.as_object_mut(), extra.as_object()) {
        spec.extend(extra.clone());
    }
    access_key(TEAM, name, &spec)
}

fn provider(name: &str, secret: &str) -> Value {
    let credential = json!({"secretRef": {"name": secret, "key": "apiKey"}});
    let spec =
        json!({"dialect": "OpenAI", "baseURL": "https://api.example.com/v1", "credential": credential});
    weir("ClusterProvider", None, name, &spec)
}

/// What has to be there first.
fn before() -> Vec<Value> {
    let secret =
        |name: &str| caller_secret(TEAM, name, &format!("wk-{name}-0123456789abcdef0123456789abcdef"));
    vec![
        lbp("turns-bad", &[model("openai/o1", 1)]),
        fallback(TEAM, "turns-round", &["openai/o1"]),
        secret("web"),
        secret("paused"),
        secret("past"),
    ]
}

/// The states that an operator and routers which do their work bring about.
fn settled() -> Vec<State> {
    let all = [accepted(), waiting(), refused()];
    all.into_iter().flatten().collect()
}

/// Of objects with which all is well.
fn accepted() -> Vec<State> {
    use Expected::{Done, Suspended};
    let split = [model("openai/o1", 80), policy("chain", 20)];
    vec![
        state(
            "chain_ready",
            fallback(TEAM, "chain", &["openai/o3-mini"]),
            ("Ready", "True", "Ready"),
            Done,
        ),
        state(
            "split_ready",
            lbp("split", &split),
            ("Ready", "True", "Ready"),
            Done,
        ),
        state(
            "provider_ready",
            provider("public", "openai-key"),
            ("Ready", "True", "Ready"),
            Done,
        ),
        state(
            "access_key_ready",
            key("web", &json!({})),
            ("Ready", "True", "Ready"),
            Done,
        ),
        state(
            "access_key_suspended",
            key("paused", &json!({"suspend": true})),
            ("Ready", "True", "Suspended"),
            Suspended,
        ),
    ]
}

/// Of objects that lack what others may still bring.
fn waiting() -> Vec<State> {
    use Expected::UnderWay;
    vec![
        state(
            "split_reconciling",
            lbp("early", &[policy("absent", 1)]),
            ("ResolvedRefs", "False", "UnknownPolicy"),
            UnderWay,
        ),
        state(
            "split_last_good_serving",
            lbp("turns-bad", &[policy("absent", 1)]),
            ("Programmed", "False", "LastGoodServing"),
            UnderWay,
        ),
        state(
            "provider_reconciling",
            provider("keyless", "absent"),
            ("Ready", "False", "MissingSecret"),
            UnderWay,
        ),
        state(
            "access_key_reconciling",
            key("early", &json!({})),
            ("Ready", "False", "MissingSecret"),
            UnderWay,
        ),
    ]
}

/// Of objects that only an edit can mend.
fn refused() -> Vec<State> {
    use Expected::Failed;
    let mut round = fallback(TEAM, "turns-round", &[]);
    round["spec"]["targets"] = json!([{"policy": "turns-round"}]);
    let past = json!({"expiresAt": "2026-01-01T00:00:00Z"});
    vec![
        state(
            "split_stalled",
            lbp("loop", &[policy("loop", 1)]),
            ("Accepted", "False", "Cycle"),
            Failed,
        ),
        state(
            "chain_conflict",
            fallback(TEAM, "split", &["openai/o1"]),
            ("Accepted", "False", "Conflict"),
            Failed,
        ),
        state(
            "chain_last_good_stalled",
            round,
            ("Programmed", "False", "LastGoodServing"),
            Failed,
        ),
        state(
            "access_key_expired",
            key("past", &past),
            ("Accepted", "False", "Expired"),
            Failed,
        ),
    ]
}

/// A policy that no router serves.
fn unserved() -> State {
    let object = lbp("split", &[model("openai/o1", 80), policy("chain", 20)]);
    state(
        "split_programmed_false",
        object,
        ("Programmed", "False", "NoRouters"),
        Expected::UnderWay,
    )
}

/// What nobody has looked at.
fn fresh() -> Vec<State> {
    let until = ("Ready", "Unknown", "Pending");
    let under_way = Expected::UnderWay;
    vec![
        state(
            "split_fresh",
            lbp("fresh", &[model("openai/o1", 1)]),
            until,
            under_way,
        ),
        state(
            "chain_fresh",
            fallback(TEAM, "fresh-chain", &["openai/o1"]),
            until,
            under_way,
        ),
        state(
            "provider_fresh",
            provider("fresh", "openai-key"),
            until,
            under_way,
        ),
        state("access_key_fresh", key("fresh", &json!({})), until, under_way),
    ]
}

pub(crate) async fn every_state_is_told_to_flux_helm_and_argo_cd(context: &Context) -> Result<()> {
    let site = context.lonely().await?;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}});
    site.cluster.apply(&namespace).await?;
    site.program(&before()[..2], SOON).await?;
    site.cluster.apply_all(&before()[2..]).await?;
    let mut seen = Vec::new();
    let settled = settled();
    for state in &settled {
        site.cluster.apply(&state.object).await?;
    }
    for state in settled {
        seen.push(reached(&site, state, Moment::Settled).await?);
    }
    seen.push(without_routers(&site).await?);
    site.operator.kill().await?;
    let edited = lbp("split", &[model("openai/o1", 70), policy("chain", 30)]);
    let edited = state(
        "split_edited",
        edited,
        ("Ready", "True", "Ready"),
        Expected::UnderWay,
    );
    site.cluster.apply(&edited.object).await?;
    seen.push(reached(&site, edited, Moment::Passing).await?);
    for state in fresh() {
        site.cluster.apply(&state.object).await?;
        seen.push(reached(&site, state, Moment::Settled).await?);
    }
    site.restart_operator().await?;
    judged(context, &seen).await?;
    recorded(&seen)
}

/// Whether a controller had finished with what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Settled,
    /// The spec is newer than the status.
    Passing,
}

/// A state, and how it was seen.
struct Seen {
    state: State,
    moment: Moment,
    object: Value,
    yaml: String,
}

/// Waits until an object is in its state.
async fn reached(site: &Site, state: State, moment: Moment) -> Result<Seen> {
    let (kind, status, reason) = state.until;
    let probe = || async {
        let object = read(&site.cluster, &state.object).await?;
        let is_current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
        let conditions = object["status"]["conditions"]
            .as_array()
            .context("no conditions")?;
        let found = conditions.iter().find(|condition| condition["type"] == kind);
        let found = found.with_context(|| format!("no {kind}"))?;
        let is_there = found["status"] == status && found["reason"] == reason;
        ensure!(
            is_there && is_current == (status != "Unknown" && moment == Moment::Settled),
            "{object}"
        );
        Ok(Some(object))
    };
    let object = eventually(state.file, SOON, probe).await?;
    let yaml = written(site, &object).await?;
    Ok(Seen {
        state,
        moment,
        object,
        yaml,
    })
}

/// What becomes of a policy's status while no router is ready.
async fn without_routers(site: &Site) -> Result<Seen> {
    let mut slices = site.cluster.list("EndpointSlice", SYSTEM).await?;
    for slice in &slices {
        let name = slice["metadata"]["name"].as_str().unwrap_or_default();
        site.cluster.delete("EndpointSlice", Some(SYSTEM), name).await?;
    }
    let seen = reached(site, unserved(), Moment::Settled).await?;
    for slice in &mut slices {
        let name = slice["metadata"]["name"].clone();
        let labels = slice["metadata"]["labels"].clone();
        slice["metadata"] = json!({"name": name, "namespace": SYSTEM, "labels": labels});
        slice["apiVersion"] = "discovery.k8s.io/v1".into();
        slice["kind"] = "EndpointSlice".into();
    }
    site.cluster.apply_all(&slices).await?;
    reached(site, settled().swap_remove(1), Moment::Settled).await?;
    Ok(seen)
}

/// An object as `kubectl` writes it, without what differs from run to run.
async fn written(site: &Site, object: &Value) -> Result<String> {
    let name = format!("{}/{}", object["kind"], object["metadata"]["name"]).replace('"', "");
    let yaml = site
        .cluster
        .kubectl
        .run(&["get", &name, "-n", TEAM, "-o", "yaml"])
        .await?;
    let mut kept = String::new();
    for line in yaml.success()?.lines() {
        let is_passing = ["uid:", "resourceVersion:", "creationTimestamp:"];
        if is_passing
            .iter()
            .any(|field| line.trim_start().starts_with(field))
        {
            continue;
        }
        let timeless = match line.split_once("lastTransitionTime: ") {
            Some((before, _)) => format!("{before}lastTransitionTime: \"2026-01-01T00:00:00Z\""),
            None => line.to_owned(),
        };
        writeln!(kept, "{timeless}")?;
    }
    Ok(kept)
}

/// What the engines say of every state is what they must say.
async fn judged(context: &Context, seen: &[Seen]) -> Result<()> {
    let observed: Vec<Observed> = seen
        .iter()
        .map(|seen| Observed {
            settled: seen.moment == Moment::Settled,
            object: seen.object.clone(),
        })
        .collect();
    let judgements = referee::judge(&context.tools, &health_scripts(), &observed).await?;
    ensure!(judgements.len() == seen.len(), "not every state was judged");
    let mut wrong = String::new();
    for (seen, judgement) in seen.iter().zip(&judgements) {
        if !is_right(seen, judgement) {
            writeln!(
                wrong,
                "{}: {judgement:?} of {}",
                seen.state.file, seen.object["status"]
            )?;
        }
    }
    ensure!(wrong.is_empty(), "{wrong}");
    figure(&format!(
        "{} states judged by Flux, kstatus and Argo CD",
        seen.len()
    ));
    Ok(())
}

fn is_right(seen: &Seen, judgement: &Judgement) -> bool {
    let expected = seen.state.expected;
    let said = (&*judgement.kstatus, &*judgement.health.status);
    // The generation -1 of what nobody has looked at counts as none.
    let advice = match seen.object["status"]["observedGeneration"].as_i64() {
        Some(-1) => "Missing ObservedGeneration from status condition: [Ready]",
        _ => "",
    };
    said == (expected.kstatus(), expected.health()) && judgement.fail.is_empty() && judgement.warn == advice
}

fn test_data() -> PathBuf {
    health_scripts().join("weir.dev/_")
}

/// The test data of the scripts is what was seen.
fn recorded(seen: &[Seen]) -> Result<()> {
    let mut stale = Vec::new();
    for seen in seen {
        let path = test_data()
            .join("testdata")
            .join(format!("{}.yaml", seen.state.file));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &seen.yaml)?;
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != seen.yaml {
            stale.push(format!("{}:\n{}", path.display(), seen.yaml));
        }
    }
    ensure!(
        stale.is_empty(),
        "not what was seen; UPDATE_GOLDEN=1 writes it anew: {}",
        stale.join("\n")
    );
    let tests = std::fs::read_to_string(test_data().join("health_test.yaml"))?;
    let untested = seen
        .iter()
        .find(|seen| !tests.contains(&format!("testdata/{}.yaml", seen.state.file)));
    ensure!(
        untested.is_none(),
        "{:?} is not tested",
        untested.map(|seen| seen.state.file)
    );
    Ok(())
}

pub(crate) async fn argo_cds_health_tests_pass(context: &Context) -> Result<()> {
    let runs = referee::health_tests(&context.tools, &health_scripts()).await?;
    let wrong: Vec<_> = runs.iter().filter(|run| run.got != run.expected).collect();
    ensure!(!runs.is_empty() && wrong.is_empty(), "{wrong:#?}");
    Ok(())
}
