//! Providers and credentials, which are always live: what is taken away is out at once, and nobody gets another's.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;
use weir_table::{CredentialId, credential::secret_name};
use weir_tests::{
    client::Shape,
    fixtures::{load_balancing, model, provider, provider_secret},
    identity::SYSTEM,
    poll::eventually,
    site::Site,
};

use crate::context::{Context, figure};

const SOON: Duration = Duration::from_secs(20);

pub(crate) async fn a_provider_shadows_the_clusters_only_in_its_namespace(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let (with, without) = (
        site.cluster.namespace("shadow").await?,
        site.cluster.namespace("plain").await?,
    );
    let objects = [
        provider_secret(&with, "openai", "sk-of-a-tenant"),
        provider(&with, "openai", &site.provider.base_url("own-openai")),
    ];
    site.cluster.apply_all(&objects).await?;
    // A policy may be programmed before the operator has seen the provider.
    site.cluster
        .condition(&objects[1], "Accepted", "True", SOON)
        .await?;
    for namespace in [&with, &without] {
        let target = format!("openai/model-of-{namespace}");
        site.program(&[load_balancing(namespace, "p", &[model(&target, 1)])], SOON)
            .await?;
    }
    ensure!(played(site, &with).await? == "own-openai" && played(site, &without).await? == "openai");
    let key = |namespace: &str| site.provider.authorization(&format!("model-of-{namespace}"));
    ensure!(
        key(&with).as_deref() == Some("Bearer sk-of-a-tenant"),
        "{:?}",
        key(&with)
    );
    ensure!(
        key(&without).as_deref() == Some("Bearer sk-fake-openai"),
        "{:?}",
        key(&without)
    );
    Ok(())
}

/// Which provider the fake one played for the policy `p` of a namespace.
async fn played(site: &Site, namespace: &str) -> Result<String> {
    let name = format!("policy/{namespace}/p");
    let answer = site
        .client
        .chat(site.routers[0].http, &name, "k", Shape::Plain)
        .await?
        .json()?;
    Ok(answer["system_fingerprint"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

pub(crate) async fn a_key_of_ones_own_goes_only_to_its_target(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let namespace = site.cluster.namespace("byok").await?;
    let (own, managed) = (format!("own-{namespace}"), format!("managed-{namespace}"));
    let reference = json!({"secretRef": {"name": "mine-key", "key": "apiKey"}});
    let targets = [
        json!({"model": format!("openai/{own}"), "weight": 1, "credential": reference}),
        model(&format!("openai/{managed}"), 1),
    ];
    site.cluster
        .apply(&provider_secret(&namespace, "mine", "sk-mine"))
        .await?;
    site.program(&[load_balancing(&namespace, "p", &targets)], SOON)
        .await?;
    for number in 0..40 {
        let name = format!("policy/{namespace}/p");
        let answer = site
            .client
            .chat(site.routers[0].http, &name, &format!("k{number}"), Shape::Plain)
            .await?;
        answer.content(Shape::Plain)?;
    }
    let seen = [&own, &managed].map(|model| site.provider.authorization(model));
    let expected = ["Bearer sk-mine", "Bearer sk-fake-openai"].map(|value| Some(value.to_owned()));
    ensure!(seen == expected, "{seen:?}");
    Ok(())
}

pub(crate) async fn a_deleted_secret_is_out_at_once_and_harms_only_its_target(
    context: &Context,
) -> Result<()> {
    let site = &*context.common().await?;
    let namespace = site.cluster.namespace("gone").await?;
    let secret = provider_secret(&namespace, "own", "sk-own");
    let own = provider(&namespace, "own", &site.provider.base_url("own"));
    site.cluster
        .apply_all(&[
            secret.clone(),
            own.clone(),
            provider_secret(&namespace, "near", "sk-near"),
            provider(&namespace, "near", &site.provider.base_url("near")),
        ])
        .await?;
    let needs = load_balancing(&namespace, "needs", &[model("own/m", 1)]);
    let near = load_balancing(&namespace, "near", &[model("near/m", 1)]);
    let other = load_balancing(&namespace, "other", &[model("openai/o1", 1)]);
    site.program(&[needs.clone(), near, other], SOON).await?;
    ensure!(is_gathered(site, &namespace, "own").await? && is_gathered(site, &namespace, "near").await?);
    site.cluster.delete("Secret", Some(&namespace), "own-key").await?;
    let began = Instant::now();
    let refused = || async { Ok((status(site, &namespace, "needs").await? != 200).then_some(())) };
    eventually("the target without its key to fail", SOON, refused).await?;
    figure(&format!(
        "a deleted Secret was out of service after {:.0?}",
        began.elapsed()
    ));
    for neighbour in ["near", "other"] {
        let answered = status(site, &namespace, neighbour).await?;
        ensure!(answered == 200, "{neighbour}: {answered}");
    }
    let told = site
        .cluster
        .condition(&own, "ResolvedRefs", "False", SOON)
        .await?;
    ensure!(
        told["reason"] == "MissingSecret" && told["message"].to_string().contains("own-key"),
        "{told}"
    );
    let told = site
        .cluster
        .condition(&needs, "ResolvedRefs", "False", SOON)
        .await?;
    ensure!(
        told["reason"] == "ProviderNotReady" && told["message"].to_string().contains("own"),
        "{told}"
    );
    let forgotten = || async { Ok((!is_gathered(site, &namespace, "own").await?).then_some(())) };
    eventually("the value to be forgotten", SOON, forgotten).await?;
    ensure!(
        is_gathered(site, &namespace, "near").await?,
        "a neighbour's key went, too"
    );
    site.cluster.apply(&secret).await?;
    let served = || async { Ok((status(site, &namespace, "needs").await? == 200).then_some(())) };
    eventually("the target to have its key again", SOON, served).await?;
    site.cluster
        .condition(&needs, "Ready", "True", SOON)
        .await
        .map(drop)
}

/// Whether the key of a tenant's provider is among the gathered credentials.
async fn is_gathered(site: &Site, namespace: &str, provider: &str) -> Result<bool> {
    let id = CredentialId::of_secret_key(namespace, &format!("{provider}-key"), "apiKey");
    let secret = site
        .cluster
        .get("Secret", Some(SYSTEM), &secret_name(id.shard()))
        .await?;
    Ok(secret.is_some_and(|secret| secret["data"].get(id.as_str()).is_some()))
}

async fn status(site: &Site, namespace: &str, policy: &str) -> Result<u16> {
    let name = format!("policy/{namespace}/{policy}");
    Ok(site
        .client
        .chat(site.routers[1].http, &name, "k", Shape::Plain)
        .await?
        .status
        .as_u16())
}

pub(crate) async fn embeddings_are_spread_as_chats_are(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let namespace = site.cluster.namespace("embedding").await?;
    let policy = load_balancing(&namespace, "p", &[model("openai/text-embedding-3-small", 1)]);
    site.program(&[policy], SOON).await?;
    let body =
        json!({"model": format!("policy/{namespace}/p"), "input": "text", "requesty": {"user_id": "u"}});
    let answer = site
        .client
        .post(site.routers[0].http, "/v1/embeddings", body.to_string())
        .await?;
    let document: Value = answer.json()?;
    ensure!(
        document["data"][0]["embedding"]
            .as_array()
            .is_some_and(|vector| !vector.is_empty()),
        "{document}"
    );
    ensure!(
        answer.header("x-weir-model") == "openai/text-embedding-3-small",
        "{:?}",
        answer.headers
    );
    Ok(())
}
