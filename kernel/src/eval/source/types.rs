//! Types as text: what is known about a variable's type, and whether it can be written in source
//! code.

use ra_ap_syntax::{Edition, SourceFile, SyntaxKind};

/// What is known about the type of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inferred {
    /// A type that can be written in source code.
    Type(String),
    /// A closure, whose type has no name; its signature, as in `impl Fn(i32) -> i32`.
    Closure(String),
    /// An unknown type, or one that cannot be written; as far as it is known.
    Unknown(String),
    /// Not a variable, but a constant in a pattern.
    Constant,
}

/// Returns whether `name` is a complete type: rust-analyzer writes `_` and `{unknown}` for unknown
/// parts.
pub(crate) fn can_be_written(name: &str) -> bool {
    let parsed = SourceFile::parse(&format!("type T = {name};"), Edition::Edition2024);
    let odd = |kind| {
        matches!(
            kind,
            SyntaxKind::ERROR
                | SyntaxKind::INFER_TYPE
                | SyntaxKind::UNDERSCORE_EXPR
                | SyntaxKind::IMPL_TRAIT_TYPE
        )
    };
    parsed.errors().is_empty() && !parsed.syntax_node().descendants().any(|n| odd(n.kind()))
}

#[cfg(test)]
mod tests {
    use super::can_be_written;

    #[test]
    fn only_whole_types_can_be_written() {
        for good in [
            "i32",
            "Vec<(String, &'static str)>",
            "[u8; 4]",
            "Box<dyn Fn(i32) -> i32>",
            "rask::frame::DataFrame",
            "()",
        ] {
            assert!(can_be_written(good), "{good}");
        }
        for bad in ["Vec<_>", "[i32; _]", "{unknown}", "impl Fn(i32)", ""] {
            assert!(!can_be_written(bad), "{bad}");
        }
    }
}
