//! Errors inside a stream, as `OpenAI` and those who speak like it write them.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Fault;
use crate::json::{Str, StrOr};

/// An error; some write it bare, some as a text.
#[derive(Deserialize)]
pub(super) struct ErrorIn<'a> {
    #[serde(borrow)]
    message: Option<Str<'a>>,
    #[serde(rename = "type")]
    kind: Option<Str<'a>>,
    /// A text, or the number of a status.
    code: Option<&'a RawValue>,
    status: Option<&'a RawValue>,
}

/// What the error says.
pub(super) fn fault(error: Option<StrOr<'_, ErrorIn<'_>>>) -> Fault {
    let error = match error {
        Some(StrOr::Other(error)) => error,
        Some(StrOr::Str(message)) => {
            return Fault {
                message: message.into_owned(),
                ..Fault::default()
            };
        }
        None => return Fault::default(),
    };
    let text = |text: Option<Str<'_>>| text.map(|text| text.0.into_owned()).unwrap_or_default();
    Fault {
        status: status(error.code).or_else(|| status(error.status)),
        kind: text(error.kind),
        code: error.code.map(plain).unwrap_or_default(),
        message: text(error.message),
        retry_after: None,
    }
}

fn status(code: Option<&RawValue>) -> Option<u16> {
    plain(code?)
        .parse()
        .ok()
        .filter(|status| (400..600).contains(status))
}

/// A text or a number, as a text.
fn plain(value: &RawValue) -> String {
    let text: Result<Str<'_>, _> = serde_json::from_str(value.get());
    match (text, value.get()) {
        (Ok(text), _) => text.0.into_owned(),
        (Err(_), number) if number.starts_with(|c: char| c.is_ascii_digit()) => number.to_owned(),
        _ => String::new(),
    }
}
