//! How fast a request's body is scanned, by what is in it and by where its `model` stands.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use weir_router::bench::scan;

/// About how long every body is, in bytes.
const LENGTH: usize = 256 * 1024;

/// A paragraph as it stands in a body. As in real prompts, something has to be escaped about every hundred bytes.
const PROSE: &str = r#"The weir splits the river above the town into two arms, and \"both\" of them reach the mill. Miller and fishermen have never agreed on how much water either arm is to have, so the boards are moved by the rule that hangs in the gatehouse, and by nobody's hand alone.\n"#;

/// A few lines of a program: line ends, tabs and quotes.
const PROGRAM: &str = r#"fn main() -> Result<(), Error> {\n\tlet path = std::env::args().nth(1).ok_or(\"no path\")?;\n\tlet text = std::fs::read_to_string(&path)?;\n\tprintln!(\"{path}: {} bytes, {} lines\", text.len(), text.lines().count());\n\tOk(())\n}\n"#;

/// A tool's answer, JSON within JSON: a quote every few bytes.
const JSON: &str = r#"{\"id\":\"4bf92f3577\",\"name\":\"weir\",\"state\":\"open\",\"level\":17,\"tags\":[\"north\",\"mill\"]},"#;

/// A chat's short message.
const MESSAGE: &str = r#"{"role":"user","content":"How high was the water at the gatehouse yesterday, and who moved the \"third\" board?\n"},"#;

/// Letters of base64, as an image has them.
const BASE64: &str =
    "iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAYAAAB/HSuDAAAACXBIWXMAAAsTAAALEwEAmpwYAAAgAElEQVR4nOzdd5xU";

const MODEL: &str = r#""model":"policy/bench","#;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("scan");
    for (name, body) in bodies() {
        assert!(scan(body.as_bytes()).is_some_and(|members| members > 2), "{name}");
        group.throughput(Throughput::Bytes(u64::try_from(body.len()).unwrap_or(u64::MAX)));
        group.bench_function(name, |bencher| bencher.iter(|| scan(black_box(body.as_bytes()))));
    }
    group.finish();
    criterion.final_summary();
}

fn bodies() -> Vec<(&'static str, String)> {
    let prose = text(&fill(PROSE, LENGTH));
    let half = text(&fill(PROSE, LENGTH / 2));
    let images: String = (0..4).map(|_| image(LENGTH / 4)).collect();
    vec![
        ("one text, model first", format!("{{{MODEL}{prose},{TAIL}}}")),
        (
            "one text, model in the middle",
            format!(
                "{{{half},{MODEL}\"tools\":[{half_tool}]}}",
                half_tool = tool(LENGTH / 2)
            ),
        ),
        ("one text, model last", format!("{{{prose},{MODEL}{TAIL}}}")),
        (
            "one text of a program's source",
            format!("{{{MODEL}{},{TAIL}}}", text(&fill(PROGRAM, LENGTH))),
        ),
        (
            "images in base64",
            format!(
                "{{{MODEL}\"messages\":[{{\"role\":\"user\",\"content\":[{}]}}],{TAIL}}}",
                images.trim_end_matches(',')
            ),
        ),
        (
            "messages of 1 KiB",
            messages(&format!(
                r#"{{"role":"user","content":"{}"}},"#,
                fill(PROSE, 1_000)
            )),
        ),
        ("messages of 110 bytes", messages(MESSAGE)),
        (
            "one text of JSON in quotes",
            format!("{{{MODEL}{},{TAIL}}}", text(&fill(JSON, LENGTH))),
        ),
    ]
}

const TAIL: &str = r#""temperature":0.2,"stream":true"#;

/// `piece` again and again, up to about `length` bytes.
fn fill(piece: &str, length: usize) -> String {
    piece.repeat(length.div_ceil(piece.len()))
}

fn text(content: &str) -> String {
    format!(r#""messages":[{{"role":"user","content":"{content}"}}]"#)
}

fn tool(length: usize) -> String {
    let description = fill(PROSE, length);
    format!(r#"{{"type":"function","function":{{"name":"f","description":"{description}"}}}}"#)
}

fn image(length: usize) -> String {
    let data = fill(BASE64, length);
    format!(r#"{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}"}}}},"#)
}

fn messages(message: &str) -> String {
    let messages = fill(message, LENGTH);
    format!(
        "{{{MODEL}\"messages\":[{}],{TAIL}}}",
        messages.trim_end_matches(',')
    )
}
