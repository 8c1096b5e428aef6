//! Embeddings: `OpenAI`'s as callers write them, and how other targets take and give them.
