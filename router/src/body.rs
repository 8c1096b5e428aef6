//! A request's body: what the router has to know of it, and how it leaves again. It is scanned once and
//! never becomes a document; nothing here decides where it goes.

mod metadata;
mod scan;
mod splice;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use crate::error::Failure;
pub(crate) use metadata::{MAX_KEY_BYTES, Metadata};
use metadata::{key, only};
use scan::{Member, members};
use splice::Edit;
pub(crate) use splice::Spliced;
pub(crate) use text::quote;
use text::{means, string};

/// The fields that are the router's own and never go upstream.
const OWN_FIELDS: [&str; 2] = ["requesty", "weir"];

/// A request's body, understood as far as routing goes.
pub(crate) struct Prompt {
    model: Range<usize>,
    stream: bool,
    choices: u64,
    requesty: Metadata,
    weir: Metadata,
    members: Vec<Member>,
    bytes: Bytes,
}

impl fmt::Debug for Prompt {
    /// Never a word of the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt")
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl Prompt {
    /// Understands `bytes`, or says what is wrong with them.
    pub(crate) fn read(bytes: Bytes) -> Result<Self, Failure> {
        let members = members(&bytes)
            .map_err(|error| Failure::invalid_body(format!("the body must be a JSON object: {error}")))?;
        let model = only(&bytes, &members, "model", "model")?.ok_or_else(no_model)?;
        if bytes.get(model.start) != Some(&b'"') {
            return Err(Failure::invalid("model", "`model` must be a string"));
        }
        let metadata = |name: &str| match only(&bytes, &members, name, name)? {
            Some(value) => Metadata::read(&bytes[value], name),
            None => Ok(Metadata::default()),
        };
        let (requesty, weir) = (metadata("requesty")?, metadata("weir")?);
        let stream = flag(&bytes, &members, "stream")?;
        let choices = count(&bytes, &members, "n");
        Ok(Self {
            model,
            stream,
            choices,
            requesty,
            weir,
            members,
            bytes,
        })
    }

    /// The text of `model`.
    pub(crate) fn model(&self) -> Result<Cow<'_, str>, Failure> {
        string(&self.bytes[self.model.clone()])
            .map_err(|_| Failure::invalid("model", "`model` must be valid Unicode text"))
    }

    /// Whether the answer is to be streamed.
    pub(crate) fn stream(&self) -> bool {
        self.stream
    }

    /// How many choices the answer is to have.
    pub(crate) fn choices(&self) -> u64 {
        self.choices
    }

    /// What `requesty` says of the sender.
    pub(crate) fn requesty(&self) -> &Metadata {
        &self.requesty
    }

    /// What `weir` says of the sender.
    pub(crate) fn weir(&self) -> &Metadata {
        &self.weir
    }

    /// The key in a body field: a top-level name, or two names with a dot between.
    pub(crate) fn key(&self, path: &str) -> Result<Option<Cow<'_, str>>, Failure> {
        if let Some(value) = only(&self.bytes, &self.members, path, path)? {
            return key(&self.bytes[value], path);
        }
        let Some((outer, inner)) = path.split_once('.') else {
            return Ok(None);
        };
        let Some(object) = only(&self.bytes, &self.members, outer, outer)? else {
            return Ok(None);
        };
        let object = &self.bytes[object];
        let Ok(members) = members(object) else {
            return Ok(None);
        };
        let Some(value) = only(object, &members, inner, path)? else {
            return Ok(None);
        };
        key(&object[value], path)
    }

    /// The body for a provider that calls the model `upstream`, a JSON string with its quotes.
    pub(crate) fn for_upstream(&self, upstream: &Bytes) -> Spliced {
        let mut edits = self.cuts();
        edits.push(Edit {
            range: self.model.clone(),
            with: upstream.clone(),
        });
        edits.sort_by_key(|edit| edit.range.start);
        Spliced::new(&self.bytes, &edits)
    }

    /// What takes the router's own fields out, each with one comma.
    fn cuts(&self) -> Vec<Edit> {
        let mut cuts = Vec::with_capacity(3);
        let mut kept_before = false;
        for (at, member) in self.members.iter().enumerate() {
            if !self.is_own(member) {
                kept_before = true;
            } else if kept_before {
                cuts.push(cut(self.members[at - 1].value.end..member.value.end));
            } else {
                // `model` is always kept, so that another member follows.
                let next = self
                    .members
                    .get(at + 1)
                    .map_or(member.value.end, |next| next.name.start);
                cuts.push(cut(member.name.start..next));
            }
        }
        cuts
    }

    fn is_own(&self, member: &Member) -> bool {
        let name = &self.bytes[member.name.clone()];
        OWN_FIELDS.iter().any(|own| means(name, own))
    }
}

fn cut(range: Range<usize>) -> Edit {
    Edit {
        range,
        with: Bytes::new(),
    }
}

fn no_model() -> Failure {
    Failure::invalid(
        "model",
        "`model` is missing: name a policy (`policy/<name>`) or a model (`<provider>/<model>`)",
    )
}

/// The last member called `name`: what most readers of JSON take when there are two.
fn last<'a>(bytes: &'a [u8], members: &[Member], name: &str) -> Option<&'a [u8]> {
    let found = members
        .iter()
        .rev()
        .find(|member| means(&bytes[member.name.clone()], name));
    found.map(|member| &bytes[member.value.clone()])
}

fn flag(bytes: &[u8], members: &[Member], name: &'static str) -> Result<bool, Failure> {
    match last(bytes, members, name) {
        None | Some(b"null" | b"false") => Ok(false),
        Some(b"true") => Ok(true),
        Some(_) => Err(Failure::invalid(name, format!("`{name}` must be true or false"))),
    }
}

/// A whole number of at least 1, also one that is written as `2.0`; anything else is the provider's to
/// refuse.
fn count(bytes: &[u8], members: &[Member], name: &str) -> u64 {
    let value = last(bytes, members, name).and_then(|raw| std::str::from_utf8(raw).ok());
    value.and_then(whole_number).unwrap_or(1).max(1)
}

fn whole_number(text: &str) -> Option<u64> {
    let number: f64 = text.parse().ok()?;
    // `Display` writes a whole number without a fraction and without an exponent.
    number.to_string().parse().ok()
}

#[cfg(test)]
mod tests;
