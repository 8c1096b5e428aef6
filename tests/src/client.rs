//! A plain HTTP client that looks at every byte of an answer and says whether it is whole.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header::AUTHORIZATION};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long any one answer may take.
const LIMIT: Duration = Duration::from_mins(1);

/// A client with connections that it keeps.
#[derive(Clone, Debug)]
pub struct Client {
    inner: HyperClient<HttpConnector, Full<Bytes>>,
    /// What requests carry that name nobody else.
    bearer: Option<HeaderValue>,
}

/// An answer as received.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

/// Whether an answer is asked for at once or as a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// One JSON document.
    Plain,
    /// Server-sent events.
    Streamed,
}

impl Default for Client {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let inner = HyperClient::builder(TokioExecutor::new())
            .pool_max_idle_per_host(usize::MAX)
            .build(connector);
        Self { inner, bearer: None }
    }
}

impl Client {
    /// A client that presents `key` with every request.
    pub fn holding(key: &str) -> Result<Self> {
        Ok(Self {
            bearer: Some(bearer(key)?),
            ..Self::default()
        })
    }

    /// Sends one request and reads the whole answer; an answer that ends early is an error.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer> {
        tokio::time::timeout(LIMIT, self.exchange(request))
            .await
            .context("no answer in time")?
    }

    async fn exchange(&self, mut request: Request<Full<Bytes>>) -> Result<Answer> {
        if let Some(bearer) = &self.bearer {
            request
                .headers_mut()
                .entry(AUTHORIZATION)
                .or_insert_with(|| bearer.clone());
        }
        let (parts, body) = self
            .inner
            .request(request)
            .await
            .context("no answer")?
            .into_parts();
        let body = body.collect().await.context("an answer cut short")?.to_bytes();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    /// `POST` of a body, as JSON.
    pub async fn post(&self, address: SocketAddr, path: &str, body: impl Into<Bytes>) -> Result<Answer> {
        self.send(request(Method::POST, address, path, body)?).await
    }

    /// `GET`, with a bearer token if one is given.
    pub async fn get(&self, address: SocketAddr, path: &str, token: Option<&str>) -> Result<Answer> {
        let mut request = request(Method::GET, address, path, Bytes::new())?;
        if let Some(token) = token {
            request.headers_mut().insert(AUTHORIZATION, bearer(token)?);
        }
        self.send(request).await
    }

    /// A chat of one message, with a trace id.
    pub async fn chat(&self, address: SocketAddr, model: &str, key: &str, shape: Shape) -> Result<Answer> {
        let body = chat_body(model, key, shape).to_string();
        self.post(address, "/v1/chat/completions", body).await
    }
}

fn bearer(key: &str) -> Result<HeaderValue> {
    Ok(format!("Bearer {key}").parse()?)
}

/// A request to a router.
pub fn request(
    method: Method,
    to: SocketAddr,
    path: &str,
    body: impl Into<Bytes>,
) -> Result<Request<Full<Bytes>>> {
    let builder = Request::builder()
        .method(method)
        .uri(format!("http://{to}{path}"));
    Ok(builder
        .header("content-type", "application/json")
        .body(Full::new(body.into()))?)
}

/// The body of a chat of one message, with a trace id.
pub fn chat_body(model: &str, key: &str, shape: Shape) -> Value {
    json!({
        "model": model,
        "messages": [{"role": "user", "content": "Say something."}],
        "stream": shape == Shape::Streamed,
        "requesty": {"trace_id": key},
    })
}

impl Answer {
    /// The text of a header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }

    /// The body as text, for messages.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The error's `(status, code)`, of an answer in the API's error shape.
    pub fn error_code(&self) -> Result<(u16, String)> {
        let code = self.json()?["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        Ok((self.status.as_u16(), code))
    }

    /// The content of a good and whole answer; anything else is an error that says what is wrong.
    pub fn content(&self, shape: Shape) -> Result<String> {
        ensure!(self.status == StatusCode::OK, "{}: {}", self.status, self.text());
        match shape {
            Shape::Plain => plain_content(&self.json()?),
            Shape::Streamed => streamed_content(&self.text()),
        }
    }
}

fn plain_content(document: &Value) -> Result<String> {
    let choice = &document["choices"][0];
    ensure!(
        choice["finish_reason"] == "stop",
        "an answer that did not finish: {document}"
    );
    Ok(choice["message"]["content"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

fn streamed_content(text: &str) -> Result<String> {
    ensure!(
        text.ends_with("data: [DONE]\n\n"),
        "a stream without its end: …{}",
        tail(text)
    );
    let mut content = String::new();
    for data in text
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
    {
        if data == "[DONE]" {
            return Ok(content);
        }
        let event: Value = serde_json::from_str(data).with_context(|| format!("not JSON: {data}"))?;
        if event.get("error").is_some() {
            bail!("an error within the stream: {data}");
        }
        content.push_str(
            event["choices"][0]["delta"]["content"]
                .as_str()
                .unwrap_or_default(),
        );
    }
    bail!("a stream without [DONE]")
}

fn tail(text: &str) -> &str {
    let start = text.len().saturating_sub(200);
    text.get(start..).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::streamed_content;

    #[test]
    fn a_stream_without_done_is_not_whole() {
        let event = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
        assert!(streamed_content(event).is_err());
        assert_eq!(
            streamed_content(&format!("{event}data: [DONE]\n\n")).unwrap(),
            "a"
        );
    }
}
