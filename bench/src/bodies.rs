//! Long bodies of chat completions. Pure.

use std::net::SocketAddr;

use crate::dialect::Dialect;
use crate::target::PATH;

/// Images of one body.
const IMAGES: usize = 20;

/// A line of a prompt, with what has to be escaped.
const LINE: &str =
    r#"The boards are moved by the rule that hangs in the \"gatehouse\", and by nobody's hand alone.\n"#;

/// Letters of base64.
const BASE64: &str = "iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAYAAAB/HSuDAAAACXBIWXMAAAsTAAALEwEAmpwYAAAg";

/// What makes a body long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Twenty messages of text.
    Text,
    /// A message with twenty images.
    Images,
}

/// A request to the policy that is translated into `dialect`, with a body of about `bytes`.
pub(crate) fn asked(shape: Shape, bytes: usize, address: SocketAddr, dialect: Dialect) -> Vec<u8> {
    let messages = match shape {
        Shape::Text => vec![text(bytes / IMAGES); IMAGES].join(","),
        Shape::Images => images(bytes / IMAGES),
    };
    let model = dialect.policy();
    let body = format!(r#"{{"model":"policy/{model}","messages":[{messages}],"max_tokens":100}}"#);
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer sk-bench\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

fn text(bytes: usize) -> String {
    let content = LINE.repeat(bytes.div_ceil(LINE.len()));
    format!(r#"{{"role":"user","content":"{content}"}}"#)
}

fn images(bytes: usize) -> String {
    let data = BASE64.repeat(bytes.div_ceil(BASE64.len()));
    let image = format!(r#"{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}"}}}}"#);
    let images = vec![image; IMAGES].join(",");
    format!(r#"{{"role":"user","content":[{{"type":"text","text":"What is this?"}},{images}]}}"#)
}

#[cfg(test)]
mod tests {
    use super::{Shape, asked};
    use crate::dialect::Dialect;
    use crate::http::tests::body;

    #[test]
    fn a_body_is_json_of_about_the_length_that_was_asked_for() {
        for shape in [Shape::Text, Shape::Images] {
            let body = body(&asked(
                shape,
                100_000,
                ([127, 0, 0, 1], 80).into(),
                Dialect::Anthropic,
            ));
            assert!(
                (100_000..105_000).contains(&body.len()),
                "{shape:?} {}",
                body.len()
            );
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["model"], "policy/anthropic");
        }
    }
}
