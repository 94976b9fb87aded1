//! What can be told of a value whose type is not known here: its size in memory, and a short text for messages.

use std::any::Any;
use std::mem::size_of;

macro_rules! plain_types {
    ($with:ident) => {
        $with!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64, bool, char)
    };
}

/// Bytes that the value holds: exact for plain types, text, and vectors of either; for others the bytes of the value
/// itself, without what it points to.
pub(crate) fn bytes_of(value: &(dyn Any + Send + Sync)) -> u64 {
    macro_rules! sizes {
        ($($t:ty),*) => {
            $(
                if value.is::<$t>() { return size_of::<$t>() as u64; }
                if let Some(v) = value.downcast_ref::<Vec<$t>>() { return (size_of::<Vec<$t>>() + v.capacity() * size_of::<$t>()) as u64; }
                if let Some(v) = value.downcast_ref::<Vec<Vec<$t>>>() {
                    return v.iter().map(|v| size_of::<Vec<$t>>() + v.capacity() * size_of::<$t>()).sum::<usize>() as u64;
                }
            )*
        };
    }
    plain_types!(sizes);
    if let Some(s) = value.downcast_ref::<String>() {
        return (size_of::<String>() + s.capacity()) as u64;
    }
    if let Some(v) = value.downcast_ref::<Vec<String>>() {
        return v.iter().map(|s| size_of::<String>() + s.capacity()).sum::<usize>() as u64;
    }
    size_of_val(value) as u64
}

/// A short text for a plain value: `7`, `"text"`, `[1, 2, 3]`; the type's name for others.
pub(crate) fn describe<T: Any>(value: &T) -> String {
    describe_any(value, std::any::type_name::<T>())
}

fn describe_any(value: &dyn Any, type_name: &str) -> String {
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
    if text.chars().count() <= MOST { text.to_owned() } else { text.chars().take(MOST).chain(['\u{2026}']).collect() }
}

fn list(items: impl Iterator<Item = String>, len: usize) -> String {
    const SHOWN: usize = 5;
    let mut parts: Vec<_> = items.take(SHOWN).collect();
    if len > SHOWN {
        parts.push(format!("\u{2026} {len} in all"));
    }
    shorten(&format!("[{}]", parts.join(", ")))
}

/// A type's name without the paths of its modules: `alloc::vec::Vec<ctx::Point>` is `Vec<Point>`.
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

    #[test]
    fn sizes_and_texts() {
        assert_eq!(bytes_of(&vec![1.0f64; 1000]), 8024);
        assert_eq!(bytes_of(&3u8), 1);
        assert_eq!(describe(&vec![1u64, 2]), "[1, 2]");
        assert_eq!(describe(&(1..=9).collect::<Vec<i32>>()), "[1, 2, 3, 4, 5, \u{2026} 9 in all]");
        assert_eq!(describe(&"x".repeat(100)).chars().count(), 41);
        assert_eq!(describe(&Some(String::new())), "Option<String>");
        assert_eq!(short_type("alloc::vec::Vec<ctx::Point>"), "Vec<Point>");
    }
}
