//! What is known of public models, from the data file that is built in.
//!
//! Looks names up and nothing else: no file, no network, no Kubernetes, and no Provider, whose own
//! `models[]` come first; that order is the compiler's business. `policy/catalogue/README.md` describes
//! the data file and how it is refreshed.

mod facts;

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

pub use self::facts::{Feature, ModelFacts, ModelKind, Prices, UsdPerMillion};

/// The profile prefix of a model that is served from anywhere.
const ANYWHERE: &str = "global";

static BUILTIN: LazyLock<Catalogue> = LazyLock::new(|| {
    Catalogue::parse(include_str!("../catalogue/models.json"))
        .expect("the built-in catalogue is generated, and a test parses it")
});

/// Every model that is known, by provider prefix and name. Every alias stands for a model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    source: Source,
    providers: BTreeMap<String, ProviderModels>,
}

/// Where the facts were taken from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The package that held them.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// The file inside the package.
    pub file: String,
    /// The licence under which they came, as an SPDX expression.
    pub licence: String,
    /// Whose they are.
    pub copyright: String,
    /// The day on which they were taken, as `YYYY-MM-DD`.
    pub date: String,
}

/// One provider's models, each under the name that goes upstream.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderModels {
    aliases: BTreeMap<String, String>,
    /// Region to the profile prefixes to try there, in order.
    regions: BTreeMap<String, Vec<String>>,
    models: BTreeMap<String, ModelFacts>,
}

/// Why a text is not a catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// It is not JSON of the right shape.
    #[error("the catalogue is not in the format of models.json: {0}")]
    Malformed(#[from] serde_json::Error),
    /// An alias stands for a model that is not there.
    #[error(
        "providers.{provider}.aliases.{alias} names {model}, which is not in providers.{provider}.models"
    )]
    DanglingAlias {
        /// The provider's prefix.
        provider: String,
        /// The name that people would use.
        alias: String,
        /// The model that it should stand for.
        model: String,
    },
}

impl Catalogue {
    /// The catalogue that is built in. Parsed at the first call, and kept.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Reads a catalogue in the format of `models.json`.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        let catalogue: Self = serde_json::from_str(text)?;
        match catalogue.dangling_alias() {
            Some(error) => Err(error),
            None => Ok(catalogue),
        }
    }

    /// Where the facts were taken from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What is known of `<provider>/<model>`; `model` is without its region.
    pub fn lookup(&self, provider: &str, model: &str) -> Option<&ModelFacts> {
        let provider = self.providers.get(provider)?;
        provider.models.get(provider.upstream(model).unwrap_or(model))
    }

    /// Every name that [`Self::lookup`] knows at a provider: upstream names, then aliases, each in order.
    pub fn models(&self, provider: &str) -> impl Iterator<Item = (&str, &ModelFacts)> {
        self.providers
            .get(provider)
            .into_iter()
            .flat_map(ProviderModels::names)
    }

    /// Whether `@region` after a model of this provider means a region.
    pub fn knows_region(&self, provider: &str, region: &str) -> bool {
        self.providers
            .get(provider)
            .is_some_and(|known| known.regions.contains_key(region))
    }

    /// The regions that are known of a provider, in order.
    pub fn regions(&self, provider: &str) -> impl Iterator<Item = &str> {
        let known = self.providers.get(provider);
        known
            .into_iter()
            .flat_map(|known| known.regions.keys())
            .map(String::as_str)
    }

    /// What `<provider>/<model>` is called at the provider, when asked in `region`.
    ///
    /// An alias becomes the name that it stands for, by the profile of the region's geography where there is
    /// one (without a region: the profile that serves from anywhere). Every other name goes as written.
    pub fn upstream_name<'a>(&'a self, provider: &str, model: &'a str, region: Option<&str>) -> Cow<'a, str> {
        let known = self.providers.get(provider);
        let Some((known, name)) = known.and_then(|known| Some((known, known.upstream(model)?))) else {
            return Cow::Borrowed(model);
        };
        match known.profile(name, region) {
            Some(profile) => Cow::Owned(format!("{profile}.{name}")),
            None => Cow::Borrowed(name),
        }
    }

    fn dangling_alias(&self) -> Option<CatalogueError> {
        self.providers.iter().find_map(|(provider, known)| {
            let (alias, model) = known.dangling_alias()?;
            Some(CatalogueError::DanglingAlias {
                provider: provider.clone(),
                alias: alias.to_owned(),
                model: model.to_owned(),
            })
        })
    }
}

impl ProviderModels {
    /// The upstream name that an alias stands for; `None` for every other name.
    fn upstream(&self, alias: &str) -> Option<&str> {
        self.aliases.get(alias).map(String::as_str)
    }

    fn names(&self) -> impl Iterator<Item = (&str, &ModelFacts)> {
        let models = self.models.iter().map(|(name, facts)| (name.as_str(), facts));
        let aliases = self
            .aliases
            .iter()
            .filter_map(|(alias, name)| Some((alias.as_str(), self.models.get(name)?)));
        models.chain(aliases)
    }

    fn profile(&self, model: &str, region: Option<&str>) -> Option<&str> {
        let offered = &self.models.get(model)?.profiles;
        let Some(region) = region else {
            return offered.get(ANYWHERE).map(String::as_str);
        };
        let wanted = self.regions.get(region)?;
        wanted
            .iter()
            .find(|profile| offered.contains(*profile))
            .map(String::as_str)
    }

    fn dangling_alias(&self) -> Option<(&str, &str)> {
        let (alias, model) = self
            .aliases
            .iter()
            .find(|(_, model)| !self.models.contains_key(*model))?;
        Some((alias, model))
    }
}

#[cfg(test)]
mod tests;
