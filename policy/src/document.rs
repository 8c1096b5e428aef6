//! Objects from YAML text: what `kubectl apply` would send, read without a cluster.
//!
//! Documents of kinds that Weir does not read are left alone. A document that can't be decoded harms only
//! itself. No text of a Secret gets into a message: errors carry a place, never a quotation.

mod place;
mod strict;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

pub use self::place::Place;
use self::place::{Document, documents};
use weir_table::KeyHash;

use crate::api::{
    AccessKeySpec, ClusterProviderSpec, FallbackPolicySpec, GROUP, LoadBalancingPolicySpec, ProviderSpec,
    VERSION,
};
use crate::object::{ObjectKind, ObjectRef};
use crate::snapshot::{ALLOWED_HOSTS, Object, SecretFacts, Snapshot};

/// The namespace of a document that names none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// One text to read.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Where it comes from, for messages.
    pub name: &'a str,
    /// The YAML.
    pub text: &'a str,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub struct Documents {
    /// The objects, for the compiler.
    pub snapshot: Snapshot,
    /// The values of Secrets by namespace and name.
    pub secrets: BTreeMap<(String, String), SecretValues>,
    /// Where each object stands.
    pub places: BTreeMap<ObjectRef, Place>,
    /// What is wrong with documents, beyond what a verdict will say.
    pub problems: Vec<DocumentProblem>,
    /// How many documents of a kind that Weir reads there were.
    pub read: usize,
}

/// The values of one Secret. They are never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretValues(pub BTreeMap<String, Vec<u8>>);

impl fmt::Debug for SecretValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretValues({} keys)", self.0.len())
    }
}

/// Something wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentProblem {
    /// Where.
    pub place: Place,
    /// Which object, if that much can be told.
    pub object: Option<String>,
    /// What, and what to do.
    pub message: String,
}

