//! The sockets: accepts connections, answers requests one after another, and ends as the behaviour says.

use std::sync::Arc;

use anyhow::{Result, bail};
use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    Recorded, State,
    answer::{self, Frame},
    request::Request,
    script::{Behaviour, Ending, Script},
};

/// What remains of a connection after an answer.
enum After {
    Keep,
    Drop,
}

/// Serves until aborted.
pub(super) async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let state = Arc::clone(&state);
        // A broken connection is what many tests are about: the error is the client's to notice.
        tokio::spawn(async move { converse(socket, &state).await.ok() });
    }
}

async fn converse(mut socket: TcpStream, state: &State) -> Result<()> {
    socket.set_nodelay(true)?;
    let mut buffer = BytesMut::with_capacity(16 * 1024);
    while let Some(request) = Request::read(&mut socket, &mut buffer).await? {
        let after = match request.provider_and_path() {
            ("_fake", path) => control(&mut socket, state, &request, path).await?,
            _ => reply(&mut socket, state, &request).await?,
        };
        if matches!(after, After::Drop) {
            break;
        }
    }
    Ok(())
}

async fn reply(socket: &mut TcpStream, state: &State, request: &Request) -> Result<After> {
    let asked = request.asked();
    let (provider, path) = request.provider_and_path();
    let behaviour = state.next_behaviour(Recorded {
        provider: provider.to_owned(),
        path: path.to_owned(),
        model: asked.model.clone(),
        headers: request.headers.clone(),
        body: request.body.clone(),
    });
    let frames = answer::frames(request, &asked, &behaviour);
    let limit = match behaviour.ending {
        Ending::Whole => usize::MAX,
        Ending::Close { after } | Ending::Reset { after } | Ending::Stall { after } => after,
    };
    send(socket, frames, limit).await?;
    end(socket, &behaviour).await
}

/// Sends at most `limit` bytes; frames without a pause between them go out together.
async fn send(socket: &mut TcpStream, frames: Vec<Frame>, mut limit: usize) -> Result<()> {
    let mut pending = BytesMut::new();
    for Frame { pause, bytes } in frames {
        if !pause.is_zero() {
            socket.write_all(&pending.split()).await?;
            tokio::time::sleep(pause).await;
        }
        let part = bytes.slice(..bytes.len().min(limit));
        limit -= part.len();
        pending.extend_from_slice(&part);
    }
    socket.write_all(&pending).await?;
    Ok(())
}

async fn end(socket: &mut TcpStream, behaviour: &Behaviour) -> Result<After> {
    match behaviour.ending {
        Ending::Whole => return Ok(After::Keep),
        Ending::Close { .. } => socket.shutdown().await?,
        Ending::Reset { .. } => socket.set_zero_linger()?,
        Ending::Stall { .. } => while socket.read(&mut [0; 1024]).await? > 0 {},
    }
    Ok(After::Drop)
}

/// `PUT /_fake/scripts/MODEL` sets a script; `GET /_fake/requests` gives the requests since the last call.
async fn control(socket: &mut TcpStream, state: &State, request: &Request, path: &str) -> Result<After> {
    let body = match (request.method.as_str(), path.split_once("/scripts/")) {
        ("PUT", Some((_, model))) => set_script(state, model, &request.body)?,
        ("GET", None) if path == "/requests" => {
            serde_json::to_string(&std::mem::take(&mut state.lock().requests))?
        }
        _ => bail!("no such control"),
    };
    socket
        .write_all(answer::whole(200, &[], &body).as_bytes())
        .await?;
    Ok(After::Keep)
}

fn set_script(state: &State, model: &str, body: &Bytes) -> Result<String> {
    let script: Script = serde_json::from_slice(body)?;
    state.set_script(model, script);
    Ok(String::from("{}"))
}
