//! AccessKeys on routers that take nobody without one: whose namespace a key opens, what its lists leave, how it is
//! replaced and withdrawn, and that it is found nowhere but in its Secret.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;
use weir_tests::{
    client::{Answer, Client, Shape},
    fixtures::{access_key, caller_secret, load_balancing, model},
    identity::SYSTEM,
    load::{Load, Pace},
    poll::eventually,
    site::Site,
};

use crate::context::{Context, figure};

const SOON: Duration = Duration::from_secs(20);

/// How soon a key that was withdrawn must be refused.
const WITHDRAWN: Duration = Duration::from_secs(5);

/// A key of this name in this namespace.
fn key(namespace: &str, name: &str) -> String {
    format!("wk-{namespace}-{name}-0123456789abcdef")
}

/// Applies a Secret with a key, and an AccessKey over it; gives the key once every router takes it.
async fn caller(site: &Site, namespace: &str, name: &str, spec: &Value) -> Result<String> {
    let key = key(namespace, name);
    let mut spec = spec.clone();
    spec["keys"] = json!([reference(name)]);
    let objects = [
        caller_secret(namespace, name, &key),
        access_key(namespace, name, &spec),
    ];
    site.cluster.apply_all(&objects).await?;
    site.cluster.condition(&objects[1], "Ready", "True", SOON).await?;
    known(site, &key).await?;
    Ok(key)
}

fn reference(secret: &str) -> Value {
    json!({"secretRef": {"name": secret, "key": "key"}})
}

/// Waits until every router takes `key`.
async fn known(site: &Site, key: &str) -> Result<()> {
    everywhere(site, key, 200, SOON).await.map(drop)
}

/// Waits until every router answers whoever holds `key` with this status; how long that took.
async fn everywhere(site: &Site, key: &str, status: u16, within: Duration) -> Result<Duration> {
    let begun = Instant::now();
    let client = Client::holding(key)?;
    for router in &site.routers {
        let probe = || async {
            let answer = client.get(router.http, "/v1/models", None).await?;
            Ok((answer.status.as_u16() == status).then_some(()))
        };
        eventually(&format!("{} to answer {status}", router.name), within, probe).await?;
    }
    Ok(begun.elapsed())
}

/// A policy whose only target is a model of its own name.
async fn policy(site: &Site, namespace: &str, name: &str) -> Result<Value> {
    let target = format!("openai/{name}-of-{namespace}");
    let policy = load_balancing(namespace, name, &[model(&target, 1)]);
    site.program(std::slice::from_ref(&policy), SOON).await?;
    Ok(policy)
}

async fn chat(site: &Site, key: &str, model: &str) -> Result<Answer> {
    let client = Client::holding(key)?;
    client.chat(site.routers[0].http, model, "k", Shape::Plain).await
}

async fn status(site: &Site, key: &str, model: &str) -> Result<u16> {
    Ok(chat(site, key, model).await?.status.as_u16())
}

/// The ids that `GET /v1/models` lists.
async fn listed(site: &Site, key: &str) -> Result<Vec<String>> {
    let client = Client::holding(key)?;
    let list = client
        .get(site.routers[0].http, "/v1/models", None)
        .await?
        .json()?;
    let data = list["data"].as_array().context("no list")?;
    let ids = data.iter().filter_map(|model| model["id"].as_str());
    Ok(ids.map(str::to_owned).collect())
}

pub(crate) async fn nobody_is_let_in_without_a_valid_key(context: &Context) -> Result<()> {
    let site = &*context.guarded().await?;
    let namespace = site.cluster.namespace("keyless").await?;
    policy(site, &namespace, "p").await?;
    let name = format!("policy/{namespace}/p");
    for client in [Client::default(), Client::holding("sk-unused")?] {
        for router in &site.routers {
            let refused = [
                client.chat(router.http, &name, "k", Shape::Plain).await?,
                client.chat(router.http, &name, "k", Shape::Streamed).await?,
                client.get(router.http, "/v1/models", None).await?,
                client.post(router.http, "/v1/embeddings", "{").await?,
            ];
            for answer in refused {
                let expected = (401, "invalid_api_key".to_owned());
                ensure!(answer.error_code()? == expected, "{}", answer.text());
                ensure!(answer.header("www-authenticate") == "Bearer");
            }
        }
    }
    Ok(())
}

