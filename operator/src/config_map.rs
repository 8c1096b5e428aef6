//! A table's ConfigMap: how it must look, and what a found one is worth. Pure; [`crate::publish`] sends it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use weir_table::check::check;
use weir_table::codec::{Decoded, Encoded, GZIP_KEY, PLAIN_KEY, PLAIN_LIMIT, Stored, encode, load, store};
use weir_table::{CredentialId, Digest, Format, Scope, Table};

use crate::MANAGER;
use crate::observe::version;

/// Marks a table's ConfigMap, and says whose it is: `cluster` or `namespace`.
pub const TABLE_LABEL: &str = "weir.dev/table";
/// Names the namespace whose table it is.
pub const NAMESPACE_LABEL: &str = "weir.dev/namespace";
/// The label by which every object that Weir writes can be found.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// The digest of the table.
pub const DIGEST_ANNOTATION: &str = "weir.dev/digest";
/// The format of the table.
pub const FORMAT_ANNOTATION: &str = "weir.dev/format";

/// Keep Argo CD and Flux from removing what is in no repository.
pub const KEPT_BY_GITOPS: [(&str, &str); 3] = [
    ("argocd.argoproj.io/compare-options", "IgnoreExtraneous"),
    ("argocd.argoproj.io/sync-options", "Prune=false"),
    ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
];

const CLUSTER_NAME: &str = "weir-cluster";
const NAMESPACE_PREFIX: &str = "weir-ns-";

/// The name of the ConfigMap of `scope`.
pub fn name(scope: &Scope) -> String {
    match scope {
        Scope::Cluster => CLUSTER_NAME.to_owned(),
        Scope::Namespace(namespace) => format!("{NAMESPACE_PREFIX}{namespace}"),
    }
}

/// The scope whose ConfigMap has this name; the inverse of [`name`].
pub fn scope_of(name: &str) -> Option<Scope> {
    if name == CLUSTER_NAME {
        return Some(Scope::Cluster);
    }
    name.strip_prefix(NAMESPACE_PREFIX)
        .map(|namespace| Scope::Namespace(namespace.to_owned()))
}

/// The ConfigMap to publish, or `None` if the document is too large for one.
pub fn render(scope: &Scope, encoded: &Encoded) -> Option<ConfigMap> {
    let (data, binary_data) = match store(&encoded.json)? {
        Stored::Plain(json) => (Some([(PLAIN_KEY.to_owned(), json)].into()), None),
        Stored::Gzip(packed) => (None, Some([(GZIP_KEY.to_owned(), ByteString(packed))].into())),
    };
    let metadata = ObjectMeta {
        name: Some(name(scope)),
        labels: Some(labels(scope)),
        annotations: Some(annotations(encoded)),
        ..ObjectMeta::default()
    };
    Some(ConfigMap {
        metadata,
        data,
        binary_data,
        immutable: None,
    })
}

fn labels(scope: &Scope) -> BTreeMap<String, String> {
    let kind = match scope {
        Scope::Cluster => vec![(TABLE_LABEL, "cluster")],
        Scope::Namespace(namespace) => vec![(TABLE_LABEL, "namespace"), (NAMESPACE_LABEL, namespace)],
    };
    owned(kind.into_iter().chain([(MANAGED_BY_LABEL, MANAGER)]))
}

fn annotations(encoded: &Encoded) -> BTreeMap<String, String> {
    let format = encoded.format.number().to_string();
    let own = [
        (DIGEST_ANNOTATION, encoded.digest.as_str()),
        (FORMAT_ANNOTATION, &format),
    ];
    owned(own.into_iter().chain(KEPT_BY_GITOPS))
}

fn owned<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// A table's ConfigMap as the API server last told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedTable {
    /// Whose table it is, by its name.
    pub scope: Scope,
    /// The ConfigMap as an object.
    pub standing: Standing,
    /// The table in it, if it can be read and holds every invariant.
    pub table: Option<Table>,
    /// How that is written.
    pub format: Option<Format>,
}

/// A table's ConfigMap that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedTable {
    /// Whose table it was.
    pub scope: Scope,
    /// The deletion's place in the API server's order of changes; 0 where it was missed.
    pub version: u64,
}

/// A ConfigMap that stands in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Sets it apart from an earlier one of the same name.
    pub uid: String,
    /// Its place in the API server's order of changes.
    pub version: u64,
    /// Whether it is as the operator writes it.
    pub form: Form,
}

/// Whether a ConfigMap is as the operator writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// It is, and the table has this digest.
    Intact(Digest),
    /// Someone has changed it.
    Altered,
}

/// Reads a ConfigMap of the operator's namespace; `None` if its name is not a table's.
pub fn read(found: &ConfigMap) -> Option<ObservedTable> {
    let scope = scope_of(found.metadata.name.as_deref()?)?;
    let loaded = stored(found).and_then(|stored| load(&stored).ok());
    let loaded = loaded.filter(|decoded| decoded.table.scope == scope);
    let (table, format) = match loaded {
        Some(Decoded { table, format, .. }) => (check(table).ok(), Some(format)),
        None => (None, None),
    };
    let table = table.map(weir_table::Checked::into_inner);
    let form = match (&table, format) {
        (Some(table), Some(format)) => form(&scope, &encode(table, format), found),
        _ => Form::Altered,
    };
    let uid = found.metadata.uid.clone().unwrap_or_default();
    let standing = Standing {
        uid,
        version: version(&found.metadata),
        form,
    };
    Some(ObservedTable {
        scope,
        standing,
        table,
        format,
    })
}

