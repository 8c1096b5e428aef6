//! A report as SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), the form in which code
//! hosts take findings and show them beside the lines.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::report::{Finding, Level, Report, Spot};
use super::rule::Rule;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log file of one run.
pub(super) fn log(report: &Report) -> Value {
    let rules: BTreeSet<Rule> = report.findings.iter().map(|finding| finding.rule).collect();
    let rules: Vec<Value> = rules.into_iter().map(rule).collect();
    let results: Vec<Value> = report.findings.iter().map(result).collect();
    let driver = json!({ "name": "weir", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results }],
    })
}

fn rule(rule: Rule) -> Value {
    json!({ "id": rule.id(), "shortDescription": { "text": rule.meaning() } })
}

fn result(finding: &Finding) -> Value {
    let level = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
    };
    let mut result = json!({
        "ruleId": finding.rule.id(),
        "level": level,
        "message": { "text": message(finding) },
    });
    if let Some(place) = &finding.place {
        result["locations"] = json!([location(place, finding.object.as_deref())]);
    }
    result
}

fn message(finding: &Finding) -> String {
    let before = finding.object.iter().chain(&finding.path);
    let words: Vec<&str> = before.chain([&finding.message]).map(String::as_str).collect();
    words.join(": ")
}

fn location(place: &Spot, object: Option<&str>) -> Value {
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&place.file) },
            "region": { "startLine": place.line },
        },
    });
    if let Some(object) = object {
        location["logicalLocations"] = json!([{ "fullyQualifiedName": object }]);
    }
    location
}

/// A path as a URI reference (RFC 3986): what is neither unreserved nor a `/` is percent-encoded. An
/// absolute path needs the scheme in front.
fn uri(path: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let encoded: String = path
        .bytes()
        .map(|byte| {
            if kept(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    if path.starts_with('/') {
        format!("file://{encoded}")
    } else {
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_become_uri_references() {
        assert_eq!(uri("a b/ü.yaml"), "a%20b/%C3%BC.yaml");
        assert_eq!(uri("/etc/x.yaml"), "file:///etc/x.yaml");
    }
}
