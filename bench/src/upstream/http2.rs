//! The mock provider on a connection that speaks HTTP/2: each request is answered by a task of its own.

use std::rc::Rc;

use anyhow::Result;
use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use super::Shared;
use crate::answers::media_type;
use crate::dialect::Dialect;
use crate::pace::paused;
use crate::scenario::Answer;

/// So much of a request may be on its way: more than any has, so that windows hold nothing up.
const WINDOW: u32 = 1024 * 1024;

/// Answers whatever is asked on `stream`, until it ends.
pub(super) async fn converse<S>(stream: S, shared: Rc<Shared>) -> Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut connection = Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .handshake::<_, Bytes>(stream)
        .await?;
    while let Some(asked) = connection.accept().await {
        let (request, respond) = asked?;
        let shared = shared.clone();
        // A request that is given up is no matter of the others'.
        spawn_local(async move { drop(reply(request, respond, &shared).await) });
    }
    Ok(())
}

async fn reply(
    request: Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: &Shared,
) -> Result<()> {
    let asked = Dialect::asked_at(request.uri().path().as_bytes());
    let mut body = request.into_body();
    while let Some(bytes) = body.data().await {
        let bytes = bytes?;
        body.flow_control().release_capacity(bytes.len())?;
    }
    let answers = shared.answers(asked);
    let head = |media_type| {
        let head = Response::builder().header("content-type", media_type);
        head.header("server", "mock").header("x-request-id", "1").body(())
    };
    match shared.answer.get() {
        Answer::Whole(wait) => {
            if !wait.is_zero() {
                sleep(wait).await;
            }
            let mut out = respond.send_response(head("application/json")?, false)?;
            out.send_data(answers.body.clone(), true)?;
        }
        Answer::Stream(pause) => {
            let mut out = respond.send_response(head(media_type(asked))?, false)?;
            let begun = Instant::now();
            for (due, event) in (0..).map(|at| begun + pause * at).zip(&answers.events) {
                paused(due, pause).await;
                out.send_data(event.clone(), false)?;
            }
            out.send_data(Bytes::new(), true)?;
        }
    }
    Ok(())
}
