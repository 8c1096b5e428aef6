//! What a fake provider is told to do: plain values, readable from JSON for the control endpoint.

use serde::Deserialize;

/// How one model's requests are answered, in their order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Script {
    /// The first requests, one each.
    pub first: Vec<Behaviour>,
    /// Every request after those.
    pub then: Behaviour,
}

/// How one request is answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Behaviour {
    /// The answer's status, headers and body.
    pub reply: Reply,
    /// Where the answer's bytes end.
    pub ending: Ending,
    /// Milliseconds before the first byte of the head.
    pub head_delay_ms: u64,
    /// Milliseconds between the head and the first content of a stream.
    pub content_delay_ms: u64,
    /// Milliseconds before each further event of a stream.
    pub event_delay_ms: u64,
}

/// The kind of an answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Reply {
    /// A good answer of so many words; for embeddings, of so many dimensions.
    Words {
        /// How many.
        count: usize,
    },
    /// Any status with any headers and body.
    Status {
        /// The HTTP status code.
        code: u16,
        /// Extra headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// These very bytes, head included, and nothing else.
    Raw {
        /// What goes onto the wire.
        bytes: String,
    },
}

/// Where the bytes of an answer end, counted from the first byte of its head.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Ending {
    /// The answer is whole, and the connection is kept.
    #[default]
    Whole,
    /// The connection is closed in good order after so many bytes.
    Close {
        /// Bytes sent before.
        after: usize,
    },
    /// The connection is reset after so many bytes.
    Reset {
        /// Bytes sent before.
        after: usize,
    },
    /// Nothing more is sent after so many bytes, until the client gives up.
    Stall {
        /// Bytes sent before.
        after: usize,
    },
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            reply: Reply::Words { count: 8 },
            ending: Ending::Whole,
            head_delay_ms: 0,
            content_delay_ms: 0,
            event_delay_ms: 0,
        }
    }
}

impl Behaviour {
    /// An error answer in the API's shape.
    pub fn status(code: u16) -> Self {
        let error = serde_json::json!({"message": format!("fake {code}"), "type": "fake", "code": null});
        let body = serde_json::json!({ "error": error }).to_string();
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self {
            reply: Reply::Status { code, headers, body },
            ..Self::default()
        }
    }

    /// A good answer of `count` words.
    pub fn words(count: usize) -> Self {
        Self {
            reply: Reply::Words { count },
            ..Self::default()
        }
    }

    /// Exactly these bytes, head included.
    pub fn raw(bytes: &str) -> Self {
        Self {
            reply: Reply::Raw {
                bytes: bytes.to_owned(),
            },
            ..Self::default()
        }
    }

    /// The same, ended as told.
    #[must_use]
    pub fn ending(self, ending: Ending) -> Self {
        Self { ending, ..self }
    }

    /// The same, with `milliseconds` before each event of a stream.
    #[must_use]
    pub fn paced(self, milliseconds: u64) -> Self {
        Self {
            event_delay_ms: milliseconds,
            ..self
        }
    }
}

impl Script {
    /// Always the same behaviour.
    pub fn always(behaviour: Behaviour) -> Self {
        Self {
            first: Vec::new(),
            then: behaviour,
        }
    }

    /// `behaviour` for the first `count` requests, then good answers.
    pub fn first(count: usize, behaviour: &Behaviour) -> Self {
        Self {
            first: vec![behaviour.clone(); count],
            then: Behaviour::default(),
        }
    }

    /// How request number `number` (from 0) is answered.
    pub fn behaviour(&self, number: u32) -> &Behaviour {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        self.first.get(number).unwrap_or(&self.then)
    }
}

#[cfg(test)]
mod tests {
    use super::{Behaviour, Reply, Script};

    #[test]
    fn answers_well_after_the_scripted_failures() {
        let script = Script::first(2, &Behaviour::status(500));
        assert!(matches!(
            script.behaviour(1).reply,
            Reply::Status { code: 500, .. }
        ));
        assert!(matches!(script.behaviour(2).reply, Reply::Words { .. }));
    }

    #[test]
    fn is_read_from_json() {
        let text = r#"{"first":[{"ending":{"reset":{"after":40}}}],"then":{"reply":{"words":{"count":3}}}}"#;
        let script: Script = serde_json::from_str(text).unwrap();
        assert!(matches!(script.behaviour(7).reply, Reply::Words { count: 3 }));
    }
}
