//! An API server for unit tests: it takes every write, and remembers them in order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use kube::Client;
use serde_json::{Value, json};

/// What was asked of the mock, and how it answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mock(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    writes: Vec<Write>,
    reads: Vec<String>,
    refused: Vec<&'static str>,
    /// How many more requests for an object come at a busy time.
    busy: BTreeMap<&'static str, usize>,
    refusals: usize,
    foreign_key: Option<&'static str>,
}

/// One write.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    /// The kind and name of the object, such as `configmaps/weir-cluster`, with `/status` if it is that.
    pub(crate) path: String,
    /// How it was asked for.
    pub(crate) query: String,
    /// What was sent.
    pub(crate) body: Value,
}

impl Mock {
    /// A client of it.
    pub(crate) fn client(&self) -> Client {
        let router = Router::new().fallback(answer).with_state(self.clone());
        Client::new(router, "weir-system")
    }

    /// Refuses every write of this object from now on.
    pub(crate) fn refuse(&self, path: &'static str) {
        self.0
            .lock()
            .expect("no test panics while it holds this")
            .refused
            .push(path);
    }

    /// Is too busy for the next so many requests for this object.
    pub(crate) fn be_busy(&self, path: &'static str, times: usize) {
        let mut inner = self.0.lock().expect("no test panics while it holds this");
        inner.busy.insert(path, times);
    }

    /// Refuses nothing any more.
    pub(crate) fn relent(&self) {
        self.0
            .lock()
            .expect("no test panics while it holds this")
            .refused
            .clear();
    }

    /// How many requests were refused.
    pub(crate) fn refusals(&self) -> usize {
        self.0
            .lock()
            .expect("no test panics while it holds this")
            .refusals
    }

    /// Answers the next apply as if someone else had put this data key in.
    pub(crate) fn put_in(&self, key: &'static str) {
        self.0
            .lock()
            .expect("no test panics while it holds this")
            .foreign_key = Some(key);
    }

    /// Everything that was written, in order.
    pub(crate) fn writes(&self) -> Vec<Write> {
        self.0
            .lock()
            .expect("no test panics while it holds this")
            .writes
            .clone()
    }

    /// The paths of everything that was asked for, in order.
    pub(crate) fn reads(&self) -> Vec<String> {
        self.0
            .lock()
            .expect("no test panics while it holds this")
            .reads
            .clone()
    }

    /// The paths of everything that was written, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.writes().into_iter().map(|write| write.path).collect()
    }

    /// The reasons that the writes of a status gave for a condition, in order.
    pub(crate) fn reasons(&self, path: &str, condition: &str) -> Vec<String> {
        let writes = self.writes().into_iter().filter(|write| write.path == path);
        let reason = |write: Write| {
            let conditions = write.body["status"]["conditions"].as_array()?.clone();
            let found = conditions.into_iter().find(|found| found["type"] == condition)?;
            Some(found["reason"].as_str()?.to_owned())
        };
        writes.filter_map(reason).collect()
    }

    /// There is nothing to be read.
    fn look(&self, path: String) -> Response {
        let mut inner = self.0.lock().expect("no test panics while it holds this");
        let is_too_busy = inner.is_too_busy(&path);
        inner.reads.push(path);
        if is_too_busy {
            return failure(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests");
        }
        failure(StatusCode::NOT_FOUND, "NotFound")
    }

    fn take(&self, path: &str, query: &str, body: Value) -> Response {
        let mut inner = self.0.lock().expect("no test panics while it holds this");
        if inner.is_too_busy(path) {
            return failure(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests");
        }
        if inner.refused.contains(&path) {
            inner.refusals += 1;
            return failure(StatusCode::UNPROCESSABLE_ENTITY, "Invalid");
        }
        let mut object = body.clone();
        inner.writes.push(Write {
            path: path.to_owned(),
            query: query.to_owned(),
            body,
        });
        if let Some(key) = inner.foreign_key.take() {
            object["data"][key] = json!("");
        }
        object["metadata"]["resourceVersion"] = json!((100 + inner.writes.len()).to_string());
        object["metadata"]["uid"] = json!(path);
        axum::Json(object).into_response()
    }
}

impl Inner {
    fn is_too_busy(&mut self, path: &str) -> bool {
        let left = self.busy.get_mut(path).filter(|left| **left > 0);
        let Some(left) = left else { return false };
        *left -= 1;
        self.refusals += 1;
        true
    }
}

fn failure(code: StatusCode, reason: &str) -> Response {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": reason,
        "reason": reason, "code": code.as_u16()});
    (code, axum::Json(status)).into_response()
}

async fn answer(State(mock): State<Mock>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let steps: Vec<&str> = path.split('/').collect();
    let kind = steps
        .iter()
        .position(|step| step.ends_with('s') && *step != "apis" && *step != "namespaces");
    let path = steps[kind.unwrap_or_default()..].join("/");
    if request.method() == Method::GET {
        return mock.look(path);
    }
    let body = request
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    mock.take(&path, &query, serde_json::from_slice(&body).unwrap_or_default())
}
