//! What objects refer to: providers, models and Secrets, as one namespace sees them.

mod facts;
mod judged;

use std::collections::{BTreeMap, BTreeSet};

use weir_table::{Credential, CredentialId, Model, Owner, Provider, ProviderEntry};

pub(crate) use self::facts::Facts;
pub(crate) use self::judged::{Judged, holding};
use crate::api::{ProviderSpec, SecretKeyRef};
use crate::catalogue::Catalogue;
use crate::compile::CredentialOrigin;
use crate::problem::{Cause, Problem};
use crate::snapshot::{Follow, NamespacedProviders, Object, SecretFacts, Snapshot};
use crate::validate::policy::ModelName;
use crate::validate::provider::{self, ProvenProvider};

/// One namespace's view of everything that policies refer to.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub snapshot: &'a Snapshot,
    pub namespace: &'a str,
    catalogue: &'static Catalogue,
    own: BTreeMap<&'a str, Judged>,
    cluster: BTreeMap<&'a str, Judged>,
}

/// A leaf of a policy's tree, and what is odd or wrong about it without keeping it from being served.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub model: Model,
    pub unready: Option<Problem>,
}

impl<'a> Surroundings<'a> {
    /// Judges every provider that `namespace` sees. Its own are none where they do not count.
    pub(crate) fn of_namespace(snapshot: &'a Snapshot, namespace: &'a str) -> Self {
        let counts = snapshot.namespaced_providers == NamespacedProviders::Enabled;
        let own = providers(snapshot, namespace)
            .filter(|_| counts)
            .map(|(name, object)| {
                (
                    name.as_str(),
                    Judged::new(
                        snapshot,
                        namespace,
                        object.generation,
                        proven(object, name, provider::namespaced),
                    ),
                )
            });
        Self {
            own: own.collect(),
            ..Self::of_cluster_in(snapshot, namespace)
        }
    }

    /// Judges every ClusterProvider.
    pub(crate) fn of_cluster(snapshot: &'a Snapshot) -> Self {
        Self::of_cluster_in(snapshot, &snapshot.system_namespace)
    }

    fn of_cluster_in(snapshot: &'a Snapshot, namespace: &'a str) -> Self {
        let secrets = &snapshot.system_namespace;
        let cluster = snapshot.cluster_providers.iter().map(|(name, object)| {
            (
                name.as_str(),
                Judged::new(
                    snapshot,
                    secrets,
                    object.generation,
                    proven(object, name, provider::cluster),
                ),
            )
        });
        Self {
            snapshot,
            namespace,
            catalogue: Catalogue::builtin(),
            own: BTreeMap::new(),
            cluster: cluster.collect(),
        }
    }

