//! A request's body: what the router has to know of it, and how it leaves again. It is scanned once and
//! never becomes a document; nothing here decides where it goes.

mod form;
mod metadata;
mod name;
mod proofs;
pub(crate) mod scan;
mod splice;
pub(crate) mod text;
mod usage;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use crate::error::Failure;
use form::Part;
pub(crate) use metadata::{MAX_KEY_BYTES, Metadata};
use metadata::{key, only};
pub(crate) use name::ModelName;
use scan::{Member, members};
use splice::Edit;
pub(crate) use splice::Spliced;
pub(crate) use text::quote;
use text::{differs_in_case, means, string, utf8};
use usage::Usage;

/// The fields that are the router's own and never go upstream.
const OWN_FIELDS: [&str; 2] = ["requesty", "weir"];

/// A request's body, understood as far as routing goes.
pub(crate) struct Prompt {
    model: Range<usize>,
    stream: bool,
    choices: u64,
    usage: Usage,
    requesty: Metadata,
    weir: Metadata,
    fields: Fields,
    bytes: Bytes,
}

/// What a body is made of.
enum Fields {
    /// The members of a JSON object.
    Json(Vec<Member>),
    /// The parts of a form.
    Form(Vec<Part>),
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
    /// Understands `bytes`, a JSON object, or says what is wrong with them.
    pub(crate) fn read(bytes: Bytes) -> Result<Self, Failure> {
        let members = members(&bytes)
            .map_err(|error| Failure::invalid_body(format!("the body must be a JSON object: {error}")))?;
        let model = only(&bytes, &members, "model", "model")?.ok_or_else(no_model)?;
        if bytes.get(model.start) != Some(&b'"') {
            return Err(Failure::invalid("model", "`model` must be a string"));
        }
        refuse_lookalikes(&bytes, &members)?;
        let metadata = |name: &str| match only(&bytes, &members, name, name)? {
            Some(value) => Metadata::read(&bytes[value], name),
            None => Ok(Metadata::default()),
        };
        let (requesty, weir) = (metadata("requesty")?, metadata("weir")?);
        let stream = flag(&bytes, &members, "stream")?;
        let usage = if stream {
            Usage::read(&bytes, &members)
        } else {
            Usage::AsAsked
        };
        Ok(Self {
            model,
            stream,
            choices: count(&bytes, &members, "n"),
            usage,
            requesty,
            weir,
            fields: Fields::Json(members),
            bytes,
        })
    }

    /// The same for an operation that only passes through, and so may have a form.
    pub(crate) fn read_as(bytes: Bytes, content_type: Option<&str>) -> Result<Self, Failure> {
        match content_type.and_then(form::boundary) {
            Some(boundary) => Self::read_form(bytes, boundary?),
            None => Self::read(bytes),
        }
    }

    fn read_form(bytes: Bytes, boundary: &str) -> Result<Self, Failure> {
        let parts = form::parts(&bytes, boundary)?;
        let model = form::only(&bytes, &parts, "model")?.ok_or_else(no_model)?;
        let metadata = |name: &str| match form::only(&bytes, &parts, name)? {
            Some(value) => Metadata::read(bytes[value].trim_ascii(), name),
            None => Ok(Metadata::default()),
        };
        Ok(Self {
            requesty: metadata("requesty")?,
            weir: metadata("weir")?,
            model,
            stream: false,
            choices: 1,
            usage: Usage::AsAsked,
            fields: Fields::Form(parts),
            bytes,
        })
    }

