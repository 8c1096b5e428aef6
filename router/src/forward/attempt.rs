//! One attempt at one target: it ends in an answer that is certain to be one, or in a failure. Until the
//! first content nothing is committed, so that what fails here can be tried elsewhere.

use http::{HeaderMap, Method, Request, StatusCode};
use tokio::time::Instant;

use super::answer::Outgoing;
use super::bounds::Bounds;
use super::headers;
use super::opening::streamed;
use super::sse::Progress;
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
        streamed(
            endpoint,
            request,
            bounds,
            Progress::new(endpoint.dialect, order.prompt.choices()),
        )
        .await
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
