//! What is done with texts of a column, under pandas' names: `col("name").str().startswith("A")`. Places count characters.

use crate::csv::texts::views;
use crate::frame::column::lazy_series::LazySeries;
use crate::frame::column::target::Target;
use crate::frame::dataframe::DataFrame;
use crate::frame::expr::udf::{keyed, rowwise};
use crate::frame::expr::{Expr, bare, col};
use crate::frame::types::cell::is_text;
use crate::frame::types::names::IntoNames;
use crate::frame::types::wrong::wrong_type;
use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::DataType;
use fancy_regex::Regex;
use std::sync::Arc;

impl Expr {
    /// The methods on texts.
    #[must_use]
    pub fn str(&self) -> Str<Self> {
        Str(self.clone())
    }
}

impl LazySeries {
    /// The methods on texts.
    #[must_use]
    pub fn str(&self) -> Str<Self> {
        Str(self.clone())
    }
}

/// The methods on texts, made by [`Expr::str`] and [`LazySeries::str`]. What is missing stays missing. Patterns are regular
/// expressions as in Python, with look-around; one that is none is an error of the step that uses it.
///
/// ```
/// use rask::prelude::*;
/// let df = DataFrame::from_columns([("code", Series::from_iter(["007", "42"]))]);
/// assert_eq!(df.filter(col("code").str().startswith("0")).len()?, 1);
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Str<T>(T);

/// What a function of a text may give.
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

/// A function of a text, with what is wrong with its arguments.
#[inline(never)]
fn over<R: Made>(
    x: &Expr,
    name: &'static str,
    key: String,
    problem: Option<String>,
    f: impl Fn(&str) -> Option<R> + Send + Sync + 'static,
) -> Expr {
    let returns = move |t: &[DataType]| match (&t[0], &problem) {
        (_, Some(problem)) => Err(datafusion::error::DataFusionError::Plan(format!("str().{name}: {problem}"))),
        (t, None) if is_text(t) => Ok(R::dtype()),
        (t, None) => wrong_type(&format!("str().{name}"), t, "text; astype(DType::Str) makes it text"),
    };
    Expr::new(rowwise(&format!("str_{name}"), key, vec![x.get().clone()], returns, move |a| {
        let texts = views(&a[0])?;
        Ok(R::array(texts.iter().map(|t| t.and_then(&f)).collect()))
    }))
}