fn stored(found: &ConfigMap) -> Option<Stored> {
    let plain = found.data.as_ref().and_then(|data| data.get(PLAIN_KEY));
    let packed = found.binary_data.as_ref().and_then(|data| data.get(GZIP_KEY));
    match (plain, packed) {
        (Some(json), None) => Some(Stored::Plain(json.clone())),
        (None, Some(packed)) => Some(Stored::Gzip(packed.0.clone())),
        _ => None,
    }
}

/// Compares what was found with what the ConfigMap of the table in it must be. A compressed table is compared by its
/// digest, which reading has proved: another version of the compressor may give other bytes for it.
fn form(scope: &Scope, encoded: &Encoded, found: &ConfigMap) -> Form {
    let written = |have: &Option<BTreeMap<String, String>>, want: BTreeMap<String, String>| {
        let have = have.clone().unwrap_or_default();
        want.iter().all(|(key, value)| have.get(key) == Some(value))
    };
    let plain = found.data.as_ref().and_then(|data| data.get(PLAIN_KEY));
    let intact = written(&found.metadata.labels, labels(scope))
        && written(&found.metadata.annotations, annotations(encoded))
        && data_keys(found).len() == 1
        && plain.is_some() == (encoded.json.len() <= PLAIN_LIMIT)
        && plain.is_none_or(|json| *json == encoded.json);
    if intact {
        Form::Intact(encoded.digest.clone())
    } else {
        Form::Altered
    }
}

/// Every key of a ConfigMap's `data` and `binaryData`.
pub fn data_keys(found: &ConfigMap) -> BTreeSet<&str> {
    let data = found.data.iter().flatten().map(|(key, _)| key.as_str());
    let binary = found.binary_data.iter().flatten().map(|(key, _)| key.as_str());
    data.chain(binary).collect()
}

impl ObservedTable {
    /// The credentials that a router needs to serve what stands there.
    pub fn credentials(&self) -> BTreeSet<CredentialId> {
        self.table.iter().flat_map(Table::credentials).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use weir_table::codec::{PLAIN_KEY, encode};
    use weir_table::{Format, Scope, Table};

    use super::{DIGEST_ANNOTATION, Form, TABLE_LABEL, name, read, render, scope_of};

    fn team() -> Scope {
        Scope::Namespace("team-a".into())
    }

    fn published() -> ConfigMap {
        render(&team(), &encode(&Table::empty(team()), Format::NEWEST)).expect("an empty table fits")
    }

    fn form_of(map: &ConfigMap) -> Form {
        read(map).expect("the name is a table's").standing.form
    }

    #[test]
    fn what_was_rendered_is_intact() {
        let expected = Form::Intact(encode(&Table::empty(team()), Format::NEWEST).digest);
        assert_eq!(form_of(&published()), expected);
    }

    #[test]
    fn every_format_is_intact_as_it_was_rendered() {
        for format in Format::ALL {
            let map = render(&team(), &encode(&Table::empty(team()), format)).expect("an empty table fits");
            let seen = read(&map).expect("the name is a table's");
            assert!(matches!(seen.standing.form, Form::Intact(_)), "{format:?}");
            assert_eq!(seen.format, Some(format));
        }
    }

    #[test]
    fn labels_of_others_are_left_alone() {
        let mut map = published();
        map.metadata
            .labels
            .get_or_insert_default()
            .insert("theirs".into(), "x".into());
        assert!(matches!(form_of(&map), Form::Intact(_)));
    }

    #[test]
    fn every_edit_of_what_is_ours_is_seen() {
        let edits: [fn(&mut ConfigMap); 6] = [
            |map| drop(map.metadata.labels.get_or_insert_default().remove(TABLE_LABEL)),
            |map| {
                drop(
                    map.metadata
                        .annotations
                        .get_or_insert_default()
                        .remove(DIGEST_ANNOTATION),
                );
            },
            |map| {
                drop(
                    map.data
                        .get_or_insert_default()
                        .insert("other".into(), String::new()),
                );
            },
            |map| {
                drop(
                    map.data
                        .get_or_insert_default()
                        .insert(PLAIN_KEY.into(), "{}".into()),
                );
            },
            |map| {
                map.data
                    .get_or_insert_default()
                    .get_mut(PLAIN_KEY)
                    .expect("is there")
                    .push(' ');
            },
            |map| map.data = None,
        ];
        for (index, edit) in edits.into_iter().enumerate() {
            let mut map = published();
            edit(&mut map);
            assert_eq!(form_of(&map), Form::Altered, "edit {index}");
        }
    }

    #[test]
    fn a_table_under_another_scopes_name_is_not_taken_for_its_table() {
        let mut map = published();
        map.metadata.name = Some("weir-ns-team-b".into());
        let seen = read(&map).expect("the name is a table's");
        assert_eq!((seen.table, seen.standing.form), (None, Form::Altered));
    }

    #[test]
    fn names_and_scopes_go_both_ways() {
        for scope in [Scope::Cluster, team()] {
            assert_eq!(scope_of(&name(&scope)), Some(scope));
        }
        assert_eq!(scope_of("kube-root-ca.crt"), None);
    }

    #[test]
    fn a_large_table_is_compressed_and_still_intact() {
        let mut table = Table::empty(team());
        for n in 0..20_000_u32 {
            let id = weir_table::CredentialId::of_secret_key("team-a", &n.to_string(), "key");
            table.missing.insert(id);
        }
        let encoded = encode(&table, Format::NEWEST);
        let map = render(&team(), &encoded);
        let map = map.expect("it fits compressed");
        assert!(map.data.is_none() && map.binary_data.is_some());
        assert_eq!(form_of(&map), Form::Intact(encoded.digest));
    }
}
