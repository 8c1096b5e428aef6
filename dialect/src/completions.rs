//! Legacy completions, a caller's dialect: a prompt without turns.
//! <https://platform.openai.com/docs/api-reference/completions>
