//! Chat completions, a caller's and a target's dialect: `OpenAI`'s, Azure's, and that of all who speak like
//! them. <https://platform.openai.com/docs/api-reference/chat>
