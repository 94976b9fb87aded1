//! The environment of the user's shell, without the variables that the kernel sets for the
//! compiler.

use super::rustc;
use std::process::Command;

/// Removes the variables that the kernel sets for the compiler from a command's environment.
pub(in crate::eval) fn users_environment(command: &mut Command) {
    for name in [
        "RUSTC_WRAPPER",
        "RUSTUP_TOOLCHAIN",
        "CARGO",
        "RUSTC",
        "EVCXR_TMPDIR",
        "EVCXR_CONFIG_DIR",
        rustc::MARKER,
    ] {
        command.env_remove(name);
    }
    if let Some(path) = std::env::var_os("RASK_USER_PATH") {
        command.env("PATH", path);
    }
}
