//! What the watches deliver, as plain values: the only place that reads the API server's objects apart.
//!
//! Total: an object that makes no sense becomes a value that says so.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::DeserializeGuard;
use kube::core::object::{HasSpec, HasStatus};
use weir_policy::api::{AccessKeyStatus, PolicyStatus, ProviderStatus};
use weir_policy::object::{ObjectKind, ObjectRef};
use weir_policy::snapshot::{ALLOWED_HOSTS, Object, SecretFacts};

use weir_table::KeyHash;

use crate::secret::SecretBytes;

/// The longest value that counts as a credential, in bytes: no header takes more, and all values of a shard
/// share one Secret.
pub const MAX_VALUE: usize = 16 * 1024;

/// One custom resource as the API server last told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed<S> {
    /// Which one.
    pub object: ObjectRef,
    /// Everything about it that does not concern the compiler.
    pub record: Record,
    /// What concerns the compiler.
    pub value: Object<S>,
}

/// What the operator must know of an object in order to report on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Sets it apart from an earlier object of the same name.
    pub uid: String,
    /// Its place in the API server's order of changes.
    pub version: u64,
    /// The generation of its spec.
    pub generation: i64,
    /// Its status as it stands.
    pub status: Option<Status>,
}

/// The status of an object, by the kinds that there are.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// Of a policy.
    Policy(PolicyStatus),
    /// Of a provider.
    Provider(ProviderStatus),
    /// Of an AccessKey.
    AccessKey(AccessKeyStatus),
}

impl From<PolicyStatus> for Status {
    fn from(status: PolicyStatus) -> Self {
        Self::Policy(status)
    }
}

impl From<ProviderStatus> for Status {
    fn from(status: ProviderStatus) -> Self {
        Self::Provider(status)
    }
}

impl From<AccessKeyStatus> for Status {
    fn from(status: AccessKeyStatus) -> Self {
        Self::AccessKey(status)
    }
}

/// A Secret that may be used as a credential.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedSecret {
    /// Its namespace and name.
    pub id: SecretId,
    /// When it was created, in seconds since 1970.
    pub created: i64,
    /// What the compiler may know.
    pub facts: SecretFacts,
    /// What it holds under each key of [`SecretFacts::keys`].
    pub values: BTreeMap<String, SecretBytes>,
}

/// A Secret's namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretId {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

/// A resource version as a number: API servers count them up, and promise that they compare.
pub fn version(meta: &ObjectMeta) -> u64 {
    meta.resource_version
        .as_deref()
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

fn created(meta: &ObjectMeta) -> i64 {
    let time = meta.creation_timestamp.as_ref();
    time.map_or(0, |time| time.0.as_second())
}

/// Which object `meta` belongs to.
pub fn object_ref(kind: ObjectKind, meta: &ObjectMeta) -> ObjectRef {
    ObjectRef {
        kind,
        namespace: meta.namespace.clone(),
        name: meta.name.clone().unwrap_or_default(),
    }
}

/// A custom resource, decodable or not.
pub fn custom_resource<K>(kind: ObjectKind, guard: DeserializeGuard<K>) -> Observed<K::Spec>
where
    K: Resource + HasSpec + HasStatus,
    K::Spec: Clone,
    K::Status: Clone + Into<Status>,
{
    let meta = guard.meta();
    let generation = meta.generation.unwrap_or_default();
    let created = created(meta);
    let object = object_ref(kind, meta);
    let uid = meta.uid.clone().unwrap_or_default();
    let version = version(meta);
    let (spec, status) = match guard.0 {
        Ok(resource) => (
            Ok(resource.spec().clone()),
            resource.status().cloned().map(Into::into),
        ),
        Err(invalid) => (Err(invalid.error), None),
    };
    let record = Record {
        uid,
        version,
        generation,
        status,
    };
    Observed {
        object,
        record,
        value: Object {
            generation,
            created,
            spec,
        },
    }
}

/// A labelled Secret. Its values are moved, not copied.
pub fn secret(secret: Secret) -> ObservedSecret {
    let id = secret_id(&secret.metadata);
    let created = created(&secret.metadata);
    let data = secret.data.unwrap_or_default().into_iter();
    let values: BTreeMap<_, _> = data
        .map(|(key, value)| (key, SecretBytes::new(value.0)))
        .filter(|(_, value)| (1..=MAX_VALUE).contains(&value.len()))
        .collect();
    let annotations = secret.metadata.annotations.unwrap_or_default();
    let allowed_hosts = annotations
        .get(ALLOWED_HOSTS)
        .map(|text| SecretFacts::parse_hosts(text));
    let facts = SecretFacts {
        keys: values
            .iter()
            .map(|(key, value)| (key.clone(), KeyHash::of_stored(value.expose())))
            .collect(),
        allowed_hosts,
    };
    ObservedSecret {
        id,
        created,
        facts,
        values,
    }
}

/// The namespace and name of a Secret.
pub fn secret_id(meta: &ObjectMeta) -> SecretId {
    SecretId {
        namespace: meta.namespace.clone().unwrap_or_default(),
        name: meta.name.clone().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::ByteString;
    use k8s_openapi::api::core::v1::Secret;
    use kube::core::DeserializeGuard;
    use weir_policy::api::LoadBalancingPolicy;
    use weir_policy::object::ObjectKind;

    use super::{ALLOWED_HOSTS, MAX_VALUE, custom_resource, secret};

    fn guarded(json: serde_json::Value) -> DeserializeGuard<LoadBalancingPolicy> {
        serde_json::from_value(json).expect("the guard takes anything that has metadata")
    }

    #[test]
    fn an_undecodable_object_keeps_its_name_and_generation() {
        let seen = custom_resource(
            ObjectKind::LoadBalancingPolicy,
            guarded(serde_json::json!({
                "apiVersion": "weir.dev/v1alpha1", "kind": "LoadBalancingPolicy",
                "metadata": {"namespace": "a", "name": "x", "uid": "u", "generation": 3, "resourceVersion": "7"},
                "spec": {"targets": "none"},
            })),
        );
        assert_eq!(seen.object.to_string(), "LoadBalancingPolicy a/x");
        assert_eq!(
            (seen.record.version, seen.record.generation, seen.value.generation),
            (7, 3, 3)
        );
        assert!(seen.value.spec.is_err());
    }

    fn bytes(value: &[u8]) -> ByteString {
        ByteString(value.to_vec())
    }

    #[test]
    fn only_keys_with_a_usable_value_count() {
        let data = BTreeMap::from([
            ("full".into(), bytes(b"k")),
            ("empty".into(), bytes(b"")),
            ("huge".into(), bytes(&vec![b'x'; MAX_VALUE + 1])),
        ]);
        let seen = secret(Secret {
            data: Some(data),
            ..Secret::default()
        });
        assert_eq!(seen.facts.keys.keys().collect::<Vec<_>>(), ["full"]);
        assert_eq!(seen.values.len(), 1);
    }

    #[test]
    fn allowed_hosts_are_read_from_the_annotation() {
        let mut raw = Secret::default();
        assert_eq!(secret(raw.clone()).facts.allowed_hosts, None);
        raw.metadata.annotations = Some([(ALLOWED_HOSTS.into(), "API.openai.com, b.example,".into())].into());
        let hosts = secret(raw).facts.allowed_hosts.expect("the annotation is there");
        assert_eq!(
            hosts,
            ["api.openai.com".to_owned(), "b.example".to_owned()].into()
        );
    }
}
