//! The admin port: health, metrics, and what is being served. Never a credential, never a request.

mod page;

use std::io;
use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::config::AdminToken;
use crate::serve::Hub;

/// Serves the admin port until `ended`.
pub(crate) async fn serve(
    listener: TcpListener,
    hub: Arc<Hub>,
    token: Option<AdminToken>,
    ended: CancellationToken,
) -> io::Result<()> {
    axum::serve(listener, routes(hub, token))
        .with_graceful_shutdown(ended.cancelled_owned())
        .await
}

fn routes(hub: Arc<Hub>, token: Option<AdminToken>) -> Router {
    let guarded = Router::new()
        .route("/", get(status))
        .route("/api/tables", get(tables))
        .layer(from_fn_with_state(Arc::new(token), authorised));
    let open = Router::new()
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics));
    guarded.merge(open).with_state(hub)
}

/// Lets a request through if it bears the token, where one is wanted.
async fn authorised(State(token): State<Arc<Option<AdminToken>>>, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let given = given.strip_prefix(b"Bearer ").unwrap_or_default();
    if token.as_ref().as_ref().is_none_or(|token| token.is(given)) {
        return next.run(request).await;
    }
    let wanted = [(WWW_AUTHENTICATE, "Bearer")];
    (
        StatusCode::UNAUTHORIZED,
        wanted,
        "send `Authorization: Bearer <the admin token>`\n",
    )
        .into_response()
}

async fn ready(State(hub): State<Arc<Hub>>) -> Response {
    if hub.drain.is_announced() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    if hub.tables.load().is_ready() {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "waits for the tables\n").into_response()
    }
}

async fn metrics(State(hub): State<Arc<Hub>>) -> Response {
    let kind = [(
        CONTENT_TYPE,
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    )];
    // With many targets this takes a while, in which connections are to be accepted.
    match spawn_blocking(move || hub.metrics.encode()).await {
        Ok(text) => (kind, text).into_response(),
        Err(_panicked) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn tables(State(hub): State<Arc<Hub>>, Query(wanted): Query<page::Wanted>) -> Json<page::Document> {
    Json(page::document(&hub.tables.load(), &wanted))
}

async fn status(State(hub): State<Arc<Hub>>) -> Response {
    let page = page::html(&hub.tables.load());
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}
