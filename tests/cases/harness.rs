//! The harness itself: what it says of others must be true.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use anyhow::{Result, ensure};
use serde_json::json;
use weir_tests::{
    audit::Audit,
    client::{Client, Shape},
    fake_provider::{
        FakeProvider, Recording,
        answer::content,
        script::{Behaviour, Ending, Script},
    },
    load::{Load, Pace},
    sdk::Sdk,
};

use crate::context::{Context, found};

pub(crate) async fn the_sdks_read_what_the_fake_provider_sends(context: &Context) -> Result<()> {
    let fake = FakeProvider::start(context.address(), Recording::Whole).await?;
    let keys: Vec<String> = (0..20).map(|number| format!("é-{number}")).collect();
    for sdk in [Sdk::Python, Sdk::Node] {
        for shape in [Shape::Plain, Shape::Streamed] {
            let calls = sdk
                .chat(&context.tools, &fake.base_url("openai"), "o1", shape, &keys)
                .await?;
            let answers: BTreeSet<_> = calls
                .values()
                .map(|call| (&*call.model, &*call.content))
                .collect();
            let expected = content(8);
            ensure!(
                answers == BTreeSet::from([("o1", expected.as_str())]),
                "{sdk:?} {shape:?}: {answers:?}"
            );
            ensure!(calls.keys().cloned().collect::<BTreeSet<_>>() == keys.iter().cloned().collect());
        }
    }
    let requests = fake.take_requests();
    ensure!(
        requests.len() == 80 && fake.asked("o1") == 80,
        "{} requests",
        requests.len()
    );
    ensure!(
        requests
            .iter()
            .all(|request| request.provider == "openai" && request.path == "/v1/chat/completions")
    );
    ensure!(
        requests
            .iter()
            .all(|request| request.header("authorization") == Some("Bearer unused"))
    );
    Ok(())
}

pub(crate) async fn a_cut_answer_is_told_from_a_whole_one(context: &Context) -> Result<()> {
    let fake = FakeProvider::start(context.address(), Recording::Counts).await?;
    for shape in [Shape::Plain, Shape::Streamed] {
        let whole = ask(fake.address(), "whole", shape).await?;
        ensure!(whole == content(8), "{whole:?}");
        for after in [0, 40, 120, 300] {
            for ending in [Ending::Close { after }, Ending::Reset { after }] {
                fake.script("cut", Script::always(Behaviour::words(8).ending(ending)));
                let seen = ask(fake.address(), "cut", shape).await;
                ensure!(seen.is_err(), "{shape:?} {ending:?} passed for whole");
            }
        }
    }
    Ok(())
}

async fn ask(address: SocketAddr, model: &str, shape: Shape) -> Result<String> {
    let body = json!({"model": model, "stream": shape == Shape::Streamed}).to_string();
    Client::default()
        .post(address, "/openai/v1/chat/completions", body)
        .await?
        .content(shape)
}

/// The fake provider has no provider to play at a router's paths, so that its 404 stands for any failure.
pub(crate) async fn a_load_counts_what_fails(context: &Context) -> Result<()> {
    let fake = FakeProvider::start(context.address(), Recording::Counts).await?;
    let load = |model: &str| Load::chats(vec![fake.address()], model, Pace::Workers(4));
    fake.script(
        "m",
        Script {
            first: vec![Behaviour::status(500); 3],
            then: Behaviour::raw(WHOLE),
        },
    );
    let mut load = load("m");
    load.shapes = vec![Shape::Plain];
    load.words = 1;
    let report = load.run_for(Duration::from_millis(300)).await;
    ensure!(
        report.failures.values().sum::<u64>() == 3,
        "{:?}",
        report.failures
    );
    ensure!(report.observations.len() > 20 && report.total() > 23);
    Ok(())
}

/// A whole answer of one word.
const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 72\r\n\r\n\
    {\"choices\":[{\"message\":{\"content\":\"w0 \"},\"finish_reason\":\"stop\"}]}      ";

pub(crate) async fn the_audit_log_tells_who_wrote(context: &Context) -> Result<()> {
    let cluster = context.own_cluster("audit").await?;
    let control_plane = found(cluster.control_plane.as_ref(), "control plane of our own")?;
    let audit = Audit::from_now(&control_plane.audit_log())?;
    let namespace = cluster.namespace("audit").await?;
    let counts = audit.counts("admin")?;
    ensure!(counts.get("patch namespaces") == Some(&1), "{counts:?}");
    cluster.delete("Namespace", None, &namespace).await?;
    let gone = || async {
        Ok(cluster
            .get("Namespace", None, &namespace)
            .await?
            .is_none()
            .then_some(()))
    };
    weir_tests::poll::eventually("the namespace to go", Duration::from_mins(1), gone).await
}

pub(crate) async fn an_api_server_comes_back_with_its_objects(context: &Context) -> Result<()> {
    let cluster = context.own_cluster("restart").await?;
    let namespace = cluster.namespace("kept").await?;
    let control_plane = found(cluster.control_plane.as_ref(), "control plane of our own")?;
    control_plane.stop_api_server().await?;
    ensure!(
        cluster.get("Namespace", None, &namespace).await.is_err(),
        "a stopped API server answered"
    );
    control_plane.start_api_server().await?;
    found(
        cluster.get("Namespace", None, &namespace).await?,
        "namespace any more",
    )
    .map(drop)
}
