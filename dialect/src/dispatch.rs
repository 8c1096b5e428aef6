//! From a dialect's name to its functions: the only place that knows them all.

use crate::form::{Answer, Ask};
use crate::{
    Caller, Reader, Refusal, Stamp, Target, Unreadable, Writer, Written, bedrock, chat, completions, gemini,
    messages, responses,
};

impl Caller {
    /// Reads a request.
    ///
    /// # Errors
    /// It is not of this dialect.
    pub fn read_request(self, body: &[u8]) -> Result<Ask<'_>, Refusal> {
        match self {
            Self::Chat => chat::read_request(body),
            Self::Messages => messages::read_request(body),
            Self::Responses => responses::read_request(body),
            Self::Completions => completions::read_request(body),
        }
    }

    /// Writes a whole answer.
    pub fn write_answer(self, answer: &Answer<'_>, stamp: &Stamp) -> Vec<u8> {
        match self {
            Self::Chat => chat::write_answer(answer, stamp),
            Self::Messages => messages::write_answer(answer, stamp),
            Self::Responses => responses::write_answer(answer, stamp),
            Self::Completions => completions::write_answer(answer, stamp),
        }
    }

    /// A writer of the stream that `ask` wants.
    pub fn writer(self, stamp: Stamp, ask: &Ask<'_>) -> Box<dyn Writer> {
        match self {
            Self::Chat => chat::writer(stamp, ask.stream_usage),
            Self::Messages => messages::writer(stamp, ask.stream_usage),
            Self::Responses => responses::writer(stamp),
            Self::Completions => completions::writer(stamp, ask.stream_usage),
        }
    }
}

impl Target {
    /// Writes `ask` for `model`.
    ///
    /// # Errors
    /// Something essential cannot be said.
    pub fn write_request(self, ask: &Ask<'_>, model: &str) -> Result<Written, Refusal> {
        match self {
            Self::Chat => chat::write_request(ask, model),
            Self::Messages => messages::write_request(ask, model),
            Self::Gemini => gemini::write_request(ask, model),
            Self::Bedrock => bedrock::write_request(ask, model),
        }
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// It is not of this dialect.
    pub fn read_answer(self, body: &[u8]) -> Result<Answer<'_>, Unreadable> {
        match self {
            Self::Chat => chat::read_answer(body),
            Self::Messages => messages::read_answer(body),
            Self::Gemini => gemini::read_answer(body),
            Self::Bedrock => bedrock::read_answer(body),
        }
    }

    /// A reader of a stream.
    pub fn reader(self) -> Box<dyn Reader> {
        match self {
            Self::Chat => chat::reader(),
            Self::Messages => messages::reader(),
            Self::Gemini => gemini::reader(),
            Self::Bedrock => bedrock::reader(),
        }
    }
}