// The methods are generic in what they give, and so compiled in each cell that calls them; what they do is compiled here.
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
    /// Whether the text begins with another one.
    startswith(text: &str) -> bool: |s| Some(s.starts_with(text.as_str()));
    /// As [`startswith`](Str::startswith).
    starts_with(text: &str) -> bool: |s| Some(s.starts_with(text.as_str()));
    /// Whether the text ends with another one.
    endswith(text: &str) -> bool: |s| Some(s.ends_with(text.as_str()));
    /// As [`endswith`](Str::endswith).
    ends_with(text: &str) -> bool: |s| Some(s.ends_with(text.as_str()));
    /// Whether the text contains another one, taken as it is.
    contains_text(text: &str) -> bool: |s| Some(s.contains(text.as_str()));
    /// Number of characters.
    len() -> i64: |s| Some(s.chars().count() as i64);
    /// The text in small letters.
    lower() -> String: |s| Some(s.to_lowercase());
    /// The text in capitals.
    upper() -> String: |s| Some(s.to_uppercase());
    /// The text for comparison without regard to capitals: small letters, and `ss` for the German sharp s.
    casefold() -> String: |s| Some(s.to_lowercase().replace('\u{df}', "ss"));
    /// The first letter a capital, all others small.
    capitalize() -> String: |s| Some(capital(s));
    /// The first letter of each word a capital, all others small.
    title() -> String: |s| Some(titled(s));
    /// Small letters for capitals and capitals for small letters.
    swapcase() -> String: |s| Some(s.chars().flat_map(swapped).collect());
    /// The text without white space at its ends.
    strip() -> String: |s| Some(s.trim().to_owned());
    /// The text without white space at its start.
    lstrip() -> String: |s| Some(s.trim_start().to_owned());
    /// The text without white space at its end.
    rstrip() -> String: |s| Some(s.trim_end().to_owned());
    /// The text without any of these characters at its ends.
    strip_chars(chars: &str) -> String: |s| Some(s.trim_matches(|c| chars.contains(c)).to_owned());
    /// The text without another one at its start.
    removeprefix(text: &str) -> String: |s| Some(s.strip_prefix(text.as_str()).unwrap_or(s).to_owned());
    /// The text without another one at its end.
    removesuffix(text: &str) -> String: |s| Some(s.strip_suffix(text.as_str()).unwrap_or(s).to_owned());
    /// One text in place of another, everywhere; both are taken as they are.
    replace(from: &str, to: &str) -> String: |s| Some(s.replace(from.as_str(), &to));
    /// The text so many times.
    repeat(times: usize) -> String: |s| Some(s.repeat(times));
    /// The characters from one place to before another, as in Python: places below 0 count from the end.
    slice(start: i64, stop: i64) -> String: |s| Some(sliced(s, start, stop).1.to_owned());
    /// Another text in place of the characters from one place to before another.
    slice_replace(start: i64, stop: i64, text: &str) -> String: |s| {
        let (before, _, after) = sliced(s, start, stop);
        Some(format!("{before}{text}{after}"))
    };
    /// The character at a place; below 0 from the end. Missing where the text is shorter.
    get(place: i64) -> String: |s| if place < 0 { s.chars().rev().nth((-1 - place) as usize) } else { s.chars().nth(place as usize) }.map(String::from);
    /// Place of the first occurrence of another text, -1 where there is none.
    find(text: &str) -> i64: |s| Some(s.find(text.as_str()).map_or(-1, |at| s[..at].chars().count() as i64));
    /// Place of the last occurrence of another text, -1 where there is none.
    rfind(text: &str) -> i64: |s| Some(s.rfind(text.as_str()).map_or(-1, |at| s[..at].chars().count() as i64));
    /// The text in the middle of at least so many characters, filled up at both sides.
    center(width: usize, fill: char) -> String: |s| { let n = room(s, width); let left = n / 2 + (n & width & 1); Some(filled(s, left, n - left, fill)) };
    /// The text at the left of at least so many characters.
    ljust(width: usize, fill: char) -> String: |s| Some(filled(s, 0, room(s, width), fill));
    /// The text at the right of at least so many characters.
    rjust(width: usize, fill: char) -> String: |s| Some(filled(s, room(s, width), 0, fill));
    /// The text at the right of at least so many characters, as [`rjust`](Str::rjust).
    pad(width: usize, fill: char) -> String: |s| Some(filled(s, room(s, width), 0, fill));
    /// Zeros before the text, behind its sign, up to so many characters.
    zfill(width: usize) -> String: |s| {
        let (sign, digits) = s.split_at(usize::from(s.starts_with(['+', '-'])));
        Some(format!("{sign}{}{digits}", "0".repeat(room(s, width))))
    };
    /// The parts between a separator, which is taken as it is; between runs of white space where it is empty.
    split(sep: &str) -> Vec<String>: |s| Some(if sep.is_empty() { s.split_whitespace().map(str::to_owned).collect() } else { s.split(sep.as_str()).map(str::to_owned).collect() });
    /// The parts between a separator, split at most so many times; 0 splits everywhere, as in pandas. An empty separator is
    /// blank space.
    split_n(sep: &str, splits: usize) -> Vec<String>: |s| Some(parts(s, &sep, splits));
    /// At most so many splits, from the end, and what is left before them first.
    rsplit(sep: &str, splits: usize) -> Vec<String>: |s| { let mut parts: Vec<_> = s.rsplitn(splits.saturating_add(1), sep.as_str()).map(str::to_owned).collect(); parts.reverse(); Some(parts) };
    /// What is before the first separator, the separator, and what is behind it.
    partition(sep: &str) -> Vec<String>: |s| Some(s.split_once(sep.as_str()).map_or_else(|| vec![s.to_owned(), String::new(), String::new()], |(a, b)| vec![a.to_owned(), sep.clone(), b.to_owned()]));
    /// What is before the last separator, the separator, and what is behind it.
    rpartition(sep: &str) -> Vec<String>: |s| Some(s.rsplit_once(sep.as_str()).map_or_else(|| vec![String::new(), String::new(), s.to_owned()], |(a, b)| vec![a.to_owned(), sep.clone(), b.to_owned()]));
    /// The characters with another text between them.
    join(sep: &str) -> String: |s| Some(s.chars().map(String::from).collect::<Vec<_>>().join(&sep));
    /// Each of the characters in `from` as the one at its place in `to`.
    translate(from: &str, to: &str) -> String: |s| Some(s.chars().map(|c| from.chars().position(|f| f == c).and_then(|i| to.chars().nth(i)).unwrap_or(c)).collect());
    /// Whether all characters are letters or digits, and there is one.
    isalnum() -> bool: |s| Some(all(s, char::is_alphanumeric));
    /// Whether all characters are letters, and there is one.
    isalpha() -> bool: |s| Some(all(s, char::is_alphabetic));
    /// Whether all characters are digits from 0 to 9, and there is one.
    isdecimal() -> bool: |s| Some(all(s, |c| c.is_ascii_digit()));
    /// As [`isdecimal`](Str::isdecimal).
    isdigit() -> bool: |s| Some(all(s, |c| c.is_ascii_digit()));
    /// Whether all characters are numbers of any kind, and there is one.
    isnumeric() -> bool: |s| Some(all(s, char::is_numeric));
    /// Whether all characters are white space, and there is one.
    isspace() -> bool: |s| Some(all(s, char::is_whitespace));
    /// Whether there are letters and all are small.
    islower() -> bool: |s| Some(s.chars().any(char::is_lowercase) && !s.chars().any(char::is_uppercase));
    /// Whether there are letters and all are capitals.
    isupper() -> bool: |s| Some(s.chars().any(char::is_uppercase) && !s.chars().any(char::is_lowercase));
    /// Whether each word begins with a capital and has no other.
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
                // A search for the whole text may end later than the first way in which the pattern fits.
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
    /// Whether the pattern is found in the text.
    contains() -> bool: |r, s| r.is_match(s).ok();
    /// Whether the pattern is found at the start of the text.
    match_() -> bool: |r, s| r.find(s).ok().map(|m| m.is_some_and(|m| m.start() == 0));
    /// Whether the pattern is the whole text.
    fullmatch() -> bool: |r, s| r.is_match(s).ok();
    /// How often the pattern is found.
    count() -> i64: |r, s| Some(r.find_iter(s).flatten().count() as i64);
    /// All that the pattern finds: of its first group where it has one.
    findall() -> Vec<String>: |r, s| Some(r.captures_iter(s).flatten().map(|c| c.get(usize::from(c.len() > 1)).map_or("", |m| m.as_str()).to_owned()).collect());
    /// What the group of that number is wherever the pattern is found; group 1 is the first, 0 all of it.
    extractall(group: usize) -> Vec<String>: |r, s| Some(r.captures_iter(s).flatten().filter_map(|c| c.get(group).map(|m| m.as_str().to_owned())).collect());
    /// What the group of that number is where the pattern is first found; group 1 is the first, 0 all of it.
    extract(group: usize) -> String: |r, s| r.captures(s).ok().flatten()?.get(group).map(|m| m.as_str().to_owned());
    /// A text in place of what the pattern finds; `$1` stands for a group.
    replace_regex(to: &str) -> String: |r, s| Some(r.replace_all(s, to.as_str()).into_owned());
    /// The parts between what the pattern finds.
    split_regex() -> Vec<String>: |r, s| Some(r.split(s).flatten().map(str::to_owned).collect());
}

