//! The environment that the user's shell had, without what the kernel has set for the compiler.

use super::rustc;
use std::process::Command;

/// Takes out of a command's environment what the kernel has set for the compiler.
pub(in crate::eval) fn users_environment(command: &mut Command) {
    for name in ["RUSTC_WRAPPER", "RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "EVCXR_TMPDIR", "EVCXR_CONFIG_DIR", rustc::MARKER] {
        command.env_remove(name);
    }
    if let Some(path) = std::env::var_os("RASK_USER_PATH") {
        command.env("PATH", path);
    }
}
