//! String methods of bags (`.str()`), with Python's names.

use super::handle::{Bag, Element};
use crate::handle::Opaque;

/// The string methods of a bag, returned by [`Bag::str`].
#[derive(Debug, Clone)]
pub struct Strings<T>(Bag<T>);

impl<T: Element + AsRef<str>> Bag<T> {
    /// Returns the string methods of the bag: `bag.str().lower()`.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let words = Bag::from_iter([" One two "]).str().lower().str().split();
    /// assert_eq!(words.compute()?, [["one", "two"]]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    pub fn str(&self) -> Strings<T> {
        Strings(self.clone())
    }
}

/// Converts the stored argument of a method to the argument of its function.
macro_rules! lend {
    (String $kept:ident) => {
        &$kept
    };
    (usize $kept:ident) => {
        $kept
    };
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident ($($arg:ident: $ty:ty = $own:ident),*) -> $out:ty = |$s:ident| $body:expr;)*) => {
        impl<T: Element + AsRef<str>> Strings<T> {
            $(
                $(#[$doc])*
                pub fn $name(&self $(, $arg: $ty)*) -> Bag<$out> {
                    $(let $arg: $own = $arg.into();)*
                    self.0.map(move |text| Apply::$name(text.as_ref() $(, lend!($own $arg))*))
                }
            )*
        }

        /// The methods applied to one string; compiled here and not in cells.
        struct Apply;

        impl Apply {
            $(
                #[inline(never)]
                fn $name($s: &str $(, $arg: $ty)*) -> $out {
                    $body
                }
            )*
        }

        /// Names of all methods, for the test that checks the table.
        #[cfg(test)]
        const METHODS: &[&str] = &[$(stringify!($name)),*];
    };
}

methods! {
    /// Converts to lower case.
    lower() -> String = |s| s.to_lowercase();
    /// Converts to upper case.
    upper() -> String = |s| s.to_uppercase();
    /// Converts to lower case for caseless comparisons.
    casefold() -> String = |s| s.to_lowercase().replace('\u{df}', "ss");
    /// Converts the first character to upper case, the others to lower case.
    capitalize() -> String = |s| capitalized(s);
    /// Capitalizes every word.
    title() -> String = |s| titled(s);
    /// Swaps upper and lower case.
    swapcase() -> String = |s| s.chars().flat_map(swapped).collect();
    /// Removes whitespace at both ends.
    strip() -> String = |s| s.trim().to_owned();
    /// Removes whitespace at the start.
    lstrip() -> String = |s| s.trim_start().to_owned();
    /// Removes whitespace at the end.
    rstrip() -> String = |s| s.trim_end().to_owned();
    /// Splits at whitespace.
    split() -> Vec<String> = |s| s.split_whitespace().map(str::to_owned).collect();
    /// Splits at every `separator`.
    split_by(separator: &str = String) -> Vec<String> = |s| s.split(separator).map(str::to_owned).collect();
    /// Splits into lines, without their line ends.
    splitlines() -> Vec<String> = |s| split_lines(s);
    /// Splits at the first `separator`: into the part before it, the separator, and the part after
    /// it.
    partition(separator: &str = String) -> (String, String, String) = |s| match s.split_once(separator) {
        Some((a, b)) => (a.to_owned(), separator.to_owned(), b.to_owned()),
        None => (s.to_owned(), String::new(), String::new()),
    };
    /// Splits at the last `separator`: into the part before it, the separator, and the part after
    /// it.
    rpartition(separator: &str = String) -> (String, String, String) = |s| match s.rsplit_once(separator) {
        Some((a, b)) => (a.to_owned(), separator.to_owned(), b.to_owned()),
        None => (String::new(), String::new(), s.to_owned()),
    };
    /// Replaces every `old` by `new`.
    replace(old: &str = String, new: &str = String) -> String = |s| s.replace(old, new);
    /// Removes `prefix`, if the string starts with it.
    removeprefix(prefix: &str = String) -> String = |s| s.strip_prefix(prefix).unwrap_or(s).to_owned();
    /// Removes `suffix`, if the string ends with it.
    removesuffix(suffix: &str = String) -> String = |s| s.strip_suffix(suffix).unwrap_or(s).to_owned();
    /// Returns whether the string starts with `prefix`.
    startswith(prefix: &str = String) -> bool = |s| s.starts_with(prefix);
    /// Returns whether the string ends with `suffix`.
    endswith(suffix: &str = String) -> bool = |s| s.ends_with(suffix);
    /// Returns whether the string contains `part`.
    contains(part: &str = String) -> bool = |s| s.contains(part);
    /// Returns the number of characters.
    len() -> u64 = |s| s.chars().count() as u64;
    /// Counts the non-overlapping occurrences of `part`.
    count(part: &str = String) -> u64 = |s| s.matches(part).count() as u64;
    /// Returns the position of the first `part` in characters, or -1.
    find(part: &str = String) -> i64 = |s| place(s, s.find(part));
    /// Returns the position of the last `part` in characters, or -1.
    rfind(part: &str = String) -> i64 = |s| place(s, s.rfind(part));
    /// Centers the string in `width` characters, padded with spaces.
    center(width: usize = usize) -> String = |s| padded(s, width, |n| n / 2 + (n & width & 1));
    /// Left-justifies the string to `width` characters, padded with spaces at the end.
    ljust(width: usize = usize) -> String = |s| padded(s, width, |_| 0);
    /// Right-justifies the string to `width` characters, padded with spaces at the start.
    rjust(width: usize = usize) -> String = |s| padded(s, width, |n| n);
    /// Pads a number with zeros at the start, after its sign, to `width` characters.
    zfill(width: usize = usize) -> String = |s| filled(s, width);
    /// Replaces each tab by spaces up to the next multiple of `size` characters.
    expandtabs(size: usize = usize) -> String = |s| expanded(s, size);
    /// Joins the characters with `between`.
    join_chars(between: &str = String) -> String = |s| s.chars().map(String::from).collect::<Vec<_>>().join(between);
    /// Returns whether the string is not empty and all characters are alphanumeric.
    isalnum() -> bool = |s| all(s, char::is_alphanumeric);
    /// Returns whether the string is not empty and all characters are letters.
    isalpha() -> bool = |s| all(s, char::is_alphabetic);
    /// Returns whether all characters are ASCII.
    isascii() -> bool = |s| s.is_ascii();
    /// Returns whether the string is not empty and all characters are ASCII digits.
    isdigit() -> bool = |s| all(s, |c| c.is_ascii_digit());
    /// Returns whether the string is not empty and all characters are numeric.
    isnumeric() -> bool = |s| all(s, char::is_numeric);
    /// Returns whether the string has cased letters and all of them are lower case.
    islower() -> bool = |s| s.chars().any(char::is_lowercase) && !s.chars().any(char::is_uppercase);
    /// Returns whether the string has cased letters and all of them are upper case.
    isupper() -> bool = |s| s.chars().any(char::is_uppercase) && !s.chars().any(char::is_lowercase);
    /// Returns whether the string is not empty and all characters are whitespace.
    isspace() -> bool = |s| all(s, char::is_whitespace);
    /// Returns whether the string is an identifier.
    isidentifier() -> bool = |s| s.chars().all(|c| c.is_alphanumeric() || c == '_') && s.starts_with(|c: char| !c.is_numeric());
    /// Encodes the string as UTF-8 bytes.
    encode() -> Vec<u8> = |s| s.as_bytes().to_vec();
}