pub(crate) async fn a_key_opens_its_own_namespace_and_what_others_expose_to_it(
    context: &Context,
) -> Result<()> {
    let site = &*context.guarded().await?;
    let (one, two) = (
        site.cluster.namespace("tenant-one").await?,
        site.cluster.namespace("tenant-two").await?,
    );
    policy(site, &one, "p").await?;
    let mut exposed = policy(site, &two, "p").await?;
    let keys = [
        caller(site, &one, "web", &json!({})).await?,
        caller(site, &two, "web", &json!({})).await?,
    ];
    for (namespace, key) in [&one, &two].into_iter().zip(&keys) {
        let answer = chat(site, key, "policy/p").await?;
        let target = format!("openai/p-of-{namespace}");
        ensure!(answer.header("x-weir-model") == target, "{}", answer.text());
        ensure!(listed(site, key).await? == ["policy/p"]);
    }
    let elsewhere = format!("policy/{two}/p");
    ensure!(status(site, &keys[0], &elsewhere).await? == 404);
    exposed["spec"]["exposeTo"] = json!([one]);
    site.program(&[exposed.clone()], SOON).await?;
    ensure!(status(site, &keys[0], &elsewhere).await? == 200);
    ensure!(listed(site, &keys[0]).await? == ["policy/p".to_owned(), elsewhere.clone()]);
    exposed["spec"]["exposeTo"] = json!([]);
    site.program(&[exposed], SOON).await?;
    ensure!(status(site, &keys[0], &elsewhere).await? == 404);
    Ok(())
}

pub(crate) async fn a_key_may_name_what_its_lists_say_and_sees_nothing_else(context: &Context) -> Result<()> {
    let site = &*context.guarded().await?;
    let namespace = site.cluster.namespace("lists").await?;
    for name in ["listed", "hidden"] {
        policy(site, &namespace, name).await?;
    }
    let spec = json!({"policies": ["listed"], "models": ["openai/gpt-4o"]});
    let key = caller(site, &namespace, "web", &spec).await?;
    ensure!(status(site, &key, "policy/listed").await? == 200);
    ensure!(status(site, &key, "openai/gpt-4o").await? == 200);
    ensure!(listed(site, &key).await? == ["openai/gpt-4o", "policy/listed"]);
    for (hidden, unknown) in [("policy/hidden", "policy/absent"), ("openai/o1", "absent/o1")] {
        let (hidden_answer, unknown_answer) =
            (chat(site, &key, hidden).await?, chat(site, &key, unknown).await?);
        let (from, to) = (name(hidden), name(unknown));
        ensure!(hidden_answer.status == 404 && unknown_answer.status == 404);
        let shown = hidden_answer.text().replace(&from, &to);
        ensure!(
            shown == unknown_answer.text(),
            "{shown} and {}",
            unknown_answer.text()
        );
    }
    Ok(())
}

/// The part of a model's text that sets it apart: the policy's name, or the provider's.
fn name(model: &str) -> String {
    let (first, rest) = model.split_once('/').unwrap_or((model, ""));
    if first == "policy" { rest } else { first }.to_owned()
}

