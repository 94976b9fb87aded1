//! Loops over two lists, and the error of a result that does not fit.

use crate::error::Error;

/// Appends the results of a function of two elements.
#[inline(always)]
pub(crate) fn zip<A: Copy, B: Copy, O>(a: &[A], b: &[B], out: &mut Vec<O>, f: impl Fn(A, B) -> O) {
    match (a, b) {
        ([a], [b]) => out.push(f(*a, *b)),
        (a, [b]) => out.extend(a.iter().map(|a| f(*a, *b))),
        ([a], b) => out.extend(b.iter().map(|b| f(*a, *b))),
        (a, b) => out.extend(a.iter().zip(b).map(|(a, b)| f(*a, *b))),
    }
}

/// The error for an integer result that does not fit.
#[cold]
pub(super) fn overflow(method: &str, of: &str, type_name: &str) -> Error {
    let name = match type_name {
        "i64" => "int64",
        "i32" => "int32",
        "u64" => "uint64",
        _ => "uint8",
    };
    Error::bad_argument(
        method,
        format!(
            "integer overflow: the result for {of} does not fit {name}; expected results in its range; help: convert first, as in .astype::<f64>()"
        ),
    )
}
