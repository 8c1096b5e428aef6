//! What is sent to Bedrock, against botocore: AWS's own signer, its reader of event streams, and its model of the
//! service.

use std::{
    process::Stdio,
    time::{Duration, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Method, Uri};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, process::Command};
use weir_dialect::{
    bedrock::{
        self, Operation,
        sign::{AwsKey, ToSign, sign},
    },
    chat,
};
use weir_tests::{
    event_stream::{Sent, message},
    tools::repository,
};

use crate::context::{Context, figure};

/// Every way to name a model, with what paths and signatures trip over.
const MODELS: [&str; 7] = [
    "amazon.nova-lite-v1:0",
    "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "us.openai.gpt-oss-120b-1:0",
    "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-opus-4-6-v1",
    "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-2-lite-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6",
    "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:provisioned-model/abcdefghij12",
];

const OPERATIONS: [(Operation, &str); 3] = [
    (Operation::Converse, "Converse"),
    (Operation::ConverseStream, "ConverseStream"),
    (Operation::Invoke, "InvokeModel"),
];

const HOSTS: [&str; 2] = [
    "https://bedrock-runtime.eu-central-1.amazonaws.com",
    "http://127.0.0.1:8443",
];

pub(crate) async fn requests_are_signed_as_botocore_signs_them(context: &Context) -> Result<()> {
    let requests = requests();
    let theirs = botocore(context, "sign", &requests).await?;
    for (request, theirs) in requests.iter().zip(&theirs) {
        let ours = signed(request)?;
        ensure!(ours == *theirs, "{request}: {ours} here, {theirs} there");
    }
    figure(&format!(
        "{} requests to Bedrock: path and headers as botocore has them",
        requests.len()
    ));
    Ok(())
}

