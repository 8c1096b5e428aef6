//! The two kinds of provider, each alone.

use std::collections::{BTreeMap, BTreeSet};

use weir_table::name::{is_dns_label, is_provider_name};
use weir_table::{BaseUrl, Connections, Dialect, Lack, Owner, Timeouts};

use super::{Findings, milliseconds};
use crate::api::{
    ClusterProviderSpec, ConnectionLimits, DialectName, LackName, ModelPrices, ProviderCredential,
    ProviderModel, ProviderSpec, ProviderTimeouts, SecretKeyRef,
};
use crate::problem::Problem;

/// A provider that is in order, as far as it alone can show.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProvenProvider {
    pub owner: Owner,
    pub dialect: Dialect,
    pub base_url: BaseUrl,
    pub api_version: Option<String>,
    pub lacks: BTreeSet<Lack>,
    pub region: Option<String>,
    pub credential: CredentialAt,
    pub catalogue: String,
    pub ca_bundle: Option<String>,
    pub timeouts: Timeouts,
    pub connections: Connections,
    pub passthrough_paths: Vec<String>,
    pub models: BTreeMap<String, ProviderModel>,
    pub allowed_namespaces: Option<BTreeSet<String>>,
}

/// Where the key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CredentialAt {
    None,
    Key(SecretKeyRef),
    Aws(String),
    Ambient,
}

/// Proves a `Provider`.
pub(crate) fn namespaced(name: &str, spec: &ProviderSpec) -> Result<ProvenProvider, Vec<Problem>> {
    let mut findings = Findings::default();
    let ambient = spec
        .credential
        .as_ref()
        .is_some_and(|credential| credential.ambient.is_some());
    let message = "is only for a ClusterProvider: it is the identity of the router's own pod";
    findings.require(!ambient, "spec.credential.ambient", message);
    let proven = findings.provider(name, spec, Owner::Namespace, None);
    findings.prove(proven)
}

/// Proves a `ClusterProvider`.
pub(crate) fn cluster(name: &str, spec: &ClusterProviderSpec) -> Result<ProvenProvider, Vec<Problem>> {
    let ClusterProviderSpec {
        provider,
        allowed_namespaces,
    } = spec;
    let mut findings = Findings::default();
    findings.namespaces(
        allowed_namespaces.as_deref().unwrap_or_default(),
        "spec.allowedNamespaces",
    );
    let allowed = allowed_namespaces
        .as_ref()
        .map(|namespaces| namespaces.iter().cloned().collect());
    let proven = findings.provider(name, provider, Owner::Cluster, allowed);
    findings.prove(proven)
}

impl Findings {
    fn provider(
        &mut self,
        name: &str,
        spec: &ProviderSpec,
        owner: Owner,
        allowed_namespaces: Option<BTreeSet<String>>,
    ) -> Option<ProvenProvider> {
        let ProviderSpec {
            dialect,
            base_url,
            api_version,
            lacks,
            credential,
            region,
            catalogue,
            ca_bundle,
            timeouts,
            connections,
            passthrough_paths,
            models,
        } = spec;
        self.require(
            is_provider_name(name),
            "metadata.name",
            "must be a DNS label other than `policy`",
        );
        self.api_version(*dialect, api_version.as_deref());
        self.region(region.as_deref());
        self.ca_bundle(ca_bundle.as_deref());
        self.paths(passthrough_paths);
        let credential = self.credential(credential.as_ref());
        Some(ProvenProvider {
            owner,
            dialect: dialect_of(*dialect),
            base_url: self.base_url(base_url)?,
            api_version: api_version.clone(),
            lacks: lacks.iter().copied().map(lack_of).collect(),
            region: region.clone(),
            credential: credential?,
            catalogue: catalogue.clone().unwrap_or_else(|| name.to_owned()),
            ca_bundle: ca_bundle.clone(),
            timeouts: self.timeouts(timeouts.as_ref()),
            connections: self.connections(connections.as_ref()),
            passthrough_paths: passthrough_paths.clone(),
            models: self.models(models),
            allowed_namespaces,
        })
    }

    fn base_url(&mut self, text: &str) -> Option<BaseUrl> {
        let parsed = BaseUrl::parse(text);
        if let Err(why) = &parsed {
            self.require(false, "spec.baseURL", &why.to_string());
        }
        parsed.ok()
    }

    fn api_version(&mut self, dialect: DialectName, version: Option<&str>) {
        let Some(version) = version else { return };
        let plain = !version.is_empty()
            && version
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
        let message = "must be letters, digits, dots and hyphens, such as 2024-10-21";
        self.require(plain, "spec.apiVersion", message);
        let azure = dialect == DialectName::AzureOpenAI;
        self.require(azure, "spec.apiVersion", "is only for the dialect AzureOpenAI");
    }

