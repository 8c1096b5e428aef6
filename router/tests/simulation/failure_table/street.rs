//! A few providers that do what they are told, on connections without a delay, and a router that asks them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};
use weir_router::source::pushed;
use weir_router::surroundings::{Carrier, Dialing, Surroundings, World};
use weir_router::{Config, Engine, Secret};
use weir_table::{Backoff, BaseUrl, Chain, Node, Rung, Table, Timeouts};

use crate::tables::{chain, credential, model, provider, rung, split, table, with_cluster};

/// How long a target waits between pieces of what it says.
const BEAT: Duration = Duration::from_secs(1);

/// One rung. Rungs of the same name are the same target; the first says what it does.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) retries: u8,
    pub(super) timeouts: Timeouts,
    pub(super) window: Option<u64>,
    /// What it does with its first request, its second, and so on; the last for all that follow.
    pub(super) does: Vec<Does>,
}

/// What a target does with one request.
#[derive(Debug, Clone)]
pub(super) struct Does {
    /// How long it thinks first.
    pub(super) after: Duration,
    pub(super) says: String,
    /// What it says then, one by one.
    pub(super) pieces: Vec<String>,
    pub(super) then: After,
}

/// What a target does once it has said what it has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Waits for the next request.
    GoesOn,
    /// Nothing more, for ever.
    Hangs,
    /// Ends the connection.
    Closes,
}

pub(super) fn says(text: &str, then: After) -> Does {
    Does {
        after: Duration::ZERO,
        says: text.to_owned(),
        pieces: Vec::new(),
        then,
    }
}

pub(super) fn hangs() -> Does {
    says("", After::Hangs)
}

/// An answer, streamed or not, as it is asked for.
pub(super) fn answers() -> Does {
    says("answer", After::GoesOn)
}