impl fmt::Display for DocumentProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.object {
            Some(object) => write!(f, "{}: {object}: {}", self.place, self.message),
            None => write!(f, "{}: {}", self.place, self.message),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Body<S> {
    spec: S,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Secret {
    #[serde(default)]
    data: BTreeMap<String, String>,
    #[serde(default)]
    string_data: BTreeMap<String, String>,
}

/// Reads `sources`, for a Weir whose own namespace is `system_namespace`.
pub fn read(sources: &[Source<'_>], system_namespace: &str) -> Documents {
    let snapshot = Snapshot {
        system_namespace: system_namespace.to_owned(),
        ..Snapshot::default()
    };
    let mut documents = Documents {
        snapshot,
        ..Documents::default()
    };
    for source in sources {
        for document in place::documents(source.name, source.text) {
            documents.document(&document);
        }
    }
    documents
}

/// How many documents that are not empty `text` holds.
pub fn count(text: &str) -> usize {
    documents("", text).count()
}

/// Why `text` is no YAML, if it is none: of the first of its documents that does not parse.
pub fn unparsable(text: &str) -> Option<String> {
    documents("", text).find_map(|document| parse::<IgnoredAny>(&document).err())
}

impl Documents {
    fn document(&mut self, document: &Document) {
        match parse::<Header>(document) {
            Ok(header) => self.object(document, header),
            Err(message) => self.problem(&document.place, None, message),
        }
    }

    fn object(&mut self, document: &Document, header: Header) {
        let Header {
            api_version,
            kind,
            metadata,
        } = header;
        let namespaced = |kind| {
            let namespace = metadata
                .namespace
                .clone()
                .unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
            ObjectRef {
                kind,
                namespace: Some(namespace),
                name: metadata.name.clone(),
            }
        };
        let object = match (api_version.as_str(), kind.as_str()) {
            ("v1", "Secret") => return self.secret(document, metadata),
            ("v1", "List") => return self.list(document),
            (api, _) if !api.starts_with(&format!("{GROUP}/")) => return,
            (_, "LoadBalancingPolicy") => namespaced(ObjectKind::LoadBalancingPolicy),
            (_, "FallbackPolicy") => namespaced(ObjectKind::FallbackPolicy),
            (_, "Provider") => namespaced(ObjectKind::Provider),
            (_, "AccessKey") => namespaced(ObjectKind::AccessKey),
            (_, "ClusterProvider") => ObjectRef {
                kind: ObjectKind::ClusterProvider,
                namespace: None,
                name: metadata.name.clone(),
            },
            (_, other) => {
                return self.problem(
                    &document.place,
                    None,
                    format!("kind {other:?} is not one of {GROUP}'s"),
                );
            }
        };
        self.weir_object(document, &api_version, object);
    }

    /// What `kubectl get -o yaml` writes: each item is a document, and stands where the list does.
    fn list(&mut self, document: &Document) {
        match parse::<List>(document) {
            Ok(List { items }) => {
                for item in items {
                    self.document(&Document::inside(&document.place, item.to_string()));
                }
            }
            Err(message) => self.problem(&document.place, None, message),
        }
    }

    fn weir_object(&mut self, document: &Document, api_version: &str, object: ObjectRef) {
        self.read += 1;
        if api_version != format!("{GROUP}/{VERSION}") {
            let message = format!("apiVersion must be {GROUP}/{VERSION}, and is {api_version}");
            return self.problem(&document.place, Some(&object), message);
        }
        if let Some(first) = self.places.get(&object) {
            let message = format!("is defined twice: it stands at {first} already");
            return self.problem(&document.place, Some(&object), message);
        }
        for message in strict::unknown_fields(object.kind, document) {
            self.problem(&document.place, Some(&object), message);
        }
        self.places.insert(object.clone(), document.place.clone());
        self.insert(object, document);
    }

    fn insert(&mut self, object: ObjectRef, document: &Document) {
        let ObjectRef {
            kind,
            namespace,
            name,
        } = object;
        let snapshot = &mut self.snapshot;
        let namespace = snapshot.namespaces.entry(namespace.unwrap_or_default());
        match kind {
            ObjectKind::LoadBalancingPolicy => {
                namespace
                    .or_default()
                    .load_balancing
                    .insert(name, decode::<LoadBalancingPolicySpec>(document));
            }
            ObjectKind::FallbackPolicy => {
                namespace
                    .or_default()
                    .fallback
                    .insert(name, decode::<FallbackPolicySpec>(document));
            }
            ObjectKind::Provider => {
                namespace
                    .or_default()
                    .providers
                    .insert(name, decode::<ProviderSpec>(document));
            }
            ObjectKind::AccessKey => {
                namespace
                    .or_default()
                    .access_keys
                    .insert(name, decode::<AccessKeySpec>(document));
            }
            ObjectKind::ClusterProvider => {
                snapshot
                    .cluster_providers
                    .insert(name, decode::<ClusterProviderSpec>(document));
            }
        }
    }

    fn secret(&mut self, document: &Document, metadata: Metadata) {
        let namespace = metadata.namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
        let values = parse::<Secret>(document).and_then(secret_values);
        match values {
            Ok(values) => {
                let hosts = metadata.annotations.get(ALLOWED_HOSTS).map(String::as_str);
                self.add_secret(namespace, metadata.name, values, hosts);
            }
            Err(message) => {
                let object = format!("Secret {namespace}/{}", metadata.name);
                self.problems.push(DocumentProblem {
                    place: document.place.clone(),
                    object: Some(object),
                    message,
                });
            }
        }
    }

    /// Adds a Secret, or further keys to one that is there.
    pub fn add_secret(&mut self, namespace: String, name: String, values: SecretValues, hosts: Option<&str>) {
        let facts = self
            .snapshot
            .namespaces
            .entry(namespace.clone())
            .or_default()
            .secrets
            .entry(name.clone());
        let facts = facts.or_default();
        facts.keys.extend(
            values
                .0
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| (key.clone(), KeyHash::of_stored(value))),
        );
        facts.allowed_hosts = hosts
            .map(SecretFacts::parse_hosts)
            .or_else(|| facts.allowed_hosts.take());
        self.secrets
            .entry((namespace, name))
            .or_default()
            .0
            .extend(values.0);
        self.read += 1;
    }

    fn problem(&mut self, place: &Place, object: Option<&ObjectRef>, message: String) {
        let object = object.map(ToString::to_string);
        self.problems.push(DocumentProblem {
            place: place.clone(),
            object,
            message,
        });
    }
}

fn decode<S: DeserializeOwned>(document: &Document) -> Arc<Object<S>> {
    let spec = parse::<Body<S>>(document).map(|body| body.spec);
    Arc::new(Object {
        generation: 0,
        created: 0,
        spec,
    })
}

/// Parses one document; the error names the line and never quotes it. A number that is none is let through,
/// for the validation to say of which field it is.
///
/// Only for an error are the lines above it counted: doing so for every document of a long text would cost
/// the square of its length.
fn parse<T: DeserializeOwned>(document: &Document) -> Result<T, String> {
    parse_text(&document.text).or_else(|_| parse_text(&document.padded()))
}

fn parse_text<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

fn secret_values(secret: Secret) -> Result<SecretValues, String> {
    use base64::Engine;
    let decode = |(key, text): (String, String)| {
        let engine = base64::engine::general_purpose::STANDARD;
        let value = engine
            .decode(text.trim())
            .map_err(|_| format!("data.{key} is not base64; use stringData for text"))?;
        Ok((key, value))
    };
    let mut values: BTreeMap<String, Vec<u8>> = secret
        .data
        .into_iter()
        .map(decode)
        .collect::<Result<_, String>>()?;
    values.extend(
        secret
            .string_data
            .into_iter()
            .map(|(key, text)| (key, text.into_bytes())),
    );
    Ok(SecretValues(values))
}

#[cfg(test)]
mod tests;
