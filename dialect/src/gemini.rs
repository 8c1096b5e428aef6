//! Gemini's own dialect, a target's: `:generateContent` and `:streamGenerateContent`.
//! <https://ai.google.dev/api/generate-content>
