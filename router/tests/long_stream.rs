//! A stream of ten minutes and 100,000 events, on virtual time, with every allocation counted: what the
//! router holds at its end is what it held soon after its begin. A binary of its own, because the count is
//! of a whole process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::alloc::System;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};
use weir_router::source::pushed;
use weir_router::surroundings::{Carrier, Dialing, Surroundings, World};
use weir_router::{Config, Engine, Secret};

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "loopback/tables.rs"]
mod tables;

use tables::{chain, credential, model, provider, rung, table, with_cluster};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many events the stream has.
const EVENTS: usize = 100_000;

/// How long it takes.
const TAKES: Duration = Duration::from_mins(10);

/// How much more memory may be held at most late in the stream than early in it: less than one byte an event.
const SLACK: usize = 16 * 1024;

/// How it ends on the wire.
const ENDING: &[u8] = b"data: [DONE]\n\n\r\n0\r\n\r\n";

/// A world with one provider, which streams.
#[derive(Debug)]
struct OneProvider;

impl World for OneProvider {
    fn dial(&self, _: &str, _: u16) -> Dialing {
        let (near, far) = duplex(64 * 1024);
        tokio::spawn(stream(far));
        Box::pin(async { Ok(Box::new(near) as Box<dyn Carrier>) })
    }

    fn jitter(&self) -> f64 {
        0.5
    }

    fn request_id(&self) -> u128 {
        1
    }
}

/// Reads a request, and streams.
async fn stream(mut io: DuplexStream) {
    let mut request = vec![0; 4_096];
    assert!(io.read(&mut request).await.unwrap() > 0);
    io.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    let pause = TAKES / u32::try_from(EVENTS).unwrap();
    for _ in 0..EVENTS {
        sleep(pause).await;
        event(
            &mut io,
            r#"{"choices":[{"index":0,"delta":{"content":"word "}}]}"#,
        )
        .await;
    }
    event(
        &mut io,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    )
    .await;
    event(&mut io, "[DONE]").await;
    io.write_all(b"0\r\n\r\n").await.unwrap();
}

async fn event(io: &mut DuplexStream, data: &str) {
    let event = format!("data: {data}\n\n");
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    io.write_all(chunk.as_bytes()).await.unwrap();
}

async fn engine() -> Engine {
    let base_url = weir_table::BaseUrl::parse("http://p.test/v1").unwrap();
    let provider = weir_table::Provider {
        base_url,
        ..provider(([127, 0, 0, 1], 1).into())
    };
    let policy = chain("talk", vec![rung(model("p", "m"), 0)]);
    let (pusher, updates) = pushed::source();
    let anywhere = ([127, 0, 0, 1], 0).into();
    let surroundings = Surroundings::Given(Arc::new(OneProvider));
    let engine = Engine::start(&Config::new(anywhere, anywhere), surroundings, updates).unwrap();
    let credentials = BTreeMap::from([(credential(), Secret::new("sk-test"))]);
    let tables = with_cluster(table(vec![("p", provider)], vec![policy]));
    pusher.push(tables, credentials).await.unwrap();
    while !engine.is_ready() {
        yield_now().await;
    }
    engine
}

fn held() -> usize {
    let stats = COUNTED.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// The most that was held while so many events came, counted in tenths of the stream.
#[derive(Debug, Default)]
struct Held([usize; 10]);

impl Held {
    fn note(&mut self, events: usize) {
        let tenth = &mut self.0[(events * 10 / EVENTS).min(9)];
        *tenth = held().max(*tenth);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_ten_minutes_takes_no_more_memory_late_than_early() {
    let engine = engine().await;
    let (mut caller, far) = duplex(64 * 1024);
    tokio::spawn(engine.serve_connection(far));
    let body = r#"{"model":"policy/talk","stream":true,"messages":[]}"#;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close";
    let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    caller.write_all(request.as_bytes()).await.unwrap();

    let (begun, mut most, mut events) = (Instant::now(), Held::default(), 0);
    let (mut read, mut tail) = (vec![0; 16 * 1024], Vec::with_capacity(64 * 1024));
    loop {
        let bytes = caller.read(&mut read).await.unwrap();
        if bytes == 0 {
            break;
        }
        events += read[..bytes].windows(6).filter(|six| six == b"data: ").count();
        tail.extend_from_slice(&read[..bytes]);
        tail.drain(..tail.len().saturating_sub(ENDING.len()));
        most.note(events);
    }

    assert_eq!((events, &*tail), (EVENTS + 2, ENDING));
    assert!(begun.elapsed() >= TAKES);
    let (early, late) = (most.0[0], most.0[1..].iter().max().unwrap());
    assert!(*late <= early + SLACK, "{most:?}");
    eprintln!("figure: most held in each tenth of the stream {most:?}");
}
