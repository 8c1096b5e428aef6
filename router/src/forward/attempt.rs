//! One attempt at one target: it ends in an answer that is certain to be one, or in a failure. Until the
//! first content nothing is committed, so that what fails here can be tried elsewhere.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use weir_table::FailureClass;

use super::answer::{Outgoing, Rest};
use super::headers;
use super::pool::{Lease, SendError};
use super::reply::Reply;
use super::sse::{Events, Meaning, Progress, events};
use super::stream::{EventStream, Source};
use crate::body::{Prompt, Spliced};
use crate::classify;
use crate::error::Failure;
use crate::operation::Operation;
use crate::state::{Endpoint, Leaf, Limits, Reach};

/// The most of a stream that is held back while it has no content.
const HELD: usize = 64 * 1024;

/// The most of an answer that is collected before it is passed on.
const COLLECTED: usize = 256 * 1024;

/// The most that is read of an error's body.
const ERROR_BODY: usize = 64 * 1024;

/// What is asked of every target of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    /// What is asked for.
    pub(crate) operation: Operation,
    /// The body.
    pub(crate) prompt: &'a Prompt,
    /// The caller's headers.
    pub(crate) headers: &'a HeaderMap,
}

/// How long a target is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Its own limits bind, because another target remains.
    Limited,
    /// Only the request's deadline binds.
    Unlimited,
}

/// An answer that is certain to be one.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// The provider's status, a 2xx.
    pub(crate) status: StatusCode,
    /// Those of its headers that the caller may see.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Outgoing,
}

/// Asks `leaf` once.
pub(crate) async fn attempt(
    leaf: &Leaf,
    order: Order<'_>,
    patience: Patience,
    deadline: Instant,
) -> Result<Accepted, Failure> {
    let endpoint = match &leaf.reach {
        Reach::Live(endpoint) => endpoint,
        Reach::Barred(failure) => return Err((**failure).clone()),
    };
    let bounds = Bounds {
        limits: leaf.limits,
        patience,
        deadline,
        begun: Instant::now(),
    };
    let request = request(leaf, endpoint, order);
    if order.prompt.stream() && order.operation == Operation::ChatCompletions {
        streamed(endpoint, request, bounds, Progress::new(order.prompt.choices())).await
    } else {
        whole(endpoint, request, bounds, order.operation).await
    }
}

fn request(leaf: &Leaf, endpoint: &Endpoint, order: Order<'_>) -> Request<Spliced> {
    let mut request = Request::new(order.prompt.for_upstream(&leaf.upstream));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.uri(order.operation).clone();
    *request.headers_mut() = headers::upstream(endpoint, order.headers);
    request
}

/// The times that bind one attempt.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    limits: Limits,
    patience: Patience,
    deadline: Instant,
    begun: Instant,
}

/// The nearest of several times, and what it means when it comes.
#[derive(Debug, Clone, Copy)]
struct Until {
    at: Instant,
    class: FailureClass,
    limit: Duration,
}

impl Bounds {
    /// Until `limit` after `from`, where the target's own limits bind and the deadline is not nearer.
    fn until(&self, from: Instant, limit: Duration, class: FailureClass) -> Until {
        let own = Until {
            at: from + limit,
            class,
            limit,
        };
        if self.patience == Patience::Limited && own.at < self.deadline {
            own
        } else {
            self.by_deadline()
        }
    }

    fn by_deadline(&self) -> Until {
        let limit = self.deadline.saturating_duration_since(self.begun);
        Until {
            at: self.deadline,
            class: FailureClass::DeadlineExceeded,
            limit,
        }
    }
}

impl Until {
    fn earlier(self, other: Self) -> Self {
        if other.at < self.at { other } else { self }
    }

    /// What `work` gives, unless the time comes first.
    async fn bound<T>(self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        match timeout_at(self.at, work).await {
            Ok(done) => done,
            Err(_elapsed) => Err(self.passed()),
        }
    }

    fn passed(self) -> Failure {
        let seconds = self.limit.as_secs_f32();
        let text = match self.class {
            FailureClass::DeadlineExceeded => {
                format!("the request's deadline passed; {seconds} s were left for this attempt")
            }
            FailureClass::FirstTokenTimeout => format!("the provider sent no content within {seconds} s"),
            FailureClass::StreamStalled => {
                format!("the provider's stream was silent for {seconds} s before its first content")
            }
            _ => format!("the provider did not answer within {seconds} s"),
        };
        Failure::new(self.class, text)
    }
}