pub(crate) async fn a_key_is_replaced_without_a_failed_request(context: &Context) -> Result<()> {
    let site = &*context.guarded().await?;
    let namespace = site.cluster.namespace("rotation").await?;
    policy(site, &namespace, "p").await?;
    let old = caller(site, &namespace, "old", &json!({})).await?;
    let new = key(&namespace, "new");
    site.cluster
        .apply(&caller_secret(&namespace, "new", &new))
        .await?;
    let load = |key: &str| Load {
        bearer: Some(key.to_owned()),
        ..site.load("policy/p", Pace::PerSecond(100))
    };
    let with_old = load(&old).start();
    let keys = |keys: &[&str]| {
        let keys: Vec<Value> = keys.iter().map(|name| reference(name)).collect();
        access_key(&namespace, "old", &json!({ "keys": keys }))
    };
    site.cluster.apply(&keys(&["old", "new"])).await?;
    known(site, &new).await?;
    let with_new = load(&new).start();
    let enough = || async { Ok((with_new.count() >= 200).then_some(())) };
    eventually("callers with the new key", SOON, enough).await?;
    with_old.stop().await.all_good(200)?;
    site.cluster.apply(&keys(&["new"])).await?;
    everywhere(site, &old, 401, SOON).await?;
    let so_far = with_new.count();
    let more = || async { Ok((with_new.count() >= so_far + 200).then_some(())) };
    eventually("more of them", SOON, more).await?;
    let report = with_new.stop().await;
    figure(&format!(
        "a key replaced: {} requests with the new one, none failed",
        report.observations.len()
    ));
    report.all_good(400)
}

pub(crate) async fn a_withdrawn_key_is_refused_within_seconds(context: &Context) -> Result<()> {
    let site = &*context.guarded().await?;
    let namespace = site.cluster.namespace("withdrawn").await?;
    for (name, what) in [
        ("object", "its AccessKey"),
        ("secret", "its Secret"),
        ("label", "its label"),
    ] {
        let key = caller(site, &namespace, name, &json!({})).await?;
        match name {
            "object" => {
                site.cluster.delete("AccessKey", Some(&namespace), name).await?;
            }
            "secret" => site.cluster.delete("Secret", Some(&namespace), name).await?,
            _ => {
                let words = ["label", "secret", name, "-n", &namespace, "weir.dev/credential-"];
                site.cluster.kubectl.run(&words).await?.success()?;
            }
        }
        let took = everywhere(site, &key, 401, WITHDRAWN).await?;
        figure(&format!("a key without {what} refused after {took:?}"));
    }
    let spec = json!({"suspend": true, "keys": [reference("suspended")]});
    let key = caller(site, &namespace, "suspended", &json!({})).await?;
    let suspended = access_key(&namespace, "suspended", &spec);
    site.cluster.apply(&suspended).await?;
    let took = everywhere(site, &key, 401, WITHDRAWN).await?;
    figure(&format!("a suspended key refused after {took:?}"));
    let ready = site.cluster.condition(&suspended, "Ready", "True", SOON).await?;
    ensure!(ready["reason"] == "Suspended", "{ready}");
    Ok(())
}

pub(crate) async fn a_key_expires_by_the_clock(context: &Context) -> Result<()> {
    let site = &*context.guarded().await?;
    let namespace = site.cluster.namespace("expiry").await?;
    let end = k8s_openapi::jiff::Timestamp::now() + Duration::from_secs(8);
    let end = k8s_openapi::jiff::Timestamp::from_second(end.as_second())?;
    let key = caller(site, &namespace, "short", &json!({"expiresAt": end.to_string()})).await?;
    let took = everywhere(site, &key, 401, SOON).await?;
    let late = k8s_openapi::jiff::Timestamp::now().duration_since(end);
    ensure!(
        !late.is_negative(),
        "refused {late:?} before its time, {took:?} after it was taken"
    );
    figure(&format!("an expired key refused after {late:?}"));
    let object = access_key(&namespace, "short", &json!({}));
    let ready = site.cluster.condition(&object, "Ready", "False", SOON).await?;
    ensure!(ready["reason"] == "Expired", "{ready}");
    Ok(())
}

