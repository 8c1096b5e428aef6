//! Bad input that only the operator can see: what its status says, and that nothing else changed.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use weir_tests::{
    fixtures::{fallback, load_balancing, model, policy, weir},
    site::Site,
};

use crate::context::{Context, found};

const SOON: Duration = Duration::from_secs(20);

/// One mistake: the objects that make it, in the order in which they are applied, and what the last one's status says.
struct Mistake {
    name: &'static str,
    objects: Vec<Value>,
    condition: &'static str,
    reason: &'static str,
    says: &'static [&'static str],
}

pub(crate) async fn each_mistake_is_explained_and_harms_only_itself(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let runs = mistakes().into_iter().map(|mistake| async move {
        let name = mistake.name;
        made(site, mistake)
            .await
            .with_context(|| format!("the mistake {name:?}"))
    });
    let wrong: Vec<String> = futures::future::join_all(runs)
        .await
        .into_iter()
        .filter_map(|outcome| outcome.err().map(|error| format!("{error:#}")))
        .collect();
    ensure!(
        wrong.is_empty(),
        "{} of them went wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    Ok(())
}

async fn made(site: &Site, mistake: Mistake) -> Result<()> {
    let namespace = site.cluster.namespace("mistake").await?;
    let good = load_balancing(&namespace, "good", &[model("openai/o1", 1)]);
    site.program(std::slice::from_ref(&good), SOON).await?;
    let before = stored(site, &namespace, &good).await?;
    let objects: Vec<Value> = mistake
        .objects
        .iter()
        .map(|object| within(object, &namespace))
        .collect();
    site.cluster.apply_all(&objects).await?;
    let wrong = found(objects.last(), "object")?;
    let condition = site
        .cluster
        .condition(wrong, mistake.condition, "False", SOON)
        .await?;
    ensure!(condition["reason"] == mistake.reason, "the reason is {condition}");
    let message = condition["message"].as_str().unwrap_or_default();
    for part in mistake.says {
        ensure!(message.contains(part), "{message:?} does not say {part:?}");
    }
    site.cluster.condition(wrong, "Ready", "False", SOON).await?;
    let after = stored(site, &namespace, &good).await?;
    ensure!(
        before == after,
        "the good neighbour has changed: {before} is now {after}"
    );
    site.served(&format!("policy/{namespace}/good"), SOON).await?;
    if mistake.reason != "Conflict" {
        let name = wrong["metadata"]["name"].as_str().unwrap_or_default();
        site.answers(&format!("policy/{namespace}/{name}"), SOON, not_found())
            .await?;
    }
    Ok(())
}

/// What an unknown policy is answered with.
pub(crate) fn not_found() -> (u16, String) {
    (404, String::from("model_not_found"))
}

fn within(object: &Value, namespace: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["namespace"] = namespace.into();
    object
}

/// Spec and status, and the version at which they were last written.
async fn stored(site: &Site, namespace: &str, object: &Value) -> Result<Value> {
    let (kind, name) = (object["kind"].as_str(), object["metadata"]["name"].as_str());
    let kind = kind.context("an object without a kind")?;
    let now = site
        .cluster
        .get(kind, Some(namespace), name.unwrap_or_default())
        .await?
        .context("it is gone")?;
    Ok(json!([
        now["metadata"]["resourceVersion"],
        now["spec"],
        now["status"]
    ]))
}

fn mistakes() -> Vec<Mistake> {
    let mut all = references();
    all.extend(shapes());
    all
}

fn references() -> Vec<Mistake> {
    let mistake = |name, objects, reason, says| Mistake {
        name,
        objects,
        condition: "ResolvedRefs",
        reason,
        says,
    };
    vec![
        mistake(
            "unknown policy",
            vec![lbp("wrong", &[policy("nope", 1)])],
            "UnknownPolicy",
            &["nope", "targets[0]"],
        ),
        mistake(
            "unknown provider",
            vec![lbp("wrong", &[model("nobody/x", 1)])],
            "UnknownProvider",
            &["nobody", "targets[0]"],
        ),
        mistake(
            "missing Secret",
            vec![lbp("wrong", &[with_credential("absent", "apiKey")])],
            "MissingSecret",
            &["absent", "targets[0]"],
        ),
        mistake(
            "missing key",
            vec![
                secret("half", &json!({"weir.dev/credential": "true"})),
                lbp("wrong", &[with_credential("half", "other")]),
            ],
            "MissingKey",
            &["half", "other"],
        ),
        mistake(
            "Secret without the label",
            vec![
                secret("bare", &json!({})),
                lbp("wrong", &[with_credential("bare", "apiKey")]),
            ],
            "MissingSecret",
            &["bare", "weir.dev/credential"],
        ),
    ]
}

fn shapes() -> Vec<Mistake> {
    let mistake = |name, objects, reason, says| Mistake {
        name,
        objects,
        condition: "Accepted",
        reason,
        says,
    };
    vec![
        mistake(
            "a policy of itself",
            vec![lbp("loop", &[policy("loop", 1)])],
            "Cycle",
            &["loop"],
        ),
        mistake(
            "a cycle of three",
            vec![
                lbp("first", &[policy("second", 1)]),
                lbp("second", &[policy("third", 1)]),
                lbp("third", &[policy("first", 1)]),
            ],
            "Cycle",
            &["first", "second", "third"],
        ),
        mistake("nesting of nine", nest(9), "TooDeep", &["8"]),
        mistake("more than 256 models", wide(), "TooManyModels", &["256"]),
        mistake(
            "two kinds of one name",
            vec![lbp("same", &[model("openai/o1", 1)]), fbp("same", &["openai/o1"])],
            "Conflict",
            &["LoadBalancingPolicy"],
        ),
        mistake(
            "an embedding model two levels below a chat policy",
            vec![
                lbp("low", &[model("openai/text-embedding-3-small", 1)]),
                lbp("middle", &[policy("low", 1)]),
                lbp("mixed", &[model("openai/gpt-4o", 1), policy("middle", 1)]),
            ],
            "MixedKinds",
            &["openai/gpt-4o", "openai/text-embedding-3-small", "low"],
        ),
        mistake(
            "embeddings of different dimensions",
            vec![lbp(
                "sizes",
                &[
                    model("openai/text-embedding-3-small", 1),
                    model("openai/text-embedding-3-large", 1),
                ],
            )],
            "MixedDimensions",
            &["1536", "3072"],
        ),
        mistake("one salt on two levels", same_salt(), "SaltReused", &["pepper"]),
    ]
}

fn lbp(name: &str, targets: &[Value]) -> Value {
    load_balancing("", name, targets)
}

fn fbp(name: &str, models: &[&str]) -> Value {
    fallback("", name, models)
}

fn with_credential(secret: &str, key: &str) -> Value {
    json!({"model": "openai/o1", "weight": 1, "credential": {"secretRef": {"name": secret, "key": key}}})
}

fn secret(name: &str, labels: &Value) -> Value {
    let metadata = json!({"name": name, "labels": labels});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"apiKey": "sk-x"}})
}

