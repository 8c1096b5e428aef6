//! Load from wherever this runs, such as a pod: its one argument is the JSON of a [`Load`]. It goes on until standard
//! input ends, and then prints the JSON of a [`Summary`](weir_tests::load::Summary).

use std::io::{Read as _, Write as _};

use anyhow::{Context as _, Result};
use weir_tests::load::Load;

#[tokio::main]
async fn main() -> Result<()> {
    let load = std::env::args().nth(1).context("no load was given")?;
    let load: Load = serde_json::from_str(&load).context("the load")?;
    let running = load.start();
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    let summary = running.stop().await.summary();
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&summary)?)?;
    Ok(())
}
