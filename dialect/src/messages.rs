//! Anthropic's Messages, a caller's and a target's dialect.
//! <https://docs.anthropic.com/en/api/messages>
