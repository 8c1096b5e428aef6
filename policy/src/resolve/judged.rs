//! One provider with all that its status and its targets need to know.

use std::collections::BTreeSet;

use weir_table::{Credential, CredentialId, Provider, ProviderEntry};

use crate::api::SecretKeyRef;
use crate::compile::CredentialOrigin;
use crate::problem::{Cause, Problem};
use crate::snapshot::{Follow, SecretFacts, Snapshot};
use crate::validate::provider::{CredentialAt, ProvenProvider};

/// The keys of an AWS Secret that must be there.
const AWS_KEYS: [&str; 2] = ["accessKeyId", "secretAccessKey"];

/// A provider, proven or not.
#[derive(Debug)]
pub(crate) struct Judged {
    pub generation: i64,
    pub proven: Result<ProvenProvider, Vec<Problem>>,
    /// What keeps its own credential from being used.
    pub credential_problem: Option<Problem>,
    secret_namespace: String,
}

impl Judged {
    pub(crate) fn new(
        snapshot: &Snapshot,
        secret_namespace: &str,
        generation: i64,
        proven: Result<ProvenProvider, Vec<Problem>>,
    ) -> Self {
        let problem = proven
            .as_ref()
            .ok()
            .and_then(|proven| credential_problem(snapshot, secret_namespace, proven));
        let judged = Self {
            generation,
            proven,
            credential_problem: problem,
            secret_namespace: secret_namespace.to_owned(),
        };
        judged.unless_withheld(snapshot)
    }

    fn unless_withheld(mut self, snapshot: &Snapshot) -> Self {
        let Some((id, origin)) = self.origin() else {
            return self;
        };
        let path = match origin {
            CredentialOrigin::SecretKey { .. } => "spec.credential.secretRef",
            CredentialOrigin::AwsSecret { .. } => "spec.credential.aws.secretRef",
        };
        self.credential_problem = no_room(snapshot, &id, path, origin.secret());
        self
    }

    /// All that is wrong with the provider.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        match &self.proven {
            Err(problems) => problems.clone(),
            Ok(_) => self.credential_problem.clone().into_iter().collect(),
        }
    }

    /// What a target says that would use the provider's credential while that is not there.
    pub(crate) fn unready(&self, path: &str, name: &str) -> Option<Problem> {
        self.credential_problem.as_ref().map(|problem| {
            let message = format!("provider {name} has no usable credential: {}", problem.message);
            Problem::new(format!("{path}.model"), Cause::ProviderNotReady, message)
        })
    }

    /// Its credential as the table names it.
    pub(crate) fn credential(&self) -> Credential {
        match self.proven.as_ref().map(|proven| &proven.credential) {
            Ok(CredentialAt::Key(key)) => Credential::Named(CredentialId::of_secret_key(
                &self.secret_namespace,
                &key.name,
                &key.key,
            )),
            Ok(CredentialAt::Aws(name)) => {
                Credential::Named(CredentialId::of_aws_secret(&self.secret_namespace, name))
            }
            Ok(CredentialAt::Ambient) => Credential::Ambient,
            Ok(CredentialAt::None) | Err(_) => Credential::Anonymous,
        }
    }

    /// Where its credential lies, if it is there and may be sent, whether or not there is room for it.
    pub(crate) fn origin(&self) -> Option<(CredentialId, CredentialOrigin)> {
        let id = self.credential().id().cloned()?;
        let namespace = self.secret_namespace.clone();
        let origin = match &self.proven.as_ref().ok()?.credential {
            CredentialAt::Key(SecretKeyRef { name, key }) => CredentialOrigin::SecretKey {
                namespace,
                name: name.clone(),
                key: key.clone(),
            },
            CredentialAt::Aws(name) => CredentialOrigin::AwsSecret {
                namespace,
                name: name.clone(),
            },
            CredentialAt::None | CredentialAt::Ambient => return None,
        };
        let is_there = self
            .credential_problem
            .as_ref()
            .is_none_or(|problem| problem.cause == Cause::CredentialsFull);
        is_there.then_some((id, origin))
    }

    /// Its entry in a table; gone if it can't be used.
    pub(crate) fn entry(&self) -> ProviderEntry {
        let Ok(proven) = &self.proven else {
            return ProviderEntry::Gone;
        };
        let ProvenProvider {
            owner,
            dialect,
            base_url,
            api_version,
            lacks,
            region,
            credential: _,
            catalogue: _,
            ca_bundle,
            timeouts,
            connections,
            passthrough_paths,
            models: _,
            allowed_namespaces: _,
        } = proven.clone();
        ProviderEntry::Live(Box::new(Provider {
            owner,
            dialect,
            base_url,
            api_version,
            lacks,
            region,
            credential: self.credential(),
            ca_bundle,
            timeouts,
            connections,
            passthrough_paths,
            allowed_namespaces: None,
            models: [].into(),
        }))
    }
}

