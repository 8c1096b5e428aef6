//! Asks every ready router's admin port what it serves: often while something is on its way, seldom at rest.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{join, join_all};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use weir_table::{Format, Scope};

use crate::metrics::Metrics;
use crate::rollout::{Answer, Fleet, Known, Listing, Policies, Served, View};
use crate::token::{Source, Tokens};

/// The first wait while something is on its way; each further one is twice as long.
const SOON: Duration = Duration::from_millis(25);
/// The longest wait while something is on its way.
const LATER: Duration = Duration::from_secs(1);
/// The wait while nothing is.
const AT_REST: Duration = Duration::from_secs(10);
/// How long a router may take to answer.
const ANSWER: Duration = Duration::from_secs(1);
/// How long a router that does not answer is taken for what it last said, or for not there yet if it never
/// said anything.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest answer, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// What routers are expected to serve, and which routers those are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expected {
    /// The admin addresses of the ready routers.
    pub routers: BTreeSet<SocketAddr>,
    /// Those of routers that are about to be ready, and may need an older format for that.
    pub coming: BTreeSet<SocketAddr>,
    /// The published tables.
    pub tables: BTreeMap<Scope, ExpectedTable>,
}

/// A published table.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedTable {
    /// Its digest.
    pub digest: String,
    /// The digests of its policies, where the operator knows them.
    pub policies: Option<Arc<Policies>>,
}

/// Why a router's word is not known.
#[derive(Debug, thiserror::Error)]
enum Unheard {
    #[error("no answer within {} s", ANSWER.as_secs())]
    Late,
    #[error("{0}")]
    Connection(#[from] hyper_util::client::legacy::Error),
    #[error("the answer broke off or is too long")]
    Body,
    #[error("it answered {0}; is the admin token the one that routers have?")]
    Status(StatusCode),
    #[error("the answer is not a listing of tables: {0}")]
    Listing(#[from] serde_json::Error),
    #[error("the request can't be built: {0}")]
    Request(#[from] http::Error),
}

impl Unheard {
    /// One word, as in metrics.
    fn word(&self) -> &'static str {
        match self {
            Self::Late => "Late",
            Self::Connection(_) => "Connection",
            Self::Status(StatusCode::UNAUTHORIZED) => "Unauthorized",
            Self::Status(_) => "Status",
            Self::Body | Self::Listing(_) | Self::Request(_) => "Malformed",
        }
    }
}

/// What is remembered of a router between two rounds.
#[derive(Debug, Default)]
struct Memory {
    /// What it said last.
    answer: Option<BTreeMap<Scope, Served>>,
    /// The newest format that it said it reads.
    format: Option<Format>,
    /// Since when it has said nothing.
    silent_since: Option<Instant>,
}

impl Memory {
    /// What counts as the router's word; `None` if that is not to be said yet.
    fn word(&self) -> Option<Answer> {
        match (&self.answer, self.silent_since) {
            (_, Some(since)) if since.elapsed() >= PATIENCE => Some(Answer::Silent),
            (Some(answer), _) => Some(Answer::Tables(answer.clone())),
            (None, _) => None,
        }
    }
}

/// Keeps asking.
pub struct Poll {
    client: Client<HttpConnector, Empty<Bytes>>,
    tokens: Tokens,
    metrics: Metrics,
    known: Known,
    memory: BTreeMap<SocketAddr, Memory>,
    /// The formats that coming routers state.
    coming: BTreeMap<SocketAddr, Format>,
}

impl std::fmt::Debug for Poll {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poll")
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}

impl Poll {
    /// A poll that shows the token of `source`, if there is one.
    pub fn new(source: Source, metrics: Metrics) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(ANSWER));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self {
            client,
            tokens: Tokens::of(source),
            metrics,
            known: Known::default(),
            memory: BTreeMap::new(),
            coming: BTreeMap::new(),
        }
    }