    /// The text of `model`.
    pub(crate) fn model(&self) -> Result<Cow<'_, str>, Failure> {
        let raw = &self.bytes[self.model.clone()];
        let text = match &self.fields {
            Fields::Json(_) => string(raw),
            Fields::Form(_) => utf8(raw),
        };
        text.map_err(|_| Failure::invalid("model", "`model` must be valid Unicode text"))
    }

    /// Whether the answer is to be streamed.
    pub(crate) fn stream(&self) -> bool {
        self.stream
    }

    /// Whether it holds a proof of reasoning that a Claude would refuse.
    pub(crate) fn has_foreign_proof(&self) -> bool {
        proofs::has_foreign(&self.bytes)
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

    /// Whether this is a form.
    pub(crate) fn is_form(&self) -> bool {
        matches!(self.fields, Fields::Form(_))
    }

    /// What the caller wants to find its request by in the access log, joined by commas.
    pub(crate) fn tags(&self) -> String {
        let both = [&*self.requesty.tags, &*self.weir.tags];
        both.into_iter()
            .filter(|tags| !tags.is_empty())
            .collect::<Vec<_>>()
            .join(",")
    }

    /// Whether the caller wants cache marks to be set: `requesty.auto_cache`.
    pub(crate) fn auto_cache(&self) -> bool {
        self.requesty.auto_cache || self.weir.auto_cache
    }

    /// The key in a body field: a top-level name, or two names with a dot between; the name of a part.
    pub(crate) fn key(&self, path: &str) -> Result<Option<Cow<'_, str>>, Failure> {
        let members = match &self.fields {
            Fields::Json(members) => members,
            Fields::Form(parts) => return form::key(&self.bytes, parts, path),
        };
        if let Some(value) = only(&self.bytes, members, path, path)? {
            return key(&self.bytes[value], path);
        }
        let Some((outer, inner)) = path.split_once('.') else {
            return Ok(None);
        };
        let Some(object) = only(&self.bytes, members, outer, outer)? else {
            return Ok(None);
        };
        let object = &self.bytes[object];
        let Ok(members) = scan::members(object) else {
            return Ok(None);
        };
        let Some(value) = only(object, &members, inner, path)? else {
            return Ok(None);
        };
        key(&object[value], path)
    }

    /// The body for a provider that calls the model `name`.
    pub(crate) fn for_upstream(&self, name: &ModelName) -> Spliced {
        let with = match self.fields {
            Fields::Json(_) => name.quoted(),
            Fields::Form(_) => name.plain(),
        };
        self.spliced(with, None)
    }

    /// The same for a provider that is to say what the stream took; `None` where the caller has asked already.
    pub(crate) fn asking_for_usage(&self, name: &ModelName) -> Option<Spliced> {
        match &self.usage {
            Usage::AsAsked => None,
            Usage::Unasked => Some(self.spliced(name.asking_for_usage(), None)),
            Usage::UnaskedBut(edit) => Some(self.spliced(name.quoted(), Some(edit.clone()))),
        }
    }

    fn spliced(&self, model: Bytes, further: Option<Edit>) -> Spliced {
        let mut edits = self.cuts();
        edits.push(Edit {
            range: self.model.clone(),
            with: model,
        });
        edits.extend(further);
        edits.sort_by_key(|edit| edit.range.start);
        Spliced::new(&self.bytes, &edits)
    }

    /// The body without the router's own fields, in one piece.
    pub(crate) fn without_own_fields(&self) -> Bytes {
        let cuts = self.cuts();
        if cuts.is_empty() {
            return self.bytes.clone();
        }
        Spliced::new(&self.bytes, &cuts).into_bytes()
    }

    /// What takes the router's own fields out, each with one comma.
    fn cuts(&self) -> Vec<Edit> {
        match &self.fields {
            Fields::Json(members) => self.member_cuts(members),
            Fields::Form(parts) => parts
                .iter()
                .filter(|part| is_own(&self.bytes[part.name.clone()]))
                .map(|part| cut(part.whole.clone()))
                .collect(),
        }
    }

    fn member_cuts(&self, members: &[Member]) -> Vec<Edit> {
        let mut cuts = Vec::with_capacity(4);
        let mut kept_before = false;
        for (at, member) in members.iter().enumerate() {
            if !OWN_FIELDS.iter().any(|own| means(&self.bytes, &member.name, own)) {
                kept_before = true;
            } else if kept_before {
                cuts.push(cut(members[at - 1].value.end..member.value.end));
            } else {
                // `model` is always kept, so that another member follows.
                let next = members
                    .get(at + 1)
                    .map_or(member.value.end, |next| next.name.at.start);
                cuts.push(cut(member.name.at.start..next));
            }
        }
        cuts
    }
}

/// How many members an object has: its scan, for measuring.
#[cfg(feature = "bench")]
pub(crate) fn members_of(bytes: &[u8]) -> Option<usize> {
    members(bytes).ok().map(|members| members.len())
}

fn is_own(name: &[u8]) -> bool {
    OWN_FIELDS.iter().any(|own| name == own.as_bytes())
}

/// Refuses a name that differs from `model` in case alone: some providers read names without regard to it,
/// and would answer for a model that nobody was asked about.
fn refuse_lookalikes(bytes: &[u8], members: &[Member]) -> Result<(), Failure> {
    if members
        .iter()
        .any(|member| differs_in_case(bytes, &member.name, "model"))
    {
        let text =
            "a field's name differs from `model` in case alone; some providers would take it for `model`";
        Err(Failure::invalid("model", text))
    } else {
        Ok(())
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
        .find(|member| means(bytes, &member.name, name));
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
