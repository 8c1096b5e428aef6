//! `weir serve`: what it serves, and how it follows its files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::http::post;
use crate::run::{folder, weir};
use crate::serving::Serving;
use crate::upstream::Upstream;

const CHAT: &str = r#"{"model":"policy/p","messages":[]}"#;

fn policy(weight: &str) -> String {
    format!(
        "apiVersion: weir.dev/v1alpha1\nkind: LoadBalancingPolicy\nmetadata: {{name: p}}\n\
         spec: {{targets: [{{model: acme/x, weight: {weight}}}, {{model: acme/y, weight: 0}}]}}\n"
    )
}

fn provider(address: &str) -> String {
    format!(
        "apiVersion: weir.dev/v1alpha1\nkind: ClusterProvider\nmetadata: {{name: acme}}\n\
         spec:\n  dialect: OpenAI\n  baseURL: http://{address}/v1\n  \
         credential: {{secretRef: {{name: acme, key: api-key}}}}\n"
    )
}

/// Puts `text` where `path` is in one step, as careful editors do.
fn replace(path: &Path, text: &str) {
    let fresh = path.with_extension("new");
    fs::write(&fresh, text).unwrap();
    fs::rename(fresh, path).unwrap();
}

/// A folder with a provider and a policy.
fn site(test: &str) -> std::path::PathBuf {
    let folder = folder(test);
    fs::write(folder.join("provider.yaml"), provider("127.0.0.1:9")).unwrap();
    fs::write(folder.join("policy.yaml"), policy("1")).unwrap();
    folder
}

fn serve(folder: &Path) -> Serving {
    Serving::start(&["-f", folder.to_str().unwrap()])
}

