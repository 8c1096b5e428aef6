//! What the demo prints: where it is, what it serves, and requests to paste. Pure but for the writing.

use std::io::{self, Write};
use std::net::SocketAddr;

use crate::check::Subject;
use crate::out::{Paint, Tone};

/// What there is to say.
#[derive(Debug)]
pub(super) struct Guide<'a> {
    pub(super) listen: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) objects: &'a [Subject],
}

/// What stands for the address in [`REQUESTS`].
const LISTEN: &str = "LISTEN";

/// What each request shows, and the request to paste.
const REQUESTS: [(&str, &str); 5] = [
    (
        "A request with a trace id. The same id gets the same model, always; try other ids.",
        r#"curl -i http://LISTEN/v1/chat/completions -H 'content-type: application/json' -d '{"model":"policy/reasoning-experiment","messages":[{"role":"user","content":"Hi"}],"requesty":{"trace_id":"trace-1"}}'"#,
    ),
    (
        "A canary of two chains, held to its user, and streamed.",
        r#"curl -N http://LISTEN/v1/chat/completions -H 'content-type: application/json' -d '{"model":"policy/gradual-rollout","messages":[{"role":"user","content":"Hi"}],"requesty":{"user_id":"user-42"},"stream":true}'"#,
    ),
    (
        "Fallback: the first target is always down. See x-weir-attempts and x-weir-model.",
        r#"curl -i http://LISTEN/v1/chat/completions -H 'content-type: application/json' -d '{"model":"policy/demo-fallback","messages":[{"role":"user","content":"Hi"}]}'"#,
    ),
    (
        "Embeddings; only the headers are shown.",
        r#"curl -s -o /dev/null -D - http://LISTEN/v1/embeddings -H 'content-type: application/json' -d '{"model":"policy/embeddings","input":"The weir divides the stream."}'"#,
    ),
    (
        "The policies that can be named, beside every model of the providers.",
        r#"curl -s http://LISTEN/v1/models | grep -o '"policy/[^"]*"'"#,
    ),
];

impl Guide<'_> {
    /// Writes everything.
    pub(super) fn write(&self, paint: Paint, out: &mut impl Write) -> io::Result<()> {
        let Self {
            listen,
            admin,
            objects,
        } = self;
        let title = paint.word(Tone::Heading, "Weir demo");
        writeln!(
            out,
            "{title}: the example policies over simulated providers. No key, no cluster.\n"
        )?;
        writeln!(out, "  http://{listen}/v1   OpenAI's API")?;
        writeln!(
            out,
            "  http://{admin}/     status; also /metrics and /api/tables\n"
        )?;
        for (name, targets) in objects.iter().filter_map(policy) {
            writeln!(
                out,
                "  {}  {targets}",
                paint.word(Tone::Good, &format!("{name:<28}"))
            )?;
        }
        writeln!(out, "\nPaste into another terminal:")?;
        for (what, request) in REQUESTS {
            let what = paint.word(Tone::Heading, &format!("# {what}"));
            writeln!(out, "\n{what}\n{}", request.replace(LISTEN, &listen.to_string()))?;
        }
        writeln!(
            out,
            "\nSDKs work with base_url=\"http://{listen}/v1\" and any api_key. Ctrl-C ends the demo.\n"
        )
    }
}

/// What a policy is called in a request, and its targets.
fn policy(subject: &Subject) -> Option<(String, &str)> {
    let (_, name) = subject.object.rsplit_once('/')?;
    Some((format!("policy/{name}"), subject.targets.as_deref()?))
}
