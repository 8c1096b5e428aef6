//! What people rely on who keep policies in Git: an engine sees no difference where there is none, the operator is
//! nobody's rival for a field, and nothing of Weir's stands in the way of an apply, a diff or a deletion.
//!
//! Three promises are kept elsewhere: `operations::any_order_of_apply_heals`, `operations::writes_nothing_but_its_lease_at_rest`
//! and `disturbance::fifty_kills_leave_what_an_undisturbed_run_leaves`.

mod alone;
mod commits;
mod drift;
mod states;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use weir_tests::{
    audit::Audit,
    cluster::Cluster,
    fixtures::{access_key, caller_secret, load_balancing, model, policy, weir},
    identity::{OPERATOR, SYSTEM, user},
    poll::eventually,
    site::Site,
    tools::repository,
};

pub(crate) use self::{
    alone::{a_name_keeps_its_holder_over_restarts, everything_can_be_deleted_without_an_operator},
    commits::{
        a_reverted_commit_restores_the_published_bytes, the_example_rollout_moves_only_whom_the_hash_moves,
    },
    drift::{
        dry_runs_and_diffs_need_no_operator, no_engine_sees_a_difference_after_apply,
        the_examples_fit_argo_cds_and_fluxs_definitions,
    },
    states::{argo_cds_health_tests_pass, every_state_is_told_to_flux_helm_and_argo_cd},
};
use crate::context::{Context, found};

const SOON: Duration = Duration::from_secs(30);

/// The kinds that people write.
const KINDS: [&str; 5] = [
    "LoadBalancingPolicy",
    "FallbackPolicy",
    "Provider",
    "ClusterProvider",
    "AccessKey",
];

/// One object of each kind that a team keeps in Git, written as nobody would normalise it: out of order, with decimals,
/// capitals and empty lists.
fn team(namespace: &str) -> Vec<Value> {
    let provider = json!({
        "models": [{"name": "Z", "kind": "Chat"}, {"kind": "Embedding", "name": "a"}],
        "baseURL": "https://API.example.com/v1/",
        "dialect": "OpenAI",
        "credential": {"secretRef": {"name": "openai-key", "key": "apiKey"}},
    });
    let chain = json!({
        "on": ["Timeout", "RateLimited", "ConnectFailed"],
        "targets": [
            {"retries": 0, "model": "openai/o3-mini"},
            {"timeoutSeconds": 30, "model": "openai/gpt-4o", "retries": 2},
        ],
        "backoff": {"maxMilliseconds": 4000},
    });
    let split = json!({
        "salt": "Of The Team",
        "targets": [
            {"weight": 66.7, "policy": "chain", "name": "Z"},
            {"name": "a", "weight": 33.3, "model": "openai/o1"},
            {"model": "openai/gpt-4o", "weight": 0},
        ],
        "keyFrom": [{"header": "X-Team-User"}, {"field": "user"}],
        "exposeTo": [],
    });
    let key = json!({
        "policies": ["split"],
        "models": [],
        "keys": [{"secretRef": {"name": "caller", "key": "key"}}],
    });
    vec![
        weir("ClusterProvider", None, namespace, &provider),
        weir("LoadBalancingPolicy", Some(namespace), "split", &split),
        weir("FallbackPolicy", Some(namespace), "chain", &chain),
        caller_secret(
            namespace,
            "caller",
            &format!("wk-{namespace}-0123456789abcdef0123456789"),
        ),
        access_key(namespace, "caller", &key),
    ]
}

/// The objects among these that have a status of Weir's.
fn reported(objects: &[Value]) -> impl Iterator<Item = &Value> {
    objects.iter().filter(|object| object["kind"] != "Secret")
}

/// Waits until all of these are Ready.
async fn all_ready(cluster: &Cluster, objects: &[Value]) -> Result<()> {
    for object in reported(objects) {
        cluster.condition(object, "Ready", "True", SOON).await?;
    }
    Ok(())
}

/// The objects as they stand now.
async fn stored(cluster: &Cluster, objects: &[Value]) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for object in objects {
        all.push(read(cluster, object).await?);
    }
    Ok(all)
}