pub(crate) async fn a_key_of_two_holders_is_refused_for_both_until_one_lets_it_go(
    context: &Context,
) -> Result<()> {
    let site = &*context.guarded().await?;
    let (one, two) = (
        site.cluster.namespace("same-one").await?,
        site.cluster.namespace("same-two").await?,
    );
    let key = caller(site, &one, "web", &json!({})).await?;
    let copy = caller_secret(&two, "web", &key);
    let second = access_key(&two, "web", &json!({"keys": [reference("web")]}));
    site.cluster.apply_all(&[copy, second.clone()]).await?;
    everywhere(site, &key, 401, SOON).await?;
    let first = access_key(&one, "web", &json!({}));
    for object in [&first, &second] {
        let refs = site
            .cluster
            .condition(object, "ResolvedRefs", "False", SOON)
            .await?;
        ensure!(refs["reason"] == "KeyReused", "{refs}");
        let other = if *object == first { &two } else { &one };
        let told = refs["message"].as_str().unwrap_or_default();
        ensure!(
            !told.contains(other.as_str()),
            "a tenant is told of another: {told}"
        );
    }
    site.cluster.delete("AccessKey", Some(&two), "web").await?;
    site.cluster.condition(&first, "Ready", "True", SOON).await?;
    known(site, &key).await
}

pub(crate) async fn a_key_is_found_nowhere_but_in_its_secret(context: &Context) -> Result<()> {
    let site = &*context.guarded().await?;
    let namespace = site.cluster.namespace("canary").await?;
    policy(site, &namespace, "p").await?;
    let key = caller(site, &namespace, "canary", &json!({})).await?;
    chat(site, &key, "policy/p").await?.content(Shape::Plain)?;
    chat(site, &format!("{key}-and-more"), "policy/p").await?;
    let short = caller_secret(&namespace, "short", "canary-too-short");
    let unfit = access_key(&namespace, "unfit", &json!({"keys": [reference("short")]}));
    site.cluster.apply_all(&[short, unfit.clone()]).await?;
    let refs = site
        .cluster
        .condition(&unfit, "ResolvedRefs", "False", SOON)
        .await?;
    ensure!(refs["reason"] == "UnfitKey", "{refs}");

    let everything = traces(site).await?;
    ensure!(
        everything.iter().any(|(_, text)| text.contains("accessKeys")),
        "the tables were not looked at"
    );
    for secret in [key.as_str(), "canary-too-short"] {
        for needle in [secret.to_owned(), STANDARD.encode(secret)] {
            let found: Vec<&str> = everything
                .iter()
                .filter(|(_, text)| text.contains(&needle))
                .map(|(place, _)| place.as_str())
                .collect();
            ensure!(found.is_empty(), "a key stands in {found:?}");
        }
    }
    Ok(())
}

/// Every kind that Weir writes statuses of.
const KINDS: &str = "loadbalancingpolicies.weir.dev,fallbackpolicies.weir.dev,providers.weir.dev,\
                     clusterproviders.weir.dev,accesskeys.weir.dev";

/// Everything that Weir has written or says, with the name of each place.
async fn traces(site: &Site) -> Result<Vec<(String, String)>> {
    let kubectl =
        async |words: &[&str]| -> Result<String> { site.cluster.kubectl.run(words).await?.success() };
    let mut traces = vec![
        (
            "the tables".to_owned(),
            kubectl(&["get", "configmaps", "-n", SYSTEM, "-o", "yaml"]).await?,
        ),
        (
            "the credentials".to_owned(),
            kubectl(&["get", "secrets", "-n", SYSTEM, "-o", "yaml"]).await?,
        ),
        (
            "the resources".to_owned(),
            // By name: kubectl may remember from before that the category is unknown.
            kubectl(&["get", KINDS, "-A", "-o", "yaml"]).await?,
        ),
        (
            "the Events".to_owned(),
            kubectl(&["get", "events", "-A", "-o", "yaml"]).await?,
        ),
        (
            "the operator's metrics".to_owned(),
            site.operator_metrics().await?,
        ),
    ];
    for number in 0..site.routers.len() {
        let tables = site.tables(number).await?.to_string();
        traces.push((format!("the tables of router {number}"), tables));
        let metrics = site.router_metrics(number).await?;
        traces.push((format!("the metrics of router {number}"), metrics));
    }
    let logs = site
        .routers
        .iter()
        .map(|router| router.process.log())
        .chain([site.operator.log()]);
    for log in logs {
        traces.push((log.display().to_string(), std::fs::read_to_string(log)?));
    }
    Ok(traces)
}