    fn region(&mut self, region: Option<&str>) {
        let message = "must be lower-case letters, digits and inner hyphens";
        self.require(region.is_none_or(is_dns_label), "spec.region", message);
    }

    fn ca_bundle(&mut self, bundle: Option<&str>) {
        let holds = bundle.is_none_or(|pem| pem.contains("-----BEGIN CERTIFICATE-----"));
        self.require(holds, "spec.caBundle", "must hold certificates in PEM form");
    }

    fn paths(&mut self, paths: &[String]) {
        for (at, path) in paths.iter().enumerate() {
            let plain = path.starts_with('/') && !path.contains(['?', '#', '%', '\\', ' ']);
            let climbs = path.split('/').any(|segment| segment == "." || segment == "..");
            let message = "must begin with / and have no query, escapes or dot segments";
            self.require(plain && !climbs, &format!("spec.passthroughPaths[{at}]"), message);
        }
    }

    fn credential(&mut self, credential: Option<&ProviderCredential>) -> Option<CredentialAt> {
        let Some(ProviderCredential {
            secret_ref,
            aws,
            ambient,
        }) = credential
        else {
            return Some(CredentialAt::None);
        };
        match (secret_ref, aws, ambient) {
            (Some(key), None, None) => Some(CredentialAt::Key(key.clone())),
            (None, Some(aws), None) => Some(CredentialAt::Aws(aws.secret_ref.name.clone())),
            (None, None, Some(_)) => Some(CredentialAt::Ambient),
            _ => {
                let message = "must have exactly one of `secretRef`, `aws` and `ambient`";
                self.require(false, "spec.credential", message);
                None
            }
        }
    }

    fn timeouts(&mut self, timeouts: Option<&ProviderTimeouts>) -> Timeouts {
        let Some(ProviderTimeouts {
            connect_seconds,
            first_token_seconds,
            stall_seconds,
            attempt_seconds,
        }) = timeouts
        else {
            return Timeouts::default();
        };
        self.within(*connect_seconds, 1..=60, "spec.timeouts.connectSeconds");
        self.within(*first_token_seconds, 1..=3600, "spec.timeouts.firstTokenSeconds");
        self.within(*stall_seconds, 1..=3600, "spec.timeouts.stallSeconds");
        self.within(*attempt_seconds, 1..=3600, "spec.timeouts.attemptSeconds");
        Timeouts {
            connect_ms: milliseconds(*connect_seconds),
            first_token_ms: milliseconds(*first_token_seconds),
            stall_ms: milliseconds(*stall_seconds),
            attempt_ms: milliseconds(*attempt_seconds),
        }
    }

    fn connections(&mut self, limits: Option<&ConnectionLimits>) -> Connections {
        let Some(ConnectionLimits {
            max_idle,
            idle_seconds,
        }) = limits
        else {
            return Connections::default();
        };
        self.within(*max_idle, 0..=100_000, "spec.connections.maxIdle");
        self.within(*idle_seconds, 1..=3600, "spec.connections.idleSeconds");
        let max_idle = max_idle.and_then(|count| u32::try_from(count).ok());
        Connections {
            max_idle,
            idle_ms: milliseconds(*idle_seconds),
        }
    }

    fn models(&mut self, models: &[ProviderModel]) -> BTreeMap<String, ProviderModel> {
        let mut by_name = BTreeMap::new();
        for (at, model) in models.iter().enumerate() {
            let path = format!("spec.models[{at}]");
            self.text(&model.name, &format!("{path}.name"));
            self.prices(&path, model.prices.as_ref());
            let known = by_name.insert(model.name.clone(), model.clone()).is_some();
            self.require(
                !known,
                &format!("{path}.name"),
                &format!("{:?} is there twice", model.name),
            );
        }
        by_name
    }

    fn prices(&mut self, path: &str, prices: Option<&ModelPrices>) {
        let Some(ModelPrices {
            input,
            output,
            cache_read,
            cache_write,
        }) = prices
        else {
            return;
        };
        for price in [input, output, cache_read, cache_write].into_iter().flatten() {
            let holds = (0.0..=1_000_000.0).contains(price);
            self.require(
                holds,
                &format!("{path}.prices"),
                "must be 0 to 1000000 US dollars per million tokens",
            );
        }
    }
}

const fn dialect_of(name: DialectName) -> Dialect {
    match name {
        DialectName::OpenAI => Dialect::OpenAI,
        DialectName::Anthropic => Dialect::Anthropic,
        DialectName::Gemini => Dialect::Gemini,
        DialectName::Bedrock => Dialect::Bedrock,
        DialectName::AzureOpenAI => Dialect::AzureOpenAI,
    }
}

const fn lack_of(name: LackName) -> Lack {
    match name {
        LackName::StreamUsage => Lack::StreamUsage,
        LackName::Responses => Lack::Responses,
    }
}
