//! What a provider calls a model, in each of the ways in which that is written into bodies. Made once, when a
//! table is taken in.

use bytes::Bytes;

/// A provider's name for a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelName {
    plain: Bytes,
    quoted: Bytes,
    asking_for_usage: Bytes,
    text: Box<str>,
}

impl ModelName {
    /// The name `text`.
    pub(crate) fn new(text: &str) -> Self {
        let quoted = serde_json::Value::from(text).to_string();
        let asking = format!(r#"{quoted},"stream_options":{{"include_usage":true}}"#);
        Self {
            plain: Bytes::copy_from_slice(text.as_bytes()),
            quoted: Bytes::from(quoted),
            asking_for_usage: Bytes::from(asking),
            text: Box::from(text),
        }
    }

    /// As it is.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// As it stands in a form.
    pub(super) fn plain(&self) -> Bytes {
        self.plain.clone()
    }

    /// As a JSON string, with its quotes.
    pub(super) fn quoted(&self) -> Bytes {
        self.quoted.clone()
    }

    /// As a JSON string, with another member behind it that asks for a stream's usage.
    pub(super) fn asking_for_usage(&self) -> Bytes {
        self.asking_for_usage.clone()
    }
}
