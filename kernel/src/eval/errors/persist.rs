//! The errors for variables that cannot be kept for later cells, with suggested rewrites.

use crate::eval::errors::diagnostics::CellError;
use crate::eval::source::cell::Cell;
use crate::eval::source::types::{Inferred, can_be_written};
use evcxr::CompilationError;

/// Returns the variable that cannot be kept, according to evcxr's message.
fn variable_of(message: &str) -> Option<&str> {
    if let Some((_, rest)) =
        message.split_once("Couldn't automatically determine type of variable `")
    {
        return rest.split('`').next();
    }
    let cut =
        ["` is a closure", "` has type `"].iter().find_map(|sign| message.split_once(sign))?;
    cut.0.rsplit('`').next()
}

fn known<'a>(variable: &str, inferred: &'a [(String, Inferred)]) -> Option<&'a Inferred> {
    inferred.iter().rev().find(|(name, _)| name == variable).map(|(_, t)| t)
}

/// Returns whether the compiler may know a type that is unknown according to evcxr's `message`.
/// Each variable is tried once, and is then the last of `asked`.
pub(in crate::eval) fn to_be_asked(
    message: &str,
    inferred: &[(String, Inferred)],
    asked: &mut Vec<String>,
) -> bool {
    let Some(variable) = variable_of(message) else { return false };
    let hopeless = matches!(known(variable, inferred), Some(Inferred::Closure(_)))
        || message.contains("cannot be persisted");
    if hopeless || asked.iter().any(|a| a == variable) {
        return false;
    }
    asked.push(variable.to_owned());
    true
}

/// Returns whether evcxr's message is about the type of a variable.
pub(in crate::eval) fn is_about_type(message: &str) -> bool {
    variable_of(message).is_some()
}

/// Corrects the types of variables that the compiler rejects or was asked for; returns these, each
/// with its type as far as that can be written.
pub(in crate::eval) fn correct_types(
    errors: &[CompilationError],
    cell: &mut Cell,
) -> Vec<(String, Option<String>)> {
    let found = mistyped(errors, cell);
    for (variable, found) in &found {
        match found {
            Some(found) => cell.write_type(variable, found),
            None => cell.forget_type(variable),
        }
    }
    found
}

/// Returns the variables whose annotated types the compiler rejects, and the types that it found, as
/// far as they can be written.
fn mistyped(errors: &[CompilationError], cell: &Cell) -> Vec<(String, Option<String>)> {
    let messages = errors.iter().flat_map(|e| e.spanned_messages().iter().map(move |m| (e, m)));
    let found = messages.filter(|(_, m)| m.is_primary).filter_map(|(e, m)| {
        let span = m.span?;
        let variable = cell.types_at(span.start_line, span.start_column)?.to_owned();
        let message = e.message();
        let told = message.strip_prefix("rask-type:");
        let found = told
            .or_else(|| Some(m.label.split_once("found `")?.1.rsplit_once('`')?.0))
            .map(|f| f.replace("{integer}", "i32").replace("{float}", "f64"));
        Some((variable, found.filter(|f| can_be_written(f) && !f.contains("..."))))
    });
    let mut once: Vec<(String, Option<String>)> = Vec::new();
    for (variable, found) in found {
        // The first message counts.
        if !once.iter().any(|(v, _)| *v == variable) {
            once.push((variable, found));
        }
    }
    once
}

const BLOCK: &str = "or use it only within this cell, in a block: { ... }";

/// Returns the error for evcxr's message, if it is about the type of a variable.
pub(in crate::eval) fn unknown_type(
    message: &str,
    cell: &Cell,
    inferred: &[(String, Inferred)],
) -> Option<CellError> {
    let variable = variable_of(message)?;
    let value = cell.value_of(variable).unwrap_or("...");
    let (text, mut hints) = match known(variable, inferred) {
        Some(Inferred::Closure(signature)) => {
            let signature = signature.trim_start_matches("impl ");
            (
                format!(
                    "the variable `{variable}` is a closure; its type has no name, so it cannot be kept for later cells"
                ),
                vec![
                    format!("box it: let {variable}: Box<dyn {signature}> = Box::new({value});"),
                    "or write it as a function: fn ...".to_owned(),
                ],
            )
        }
        Some(Inferred::Unknown(name)) if name.contains("impl ") => {
            // An iterator chain is recognised by the closures in it.
            let iterator = name.contains("Iterator") || name.contains("impl FnMut(");
            let boxed = if name.starts_with("impl ") {
                name.replacen("impl ", "dyn ", 1)
            } else {
                "dyn Iterator<Item = ...>".to_owned()
            };
            let mut hints =
                vec![format!("or box it: let {variable}: Box<{boxed}> = Box::new({value});")];
            if iterator {
                hints.insert(
                    0,
                    format!("collect it: let {variable} = {value}.collect::<Vec<_>>();"),
                );
            }
            (
                format!(
                    "the variable `{variable}` has type `{name}`, which cannot be named, so it cannot be kept for later cells"
                ),
                hints,
            )
        }
        Some(Inferred::Unknown(name)) if !name.is_empty() && !name.contains("{unknown}") => (
            format!(
                "the type of the variable `{variable}` is only partly known (`{name}`), so it cannot be kept for later cells"
            ),
            vec![format!("annotate it: let {variable}: {} = {value};", name.replace('_', "..."))],
        ),
        _ => (
            format!(
                "the type of the variable `{variable}` could not be inferred, so it cannot be kept for later cells"
            ),
            vec![format!("annotate it: let {variable}: ... = {value};")],
        ),
    };
    hints.push(BLOCK.to_owned());
    Some(CellError::not_kept(variable, &text, &hints, cell))
}

