//! A provider that tells which key it was sent, and answers when it may.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::http::PATIENCE;

const ANSWER: &str = r#"{"id":"1","object":"chat.completion","created":1,"model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"#;

/// A provider on a free port.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    keys: Receiver<String>,
    leave: Sender<()>,
}

impl Upstream {
    /// Starts it.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ((sender, keys), (leave, left)) = (channel(), channel());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let key = read(&stream);
                if sender.send(key).is_err() || left.recv().is_err() {
                    return;
                }
                let length = ANSWER.len();
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\
                     content-length: {length}\r\n\r\n{ANSWER}"
                )
                .unwrap();
            }
        });
        Self { address, keys, leave }
    }

    /// Waits for a request; the key that came with it.
    pub(crate) fn asked(&self) -> String {
        self.keys.recv_timeout(PATIENCE).unwrap()
    }

    /// Lets one request be answered, past or to come.
    pub(crate) fn may_answer(&self) {
        self.leave.send(()).unwrap();
    }
}

/// Reads one request; its `authorization`.
fn read(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut key, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end();
        match line.to_ascii_lowercase().split_once(": ") {
            Some(("authorization", _)) => line["authorization: ".len()..].clone_into(&mut key),
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None if line.is_empty() => break,
            None => assert!(line.starts_with("POST "), "{line}"),
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    key
}
