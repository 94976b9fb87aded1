//! The value of a task, whose type is not known here, and its short form in messages.

use std::any::Any;
use std::sync::Arc;

/// The value of a task, shared by its readers.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;

macro_rules! plain_types {
    ($with:ident) => {
        $with!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64, bool, char)
    };
}

/// Returns the short form of a plain value (`7`, `"text"`, `[1, 2, 3]`), or the type's name for
/// others.
pub(crate) fn describe(value: &dyn Any, type_name: &str) -> String {
    macro_rules! texts {
        ($($t:ty),*) => {
            $(
                if let Some(v) = value.downcast_ref::<$t>() { return shorten(&format!("{v:?}")); }
                if let Some(v) = value.downcast_ref::<Vec<$t>>() { return list(v.iter().map(|x| format!("{x:?}")), v.len()); }
            )*
        };
    }
    plain_types!(texts);
    if let Some(v) = value.downcast_ref::<String>() {
        return shorten(&format!("{v:?}"));
    }
    if let Some(v) = value.downcast_ref::<&'static str>() {
        return shorten(&format!("{v:?}"));
    }
    if let Some(v) = value.downcast_ref::<Vec<String>>() {
        return list(v.iter().map(|x| format!("{x:?}")), v.len());
    }
    short_type(type_name)
}

fn shorten(text: &str) -> String {
    const MOST: usize = 40;
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        text.chars().take(MOST).chain(['\u{2026}']).collect()
    }
}

fn list(items: impl Iterator<Item = String>, len: usize) -> String {
    const SHOWN: usize = 5;
    let mut parts: Vec<_> = items.take(SHOWN).collect();
    if len > SHOWN {
        parts.push(format!("\u{2026} {len} in all"));
    }
    shorten(&format!("[{}]", parts.join(", ")))
}

/// Returns a type's name without module paths: `Vec<Point>` for `alloc::vec::Vec<ctx::Point>`.
pub(crate) fn short_type(name: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in name.chars() {
        match c {
            ':' => word.clear(),
            c if c.is_alphanumeric() || c == '_' => word.push(c),
            c => {
                out.push_str(&word);
                word.clear();
                out.push(c);
            }
        }
    }
    out + &word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<T: Any>(value: &T) -> String {
        describe(value, std::any::type_name::<T>())
    }

    #[test]
    fn texts() {
        assert_eq!(text(&vec![1u64, 2]), "[1, 2]");
        assert_eq!(text(&(1..=9).collect::<Vec<i32>>()), "[1, 2, 3, 4, 5, \u{2026} 9 in all]");
        assert_eq!(text(&"x".repeat(100)).chars().count(), 41);
        assert_eq!(text(&Some(String::new())), "Option<String>");
        assert_eq!(short_type("alloc::vec::Vec<ctx::Point>"), "Vec<Point>");
    }
}
