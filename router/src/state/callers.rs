//! Every caller's key, of all namespaces, by its hash: one look finds its holder.

use std::collections::BTreeMap;
use std::sync::Arc;

use subtle::ConstantTimeEq as _;
use weir_table::{AccessKey, Allowed, KeyHash, Scope, Table, Validity};

/// The part of a hash by which keys are filed; the rest is compared in constant time.
const PREFIX: usize = 8;

/// Who can call.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    keys: BTreeMap<[u8; PREFIX], Vec<Key>>,
    any: bool,
}

/// One key.
#[derive(Debug)]
struct Key {
    hash: KeyHash,
    validity: Validity,
    owner: Owner,
}

/// Whose a key is.
#[derive(Debug)]
enum Owner {
    One(Arc<Holder>),
    /// More than one holder's, so that nobody can be told by it. The compiler refuses such keys already; only
    /// tables of different moments can bring one here.
    Several,
}

/// The holder of a key: one AccessKey.
#[derive(Debug)]
pub(crate) struct Holder {
    /// The tenant.
    pub(crate) namespace: String,
    /// `<namespace>/<name>`, for the log.
    pub(crate) label: Arc<str>,
    /// The policies that it may name.
    pub(crate) policies: Allowed,
    /// The models that it may name without a policy.
    pub(crate) models: Allowed,
}

impl Callers {
    /// The callers of all `tables`.
    pub(crate) fn of<'t>(tables: impl IntoIterator<Item = &'t Table>) -> Self {
        let mut callers = Self::default();
        for table in tables {
            if let Scope::Namespace(namespace) = &table.scope {
                for (name, caller) in &table.access_keys {
                    callers.add(namespace, name, caller);
                }
            }
        }
        callers
    }

    /// Whether any namespace has an AccessKey, even one that nobody can use.
    pub(crate) fn are_any(&self) -> bool {
        self.any
    }

    /// The holder of `key`, if it is valid at `now`, in seconds since 1970.
    pub(crate) fn find(&self, key: &[u8], now: i64) -> Option<&Holder> {
        let hash = KeyHash::of(key);
        let filed = self.keys.get(&prefix(&hash))?;
        let found = filed
            .iter()
            .find(|filed| filed.hash.as_bytes().ct_eq(hash.as_bytes()).into())?;
        match &found.owner {
            Owner::One(holder) if found.validity.holds_at(now) => Some(holder),
            Owner::One(_) | Owner::Several => None,
        }
    }

    fn add(&mut self, namespace: &str, name: &str, caller: &AccessKey) {
        self.any = true;
        let AccessKey {
            keys,
            policies,
            models,
        } = caller;
        let holder = Arc::new(Holder {
            namespace: namespace.to_owned(),
            label: Arc::from(format!("{namespace}/{name}")),
            policies: policies.clone(),
            models: models.clone(),
        });
        for (hash, validity) in keys {
            self.file(*hash, *validity, holder.clone());
        }
    }

    fn file(&mut self, hash: KeyHash, validity: Validity, holder: Arc<Holder>) {
        let filed = self.keys.entry(prefix(&hash)).or_default();
        match filed.iter_mut().find(|known| known.hash == hash) {
            Some(known) => known.owner = Owner::Several,
            None => filed.push(Key {
                hash,
                validity,
                owner: Owner::One(holder),
            }),
        }
    }
}

fn prefix(hash: &KeyHash) -> [u8; PREFIX] {
    std::array::from_fn(|at| hash.as_bytes()[at])
}

#[cfg(test)]
mod tests {
    use weir_table::{AccessKey, Allowed, KeyHash, Scope, Table, Validity};

    use super::Callers;

    /// A table of `namespace` with one caller for each of `keys`.
    fn table(namespace: &str, keys: &[(&str, Option<i64>)]) -> Table {
        let caller = |(at, (key, expires_at)): (usize, &(&str, Option<i64>))| {
            let validity = Validity {
                expires_at: *expires_at,
            };
            let caller = AccessKey {
                keys: [(KeyHash::of(key.as_bytes()), validity)].into(),
                policies: Allowed::All,
                models: Allowed::All,
            };
            (format!("caller{at}"), caller)
        };
        let mut table = Table::empty(Scope::Namespace(namespace.to_owned()));
        table.access_keys = keys.iter().enumerate().map(caller).collect();
        table
    }

    fn found<'c>(callers: &'c Callers, key: &str, now: i64) -> Option<&'c str> {
        callers.find(key.as_bytes(), now).map(|holder| &*holder.label)
    }

    #[test]
    fn a_key_finds_its_holder_whichever_namespace_it_is_of() {
        let tables = [
            table("a", &[("one", None), ("two", None)]),
            table("b", &[("three", None)]),
        ];
        let callers = Callers::of(&tables);
        assert_eq!(found(&callers, "one", 0), Some("a/caller0"));
        assert_eq!(found(&callers, "two", 0), Some("a/caller1"));
        assert_eq!(found(&callers, "three", 0), Some("b/caller0"));
        assert_eq!(found(&callers, "four", 0), None);
        assert_eq!(found(&callers, "", 0), None);
    }

    #[test]
    fn a_key_is_taken_until_it_expires() {
        let callers = Callers::of(&[table("a", &[("one", Some(100))])]);
        assert_eq!(found(&callers, "one", 99), Some("a/caller0"));
        assert_eq!(found(&callers, "one", 100), None);
    }

    #[test]
    fn a_key_of_two_namespaces_is_nobodys() {
        let tables = [
            table("a", &[("same", None), ("own", None)]),
            table("b", &[("same", None)]),
            table("c", &[("same", None)]),
        ];
        let callers = Callers::of(&tables);
        assert_eq!(found(&callers, "same", 0), None);
        assert_eq!(found(&callers, "own", 0), Some("a/caller1"));
    }

    #[test]
    fn an_access_key_without_keys_still_says_that_callers_have_some() {
        assert!(!Callers::of(&[table("a", &[])]).are_any());
        let mut suspended = table("a", &[("one", None)]);
        suspended
            .access_keys
            .values_mut()
            .for_each(|caller| caller.keys.clear());
        assert!(Callers::of(&[suspended]).are_any());
    }
}