/// An error.
pub(super) fn status(status: u16, headers: &str, code: &str) -> Does {
    let body = format!(r#"{{"error":{{"message":"x","type":null,"param":null,"code":"{code}"}}}}"#);
    says(
        &whole(&format!("{status} Refused"), headers, &body),
        After::GoesOn,
    )
}

fn whole(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

fn good(streamed: bool) -> String {
    if !streamed {
        let body = r#"{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}"#;
        return whole("200 OK", "", body);
    }
    let body = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// A router and the targets of its one policy.
pub(super) struct Street {
    engine: Engine,
    houses: Houses,
}

/// What the targets do, and what was seen of it.
#[derive(Debug, Clone)]
struct Houses(Arc<Mutex<Log>>);

#[derive(Debug)]
struct Log {
    does: BTreeMap<String, Vec<Does>>,
    visits: BTreeMap<String, usize>,
    asked: Instant,
    told: String,
}

impl Street {
    /// A policy that falls back from each target to the next.
    pub(super) async fn of(targets: Vec<Target>) -> Self {
        let rungs = targets.iter().map(|target| Rung {
            timeouts: target.timeouts,
            ..rung(node(target), target.retries)
        });
        let Node::Chain(ladder) = chain("p", rungs.collect()) else {
            unreachable!("a chain is a chain");
        };
        let root = Node::from(Chain {
            backoff: Backoff::DEFAULT,
            ..Arc::unwrap_or_clone(ladder)
        });
        Self::with(targets, root).await
    }

    /// A policy that only splits, with all its weight on one target.
    pub(super) async fn split(target: Target) -> Self {
        let root = split("p", vec![("it", 1.0, node(&target))]);
        Self::with(vec![target], root).await
    }

    async fn with(targets: Vec<Target>, root: Node) -> Self {
        let houses = Houses::of(&targets);
        let (pusher, updates) = pushed::source();
        let anywhere = ([127, 0, 0, 1], 0).into();
        let surroundings = Surroundings::Given(Arc::new(houses.clone()));
        let engine = Engine::start(&Config::new(anywhere, anywhere), surroundings, updates).unwrap();
        let credentials = BTreeMap::from([(credential(), Secret::new("sk-test"))]);
        let tables = with_cluster(town(&targets, root));
        pusher.push(tables, credentials).await.unwrap();
        while !engine.is_ready() {
            // Tables are taken in on a thread of their own; no virtual time passes meanwhile.
            yield_now().await;
        }
        Self { engine, houses }
    }

    /// What happens to one request, in words.
    pub(super) async fn ask(&self, body: &str, headers: &str) -> String {
        self.houses.begin();
        let (mut near, far) = duplex(64 * 1024);
        let serving = tokio::spawn(self.engine.serve_connection(far));
        let length = body.len();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        near.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        near.read_to_end(&mut reply).await.unwrap();
        serving.await.unwrap();
        self.houses.told() + &outcome(&String::from_utf8(reply).unwrap())
    }

    /// How long it is since the last request began.
    pub(super) fn now(&self) -> Duration {
        self.houses.0.lock().unwrap().asked.elapsed()
    }

    /// Lets time pass.
    pub(super) async fn pass(&self, time: Duration) {
        sleep(time).await;
    }
}

/// The status, who answered, and what a caller is told besides.
fn outcome(reply: &str) -> String {
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        let line = |line: &str| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned);
        head.lines().find_map(line)
    };
    let mut told = head.split(' ').nth(1).unwrap().to_owned();
    let class = body
        .split_once("\"class\":\"")
        .and_then(|(_, rest)| rest.split_once('"'));
    match (told.as_str(), class) {
        ("200", class) => {
            let by = header("x-weir-model").unwrap();
            write!(told, " by {}", by.trim_end_matches("/m")).unwrap();
            if let Some((class, _)) = class {
                write!(told, ", then {class}").unwrap();
            }
            assert_eq!(
                class.is_some(),
                body.contains("data:") && !body.contains("[DONE]"),
                "{body}"
            );
        }
        (_, class) => write!(told, " {}", class.unwrap().0).unwrap(),
    }
    if header("x-should-retry").as_deref() == Some("false") {
        told.push_str(", not to be retried");
    }
    if let Some(millis) = header("retry-after-ms") {
        write!(told, ", worth it in {millis}").unwrap();
    }
    told
}

fn town(targets: &[Target], root: Node) -> Table {
    let mut providers = BTreeMap::new();
    for target in targets {
        let base_url = BaseUrl::parse(&format!("http://{}.test/v1", target.name)).unwrap();
        let entry = weir_table::Provider {
            base_url,
            ..provider(([127, 0, 0, 1], 1).into())
        };
        providers.insert(target.name, entry);
    }
    table(providers.into_iter().collect(), vec![root])
}

fn node(target: &Target) -> Node {
    let Node::Model(mut model) = model(target.name, "m") else {
        unreachable!("a model is a model");
    };
    Arc::make_mut(&mut model).context_window = target.window;
    Node::Model(model)
}

impl Houses {
    fn of(targets: &[Target]) -> Self {
        let mut does = BTreeMap::new();
        for target in targets.iter().filter(|target| !target.does.is_empty()) {
            does.insert(format!("{}.test", target.name), target.does.clone());
        }
        Self(Arc::new(Mutex::new(Log {
            does,
            visits: BTreeMap::new(),
            asked: Instant::now(),
            told: String::new(),
        })))
    }

    fn begin(&self) {
        let mut log = self.0.lock().unwrap();
        log.asked = Instant::now();
        log.told.clear();
    }

    fn told(&self) -> String {
        self.0.lock().unwrap().told.clone()
    }

    /// Notes a visit, and says what is to be done with it.
    fn visit(&self, host: &str) -> Does {
        let mut log = self.0.lock().unwrap();
        let at = log.asked.elapsed().as_millis();
        write!(log.told, "@{at} {} ", host.trim_end_matches(".test")).unwrap();
        let nth = log.visits.entry(host.to_owned()).or_default();
        *nth += 1;
        let nth = *nth - 1;
        let does = &log.does[host];
        does.get(nth).or(does.last()).unwrap().clone()
    }

    async fn serve(self, host: String, mut stream: DuplexStream) {
        while let Some(request) = read(&mut stream).await {
            let does = self.visit(&host);
            sleep(does.after).await;
            let text = match does.says.as_str() {
                "answer" => good(request.contains("\"stream\":true")),
                text => text.to_owned(),
            };
            let _gone = stream.write_all(text.as_bytes()).await;
            for piece in &does.pieces {
                sleep(BEAT).await;
                let _gone = stream.write_all(piece.as_bytes()).await;
            }
            match does.then {
                After::GoesOn => {}
                After::Closes => return,
                After::Hangs => {
                    let _end = stream.read_u8().await;
                    return;
                }
            }
        }
    }
}

/// One request.
async fn read(stream: &mut DuplexStream) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse::<usize>().unwrap() {
                return Some(text.into_owned());
            }
        }
        if !matches!(stream.read_buf(&mut read).await, Ok(1..)) {
            return None;
        }
    }
}

impl World for Houses {
    fn dial(&self, host: &str, _: u16) -> Dialing {
        let (near, far) = duplex(64 * 1024);
        tokio::spawn(self.clone().serve(host.to_owned(), far));
        Box::pin(async move { Ok(Box::new(near) as Box<dyn Carrier>) })
    }

    fn jitter(&self) -> f64 {
        0.5
    }

    fn request_id(&self) -> u128 {
        1
    }
}
