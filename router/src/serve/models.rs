//! `GET /v1/models`: what a caller may name. Also everything that is not routed, which is 404.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode};
use serde::Serialize;
use weir_table::FailureClass;

use super::Hub;
use super::respond::{self, Again, Trail};
use crate::error::{Failure, Voice};
use crate::forward::Outgoing;
use crate::state::Snapshot;

/// One entry of the list, with the four fields that `OpenAI`'s have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Model {
    id: String,
    object: &'static str,
    created: u64,
    owned_by: String,
}

#[derive(Debug, Serialize)]
struct List {
    object: &'static str,
    data: Vec<Model>,
}

/// The path with its percent-encoding decoded once; `None` if that makes no text, or one with dot segments.
pub(super) fn decoded(path: &str) -> Option<Cow<'_, str>> {
    let path = if path.contains('%') {
        Cow::Owned(percent_decoded(path)?)
    } else {
        Cow::Borrowed(path)
    };
    let climbs = path.contains("/.") && path.split('/').any(|segment| segment == "." || segment == "..");
    (!climbs).then_some(path)
}

fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = path.bytes();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            hex(bytes.next()?)? << 4 | hex(bytes.next()?)?
        } else {
            byte
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Answers what is not an operation.
pub(super) fn answer(hub: &Hub, method: &Method, path: Option<&str>, id: HeaderValue) -> Response<Outgoing> {
    let answered = match (method, path) {
        (&Method::GET, Some("/v1/models")) => Ok(list(&hub.tables.load(), &hub.default_namespace)),
        (&Method::GET, Some(path)) => match path.strip_prefix("/v1/models/") {
            Some(name) => one(&hub.tables.load(), &hub.default_namespace, name),
            None => Err(no_such_path(method)),
        },
        _ => Err(no_such_path(method)),
    };
    let mut response = match answered {
        Ok(document) => respond::json(StatusCode::OK, document),
        Err(failure) => respond::error(&failure, Voice::OpenAi, Again::AsUsual),
    };
    respond::sign(&mut response, id, Trail::default());
    response
}

fn list(snapshot: &Snapshot, namespace: &str) -> Bytes {
    document(&List {
        object: "list",
        data: models(snapshot, namespace).into_values().collect(),
    })
}

fn one(snapshot: &Snapshot, namespace: &str, name: &str) -> Result<Bytes, Failure> {
    let known = models(snapshot, namespace);
    known
        .get(name)
        .or_else(|| known.get(&name.to_ascii_lowercase()))
        .map(document)
        .ok_or_else(|| {
            let text = "there is no such model; GET /v1/models lists what there is";
            Failure {
                class: FailureClass::PolicyNotFound,
                ..Failure::invalid("model", text)
            }
        })
}

/// Everything that a caller without a key may name, by its name.
fn models(snapshot: &Snapshot, home: &str) -> BTreeMap<String, Model> {
    let mut models = BTreeMap::new();
    let mut add = |id: String, owner: &str| {
        let model = Model {
            id: id.clone(),
            object: "model",
            created: 0,
            owned_by: owner.to_owned(),
        };
        models.entry(id).or_insert(model);
    };
    let served = snapshot
        .namespaces
        .iter()
        .filter_map(|(name, served)| served.as_ref().map(|it| (name, it)));
    for (namespace, served) in served {
        for policy in served.policies.keys() {
            let id = if namespace == home {
                format!("policy/{policy}")
            } else {
                format!("policy/{namespace}/{policy}")
            };
            add(id, "weir");
        }
    }
    let own = snapshot.namespaces.get(home).and_then(Option::as_ref);
    for direct in own
        .into_iter()
        .chain(&snapshot.cluster)
        .flat_map(|served| served.providers.values())
    {
        if direct.allows(home) {
            direct
                .models
                .keys()
                .for_each(|model| add(format!("{}/{model}", direct.name), &direct.name));
        }
    }
    models
}

fn document(value: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(value).unwrap_or_default())
}

fn no_such_path(method: &Method) -> Failure {
    let text = format!(
        "Weir has no such endpoint for {method}; it serves POST /v1/chat/completions, /v1/messages, /v1/responses, \
         /v1/completions and /v1/embeddings, images, audio, moderations, rerank and score, GET /v1/models and GET \
         /v1/models/<id>"
    );
    let mut failure = Failure::new(FailureClass::PolicyNotFound, text);
    failure.detail.code = Some("unknown_url".to_owned());
    failure
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn paths_are_decoded_once_and_never_climb() {
        assert_eq!(
            decoded("/v1/models/policy%2Fx").as_deref(),
            Some("/v1/models/policy/x")
        );
        assert_eq!(decoded("/v1/models/a%252Fb").as_deref(), Some("/v1/models/a%2Fb"));
        for bad in [
            "/v1/../admin",
            "/v1/%2e%2e/admin",
            "/v1/./models",
            "/%zz",
            "/%f",
            "/%ff",
        ] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }
}