/// What is wrong with a credential for which there is no room, if there is none.
pub(super) fn no_room(
    snapshot: &Snapshot,
    id: &CredentialId,
    path: impl Into<String>,
    (namespace, name): (&str, &str),
) -> Option<Problem> {
    let message = || {
        format!(
            "there is no room for the value of Secret {namespace}/{name} among the credentials that routers are \
             given: a namespace has 128 KiB, each value counts with 128 bytes more, and the oldest Secrets come \
             first; name fewer or shorter values in namespace {namespace}, or ask whoever runs Weir"
        )
    };
    let is_withheld = snapshot.withheld.contains(id);
    is_withheld.then(|| Problem::new(path, Cause::CredentialsFull, message()))
}

fn credential_problem(snapshot: &Snapshot, namespace: &str, proven: &ProvenProvider) -> Option<Problem> {
    let (found, path) = match &proven.credential {
        CredentialAt::None | CredentialAt::Ambient => return None,
        CredentialAt::Key(key) => {
            let facts = snapshot.secret(namespace, &key.name);
            (
                check_key(snapshot, facts, namespace, key, proven),
                "spec.credential.secretRef",
            )
        }
        CredentialAt::Aws(name) => {
            let facts = snapshot.secret(namespace, name);
            (
                check_aws(snapshot, facts, namespace, name, proven),
                "spec.credential.aws.secretRef",
            )
        }
    };
    found
        .err()
        .map(|(cause, message)| Problem::new(path, cause, message))
}

fn check_aws(
    snapshot: &Snapshot,
    facts: Option<&SecretFacts>,
    namespace: &str,
    name: &str,
    proven: &ProvenProvider,
) -> Result<(), (Cause, String)> {
    AWS_KEYS.into_iter().try_for_each(|key| {
        let key = SecretKeyRef {
            name: name.to_owned(),
            key: key.to_owned(),
        };
        check_key(snapshot, facts, namespace, &key, proven)
    })
}

/// Whether the value under `key` is there and may be sent to the provider; if not, why not.
pub(super) fn check_key(
    snapshot: &Snapshot,
    facts: Option<&SecretFacts>,
    namespace: &str,
    key: &SecretKeyRef,
    proven: &ProvenProvider,
) -> Result<(), (Cause, String)> {
    if snapshot.checking.secrets == Follow::OnTrust {
        return Ok(());
    }
    let name = &key.name;
    let facts = holding(facts, namespace, key)?;
    match &facts.allowed_hosts {
        Some(allowed) if !allows(allowed, proven) => {
            Err((Cause::HostNotAllowed, host_message(namespace, name, proven)))
        }
        _ => Ok(()),
    }
}

/// What is known of a Secret, if it is there and holds a value under `key`; if not, why not.
pub(crate) fn holding<'s>(
    facts: Option<&'s SecretFacts>,
    namespace: &str,
    key: &SecretKeyRef,
) -> Result<&'s SecretFacts, (Cause, String)> {
    let SecretKeyRef { name, key } = key;
    let Some(facts) = facts else {
        let message = format!(
            "Secret {namespace}/{name} does not exist, or lacks the label weir.dev/credential: \"true\""
        );
        return Err((Cause::MissingSecret, message));
    };
    if facts.keys.contains_key(key) {
        Ok(facts)
    } else {
        let message = format!("Secret {namespace}/{name} has no value under the key {key:?}");
        Err((Cause::MissingKey, message))
    }
}

/// Whether a Secret bound to `allowed` may be sent to the provider: the host, with any region filled in.
pub(super) fn allows(allowed: &BTreeSet<String>, proven: &ProvenProvider) -> bool {
    allowed.contains(&proven.base_url.host().to_ascii_lowercase())
}

fn host_message(namespace: &str, name: &str, proven: &ProvenProvider) -> String {
    let host = proven.base_url.host();
    format!("Secret {namespace}/{name} may not be sent to {host}: see its annotation weir.dev/allowed-hosts")
}
