//! One request from its head to its answer. The order of the steps is here and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use tokio::time::{Instant, sleep_until};
use weir_table::FailureClass;

use super::discard::discard;
use super::respond::{self, Again, Trail};
use super::{Hub, models, request};
use crate::body::Prompt;
use crate::clock;
use crate::error::{Failure, Voice};
use crate::forward::{Accepted, Order, Outgoing, attempt};
use crate::key::Keys;
use crate::observe::Record;
use crate::operation::Operation;
use crate::route::{Route, find};
use crate::state::Leaf;
use crate::walk::{Moment, Step, Terms, Try, Walk};

/// When a caller whose request was one too many may try again.
const OVERLOAD_PAUSE: Duration = Duration::from_secs(1);

/// Answers one request.
pub(super) async fn answer(hub: &Arc<Hub>, request: Request<Incoming>) -> Response<Outgoing> {
    let (head, mut body) = request.into_parts();
    let path = models::decoded(head.uri.path());
    let posted = path.as_deref().filter(|_| head.method == Method::POST);
    let asked = posted.and_then(|path| Some((operation(hub, path)?, path)));
    let id = request_id(hub.surroundings.request_id());
    let word = match asked {
        Some((operation, _)) => Some(operation.path()),
        None => path.as_deref().and_then(models::word),
    };
    let mut response = match asked {
        Some((operation, path)) => routed(hub, operation, path, &head, &mut body, &id).await,
        None => models::answer(hub, &head, path.as_deref(), id),
    };
    hub.metrics.own().responded(word, response.status());
    discard(&head.headers, body);
    if hub.drain.is_announced() {
        respond::close(&mut response);
    }
    response
}

/// What is asked for at `path`: one of the router's operations, or one that some provider has for its own.
fn operation(hub: &Hub, path: &str) -> Option<Operation> {
    let own = || hub.tables.load().passes(path).then_some(Operation::Own);
    Operation::at(path).or_else(own)
}

async fn routed(
    hub: &Arc<Hub>,
    operation: Operation,
    path: &str,
    head: &Parts,
    body: &mut Incoming,
    id: &HeaderValue,
) -> Response<Outgoing> {
    let mut record = Record::begin(hub.metrics.own(), id.clone(), operation);
    let found = async {
        record.has(hub.places.take().ok_or_else(too_many)?);
        let snapshot = hub.tables.load_full();
        let caller = hub.admit(&snapshot, &head.headers)?;
        record.called_by(caller);
        let (bytes, place) = request::read(&head.headers, body, hub.max_body_bytes, &hub.room).await?;
        let prompt = understand(bytes, operation, &head.headers)?;
        record.tagged(prompt.tags());
        let route = find(&snapshot, caller, operation, &prompt.model()?)?;
        Ok((prompt, place, route))
    };
    match found.await {
        Ok((prompt, _place, route)) => {
            let order = Order {
                operation,
                path,
                id: id.to_str().unwrap_or_default(),
                prompt: &prompt,
                headers: &head.headers,
            };
            run(hub, &route, order, record, id).await
        }
        Err(failure) => {
            let voice = operation.voice();
            give_up(&failure, voice, Again::AsUsual, record, id, Trail::default())
        }
    }
}

/// What refuses one request too many.
fn too_many() -> Failure {
    let text = "the router has as many requests under way as it takes (--max-in-flight); try again, or start \
                more routers";
    let failure = Failure::new(FailureClass::Overload, text);
    Failure {
        retry_after: Some(OVERLOAD_PAUSE),
        ..failure
    }
}

