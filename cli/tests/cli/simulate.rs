//! `weir simulate`: a provider as a server of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use crate::http::{PATIENCE, post};
use crate::serving::Serving;

const CHAT: &str = "/v1/chat/completions";

#[test]
fn it_answers_as_any_provider_and_says_that_it_is_simulated() {
    let simulated = Serving::simulating();
    for (path, name) in [(CHAT.to_owned(), "simulated"), (format!("/acme{CHAT}"), "acme")] {
        let answer = post(simulated.listen, &path, r#"{"model":"m-1","messages":[]}"#);
        assert_eq!(answer.status, 200, "{answer:?}");
        let said = answer.json()["choices"][0]["message"]["content"].to_string();
        assert!(said.contains(&format!("m-1 at {name}.")), "{said}");
        assert!(said.contains("this provider is simulated"), "{said}");
    }
    let embedded = post(simulated.listen, "/v1/embeddings", r#"{"model":"m","input":"a"}"#).json();
    assert_eq!(embedded["data"][0]["embedding"].as_array().unwrap().len(), 1_536);
    let down = post(simulated.listen, &format!("/outage{CHAT}"), r#"{"model":"m"}"#);
    assert_eq!(down.status, 503, "{down:?}");
}

#[test]
fn a_stream_that_runs_is_finished_before_it_ends() {
    let mut simulated = Serving::simulating();
    let mut stream = TcpStream::connect(simulated.listen).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = r#"{"model":"m","stream":true}"#;
    write!(
        stream,
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    reader.read_line(&mut head).unwrap();
    assert_eq!(head, "HTTP/1.1 200 OK\r\n");
    simulated.terminate();
    simulated.logged("draining");
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("data: [DONE]"), "{rest}");
    assert_eq!(simulated.ended().code(), Some(0));
}
