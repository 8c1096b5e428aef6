//! A provider in one region with one credential: its connections, what proves who pays, and where each of its
//! operations is. Made when a table is taken in, so that a request finds its address ready.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::{HeaderValue, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use weir_dialect::bedrock::{self, Operation};
use weir_dialect::gemini::{self, Delivery};
use weir_table::{BaseUrl, Credential, Dialect, FailureClass, Lack};

use super::proof::Proof;
use crate::body::ModelName;
use crate::error::Failure;
use crate::forward::Pool;
use crate::health::Account;

/// What stands as it is in one segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A provider in one region with one credential.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// What it speaks.
    pub(crate) dialect: Dialect,
    /// Its connections.
    pub(crate) pool: Arc<Pool>,
    /// The `host` header.
    pub(crate) host: HeaderValue,
    /// What proves who pays.
    pub(crate) proof: Proof,
    /// Whose that is.
    pub(crate) credential: Credential,
    /// How that has fared here.
    pub(crate) account: Arc<Account>,
    /// What its operations' addresses are made of.
    pub(crate) address: Arc<Address>,
    /// Where its operations are.
    pub(crate) sites: Sites,
    /// Paths of its own that are passed through.
    pub(crate) passthrough: Arc<[String]>,
}

impl Endpoint {
    /// Whether it may be asked what a stream took.
    pub(crate) fn tells_usage(&self) -> bool {
        !self.address.lacks.contains(&Lack::StreamUsage)
    }

    /// The same endpoint, where it has `model`.
    pub(crate) fn for_model(&self, model: &ModelName) -> Result<Self, Failure> {
        Ok(Self {
            sites: Sites::new(&self.address, model)?,
            ..self.clone()
        })
    }
}

/// What addresses are made of.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// What is spoken there.
    pub(crate) dialect: Dialect,
    /// Where it is, with the region filled in.
    pub(crate) url: BaseUrl,
    /// The version of Azure's classic API.
    pub(crate) api_version: Option<String>,
    /// What it does not have.
    pub(crate) lacks: BTreeSet<Lack>,
}

impl Address {
    /// Whether addresses differ from model to model.
    pub(crate) fn is_by_model(&self) -> bool {
        match self.dialect {
            Dialect::OpenAI | Dialect::Anthropic => false,
            Dialect::AzureOpenAI => self.api_version.is_some(),
            Dialect::Gemini | Dialect::Bedrock => true,
        }
    }
}

/// Where the operations of an endpoint are, for one model where that is part of the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sites {
    /// `OpenAI`'s, and Azure's.
    OpenAi(Box<OpenAiSites>),
    /// Anthropic's.
    Anthropic {
        /// `/v1/messages`.
        messages: Uri,
        /// `/v1/messages/count_tokens`.
        count_tokens: Uri,
    },
    /// Gemini's or Bedrock's.
    ByModel(Box<ModelSites>),
}

/// What a dialect has in whose addresses the model is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelSites {
    /// For a whole answer.
    pub(crate) whole: Uri,
    /// For a stream.
    pub(crate) stream: Uri,
    /// For embeddings.
    pub(crate) embed: Uri,
}

/// The family of `/chat/completions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenAiSites {
    /// `/chat/completions`.
    pub(crate) chat: Uri,
    /// `/completions`.
    pub(crate) completions: Uri,
    /// `/embeddings`.
    pub(crate) embeddings: Uri,
    /// `/responses`, where it is had.
    pub(crate) responses: Option<Uri>,
    prefix: String,
    query: String,
}

impl OpenAiSites {
    /// Where the operation is that callers find at `path`.
    pub(crate) fn at(&self, path: &str) -> Option<Uri> {
        let rest = path.strip_prefix("/v1").filter(|rest| rest.starts_with('/'));
        site(&[&self.prefix, rest.unwrap_or(path), &self.query])
    }

    fn new(prefix: String, query: String) -> Option<Self> {
        let at = |path| site(&[&prefix, path, &query]);
        Some(Self {
            chat: at("/chat/completions")?,
            completions: at("/completions")?,
            embeddings: at("/embeddings")?,
            responses: at("/responses"),
            prefix,
            query,
        })
    }
}

impl Sites {
    /// The sites at `address` for `model`.
    pub(crate) fn new(address: &Address, model: &ModelName) -> Result<Self, Failure> {
        let sites = match address.dialect {
            Dialect::OpenAI => openai(address, address.url.path().to_owned()),
            Dialect::AzureOpenAI => azure(address, model),
            Dialect::Anthropic => anthropic(&address.url),
            Dialect::Gemini => gemini(&address.url, model.as_str()),
            Dialect::Bedrock => bedrock(&address.url, model.as_str()),
        };
        sites.ok_or_else(|| {
            let text = format!("the base URL {} makes no address with this model", address.url);
            Failure::new(FailureClass::PolicyUnavailable, text)
        })
    }
}

fn openai(address: &Address, prefix: String) -> Option<Sites> {
    let mut sites = OpenAiSites::new(prefix, String::new())?;
    if address.lacks.contains(&Lack::Responses) {
        sites.responses = None;
    }
    Some(Sites::OpenAi(Box::new(sites)))
}

/// <https://learn.microsoft.com/en-us/azure/ai-foundry/openai/api-version-lifecycle>
fn azure(address: &Address, model: &ModelName) -> Option<Sites> {
    let base = address.url.path();
    let Some(version) = &address.api_version else {
        let own = base.ends_with("/v1");
        return openai(
            address,
            if own {
                base.to_owned()
            } else {
                format!("{base}/openai/v1")
            },
        );
    };
    let base = base.strip_suffix("/openai").unwrap_or(base);
    let deployment = utf8_percent_encode(model.as_str(), SEGMENT);
    let sites = OpenAiSites::new(
        format!("{base}/openai/deployments/{deployment}"),
        format!("?api-version={version}"),
    )?;
    Some(Sites::OpenAi(Box::new(OpenAiSites {
        // Not below a deployment; what comes there is translated.
        responses: None,
        ..sites
    })))
}

fn anthropic(url: &BaseUrl) -> Option<Sites> {
    let base = url.path();
    let base = base.strip_suffix("/v1").unwrap_or(base);
    Some(Sites::Anthropic {
        messages: site(&[base, "/v1/messages"])?,
        count_tokens: site(&[base, "/v1/messages/count_tokens"])?,
    })
}

fn gemini(url: &BaseUrl, model: &str) -> Option<Sites> {
    by_model(
        url,
        [
            &gemini::path(model, Delivery::Whole),
            &gemini::path(model, Delivery::Stream),
            &gemini::embeddings::path(model),
        ],
    )
}

fn bedrock(url: &BaseUrl, model: &str) -> Option<Sites> {
    by_model(
        url,
        [
            &bedrock::path(model, Operation::Converse),
            &bedrock::path(model, Operation::ConverseStream),
            &bedrock::path(model, Operation::Invoke),
        ],
    )
}

fn by_model(url: &BaseUrl, [whole, stream, embed]: [&str; 3]) -> Option<Sites> {
    let at = |path| site(&[url.path(), path]);
    Some(Sites::ByModel(Box::new(ModelSites {
        whole: at(whole)?,
        stream: at(stream)?,
        embed: at(embed)?,
    })))
}

fn site(parts: &[&str]) -> Option<Uri> {
    Uri::try_from(parts.concat()).ok()
}

#[cfg(test)]
mod tests;
