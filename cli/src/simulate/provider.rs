//! The simulated providers: routes that speak `OpenAI`'s API, under a path for each of them. Nothing is listened
//! on here.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::stream::{Stream, unfold};
use tokio::time::sleep;

use super::answer::{Question, outage};

/// The provider that is always down.
const DOWN: &str = "outage";

/// How long a model thinks before it says anything.
const THINKING: Duration = Duration::from_millis(120);

/// How long it takes for each further word.
const WORD: Duration = Duration::from_millis(25);

/// The name of a provider that is asked at `/v1`, without a path of its own.
const NAME: &str = "simulated";

/// Every provider's API: at `/v1`, and at `/NAME/v1` for a provider of that name.
pub(crate) fn routes() -> Router {
    Router::new()
        .route("/{provider}/v1/chat/completions", post(named_chat))
        .route("/{provider}/v1/embeddings", post(embeddings))
        .route("/v1/chat/completions", post(chat))
        .route("/v1/embeddings", post(embeddings))
        .route("/livez", get(alive))
        .route("/readyz", get(alive))
}

async fn alive() -> &'static str {
    "ok\n"
}

async fn chat(Json(question): Json<Question>) -> Response {
    answered(NAME, &question).await
}

async fn named_chat(Path(provider): Path<String>, Json(question): Json<Question>) -> Response {
    answered(&provider, &question).await
}

async fn answered(provider: &str, question: &Question) -> Response {
    if provider == DOWN {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(outage(provider))).into_response();
    }
    if question.stream {
        return Sse::new(events(question.chunks(provider))).into_response();
    }
    sleep(THINKING).await;
    Json(question.completion(provider)).into_response()
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