/// So many policies, each the only target of the next; the last is the outermost.
fn nest(levels: usize) -> Vec<Value> {
    let inner = lbp("level-1", &[model("openai/o1", 1)]);
    let outer = (2..=levels).map(|level| {
        lbp(
            &format!("level-{level}"),
            &[policy(&format!("level-{}", level - 1), 1)],
        )
    });
    std::iter::once(inner).chain(outer).collect()
}

/// Five policies of 64 models each, and one above them.
fn wide() -> Vec<Value> {
    let models = |part: usize| -> Vec<Value> {
        (0..64)
            .map(|number| model(&format!("openai/model-{part}-{number}"), 1))
            .collect()
    };
    let mut objects: Vec<Value> = (0..5)
        .map(|part| lbp(&format!("part-{part}"), &models(part)))
        .collect();
    let parts: Vec<Value> = (0..5).map(|part| policy(&format!("part-{part}"), 1)).collect();
    objects.push(lbp("wide", &parts));
    objects
}

fn same_salt() -> Vec<Value> {
    let salted = |name: &str, target: Value| {
        weir(
            "LoadBalancingPolicy",
            None,
            name,
            &json!({"salt": "pepper", "targets": [target]}),
        )
    };
    vec![
        salted("inner", model("openai/o1", 1)),
        salted("outer", policy("inner", 1)),
    ]
}

/// An object stored under an older, laxer schema must not hide its neighbours from the operator.
pub(crate) async fn an_undecodable_object_does_not_hide_its_neighbours(context: &Context) -> Result<()> {
    let site = context.own("undecodable").await?;
    let namespace = site.cluster.namespace("beside").await?;
    let good = load_balancing(&namespace, "good", &[model("openai/o1", 1)]);
    site.program(std::slice::from_ref(&good), SOON).await?;
    store_unchecked(&site, &namespace).await?;
    site.restart_operator().await?;
    let later = load_balancing(&namespace, "later", &[model("openai/o1", 1)]);
    site.program(&[later], Duration::from_mins(1)).await?;
    site.served(&format!("policy/{namespace}/good"), SOON).await?;
    let undecodable = lbp("broken", &[]);
    site.cluster
        .condition(&within(&undecodable, &namespace), "Accepted", "False", SOON)
        .await
        .map(drop)
}

/// Stores an object that the schema refuses, by lifting the schema for a moment.
async fn store_unchecked(site: &Site, namespace: &str) -> Result<()> {
    let name = "loadbalancingpolicies.weir.dev";
    let schema = "/spec/versions/0/schema/openAPIV3Schema";
    let lax = json!([{"op": "replace", "path": schema, "value": {
        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
    }}]);
    let patch = ["patch", "crd", name, "--type=json", "-p", &lax.to_string()];
    site.cluster.kubectl.run(&patch).await?.success()?;
    let broken = weir(
        "LoadBalancingPolicy",
        Some(namespace),
        "broken",
        &json!({"targets": "all of them"}),
    );
    let stored = || async { Ok(Some(site.cluster.apply(&broken).await?)) };
    weir_tests::poll::eventually("the lax schema to be in force", SOON, stored).await?;
    site.cluster
        .kubectl
        .apply_path(&weir_tests::tools::repository().join("crds"))
        .await
        .map(drop)
}
