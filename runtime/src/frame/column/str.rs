//! String methods (`.str()`), with pandas' names: `col("name").str().startswith("A")`. Positions
//! count characters, not bytes.

use crate::csv::texts::views;
use crate::frame::column::lazy_series::LazySeries;
use crate::frame::column::target::Target;
use crate::frame::dataframe::DataFrame;
use crate::frame::expr::udf::{keyed, scalar_fn};
use crate::frame::expr::{Expr, col, ident};
use crate::frame::types::cell::is_text;
use crate::frame::types::names::IntoNames;
use crate::frame::types::wrong::wrong_type;
use arrow::array::{
    Array, ArrayRef, BooleanArray, Int64Array, ListBuilder, StringArray, StringBuilder,
};
use arrow::datatypes::DataType;
use fancy_regex::Regex;
use std::sync::Arc;

impl Expr {
    /// Returns the string methods.
    #[must_use]
    pub fn str(&self) -> Str<Self> {
        Str(self.clone())
    }
}

impl LazySeries {
    /// Returns the string methods.
    #[must_use]
    pub fn str(&self) -> Str<Self> {
        Str(self.clone())
    }
}

/// String methods, created by [`Expr::str`] and [`LazySeries::str`]. Null stays null. Patterns are
/// regular expressions as in Python, with look-around; an invalid one is an error of the step that
/// uses it.
///
/// ```
/// use rask::prelude::*;
/// let df = DataFrame::from_columns([("code", Series::from_iter(["007", "42"]))]);
/// assert_eq!(df.filter(col("code").str().startswith("0")).len()?, 1);
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Str<T>(T);

/// A result type of a string method.
trait Made: Sized {
    fn dtype() -> DataType;
    fn array(values: Vec<Option<Self>>) -> ArrayRef;
}

impl Made for String {
    fn dtype() -> DataType {
        DataType::Utf8
    }
    fn array(values: Vec<Option<Self>>) -> ArrayRef {
        Arc::new(StringArray::from(values))
    }
}

impl Made for bool {
    fn dtype() -> DataType {
        DataType::Boolean
    }
    fn array(values: Vec<Option<Self>>) -> ArrayRef {
        Arc::new(BooleanArray::from(values))
    }
}

impl Made for i64 {
    fn dtype() -> DataType {
        DataType::Int64
    }
    fn array(values: Vec<Option<Self>>) -> ArrayRef {
        Arc::new(Int64Array::from(values))
    }
}

impl Made for Vec<String> {
    fn dtype() -> DataType {
        DataType::new_list(DataType::Utf8, true)
    }
    fn array(values: Vec<Option<Self>>) -> ArrayRef {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for list in values {
            lists.append_option(list.map(|l| l.into_iter().map(Some)));
        }
        Arc::new(lists.finish())
    }
}

/// Builds a function of strings; `problem` is an error in its arguments.
#[inline(never)]
fn over<R: Made>(
    x: &Expr,
    name: &'static str,
    key: String,
    problem: Option<String>,
    f: impl Fn(&str) -> Option<R> + Send + Sync + 'static,
) -> Expr {
    let returns = move |t: &[DataType]| match (&t[0], &problem) {
        (_, Some(problem)) => {
            Err(datafusion::error::DataFusionError::Plan(format!("str().{name}: {problem}")))
        }
        (t, None) if is_text(t) => Ok(R::dtype()),
        (t, None) => wrong_type(
            &format!("str().{name}"),
            t,
            "a string; help: cast it with astype(DType::Str)",
        ),
    };
    Expr::new(scalar_fn(&format!("str_{name}"), key, vec![x.get().clone()], returns, move |a| {
        let texts = views(&a[0])?;
        Ok(R::array(texts.iter().map(|t| t.and_then(&f)).collect()))
    }))
}

