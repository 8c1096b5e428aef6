//! The operator's own port: is it alive, is it ready, how is it doing. Nothing here can change anything.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// What the port shows.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The metrics.
    pub metrics: Metrics,
    /// Whether every watch has delivered its first full list.
    pub synced: watch::Receiver<bool>,
}

/// Serves `/livez`, `/readyz` and `/metrics` until `stop`.
pub async fn serve(listener: TcpListener, shown: Shown, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, router(shown))
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

fn router(shown: Shown) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(shown)
}

async fn ready(State(shown): State<Shown>) -> (StatusCode, &'static str) {
    if *shown.synced.borrow() {
        (StatusCode::OK, "ok\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "not every watch has delivered its first list yet\n",
        )
    }
}

async fn metrics(State(shown): State<Shown>) -> impl IntoResponse {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], shown.metrics.render())
}