impl<T: Target> Str<T> {
    /// The text and those of other columns in one, with a separator between them; missing where one of them is.
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
        Some(other) => wrong_type("str().cat", other, "text; astype(DType::Str) makes it text"),
        None => Ok(DataType::Utf8),
    };
    let args = std::iter::once(x.get().clone()).chain(others.iter().map(|n| bare(n))).collect();
    let sep = sep.to_owned();
    Expr::new(rowwise("str_cat", format!("{sep:?}"), args, returns, move |a| {
        let texts = a.iter().map(|a| views(a)).collect::<Result<Vec<_>, _>>()?;
        let row = |i: usize| {
            let parts: Option<Vec<&str>> = texts.iter().map(|t| t.is_valid(i).then(|| t.value(i))).collect();
            parts.map(|p| p.join(&sep))
        };
        Ok(Arc::new((0..a[0].len()).map(row).collect::<StringArray>()))
    }))
}

/// A pattern, or what is wrong with it.
fn compiled(pattern: &str) -> (Option<Regex>, Option<String>) {
    match Regex::new(pattern) {
        Ok(made) => (Some(made), None),
        Err(e) => (None, Some(format!("{pattern:?} is no regular expression: {e}; contains_text and replace take texts as they are"))),
    }
}

fn capital(s: &str) -> String {
    let mut chars = s.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect())
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