// The methods have generic return types and are therefore compiled in each cell that calls them;
// their implementations are compiled here.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident($($a:ident: $t:ty),*) -> $gives:ty: |$s:ident| $body:expr;)*) => {
        mod of_text {
            use super::*;
            $(#[inline(never)]
            pub(in crate::frame) fn $name(x: &Expr, $($a: $t),*) -> Expr {
                $(let $a = $a.to_owned();)*
                let key = keyed(&[$(format!("{:?}", $a)),*]);
                over::<$gives>(x, stringify!($name), key, None, move |$s: &str| $body)
            })*
        }

        impl<T: Target> Str<T> {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self, $($a: $t),*) -> T {
                self.0.with(concat!("str().", stringify!($name)), &|x| of_text::$name(x, $($a),*))
            }
        )*}
    };
}
texts! {
    /// Returns whether the string starts with a prefix.
    startswith(text: &str) -> bool: |s| Some(s.starts_with(text.as_str()));
    /// Returns whether the string starts with a prefix; the same as
    /// [`startswith`](Str::startswith).
    starts_with(text: &str) -> bool: |s| Some(s.starts_with(text.as_str()));
    /// Returns whether the string ends with a suffix.
    endswith(text: &str) -> bool: |s| Some(s.ends_with(text.as_str()));
    /// Returns whether the string ends with a suffix; the same as [`endswith`](Str::endswith).
    ends_with(text: &str) -> bool: |s| Some(s.ends_with(text.as_str()));
    /// Returns whether the string contains another one, taken literally.
    contains_text(text: &str) -> bool: |s| Some(s.contains(text.as_str()));
    /// Returns the number of characters.
    len() -> i64: |s| Some(s.chars().count() as i64);
    /// Converts to lowercase.
    lower() -> String: |s| Some(s.to_lowercase());
    /// Converts to uppercase.
    upper() -> String: |s| Some(s.to_uppercase());
    /// Folds the case for caseless comparison: lowercase, and `ss` for the German sharp s.
    casefold() -> String: |s| Some(s.to_lowercase().replace('\u{df}', "ss"));
    /// Converts the first character to uppercase and all others to lowercase.
    capitalize() -> String: |s| Some(capital(s));
    /// Converts the first letter of each word to uppercase and all others to lowercase.
    title() -> String: |s| Some(titled(s));
    /// Swaps uppercase and lowercase.
    swapcase() -> String: |s| Some(s.chars().flat_map(swapped).collect());
    /// Removes whitespace at both ends.
    strip() -> String: |s| Some(s.trim().to_owned());
    /// Removes whitespace at the start.
    lstrip() -> String: |s| Some(s.trim_start().to_owned());
    /// Removes whitespace at the end.
    rstrip() -> String: |s| Some(s.trim_end().to_owned());
    /// Removes any of these characters at both ends.
    strip_chars(chars: &str) -> String: |s| Some(s.trim_matches(|c| chars.contains(c)).to_owned());
    /// Removes a prefix, where the string has it.
    removeprefix(text: &str) -> String: |s| Some(s.strip_prefix(text.as_str()).unwrap_or(s).to_owned());
    /// Removes a suffix, where the string has it.
    removesuffix(text: &str) -> String: |s| Some(s.strip_suffix(text.as_str()).unwrap_or(s).to_owned());
    /// Replaces all occurrences of one string by another; both are taken literally.
    replace(from: &str, to: &str) -> String: |s| Some(s.replace(from.as_str(), &to));
    /// Repeats the string `times` times.
    repeat(times: usize) -> String: |s| Some(s.repeat(times));
    /// Returns the characters from `start` up to, not including, `stop`, as in Python: negative
    /// positions count from the end.
    slice(start: i64, stop: i64) -> String: |s| Some(sliced(s, start, stop).1.to_owned());
    /// Replaces the characters from `start` up to, not including, `stop`.
    slice_replace(start: i64, stop: i64, text: &str) -> String: |s| {
        let (before, _, after) = sliced(s, start, stop);
        Some(format!("{before}{text}{after}"))
    };
    /// Returns the character at a position; negative positions count from the end. Null where the
    /// string is shorter.
    get(place: i64) -> String: |s| if place < 0 { s.chars().rev().nth((-1 - place) as usize) } else { s.chars().nth(place as usize) }.map(String::from);
    /// Returns the position of the first occurrence of a string, or -1.
    find(text: &str) -> i64: |s| Some(s.find(text.as_str()).map_or(-1, |at| s[..at].chars().count() as i64));
    /// Returns the position of the last occurrence of a string, or -1.
    rfind(text: &str) -> i64: |s| Some(s.rfind(text.as_str()).map_or(-1, |at| s[..at].chars().count() as i64));
    /// Pads both sides with `fill` to at least `width` characters.
    center(width: usize, fill: char) -> String: |s| { let n = room(s, width); let left = n / 2 + (n & width & 1); Some(filled(s, left, n - left, fill)) };
    /// Pads the right side with `fill` to at least `width` characters; longer strings stay
    /// unchanged.
    ljust(width: usize, fill: char) -> String: |s| Some(filled(s, 0, room(s, width), fill));
    /// Pads the left side with `fill` to at least `width` characters; longer strings stay
    /// unchanged.
    rjust(width: usize, fill: char) -> String: |s| Some(filled(s, room(s, width), 0, fill));
    /// Pads the left side with `fill` to at least `width` characters; the same as
    /// [`rjust`](Str::rjust).
    pad(width: usize, fill: char) -> String: |s| Some(filled(s, room(s, width), 0, fill));
    /// Pads with zeros after the sign to at least `width` characters.
    zfill(width: usize) -> String: |s| {
        let (sign, digits) = s.split_at(usize::from(s.starts_with(['+', '-'])));
        Some(format!("{sign}{}{digits}", "0".repeat(room(s, width))))
    };
    /// Splits at a separator, taken literally; at whitespace where it is empty.
    split(sep: &str) -> Vec<String>: |s| Some(if sep.is_empty() { s.split_whitespace().map(str::to_owned).collect() } else { s.split(sep.as_str()).map(str::to_owned).collect() });
    /// Splits at a separator, at most `splits` times; 0 splits everywhere, as in pandas. An empty
    /// separator splits at whitespace.
    split_n(sep: &str, splits: usize) -> Vec<String>: |s| Some(parts(s, &sep, splits));
    /// Splits at a separator from the end, at most `splits` times; the remainder comes first.
    rsplit(sep: &str, splits: usize) -> Vec<String>: |s| { let mut parts: Vec<_> = s.rsplitn(splits.saturating_add(1), sep.as_str()).map(str::to_owned).collect(); parts.reverse(); Some(parts) };
    /// Splits at the first separator into the part before it, the separator, and the part after it.
    partition(sep: &str) -> Vec<String>: |s| Some(s.split_once(sep.as_str()).map_or_else(|| vec![s.to_owned(), String::new(), String::new()], |(a, b)| vec![a.to_owned(), sep.clone(), b.to_owned()]));
    /// Splits at the last separator into the part before it, the separator, and the part after it.
    rpartition(sep: &str) -> Vec<String>: |s| Some(s.rsplit_once(sep.as_str()).map_or_else(|| vec![String::new(), String::new(), s.to_owned()], |(a, b)| vec![a.to_owned(), sep.clone(), b.to_owned()]));
    /// Joins the characters with a separator.
    join(sep: &str) -> String: |s| Some(s.chars().map(String::from).collect::<Vec<_>>().join(&sep));
    /// Replaces each character of `from` by the one at its position in `to`.
    translate(from: &str, to: &str) -> String: |s| Some(s.chars().map(|c| from.chars().position(|f| f == c).and_then(|i| to.chars().nth(i)).unwrap_or(c)).collect());
    /// Returns whether all characters are letters or digits, and there is at least one.
    isalnum() -> bool: |s| Some(all(s, char::is_alphanumeric));
    /// Returns whether all characters are letters, and there is at least one.
    isalpha() -> bool: |s| Some(all(s, char::is_alphabetic));
    /// Returns whether all characters are digits from 0 to 9, and there is at least one.
    isdecimal() -> bool: |s| Some(all(s, |c| c.is_ascii_digit()));
    /// Returns whether all characters are digits from 0 to 9; the same as
    /// [`isdecimal`](Str::isdecimal).
    isdigit() -> bool: |s| Some(all(s, |c| c.is_ascii_digit()));
    /// Returns whether all characters are numeric, and there is at least one.
    isnumeric() -> bool: |s| Some(all(s, char::is_numeric));
    /// Returns whether all characters are whitespace, and there is at least one.
    isspace() -> bool: |s| Some(all(s, char::is_whitespace));
    /// Returns whether there are letters and all are lowercase.
    islower() -> bool: |s| Some(s.chars().any(char::is_lowercase) && !s.chars().any(char::is_uppercase));
    /// Returns whether there are letters and all are uppercase.
    isupper() -> bool: |s| Some(s.chars().any(char::is_uppercase) && !s.chars().any(char::is_lowercase));
    /// Returns whether each word starts with an uppercase letter and has no other.
    istitle() -> bool: |s| Some(s.chars().any(char::is_alphabetic) && s == titled(s));
}