/// The head of an answer that is neither an error nor of another type than it should be.
async fn head(
    endpoint: &Endpoint,
    request: Request<Spliced>,
    bounds: &Bounds,
    wanted: Wanted,
) -> Result<(Response<Incoming>, Lease), Failure> {
    let (response, lease) = endpoint
        .pool
        .send(request, bounds.limits.connect)
        .await
        .map_err(|error| not_sent(&error))?;
    if !response.status().is_success() {
        return Err(refused(response, lease).await);
    }
    let found = response
        .headers()
        .get(CONTENT_TYPE)
        .map(http::HeaderValue::as_bytes)
        .unwrap_or_default();
    if wanted.is(found) {
        Ok((response, lease))
    } else {
        let found = String::from_utf8_lossy(&found[..found.len().min(100)]).into_owned();
        Err(malformed(format!(
            "the provider answered with {found} where {} was asked for",
            wanted.as_str()
        )))
    }
}

/// The type of answer that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Events,
    Json,
}

impl Wanted {
    /// Whether `found` is or may be of this type; some servers say nothing.
    fn is(self, found: &[u8]) -> bool {
        let events = found.to_ascii_lowercase().starts_with(b"text/event-stream");
        found.is_empty() || events == (self == Self::Events)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Events => "a stream of events",
            Self::Json => "one JSON document",
        }
    }
}

fn not_sent(error: &SendError) -> Failure {
    let class = if error.is_malformed() {
        FailureClass::MalformedResponse
    } else {
        FailureClass::ConnectFailed
    };
    Failure::new(class, error.to_string())
}

fn malformed(text: impl Into<std::borrow::Cow<'static, str>>) -> Failure {
    Failure::new(FailureClass::MalformedResponse, text)
}

fn cut(text: &'static str) -> Failure {
    Failure::new(FailureClass::StreamCut, text)
}

/// The failure that an error answer is.
async fn refused(response: Response<Incoming>, lease: Lease) -> Failure {
    let (head, mut body) = response.into_parts();
    let mut said = BytesMut::new();
    let whole = collect(&mut body, &mut said, ERROR_BODY).await;
    if whole == Ok(Collected::Everything) {
        lease.give_back();
    }
    classify::answer(head.status, &head.headers, &said, SystemTime::now())
}

/// How far an answer was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Collected {
    Everything,
    UpToTheLimit,
}

/// The connection ended before the answer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Broke;

/// Reads `body` into `into`, up to a little more than `limit`.
async fn collect(body: &mut Incoming, into: &mut BytesMut, limit: usize) -> Result<Collected, Broke> {
    while into.len() <= limit {
        match body.frame().await {
            None => return Ok(Collected::Everything),
            Some(Err(_)) => return Err(Broke),
            Some(Ok(frame)) => into.extend(frame.into_data()),
        }
    }
    Ok(Collected::UpToTheLimit)
}

async fn whole(
    endpoint: &Endpoint,
    request: Request<Spliced>,
    bounds: Bounds,
    operation: Operation,
) -> Result<Accepted, Failure> {
    let until = bounds.until(bounds.begun, bounds.limits.attempt, FailureClass::Timeout);
    let work = async {
        let (response, lease) = head(endpoint, request, &bounds, Wanted::Json).await?;
        let (head, mut body) = response.into_parts();
        let (read, collected) = beginning(&mut body).await?;
        let body = match collected {
            Collected::Everything => {
                prove(operation, &read)?;
                lease.give_back();
                Outgoing::whole(read)
            }
            Collected::UpToTheLimit => Outgoing::Rest(Box::new(Rest::new(
                prove_beginning(read)?,
                body,
                lease,
                bounds.limits.stall,
            ))),
        };
        Ok(Accepted {
            status: head.status,
            headers: headers::downstream(&head.headers),
            body,
        })
    };
    until.bound(work).await
}

/// The whole answer, or as much as is collected; without a copy where it came in one piece.
async fn beginning(body: &mut Incoming) -> Result<(Bytes, Collected), Failure> {
    let first = match body.frame().await {
        None => Bytes::new(),
        Some(frame) => frame.map_err(|_| broke_off())?.into_data().unwrap_or_default(),
    };
    if body.is_end_stream() {
        return Ok((first, Collected::Everything));
    }
    let mut read = BytesMut::from(first);
    let collected = collect(body, &mut read, COLLECTED)
        .await
        .map_err(|Broke| broke_off())?;
    Ok((read.freeze(), collected))
}

