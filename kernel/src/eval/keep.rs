//! Why a variable cannot be kept for later cells, and how to write it so that it can.

use super::assist::Inferred;
use super::cell::Cell;
use super::diagnostics::CellError;
use evcxr::CompilationError;

/// evcxr's way of saying that it does not know a type.
const NO_TYPE: &str = "Couldn't automatically determine type of variable `";
const CLOSURE: &str = "` is a closure";

/// The error for what evcxr says of a variable's type, where it is about that.
pub(super) fn unknown_type(message: &str, cell: &Cell, inferred: &[(String, Inferred)]) -> Option<CellError> {
    let variable = match message.split_once(NO_TYPE) {
        Some((_, rest)) => rest.split('`').next()?,
        None => message.split_once(CLOSURE)?.0.rsplit('`').next()?,
    };
    let known = inferred.iter().rev().find(|(name, _)| name == variable).map(|(_, t)| t);
    let block = "or use it within this cell alone, in a block: { ... }".to_owned();
    let (value, hints) = match known {
        Some(Inferred::Closure(signature)) => {
            let signature = signature.trim_start_matches("impl ");
            (
                format!("the variable `{variable}` is a closure; its type has no name, so it cannot be kept for later cells"),
                vec![format!("keep it in a box: let {variable}: Box<dyn {signature}> = Box::new(...);"), "or write it as a function: fn ...".to_owned(), block],
            )
        }
        Some(Inferred::Unknown(name)) if name.contains("impl ") => {
            let boxed = name.replacen("impl ", "dyn ", 1);
            let mut hints = vec![format!("keep it in a box: let {variable}: Box<{boxed}> = Box::new(...);"), block];
            if name.contains("Iterator") {
                hints.insert(0, format!("collect it: let {variable} = ... .collect::<Vec<_>>();"));
            }
            (format!("the variable `{variable}` is of the type `{name}`, which has no name, so it cannot be kept for later cells"), hints)
        }
        Some(Inferred::Unknown(name)) if !name.is_empty() => (
            format!("the type of the variable `{variable}` is not known as a whole (`{name}`), so it cannot be kept for later cells"),
            vec![format!("write it down: let {variable}: {} = ...;", name.replace("{unknown}", "...").replace('_', "...")), block],
        ),
        _ => (
            format!("the type of the variable `{variable}` could not be found out, so it cannot be kept for later cells"),
            vec![format!("write it down: let {variable}: ... = ...;"), block],
        ),
    };
    Some(CellError::not_kept(variable, &value, &hints, cell))
}

/// The error for a variable that borrows, where that is what the compiler complains of.
pub(super) fn borrowed(errors: &[CompilationError], cell: &Cell, inferred: &[(String, Inferred)]) -> Option<CellError> {
    let about = |e: &CompilationError| {
        let text = format!("{}{}", e.message(), e.json);
        text.contains("non-static lifetime so") || text.contains("is borrowed for `'static`") || text.contains("evcxr_variable_store")
    };
    let error = errors.iter().find(|e| about(e) && matches!(e.code(), None | Some("E0597" | "E0716" | "E0505" | "E0521")))?;
    let message = error.message();
    let named = message.split_once("The variable `").and_then(|(_, r)| r.split('`').next()).map(str::to_owned);
    // The compiler names what is borrowed, evcxr at times what borrows.
    let owner = message.split_once('`').and_then(|(_, r)| r.split('`').next()).filter(|_| named.is_none()).map(str::to_owned);
    let borrows = |t: &Inferred| match t {
        Inferred::Type(name) => name.replace("&'static", "").contains('&') || name.contains("'_") || name.contains("Iter<"),
        _ => false,
    };
    let variable = named.or_else(|| inferred.iter().find(|(_, t)| borrows(t)).map(|(n, _)| n.clone()))?;
    let owner = owner.filter(|o| *o != variable).unwrap_or_else(|| "its owner".to_owned());
    let value = format!("the variable `{variable}` borrows from `{owner}`, and only values that own what they are made of can be kept for later cells")
        .replace("`its owner`", "another value");
    let source = if owner == "its owner" { "..." } else { &owner };
    let hints = [
        format!("keep a copy of its own: let {variable} = {source}.clone();  (.to_owned(), .to_vec(), .to_string() for parts)"),
        format!("or share it: let {source} = std::sync::Arc::new({source}); let {variable} = {source}.clone();"),
        "or use it within this cell alone, in a block: { ... }".to_owned(),
    ];
    Some(CellError::not_kept(&variable, &value, &hints, cell))
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
    fn each_kind_of_type_has_its_rewrite() {
        let unknown = "Couldn't automatically determine type of variable `it`.\nPlease give it an explicit type.";
        check(unknown, Inferred::Closure("impl Fn(i32) -> i32".into()), &["closure", "let it: Box<dyn Fn(i32) -> i32> = Box::new(", "line 1, column 5"]);
        check("The variable `it` is a closure, which", Inferred::Closure(String::new()), &["closure"]);
        check(unknown, Inferred::Unknown("impl Iterator<Item = i32>".into()), &["collect::<Vec<_>>()", "Box<dyn Iterator<Item = i32>>"]);
        check(unknown, Inferred::Unknown("Vec<_>".into()), &["let it: Vec<...> = ...;"]);
        check(unknown, Inferred::Unknown(String::new()), &["let it: ... = ...;"]);
        assert_eq!(unknown_type("something else", &Cell::parse(""), &[]), None);
    }
}
