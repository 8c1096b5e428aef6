//! A request to a target that speaks otherwise than its caller: written anew for it, and its answer written
//! anew for the caller. Only here does a body become values, and only for as long as the request is made; a long one
//! elsewhere, so that it holds up no other request.

use std::pin::pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Uri};
use weir_dialect::form::{Answer, Part, Usage};
use weir_dialect::{Caller, Dropped, Refusal, Stamp, Target, Writer};
use weir_table::{Dialect, FailureClass};

use super::aside::aside;
use super::attempt::{Accepted, Order};
use super::bounds::Bounds;
use super::flow::{Flow, Framing, Translated, explains};
use super::head::{Wanted, head};
use super::headers;
use super::opening::streamed;
use super::prove::proven;
use super::watch::reply::Reply;
use super::whole::{Collected, collect};
use crate::body::Spliced;
use crate::classify;
use crate::error::Failure;
use crate::state::{Endpoint, Leaf};

/// The largest answer that is translated, whole or streamed, in bytes.
pub(super) const LARGEST: usize = 64 * 1024 * 1024;

/// Who speaks how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tongues {
    /// The caller.
    pub(super) caller: Caller,
    /// The target.
    pub(super) target: Target,
}

/// What a request in the target's dialect is made of.
struct Draft {
    /// The caller's body, without what is the router's own.
    own: Bytes,
    auto_cache: bool,
    tongues: Tongues,
    stamp: Stamp,
    endpoint: Arc<Endpoint>,
    uri: Uri,
    headers: HeaderMap,
}

/// A request in the target's dialect.
struct Composed {
    request: Request<Spliced>,
    dropped: Dropped,
    stamp: Stamp,
    /// The caller's side of a stream, if one is wanted.
    writer: Option<Box<dyn Writer>>,
}

/// Asks `leaf`, which is at `uri`.
pub(super) async fn translated(
    leaf: &Leaf,
    endpoint: &Arc<Endpoint>,
    order: Order<'_>,
    tongues: Tongues,
    uri: &Uri,
    bounds: Bounds,
) -> Result<Accepted, Failure> {
    let draft = Draft {
        own: order.prompt.without_own_fields(),
        auto_cache: order.prompt.auto_cache(),
        tongues,
        stamp: stamp(leaf, order),
        endpoint: endpoint.clone(),
        uri: uri.clone(),
        headers: headers::translated(endpoint, order.headers),
    };
    let composing = aside(draft.own.len(), move || compose(draft));
    let Composed {
        request,
        dropped,
        stamp,
        writer,
    } = bounds.by_deadline().bound(pin!(composing)).await?;
    let bounds = bounds.begun_now();
    if let Some(writer) = writer {
        let accepted = stream(endpoint, request, bounds, tongues, order, writer).await?;
        let headers = headers::of_translation("text/event-stream", &dropped);
        return Ok(Accepted { headers, ..accepted });
    }
    let read = collected(endpoint, request, bounds).await?;
    let length = read.len();
    let dialect = endpoint.dialect;
    let rewriting = move || rewritten(dialect, &read, tongues, &stamp);
    let rewriting = pin!(aside(length, rewriting));
    let (body, usage) = bounds.by_deadline().bound(rewriting).await?;
    let headers = headers::of_translation("application/json", &dropped);
    Ok(Accepted::of_document(headers, body, usage))
}

fn compose(draft: Draft) -> Result<Composed, Failure> {
    let Draft {
        own,
        auto_cache,
        tongues,
        stamp,
        endpoint,
        uri,
        headers,
    } = draft;
    let mut ask = tongues.caller.read_request(&own).map_err(refused)?;
    ask.auto_cache |= auto_cache;
    let writer = ask.stream.then(|| tongues.caller.writer(stamp.clone(), &ask));
    ask.stream_usage = endpoint.tells_usage();
    let written = tongues
        .target
        .write_request(&ask, &stamp.model)
        .map_err(refused)?;
    Ok(Composed {
        request: proven(&endpoint, &uri, headers, Bytes::from(written.body))?,
        dropped: written.dropped,
        stamp,
        writer,
    })
}

