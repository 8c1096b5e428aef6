//! One attempt at one target: it ends in an answer that is certain to be one, or in a failure. Until the
//! first content nothing is committed, so that what fails here can be tried elsewhere.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use tokio::time::Instant;
use weir_dialect::form::Usage;

use super::answer::Outgoing;
use super::bounds::Bounds;
use super::embed::embedded;
use super::flow::{Flow, Passed};
use super::head::Wanted;
use super::headers;
use super::opening::streamed;
use super::plan::{Plan, plan};
use super::through::through;
use super::translate::translated;
use super::watch::{UsageEvent, Watch, chat, messages, responses};
use super::whole::whole;
use crate::body::{Prompt, Spliced};
use crate::error::Failure;
use crate::operation::Operation;
use crate::state::{Endpoint, Leaf, Reach};

/// What is asked of every target of a request.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    /// What is asked for.
    pub(crate) operation: Operation,
    /// The path at which it was asked.
    pub(crate) path: &'a str,
    /// The request's id.
    pub(crate) id: &'a str,
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
    /// What it took, where that is known already.
    pub(crate) usage: Option<Usage>,
}

impl Accepted {
    /// A whole answer that was written here.
    pub(super) fn of_document(headers: HeaderMap, body: Bytes, usage: Option<Usage>) -> Self {
        Self {
            status: StatusCode::OK,
            headers,
            body: Outgoing::whole(body),
            usage,
        }
    }
}

impl Order<'_> {
    /// Whether a stream is wanted, and watched.
    pub(crate) fn is_streamed(&self) -> bool {
        self.prompt.stream() && self.operation.streams()
    }
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
    match plan(endpoint, &order)? {
        Plan::Pass(uri) => pass(leaf, endpoint, order, &uri, bounds).await,
        // Boxed, so that requests which are not translated need no room for it.
        Plan::Translate(tongues, uri) => {
            Box::pin(translated(leaf, endpoint, order, tongues, uri, bounds)).await
        }
        Plan::Embed(uri) => Box::pin(embedded(leaf, endpoint, order, uri, bounds)).await,
    }
}

/// Passes the request on as it is.
async fn pass(
    leaf: &Leaf,
    endpoint: &Endpoint,
    order: Order<'_>,
    uri: &Uri,
    bounds: Bounds,
) -> Result<Accepted, Failure> {
    let operation = order.operation;
    if operation.only_passes() {
        let body = order.prompt.for_upstream(&leaf.upstream);
        let request = request(uri, headers::through(endpoint, order.headers, order.prompt), body);
        return through(endpoint, request, bounds).await;
    }
    let headers = headers::upstream(endpoint, order.headers);
    if order.is_streamed() {
        let (body, watch) = watched(leaf, endpoint, order);
        let flow = Flow::Passed(Passed::new(watch));
        let request = request(uri, headers, body);
        streamed(endpoint, request, bounds, Wanted::Events, flow, operation.voice()).await
    } else {
        let body = order.prompt.for_upstream(&leaf.upstream);
        whole(endpoint, request(uri, headers, body), bounds, operation).await
    }
}

/// The body of a request for a stream, and what watches the stream.
fn watched(leaf: &Leaf, endpoint: &Endpoint, order: Order<'_>) -> (Spliced, Watch) {
    let dialect = endpoint.dialect;
    let as_it_is = || order.prompt.for_upstream(&leaf.upstream);
    match order.operation {
        Operation::Messages => (as_it_is(), Watch::Messages(messages::Progress::new(dialect))),
        Operation::Responses => (as_it_is(), Watch::Responses(responses::Progress::new(dialect))),
        _ => {
            let asking = endpoint
                .tells_usage()
                .then(|| order.prompt.asking_for_usage(&leaf.upstream))
                .flatten();
            let usage = if asking.is_some() {
                UsageEvent::Ours
            } else {
                UsageEvent::Callers
            };
            let progress = chat::Progress::new(dialect, order.prompt.choices(), usage);
            (asking.unwrap_or_else(as_it_is), Watch::Chat(progress))
        }
    }
}

fn request(uri: &Uri, headers: HeaderMap, body: Spliced) -> Request<Spliced> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    *request.headers_mut() = headers;
    request
}
