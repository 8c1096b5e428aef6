//! An answer that is not streamed: it is collected and proved to be one before the caller sees any of it,
//! unless it is too large, when its beginning must do.

use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http::Request;
use weir_table::FailureClass;

use super::answer::{Outgoing, Rest};
use super::attempt::Accepted;
use super::bounds::Bounds;
use super::head::{Wanted, head};
use super::headers;
use super::pool::Inflow;
use super::watch;
use crate::body::Spliced;
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
    let work = pin!(async {
        let response = head(endpoint, request, &bounds, Wanted::Json).await?;
        let (head, mut body) = response.into_parts();
        let (read, collected) = beginning(&mut body).await?;
        let (body, usage) = match collected {
            Collected::Everything => {
                let usage = watch::prove(endpoint.dialect, operation, &read)?;
                body.give_back();
                (Outgoing::whole(read), usage)
            }
            Collected::UpToTheLimit => {
                let rest = Rest::of_document(prove_beginning(read)?, body, bounds.limits.stall);
                (Outgoing::Rest(Box::new(rest)), None)
            }
        };
        Ok(Accepted {
            status: head.status,
            headers: headers::downstream(&head.headers),
            body,
            usage,
        })
    });
    until.bound(work).await
}

/// The first piece of an answer, which may be all of it.
pub(super) async fn first(body: &mut Inflow) -> Result<(Bytes, Collected), Failure> {
    let Some(read) = body.data().await else {
        return Ok((Bytes::new(), Collected::Everything));
    };
    let read = read.map_err(|_| broke_off())?;
    if body.is_at_end() {
        Ok((read, Collected::Everything))
    } else {
        Ok((read, Collected::UpToTheLimit))
    }
}

/// The whole answer, or as much as is collected; without a copy where it came in one piece.
pub(super) async fn beginning(body: &mut Inflow) -> Result<(Bytes, Collected), Failure> {
    let (first, collected) = first(body).await?;
    if collected == Collected::Everything {
        return Ok((first, collected));
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

/// What can be proved of an answer from its beginning: that it is an object. It is far too long to be an
/// error or empty.
fn prove_beginning(read: Bytes) -> Result<Bytes, Failure> {
    if read.trim_ascii_start().starts_with(b"{") {
        Ok(read)
    } else {
        Err(malformed("the provider's answer is not JSON"))
    }
}
