//! The sixteen gathered Secrets: what each must hold. Pure; [`crate::publish`] reads and writes them.
//!
//! A value stays for as long as a table that stands in the cluster names it, whatever became of its Secret:
//! values are written before the tables that name them, and removed after.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use weir_policy::compile::CredentialOrigin;
use weir_table::CredentialId;
use weir_table::credential::{secret_name, shards};
use zeroize::Zeroizing;

use crate::MANAGER;
use crate::config_map::MANAGED_BY_LABEL;
use crate::index::SecretStore;
use crate::observe::SecretId;
use crate::secret::SecretBytes;

/// The keys of an AWS key pair's Secret; the last may be absent.
const AWS_KEYS: [&str; 3] = ["accessKeyId", "secretAccessKey", "sessionToken"];

/// The values of one gathered Secret, by data key.
pub type Shard = BTreeMap<String, SecretBytes>;

/// The gathered Secrets as they stand in the cluster; `None` where one is missing or not as it should be.
pub type Vault = BTreeMap<char, Option<Shard>>;

/// What the gathered Secrets must hold: the present value of every credential in `origins`, and for those in
/// `retained` that have none any more the value that `vault` holds.
pub fn desired(
    origins: &BTreeMap<CredentialId, CredentialOrigin>,
    retained: &BTreeSet<CredentialId>,
    secrets: &SecretStore,
    vault: &Vault,
) -> BTreeMap<char, Shard> {
    let mut wanted: BTreeMap<char, Shard> = shards().map(|shard| (shard, Shard::new())).collect();
    let held = |id: &CredentialId| vault.get(&id.shard())?.as_ref()?.get(id.as_str()).cloned();
    let ids: BTreeSet<_> = origins.keys().chain(retained).collect();
    for id in ids {
        let present = origins.get(id).and_then(|origin| value(origin, secrets));
        let kept = || held(id).filter(|_| retained.contains(id));
        if let Some(value) = present.or_else(kept) {
            wanted
                .entry(id.shard())
                .or_default()
                .insert(id.as_str().to_owned(), value);
        }
    }
    wanted
}

/// The shards that differ from what stands in the cluster.
pub fn differing(wanted: BTreeMap<char, Shard>, vault: &Vault) -> BTreeMap<char, Shard> {
    let differs = |shard: &char, content: &Shard| vault.get(shard).and_then(Option::as_ref) != Some(content);
    wanted
        .into_iter()
        .filter(|(shard, content)| differs(shard, content))
        .collect()
}

fn value(origin: &CredentialOrigin, secrets: &SecretStore) -> Option<SecretBytes> {
    match origin {
        CredentialOrigin::SecretKey { namespace, name, key } => {
            let id = SecretId {
                namespace: namespace.clone(),
                name: name.clone(),
            };
            secrets.value(&id, key).cloned()
        }
        CredentialOrigin::AwsSecret { namespace, name } => aws_value(
            &SecretId {
                namespace: namespace.clone(),
                name: name.clone(),
            },
            secrets,
        ),
    }
}

/// The key pair as one JSON object, with the same keys as its Secret.
fn aws_value(id: &SecretId, secrets: &SecretStore) -> Option<SecretBytes> {
    let text = |key: &str| std::str::from_utf8(secrets.value(id, key)?.expose()).ok();
    let [access, secret, session] = AWS_KEYS;
    let mut pair = BTreeMap::from([(access, text(access)?), (secret, text(secret)?)]);
    pair.extend(text(session).map(|token| (session, token)));
    serde_json::to_vec(&pair).ok().map(SecretBytes::new)
}

