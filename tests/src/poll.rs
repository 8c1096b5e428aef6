//! Waiting for a fact with a deadline, instead of sleeping and hoping.

use std::{fmt::Debug, future::Future, time::Duration};

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// How often a fact is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// Asks `probe` until it gives a value, and returns that.
///
/// An error of the probe counts as "not yet", because a server that is still starting refuses connections; the last
/// one is part of the message when `within` has passed.
pub async fn eventually<T, F, P>(what: &str, within: Duration, probe: F) -> Result<T>
where
    F: FnMut() -> P,
    P: Future<Output = Result<Option<T>>>,
{
    eventually_every(INTERVAL, what, within, probe).await
}

/// The same, for a probe that costs so much that it must not be asked as often.
pub async fn eventually_every<T, F, P>(
    interval: Duration,
    what: &str,
    within: Duration,
    mut probe: F,
) -> Result<T>
where
    F: FnMut() -> P,
    P: Future<Output = Result<Option<T>>>,
{
    let deadline = Instant::now() + within;
    let mut last;
    loop {
        match probe().await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => last = String::from("not so yet"),
            Err(error) => last = format!("{error:#}"),
        }
        if Instant::now() >= deadline {
            bail!("gave up after {within:?} waiting for {what}: {last}");
        }
        sleep(interval).await;
    }
}

/// Asks `probe` until it answers `expected`; the last answer is part of the message otherwise.
pub async fn becomes<T, F, P>(what: &str, within: Duration, expected: T, mut probe: F) -> Result<()>
where
    T: PartialEq + Debug,
    F: FnMut() -> P,
    P: Future<Output = Result<T>>,
{
    let wanted = &expected;
    let mut asked = move || {
        let answer = probe();
        async move {
            let seen = answer.await?;
            if seen == *wanted {
                return Ok(Some(()));
            }
            bail!("{seen:?} instead of {wanted:?}")
        }
    };
    eventually(what, within, &mut asked).await
}