macro_rules! patterns {
    ($($(#[$doc:meta])* $name:ident($($a:ident: $t:ty),*) -> $gives:ty: |$r:ident, $s:ident| $body:expr;)*) => {
        mod of_pattern {
            use super::*;
            $(#[inline(never)]
            pub(in crate::frame) fn $name(x: &Expr, pattern: &str, $($a: $t),*) -> Expr {
                $(let $a = $a.to_owned();)*
                let key = [format!("{pattern:?}"), $(format!("{:?}", $a)),*].join(", ");
                // A match of the whole string may end later than the first match that the pattern
                // finds.
                let whole = if stringify!($name) == "fullmatch" { format!(r"\A(?:{pattern})\z") } else { pattern.to_owned() };
                let (made, problem) = compiled(&whole);
                over::<$gives>(x, stringify!($name), key, problem, move |$s: &str| { let $r = made.as_ref()?; $body })
            })*
        }

        impl<T: Target> Str<T> {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self, pattern: &str, $($a: $t),*) -> T {
                self.0.with(concat!("str().", stringify!($name)), &|x| of_pattern::$name(x, pattern, $($a),*))
            }
        )*}
    };
}
patterns! {
    /// Returns whether the pattern is found in the string.
    contains() -> bool: |r, s| r.is_match(s).ok();
    /// Returns whether the pattern matches at the start of the string.
    match_() -> bool: |r, s| r.find(s).ok().map(|m| m.is_some_and(|m| m.start() == 0));
    /// Returns whether the pattern matches the whole string.
    fullmatch() -> bool: |r, s| r.is_match(s).ok();
    /// Counts the matches of the pattern.
    count() -> i64: |r, s| Some(r.find_iter(s).flatten().count() as i64);
    /// Returns all matches of the pattern: their first group, where it has one.
    findall() -> Vec<String>: |r, s| Some(r.captures_iter(s).flatten().map(|c| c.get(usize::from(c.len() > 1)).map_or("", |m| m.as_str()).to_owned()).collect());
    /// Returns a group of every match; group 1 is the first, 0 the whole match.
    extractall(group: usize) -> Vec<String>: |r, s| Some(r.captures_iter(s).flatten().filter_map(|c| c.get(group).map(|m| m.as_str().to_owned())).collect());
    /// Returns a group of the first match; group 1 is the first, 0 the whole match. Null where the
    /// pattern is not found.
    extract(group: usize) -> String: |r, s| r.captures(s).ok().flatten()?.get(group).map(|m| m.as_str().to_owned());
    /// Replaces every match; `$1` refers to a group.
    replace_regex(to: &str) -> String: |r, s| Some(r.replace_all(s, to.as_str()).into_owned());
    /// Splits at the matches of the pattern.
    split_regex() -> Vec<String>: |r, s| Some(r.split(s).flatten().map(str::to_owned).collect());
}

