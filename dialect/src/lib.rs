//! How models are spoken to. Each module is one dialect: how its requests, answers and streams are read and
//! written. Between two dialects everything goes through [`form`]; a request to a target that speaks as its
//! caller does never comes here.
//!
//! Pure: bytes and values in, bytes and values out. No sockets, clocks, logs or random numbers. What a caller
//! asked for and a target can't do is either dropped, and then named, or refused; never silently wrong.

pub mod bedrock;
pub mod chat;
mod claude;
pub mod completions;
mod data_url;
mod dispatch;
pub mod embeddings;
pub mod form;
pub mod gemini;
#[cfg(test)]
mod golden;
mod json;
pub mod messages;
mod outcome;
pub mod responses;
mod sse;
mod stream;

pub use outcome::{Dropped, Fault, Refusal, Stamp, Unreadable, Written};
pub use stream::{Event, Incoming, Reader, Writer};

/// How a caller speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caller {
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/completions`.
    Completions,
}

/// How a target is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// `/chat/completions`: `OpenAI`, Azure and all that speak like them.
    Chat,
    /// `/v1/messages` of Anthropic.
    Messages,
    /// `:generateContent` of Gemini.
    Gemini,
    /// `/converse` of Bedrock.
    Bedrock,
}
