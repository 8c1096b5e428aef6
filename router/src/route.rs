//! From the text of `model` to what it names: a policy's tree or one model. Reads one snapshot and keeps
//! nothing of it but the one thing found.

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderValue;
use weir_table::{FailureClass, ModelKind};

use crate::access::Caller;
use crate::error::Failure;
use crate::operation::Operation;
use crate::state::{Leaf, Served, Snapshot, Tree};

/// The longest text that can name anything, in bytes.
const LONGEST_NAME: usize = 512;

/// What a request is for.
#[derive(Debug)]
pub(crate) enum Route {
    /// A policy.
    Policy(Arc<Tree>),
    /// One model, and the digest of the table that it was found in.
    Direct(Arc<Leaf>, HeaderValue),
}

/// What `model` names for `caller`.
pub(crate) fn find(
    snapshot: &Snapshot,
    caller: Caller<'_>,
    operation: Operation,
    model: &str,
) -> Result<Route, Failure> {
    match model.split_once('/') {
        _ if model.len() > LONGEST_NAME => Err(unknown_model(model)),
        Some((prefix, name)) if prefix.eq_ignore_ascii_case("policy") => {
            policy(snapshot, caller, name).and_then(|tree| fits(tree, operation, model))
        }
        Some((provider, rest)) if !rest.is_empty() => direct(snapshot, caller, operation, provider, rest),
        _ => Err(unknown_model(model)),
    }
}

/// The policy behind `policy/<name>` or `policy/<namespace>/<name>`, whatever the case of both. What the caller
/// may not name is not there for it.
fn policy(snapshot: &Snapshot, caller: Caller<'_>, name: &str) -> Result<Arc<Tree>, Failure> {
    let lower = lower(name);
    let (namespace, name) = lower.split_once('/').unwrap_or((caller.namespace, &lower));
    match snapshot.namespaces.get(namespace) {
        Some(Some(served)) => {
            let tree = served
                .policies
                .get(name)
                .filter(|tree| caller.may_name_policy(namespace, name, |home| tree.expose_to.contains(home)));
            tree.cloned().ok_or_else(|| unknown_policy(namespace, name))
        }
        Some(None) if caller.knows(namespace) => Err(unserved(namespace)),
        None if !snapshot.listed => Err(not_ready()),
        Some(None) | None => Err(unknown_policy(namespace, name)),
    }
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        name.to_ascii_lowercase().into()
    } else {
        name.into()
    }
}

fn fits(tree: Arc<Tree>, operation: Operation, model: &str) -> Result<Route, Failure> {
    if operation.takes(tree.kind) {
        Ok(Route::Policy(tree))
    } else {
        Err(wrong_kind(model, tree.kind))
    }
}

/// The model `rest` of `provider`: of the caller's namespace, else of the cluster.
fn direct(
    snapshot: &Snapshot,
    caller: Caller<'_>,
    operation: Operation,
    provider: &str,
    rest: &str,
) -> Result<Route, Failure> {
    let own = snapshot.namespaces.get(caller.namespace).and_then(Option::as_ref);
    let Some(cluster) = &snapshot.cluster else {
        return Err(not_ready());
    };
    let found = own.into_iter().chain([cluster]).find_map(|served: &Arc<Served>| {
        let direct = served.providers.get(provider)?;
        direct.allows(caller.namespace).then_some((direct, served))
    });
    let is_gone = own.is_some_and(|served| served.gone.contains(provider));
    let found = found.filter(|_| !is_gone && caller.may_name_model(provider, rest));
    let (direct, served) = found.ok_or_else(|| unknown_direct(provider, rest))?;
    let kind = direct.kind(rest);
    if !operation.takes(kind) {
        return Err(wrong_kind(&format!("{provider}/{rest}"), kind));
    }
    Ok(Route::Direct(Arc::new(direct.leaf(rest)?), served.stamp.clone()))
}

fn not_found(text: String) -> Failure {
    Failure {
        class: FailureClass::PolicyNotFound,
        ..Failure::invalid("model", text)
    }
}

fn unknown_policy(namespace: &str, name: &str) -> Failure {
    not_found(format!(
        "there is no policy `{name}` in namespace `{namespace}`; GET /v1/models lists what there is, and \
         `policy/<namespace>/<name>` names a policy elsewhere"
    ))
}

fn unknown_direct(provider: &str, rest: &str) -> Failure {
    not_found(format!(
        "there is no model `{provider}/{rest}` here; GET /v1/models lists what there is, and a policy is named \
         `policy/<name>`"
    ))
}

fn unknown_model(model: &str) -> Failure {
    not_found(format!(
        "the model `{}` is unknown; name a policy (`policy/<name>`) or a model (`<provider>/<model>`), as GET \
         /v1/models lists them",
        model.chars().take(200).collect::<String>()
    ))
}

fn wrong_kind(model: &str, kind: ModelKind) -> Failure {
    let operation = match kind {
        ModelKind::Embedding => Operation::Embeddings,
        ModelKind::Chat | ModelKind::Unknown => Operation::ChatCompletions,
    };
    Failure::invalid(
        "model",
        format!("`{model}` is served at {}, not here", operation.path()),
    )
}

fn unserved(namespace: &str) -> Failure {
    let text =
        format!("namespace `{namespace}` has no table that can be served yet; its policies are unavailable");
    Failure::new(FailureClass::PolicyUnavailable, text)
}

fn not_ready() -> Failure {
    Failure::new(
        FailureClass::PolicyUnavailable,
        "the router has not read its tables yet",
    )
}

#[cfg(test)]
mod tests;