impl<T: Target> Str<T> {
    /// Concatenates the string with those of other columns, with a separator; null where one of
    /// them is null.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("a", Series::from_iter(["x"])), ("b", Series::from_iter(["y"]))]);
    /// assert_eq!(df.with_column("c", col("a").str().cat(["b"], "-")).compute()?.column("c")?.to_vec::<String>()?, ["x-y"]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn cat(&self, others: impl IntoNames, sep: &str) -> T {
        let others = others.into_names();
        self.0.with("str().cat", &|x| joined(x, &others, sep))
    }
}

#[inline(never)]
fn joined(x: &Expr, others: &[String], sep: &str) -> Expr {
    let returns = move |t: &[DataType]| match t.iter().find(|t| !is_text(t)) {
        Some(other) => {
            wrong_type("str().cat", other, "a string; help: cast it with astype(DType::Str)")
        }
        None => Ok(DataType::Utf8),
    };
    let args = std::iter::once(x.get().clone()).chain(others.iter().map(|n| ident(n))).collect();
    let sep = sep.to_owned();
    Expr::new(scalar_fn("str_cat", format!("{sep:?}"), args, returns, move |a| {
        let texts = a.iter().map(|a| views(a)).collect::<Result<Vec<_>, _>>()?;
        let row = |i: usize| {
            let parts: Option<Vec<&str>> =
                texts.iter().map(|t| t.is_valid(i).then(|| t.value(i))).collect();
            parts.map(|p| p.join(&sep))
        };
        Ok(Arc::new((0..a[0].len()).map(row).collect::<StringArray>()))
    }))
}