async fn read(cluster: &Cluster, object: &Value) -> Result<Value> {
    let (kind, name) = (object["kind"].as_str(), object["metadata"]["name"].as_str());
    let (kind, name) = kind.zip(name).context("an object without a kind or name")?;
    let namespace = object["metadata"]["namespace"].as_str();
    let now = cluster.get(kind, namespace, name).await?;
    now.with_context(|| format!("{kind} {name} is gone"))
}

/// A table's content and what is written on it, as far as it must not depend on what happened meanwhile.
async fn published(site: &Site, namespace: &str) -> Result<Value> {
    let name = format!("weir-ns-{namespace}");
    let map = site.cluster.get("ConfigMap", Some(SYSTEM), &name).await?;
    let map = map.with_context(|| format!("no ConfigMap {name}"))?;
    let (labels, annotations) = (&map["metadata"]["labels"], &map["metadata"]["annotations"]);
    Ok(json!([labels, annotations, map["data"], map["binaryData"]]))
}

pub(crate) async fn only_statuses_of_objects_are_written(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let namespace = site.cluster.namespace("written").await?;
    let objects = team(&namespace);
    site.cluster.apply_all(&objects).await?;
    all_ready(&site.cluster, &objects).await?;
    for object in stored(&site.cluster, &objects).await? {
        untouched(&object).with_context(|| object["kind"].to_string())?;
    }
    // Whatever other cases did to their objects meanwhile counts too.
    let control_plane = found(site.cluster.control_plane.as_ref(), "control plane of our own")?;
    let mut written = BTreeMap::new();
    for write in Audit::whole(&control_plane.audit_log()).writes()? {
        let own =
            write.namespace == SYSTEM && ["configmaps", "secrets", "leases"].contains(&&*write.resource);
        if write.user == user(OPERATOR) && !own {
            *written.entry(write.resource).or_insert(0) += 1;
        }
    }
    let mut statuses = 0;
    for kind in KINDS {
        let plural = weir_tests::cluster::resource(kind)?.plural;
        statuses += written.remove(&format!("{plural}/status")).unwrap_or(0);
    }
    ensure!(statuses > 0, "the log tells of no status that was written");
    written.remove("events");
    ensure!(written.is_empty(), "the operator wrote {written:?}");
    Ok(())
}

/// Everything but the status is as somebody else wrote it, by the server's own account.
fn untouched(object: &Value) -> Result<()> {
    let metadata = &object["metadata"];
    for field in ["finalizers", "ownerReferences", "annotations"] {
        ensure!(metadata[field].is_null(), "it has {field}: {}", metadata[field]);
    }
    let managers = metadata["managedFields"].as_array().context("no managedFields")?;
    let ours = managers.iter().filter(|entry| entry["manager"] != "weir-tests");
    for entry in ours {
        let fields = entry["fieldsV1"].as_object().context("no fields")?;
        let is_status = entry["subresource"] == "status" && fields.keys().all(|field| field == "f:status");
        ensure!(is_status && entry["manager"] == "weir-operator", "{entry}");
    }
    Ok(())
}

pub(crate) async fn nothing_is_defaulted_or_normalised_in_a_spec(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let namespace = site.cluster.namespace("verbatim").await?;
    let objects = team(&namespace);
    site.cluster.apply_all(&objects).await?;
    for moment in ["as it was stored", "once it was Ready"] {
        for (written, stored) in objects.iter().zip(stored(&site.cluster, &objects).await?) {
            ensure!(
                written["spec"] == stored["spec"],
                "{moment}: {} instead of {}",
                stored["spec"],
                written["spec"]
            );
        }
        all_ready(&site.cluster, &objects).await?;
    }
    let quoted = load_balancing(&namespace, "quoted", &[model("openai/o1", "50")]);
    let refused = site.cluster.apply(&quoted).await;
    let error = refused
        .err()
        .context("a weight in quotes was taken for a number")?;
    ensure!(
        format!("{error:#}").contains("spec.targets[0].weight"),
        "{error:#}"
    );
    Ok(())
}

