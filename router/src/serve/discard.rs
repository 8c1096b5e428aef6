//! The rest of a body that nobody will read. A connection that is closed while its caller still writes is
//! reset, and what was answered may be lost with it: a caller would see a broken pipe instead of a 413. So the
//! rest is read and thrown away for a while, as other servers do (nginx calls it a lingering close).

use std::time::Duration;

use http::HeaderMap;
use http::header::EXPECT;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

/// How long a caller may go on with a body that was answered already.
const LINGER: Duration = Duration::from_secs(30);

/// How long it may stop in between.
const SILENCE: Duration = Duration::from_secs(5);

/// Reads what is left of `body`, if anything, in a task of its own. A caller that waits for
/// `100 Continue` sends nothing after a final answer, and so has nothing left.
pub(super) fn discard(headers: &HeaderMap, body: Incoming) {
    if !body.is_end_stream() && !headers.contains_key(EXPECT) {
        drop(tokio::spawn(timeout(LINGER, rest(body))));
    }
}

async fn rest(mut body: Incoming) {
    while let Ok(Some(Ok(_))) = timeout(SILENCE, body.frame()).await {}
}
