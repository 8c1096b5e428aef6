//! The operator's own port: is it alive, is it ready, how is it doing. Nothing here can change anything.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::health::Health;
use crate::metrics::Metrics;

/// What the port shows.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The metrics.
    pub metrics: Metrics,
    /// Whether every watch has delivered its first full list.
    pub synced: watch::Receiver<bool>,
    /// How the watches do.
    pub health: Health,
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

/// What fails now is told either way; once everything has been listed, it is no reason to be restarted.
async fn ready(State(shown): State<Shown>) -> (StatusCode, String) {
    let lines = shown.health.lines();
    if *shown.synced.borrow() {
        (StatusCode::OK, format!("ok\n{lines}"))
    } else {
        let waiting = "not every watch has delivered its first list yet\n";
        (StatusCode::SERVICE_UNAVAILABLE, format!("{waiting}{lines}"))
    }
}

async fn metrics(State(shown): State<Shown>) -> impl IntoResponse {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], shown.metrics.render())
}

#[cfg(test)]
mod tests {
    use axum::extract::State;
    use axum::http::StatusCode;
    use tokio::sync::watch;

    use super::{Shown, ready};
    use crate::health::Health;
    use crate::metrics::Metrics;
    use crate::territory::Part;
    use crate::trouble::Trouble;

    #[tokio::test]
    async fn readiness_says_what_it_waits_for_and_outlasts_later_trouble() {
        let (synced, told) = watch::channel(false);
        let health = Health::new(Metrics::default());
        let shown = Shown {
            metrics: Metrics::default(),
            synced: told,
            health: health.clone(),
        };
        let part = Part {
            kind: "FallbackPolicy",
            namespace: None,
        };
        health.failed(&part, Trouble::NotInstalled);
        let (code, text) = ready(State(shown.clone())).await;
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text.contains("FallbackPolicy: NotInstalled: "), "{text}");
        synced.send_replace(true);
        let (code, text) = ready(State(shown)).await;
        assert_eq!(code, StatusCode::OK);
        assert!(text.contains("FallbackPolicy: NotInstalled: "), "{text}");
    }
}
