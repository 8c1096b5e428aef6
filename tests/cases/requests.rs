//! Bad requests at a router: what the caller sees, and that nothing reaches a provider.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use weir_tests::{
    client::{Answer, Shape, chat_body},
    fixtures::{load_balancing, model},
    site::Site,
};

use crate::context::{Context, found};

const SOON: Duration = Duration::from_secs(20);
const CHAT: &str = "/v1/chat/completions";

/// A request, and the answer that it must have.
struct Wrong {
    name: &'static str,
    body: Vec<u8>,
    status: u16,
    class: &'static str,
    /// Part of the message.
    says: &'static str,
}

pub(crate) async fn a_bad_request_is_told_what_is_wrong_with_it(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let (chat, embedding, target) = policies(site).await?;
    let router = found(site.addresses().first().copied(), "router")?;
    let mut wrong = Vec::new();
    for request in requests(&chat, &embedding) {
        let answer = site.client.post(router, CHAT, request.body.clone()).await;
        if let Err(error) = answer.and_then(|answer| judge(&request, &answer)) {
            wrong.push(format!("{}: {error:#}", request.name));
        }
    }
    ensure!(
        wrong.is_empty(),
        "{} were answered otherwise:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    ensure!(
        site.provider.asked(&target) == 0,
        "a bad request has reached the provider"
    );
    Ok(())
}

/// A chat policy, an embedding policy, and the chat's upstream model, which nothing else uses.
async fn policies(site: &Site) -> Result<(String, String, String)> {
    let namespace = site.cluster.namespace("requests").await?;
    let target = format!("model-of-{namespace}");
    let chat = load_balancing(&namespace, "chat", &[model(&format!("openai/{target}"), 1)]);
    let embedding = load_balancing(
        &namespace,
        "embedding",
        &[model("openai/text-embedding-3-small", 1)],
    );
    site.program(&[chat, embedding], SOON).await?;
    Ok((
        format!("policy/{namespace}/chat"),
        format!("policy/{namespace}/embedding"),
        target,
    ))
}

fn judge(request: &Wrong, answer: &Answer) -> Result<()> {
    let error = &answer.json()?["error"];
    let seen = (
        answer.status.as_u16(),
        error["class"].as_str().unwrap_or_default(),
    );
    ensure!(seen == (request.status, request.class), "{seen:?}: {error}");
    let message = error["message"].as_str().unwrap_or_default();
    ensure!(
        message.contains(request.says),
        "{message:?} does not say {:?}",
        request.says
    );
    ensure!(!answer.header("x-request-id").is_empty(), "no x-request-id");
    Ok(())
}

fn requests(chat: &str, embedding: &str) -> Vec<Wrong> {
    let invalid = |name, body: String, says| Wrong {
        name,
        body: body.into_bytes(),
        status: 400,
        class: "InvalidRequest",
        says,
    };
    let traced = |value: Value| {
        let mut body = chat_body(chat, "", Shape::Plain);
        body["requesty"]["trace_id"] = value;
        body.to_string()
    };
    let twice = format!("{{\"model\":\"{chat}\",\"messages\":[],\"model\":\"{chat}\"}}");
    let whole = chat_body(chat, "k", Shape::Plain).to_string();
    vec![
        Wrong {
            name: "unknown policy",
            body: chat_body("policy/absent", "k", Shape::Plain)
                .to_string()
                .into_bytes(),
            status: 404,
            class: "PolicyNotFound",
            says: "absent",
        },
        invalid("no model", json!({"messages": []}).to_string(), "model"),
        invalid(
            "a model that is no text",
            json!({"model": 7, "messages": []}).to_string(),
            "model",
        ),
        invalid("not JSON", String::from("hello"), "JSON"),
        invalid("half a document", whole[..whole.len() - 1].to_owned(), "JSON"),
        invalid("two models", twice, "model"),
        invalid(
            "an object as trace id",
            traced(json!({"a": 1})),
            "requesty.trace_id",
        ),
        invalid("a list as trace id", traced(json!(["a"])), "requesty.trace_id"),
        invalid("a bool as trace id", traced(json!(true)), "requesty.trace_id"),
        invalid(
            "a trace id of a megabyte",
            traced("x".repeat(1 << 20).into()),
            "requesty.trace_id",
        ),
        invalid(
            "chat on an embedding policy",
            chat_body(embedding, "k", Shape::Plain).to_string(),
            "embedding",
        ),
        Wrong {
            name: "64 MiB",
            body: [whole.as_bytes(), &vec![b' '; 64 << 20]].concat(),
            status: 413,
            class: "RequestTooLarge",
            says: "",
        },
    ]
}

