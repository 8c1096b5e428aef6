//! `weir check` on good and bad files.

use serde_json::{Value, json};

use crate::run::{examples, file, folder, weir, with_input};

const GOOD: &str = "\
apiVersion: weir.dev/v1alpha1
kind: LoadBalancingPolicy
metadata:
  name: split
spec:
  targets:
    - model: openai/gpt-4o
      weight: 90
    - model: openai/gpt-4o-mini
      weight: 10
";

const BAD: &str = "\
# A comment before the document.
apiVersion: weir.dev/v1alpha1
kind: LoadBalancingPolicy
metadata:
  name: split
spec:
  targets:
    - model: openai/gpt-4o
      wieght: 90
---
apiVersion: weir.dev/v1alpha1
kind: FallbackPolicy
metadata:
  name: chain
spec:
  targets:
    - policy: gone
";

fn path(test: &str, documents: &str) -> String {
    file(test, documents).display().to_string()
}

#[test]
fn every_example_is_in_order() {
    let examples = examples();
    let mut paths = vec![examples.clone()];
    paths.extend(
        std::fs::read_dir(&examples)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir()),
    );
    assert!(paths.len() > 1, "the rollout's steps are gone");
    for path in &paths[1..] {
        let all = [
            "check".into(),
            "-f".into(),
            examples.join("production-fallback.yaml"),
        ];
        let more = [
            examples.join("experimental-fallback.yaml"),
            examples.join("providers.yaml"),
        ];
        for step in std::fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            if step.extension().is_some_and(|extension| extension == "yaml") {
                let said = weir(&[&all[..], &more[..], &[step]].concat());
                assert_eq!(said.code, 0, "{said:?}");
            }
        }
    }
    let said = weir(&["check".as_ref(), "-f".as_ref(), examples.as_os_str()]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("In order: 14 objects"), "{said:?}");
    assert!(
        said.out.contains("Not checked: references to Secrets,"),
        "{said:?}"
    );
}

#[test]
fn a_bad_file_is_told_by_place_object_and_field() {
    let path = path("bad_file", BAD);
    let said = weir(&["check", "-f", &path]);
    assert_eq!(said.code, 1);
    let expected = format!(
        "{path}:2  LoadBalancingPolicy default/split\n  \
           error: unknown field spec.targets[0].wieght; there are: credential, model, name, policy, weight\n  \
           error: spec.targets[0].weight: is missing: every target must say its part, such as `weight: 50`\n\
         {path}:11  FallbackPolicy default/chain\n  \
           error: spec.targets[0].policy: policy gone does not exist in namespace default\n\
         \n\
         Not checked: references to providers and Secrets, of which these files hold none (--strict-refs counts \
         them as missing).\n\
         3 errors in 2 objects.\n"
    );
    assert_eq!(said.out, expected);
}

#[test]
fn a_document_that_is_no_yaml_does_not_hide_its_neighbour() {
    let path = path("no_yaml", &format!("foo: [\n---\n{BAD}"));
    let said = weir(&["check", "-f", &path]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains(&format!("{path}:1\n  error: ")), "{said:?}");
    assert!(
        said.out
            .contains(&format!("{path}:4  LoadBalancingPolicy default/split")),
        "{said:?}"
    );
}

#[test]
fn strictness_misses_what_no_file_holds() {
    let path = path("strict", GOOD);
    assert_eq!(weir(&["check", "-f", &path]).code, 0);
    let said = weir(&["check", "-f", &path, "--strict-refs"]);
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("provider \"openai\" does not exist"),
        "{said:?}"
    );
    assert!(!said.out.contains("Not checked"), "{said:?}");
}

