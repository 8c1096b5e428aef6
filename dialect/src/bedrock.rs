//! Bedrock's Converse, a target's dialect: `POST /model/{id}/converse` and `/converse-stream`, whose streams are
//! `application/vnd.amazon.eventstream`, and how requests to AWS are signed.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>
