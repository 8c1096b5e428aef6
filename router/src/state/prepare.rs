//! Turns a checked table into what requests are served from. Pure but for the registries of what outlives
//! tables: it opens nothing and waits for nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use http::HeaderValue;
use weir_table::{
    BaseUrl, Checked, Credential, CredentialId, Dialect, Digest, FailureClass, Model, Node, Owner, Policy,
    Provider, ProviderEntry, Scope, Table, Timeouts,
};

use super::credentials::Credentials;
use super::direct::Direct;
use super::endpoint::{Address, Endpoint, Sites};
use super::proof::{NoProof, Proof};
use super::registries::Registries;
use super::snapshot::Served;
use super::target::{Below, Leaf, Limits, Pace, Reach, Target, Tree, Way};
use crate::body::ModelName;
use crate::error::Failure;
use crate::health::{Account, Identity};
use crate::observe::{Kept, SharedKept};

/// Makes `table` ready for requests. Every credential that it names must be held.
pub(crate) fn prepare(
    table: &Checked,
    digest: Digest,
    credentials: &Credentials,
    registries: &Registries,
) -> Served {
    let Table {
        scope,
        policies,
        providers,
        missing,
        access_keys: _,
    } = table.table();
    let namespace: Arc<str> = match scope {
        Scope::Cluster => Arc::from(""),
        Scope::Namespace(name) => Arc::from(name.as_str()),
    };
    let stamp = header(digest.short());
    let mut workshop = Workshop {
        namespace,
        providers,
        missing,
        credentials,
        registries,
        reached: BTreeMap::new(),
        targets: HashMap::new(),
    };
    let policies = policies
        .iter()
        .map(|(name, policy)| (name.clone(), Arc::new(workshop.tree(name, policy, &stamp))))
        .collect();
    let owner = if *scope == Scope::Cluster {
        Owner::Cluster
    } else {
        Owner::Namespace
    };
    let gone = providers.iter().filter(|(_, entry)| entry.live().is_none());
    let gone = gone.map(|(name, _)| name.clone()).collect();
    let live = providers.values().filter_map(ProviderEntry::live);
    let passthrough = live
        .flat_map(|provider| provider.passthrough_paths.iter().cloned())
        .collect();
    Served {
        digest,
        stamp,
        policies,
        providers: workshop.directs(owner),
        gone,
        passthrough,
    }
}

/// What is known while one table is prepared.
struct Workshop<'a> {
    namespace: Arc<str>,
    providers: &'a BTreeMap<String, ProviderEntry>,
    /// Credentials whose Secret or key is gone, whatever the router still holds of them.
    missing: &'a BTreeSet<CredentialId>,
    credentials: &'a Credentials,
    registries: &'a Registries,
    /// The endpoints made so far: by provider, region and credential.
    reached: BTreeMap<(String, Option<String>, Credential), Reach>,
    /// The targets made so far: by the place of the model in the table, which is one for equal models, and the
    /// times of the rung.
    targets: HashMap<(*const Model, Timeouts), Arc<Target>>,
}

/// What a leaf takes from the nodes above it.
struct Above<'a> {
    way: &'a Arc<Way>,
    timeouts: Timeouts,
}

