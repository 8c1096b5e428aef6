//! What can be known of one model, in the words of the data file.
//!
//! Types only: nothing here knows providers, names or regions.

use std::{collections::BTreeSet, fmt};

use serde::Deserialize;

/// What is known of one model. A missing value means "not known", never "none".
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModelFacts {
    /// Whether the model writes text or embeds it.
    pub kind: ModelKind,
    /// The most tokens that it reads in one request.
    pub context_window: Option<u64>,
    /// The most tokens that it writes in one answer.
    pub output_limit: Option<u64>,
    /// The length of its vectors, unless a request asks for another.
    pub embedding_dimensions: Option<u32>,
    /// What it can take or do beyond plain text.
    #[serde(default)]
    pub features: BTreeSet<Feature>,
    /// List prices, without tiers, batches or commitments.
    #[serde(default)]
    pub prices: Prices,
    /// Prefixes of its regional inference profiles: `eu` means that the provider knows `eu.<name>` too.
    #[serde(default)]
    pub profiles: BTreeSet<String>,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ModelKind {
    /// Writes text, on whichever of the text endpoints it is offered.
    Chat,
    /// Turns text into vectors.
    Embedding,
}

/// Something that not every model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Feature {
    /// Takes sound.
    AudioInput,
    /// Answers with sound.
    AudioOutput,
    /// Takes images.
    Images,
    /// Calls several tools in one answer. The source is incomplete on this one.
    ParallelTools,
    /// Takes PDF documents.
    Pdf,
    /// Charges less for a prompt's repeated beginning.
    PromptCaching,
    /// Thinks before its first word, so that the first token may take minutes.
    Reasoning,
    /// Answers by a JSON schema.
    StructuredOutput,
    /// Calls tools.
    Tools,
    /// Takes video.
    VideoInput,
    /// Searches the web by itself.
    WebSearch,
}

impl Feature {
    /// The feature's name in the data file and in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AudioInput => "audioInput",
            Self::AudioOutput => "audioOutput",
            Self::Images => "images",
            Self::ParallelTools => "parallelTools",
            Self::Pdf => "pdf",
            Self::PromptCaching => "promptCaching",
            Self::Reasoning => "reasoning",
            Self::StructuredOutput => "structuredOutput",
            Self::Tools => "tools",
            Self::VideoInput => "videoInput",
            Self::WebSearch => "webSearch",
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a model costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prices {
    /// Tokens read.
    pub input: Option<UsdPerMillion>,
    /// Tokens written.
    pub output: Option<UsdPerMillion>,
    /// Tokens read from the provider's prompt cache.
    pub cache_read: Option<UsdPerMillion>,
    /// Tokens written to the provider's prompt cache.
    pub cache_write: Option<UsdPerMillion>,
}

/// A price in US dollars per million tokens: finite and not negative.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Deserialize)]
#[serde(try_from = "f64")]
pub struct UsdPerMillion(f64);

impl UsdPerMillion {
    /// The price as a number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for UsdPerMillion {
    type Error = &'static str;

    fn try_from(price: f64) -> Result<Self, Self::Error> {
        if price.is_finite() && price >= 0.0 {
            Ok(Self(price))
        } else {
            Err("a price is a finite number of US dollars, 0 or more")
        }
    }
}
