//! The program's command line: its errors for bad arguments.

use std::net::TcpListener;
use std::process::{Command, Output};

fn rask(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rask")).args(args).output().unwrap()
}

/// Runs the program, expects it to fail, and checks that its output contains all `parts`.
fn check(args: &[&str], parts: &[&str]) {
    let output = rask(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{args:?} did not fail");
    for part in parts {
        assert!(said.contains(part), "{args:?}: {part:?} is not in {said:?}");
    }
}

#[test]
fn bad_calls_are_explained() {
    check(&["nonsense"], &["unknown command \"nonsense\"", "rask lab"]);
    check(&["lab", "--nonsense"], &["--no-browser"]);
    check(&["lab", "--port", "high"], &["expected a number from 1 to 65535"]);
    check(&["lab", "--run", "missing.ipynb"], &["notebook missing.ipynb not found"]);
    check(&["kernel"], &["usage: rask kernel"]);
    check(&["kernel", "--runtime", "/nowhere", "file"], &["no runtime in /nowhere", "cargo lab"]);
    check(&["evaluate"], &["started by the kernel only"]);
    check(&["clean", "all"], &["unknown option \"all\"", "--dry-run"]);
}

#[test]
fn a_busy_port_is_named() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port().to_string();
    check(&["lab", "--port", &port], &[&format!("port {port} cannot be used"), "--port"]);
}

#[test]
fn help_names_every_command() {
    let text = String::from_utf8(rask(&["--help"]).stdout).unwrap();
    for command in ["lab", "verify", "doctor", "clean", "kernel"] {
        assert!(text.contains(&format!("rask {command}")), "{command}");
    }
}