    /// Asks until `stop`, whenever there is something `expected`; what routers say goes into `fleet`.
    pub async fn run(
        mut self,
        mut expected: watch::Receiver<Option<Expected>>,
        fleet: watch::Sender<Option<Arc<Fleet>>>,
        stop: CancellationToken,
    ) {
        let mut wait = SOON;
        while !stop.is_cancelled() {
            let wanted = expected.borrow_and_update().clone();
            let pause = match wanted {
                Some(wanted) => self.round(&wanted, &fleet, &mut wait).await,
                None => self.rest(&fleet),
            };
            tokio::select! {
                () = stop.cancelled() => {}
                changed = expected.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    wait = SOON;
                    sleep(SOON / 2).await;
                }
                () = sleep(pause) => {}
            }
        }
    }

    /// A replica that does not lead has no business with routers, and must not remember what they once said.
    fn rest(&mut self, fleet: &watch::Sender<Option<Arc<Fleet>>>) -> Duration {
        self.memory.clear();
        self.metrics.routers(0, 0);
        self.coming.clear();
        fleet.send_if_modified(|known| known.take().is_some());
        AT_REST
    }

    /// Asks every router once, and says how long to wait.
    async fn round(
        &mut self,
        expected: &Expected,
        fleet: &watch::Sender<Option<Arc<Fleet>>>,
        wait: &mut Duration,
    ) -> Duration {
        self.learn(expected);
        self.ask_all(expected).await;
        let lagging = self.fleet().map(|heard| self.pass_on(heard, expected, fleet));
        let silent = self
            .memory
            .values()
            .filter(|memory| memory.silent_since.is_some())
            .count();
        self.metrics.routers(self.memory.len() - silent, silent);
        if lagging == Some(0) && silent == 0 {
            return self.rest_beside(&expected.coming);
        }
        *wait = (*wait * 2).min(LATER);
        *wait / 2
    }

    /// Passes on what was heard, and says how many tables are on their way.
    fn pass_on(&self, heard: Fleet, expected: &Expected, fleet: &watch::Sender<Option<Arc<Fleet>>>) -> usize {
        let tables = expected.tables.iter();
        let lagging = heard.lagging(tables.map(|(scope, table)| (scope, table.digest.as_str())));
        self.metrics.rollouts_pending(lagging);
        fleet.send_if_modified(|known| {
            let is_news = known.as_deref() != Some(&heard);
            *known = Some(Arc::new(heard));
            is_news
        });
        lagging
    }

    /// Takes over what the operator knows of its own tables.
    fn learn(&mut self, expected: &Expected) {
        let now = Instant::now();
        for (scope, table) in &expected.tables {
            if let Some(policies) = &table.policies {
                self.known.learn(scope, &table.digest, Arc::clone(policies), now);
            }
        }
        self.known.tidy(now);
    }

    /// How long to wait when all that is on its way are these routers.
    fn rest_beside(&self, coming: &BTreeSet<SocketAddr>) -> Duration {
        if self.unheard(coming).is_empty() {
            AT_REST
        } else {
            LATER
        }
    }

    async fn ask_all(&mut self, expected: &Expected) {
        self.tokens.refresh();
        let (answers, formats) = join(
            self.digests(&expected.routers),
            self.digests(&self.unheard(&expected.coming)),
        )
        .await;
        self.hear_of_coming(&expected.coming, formats);
        self.memory
            .retain(|address, _| expected.routers.contains(address));
        for (address, answer) in answers {
            let heard = match answer {
                Ok(listing) => {
                    let format = listing.format();
                    let served = self.resolve(address, listing).await;
                    served.map(|served| (format, served))
                }
                Err(unheard) => Err(unheard),
            };
            self.remember(address, heard);
        }
    }

    /// Those of them that have not said yet what they read.
    fn unheard(&self, coming: &BTreeSet<SocketAddr>) -> BTreeSet<SocketAddr> {
        let unheard = coming.iter().filter(|address| !self.coming.contains_key(address));
        unheard.copied().collect()
    }

    /// Asks each of these.
    async fn digests(&self, routers: &BTreeSet<SocketAddr>) -> Vec<(SocketAddr, Result<Listing, Unheard>)> {
        let questions = routers
            .iter()
            .map(|address| async { (*address, self.ask(*address, View::Digests).await) });
        join_all(questions).await
    }

    /// Keeps what coming routers say they read. One that can't be asked yet will be asked again. One that was ready
    /// counts as what it said then: tables must not be written to and fro for who comes and goes.
    fn hear_of_coming(
        &mut self,
        coming: &BTreeSet<SocketAddr>,
        answers: Vec<(SocketAddr, Result<Listing, Unheard>)>,
    ) {
        self.coming.retain(|address, _| coming.contains(address));
        for (address, memory) in &self.memory {
            if let Some(format) = memory.format.filter(|_| coming.contains(address)) {
                self.coming.insert(*address, format);
            }
        }
        let stated = |(address, answer): (SocketAddr, Result<Listing, Unheard>)| {
            Some((address, answer.ok()?.format()))
        };
        self.coming.extend(answers.into_iter().filter_map(stated));
    }

    /// Asks a second time where digests alone don't say which policies they stand for.
    async fn resolve(
        &mut self,
        address: SocketAddr,
        listing: Listing,
    ) -> Result<BTreeMap<Scope, Served>, Unheard> {
        if let Some(served) = listing.resolve(View::Digests, &mut self.known, Instant::now()) {
            return Ok(served);
        }
        let full = self.ask(address, View::Full).await?;
        let now = Instant::now();
        full.teach(&mut self.known, now);
        Ok(full.resolve(View::Full, &mut self.known, now).unwrap_or_default())
    }

    /// Keeps what was heard. A failure is told once, not in every round.
    fn remember(&mut self, address: SocketAddr, heard: Result<(Format, BTreeMap<Scope, Served>), Unheard>) {
        if let Err(unheard) = &heard {
            self.metrics.router_failed(unheard.word());
        }
        let memory = self.memory.entry(address).or_default();
        match heard {
            Ok((format, served)) => {
                *memory = Memory {
                    answer: Some(served),
                    format: Some(format),
                    silent_since: None,
                }
            }
            Err(error) if memory.silent_since.is_none() => {
                tracing::warn!(router = %address, %error, "a ready router does not say what it serves");
                memory.silent_since = Some(Instant::now());
            }
            Err(error) => tracing::debug!(router = %address, %error, "a ready router still says nothing"),
        }
    }

    /// What is known of all routers, or `None` while a new one may still be about to answer: it must neither
    /// be passed over nor make everything look unserved.
    fn fleet(&self) -> Option<Fleet> {
        let routers = self
            .memory
            .iter()
            .map(|(address, memory)| Some((*address, memory.word()?)));
        let formats = self
            .memory
            .iter()
            .filter(|(_, memory)| memory.silent_since.is_none())
            .filter_map(|(address, memory)| Some((*address, memory.format?)));
        let fleet = Fleet::new(routers.collect::<Option<_>>()?);
        Some(fleet.reading(formats.chain(self.coming.clone()).collect()))
    }

    /// A router that does not know the new token yet is shown the one before.
    async fn ask(&self, address: SocketAddr, view: View) -> Result<Listing, Unheard> {
        let answer = self.ask_with(address, view, self.tokens.current()).await;
        match (answer, self.tokens.previous()) {
            (Err(Unheard::Status(StatusCode::UNAUTHORIZED)), Some(previous)) => {
                self.ask_with(address, view, Some(previous)).await
            }
            (answer, _) => answer,
        }
    }

    async fn ask_with(
        &self,
        address: SocketAddr,
        view: View,
        token: Option<&HeaderValue>,
    ) -> Result<Listing, Unheard> {
        let query = match view {
            View::Digests => "?view=digests",
            View::Full => "",
        };
        let mut request = Request::get(format!("http://{address}/api/tables{query}"));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token);
        }
        let answer = timeout(ANSWER, self.exchange(request.body(Empty::new())?));
        answer.await.map_err(|_| Unheard::Late)?
    }

    async fn exchange(&self, request: Request<Empty<Bytes>>) -> Result<Listing, Unheard> {
        let response = self.client.request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(Unheard::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect();
        let body = body.await.map_err(|_| Unheard::Body)?.to_bytes();
        Ok(serde_json::from_slice(&body)?)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::time::{Instant, advance};
    use weir_table::Format;

    use super::{AT_REST, LATER, Memory, PATIENCE, Poll, Unheard};
    use crate::metrics::Metrics;
    use crate::rollout::{Answer, Listing};
    use crate::token::Source;

    fn router() -> SocketAddr {
        ([10, 0, 0, 1], 9090).into()
    }

    fn poll() -> Poll {
        Poll::new(Source::Nowhere, Metrics::default())
    }

    #[test]
    fn a_router_that_was_ready_and_is_not_counts_as_what_it_said() {
        let mut poll = poll();
        let memory = Memory {
            answer: Some([].into()),
            format: Some(Format::One),
            silent_since: None,
        };
        poll.memory.insert(router(), memory);
        let silent = vec![(router(), Err(Unheard::Late))];
        poll.hear_of_coming(&[router()].into(), silent);
        assert_eq!(poll.coming, [(router(), Format::One)].into());
        poll.memory.clear();
        poll.hear_of_coming(&[router()].into(), Vec::new());
        assert_eq!(
            poll.coming,
            [(router(), Format::One)].into(),
            "for as long as it is coming"
        );
        poll.hear_of_coming(&[].into(), Vec::new());
        assert!(poll.coming.is_empty());
    }

    #[test]
    fn a_coming_router_is_asked_until_it_has_said_what_it_reads() {
        let mut poll = poll();
        let coming = [router()].into();
        assert_eq!(poll.unheard(&coming), coming);
        assert_eq!(poll.rest_beside(&coming), LATER);
        let listing: Listing = serde_json::from_str(r#"{"formats":[1],"tables":[]}"#).expect("a listing");
        poll.hear_of_coming(&coming, vec![(router(), Ok(listing))]);
        assert!(poll.unheard(&coming).is_empty());
        assert_eq!(poll.rest_beside(&coming), AT_REST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_router_that_falls_silent_keeps_its_word_for_a_while() {
        let memory = Memory {
            answer: Some([].into()),
            format: None,
            silent_since: Some(Instant::now()),
        };
        advance(PATIENCE / 2).await;
        assert_eq!(memory.word(), Some(Answer::Tables([].into())));
        advance(PATIENCE / 2).await;
        assert_eq!(memory.word(), Some(Answer::Silent));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_said_about_a_new_router_until_it_had_time_to_answer() {
        let memory = Memory {
            answer: None,
            format: None,
            silent_since: Some(Instant::now()),
        };
        assert_eq!(memory.word(), None);
        advance(PATIENCE).await;
        assert_eq!(memory.word(), Some(Answer::Silent));
    }
}
