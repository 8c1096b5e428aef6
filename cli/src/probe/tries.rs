//! One check, tried until it holds or the time is up: a fresh installation takes seconds to be what it will be.

use std::io::{self, Write as _};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::check::{Check, Fault};
use super::client;
use super::expectation::Expectation;
use super::report::Finding;
use super::router::RouterUrl;

/// The longest that one try may take.
const TRY: Duration = Duration::from_secs(30);

/// What a try gets even when the time is as good as up.
const LEAST: Duration = Duration::from_secs(5);

/// The pause before the next try.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a trouble that stays is told again.
const REMIND: Duration = Duration::from_secs(10);

/// What was told of a check's troubles, and when.
#[derive(Default)]
struct Told(Option<(String, Instant)>);

/// Makes `check` until it passes, or until no further try would fit before `deadline`.
pub(super) async fn run(
    check: Check,
    url: &RouterUrl,
    expectation: &Expectation,
    deadline: Instant,
) -> Finding {
    let (begun, mut told, mut tries) = (Instant::now(), Told::default(), 0);
    loop {
        tries += 1;
        let left = deadline.saturating_duration_since(Instant::now());
        let outcome = once(check, url, expectation, left.clamp(LEAST, TRY)).await;
        let again = Instant::now() + PAUSE < deadline;
        match outcome {
            Err(fault) if again => told.say(check, &fault, deadline),
            outcome => return Finding::made(check, outcome, tries, begun.elapsed()),
        }
        sleep(PAUSE).await;
    }
}

async fn once(
    check: Check,
    url: &RouterUrl,
    expectation: &Expectation,
    limit: Duration,
) -> Result<String, Fault> {
    let asked = timeout(limit, client::ask(url, check.question(expectation))).await;
    let Ok(answered) = asked else {
        return Err(Fault::late(limit));
    };
    let answer = answered.map_err(|unanswered| Fault::unanswered(url, &unanswered))?;
    check.judge(expectation, &answer)
}

impl Told {
    /// Says on standard error what is not as it should be yet, when that is news.
    fn say(&mut self, check: Check, fault: &Fault, deadline: Instant) {
        let now = Instant::now();
        let news = |(text, at): &(String, Instant)| *text != fault.found || *at + REMIND <= now;
        if self.0.as_ref().is_none_or(news) {
            let left = deadline.saturating_duration_since(now).as_secs();
            // A progress line that nobody can read changes nothing.
            drop(writeln!(
                io::stderr(),
                "weir: {}: not yet: {} (trying for {left} s more)",
                check.name(),
                fault.found
            ));
            self.0 = Some((fault.found.clone(), now));
        }
    }
}