/// Characters that are missing to a width.
fn room(s: &str, width: usize) -> usize {
    width.saturating_sub(s.chars().count())
}

fn filled(s: &str, left: usize, right: usize, fill: char) -> String {
    let fill = |n| std::iter::repeat_n(fill, n);
    fill(left).chain(s.chars()).chain(fill(right)).collect()
}

/// What is before, in and behind a range of characters.
fn sliced(s: &str, start: i64, stop: i64) -> (&str, &str, &str) {
    let n = s.chars().count() as i64;
    let place = |i: i64| (if i < 0 { (n + i).max(0) } else { i.min(n) }) as usize;
    let (start, stop) = (place(start), place(stop).max(place(start)));
    let byte = |i: usize| s.char_indices().nth(i).map_or(s.len(), |(at, _)| at);
    (&s[..byte(start)], &s[byte(start)..byte(stop)], &s[byte(stop)..])
}

/// The parts of a text between a separator, split at most so many times.
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
    /// Splits into columns for [`with_columns`](crate::frame::dataframe::DataFrame::with_columns), at most so many times; 0 splits everywhere.
    /// Null where a text has fewer parts.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("name", Series::from_iter(["Ada Lovelace", "Plato"]))]);
    /// let both = df.with_columns(col("name").str().split_expand(" ", 1, ["first", "last"])).compute()?;
    /// assert_eq!(both.column("last")?.to_vec::<Option<String>>()?, [Some("Lovelace".to_owned()), None]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn split_expand(&self, sep: &str, splits: usize, names: impl IntoNames) -> Vec<(String, Expr)> {
        expanded(&self.0, sep, splits, names.into_names())
    }
}

impl Str<LazySeries> {
    /// Splits into columns of the frame, at most so many times; 0 splits everywhere. Null where a text has fewer parts.
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
        for (condition, n) in [(t().contains("%"), 1), (t().starts_with("n"), 1), (t().ends_with("b"), 0), (t().contains(r"(?<=A)b"), 1)] {
            assert_eq!(df.filter(condition).len().unwrap(), n);
        }
        let e = df.filter(t().contains("(")).compute().unwrap_err().to_string();
        assert!(e.contains("str().contains") && e.contains("no regular expression"), "{e}");
        let e = df.with_column("n", t().len()).with_column("m", col("n").str().upper()).compute().unwrap_err().to_string();
        assert!(e.contains("str().upper: the column is int64, not text"), "{e}");
    }
}
