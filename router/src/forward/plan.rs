//! What is to be done with a request at an endpoint: which of its addresses it goes to, and whether its bytes
//! go as they are. Pure, and on the hot path: it makes nothing.

use std::borrow::Cow;

use http::Uri;
use weir_dialect::{Caller, Target};
use weir_table::Dialect;

use super::attempt::Order;
use super::translate::Tongues;
use crate::error::Failure;
use crate::operation::Operation;
use crate::state::{Endpoint, ModelSites, OpenAiSites, Sites};

/// What is to be done with a request.
#[derive(Debug)]
pub(super) enum Plan<'e> {
    /// The target speaks as the caller does: the body goes there as it is, but for the model's name.
    Pass(Cow<'e, Uri>),
    /// The target speaks otherwise.
    Translate(Tongues, &'e Uri),
    /// The same, for embeddings.
    Embed(&'e Uri),
}

/// The plan for `order` at `endpoint`.
pub(super) fn plan<'e>(endpoint: &'e Endpoint, order: &Order<'_>) -> Result<Plan<'e>, Failure> {
    let planned = match &endpoint.sites {
        Sites::OpenAi(sites) => openai(endpoint, sites, order),
        Sites::Anthropic {
            messages,
            count_tokens,
        } => match order.operation {
            // The form knows whose proofs are whose, and drops what this target would refuse.
            Operation::Messages if order.prompt.has_foreign_proof() => {
                translate(Operation::Messages, Target::Messages, messages)
            }
            Operation::Messages => Some(pass(messages)),
            Operation::CountTokens => Some(pass(count_tokens)),
            operation => translate(operation, Target::Messages, messages),
        },
        Sites::ByModel(sites) => by_model(endpoint.dialect, sites, order),
    };
    planned.ok_or_else(|| unsupported(endpoint.dialect, order.operation))
}

fn openai<'e>(endpoint: &Endpoint, sites: &'e OpenAiSites, order: &Order<'_>) -> Option<Plan<'e>> {
    match order.operation {
        Operation::ChatCompletions => Some(pass(&sites.chat)),
        Operation::Completions => Some(pass(&sites.completions)),
        Operation::Embeddings => Some(pass(&sites.embeddings)),
        Operation::Responses if sites.responses.is_some() => sites.responses.as_ref().map(pass),
        Operation::Listed(path) => sites.at(path).map(Cow::Owned).map(Plan::Pass),
        Operation::Own => {
            let has = endpoint.passthrough.iter().any(|own| own == order.path);
            let uri = has.then(|| sites.at(order.path)).flatten();
            uri.map(Cow::Owned).map(Plan::Pass)
        }
        operation => translate(operation, Target::Chat, &sites.chat),
    }
}

/// Gemini and Bedrock, to whom no caller speaks in their own dialect.
fn by_model<'e>(dialect: Dialect, sites: &'e ModelSites, order: &Order<'_>) -> Option<Plan<'e>> {
    let target = if dialect == Dialect::Bedrock {
        Target::Bedrock
    } else {
        Target::Gemini
    };
    match order.operation {
        Operation::Embeddings => Some(Plan::Embed(&sites.embed)),
        operation if order.is_streamed() => translate(operation, target, &sites.stream),
        operation => translate(operation, target, &sites.whole),
    }
}

fn translate(operation: Operation, target: Target, uri: &Uri) -> Option<Plan<'_>> {
    let caller = match operation {
        Operation::ChatCompletions => Caller::Chat,
        Operation::Messages => Caller::Messages,
        Operation::Responses => Caller::Responses,
        Operation::Completions => Caller::Completions,
        Operation::CountTokens | Operation::Embeddings | Operation::Listed(_) | Operation::Own => {
            return None;
        }
    };
    Some(Plan::Translate(Tongues { caller, target }, uri))
}

fn pass(uri: &Uri) -> Plan<'_> {
    Plan::Pass(Cow::Borrowed(uri))
}

fn unsupported(dialect: Dialect, operation: Operation) -> Failure {
    let name = match dialect {
        Dialect::OpenAI => "an OpenAI-style provider",
        Dialect::Anthropic => "Anthropic",
        Dialect::Gemini => "Gemini",
        Dialect::Bedrock => "Bedrock",
        Dialect::AzureOpenAI => "Azure OpenAI",
    };
    let text = match operation {
        Operation::Own => format!(
            "this path cannot be served by this target, which is {name}: only OpenAI-style providers that list \
             it in `passthroughPaths` can"
        ),
        _ => format!(
            "{} cannot be served by this target, which is {name}",
            operation.path()
        ),
    };
    Failure::invalid("model", text)
}
