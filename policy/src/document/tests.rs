use super::{Documents, Source, read, unparsable};
use crate::object::{ObjectKind, ObjectRef};

fn of(text: &str) -> Documents {
    read(&[Source { name: "x.yaml", text }], "weir-system")
}

fn problems(text: &str) -> Vec<String> {
    of(text).problems.iter().map(ToString::to_string).collect()
}

const SPLIT: &str = "\
apiVersion: weir.dev/v1alpha1
kind: LoadBalancingPolicy
metadata: {name: p}
spec:
  targets:
  - {model: openai/o1, weight: 50}
";

#[test]
fn documents_of_other_kinds_are_left_alone() {
    let read = of("apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n---\n# nothing\n---\n");
    assert!(read.problems.is_empty());
    assert_eq!(read.read, 0);
}

#[test]
fn an_object_is_found_where_it_stands() {
    let read = of(&format!("# a comment\n---\n\n{SPLIT}"));
    let object = ObjectRef {
        kind: ObjectKind::LoadBalancingPolicy,
        namespace: Some("default".to_owned()),
        name: "p".to_owned(),
    };
    assert_eq!(read.places[&object].to_string(), "x.yaml:4");
    assert!(
        read.snapshot.namespaces["default"].load_balancing["p"]
            .spec
            .is_ok()
    );
}

#[test]
fn the_items_of_a_list_are_documents() {
    let item = "  metadata: {name: q, uid: x}\n  apiVersion: weir.dev/v1alpha1\n  kind: FallbackPolicy\n";
    let list = format!(
        "---\napiVersion: v1\nkind: List\nitems:\n-{}  spec: {{targets: 5, x: 1}}\n",
        &item[1..]
    );
    let read = of(&list);
    let object = &read.snapshot.namespaces["default"].fallback["q"];
    assert!(object.spec.is_err());
    let [problem] = read.problems.as_slice() else {
        panic!("{:?}", read.problems)
    };
    assert!(
        problem
            .to_string()
            .starts_with("x.yaml:2: FallbackPolicy default/q: unknown field spec.x"),
        "{problem}"
    );
}

#[test]
fn a_document_that_does_not_parse_harms_only_itself() {
    let read = of(&format!("kind: [\n---\n{SPLIT}"));
    assert_eq!(read.problems.len(), 1);
    assert!(
        read.problems[0].to_string().starts_with("x.yaml:1: "),
        "{}",
        read.problems[0]
    );
    assert_eq!(read.places.len(), 1);
}

#[test]
fn a_text_is_unparsable_only_if_a_document_of_it_is_no_yaml() {
    assert_eq!(
        unparsable(&format!("{SPLIT}---\n1: {{weight: .nan}}\n---\n")),
        None
    );
    let error = unparsable(&format!("{SPLIT}---\nfoo: [\n")).unwrap();
    assert!(error.contains("line 8"), "{error}");
    assert!(
        unparsable("weight: 5").is_none(),
        "what it means is another matter"
    );
}

#[test]
fn a_field_that_no_kind_has_is_told_with_those_that_it_has() {
    let found = problems(&SPLIT.replace("weight: 50", "wieght: 50"));
    assert_eq!(
        found,
        [
            "x.yaml:1: LoadBalancingPolicy default/p: unknown field spec.targets[0].wieght; there are: credential, model, \
          name, policy, weight"
        ]
    );
}

#[test]
fn a_weight_that_is_text_does_not_decode() {
    let read = of(&SPLIT.replace("weight: 50", "weight: many"));
    let object = &read.snapshot.namespaces["default"].load_balancing["p"];
    let error = object.spec.as_ref().unwrap_err();
    assert!(error.contains("line 6"), "{error}");
}

#[test]
fn one_object_twice_is_told() {
    let found = problems(&format!("{SPLIT}---\n{SPLIT}"));
    assert_eq!(
        found,
        ["x.yaml:8: LoadBalancingPolicy default/p: is defined twice: it stands at x.yaml:1 already"]
    );
}

#[test]
fn another_version_of_the_api_is_refused() {
    let found = problems(&SPLIT.replace("v1alpha1", "v9"));
    assert_eq!(
        found,
        ["x.yaml:1: LoadBalancingPolicy default/p: apiVersion must be weir.dev/v1alpha1, and is weir.dev/v9"]
    );
}

#[test]
fn secrets_are_read_and_never_printed() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, annotations: {weir.dev/allowed-hosts: 'a.example, b'}}\n\
                data: {a: aHVudGVyMg==}\nstringData: {b: hunter3, empty: ''}\n";
    let read = of(text);
    let values = &read.secrets[&("default".to_owned(), "s".to_owned())];
    assert_eq!(values.0["a"], b"hunter2");
    assert_eq!(values.0["b"], b"hunter3");
    let facts = read.snapshot.secret("default", "s").unwrap();
    let keys: Vec<&String> = facts.keys.keys().collect();
    assert_eq!(keys, ["a", "b"], "an empty value is none");
    assert_eq!(
        facts.allowed_hosts,
        Some(["a.example".to_owned(), "b".to_owned()].into())
    );
    assert!(!format!("{read:?}").contains("hunter"));
}

#[test]
fn a_secret_that_is_no_base64_is_told_without_its_text() {
    let found = problems("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: 'hunter2!'}\n");
    assert_eq!(
        found,
        ["x.yaml:1: Secret default/s: data.a is not base64; use stringData for text"]
    );
    let found = problems("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: [hunter2]\n");
    assert!(found.len() == 1 && !found[0].contains("hunter2"), "{found:?}");
}
