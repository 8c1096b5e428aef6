//! What belongs to no command: version, help, completion.

use crate::run::{binary, weir};

#[test]
fn the_version_is_told_both_ways() {
    let version = format!("weir {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(weir(&["version"]).out, version);
    assert_eq!(weir(&["--version"]).out, version);
}

#[test]
fn what_is_not_a_command_is_a_usage_error() {
    let said = weir(&["chek"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("check"), "{said:?}");
}

#[test]
fn every_command_teaches_by_example() {
    for command in ["check", "explain", "probe", "simulate", "completion"] {
        let said = weir(&[command, "--help"]);
        assert_eq!(said.code, 0);
        assert!(said.out.contains(&format!("weir {command} ")), "{said:?}");
        assert!(said.out.contains("Examples:"), "{said:?}");
    }
}

#[test]
fn a_shell_gets_its_completion() {
    let said = weir(&["completion", "bash"]);
    assert_eq!(said.code, 0);
    assert!(said.out.contains("complete -F _weir"), "{said:?}");
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let mut command = binary();
    command
        .args(["completion", "zsh"])
        .stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_plugin_of_kubectl_is_called_as_one() {
    let folder = crate::run::folder("kubectl_plugin");
    let plugin = folder.join("kubectl-weir");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_weir"), &plugin).unwrap();
    let output = std::process::Command::new(plugin)
        .args(["check", "--help"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Usage: kubectl weir check"), "{text}");
}
