//! `OpenAI`'s Responses, a caller's dialect: without stored state.
//! <https://platform.openai.com/docs/api-reference/responses>
