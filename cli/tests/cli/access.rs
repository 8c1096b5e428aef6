//! AccessKeys without a cluster: who is let in, and what `weir check` says of keys.

use std::fs;
use std::path::Path;

use crate::http::{get, get_as};
use crate::run::{file, folder, weir};
use crate::serving::{Serving, until};

const KEY: &str = "canary-0123456789abcdef0123456789";

const POLICY: &str = "apiVersion: weir.dev/v1alpha1\nkind: FallbackPolicy\nmetadata: {name: p}\n\
                      spec: {targets: [{model: acme/x}]}\n---\n\
                      apiVersion: weir.dev/v1alpha1\nkind: ClusterProvider\nmetadata: {name: acme}\n\
                      spec: {dialect: OpenAI, baseURL: 'http://127.0.0.1:9/v1'}\n";

const CALLER: &str = "apiVersion: weir.dev/v1alpha1\nkind: AccessKey\nmetadata: {name: web}\n\
                      spec: {keys: [{secretRef: {name: web, key: key}}]}\n";

fn secret(key: &str) -> String {
    format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: web}}\nstringData: {{key: {key}}}\n")
}

/// A folder with a policy and a caller, whose Secret is in a file of its own.
fn site(test: &str) -> std::path::PathBuf {
    let folder = folder(test);
    fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    fs::write(folder.join("caller.yaml"), CALLER).unwrap();
    fs::write(folder.join("secret.yaml"), secret(KEY)).unwrap();
    folder
}

fn status(serving: &Serving, key: &str) -> u16 {
    let bearer = format!("authorization: Bearer {key}");
    get_as(serving.listen, "/v1/models", &bearer).status
}

#[test]
fn with_an_access_key_among_the_files_every_caller_needs_a_key() {
    let folder = site("access_serve");
    let mut serving = Serving::start(&["-f", folder.to_str().unwrap()]);
    assert_eq!(get(serving.listen, "/v1/models").status, 401);
    assert_eq!(status(&serving, "unused"), 401);
    assert_eq!(status(&serving, KEY), 200);
    let fresh = KEY.replace("canary", "canary-two");
    fs::write(folder.join("secret.yaml"), secret(&fresh)).unwrap();
    until("the new key", || (status(&serving, &fresh) == 200).then_some(()));
    assert_eq!(
        status(&serving, KEY),
        401,
        "the old one is out at the same moment"
    );
    fs::remove_file(folder.join("secret.yaml")).unwrap();
    until("no key", || (status(&serving, &fresh) == 401).then_some(()));
    serving.terminate();
    serving.logged("draining");
    let told = serving.said.iter().find(|line| line.contains("canary"));
    assert_eq!(told, None, "a key is in the log");
}

#[test]
fn without_access_keys_any_key_is_ignored() {
    let folder = folder("access_keyless");
    fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    let serving = Serving::start(&["-f", folder.to_str().unwrap()]);
    assert_eq!(get(serving.listen, "/v1/models").status, 200);
    assert_eq!(status(&serving, "unused"), 200);
}

#[test]
fn a_key_may_come_from_the_command_line_and_all_may_be_let_in() {
    let folder = site("access_flags");
    fs::remove_file(folder.join("secret.yaml")).unwrap();
    let key = file("access_flags_key", &format!("{KEY}\n"));
    let secret = format!("web/key=file:{}", key.display());
    let folder = folder.to_str().unwrap();
    let serving = Serving::start(&["-f", folder, "--secret", &secret, "--allow-unauthenticated"]);
    assert_eq!(get(serving.listen, "/v1/models").status, 200);
    until("the key", || (status(&serving, KEY) == 200).then_some(()));
    assert_eq!(status(&serving, "unused"), 401);
}

fn listening_everywhere(folder: &Path) -> crate::run::Said {
    weir(&[
        "serve",
        "-f",
        folder.to_str().unwrap(),
        "--listen",
        "0.0.0.0:0",
        "--admin",
        "127.0.0.1:0",
    ])
}

#[test]
fn an_address_that_others_reach_wants_an_access_key() {
    let folder = folder("access_listen");
    fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    let said = listening_everywhere(&folder);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.err
            .contains("--listen 0.0.0.0:0: others can reach this address")
            && said.err.contains("--allow-unauthenticated"),
        "{said:?}"
    );
    let path = folder.to_str().unwrap();
    drop(Serving::start_at(
        "0.0.0.0:0",
        &["-f", path, "--allow-unauthenticated"],
    ));
    fs::write(folder.join("caller.yaml"), CALLER).unwrap();
    let mut serving = Serving::start_at("0.0.0.0:0", &["-f", path]);
    fs::remove_file(folder.join("caller.yaml")).unwrap();
    serving.logged("loaded");
    serving.logged("loaded");
    assert_eq!(
        get(serving.listen, "/v1/models").status,
        401,
        "it does not open when the last AccessKey goes"
    );
}

#[test]
fn what_is_wrong_with_a_key_is_told_without_it() {
    let all = [POLICY, CALLER, &secret("canary-too-short")].join("---\n");
    let said = weir(&["check", "-f", file("access_short", &all).to_str().unwrap()]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out.contains(
            "spec.keys[0].secretRef: Secret default/web, key \"key\": the value is shorter than 32 characters"
        ),
        "{said:?}"
    );
    assert!(!said.out.contains("canary"), "{said:?}");
    let expired = CALLER.replace("{keys:", "{expiresAt: 2020-01-01T00:00:00Z, keys:");
    let all = [POLICY, &expired, &secret(KEY)].join("---\n");
    let said = weir(&["check", "-f", file("access_expired", &all).to_str().unwrap()]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("every key has expired"), "{said:?}");
}
