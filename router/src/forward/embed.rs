//! Embeddings for callers of `OpenAI`'s dialect from targets of another.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::Uri;
use weir_dialect::embeddings::{self, EmbeddingAnswer, EmbeddingAsk};
use weir_dialect::form::Usage;
use weir_dialect::{Refusal, Unreadable, Written, bedrock, gemini};
use weir_table::Dialect;

use super::aside::aside;
use super::attempt::{Accepted, Order};
use super::bounds::Bounds;
use super::headers;
use super::prove::proven;
use super::translate::{collected, refused, stamp, unreadable};
use crate::error::Failure;
use crate::state::{Endpoint, Leaf};

/// Asks `leaf`, which is at `uri`.
pub(super) async fn embedded(
    leaf: &Leaf,
    endpoint: &Arc<Endpoint>,
    order: Order<'_>,
    uri: &Uri,
    bounds: Bounds,
) -> Result<Accepted, Failure> {
    let dialect = endpoint.dialect;
    let own = order.prompt.without_own_fields();
    let stamp = stamp(leaf, order);
    let (length, model) = (own.len(), stamp.model.clone());
    let (proving, uri) = (endpoint.clone(), uri.clone());
    let headers = headers::translated(endpoint, order.headers);
    let composing = move || {
        let ask = embeddings::read_request(&own).map_err(refused)?;
        let Written { body, dropped } = written(dialect, &ask, &model).map_err(refused)?;
        let request = proven(&proving, &uri, headers, Bytes::from(body))?;
        Ok::<_, Failure>((request, dropped, ask.texts.len(), ask.encoding))
    };
    let composing = pin!(aside(length, composing));
    let (request, dropped, texts, encoding) = bounds.by_deadline().bound(composing).await?;
    let bounds = bounds.begun_now();
    let read = collected(endpoint, request, bounds).await?;
    let length = read.len();
    let rewriting = move || {
        let answer = answer(dialect, &read, texts).map_err(|_| unreadable(dialect, &read))?;
        let document = embeddings::write_answer(&answer, encoding, &stamp);
        Ok::<_, Failure>((Bytes::from(document), answer.input_tokens))
    };
    let rewriting = pin!(aside(length, rewriting));
    let (document, input) = bounds.by_deadline().bound(rewriting).await?;
    let usage = input.map(|input| Usage {
        input,
        ..Usage::default()
    });
    let headers = headers::of_translation("application/json", &dropped);
    Ok(Accepted::of_document(headers, document, usage))
}

fn written(dialect: Dialect, ask: &EmbeddingAsk<'_>, model: &str) -> Result<Written, Refusal> {
    match dialect {
        Dialect::Bedrock => bedrock::embeddings::write_request(ask, model),
        _ => gemini::embeddings::write_request(ask, model),
    }
}

fn answer(dialect: Dialect, read: &[u8], texts: usize) -> Result<EmbeddingAnswer, Unreadable> {
    match dialect {
        Dialect::Bedrock => bedrock::embeddings::read_answer(read, texts),
        _ => gemini::embeddings::read_answer(read, texts),
    }
}