/// The Secret to write for a shard. It is never labelled as a credential itself.
pub fn render(shard: char, content: &Shard) -> Secret {
    let labels = [(MANAGED_BY_LABEL.to_owned(), MANAGER.to_owned())].into();
    let metadata = ObjectMeta {
        name: Some(secret_name(shard)),
        labels: Some(labels),
        ..ObjectMeta::default()
    };
    let data = content
        .iter()
        .map(|(id, value)| (id.clone(), ByteString(value.expose().to_vec())))
        .collect();
    Secret {
        metadata,
        data: Some(data),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}

/// What a found shard holds; `None` if it lacks its label, and so must be written.
pub fn read(found: Secret) -> Option<Shard> {
    let labels = found.metadata.labels.unwrap_or_default();
    let is_ours = labels
        .get(MANAGED_BY_LABEL)
        .is_some_and(|manager| manager == MANAGER);
    let data = found.data.unwrap_or_default().into_iter();
    let content: Shard = data.map(|(id, value)| (id, SecretBytes::new(value.0))).collect();
    is_ours.then_some(content)
}

/// Wipes the copies that a written Secret held.
pub fn wipe(secret: Secret) {
    for (_, value) in secret.data.unwrap_or_default() {
        drop(Zeroizing::new(value.0));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use weir_policy::compile::CredentialOrigin;
    use weir_policy::snapshot::SecretFacts;
    use weir_table::CredentialId;

    use super::{Shard, Vault, desired, differing, read, render};
    use crate::index::{Change, Delta, Index};
    use crate::observe::{ObservedSecret, SecretId};
    use crate::secret::SecretBytes;

    fn bytes(text: &str) -> SecretBytes {
        SecretBytes::new(text.as_bytes().to_vec())
    }

    fn index(values: &[(&str, &str)]) -> Index {
        let mut index = Index::new("weir-system");
        let id = SecretId {
            namespace: "a".into(),
            name: "keys".into(),
        };
        let values = values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), bytes(value)))
            .collect();
        let facts = SecretFacts::default();
        index.apply(Change::Secret(Delta::Applied(ObservedSecret {
            id,
            facts,
            values,
        })));
        index
    }

    fn openai() -> (CredentialId, CredentialOrigin) {
        let (namespace, name, key) = ("a".to_owned(), "keys".to_owned(), "openai".to_owned());
        let id = CredentialId::of_secret_key(&namespace, &name, &key);
        (id, CredentialOrigin::SecretKey { namespace, name, key })
    }

    fn vault(id: &CredentialId, value: &str) -> Vault {
        [(
            id.shard(),
            Some(Shard::from([(id.as_str().to_owned(), bytes(value))])),
        )]
        .into()
    }

    fn held<'a>(shards: &'a BTreeMap<char, Shard>, id: &CredentialId) -> Option<&'a SecretBytes> {
        shards.get(&id.shard())?.get(id.as_str())
    }

    #[test]
    fn all_sixteen_are_there_even_when_nothing_is_gathered() {
        let wanted = desired(&[].into(), &[].into(), index(&[]).secrets(), &Vault::new());
        assert_eq!(wanted.len(), 16);
        assert_eq!(
            differing(wanted, &Vault::new()).len(),
            16,
            "a missing Secret is written, even empty"
        );
    }

    #[test]
    fn a_rotated_value_replaces_the_one_that_is_held() {
        let (id, origin) = openai();
        let index = index(&[("openai", "new")]);
        let wanted = desired(
            &[(id.clone(), origin)].into(),
            &[].into(),
            index.secrets(),
            &vault(&id, "old"),
        );
        assert_eq!(held(&wanted, &id), Some(&bytes("new")));
    }

    #[test]
    fn a_value_stays_while_a_standing_table_names_it_and_no_longer() {
        let (id, _) = openai();
        let vault = vault(&id, "old");
        let retained = BTreeSet::from([id.clone()]);
        let wanted = |retained| desired(&[].into(), retained, index(&[]).secrets(), &vault);
        assert_eq!(held(&wanted(&retained), &id), Some(&bytes("old")));
        assert_eq!(held(&wanted(&BTreeSet::new()), &id), None);
    }

    #[test]
    fn a_value_whose_secret_is_gone_and_which_no_table_names_is_not_kept() {
        let (id, origin) = openai();
        let origins = [(id.clone(), origin)].into();
        let wanted = desired(&origins, &[].into(), index(&[]).secrets(), &vault(&id, "old"));
        assert_eq!(held(&wanted, &id), None);
    }

    #[test]
    fn only_what_differs_is_written() {
        let (id, origin) = openai();
        let index = index(&[("openai", "same")]);
        let mut vault: Vault = ('0'..='9')
            .chain('a'..='f')
            .map(|shard| (shard, Some(Shard::new())))
            .collect();
        let origins = [(id.clone(), origin)].into();
        let wanted = || desired(&origins, &[].into(), index.secrets(), &vault);
        assert_eq!(
            differing(wanted(), &vault).into_keys().collect::<Vec<_>>(),
            [id.shard()]
        );
        vault.extend(self::vault(&id, "same"));
        let wanted = desired(&origins, &[].into(), index.secrets(), &vault);
        assert!(differing(wanted, &vault).is_empty());
    }

    #[test]
    fn an_aws_key_pair_is_one_json_object() {
        let index = index(&[("accessKeyId", "AKIA"), ("secretAccessKey", "s\"x")]);
        let id = CredentialId::of_aws_secret("a", "keys");
        let origin = CredentialOrigin::AwsSecret {
            namespace: "a".into(),
            name: "keys".into(),
        };
        let wanted = desired(
            &[(id.clone(), origin)].into(),
            &[].into(),
            index.secrets(),
            &Vault::new(),
        );
        let json: serde_json::Value =
            serde_json::from_slice(held(&wanted, &id).expect("gathered").expose()).expect("JSON");
        assert_eq!(
            json,
            serde_json::json!({"accessKeyId": "AKIA", "secretAccessKey": "s\"x"})
        );
    }

    #[test]
    fn half_an_aws_key_pair_is_none() {
        let index = index(&[("accessKeyId", "AKIA")]);
        let id = CredentialId::of_aws_secret("a", "keys");
        let origin = CredentialOrigin::AwsSecret {
            namespace: "a".into(),
            name: "keys".into(),
        };
        let wanted = desired(
            &[(id.clone(), origin)].into(),
            &[].into(),
            index.secrets(),
            &Vault::new(),
        );
        assert_eq!(held(&wanted, &id), None);
    }

    #[test]
    fn what_is_written_reads_back_and_a_lost_label_is_noticed() {
        let content = Shard::from([(openai().0.as_str().to_owned(), bytes("k"))]);
        let mut secret = render('0', &content);
        assert_eq!(read(secret.clone()), Some(content));
        secret.metadata.labels = None;
        assert_eq!(read(secret), None);
    }
}
