//! Providers that fail, and who answers instead: through the whole path, by the official SDKs.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use weir_tests::{
    client::Shape,
    fake_provider::{
        answer::content,
        script::{Behaviour, Ending, Script},
    },
    fixtures::{fallback, load_balancing, model, policy},
    sdk::Sdk,
    site::Site,
};

use crate::context::Context;

const SOON: Duration = Duration::from_secs(20);

/// A chain of two models that nothing else uses, and a split above it.
struct Chain {
    namespace: String,
    first: String,
    second: String,
}

impl Chain {
    async fn new(site: &Site, name: &str) -> Result<Self> {
        let namespace = site.cluster.namespace(name).await?;
        let (first, second) = (format!("first-of-{namespace}"), format!("second-of-{namespace}"));
        let targets = [format!("openai/{first}"), format!("anthropic/{second}")];
        let chain = fallback(&namespace, "chain", &[&targets[0], &targets[1]]);
        let above = load_balancing(&namespace, "above", &[policy("chain", 1)]);
        site.program(&[chain, above], SOON).await?;
        Ok(Self {
            namespace,
            first,
            second,
        })
    }

    fn name(&self) -> String {
        format!("policy/{}/above", self.namespace)
    }
}

/// How the first provider fails before anything of its answer has been seen.
fn failures() -> Vec<(&'static str, Behaviour)> {
    let cut = |after| Behaviour::words(8).ending(Ending::Reset { after });
    vec![
        ("500", Behaviour::status(500)),
        ("503", Behaviour::status(503)),
        ("401", Behaviour::status(401)),
        ("404", Behaviour::status(404)),
        ("429", Behaviour::status(429)),
        ("a reset before the head", cut(0)),
        ("a reset within the head", cut(20)),
        (
            "no HTTP at all",
            Behaviour::raw("What?\r\n\r\n").ending(Ending::Close { after: 9 }),
        ),
    ]
}

pub(crate) async fn the_next_model_answers_when_the_first_fails(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let mut chains = Vec::new();
    for (name, behaviour) in failures() {
        let chain = Chain::new(site, "failover").await?;
        site.provider.script(&chain.first, Script::always(behaviour));
        chains.push((name, chain));
    }
    let asked = chains.iter().map(|(name, chain)| async move {
        for (sdk, shape) in [(Sdk::Python, Shape::Plain), (Sdk::Node, Shape::Streamed)] {
            let base_url = format!("http://{}/v1", site.routers[0].http);
            let keys = [format!("{name} {shape:?}")];
            let calls = sdk
                .chat(&site.tools, &base_url, &chain.name(), shape, &keys)
                .await?;
            let call = &calls[&keys[0]];
            ensure!(
                call.model == chain.second && call.content == content(8),
                "after {name}: {call:?}"
            );
            ensure!(
                call.target == format!("anthropic/{}", chain.second),
                "after {name}: {call:?}"
            );
        }
        Ok(())
    });
    futures::future::try_join_all(asked).await.map(drop)
}

pub(crate) async fn a_passing_failure_is_retried_on_the_same_model(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let chain = Chain::new(site, "retry").await?;
    site.provider
        .script(&chain.first, Script::first(1, &Behaviour::status(500)));
    let answer = site
        .client
        .chat(site.routers[0].http, &chain.name(), "k", Shape::Plain)
        .await?;
    ensure!(answer.content(Shape::Plain)? == content(8));
    ensure!(answer.header("x-weir-attempts") == "2", "{:?}", answer.headers);
    ensure!(
        answer.header("x-weir-model") == format!("openai/{}", chain.first),
        "{:?}",
        answer.headers
    );
    ensure!(
        answer.header("x-weir-path") == "above/chain",
        "{:?}",
        answer.headers
    );
    ensure!(
        site.provider.asked(&chain.second) == 0,
        "the next model was asked, too"
    );
    Ok(())
}

/// Once content was sent, there is no second attempt, and a truncated answer never looks whole.
pub(crate) async fn a_stream_cut_after_content_never_looks_whole(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let chain = Chain::new(site, "cut").await?;
    let late = Behaviour::words(8).paced(20).ending(Ending::Reset { after: 900 });
    site.provider.script(&chain.first, Script::always(late));
    let answer = site
        .client
        .chat(site.routers[0].http, &chain.name(), "k", Shape::Streamed)
        .await?;
    let text = answer.text();
    ensure!(text.contains("w0 "), "no content was sent before the cut: {text}");
    ensure!(
        !text.contains("[DONE]") && text.contains("\"error\""),
        "a cut stream looks whole: {text}"
    );
    ensure!(text.contains("StreamCut"), "{text}");
    ensure!(
        site.provider.asked(&chain.second) == 0,
        "another model was asked after content was sent"
    );
    Ok(())
}

pub(crate) async fn all_failed_is_told_so_that_sdks_do_not_repeat_it(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let chain = Chain::new(site, "exhausted").await?;
    for model in [&chain.first, &chain.second] {
        site.provider
            .script(model, Script::always(Behaviour::status(401)));
    }
    let answer = site
        .client
        .chat(site.routers[0].http, &chain.name(), "k", Shape::Plain)
        .await?;
    ensure!(answer.status.as_u16() == 502, "{}", answer.text());
    ensure!(answer.header("x-should-retry") == "false", "{:?}", answer.headers);
    ensure!(
        answer.json()?["error"]["class"] == "Unauthorized",
        "{}",
        answer.text()
    );
    ensure!(
        !answer.text().contains("fake 401"),
        "the provider's words about a managed key were passed on"
    );
    Ok(())
}

/// What is the caller's own business, and what is Weir's, on the way to a provider.
pub(crate) async fn a_provider_sees_the_request_without_what_is_weirs(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let namespace = site.cluster.namespace("body").await?;
    let target = format!("model-of-{namespace}");
    site.program(
        &[load_balancing(
            &namespace,
            "p",
            &[model(&format!("openai/{target}"), 1)],
        )],
        SOON,
    )
    .await?;
    let body = json!({
        "requesty": {"trace_id": "t", "tags": ["a"]},
        "model": format!("policy/{namespace}/p"),
        "messages": [{"role": "user", "content": "é\u{1F600}"}],
        "temperature": 0.10,
        "unknown": {"deep": [1, 2.50, null]},
    });
    let answer = site
        .client
        .post(site.routers[0].http, "/v1/chat/completions", body.to_string())
        .await?;
    answer.content(Shape::Plain)?;
    let requests = site.provider.take_requests();
    let seen = requests.iter().find(|request| request.model == target);
    let seen = crate::context::found(seen, "recorded request")?;
    let mut expected = body;
    expected["model"] = target.into();
    if let Some(members) = expected.as_object_mut() {
        members.remove("requesty");
    }
    ensure!(
        serde_json::from_slice::<Value>(&seen.body)? == expected,
        "{}",
        String::from_utf8_lossy(&seen.body)
    );
    ensure!(
        seen.header("authorization") == Some("Bearer sk-fake-openai"),
        "{:?}",
        seen.headers
    );
    ensure!(
        seen.provider == "openai" && seen.path == "/v1/chat/completions",
        "{seen:?}"
    );
    let leaked = |(name, _): &&(String, String)| name.starts_with("x-weir") || name.starts_with("x-requesty");
    ensure!(
        !seen.headers.iter().any(|header| leaked(&header)),
        "{:?}",
        seen.headers
    );
    Ok(())
}
