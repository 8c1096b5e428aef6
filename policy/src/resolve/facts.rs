//! What is known of a model: the Provider's own word first, the catalogue's next.

use std::collections::{BTreeMap, BTreeSet};

use weir_table::{DirectModel, ModelKind, Prices};

use crate::api::{ModelFeature, ModelPrices, PolicyKind, ProviderModel};
use crate::catalogue::{self, Catalogue, Feature, UsdPerMillion};
use crate::validate::provider::ProvenProvider;

/// What the compiler asks of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    pub kind: ModelKind,
    pub context_window: Option<u64>,
    pub dimensions: Option<u32>,
    /// `None` where nobody has said.
    pub features: Option<BTreeSet<ModelFeature>>,
    pub reasoning: bool,
    pub prices: Prices,
}

impl Facts {
    pub(crate) fn of(
        catalogue: &Catalogue,
        provider: &str,
        proven: Option<&ProvenProvider>,
        model: &str,
    ) -> Self {
        let key = proven.map_or(provider, |proven| &proven.catalogue);
        let known = catalogue.lookup(key, model);
        let said = proven.and_then(|proven| proven.models.get(model));
        let features = said
            .and_then(|said| said.features.as_ref())
            .map(|features| features.iter().copied().collect())
            .or_else(|| known.map(|known| known.features.iter().filter_map(|f| feature_of(*f)).collect()));
        Self {
            kind: kind_of(said, known),
            context_window: said
                .and_then(context_window)
                .or(known.and_then(|known| known.context_window)),
            dimensions: said
                .and_then(dimensions)
                .or(known.and_then(|known| known.embedding_dimensions)),
            reasoning: features
                .as_ref()
                .is_some_and(|features: &BTreeSet<_>| features.contains(&ModelFeature::Reasoning)),
            features,
            prices: prices(said, known),
        }
    }
}

fn kind_of(said: Option<&ProviderModel>, known: Option<&catalogue::ModelFacts>) -> ModelKind {
    match (said.and_then(|said| said.kind), known.map(|known| known.kind)) {
        (Some(PolicyKind::Chat), _) | (None, Some(catalogue::ModelKind::Chat)) => ModelKind::Chat,
        (Some(PolicyKind::Embedding), _) | (None, Some(catalogue::ModelKind::Embedding)) => {
            ModelKind::Embedding
        }
        (None, None) => ModelKind::Unknown,
    }
}

fn context_window(said: &ProviderModel) -> Option<u64> {
    said.context_window.and_then(|tokens| u64::try_from(tokens).ok())
}

fn dimensions(said: &ProviderModel) -> Option<u32> {
    said.embedding_dimensions
        .and_then(|length| u32::try_from(length).ok())
}

/// Each price by itself: whoever corrects one keeps the others.
fn prices(said: Option<&ProviderModel>, known: Option<&catalogue::ModelFacts>) -> Prices {
    let said = said.and_then(|said| said.prices.clone()).unwrap_or_default();
    let known = known.map(|known| known.prices).unwrap_or_default();
    let ModelPrices {
        input,
        output,
        cache_read,
        cache_write,
    } = said;
    let or = |said: Option<f64>, known: Option<UsdPerMillion>| said.or(known.map(UsdPerMillion::get));
    Prices {
        input: or(input, known.input),
        output: or(output, known.output),
        cache_read: or(cache_read, known.cache_read),
        cache_write: or(cache_write, known.cache_write),
    }
}

/// The features by which targets are compared; the catalogue knows more, and not all of it reliably.
const fn feature_of(feature: Feature) -> Option<ModelFeature> {
    match feature {
        Feature::Tools => Some(ModelFeature::Tools),
        Feature::Images => Some(ModelFeature::Images),
        Feature::StructuredOutput => Some(ModelFeature::StructuredOutput),
        Feature::Reasoning => Some(ModelFeature::Reasoning),
        _ => None,
    }
}

/// What the provider calls `model` in `region`.
pub(crate) fn upstream(
    catalogue: &Catalogue,
    provider: &str,
    proven: Option<&ProvenProvider>,
    model: &str,
    region: Option<&str>,
) -> String {
    let said = proven
        .and_then(|proven| proven.models.get(model))
        .and_then(|said| said.upstream_name.clone());
    let key = proven.map_or(provider, |proven| &proven.catalogue);
    said.unwrap_or_else(|| catalogue.upstream_name(key, model, region).into_owned())
}

/// Every model that a direct call may name and of which something is known.
pub(crate) fn direct_models(
    catalogue: &Catalogue,
    name: &str,
    proven: &ProvenProvider,
) -> BTreeMap<String, DirectModel> {
    let known = catalogue.models(&proven.catalogue).map(|(model, _)| model);
    let said = proven.models.keys().map(String::as_str);
    known
        .chain(said)
        .map(|model| (model.to_owned(), direct_model(catalogue, name, proven, model)))
        .collect()
}

fn direct_model(catalogue: &Catalogue, name: &str, proven: &ProvenProvider, model: &str) -> DirectModel {
    let facts = Facts::of(catalogue, name, Some(proven), model);
    let in_region = |region| upstream(catalogue, name, Some(proven), model, region);
    let usual = in_region(proven.region.as_deref());
    let regions = catalogue
        .regions(&proven.catalogue)
        .map(|region| (region.to_owned(), in_region(Some(region))));
    let mut names: BTreeMap<String, String> = regions.filter(|(_, name)| *name != usual).collect();
    if usual != model || !names.is_empty() {
        names.insert(String::new(), usual);
    }
    DirectModel {
        kind: facts.kind,
        upstream: names,
        reasoning: facts.reasoning,
        prices: facts.prices,
    }
}
