//! How long things took, said as they happen.

use std::future::Future;

use anyhow::{Context, Result};
use tokio::time::Instant;

/// Does some work, and prints how long it took; its error says what was being done.
pub async fn timed<T>(what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let began = Instant::now();
    let done = work.await.with_context(|| what.to_owned())?;
    eprintln!("{:>8.1} s  {what}", began.elapsed().as_secs_f64());
    Ok(done)
}
