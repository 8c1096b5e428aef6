//! An answer that nothing is known of: audio, images, text, a stream of its own kind. Its status and headers
//! decide whether it is one; its bytes go to the caller as they come.

use std::pin::pin;

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Request};
use weir_table::FailureClass;

use super::answer::{Outgoing, Rest};
use super::attempt::Accepted;
use super::bounds::Bounds;
use super::head::any_head;
use super::headers;
use super::whole::{Collected, beginning, first};
use crate::body::Spliced;
use crate::error::Failure;
use crate::state::Endpoint;

/// Up to this size an answer is collected first, so that one that breaks off can be asked for elsewhere.
const SMALL: u64 = 256 * 1024;

/// Asks for an answer of any kind.
pub(super) async fn through(
    endpoint: &Endpoint,
    request: Request<Spliced>,
    bounds: Bounds,
) -> Result<Accepted, Failure> {
    let until = bounds.until(bounds.begun, bounds.limits.attempt, FailureClass::Timeout);
    let work = pin!(async {
        let response = any_head(endpoint, request, &bounds).await?;
        let (head, mut body) = response.into_parts();
        let small = length(&head.headers).is_some_and(|length| length <= SMALL);
        let (read, collected) = if small {
            beginning(&mut body).await?
        } else {
            first(&mut body).await?
        };
        let body = match collected {
            Collected::Everything => {
                body.give_back();
                Outgoing::whole(read)
            }
            Collected::UpToTheLimit => {
                Outgoing::Rest(Box::new(Rest::of_bytes(read, body, bounds.limits.stall)))
            }
        };
        Ok(Accepted {
            status: head.status,
            headers: headers::downstream(&head.headers),
            body,
            usage: None,
        })
    });
    until.bound(work).await
}

fn length(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(CONTENT_LENGTH).map(HeaderValue::to_str)?;
    text.ok()?.parse().ok()
}