fn broke_off() -> Failure {
    cut("the provider's answer ended before it was whole")
}

/// Proves that `answer` is one.
fn prove(operation: Operation, answer: &[u8]) -> Result<(), Failure> {
    let reply = Reply::read(answer)
        .ok_or_else(|| malformed("the provider's answer is not JSON of the right shape"))?;
    if let Some(error) = reply.error() {
        return Err(classify::in_band(error));
    }
    match operation {
        Operation::ChatCompletions if !reply.is_answer() => {
            Err(malformed("the provider's answer has no content"))
        }
        Operation::Embeddings if !reply.has_data() => {
            Err(malformed("the provider's answer has no embeddings"))
        }
        _ => Ok(()),
    }
}

/// What can be proved of an answer from its beginning: that it is an object. It is far too long to be an
/// error or empty.
fn prove_beginning(read: Bytes) -> Result<Bytes, Failure> {
    if read.trim_ascii_start().starts_with(b"{") {
        Ok(read)
    } else {
        Err(malformed("the provider's answer is not JSON"))
    }
}

async fn streamed(
    endpoint: &Endpoint,
    request: Request<Spliced>,
    bounds: Bounds,
    progress: Progress,
) -> Result<Accepted, Failure> {
    let first = bounds.until(
        bounds.begun,
        bounds.limits.first_content,
        FailureClass::FirstTokenTimeout,
    );
    let (response, lease) = first
        .bound(head(endpoint, request, &bounds, Wanted::Events))
        .await?;
    let (head, body) = response.into_parts();
    let mut opening = Opening {
        source: Source {
            body,
            lease,
            unseen: Bytes::new(),
            events: Events::default(),
            progress,
        },
        held: VecDeque::new(),
        held_bytes: 0,
    };
    opening.commit(&bounds, first).await?;
    let Opening { source, held, .. } = opening;
    let stream = EventStream::new(source, held, bounds.limits.stall);
    let headers = headers::downstream(&head.headers);
    Ok(Accepted {
        status: head.status,
        headers,
        body: Outgoing::Stream(Box::new(stream)),
    })
}

/// A stream before its first content.
#[derive(Debug)]
struct Opening {
    source: Source,
    held: VecDeque<Bytes>,
    held_bytes: usize,
}

/// Whether a stream has shown content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    Content,
}

impl Opening {
    /// Reads until the first content.
    async fn commit(&mut self, bounds: &Bounds, first: Until) -> Result<(), Failure> {
        loop {
            let silence = bounds.until(Instant::now(), bounds.limits.silence, FailureClass::StreamStalled);
            let read = first.earlier(silence).bound(self.read()).await?;
            let block = self
                .source
                .events
                .push(&read)
                .map_err(|_| malformed("the provider sent an event without end"))?;
            if self.hold(&block)? == Shown::Content {
                return Ok(());
            }
        }
    }

    async fn read(&mut self) -> Result<Bytes, Failure> {
        match self.source.body.frame().await {
            Some(Ok(frame)) => Ok(frame.into_data().unwrap_or_default()),
            None if self.source.progress.all_finished() => {
                Err(malformed("the provider's stream has no content"))
            }
            None | Some(Err(_)) => Err(cut("the provider's stream ended before its first content")),
        }
    }

    /// Holds the events of `block` back, up to the one with content.
    fn hold(&mut self, block: &Bytes) -> Result<Shown, Failure> {
        for event in events(block) {
            match self.source.progress.open(&block[event.clone()]) {
                Meaning::Passes => self.keep(block.slice(event)),
                Meaning::Malformed => {}
                Meaning::Commits => return Ok(self.show(block.slice(event.start..))),
                Meaning::Done => return Err(malformed("the provider's stream has no content")),
                Meaning::Failed(failure) => return Err(*failure),
            }
        }
        Ok(if self.held_bytes > HELD {
            Shown::Content
        } else {
            Shown::Nothing
        })
    }

    fn keep(&mut self, event: Bytes) {
        self.held_bytes += event.len();
        self.held.push_back(event);
    }

    /// Everything from the first content on is for the committed stream to look at.
    fn show(&mut self, rest: Bytes) -> Shown {
        self.source.unseen = rest;
        Shown::Content
    }
}