impl<T: Element + AsRef<str>> Strings<T> {
    /// Keeps the strings that match a glob pattern with `*`, `?` and `[..]`.
    ///
    /// # Panics
    /// Panics if the pattern is invalid.
    #[track_caller]
    #[allow(clippy::should_implement_trait)]
    pub fn match_(&self, pattern: &str) -> Bag<T> {
        let wanted = pattern_of(pattern);
        self.0.filter(move |text| matches(&wanted, text.as_ref()))
    }
}

#[track_caller]
#[inline(never)]
fn pattern_of(pattern: &str) -> Opaque {
    Opaque::new(
        glob::Pattern::new(pattern)
            .unwrap_or_else(|e| panic!("match_: invalid pattern {pattern:?}: {e}")),
    )
}

#[inline(never)]
fn matches(pattern: &Opaque, text: &str) -> bool {
    pattern.get::<glob::Pattern>().matches(text)
}

/// Pads a string with spaces to `width` characters; `before` returns how many of them go before it.
fn padded(s: &str, width: usize, before: impl Fn(usize) -> usize) -> String {
    let missing = width.saturating_sub(s.chars().count());
    let left = before(missing);
    format!("{}{s}{}", " ".repeat(left), " ".repeat(missing - left))
}

fn split_lines(s: &str) -> Vec<String> {
    let joined = s.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<String> = joined.split('\n').map(str::to_owned).collect();
    // The end of the last line does not start another one.
    if lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn capitalized(s: &str) -> String {
    let mut chars = s.chars();
    chars
        .next()
        .map(|c| c.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect())
        .unwrap_or_default()
}

fn titled(s: &str) -> String {
    let mut after_letter = false;
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        if after_letter {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        after_letter = c.is_alphabetic();
    }
    out
}

fn swapped(c: char) -> Vec<char> {
    if c.is_lowercase() { c.to_uppercase().collect() } else { c.to_lowercase().collect() }
}

fn place(s: &str, at: Option<usize>) -> i64 {
    at.map_or(-1, |at| s[..at].chars().count() as i64)
}

fn filled(s: &str, width: usize) -> String {
    let (sign, digits) = s.split_at(usize::from(s.starts_with(['+', '-'])));
    let missing = width.saturating_sub(s.chars().count());
    format!("{sign}{}{digits}", "0".repeat(missing))
}

fn expanded(s: &str, size: usize) -> String {
    let (mut out, mut column) = (String::with_capacity(s.len()), 0);
    for c in s.chars() {
        match c {
            '\t' => {
                let n = size.saturating_sub(column % size.max(1));
                out.extend(std::iter::repeat_n(' ', n));
                column += n;
            }
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            _ => {
                out.push(c);
                column += 1;
            }
        }
    }
    out
}

fn all(s: &str, test: impl Fn(char) -> bool) -> bool {
    !s.is_empty() && s.chars().all(test)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;

    fn check<T: Element + Debug>(
        method: &str,
        text: &str,
        got: impl Fn(Strings<String>) -> Bag<T>,
        want: &str,
    ) {
        assert!(METHODS.contains(&method), "{method}");
        let list = got(Bag::from_iter([text.to_owned()]).str()).compute().unwrap();
        assert_eq!(format!("{:?}", list[0]), want, "{method} of {text:?}");
    }

    #[test]
    fn every_method_is_pythons() {
        let tested = std::cell::RefCell::new(Vec::new());
        macro_rules! of {
            ($text:literal . $method:ident ( $($arg:expr),* ) == $want:literal) => {
                tested.borrow_mut().push(stringify!($method));
                check(stringify!($method), $text, |s| s.$method($($arg),*), $want);
            };
        }
        of!("\u{c4}B".lower() == "\"\u{e4}b\"");
        of!("\u{df}a".upper() == "\"SSA\"");
        of!("Stra\u{df}e".casefold() == "\"strasse\"");
        of!("hELLO wORLD".capitalize() == "\"Hello world\"");
        of!("they're bill's".title() == "\"They'Re Bill'S\"");
        of!("aB".swapcase() == "\"Ab\"");
        of!(" a ".strip() == "\"a\"");
        of!(" a ".lstrip() == "\"a \"");
        of!(" a ".rstrip() == "\" a\"");
        of!("a  b\tc".split() == "[\"a\", \"b\", \"c\"]");
        of!("a,,b".split_by(",") == "[\"a\", \"\", \"b\"]");
        of!("a\r\nb\rc\n".splitlines() == "[\"a\", \"b\", \"c\"]");
        of!("a-b-c".partition("-") == "(\"a\", \"-\", \"b-c\")");
        of!("a-b-c".rpartition("-") == "(\"a-b\", \"-\", \"c\")");
        of!("aXbX".replace("X", "yy") == "\"ayybyy\"");
        of!("prefix".removeprefix("pre") == "\"fix\"");
        of!("prefix".removesuffix("fix") == "\"pre\"");
        of!("ab".startswith("a") == "true");
        of!("ab".endswith("a") == "false");
        of!("abc".contains("b") == "true");
        of!("na\u{ef}ve".len() == "5");
        of!("aaaa".count("aa") == "2");
        of!("\u{ef}ab".find("b") == "2");
        of!("abab".rfind("b") == "3");
        of!("ab".center(5) == "\"  ab \"");
        of!("a".ljust(3) == "\"a  \"");
        of!("a".rjust(3) == "\"  a\"");
        of!("-42".zfill(5) == "\"-0042\"");
        of!("a\tb".expandtabs(4) == "\"a   b\"");
        of!("abc".join_chars("-") == "\"a-b-c\"");
        of!("a1".isalnum() == "true");
        of!("a1".isalpha() == "false");
        of!("\u{e4}".isascii() == "false");
        of!("12".isdigit() == "true");
        of!("\u{bd}".isnumeric() == "true");
        of!("a1".islower() == "true");
        of!("A1".isupper() == "true");
        of!("".isspace() == "false");
        of!("_a1".isidentifier() == "true");
        of!("\u{e4}".encode() == "[195, 164]");
        let tested = tested.into_inner();
        assert_eq!(
            METHODS.iter().filter(|m| !tested.contains(m)).collect::<Vec<_>>(),
            [] as [&&str; 0]
        );
        assert_eq!(Bag::from_iter(["ab", "cd"]).str().match_("a*").compute().unwrap(), ["ab"]);
    }
}