    /// The providers that are defined in the scope that is compiled, in order.
    pub(crate) fn defined(&self, owner: Owner) -> &BTreeMap<&'a str, Judged> {
        match owner {
            Owner::Namespace => &self.own,
            Owner::Cluster => &self.cluster,
        }
    }

    /// The provider that `name` means here, if it can be used.
    pub(crate) fn provider(&self, name: &str) -> Result<&Judged, Cause> {
        let judged = self
            .own
            .get(name)
            .or_else(|| self.cluster.get(name))
            .ok_or(Cause::UnknownProvider)?;
        let proven = judged.proven.as_ref().map_err(|_| Cause::UnknownProvider)?;
        let allowed = proven
            .allowed_namespaces
            .as_ref()
            .is_none_or(|allowed| allowed.contains(self.namespace));
        if allowed {
            Ok(judged)
        } else {
            Err(Cause::ProviderNotAllowed)
        }
    }

    /// The entry of a provider in the table of its own scope, where direct calls find its models.
    pub(crate) fn direct_entry(&self, name: &str, judged: &Judged) -> ProviderEntry {
        let (ProviderEntry::Live(entry), Ok(proven)) = (judged.entry(), &judged.proven) else {
            return ProviderEntry::Gone;
        };
        let models = facts::direct_models(self.catalogue, name, proven);
        let allowed_namespaces = proven.allowed_namespaces.clone();
        ProviderEntry::Live(Box::new(Provider {
            models,
            allowed_namespaces,
            ..*entry
        }))
    }

    /// What is known of a model, by its provider's own facts first and the catalogue's next.
    pub(crate) fn facts(&self, provider: &str, text: &str) -> Facts {
        let rest = text.split_once('/').map_or(text, |(_, rest)| rest);
        let proven = self
            .provider(provider)
            .ok()
            .and_then(|judged| judged.proven.as_ref().ok());
        let (model, _) = self.split_region(provider, proven, rest);
        Facts::of(self.catalogue, provider, proven, model)
    }

    /// The leaf for a model as written at `path`.
    pub(crate) fn leaf(
        &self,
        path: &str,
        name: &ModelName,
        key: Option<&SecretKeyRef>,
    ) -> Result<Resolved, Problem> {
        match self.provider(&name.provider) {
            Ok(judged) => self.known_leaf(path, name, key, judged),
            Err(_) if self.snapshot.checking.providers == Follow::OnTrust => Ok(self.trusted_leaf(name)),
            Err(cause) => Err(self.no_provider(path, &name.provider, cause)),
        }
    }

    fn known_leaf(
        &self,
        path: &str,
        name: &ModelName,
        key: Option<&SecretKeyRef>,
        judged: &Judged,
    ) -> Result<Resolved, Problem> {
        let proven = judged
            .proven
            .as_ref()
            .map_err(|_| self.no_provider(path, &name.provider, Cause::UnknownProvider))?;
        let model = self.model(name, Some(proven));
        if proven.base_url.wants_region() && model.region.is_none() && proven.region.is_none() {
            let message = format!(
                "provider {} is reached by region ({}): write {}@<region>, or give the provider a `region`",
                name.provider, proven.base_url, name.text
            );
            return Err(Problem::new(format!("{path}.model"), Cause::Invalid, message));
        }
        let own = key
            .map(|key| self.own_credential(path, key, proven))
            .transpose()?;
        let (credential, unready) = match own {
            Some((id, unready)) => (Some(Credential::Named(id)), unready),
            None => (None, judged.unready(path, &name.provider)),
        };
        Ok(Resolved {
            model: Model { credential, ..model },
            unready,
        })
    }

    /// A leaf at a provider of which nothing is known here; files may leave providers to the cluster.
    fn trusted_leaf(&self, name: &ModelName) -> Resolved {
        Resolved {
            model: self.model(name, None),
            unready: None,
        }
    }

    fn model(&self, name: &ModelName, proven: Option<&ProvenProvider>) -> Model {
        let (model, region) = self.split_region(&name.provider, proven, &name.rest);
        let facts = Facts::of(self.catalogue, &name.provider, proven, model);
        let effective = region.or_else(|| proven.and_then(|proven| proven.region.as_deref()));
        Model {
            model: name.text.clone(),
            provider: name.provider.clone(),
            upstream: facts::upstream(self.catalogue, &name.provider, proven, model, effective),
            region: region.map(ToOwned::to_owned),
            credential: None,
            context_window: facts.context_window,
            reasoning: facts.reasoning,
            prices: facts.prices,
        }
    }

    /// `@x` is a region only where the provider or the catalogue knows it.
    fn split_region<'t>(
        &self,
        provider: &str,
        proven: Option<&ProvenProvider>,
        rest: &'t str,
    ) -> (&'t str, Option<&'t str>) {
        let catalogue = proven.map_or(provider, |proven| &proven.catalogue);
        let its_own = proven.and_then(|proven| proven.region.as_deref());
        match rest.rsplit_once('@') {
            Some((model, region))
                if its_own == Some(region) || self.catalogue.knows_region(catalogue, region) =>
            {
                (model, Some(region))
            }
            _ => (rest, None),
        }
    }

    /// The credential that a target brings along, from a Secret of the policy's namespace, and what keeps it from
    /// being used for now.
    fn own_credential(
        &self,
        path: &str,
        key: &SecretKeyRef,
        proven: &ProvenProvider,
    ) -> Result<(CredentialId, Option<Problem>), Problem> {
        let path = format!("{path}.credential.secretRef");
        let facts = self.snapshot.secret(self.namespace, &key.name);
        judged::check_key(self.snapshot, facts, self.namespace, key, proven)
            .map_err(|(cause, message)| Problem::new(&path, cause, message))?;
        let id = CredentialId::of_secret_key(self.namespace, &key.name, &key.key);
        let unready = judged::no_room(self.snapshot, &id, path, (self.namespace, &key.name));
        Ok((id, unready))
    }

    fn no_provider(&self, path: &str, provider: &str, cause: Cause) -> Problem {
        let namespace = self.namespace;
        let message = match cause {
            Cause::ProviderNotAllowed => format!(
                "ClusterProvider {provider} does not allow namespace {namespace}: see its spec.allowedNamespaces"
            ),
            _ if self.own.contains_key(provider) => {
                format!("Provider {namespace}/{provider} is not accepted: see its status")
            }
            _ if self.cluster.contains_key(provider) => {
                format!("ClusterProvider {provider} is not accepted: see its status")
            }
            _ => self.absent(provider),
        };
        Problem::new(format!("{path}.model"), cause, message)
    }

    fn absent(&self, provider: &str) -> String {
        let namespace = self.namespace;
        let is_ignored = providers(self.snapshot, namespace).any(|(name, _)| name == provider);
        match self.snapshot.namespaced_providers {
            NamespacedProviders::Enabled => format!(
                "provider {provider:?} does not exist: create a Provider of that name in namespace {namespace}, or a ClusterProvider"
            ),
            NamespacedProviders::Disabled if is_ignored => format!(
                "Provider {namespace}/{provider} does not count in this cluster: ask for a ClusterProvider of that name"
            ),
            NamespacedProviders::Disabled => {
                format!("provider {provider:?} does not exist: ask for a ClusterProvider of that name")
            }
        }
    }

    /// The Providers that are refused unread, with their generations.
    pub(crate) fn refused(&self) -> impl Iterator<Item = (&'a str, i64)> {
        let counts = self.snapshot.namespaced_providers == NamespacedProviders::Enabled;
        providers(self.snapshot, self.namespace)
            .filter(move |_| !counts)
            .map(|(name, object)| (name.as_str(), object.generation))
    }

    /// Where the credentials lie that this namespace's policies can name, of providers and of its own Secrets,
    /// whether or not there is room for them.
    pub(crate) fn origins(&self) -> BTreeMap<CredentialId, CredentialOrigin> {
        let providers = self
            .own
            .values()
            .chain(self.cluster.values())
            .filter_map(Judged::origin);
        let objects = self.snapshot.namespaces.get(self.namespace);
        let secrets = objects.into_iter().flat_map(|objects| &objects.secrets);
        secrets
            .flat_map(|(name, facts)| self.keys(name, facts))
            .chain(providers)
            .collect()
    }

    fn keys<'s>(
        &'s self,
        name: &'s str,
        facts: &'s SecretFacts,
    ) -> impl Iterator<Item = (CredentialId, CredentialOrigin)> + 's {
        facts.keys.keys().map(move |key| {
            let id = CredentialId::of_secret_key(self.namespace, name, key);
            let (namespace, name, key) = (self.namespace.to_owned(), name.to_owned(), key.clone());
            (id, CredentialOrigin::SecretKey { namespace, name, key })
        })
    }

    /// Whether there is no room for a credential.
    pub(crate) fn is_withheld(&self, id: &CredentialId) -> bool {
        self.snapshot.withheld.contains(id)
    }

    /// Those of `named` that must not or cannot be sent by `model`: the Secret is gone, or bound to other hosts.
    pub(crate) fn unusable(
        &self,
        model: &Model,
        available: &BTreeMap<CredentialId, CredentialOrigin>,
    ) -> BTreeSet<CredentialId> {
        let Some(id) = model.credential.as_ref().and_then(Credential::id) else {
            return BTreeSet::new();
        };
        let usable = available
            .get(id)
            .is_some_and(|origin| self.may_send(origin, &model.provider));
        if usable {
            BTreeSet::new()
        } else {
            [id.clone()].into()
        }
    }

    fn may_send(&self, origin: &CredentialOrigin, provider: &str) -> bool {
        let host = self
            .provider(provider)
            .ok()
            .and_then(|judged| judged.proven.as_ref().ok());
        let (namespace, name) = origin.secret();
        let allowed = self
            .snapshot
            .secret(namespace, name)
            .and_then(|facts| facts.allowed_hosts.as_ref());
        match (allowed, host) {
            (Some(allowed), Some(proven)) => judged::allows(allowed, proven),
            _ => true,
        }
    }
}

/// The Providers of a namespace.
fn providers<'a>(
    snapshot: &'a Snapshot,
    namespace: &str,
) -> impl Iterator<Item = (&'a String, &'a Object<ProviderSpec>)> + use<'a> {
    let objects = snapshot.namespaces.get(namespace);
    objects
        .into_iter()
        .flat_map(|objects| &objects.providers)
        .map(|(name, object)| (name, &**object))
}

fn proven<S>(
    object: &Object<S>,
    name: &str,
    prove: impl Fn(&str, &S) -> Result<ProvenProvider, Vec<Problem>>,
) -> Result<ProvenProvider, Vec<Problem>> {
    object.decoded().and_then(|spec| prove(name, spec))
}
