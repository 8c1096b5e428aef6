//! What providers want back with a thought, in the one field that this dialect has for it:
//! `encrypted_content`. What `OpenAI` itself encrypted means nothing to others and is left behind.

use std::borrow::Cow;

use crate::form::Thought;

const SIGNATURE: &str = "weir-signature:";
const REDACTED: &str = "weir-redacted:";

/// What goes into `encrypted_content`.
pub(super) fn encrypted(thought: &Thought<'_>) -> Option<String> {
    match (&thought.signature, &thought.redacted) {
        (Some(signature), _) => Some(format!("{SIGNATURE}{signature}")),
        (None, Some(data)) => Some(format!("{REDACTED}{data}")),
        (None, None) => None,
    }
}

/// The thought of `text` with what its `encrypted_content` says; `None` if nothing is left.
pub(super) fn thought<'a>(text: Cow<'a, str>, encrypted: Option<&str>) -> Option<Thought<'a>> {
    let after = |prefix| encrypted.and_then(|content| content.strip_prefix(prefix));
    let owned = |data: &str| Cow::Owned(data.to_owned());
    let thought = Thought {
        text,
        signature: after(SIGNATURE).map(owned),
        redacted: after(REDACTED).map(owned),
    };
    let says = !thought.text.is_empty() || thought.signature.is_some() || thought.redacted.is_some();
    says.then_some(thought)
}