pub(crate) async fn odd_but_good_requests_are_served(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let (chat, _, _) = policies(site).await?;
    let router = found(site.addresses().first().copied(), "router")?;
    let upper = chat.to_uppercase().replace("POLICY/", "policy/");
    let traced =
        |value: Value| json!({"model": chat, "messages": [], "requesty": {"trace_id": value}}).to_string();
    let late = format!(
        "{{\"messages\":[{:?}],\"model\":\"{chat}\"}}",
        "x".repeat(10 << 20)
    );
    let escaped = format!("{{\"messages\":[],\"model\":{}}}", escaped(&chat));
    for (name, body) in [
        ("a number as trace id", traced(json!(42))),
        ("a null trace id", traced(Value::Null)),
        ("an empty trace id", traced(json!(""))),
        ("the model after 10 MB of messages", late),
        ("a model in escapes", escaped),
        (
            "a model in capitals",
            chat_body(&upper, "k", Shape::Plain).to_string(),
        ),
    ] {
        let answer = site.client.post(router, CHAT, body).await?;
        answer
            .content(Shape::Plain)
            .with_context(|| format!("{name} was refused"))?;
    }
    Ok(())
}

/// A JSON string of escapes only.
fn escaped(text: &str) -> String {
    let escapes: Vec<String> = text
        .chars()
        .map(|letter| format!("\\u{:04x}", u32::from(letter)))
        .collect();
    format!("\"{}\"", escapes.concat())
}

pub(crate) async fn a_body_cut_short_never_reaches_a_provider(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let (chat, _, target) = policies(site).await?;
    for router in site.addresses() {
        let answer = half_a_request(router, &chat).await?;
        ensure!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{answer}"
        );
        site.served(&chat, SOON).await?;
    }
    let asked = site.provider.asked(&target);
    ensure!(
        asked as usize == 2 * site.routers.len(),
        "{asked} requests have reached the provider"
    );
    Ok(())
}

async fn half_a_request(router: SocketAddr, chat: &str) -> Result<String> {
    let body = chat_body(chat, "k", Shape::Plain).to_string();
    let mut socket = TcpStream::connect(router).await?;
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: weir\r\ncontent-length: {}\r\n\r\n",
        body.len() + 1
    );
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body.as_bytes()).await?;
    socket.shutdown().await?;
    let mut answer = Vec::new();
    tokio::time::timeout(SOON, socket.read_to_end(&mut answer))
        .await
        .context("the router keeps waiting")??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

pub(crate) async fn answers_carry_the_headers_and_errors_of_the_surface(context: &Context) -> Result<()> {
    let site = &*context.common().await?;
    let (chat, _, target) = policies(site).await?;
    let router = found(site.addresses().first().copied(), "router")?;
    for shape in [Shape::Plain, Shape::Streamed] {
        let answer = site.client.chat(router, &chat, "k", shape).await?;
        answer.content(shape)?;
        let expected = format!("openai/{target}");
        ensure!(answer.header("x-weir-model") == expected, "{:?}", answer.headers);
        ensure!(answer.header("x-weir-attempts") == "1", "{:?}", answer.headers);
        ensure!(answer.header("x-weir-table").len() == 12, "{:?}", answer.headers);
        for name in ["x-request-id", "x-weir-policy", "x-weir-path"] {
            ensure!(!answer.header(name).is_empty(), "no {name}: {:?}", answer.headers);
        }
    }
    let elsewhere = site.client.post(router, "/v1/fine_tuning/jobs", "{}").await?;
    ensure!(elsewhere.status.as_u16() == 404, "{}", elsewhere.text());
    let models = site.client.get(router, "/v1/models", None).await?;
    ensure!(models.json()?["object"] == "list", "{}", models.text());
    Ok(())
}