#[test]
fn a_provider_is_refused_where_the_cluster_would_refuse_it() {
    let provider = "apiVersion: weir.dev/v1alpha1\nkind: Provider\nmetadata: {name: ours}\n\
                    spec: {dialect: OpenAI, baseURL: 'https://ours.example/v1'}\n";
    let path = path("namespaced_provider", provider);
    assert_eq!(weir(&["check", "-f", &path]).code, 0);
    let said = weir(&["check", "-f", &path, "--namespaced-providers", "disabled"]);
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("Provider default/ours") && said.out.contains("--namespaced-providers=enabled"),
        "{said:?}"
    );
}

#[test]
fn standard_input_is_a_file_too() {
    let said = with_input(&["check", "-f", "-"], BAD);
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("stdin:2  LoadBalancingPolicy"), "{said:?}");
}

#[test]
fn a_folder_is_read_as_kubectl_reads_it() {
    let folder = folder("kubectl_folder");
    std::fs::create_dir(folder.join("inner")).unwrap();
    for (name, text) in [
        ("a.yml", GOOD),
        ("notes.txt", BAD),
        (".hidden.yaml", BAD),
        ("inner/b.yaml", BAD),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let folder = folder.display().to_string();
    assert_eq!(weir(&["check", "-f", &folder]).code, 0);
    let deep = weir(&["check", "-R", "-f", &folder]);
    assert_eq!(deep.code, 1);
    assert!(deep.out.contains("is defined twice"), "{deep:?}");
}

#[test]
fn what_can_not_be_read_is_no_verdict() {
    let folder = folder("unreadable").display().to_string();
    for path in ["/no/such/file.yaml", &folder] {
        let said = weir(&["check", "-f", path]);
        assert_eq!(said.code, 2);
        assert!(said.err.contains(path) && said.out.is_empty(), "{said:?}");
    }
}

#[test]
fn files_without_anything_of_weirs_are_told_so() {
    let said = with_input(
        &["check", "-f", "-"],
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n",
    );
    assert_eq!(said.code, 0);
    assert!(
        said.out.ends_with("Nothing of Weir's is in these files.\n"),
        "{said:?}"
    );
}

#[test]
fn json_holds_what_people_are_told() {
    let path = path("json", BAD);
    let said = weir(&["check", "-f", &path, "-o", "json"]);
    assert_eq!(said.code, 1);
    let report = said.json();
    assert_eq!(
        report["summary"],
        json!({ "objects": 2, "errors": 3, "warnings": 0 })
    );
    assert_eq!(report["notChecked"], json!(["providers", "secrets"]));
    assert_eq!(
        report["findings"][2],
        json!({
            "file": path,
            "line": 11,
            "object": "FallbackPolicy default/chain",
            "level": "error",
            "cause": "UnknownPolicy",
            "path": "spec.targets[0].policy",
            "message": "policy gone does not exist in namespace default",
        })
    );
}

#[test]
fn sarif_names_cause_and_line() {
    let path = path("sarif", BAD);
    let said = weir(&["check", "-f", &path, "-o", "sarif"]);
    assert_eq!(said.code, 1);
    let log = said.json();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "weir");
    let results = run["results"].as_array().unwrap();
    let ids: Vec<&Value> = results.iter().map(|result| &result["ruleId"]).collect();
    assert_eq!(ids, ["InvalidDocument", "Invalid", "UnknownPolicy"]);
    let physical = &results[2]["locations"][0]["physicalLocation"];
    assert_eq!(physical["region"]["startLine"], 11);
    assert_eq!(physical["artifactLocation"]["uri"], format!("file://{path}"));
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(
        rules
            .iter()
            .all(|rule| rule["shortDescription"]["text"].is_string()),
        "{rules:?}"
    );
    assert_eq!(rules.len(), 3);
}

#[test]
fn no_secret_gets_into_a_report() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {key: 'canary-4711!'}\n";
    for format in ["human", "json", "sarif"] {
        let said = with_input(&["check", "-f", "-", "-o", format], text);
        assert_eq!(said.code, 1);
        assert!(
            said.out.contains("is not base64") && !said.out.contains("canary"),
            "{said:?}"
        );
    }
}