/// Compiles a pattern, or returns what is wrong with it.
fn compiled(pattern: &str) -> (Option<Regex>, Option<String>) {
    match Regex::new(pattern) {
        Ok(made) => (Some(made), None),
        Err(e) => (
            None,
            Some(format!(
                "invalid regular expression {pattern:?}: {e}; help: contains_text and replace take strings literally"
            )),
        ),
    }
}

fn capital(s: &str) -> String {
    let mut chars = s.chars();
    chars.next().map_or_else(String::new, |c| {
        c.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect()
    })
}

fn titled(s: &str) -> String {
    let mut in_word = false;
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        if in_word {
            out.extend(c.to_lowercase())
        } else {
            out.extend(c.to_uppercase())
        }
        in_word = c.is_alphabetic();
    }
    out
}

fn swapped(c: char) -> Vec<char> {
    if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() }
}

fn all(s: &str, of: impl Fn(char) -> bool) -> bool {
    !s.is_empty() && s.chars().all(of)
}

/// Returns the number of characters missing to a width.
fn room(s: &str, width: usize) -> usize {
    width.saturating_sub(s.chars().count())
}

fn filled(s: &str, left: usize, right: usize, fill: char) -> String {
    let fill = |n| std::iter::repeat_n(fill, n);
    fill(left).chain(s.chars()).chain(fill(right)).collect()
}

/// Splits a string into the parts before, in and after a range of characters.
fn sliced(s: &str, start: i64, stop: i64) -> (&str, &str, &str) {
    let n = s.chars().count() as i64;
    let place = |i: i64| (if i < 0 { (n + i).max(0) } else { i.min(n) }) as usize;
    let (start, stop) = (place(start), place(stop).max(place(start)));
    let byte = |i: usize| s.char_indices().nth(i).map_or(s.len(), |(at, _)| at);
    (&s[..byte(start)], &s[byte(start)..byte(stop)], &s[byte(stop)..])
}

