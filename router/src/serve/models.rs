//! `GET /v1/models`: what a caller may name. Also everything that is not routed, which is 404.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use serde::Serialize;
use weir_table::FailureClass;

use super::Hub;
use super::respond::{self, Again, Trail};
use crate::access::Caller;
use crate::error::{Failure, Voice};
use crate::forward::Outgoing;
use crate::operation::LIST;
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

/// What stands for `path` where requests are counted; `None` if it is not one of the router's.
pub(super) fn word(path: &str) -> Option<&'static str> {
    let below = path.strip_prefix(LIST)?;
    (below.is_empty() || below.starts_with('/')).then_some(LIST)
}

/// Answers what is not an operation.
pub(super) fn answer(hub: &Hub, head: &Parts, path: Option<&str>, id: HeaderValue) -> Response<Outgoing> {
    let snapshot = hub.tables.load();
    let answered = hub
        .admit(&snapshot, &head.headers)
        .and_then(|caller| at(&snapshot, caller, &head.method, path));
    let mut response = match answered {
        Ok(document) => respond::json(StatusCode::OK, document),
        Err(failure) => respond::error(&failure, Voice::OpenAi, "", Again::AsUsual),
    };
    respond::sign(&mut response, id, Trail::default());
    response
}

fn at(
    snapshot: &Snapshot,
    caller: Caller<'_>,
    method: &Method,
    path: Option<&str>,
) -> Result<Bytes, Failure> {
    match (method, path) {
        (&Method::GET, Some(LIST)) => Ok(list(snapshot, caller)),
        (&Method::GET, Some(path)) => match path.strip_prefix("/v1/models/") {
            Some(name) => one(snapshot, caller, name),
            None => Err(no_such_path(method)),
        },
        _ => Err(no_such_path(method)),
    }
}

fn list(snapshot: &Snapshot, caller: Caller<'_>) -> Bytes {
    document(&List {
        object: "list",
        data: models(snapshot, caller).into_values().collect(),
    })
}

fn one(snapshot: &Snapshot, caller: Caller<'_>, name: &str) -> Result<Bytes, Failure> {
    let known = models(snapshot, caller);
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

/// Everything that `caller` may name, by its name.
fn models(snapshot: &Snapshot, caller: Caller<'_>) -> BTreeMap<String, Model> {
    let names = policies(snapshot, caller)
        .map(|id| (id, "weir".to_owned()))
        .chain(direct(snapshot, caller));
    let mut models = BTreeMap::new();
    for (id, owned_by) in names {
        models.entry(id.clone()).or_insert(Model {
            id,
            object: "model",
            created: 0,
            owned_by,
        });
    }
    models
}

fn policies<'a>(snapshot: &'a Snapshot, caller: Caller<'a>) -> impl Iterator<Item = String> + 'a {
    let served = snapshot
        .namespaces
        .iter()
        .filter_map(|(name, served)| Some((name, served.as_ref()?)));
    let all = served.flat_map(|(namespace, served)| {
        let policies = served.policies.iter();
        policies.map(move |(name, tree)| (namespace, name, tree))
    });
    let named = all.filter(move |(namespace, name, tree)| {
        caller.may_name_policy(namespace, name, |home| tree.expose_to.contains(home))
    });
    named.map(move |(namespace, name, _)| {
        if namespace == caller.namespace {
            format!("policy/{name}")
        } else {
            format!("policy/{namespace}/{name}")
        }
    })
}

/// The models that need no policy, and their providers.
fn direct<'a>(snapshot: &'a Snapshot, caller: Caller<'a>) -> impl Iterator<Item = (String, String)> + 'a {
    let own = snapshot.namespaces.get(caller.namespace).and_then(Option::as_ref);
    let shadows = move |name: &str| {
        own.is_some_and(|served| served.gone.contains(name) || served.providers.contains_key(name))
    };
    let cluster = snapshot
        .cluster
        .iter()
        .flat_map(|served| served.providers.values());
    let providers = own
        .into_iter()
        .flat_map(|served| served.providers.values())
        .chain(cluster.filter(move |direct| !shadows(&direct.name)));
    let allowed = providers.filter(move |direct| direct.allows(caller.namespace));
    allowed.flat_map(move |direct| {
        let models = direct
            .models
            .keys()
            .filter(move |model| caller.may_name_model(&direct.name, model));
        models.map(|model| (format!("{}/{model}", direct.name), direct.name.clone()))
    })
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