/// Each model, operation, host, with and without a session.
fn requests() -> Vec<Value> {
    let mut requests = Vec::new();
    for model in MODELS {
        for (_, operation) in OPERATIONS {
            for host in HOSTS {
                for token in [None, Some("IQoJb3JpZ2luX2VjE+/token==")] {
                    let number = requests.len();
                    requests.push(json!({
                        "model": model, "operation": operation, "host": host, "region": "eu-central-1",
                        "seconds": 1_795_332_600 + number * 86_400,
                        "headers": {"content-type": "application/json"},
                        "body": format!(r#"{{"number":{number},"text":"ü\u0000 "}}"#),
                        "key": {"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "wJal/K7+EXAMPLE", "sessionToken": token},
                    }));
                }
            }
        }
    }
    requests
}

fn signed(request: &Value) -> Result<Value> {
    let text = |field: &str| request[field].as_str().context("a text");
    let named = OPERATIONS.iter().find(|(_, name)| request["operation"] == *name);
    let (operation, _) = named.context("an operation")?;
    let path = bedrock::path(text("model")?, *operation);
    let headers = sign(
        &AwsKey::read(request["key"].to_string().as_bytes())?,
        &ToSign {
            method: &Method::POST,
            uri: &(text("host")?.to_owned() + &path).parse::<Uri>()?,
            headers: &[("content-type", "application/json")],
            body: text("body")?.as_bytes(),
            region: text("region")?,
            time: UNIX_EPOCH + Duration::from_secs(request["seconds"].as_u64().context("a number")?),
        },
    )?;
    let headers: serde_json::Map<String, Value> = headers
        .iter()
        .map(|(name, value)| Ok((name.to_string(), value.to_str()?.into())))
        .collect::<Result<_>>()?;
    Ok(json!({"path": path, "headers": headers}))
}

pub(crate) async fn event_streams_are_understood_by_botocore(context: &Context) -> Result<()> {
    let delta = r#"{"contentBlockIndex":0,"delta":{"text":"Grüße"},"p":"abc"}"#;
    let usage = r#"{"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3},"metrics":{"latencyMs":9}}"#;
    let good = [
        Sent::Event("messageStart", r#"{"role":"assistant"}"#),
        Sent::Event("contentBlockDelta", delta),
        Sent::Event("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        Sent::Event("messageStop", r#"{"stopReason":"end_turn"}"#),
        Sent::Event("metadata", usage),
    ];
    let throttled = [
        good[0],
        Sent::Exception("throttlingException", r#"{"message":"Wait."}"#),
    ];
    let failed = [good[0], Sent::Error("InternalFailure", "Sorry.")];
    let streams = [encoded(&good)?, encoded(&throttled)?, encoded(&failed)?];
    let read = botocore(context, "parse", &streams).await?;
    let start = json!({"messageStart": {"role": "assistant"}});
    let wanted = [
        json!([
            start,
            {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Grüße"}}},
            {"contentBlockStop": {"contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, "metrics": {"latencyMs": 9}}},
        ]),
        json!([start, {"error": {"Code": "throttlingException", "Message": "Wait."}}]),
        json!([start, {"error": {"Code": "InternalFailure", "Message": "Sorry."}}]),
    ];
    for (read, wanted) in read.iter().zip(&wanted) {
        ensure!(read == wanted, "{read} read, {wanted} sent");
    }
    Ok(())
}

/// A stream in base64.
fn encoded(sent: &[Sent<'_>]) -> Result<Value> {
    let bytes: Vec<Vec<u8>> = sent.iter().map(|sent| message(*sent)).collect::<Result<_>>()?;
    Ok(STANDARD.encode(bytes.concat()).into())
}

pub(crate) async fn requests_to_converse_are_of_botocores_model(context: &Context) -> Result<()> {
    let mut bodies = Vec::new();
    for request in chats() {
        let request = request.to_string();
        let ask = chat::read_request(request.as_bytes())?;
        for model in MODELS {
            let written = bedrock::write_request(&ask, model)?;
            let body: Value = serde_json::from_slice(&written.body)?;
            for operation in ["Converse", "ConverseStream"] {
                bodies.push(json!({"model": model, "operation": operation, "body": body}));
            }
        }
    }
    let wrong = botocore(context, "validate", &bodies).await?;
    for (body, wrong) in bodies.iter().zip(&wrong) {
        ensure!(*wrong == json!([]), "{wrong} in {body}");
    }
    figure(&format!(
        "{} requests to Converse: botocore has nothing against them",
        bodies.len()
    ));
    Ok(())
}

/// What callers ask for that Converse can say, in their own dialect.
fn chats() -> Vec<Value> {
    let user = json!({"role": "user", "content": "Hello"});
    let with = |fields: Value| {
        let mut request = json!({"model": "policy/x", "messages": [user]});
        if let (Some(request), Value::Object(fields)) = (request.as_object_mut(), fields) {
            request.extend(fields);
        }
        request
    };
    vec![
        with(json!({})),
        with(json!({
            "max_tokens": 4_000, "temperature": 1.7, "top_p": 0.9, "top_k": 40, "stop": ["END", "STOP"], "seed": 7,
            "user": "u", "frequency_penalty": 0.5, "presence_penalty": 0.5,
        })),
        with(json!({"reasoning_effort": "low", "temperature": 0.5})),
        with(json!({"reasoning_effort": "high", "max_completion_tokens": 20_000})),
        with(json!({"response_format": {"type": "json_schema", "json_schema": {
            "name": "answer", "strict": true, "schema": schema(),
        }}})),
        with(json!({"tools": tools(), "tool_choice": "required", "parallel_tool_calls": false})),
        with(json!({"tools": tools(), "tool_choice": {"type": "function", "function": {"name": "now"}}})),
        with(json!({"tools": tools(), "messages": conversation()})),
        with(json!({"tools": tools(), "tool_choice": "none", "messages": conversation()})),
        with(json!({"messages": [{"role": "user", "content": parts()}]})),
        with(json!({"tools": tools(), "messages": [
            {"role": "system", "content": "Be brief.", "cache_control": {"type": "ephemeral"}},
            {"role": "user", "content": [
                {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                {"type": "text", "text": "there"},
            ]},
        ]})),
    ]
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false})
}

fn tools() -> Value {
    json!([
        {"type": "function", "function": {
            "name": "weather", "description": "The weather", "parameters": schema(), "strict": true,
        }},
        {"type": "function", "function": {"name": "now", "description": ""}},
    ])
}

/// Blank texts, neighbours of one role, ids that Bedrock does not take, results that say nothing.
fn conversation() -> Value {
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "weather", "arguments": arguments}});
    json!([
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": "Weather in Köln and here?"},
        {"role": "user", "content": "Please."},
        {"role": "assistant", "content": "", "tool_calls": [
            call("call_1", r#"{"city": "Köln"}"#),
            call(&format!("fc|{}", "x".repeat(80)), ""),
        ]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Rain"},
        {"role": "tool", "tool_call_id": format!("fc|{}", "x".repeat(80)), "content": ""},
        {"role": "user", "content": "So?"},
    ])
}

fn parts() -> Value {
    let file = |name: &str| json!({"type": "file", "file": {"filename": name, "file_data": "data:application/pdf;base64,JVBERi0="}});
    json!([
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0=", "detail": "low"}},
        file("Q3 / report_final.pdf"),
        file("Q3 report final.pdf"),
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ])
}

/// What botocore answers to each line.
async fn botocore(context: &Context, wanted: &str, lines: &[Value]) -> Result<Vec<Value>> {
    let mut command = Command::new(context.tools.python()?);
    command.arg(repository().join("tests/sdk/aws.py")).arg(wanted);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let lines_of_json: Vec<String> = lines.iter().map(Value::to_string).collect();
    let asked = lines_of_json.join("\n");
    let mut input = child.stdin.take().context("no input")?;
    let (written, output) = tokio::join!(
        async move { input.write_all(asked.as_bytes()).await },
        child.wait_with_output()
    );
    let output = output?;
    ensure!(output.status.success(), "botocore's side failed");
    written?;
    let answers = String::from_utf8(output.stdout)?;
    let answers: Vec<Value> = answers
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    ensure!(
        answers.len() == lines.len(),
        "botocore answered {} of {}",
        answers.len(),
        lines.len()
    );
    Ok(answers)
}
