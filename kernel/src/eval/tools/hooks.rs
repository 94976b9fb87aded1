//! Redirects evcxr's generated source to the runtime's hooks.

/// Redirects evcxr's generated source to the runtime's hooks. Line numbers do not change, as evcxr
/// locates the user's code by them.
pub(super) fn hooked(source: &str) -> String {
    const CATCH: &str = "match std::panic::catch_unwind(\n  std::panic::AssertUnwindSafe(||{\n";
    const CAUGHT: &str =
        "})) { \n  Ok(_) => {}\n  Err(_) => {\n    println!(\"EVCXR_PANIC_NOTIFICATION\");\n}}";
    const ERROR: &str = "struct EvcxrUserCodeError {}\n            impl<T: ";
    // The format of errors, and the type that writes them.
    const ERRORS: [(&str, &str); 2] =
        [("eprintln!(\"{:?}\"", "UserErrorInside"), ("eprintln!(\"{:#?}\"", "UserErrorOpened")];
    const STORE: &str = "mod evcxr_internal_runtime {\n";
    const STORE_END: &str = "\n}\n#[unsafe(no_mangle)]\n";
    // evcxr's initial self-test, in a form that compiles at once.
    let mut out = source.replace("(\n42\n).evcxr_display();", "let _ = (\n42\n);");
    if let Some(start) = out.find(STORE)
        && let Some(length) = out[start..].find(STORE_END)
    {
        let end = start + length + 2;
        let lines = out[start..end].matches('\n').count();
        out.replace_range(
            start..end,
            &format!("use rask::host::store as evcxr_internal_runtime;{}", "\n".repeat(lines)),
        );
    }
    out = out.replace(CATCH, "::rask::host::guarded(::std::boxed::Box::new(\n  ||{\n");
    out = out.replace(CAUGHT, &format!("}}));{}", "\n".repeat(CAUGHT.matches('\n').count())));
    out = out.replace(
        "println!(\"EVCXR_PANIC_NOTIFICATION\")",
        "rask::host::notify(\"EVCXR_PANIC_NOTIFICATION\")",
    );
    if let Some(start) = out.find(ERROR)
        && let Some(length) =
            out[start..].find("EvcxrUserCodeError {}\n                }\n            }")
    {
        let end = start + length + "EvcxrUserCodeError {}\n                }\n            }".len();
        let text = &out[start..end];
        let name = ERRORS
            .iter()
            .find(|(format, _)| text.contains(format))
            .map_or("UserError", |(_, name)| name);
        let lines = text.matches('\n').count();
        out.replace_range(
            start..end,
            &format!("use ::rask::host::{name} as EvcxrUserCodeError;{}", "\n".repeat(lines)),
        );
    }
    number(&out)
}

/// Adds a constant with the number of the cell's library, which identifies its output: the number
/// of the function that evcxr calls.
pub(super) fn number(source: &str) -> String {
    const FUNCTION: &str = "#[unsafe(no_mangle)]\npub extern \"C\" fn run_user_code_";
    if source.contains("const RASK_CELL") {
        return source.to_owned();
    }
    let line =
        |number: &str| format!("#[allow(dead_code)] pub(crate) const RASK_CELL: u32 = {number}; ");
    match source.find(FUNCTION) {
        Some(at) => {
            let number: String =
                source[at + FUNCTION.len()..].chars().take_while(char::is_ascii_digit).collect();
            format!("{}{}{}", &source[..at], line(&number), &source[at..])
        }
        // Code that is only checked does not have this function.
        None => format!("{source}{}\n", line("0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_replace_evcxrs_own_and_keep_the_lines() {
        let source = "fn user() { println!(\"x\") }\n            struct EvcxrUserCodeError {}\n            impl<T: std::fmt::Display> From<T> for EvcxrUserCodeError {\n\
                      \x20               fn from(error: T) -> Self {\n                    eprintln!(\"{:?}\", error);\n\
                      \x20                   println!(\"{}\", evcxr_internal_runtime::USER_ERROR_OCCURRED);\n                    EvcxrUserCodeError {}\n                }\n            }\n\
                      mod evcxr_internal_runtime {\npub fn a() {\n}\n}\n#[unsafe(no_mangle)]\nfn run() {\n\
                      match std::panic::catch_unwind(\n  std::panic::AssertUnwindSafe(||{\nuser()\n})) { \n  Ok(_) => {}\n  Err(_) => {\n    println!(\"EVCXR_PANIC_NOTIFICATION\");\n}}\n}\n";
        let out = hooked(source);
        assert_eq!(
            number("#[unsafe(no_mangle)]\npub extern \"C\" fn run_user_code_12(")
                .split(';')
                .next()
                .unwrap()
                .rsplit(' ')
                .next(),
            Some("12")
        );
        let (out, last) = out.rsplit_once("#[allow(dead_code)]").unwrap();
        assert!(last.contains("RASK_CELL: u32 = 0;"));
        assert_eq!(out.lines().count(), source.lines().count());
        for part in [
            "use rask::host::store as",
            "use ::rask::host::UserErrorInside as",
            "guarded(::std::boxed::Box::new(\n  ||{\nuser()\n}));",
            "println!(\"x\")",
        ] {
            assert!(out.contains(part), "{part} is not in {out}");
        }
        assert!(
            !out.contains("pub fn a")
                && !out.contains("USER_ERROR_OCCURRED")
                && !out.contains("catch_unwind")
        );
        assert_eq!(hooked(&hooked(source)), hooked(source));
    }
}
