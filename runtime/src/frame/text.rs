//! What is done with texts of a column, under pandas' names: `col("name").str().starts_with("A")`.

use super::expr::{Expr, IntoExpr};
use datafusion::functions::expr_fn as f;
use datafusion::logical_expr::{self as df, cast};

impl Expr {
    /// The methods on texts.
    #[must_use]
    pub fn str(&self) -> Str {
        Str(self.clone())
    }
}

/// The methods on texts, made by [`Expr::str`]. What is missing stays missing.
///
/// ```
/// use rask::prelude::*;
/// let df = DataFrame::from_columns([("code", Series::from_iter(["007", "42"]))]);
/// assert_eq!(df.filter(col("code").str().starts_with("0")).len()?, 1);
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Str(Expr);

impl Str {
    #[inline(never)]
    fn with(&self, pattern: &str, make: fn(df::Expr, df::Expr) -> df::Expr) -> Expr {
        Expr::new(make(self.0.get().clone(), pattern.into_expr().get().clone()))
    }

    #[inline(never)]
    fn each(&self, make: fn(df::Expr) -> df::Expr) -> Expr {
        Expr::new(make(self.0.get().clone()))
    }

    /// Whether the text begins with another one.
    #[must_use]
    pub fn starts_with(&self, text: &str) -> Expr {
        self.with(text, f::starts_with)
    }

    /// Whether the text ends with another one.
    #[must_use]
    pub fn ends_with(&self, text: &str) -> Expr {
        self.with(text, f::ends_with)
    }

    /// Whether the text contains another one, taken as it is.
    #[must_use]
    pub fn contains(&self, text: &str) -> Expr {
        self.with(text, f::contains)
    }

    /// Number of characters.
    #[must_use]
    pub fn len(&self) -> Expr {
        self.each(|e| cast(f::character_length(e), arrow::datatypes::DataType::Int64))
    }

    /// The text in small letters.
    #[must_use]
    pub fn lower(&self) -> Expr {
        self.each(f::lower)
    }

    /// The text in capitals.
    #[must_use]
    pub fn upper(&self) -> Expr {
        self.each(f::upper)
    }

    /// The text without spaces at its ends.
    #[must_use]
    pub fn strip(&self) -> Expr {
        self.each(|e| f::btrim(vec![e]))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn methods_on_texts() {
        let df = DataFrame::from_columns([("t", Series::from_iter([Some(" Ab%"), Some("né"), None]))]);
        let t = || col("t").str();
        let texts = |e: Expr| df.with_column("o", e).compute().unwrap().column("o").unwrap().to_vec::<Option<String>>().unwrap();
        let some = |s: &str| Some(s.to_owned());
        assert_eq!(texts(t().lower()), [some(" ab%"), some("né"), None]);
        assert_eq!(texts(t().strip().str().upper()), [some("AB%"), some("NÉ"), None]);
        assert_eq!(
            df.with_column("n", t().len()).compute().unwrap().column("n").unwrap().to_vec::<Option<i64>>().unwrap(),
            [Some(4), Some(2), None]
        );
        for (condition, n) in [(t().contains("%"), 1), (t().starts_with("n"), 1), (t().ends_with("b"), 0)] {
            assert_eq!(df.filter(condition).len().unwrap(), n);
        }
    }
}