pub(crate) async fn generations_count_specs_and_every_condition_names_its_own(
    context: &Context,
) -> Result<()> {
    let site = &*context.common().await?;
    let namespace = site.cluster.namespace("generations").await?;
    let mut objects = team(&namespace);
    site.cluster.apply_all(&objects).await?;
    all_ready(&site.cluster, &objects).await?;
    about(&stored(&site.cluster, &objects).await?, 1)?;
    for object in &mut objects {
        object["metadata"]["labels"]["team"] = "a".into();
    }
    site.cluster.apply_all(&objects).await?;
    about(&stored(&site.cluster, &objects).await?, 1)?;
    let edits = [
        ("/0/spec/region", json!("eu-central-1")),
        ("/1/spec/salt", json!("Another")),
        ("/2/spec/targets/0/retries", json!(1)),
        ("/4/spec/models", json!(["openai/o1"])),
    ];
    let mut edited = Value::Array(objects);
    for (path, value) in edits {
        let (parent, field) = path.rsplit_once('/').context("a path")?;
        edited.pointer_mut(parent).context("no such field")?[field] = value;
    }
    let edited: Vec<Value> = serde_json::from_value(edited)?;
    site.cluster.apply_all(&edited).await?;
    all_ready(&site.cluster, &edited).await?;
    about(&stored(&site.cluster, &edited).await?, 2)
}

/// All of these are in this generation, and every part of their status is about it.
fn about(objects: &[Value], generation: i64) -> Result<()> {
    for object in reported(objects) {
        let status = &object["status"];
        let conditions = status["conditions"].as_array().context("no conditions")?;
        let said = conditions
            .iter()
            .map(|condition| &condition["observedGeneration"]);
        let mut said = said.chain([&object["metadata"]["generation"], &status["observedGeneration"]]);
        ensure!(
            said.all(|of| *of == generation),
            "not all is about {generation}: {object}"
        );
    }
    Ok(())
}

pub(crate) async fn tables_are_marked_and_do_not_depend_on_the_order_of_apply(
    context: &Context,
) -> Result<()> {
    let site = &*context.common().await?;
    let namespace = site.cluster.namespace("tables").await?;
    let inner = load_balancing(
        &namespace,
        "inner",
        &[model("openai/o1", 1), model("openai/o3-mini", 2)],
    );
    let outer = load_balancing(&namespace, "outer", &[policy("inner", 1)]);
    let mut policies = vec![inner, outer];
    site.program(&policies, SOON).await?;
    let first = published(site, &namespace).await?;
    marked(site, &namespace).await?;
    for policy in &policies {
        let name = policy["metadata"]["name"].as_str().unwrap_or_default();
        site.cluster
            .delete("LoadBalancingPolicy", Some(&namespace), name)
            .await?;
    }
    let gone = || async { Ok(published(site, &namespace).await.is_err().then_some(())) };
    eventually("the emptied namespace's table to go", SOON, gone).await?;
    policies.reverse();
    site.program(&policies, SOON).await?;
    let second = published(site, &namespace).await?;
    ensure!(first == second, "{second}\ninstead of\n{first}");
    Ok(())
}

/// A table's `ConfigMap` says whose it is, and is no engine's to prune.
async fn marked(site: &Site, namespace: &str) -> Result<()> {
    let name = format!("weir-ns-{namespace}");
    let map = found(
        site.cluster.get("ConfigMap", Some(SYSTEM), &name).await?,
        "ConfigMap",
    )?;
    let metadata = &map["metadata"];
    let expected = [
        ("/labels/app.kubernetes.io~1managed-by", "weir-operator"),
        ("/labels/weir.dev~1namespace", namespace),
        (
            "/annotations/argocd.argoproj.io~1compare-options",
            "IgnoreExtraneous",
        ),
        ("/annotations/argocd.argoproj.io~1sync-options", "Prune=false"),
        ("/annotations/kustomize.toolkit.fluxcd.io~1prune", "disabled"),
    ];
    for (path, value) in expected {
        ensure!(
            metadata.pointer(path) == Some(&value.into()),
            "{path} is not {value}: {metadata}"
        );
    }
    // An owner in another namespace would have it collected; a label of Argo CD's would make it part of an Application.
    ensure!(
        metadata["ownerReferences"].is_null(),
        "it has an owner: {metadata}"
    );
    let labels = metadata["labels"].as_object().context("no labels")?;
    ensure!(!labels.contains_key("app.kubernetes.io/instance"), "{labels:?}");
    Ok(())
}

/// Where the scripts lie by which Argo CD tells an object's health.
fn health_scripts() -> std::path::PathBuf {
    repository().join("examples/argocd/resource_customizations")
}
