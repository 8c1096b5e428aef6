//! An answer that is not streamed: it is collected and proved to be one before the caller sees any of it,
//! unless it is too large, when its beginning must do.

use bytes::{Bytes, BytesMut};
use http::Request;
use weir_table::{Dialect, FailureClass};

use super::answer::{Outgoing, Rest};
use super::attempt::Accepted;
use super::bounds::Bounds;
use super::head::{Wanted, head};
use super::headers;
use super::pool::Inflow;
use super::reply::Reply;
use crate::body::Spliced;
use crate::classify;
use crate::error::Failure;
use crate::operation::Operation;
use crate::state::Endpoint;

/// The most of an answer that is collected before it is passed on: more than a batch of embeddings takes.
const COLLECTED: usize = 8 * 1024 * 1024;

/// How far an answer was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collected {
    /// To its end.
    Everything,
    /// No further than was asked for.
    UpToTheLimit,
}

/// The connection ended before the answer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broke;

/// Reads `body` into `into`, up to a little more than `limit`.
pub(super) async fn collect(
    body: &mut Inflow,
    into: &mut BytesMut,
    limit: usize,
) -> Result<Collected, Broke> {
    while into.len() <= limit {
        match body.data().await {
            None => return Ok(Collected::Everything),
            Some(Err(_)) => return Err(Broke),
            Some(Ok(read)) => into.extend_from_slice(&read),
        }
    }
    Ok(Collected::UpToTheLimit)
}

/// Asks for a whole answer.
pub(super) async fn whole(
    endpoint: &Endpoint,
    request: Request<Spliced>,
    bounds: Bounds,
    operation: Operation,
) -> Result<Accepted, Failure> {
    let until = bounds.until(bounds.begun, bounds.limits.attempt, FailureClass::Timeout);
    let work = async {
        let response = head(endpoint, request, &bounds, Wanted::Json).await?;
        let (head, mut body) = response.into_parts();
        let (read, collected) = beginning(&mut body).await?;
        let body = match collected {
            Collected::Everything => {
                prove(endpoint.dialect, operation, &read)?;
                body.give_back();
                Outgoing::whole(read)
            }
            Collected::UpToTheLimit => Outgoing::Rest(Box::new(Rest::new(
                prove_beginning(read)?,
                body,
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
async fn beginning(body: &mut Inflow) -> Result<(Bytes, Collected), Failure> {
    let first = match body.data().await {
        None => Bytes::new(),
        Some(read) => read.map_err(|_| broke_off())?,
    };
    if body.is_at_end() {
        return Ok((first, Collected::Everything));
    }
    let mut read = BytesMut::from(first);
    let collected = collect(body, &mut read, COLLECTED)
        .await
        .map_err(|Broke| broke_off())?;
    Ok((read.freeze(), collected))
}

fn broke_off() -> Failure {
    Failure::new(
        FailureClass::StreamCut,
        "the provider's answer ended before it was whole",
    )
}

fn malformed(text: &'static str) -> Failure {
    Failure::new(FailureClass::MalformedResponse, text)
}

/// Proves that `answer` is one.
fn prove(dialect: Dialect, operation: Operation, answer: &[u8]) -> Result<(), Failure> {
    let reply = Reply::read(answer)
        .ok_or_else(|| malformed("the provider's answer is not JSON of the right shape"))?;
    if let Some(error) = reply.error() {
        return Err(classify::in_band(dialect, error));
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