/// The failure that a request is which cannot be said to this target; another may understand it.
pub(super) fn refused(refusal: Refusal) -> Failure {
    let Refusal { field, message } = refusal;
    if field.is_empty() {
        Failure::invalid_body(message)
    } else {
        Failure::invalid(&field, message)
    }
}

/// What the answer is called by.
pub(super) fn stamp(leaf: &Leaf, order: Order<'_>) -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Stamp {
        id: order.id.to_owned(),
        model: leaf.upstream.as_str().to_owned(),
        created: since.map_or(0, |since| since.as_secs()),
    }
}

async fn stream(
    endpoint: &Endpoint,
    request: Request<Spliced>,
    bounds: Bounds,
    tongues: Tongues,
    order: Order<'_>,
    writer: Box<dyn Writer>,
) -> Result<Accepted, Failure> {
    let target = tongues.target;
    let wanted = match target {
        Target::Bedrock => Wanted::Frames,
        Target::Chat | Target::Messages | Target::Gemini => Wanted::Events,
    };
    let flow = Translated::new(endpoint.dialect, Framing::of(target), target.reader(), writer);
    let flow = Flow::Translated(Box::new(flow));
    streamed(endpoint, request, bounds, wanted, flow, order.operation.voice()).await
}

/// The whole answer.
pub(super) async fn collected(
    endpoint: &Endpoint,
    request: Request<Spliced>,
    bounds: Bounds,
) -> Result<Bytes, Failure> {
    let until = bounds.until(bounds.begun, bounds.limits.attempt, FailureClass::Timeout);
    let work = pin!(async {
        let mut body = head(endpoint, request, &bounds, Wanted::Json).await?.into_body();
        let mut read = BytesMut::new();
        match collect(&mut body, &mut read, LARGEST).await {
            Ok(Collected::Everything) => {
                body.give_back();
                Ok(read.freeze())
            }
            Ok(Collected::UpToTheLimit) => {
                Err(malformed("the provider's answer is too large to be translated"))
            }
            Err(_) => Err(Failure::new(
                FailureClass::StreamCut,
                "the provider's answer ended before it was whole",
            )),
        }
    });
    until.bound(work).await
}

/// The answer in the caller's words, and what it took.
fn rewritten(
    dialect: Dialect,
    read: &Bytes,
    tongues: Tongues,
    stamp: &Stamp,
) -> Result<(Bytes, Option<Usage>), Failure> {
    let answer = tongues
        .target
        .read_answer(read)
        .map_err(|_| unreadable(dialect, read))?;
    if !is_answer(&answer) {
        return Err(malformed("the provider's answer has no content"));
    }
    let written = tongues.caller.write_answer(&answer, stamp);
    Ok((Bytes::from(written), answer.usage))
}

/// Why an answer can't be read: it is an error after all, or no answer at all.
pub(super) fn unreadable(dialect: Dialect, read: &[u8]) -> Failure {
    match Reply::read(read).and_then(|reply| reply.error()) {
        Some(error) => classify::in_band(dialect, error),
        None => malformed("the provider's answer is not of its dialect"),
    }
}

/// Whether there is content, or a reason for having none.
fn is_answer(answer: &Answer<'_>) -> bool {
    answer
        .choices
        .iter()
        .any(|choice| choice.finish.as_ref().is_some_and(explains) || choice.parts.iter().any(says_something))
}

fn says_something(part: &Part<'_>) -> bool {
    match part {
        Part::Text(text) => !text.text.is_empty(),
        Part::Refusal(text) => !text.is_empty(),
        Part::Thought(thought) => !thought.text.is_empty() || thought.redacted.is_some(),
        Part::Image(_) | Part::Document(_) | Part::Audio(_) | Part::ToolCall(_) | Part::ToolResult(_) => true,
    }
}

fn malformed(text: &'static str) -> Failure {
    Failure::new(FailureClass::MalformedResponse, text)
}
