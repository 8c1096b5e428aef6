//! The callers of one namespace. Always live: nothing here looks at what was published.

use std::collections::BTreeMap;

use weir_table::{AccessKey, Allowed, KeyHash, Names, Validity};

use crate::holders::{KeyHolders, hashes};
use crate::object::{ObjectKind, ObjectRef};
use crate::problem::{Cause, Problem, Warning};
use crate::resolve::{Surroundings, holding};
use crate::snapshot::{Follow, Namespace};
use crate::validate::access_key::{ProvenAccessKey, ProvenKey, access_key};
use crate::verdict::{AccessOutcome, Verdict};

/// What became of one caller.
#[derive(Debug)]
pub(super) struct Caller {
    pub object: ObjectRef,
    pub generation: i64,
    pub created: i64,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
    pub outcome: AccessOutcome,
    pub entry: AccessKey,
}

/// Judges every AccessKey of a namespace.
pub(super) fn callers(
    objects: &Namespace,
    surroundings: &Surroundings<'_>,
    holders: &KeyHolders,
) -> Vec<Caller> {
    let namespace = surroundings.namespace;
    let proven: BTreeMap<&String, _> = objects
        .access_keys
        .iter()
        .map(|(name, object)| {
            let proven = object
                .decoded()
                .and_then(|spec| access_key(namespace, name, spec));
            (name, proven)
        })
        .collect();
    let judge = Judge {
        objects,
        surroundings,
        holders,
        owners: owners(surroundings, &proven),
    };
    let caller = |(name, proven): (&String, Result<ProvenAccessKey, Vec<Problem>>)| {
        let object = &objects.access_keys[name];
        judge.caller(name, object.generation, object.created, proven)
    };
    proven.into_iter().map(caller).collect()
}

/// A caller whom nobody can be: its object is not in order, and still says that callers here have keys.
fn nobody() -> AccessKey {
    AccessKey {
        keys: BTreeMap::new(),
        policies: Allowed::default(),
        models: Allowed::default(),
    }
}

/// The AccessKeys of this namespace that hold each key.
fn owners<'a>(
    surroundings: &Surroundings<'_>,
    proven: &BTreeMap<&'a String, Result<ProvenAccessKey, Vec<Problem>>>,
) -> BTreeMap<KeyHash, Vec<&'a str>> {
    let mut owners: BTreeMap<KeyHash, Vec<&str>> = BTreeMap::new();
    for (name, proven) in proven {
        let Ok(proven) = proven else { continue };
        for key in hashes(surroundings.snapshot, surroundings.namespace, proven) {
            owners.entry(key).or_default().push(name);
        }
    }
    owners
}

struct Judge<'j, 'a> {
    objects: &'j Namespace,
    surroundings: &'j Surroundings<'a>,
    holders: &'j KeyHolders,
    owners: BTreeMap<KeyHash, Vec<&'j str>>,
}

impl Judge<'_, '_> {
    fn caller(
        &self,
        name: &str,
        generation: i64,
        created: i64,
        proven: Result<ProvenAccessKey, Vec<Problem>>,
    ) -> Caller {
        let object = ObjectRef {
            kind: ObjectKind::AccessKey,
            namespace: Some(self.surroundings.namespace.to_owned()),
            name: name.to_owned(),
        };
        let mut caller = Caller {
            object,
            generation,
            created,
            problems: Vec::new(),
            warnings: Vec::new(),
            outcome: AccessOutcome::default(),
            entry: nobody(),
        };
        match proven {
            Ok(proven) => self.admit(&mut caller, proven),
            Err(problems) => caller.problems = problems,
        }
        caller
    }

    fn admit(&self, caller: &mut Caller, proven: ProvenAccessKey) {
        let mut keys: BTreeMap<KeyHash, Validity> = BTreeMap::new();
        for (at, key) in proven.keys.iter().enumerate() {
            let path = format!("spec.keys[{at}].secretRef");
            match self.key(&caller.object.name, key) {
                Ok(None) => {}
                Ok(Some(hash)) => {
                    caller
                        .warnings
                        .extend(keys.contains_key(&hash).then(|| repeated(&path)));
                    let held = keys.entry(hash).or_insert(validity(key));
                    held.expires_at = earlier(held.expires_at, key.expires_at);
                }
                Err((cause, message)) => caller.problems.push(Problem::new(path, cause, message)),
            }
        }
        caller.warnings.extend(self.unknown_names(&proven));
        caller.outcome = AccessOutcome {
            suspended: proven.suspend,
            expires_at: last_end(&proven.keys),
        };
        if proven.suspend {
            keys.clear();
        }
        caller.entry = AccessKey {
            keys,
            policies: proven.policies,
            models: proven.models,
        };
    }