impl Workshop<'_> {
    fn tree(&mut self, name: &str, policy: &Policy, stamp: &HeaderValue) -> Tree {
        let above = Above {
            way: &Arc::new(Way::direct()),
            timeouts: Timeouts::default(),
        };
        let below = self.below(&policy.root, &above);
        Tree::new(policy, below, header(name), stamp.clone())
    }

    fn below(&mut self, node: &Node, above: &Above<'_>) -> Below {
        match node {
            Node::Model(model) => Below::Leaf(Arc::new(Leaf {
                way: above.way.clone(),
                series: Kept::own(),
                target: self.target(model, above.timeouts),
            })),
            Node::Split(split) => {
                let way = &Arc::new(above.way.join(&split.policy));
                let above = Above {
                    way,
                    timeouts: Timeouts::default(),
                };
                let nodes = split
                    .targets
                    .iter()
                    .map(|target| self.below(&target.node, &above));
                Below::Nodes(nodes.collect())
            }
            Node::Chain(chain) => {
                let way = &Arc::new(above.way.join(&chain.policy));
                let nodes = chain.rungs.iter().map(|rung| {
                    let timeouts = rung.timeouts;
                    self.below(&rung.node, &Above { way, timeouts })
                });
                Below::Nodes(nodes.collect())
            }
        }
    }

    /// The target of `model` for a rung with such times, made once per table.
    fn target(&mut self, model: &Arc<Model>, timeouts: Timeouts) -> Arc<Target> {
        let key = (Arc::as_ptr(model), timeouts);
        if let Some(target) = self.targets.get(&key) {
            return target.clone();
        }
        let target = Arc::new(self.new_target(model, timeouts));
        self.targets.insert(key, target.clone());
        target
    }

    fn new_target(&mut self, model: &Model, rung: Timeouts) -> Target {
        let upstream = ModelName::new(&model.upstream);
        let (reach, timeouts) = match self.providers.get(&model.provider) {
            Some(ProviderEntry::Live(provider)) => {
                let reach = self.reach(
                    &model.provider,
                    provider,
                    model.region.as_deref(),
                    model.credential.as_ref(),
                );
                (reach.for_model(&upstream), provider.timeouts)
            }
            _ => (provider_gone(&model.provider), Timeouts::default()),
        };
        Target {
            namespace: self.namespace.clone(),
            label: Arc::from(model.model.as_str()),
            model_header: header(&model.model),
            upstream,
            context_window: model.context_window,
            limits: Limits::resolve(rung, timeouts, Pace::of(model.reasoning)),
            health: reach.health(|account| Some(self.registries.healths.circuit(account, &model.upstream))),
            reach,
            prices: model.prices,
        }
    }

    fn directs(&mut self, owner: Owner) -> BTreeMap<String, Direct> {
        let providers = self.providers;
        let live = providers.iter().filter_map(|(name, entry)| match entry {
            ProviderEntry::Live(provider) if provider.owner == owner => Some((name, provider)),
            _ => None,
        });
        live.map(|(name, provider)| (name.clone(), self.direct(name, provider)))
            .collect()
    }

    fn direct(&mut self, name: &str, provider: &Provider) -> Direct {
        let known = provider.models.values().flat_map(|model| model.upstream.keys());
        let regions: BTreeSet<&String> = known
            .filter(|region| !region.is_empty())
            .chain(&provider.region)
            .collect();
        let regions = regions
            .into_iter()
            .map(|region| (region.clone(), self.reach(name, provider, Some(region), None)))
            .collect();
        Direct {
            name: name.to_owned(),
            namespace: self.namespace.clone(),
            allowed: provider.allowed_namespaces.clone(),
            kept: provider
                .models
                .keys()
                .map(|model| (model.clone(), SharedKept::default()))
                .collect(),
            others: SharedKept::default(),
            models: provider.models.clone(),
            timeouts: provider.timeouts,
            home: self.reach(name, provider, None, None),
            regions,
        }
    }

    /// The endpoint of a provider in a region with a credential, made once per table.
    fn reach(
        &mut self,
        name: &str,
        provider: &Provider,
        region: Option<&str>,
        own: Option<&Credential>,
    ) -> Reach {
        let region = region
            .or(provider.region.as_deref())
            .filter(|_| provider.base_url.wants_region() || provider.dialect == Dialect::Bedrock);
        let credential = own.unwrap_or(&provider.credential);
        let key = (name.to_owned(), region.map(str::to_owned), credential.clone());
        if let Some(reach) = self.reached.get(&key) {
            return reach.clone();
        }
        let reach = match self.endpoint(name, provider, region, credential) {
            Ok(endpoint) => Reach::Live(Arc::new(endpoint)),
            Err(failure) => Reach::Barred(Box::new(failure)),
        };
        self.reached.insert(key, reach.clone());
        reach
    }

    fn endpoint(
        &self,
        name: &str,
        provider: &Provider,
        region: Option<&str>,
        credential: &Credential,
    ) -> Result<Endpoint, Failure> {
        let url = address(name, &provider.base_url, region)?;
        let pool = self
            .registries
            .pools
            .get(&url, provider.ca_bundle.as_deref(), provider.connections)
            .map_err(|error| unavailable(format!("provider {name}: {error}")))?;
        let address = Address {
            dialect: provider.dialect,
            api_version: provider.api_version.clone(),
            lacks: provider.lacks.clone(),
            url,
        };
        Ok(Endpoint {
            dialect: provider.dialect,
            host: header(address.url.authority()),
            proof: self.proof(name, &address, region, credential)?,
            credential: credential.clone(),
            account: self.account(name, &address.url, region, credential),
            // Where a model is part of the address, this is the one of a model without a name.
            sites: Sites::new(&address, &ModelName::new(""))?,
            address: Arc::new(address),
            passthrough: provider.passthrough_paths.as_slice().into(),
            pool,
        })
    }

    fn account(
        &self,
        name: &str,
        url: &BaseUrl,
        region: Option<&str>,
        credential: &Credential,
    ) -> Arc<Account> {
        let healths = &self.registries.healths;
        let value = match credential {
            Credential::Named(id) => self.credentials.get(id),
            Credential::Anonymous | Credential::Ambient => None,
        };
        healths.account(Identity {
            namespace: self.namespace.to_string(),
            provider: name.to_owned(),
            base_url: url.to_string(),
            region: region.map(str::to_owned),
            credential: credential.clone(),
            version: value.map_or(0, |value| healths.version(value.expose())),
        })
    }

    fn proof(
        &self,
        name: &str,
        address: &Address,
        region: Option<&str>,
        credential: &Credential,
    ) -> Result<Proof, Failure> {
        let refuse = |why: &str| Failure::new(FailureClass::Unauthorized, format!("provider {name}: {why}"));
        match credential {
            Credential::Anonymous => Ok(Proof::None),
            Credential::Ambient => Err(refuse("the pod's own identity is no credential in this dialect")),
            Credential::Named(id) if self.missing.contains(id) => {
                Err(refuse("the Secret or key that holds its credential is not there"))
            }
            Credential::Named(id) => {
                let secret = self
                    .credentials
                    .get(id)
                    .ok_or_else(|| refuse("its credential has not arrived"))?;
                Proof::new(address, region, secret.expose()).map_err(|NoProof(why)| refuse(why))
            }
        }
    }
}

