//! The fake provider as a process of its own, for benchmarks and for hands.

use std::net::SocketAddr;

use anyhow::Result;
use clap::Parser;
use weir_tests::fake_provider::{
    FakeProvider, Recording,
    script::{Behaviour, Script},
};

/// An OpenAI-dialect provider that obeys.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// How many words an answer has.
    #[arg(long, default_value_t = 8)]
    words: usize,
    /// Milliseconds before each event of a stream.
    #[arg(long, default_value_t = 0)]
    event_delay_ms: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let provider = FakeProvider::start(arguments.listen, Recording::Counts).await?;
    provider.script_all(Script::always(
        Behaviour::words(arguments.words).paced(arguments.event_delay_ms),
    ));
    eprintln!("fake-provider: listening on {}", provider.address());
    provider.wait().await
}
