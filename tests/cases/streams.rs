//! What streams cost, and what becomes of one whose caller leaves.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, timeout},
};
use weir_tests::{
    fake_provider::{
        FakeProvider, Recording,
        script::{Behaviour, Script},
    },
    site::logs,
    standalone::Standalone,
};

use crate::context::{Context, figure};

const SOON: Duration = Duration::from_secs(30);
const STREAMS: usize = 1_000;
/// The most memory that one stream may take, in bytes.
const EACH: u64 = 64 * 1024;
/// How soon a provider must see that a caller has left.
const LEFT: Duration = Duration::from_millis(100);

pub(crate) async fn a_thousand_streams_take_little_memory(context: &Context) -> Result<()> {
    let provider = FakeProvider::start(([127, 0, 0, 1], 0).into(), Recording::Counts).await?;
    provider.script_all(Script::always(Behaviour::words(400).paced(50)));
    let documents = documents(&provider.base_url("openai"));
    let weir = Standalone::start(&context.tools, &logs().join("streams"), 18090, &documents).await?;
    // What a process takes once, for its first requests, is no stream's.
    all(open(weir.http, 50).await?).await?;
    let before = weir.process.usage().await?.resident;
    let streams = open(weir.http, STREAMS).await?;
    let during = weir.process.usage().await?.resident;
    let each = during.saturating_sub(before) / STREAMS as u64;
    figure(&format!("{STREAMS} streams at once: {} KiB each", each / 1024));
    all(streams).await?;
    ensure!(each <= EACH, "{each} bytes each");
    Ok(())
}

/// Opens so many streams, each with its first content read.
async fn open(router: SocketAddr, count: usize) -> Result<Vec<TcpStream>> {
    let mut opening = JoinSet::new();
    for _ in 0..count {
        opening.spawn(begun(router));
    }
    let mut streams = Vec::with_capacity(count);
    while let Some(stream) = opening.join_next().await {
        streams.push(stream??);
    }
    Ok(streams)
}

/// A stream whose first content has come.
async fn begun(router: SocketAddr) -> Result<TcpStream> {
    let body =
        json!({"model": "openai/m", "stream": true, "messages": [{"role": "user", "content": "Go on."}]});
    let body = body.to_string();
    let mut stream = TcpStream::connect(router).await?;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: weir\r\nconnection: close\r\ncontent-length:";
    stream
        .write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes())
        .await?;
    let mut seen = Vec::new();
    while !seen.windows(9).any(|window| window == b"\"content\"") {
        let read = timeout(SOON, stream.read_buf(&mut seen)).await??;
        ensure!(read > 0, "a stream ended: {}", String::from_utf8_lossy(&seen));
    }
    Ok(stream)
}

/// Reads streams to their ends.
async fn all(streams: Vec<TcpStream>) -> Result<()> {
    let mut reading = JoinSet::new();
    for mut stream in streams {
        reading.spawn(async move {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await?;
            ensure!(
                rest.windows(6).any(|window| window == b"[DONE]"),
                "a stream was cut"
            );
            Ok(())
        });
    }
    while let Some(read) = reading.join_next().await {
        read??;
    }
    Ok(())
}

pub(crate) async fn a_provider_soon_sees_that_a_caller_has_left(context: &Context) -> Result<()> {
    let provider = TcpListener::bind("127.0.0.1:0").await?;
    let documents = documents(&format!("http://{}/v1", provider.local_addr()?));
    let weir = Standalone::start(&context.tools, &logs().join("left"), 18094, &documents).await?;
    let mut waits = Vec::new();
    for _ in 0..20 {
        waits.push(left(&provider, weir.http).await?);
    }
    waits.sort_unstable();
    figure(&format!(
        "a caller's leaving is seen by its provider after {:?} at the median, {:?} at most",
        waits[waits.len() / 2],
        waits[waits.len() - 1]
    ));
    ensure!(waits.iter().all(|wait| *wait <= LEFT), "{waits:?}");
    Ok(())
}

/// How long a provider goes on before it sees that a caller has left in the middle of a stream.
async fn left(provider: &TcpListener, router: SocketAddr) -> Result<Duration> {
    let answered = async {
        let (mut asked, _) = provider.accept().await?;
        let mut some = vec![0; 16 * 1024];
        ensure!(asked.read(&mut some).await? > 0, "nothing was asked");
        let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        asked.write_all(format!("{head}{event}").as_bytes()).await?;
        Ok(asked)
    };
    let (asked, caller) = tokio::join!(answered, begun(router));
    let mut asked = asked.context("the provider's side")?;
    let leaving = Instant::now();
    drop(caller?);
    let mut some = [0; 16];
    // Either end of a connection may be told by a reset.
    let _ended = timeout(SOON, asked.read(&mut some))
        .await
        .context("the provider was never told")?;
    Ok(leaving.elapsed())
}

fn documents(base_url: &str) -> Vec<Value> {
    let spec = json!({"dialect": "OpenAI", "baseURL": base_url});
    let metadata = json!({"name": "openai"});
    vec![
        json!({"apiVersion": "weir.dev/v1alpha1", "kind": "ClusterProvider", "metadata": metadata, "spec": spec}),
    ]
}