/// The body, of whatever type the operation takes.
fn understand(bytes: Bytes, operation: Operation, headers: &HeaderMap) -> Result<Prompt, Failure> {
    if !operation.only_passes() {
        return Prompt::read(bytes);
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Prompt::read_as(bytes, content_type)
}

/// Asks targets until one answers or the walk is over.
async fn run(
    hub: &Hub,
    route: &Route,
    order: Order<'_>,
    mut record: Record,
    id: &HeaderValue,
) -> Response<Outgoing> {
    let mut walk = Walk::new(terms(order, record.begun(), id));
    let mut step = begin(&mut walk, route, &mut record);
    let mut last: Option<&Arc<Leaf>> = None;
    loop {
        let next = match step {
            Step::Over(failure) => {
                let trail = trail(route, last, &record);
                let voice = order.operation.voice();
                return give_up(&failure, voice, again(&walk), record, id, trail);
            }
            Step::Try(next) => next,
        };
        last = Some(next.leaf);
        match ask(next, order, &mut record).await {
            Ok(accepted) => {
                walk.answered(Instant::now());
                let trail = trail(route, last, &record);
                return hand_over(accepted, record, id, trail);
            }
            Err(failure) => {
                let moment = Moment {
                    now: Instant::now(),
                    jitter: hub.surroundings.jitter(),
                };
                step = go_on(&mut walk, failure, moment, &mut record);
            }
        }
    }
}

fn begin<'t>(walk: &mut Walk<'t>, route: &'t Route, record: &mut Record) -> Step<'t> {
    let step = match route {
        Route::Policy(tree) => walk.begin(tree.root()),
        Route::Direct(leaf, _) => walk.direct(leaf),
    };
    if let Some(source) = walk.take_key_source() {
        record.keyed_by(source);
    }
    step
}

fn go_on<'t>(walk: &mut Walk<'t>, failure: Failure, moment: Moment, record: &mut Record) -> Step<'t> {
    record.attempt_failed(failure.class);
    walk.failed(failure, moment)
}

/// Whether the caller's own retry could do more than the walk did.
fn again(walk: &Walk<'_>) -> Again {
    if walk.went_through_chain() {
        Again::No
    } else {
        Again::AsUsual
    }
}

fn give_up(
    failure: &Failure,
    voice: Voice,
    again: Again,
    mut record: Record,
    id: &HeaderValue,
    trail: Trail<'_>,
) -> Response<Outgoing> {
    let mut response = respond::error(failure, voice, id.to_str().unwrap_or_default(), again);
    respond::sign(&mut response, id.clone(), trail);
    record.responds(response.status());
    record.failed(failure.class);
    response
}

fn hand_over(
    accepted: Accepted,
    mut record: Record,
    id: &HeaderValue,
    trail: Trail<'_>,
) -> Response<Outgoing> {
    record.dropped(respond::dropped(&accepted.headers));
    let mut response = respond::answer(accepted);
    respond::sign(&mut response, id.clone(), trail);
    record.responds(response.status());
    response.body_mut().observe(record);
    response
}

async fn ask(next: Try<'_>, order: Order<'_>, record: &mut Record) -> Result<Accepted, Failure> {
    if next.not_before > Instant::now() {
        sleep_until(next.not_before).await;
    }
    record.asks(next.leaf);
    let accepted = attempt(next.leaf, order, next.patience, next.deadline).await?;
    record.committed();
    if order.is_streamed() {
        record.streams();
    }
    if let Some(usage) = accepted.usage {
        record.took(usage);
    }
    Ok(accepted)
}

fn terms<'a>(order: Order<'a>, begun: Instant, id: &'a HeaderValue) -> Terms<'a> {
    let Order { prompt, headers, .. } = order;
    Terms {
        begun,
        patience: clock::patience(headers),
        silence: if order.is_streamed() {
            FailureClass::FirstTokenTimeout
        } else {
            FailureClass::Timeout
        },
        keys: Keys {
            prompt,
            headers,
            request_id: id.to_str().unwrap_or_default(),
        },
    }
}

fn trail<'a>(route: &'a Route, last: Option<&'a Arc<Leaf>>, record: &Record) -> Trail<'a> {
    let (policy, table) = match route {
        Route::Policy(tree) => (Some(&tree.name), &tree.stamp),
        Route::Direct(_, stamp) => (None, stamp),
    };
    Trail {
        policy,
        table: Some(table),
        leaf: last.map(|leaf| &**leaf),
        attempts: record.attempts(),
    }
}

/// An id of this router's own making; a caller's is never taken over.
fn request_id(number: u128) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut id = *b"req_00000000000000000000000000000000";
    for (digits, byte) in id[4..].chunks_exact_mut(2).zip(number.to_be_bytes()) {
        digits.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]]);
    }
    HeaderValue::from_bytes(&id).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::request_id;

    #[test]
    fn an_id_is_its_number_in_hexadecimal() {
        let id = request_id(0x0123_4567_89ab_cdef_0000_0000_0000_00ff);
        assert_eq!(id, "req_0123456789abcdef00000000000000ff");
    }
}