#[test]
fn a_file_that_is_renamed_into_place_is_followed() {
    let folder = site("serve_rename");
    let mut serving = serve(&folder);
    let before = serving.digest("p").unwrap();
    serving.logged("loaded");
    replace(&folder.join("policy.yaml"), &policy("2"));
    let loaded = serving.logged("loaded");
    assert_eq!(loaded["changed"], r#"["policy/default/p"]"#);
    serving.changed("p", &before);
    fs::remove_file(folder.join("policy.yaml")).unwrap();
    let loaded = serving.logged("loaded");
    assert_eq!(loaded["removed"], r#"["policy/default/p"]"#);
}

#[test]
fn the_data_link_of_a_mounted_config_map_is_followed() {
    let folder = folder("serve_config_map");
    for (version, weight) in [("..v1", "1"), ("..v2", "2")] {
        fs::create_dir(folder.join(version)).unwrap();
        fs::write(folder.join(version).join("policy.yaml"), policy(weight)).unwrap();
        fs::write(
            folder.join(version).join("provider.yaml"),
            provider("127.0.0.1:9"),
        )
        .unwrap();
    }
    symlink("..v1", folder.join("..data")).unwrap();
    for file in ["policy.yaml", "provider.yaml"] {
        symlink(Path::new("..data").join(file), folder.join(file)).unwrap();
    }
    let serving = serve(&folder);
    let before = serving.digest("p").unwrap();
    symlink("..v2", folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    serving.changed("p", &before);
}

#[test]
fn a_file_that_can_not_be_used_keeps_what_it_last_gave() {
    let folder = site("serve_unusable");
    let mut serving = serve(&folder);
    let before = serving.digest("p").unwrap();
    for (text, why) in [("", "it is empty"), ("kind: [", "it does not parse")] {
        fs::write(folder.join("policy.yaml"), text).unwrap();
        let told = serving.logged("a file can't be used; what it last gave stays in use");
        assert!(told["why"].as_str().unwrap().starts_with(why), "{told}");
        assert_eq!(serving.digest("p"), Some(before.clone()));
    }
}

#[test]
fn a_policy_that_turns_bad_serves_its_last_good_version_until_it_is_mended() {
    let folder = site("serve_last_good");
    let mut serving = serve(&folder);
    let before = serving.digest("p").unwrap();
    fs::write(folder.join("policy.yaml"), policy("0")).unwrap();
    let told = serving.logged("served in an earlier version, until they are mended");
    assert_eq!(told["policies"], r#"["LoadBalancingPolicy default/p"]"#);
    assert!(
        serving
            .said
            .iter()
            .any(|line| line.contains("spec.targets") && line.contains("policy.yaml:1"))
    );
    assert_eq!(serving.digest("p"), Some(before.clone()));
    fs::write(folder.join("policy.yaml"), policy("3")).unwrap();
    serving.changed("p", &before);
}

#[test]
fn a_folder_that_is_out_of_sight_takes_nothing_away() {
    let folder = site("serve_out_of_sight");
    let mut serving = serve(&folder);
    let before = serving.digest("p").unwrap();
    let away = folder.with_extension("away");
    drop(fs::remove_dir_all(&away));
    fs::rename(&folder, &away).unwrap();
    serving.logged("a path is out of sight; what it last gave stays in use");
    assert_eq!(serving.digest("p"), Some(before.clone()));
    fs::write(away.join("policy.yaml"), policy("2")).unwrap();
    fs::rename(&away, &folder).unwrap();
    serving.logged("a path is back");
    serving.changed("p", &before);
}

#[test]
fn a_key_from_a_file_is_sent_rotated_and_never_logged() {
    let folder = folder("serve_secret");
    let upstream = Upstream::start();
    let (documents, key) = (folder.join("all.yaml"), folder.join("key"));
    let all = [provider(&upstream.address.to_string()), policy("1")].join("---\n");
    fs::write(&documents, all).unwrap();
    fs::write(&key, "canary-one\n").unwrap();
    let secret = format!("acme/api-key=file:{}", key.display());
    let mut serving = Serving::start(&["-f", documents.to_str().unwrap(), "--secret", &secret]);
    serving.logged("loaded");
    upstream.may_answer();
    let answer = post(serving.listen, "/v1/chat/completions", CHAT);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("x-weir-model"), "acme/x");
    assert_eq!(upstream.asked(), "Bearer canary-one");
    replace(&key, "canary-two");
    serving.logged("took a credential from its file");
    serving.logged("loaded");
    let rotated = || {
        upstream.may_answer();
        assert_eq!(post(serving.listen, "/v1/chat/completions", CHAT).status, 200);
        (upstream.asked() == "Bearer canary-two").then_some(())
    };
    crate::serving::until("the new key", rotated);
    assert!(
        serving.said.iter().all(|line| !line.contains("canary")),
        "{:#?}",
        serving.said
    );
}

#[test]
fn what_runs_is_finished_before_it_ends() {
    let folder = folder("serve_drain");
    let upstream = Upstream::start();
    let path = folder.join("all.yaml");
    let provider = provider(&upstream.address.to_string());
    let keyless = provider.replace("  credential: {secretRef: {name: acme, key: api-key}}\n", "");
    fs::write(&path, [keyless, policy("1")].join("---\n")).unwrap();
    let mut serving = Serving::start(&["-f", path.to_str().unwrap()]);
    let listen = serving.listen;
    let asking = std::thread::spawn(move || post(listen, "/v1/chat/completions", CHAT));
    upstream.asked();
    serving.terminate();
    serving.logged("draining");
    upstream.may_answer();
    assert_eq!(asking.join().unwrap().status, 200);
    assert_eq!(serving.ended().code(), Some(0));
}

#[test]
fn what_can_not_be_served_is_told_at_once() {
    let folder = site("serve_refused").display().to_string();
    let said = weir(&["serve", "-f", "/no/such/folder"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("/no/such/folder"), "{said:?}");
    let said = weir(&["serve", "-f", &folder, "--secret", "acme/api-key=canary"]);
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("env:VARIABLE") && !said.err.contains("canary"),
        "{said:?}"
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let holder = std::net::TcpListener::bind(taken).unwrap();
    let said = weir(&["serve", "-f", &folder, "--listen", &taken.to_string()]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("Another process has that port"), "{said:?}");
    drop(holder);
}