fn address(name: &str, base_url: &BaseUrl, region: Option<&str>) -> Result<BaseUrl, Failure> {
    if !base_url.wants_region() {
        return Ok(base_url.clone());
    }
    let filled = region.and_then(|region| base_url.in_region(region).ok());
    filled.ok_or_else(|| {
        let text =
            format!("provider {name} has no region of its own: name the model as {name}/<model>@<region>");
        Failure::new(FailureClass::PolicyNotFound, text)
    })
}

fn provider_gone(name: &str) -> Reach {
    let text = format!("provider {name} is gone or was not accepted; the policy that names it still stands");
    Reach::Barred(Box::new(unavailable(text)))
}

fn unavailable(text: String) -> Failure {
    Failure::new(FailureClass::PolicyUnavailable, text)
}

impl Way {
    /// This way with another policy behind it.
    fn join(&self, policy: &str) -> Self {
        let path = if self.path.is_empty() {
            policy.to_owned()
        } else {
            format!("{}/{policy}", self.path)
        };
        Self {
            header: Some(header(&path)),
            path: Arc::from(path),
        }
    }
}

/// A name out of a table as a header's value. Names can't hold control characters once they are checked;
/// where one did all the same, the header stays empty rather than the table unserved.
fn header(text: &str) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).unwrap_or_else(|_| HeaderValue::from_static(""))
}