/// Splits a string at a separator, at most `splits` times.
fn parts(s: &str, sep: &str, splits: usize) -> Vec<String> {
    let most = if splits == 0 { usize::MAX } else { splits.saturating_add(1) };
    if !sep.is_empty() {
        return s.splitn(most, sep).map(str::to_owned).collect();
    }
    let (mut rest, mut parts) = (s.trim_start(), Vec::new());
    while parts.len() + 1 < most
        && let Some(at) = rest.find(char::is_whitespace)
    {
        parts.push(rest[..at].to_owned());
        rest = rest[at..].trim_start();
    }
    parts.extend((!rest.is_empty()).then(|| rest.to_owned()));
    parts
}

impl Str<Expr> {
    /// Splits into columns for [`with_columns`](crate::frame::dataframe::DataFrame::with_columns),
    /// at most `splits` times; 0 splits everywhere. Null where a string has fewer parts.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("name", Series::from_iter(["Ada Lovelace", "Plato"]))]);
    /// let both = df.with_columns(col("name").str().split_expand(" ", 1, ["first", "last"])).compute()?;
    /// assert_eq!(both.column("last")?.to_vec::<Option<String>>()?, [Some("Lovelace".to_owned()), None]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn split_expand(
        &self,
        sep: &str,
        splits: usize,
        names: impl IntoNames,
    ) -> Vec<(String, Expr)> {
        expanded(&self.0, sep, splits, names.into_names())
    }
}

impl Str<LazySeries> {
    /// Splits into columns of the frame, at most `splits` times; 0 splits everywhere. Null where a
    /// string has fewer parts.
    #[track_caller]
    pub fn split_expand(&self, sep: &str, splits: usize, names: impl IntoNames) -> DataFrame {
        self.0.frame().with_columns(expanded(&col(self.0.name()), sep, splits, names.into_names()))
    }
}

#[inline(never)]
fn expanded(x: &Expr, sep: &str, splits: usize, names: Vec<String>) -> Vec<(String, Expr)> {
    let parts = x.str().split_n(sep, splits);
    names.into_iter().enumerate().map(|(i, n)| (n, parts.list().get(i as i64))).collect()
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn methods_on_texts() {
        let df =
            DataFrame::from_columns([("t", Series::from_iter([Some(" Ab%"), Some("né"), None]))]);
        let t = || col("t").str();
        let texts = |e: Expr| {
            df.with_column("o", e)
                .compute()
                .unwrap()
                .column("o")
                .unwrap()
                .to_vec::<Option<String>>()
                .unwrap()
        };
        let some = |s: &str| Some(s.to_owned());
        assert_eq!(texts(t().lower()), [some(" ab%"), some("né"), None]);
        assert_eq!(texts(t().strip().str().upper()), [some("AB%"), some("NÉ"), None]);
        assert_eq!(
            df.with_column("n", t().len())
                .compute()
                .unwrap()
                .column("n")
                .unwrap()
                .to_vec::<Option<i64>>()
                .unwrap(),
            [Some(4), Some(2), None]
        );
        for (condition, n) in [
            (t().contains("%"), 1),
            (t().starts_with("n"), 1),
            (t().ends_with("b"), 0),
            (t().contains(r"(?<=A)b"), 1),
        ] {
            assert_eq!(df.filter(condition).len().unwrap(), n);
        }
        let e = df.filter(t().contains("(")).compute().unwrap_err().to_string();
        assert!(e.contains("str().contains") && e.contains("invalid regular expression"), "{e}");
        let e = df
            .with_column("n", t().len())
            .with_column("m", col("n").str().upper())
            .compute()
            .unwrap_err()
            .to_string();
        assert!(e.contains("str().upper: the column is int64, not a string"), "{e}");
    }
}