/// Returns the error for a variable that borrows, if that is the cause of the compiler's errors.
pub(in crate::eval) fn borrowed(
    errors: &[CompilationError],
    cell: &Cell,
    inferred: &[(String, Inferred)],
) -> Option<CellError> {
    let about = |e: &&CompilationError| {
        let text = format!("{}{}", e.message(), e.json);
        let kept = ["non-static lifetime so", "is borrowed for `'static`", "evcxr_variable_store"]
            .iter()
            .any(|s| text.contains(s));
        kept && matches!(e.code(), None | Some("E0597" | "E0716" | "E0505" | "E0521"))
    };
    let message = errors.iter().find(about)?.message();
    let named = message
        .split_once("The variable `")
        .and_then(|(_, r)| r.split('`').next())
        .map(str::to_owned);
    let borrows = |t: &Inferred| match t {
        Inferred::Type(name) => {
            name.replace("&'static", "").contains('&')
                || name.contains("'_")
                || name.contains("Iter<")
        }
        _ => false,
    };
    let variable =
        named.or_else(|| inferred.iter().find(|(_, t)| borrows(t)).map(|(n, _)| n.clone()))?;
    let value = cell.value_of(&variable).unwrap_or("...");
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let owner = value.trim_start_matches(['&', '(', '*', ' ']).trim_start_matches("mut ");
    let owner = &owner[..owner.find(|c| !is_word(c)).unwrap_or(owner.len())];
    let iterator = matches!(known(&variable, inferred), Some(Inferred::Type(name)) if name.contains("Iter<") || name.contains("Chars<"));
    let copy = match value.strip_prefix('&').map(str::trim) {
        _ if iterator => format!("{value}.cloned().collect::<Vec<_>>()"),
        Some(part) if part.chars().all(is_word) => format!("{part}.clone()"),
        Some(part) => format!("{}.to_owned()", part.trim_start_matches("mut ")),
        None => format!("{value}.to_owned()"),
    };
    let text = match owner {
        "" => format!(
            "the variable `{variable}` borrows, and only values that own their data can be kept for later cells"
        ),
        owner => {
            format!(
                "the variable `{variable}` borrows from `{owner}`, and only values that own their data can be kept for later cells"
            )
        }
    };
    let mut hints = vec![format!("keep a copy: let {variable} = {copy};")];
    if !owner.is_empty() {
        hints.push(format!("or share the value: let {owner} = std::sync::Arc::new({owner}); let {variable} = {owner}.clone();"));
    }
    hints.push(BLOCK.to_owned());
    Some(CellError::not_kept(&variable, &text, &hints, cell))
}

/// Returns a note about mutable statics: each cell is a library with its own copy.
pub(in crate::eval) fn statics(cell: &Cell) -> String {
    const CHANGING: [&str; 9] = [
        "static mut",
        "Atomic",
        "Mutex",
        "RwLock",
        "Cell",
        "OnceLock",
        "LazyLock",
        "thread_local",
        "Lazy",
    ];
    let statics =
        cell.items().into_iter().filter(|i| i.text.contains("static ") && !i.text.contains("fn "));
    let changing = statics.filter(|i| CHANGING.iter().any(|c| i.text.contains(c)));
    let names: Vec<_> = changing.filter_map(|i| i.name).collect();
    if names.is_empty() {
        return String::new();
    }
    format!(
        "note: every cell has its own copy of the static {}: changes are not visible in other cells; help: use a variable instead\n",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, inferred: Inferred, parts: &[&str]) {
        let cell = Cell::parse("let it = f();");
        let error = unknown_type(message, &cell, &[("it".to_owned(), inferred)]).unwrap();
        let text = error.traceback.join("\n");
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn statics_that_change_are_remarked_upon() {
        assert!(
            statics(&Cell::parse("static N: AtomicU8 = AtomicU8::new(1);")).contains("static N")
        );
        assert_eq!(
            statics(&Cell::parse("static N: u8 = 1; fn f() -> &'static str { \"Cell\" }")),
            ""
        );
    }

    #[test]
    fn the_compiler_is_asked_once_for_each_variable() {
        let mut asked = Vec::new();
        let inferred = [
            ("f".to_owned(), Inferred::Closure(String::new())),
            ("x".to_owned(), Inferred::Unknown("Vec<_>".into())),
        ];
        let unknown =
            |name: &str| format!("Couldn't automatically determine type of variable `{name}`.");
        assert!(
            to_be_asked(&unknown("x"), &inferred, &mut asked)
                && !to_be_asked(&unknown("x"), &inferred, &mut asked)
        );
        assert!(
            !to_be_asked(&unknown("f"), &inferred, &mut asked)
                && !to_be_asked("other", &inferred, &mut asked)
        );
    }

    #[test]
    fn each_kind_of_type_has_its_rewrite() {
        let unknown = "Couldn't automatically determine type of variable `it`.\nPlease give it an explicit type.";
        check(
            unknown,
            Inferred::Closure("impl Fn(i32) -> i32".into()),
            &["closure", "let it: Box<dyn Fn(i32) -> i32> = Box::new(f());", "line 1, column 5"],
        );
        check(
            "The variable `it` is a closure, which",
            Inferred::Closure(String::new()),
            &["closure"],
        );
        check(
            unknown,
            Inferred::Unknown("impl Iterator<Item = i32>".into()),
            &["collect::<Vec<_>>()", "Box<dyn Iterator<Item = i32>>"],
        );
        check(unknown, Inferred::Unknown("Vec<_>".into()), &["let it: Vec<...> = f();"]);
        check(unknown, Inferred::Unknown(String::new()), &["let it: ... = f();"]);
        assert_eq!(unknown_type("something else", &Cell::parse(""), &[]), None);
    }
}