    /// The hash of a key; none where Secrets are not known here.
    fn key(&self, name: &str, key: &ProvenKey) -> Result<Option<KeyHash>, (Cause, String)> {
        let (snapshot, namespace) = (self.surroundings.snapshot, self.surroundings.namespace);
        if snapshot.checking.secrets == Follow::OnTrust {
            return Ok(None);
        }
        let facts = snapshot.secret(namespace, &key.secret.name);
        let facts = holding(facts, namespace, &key.secret)?;
        let secret = format!("Secret {namespace}/{}, key {:?}", key.secret.name, key.secret.key);
        match facts.keys.get(&key.secret.key) {
            None => Ok(None),
            Some(Err(unfit)) => Err((Cause::UnfitKey, format!("{secret}: the value {unfit}"))),
            Some(Ok(hash)) => match self.other_holder(name, hash) {
                None => Ok(Some(*hash)),
                Some(other) => Err((Cause::KeyReused, reused(&secret, &other))),
            },
        }
    }

    /// Who else holds the key. One of another namespace is not named: tenants do not see each other.
    fn other_holder(&self, name: &str, key: &KeyHash) -> Option<String> {
        let owners = self.owners.get(key).into_iter().flatten();
        let here = owners.into_iter().find(|owner| **owner != name);
        let here = here.map(|owner| format!("AccessKey {owner}"));
        let elsewhere = self.holders.elsewhere(key, self.surroundings.namespace);
        here.or_else(|| elsewhere.then(|| "an AccessKey of another namespace".to_owned()))
    }

    /// Names of the lists that lead nowhere in this namespace. What others expose is theirs to tell.
    fn unknown_names(&self, proven: &ProvenAccessKey) -> Vec<Warning> {
        let known = |name: &String| {
            self.objects.load_balancing.contains_key(name) || self.objects.fallback.contains_key(name)
        };
        let policies = match &proven.policies {
            Allowed::Within(parts) => parts.get(self.surroundings.namespace),
            Allowed::All => None,
        };
        let policies = listed(policies).filter(|name| !known(name));
        let policies = policies.map(|name| Warning {
            path: "spec.policies".to_owned(),
            message: format!("there is no policy {name} in this namespace"),
        });
        policies.chain(self.unknown_providers(&proven.models)).collect()
    }

    fn unknown_providers(&self, models: &Allowed) -> Vec<Warning> {
        let Allowed::Within(parts) = models else {
            return Vec::new();
        };
        if self.surroundings.snapshot.checking.providers == Follow::OnTrust {
            return Vec::new();
        }
        let unknown = parts
            .keys()
            .filter(|name| self.surroundings.provider(name).is_err());
        let warning = |name: &String| Warning {
            path: "spec.models".to_owned(),
            message: format!("there is no provider {name} that this namespace may use"),
        };
        unknown.map(warning).collect()
    }
}

fn listed(names: Option<&Names>) -> impl Iterator<Item = &String> {
    let names = match names {
        Some(Names::Only(names)) => Some(names),
        Some(Names::All) | None => None,
    };
    names.into_iter().flatten()
}

const fn validity(key: &ProvenKey) -> Validity {
    Validity {
        expires_at: key.expires_at,
    }
}

fn repeated(path: &str) -> Warning {
    Warning {
        path: path.to_owned(),
        message: "is the same key as an earlier entry; the earlier of their times counts".to_owned(),
    }
}

fn reused(secret: &str, other: &str) -> String {
    format!("{secret}: {other} has the same key, so that neither may use it; make a new one for each")
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

/// When the last of the keys expires; `None` if one never does.
fn last_end(keys: &[ProvenKey]) -> Option<i64> {
    let ends: Option<Vec<i64>> = keys.iter().map(|key| key.expires_at).collect();
    ends?.into_iter().max()
}

impl Caller {
    pub(super) fn into_verdict(self) -> Verdict {
        let Self {
            object,
            generation,
            created: _,
            problems,
            warnings,
            outcome,
            entry: _,
        } = self;
        Verdict {
            object,
            generation,
            problems,
            warnings,
            policy: None,
            access: Some(outcome),
        }
    }
}
