//! The simulated providers: one server on loopback that speaks `OpenAI`'s API under a path for each of them.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures::stream::{Stream, unfold};
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::answer::{Question, outage};
use crate::error::Error;

/// The provider that is always down.
const DOWN: &str = "outage";

/// How long a model thinks before it says anything.
const THINKING: Duration = Duration::from_millis(120);

/// How long it takes for each further word.
const WORD: Duration = Duration::from_millis(25);

/// Starts the server on a free port of loopback; it ends with the process.
pub(super) async fn start() -> Result<SocketAddr, Error> {
    let failed =
        |error: std::io::Error| Error::Failed(format!("cannot start the simulated providers: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let routes = Router::new()
        .route("/{provider}/v1/chat/completions", post(chat))
        .route("/{provider}/v1/embeddings", post(embeddings));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}

async fn chat(Path(provider): Path<String>, Json(question): Json<Question>) -> Response {
    if provider == DOWN {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(outage(&provider))).into_response();
    }
    if question.stream {
        return Sse::new(events(question.chunks(&provider))).into_response();
    }
    sleep(THINKING).await;
    Json(question.completion(&provider)).into_response()
}

async fn embeddings(Json(question): Json<Question>) -> Response {
    sleep(THINKING).await;
    Json(question.embeddings()).into_response()
}

/// The chunks in the time that a model takes, and `[DONE]`.
fn events(chunks: Vec<serde_json::Value>) -> impl Stream<Item = Result<Event, Infallible>> {
    let data = chunks
        .into_iter()
        .map(|chunk| chunk.to_string())
        .chain(["[DONE]".to_owned()]);
    unfold((data, THINKING), |(mut data, wait)| async move {
        let event = Event::default().data(data.next()?);
        sleep(wait).await;
        Some((Ok(event), (data, WORD)))
    })
}
