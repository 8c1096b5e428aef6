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
use crate::room::{Demand, SHARD_ROOM, cost};
use crate::secret::SecretBytes;

/// The keys of an AWS key pair's Secret; the last may be absent.
const AWS_KEYS: [&str; 3] = ["accessKeyId", "secretAccessKey", "sessionToken"];

/// The values of one gathered Secret, by data key.
pub type Shard = BTreeMap<String, SecretBytes>;

/// The gathered Secrets as they stand in the cluster; `None` where one is missing or not as it should be.
pub type Vault = BTreeMap<char, Option<Shard>>;

/// A gathered Secret to write.
#[derive(Debug)]
pub struct ShardWrite {
    /// All that it is to hold.
    pub content: Shard,
    /// The data keys whose value is not what stands there.
    pub news: BTreeSet<String>,
}

/// How much room each credential in `origins` wants that has a value.
pub fn demands(origins: &BTreeMap<CredentialId, CredentialOrigin>, secrets: &SecretStore) -> Vec<Demand> {
    let demand = |(id, origin): (&CredentialId, &CredentialOrigin)| {
        let secret = secret_of(origin);
        Some(Demand {
            id: id.clone(),
            created: secrets.created(&secret),
            namespace: secret.namespace,
            name: secret.name,
            bytes: value(origin, secrets)?.len(),
        })
    };
    origins.iter().filter_map(demand).collect()
}

/// What the gathered Secrets must hold: the present value of every credential in `origins`, less those that are
/// `withheld`; and as far as there is room, for those in `retained` that have none any more the value that `vault`
/// holds.
pub fn desired(
    origins: &BTreeMap<CredentialId, CredentialOrigin>,
    withheld: &BTreeSet<CredentialId>,
    retained: &BTreeSet<CredentialId>,
    secrets: &SecretStore,
    vault: &Vault,
) -> BTreeMap<char, Shard> {
    let mut wanted: BTreeMap<char, Filling> = shards().map(|shard| (shard, Filling::default())).collect();
    let mut put = |id: &CredentialId, value| wanted.entry(id.shard()).or_default().put(id, value);
    let held = |id: &CredentialId| vault.get(&id.shard())?.as_ref()?.get(id.as_str()).cloned();
    for (id, origin) in origins.iter().filter(|(id, _)| !withheld.contains(*id)) {
        if let Some(value) = value(origin, secrets) {
            put(id, value);
        }
    }
    for id in retained {
        if let Some(value) = held(id) {
            put(id, value);
        }
    }
    let filled = wanted.into_iter();
    filled.map(|(shard, filling)| (shard, filling.content)).collect()
}

/// A gathered Secret on its way, and how much room is taken in it.
#[derive(Debug, Default)]
struct Filling {
    content: Shard,
    taken: usize,
}

impl Filling {
    /// Puts a value in, if none is there already and there is room for it.
    fn put(&mut self, id: &CredentialId, value: SecretBytes) {
        let cost = cost(value.len());
        if self.taken + cost <= SHARD_ROOM && !self.content.contains_key(id.as_str()) {
            self.taken += cost;
            self.content.insert(id.as_str().to_owned(), value);
        }
    }
}

/// The shards that differ from what stands in the cluster.
pub fn differing(wanted: BTreeMap<char, Shard>, vault: &Vault) -> BTreeMap<char, ShardWrite> {
    let standing = |shard: &char| vault.get(shard).and_then(Option::as_ref);
    let differing = wanted
        .into_iter()
        .filter(|(shard, content)| standing(shard) != Some(content));
    let write = |(shard, content): (char, Shard)| {
        let stands = |id: &str, value: &SecretBytes| standing(&shard)?.get(id).map(|held| held == value);
        let news = content
            .iter()
            .filter(|(id, value)| stands(id, value) != Some(true));
        let news = news.map(|(id, _)| id.clone()).collect();
        (shard, ShardWrite { content, news })
    };
    differing.map(write).collect()
}

fn secret_of(origin: &CredentialOrigin) -> SecretId {
    let (namespace, name) = origin.secret();
    SecretId {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

fn value(origin: &CredentialOrigin, secrets: &SecretStore) -> Option<SecretBytes> {
    match origin {
        CredentialOrigin::SecretKey { key, .. } => secrets.value(&secret_of(origin), key).cloned(),
        CredentialOrigin::AwsSecret { .. } => aws_value(&secret_of(origin), secrets),
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
    use crate::observe::{MAX_VALUE, ObservedSecret, SecretId};
    use crate::room::{SHARD_ROOM, cost};
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
            created: 0,
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
        let wanted = desired(
            &[].into(),
            &[].into(),
            &[].into(),
            index(&[]).secrets(),
            &Vault::new(),
        );
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
        let wanted = |retained| desired(&[].into(), &[].into(), retained, index(&[]).secrets(), &vault);
        assert_eq!(held(&wanted(&retained), &id), Some(&bytes("old")));
        assert_eq!(held(&wanted(&BTreeSet::new()), &id), None);
    }

    #[test]
    fn a_value_whose_secret_is_gone_and_which_no_table_names_is_not_kept() {
        let (id, origin) = openai();
        let origins = [(id.clone(), origin)].into();
        let wanted = desired(
            &origins,
            &[].into(),
            &[].into(),
            index(&[]).secrets(),
            &vault(&id, "old"),
        );
        assert_eq!(held(&wanted, &id), None);
    }

    #[test]
    fn a_value_without_room_stays_while_a_standing_table_names_it_and_a_new_one_does_not_come_in() {
        let (id, origin) = openai();
        let (index, origins) = (index(&[("openai", "new")]), [(id.clone(), origin)].into());
        let (withheld, vault) = (BTreeSet::from([id.clone()]), vault(&id, "old"));
        let wanted = |retained: &BTreeSet<_>| desired(&origins, &withheld, retained, index.secrets(), &vault);
        assert_eq!(held(&wanted(&withheld), &id), Some(&bytes("old")));
        assert_eq!(held(&wanted(&BTreeSet::new()), &id), None);
    }

    #[test]
    fn what_is_kept_for_standing_tables_never_makes_a_shard_too_large() {
        let ids = (0..).map(|key: usize| CredentialId::of_secret_key("a", "keys", &key.to_string()));
        let retained: BTreeSet<CredentialId> = ids.filter(|id| id.shard() == '0').take(70).collect();
        let value = || SecretBytes::new(vec![b'x'; MAX_VALUE]);
        let content: Shard = retained
            .iter()
            .map(|id| (id.as_str().to_owned(), value()))
            .collect();
        let vault = Vault::from([('0', Some(content))]);
        let wanted = desired(&[].into(), &[].into(), &retained, index(&[]).secrets(), &vault);
        let bytes: usize = wanted[&'0'].values().map(|value| cost(value.len())).sum();
        assert!(bytes <= SHARD_ROOM && wanted[&'0'].len() == 63, "{bytes}");
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
        let wanted = || desired(&origins, &[].into(), &[].into(), index.secrets(), &vault);
        assert_eq!(
            differing(wanted(), &vault).into_keys().collect::<Vec<_>>(),
            [id.shard()]
        );
        vault.extend(self::vault(&id, "same"));
        let wanted = desired(&origins, &[].into(), &[].into(), index.secrets(), &vault);
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
