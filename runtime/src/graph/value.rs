//! What can be told of a value whose type is not known here: its size in memory, and a short text for messages.

use super::pack;
use std::any::Any;

macro_rules! plain_types {
    ($with:ident) => {
        $with!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64, bool, char)
    };
}

/// Bytes that a value holds in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) bytes: u64,
    /// Whether that is all of it, and not an estimate.
    pub(crate) exact: bool,
}

impl Size {
    fn exact(bytes: usize) -> Self {
        Self { bytes: bytes as u64, exact: true }
    }
}

/// Size of a value of a type that is not known here: exact for what can be packed, else the bytes of the value itself,
/// without what it points to.
pub(crate) fn size_of(value: &(dyn Any + Send + Sync)) -> Size {
    match pack::packer_of(value) {
        Some(packer) => Size { bytes: (packer.size)(value), exact: true },
        None => Size { bytes: std::mem::size_of_val(value) as u64, exact: false },
    }
}

/// Size of a value: what needs no drop code owns nothing beside itself.
pub(crate) fn size_typed<T: Any + Send + Sync>(value: &T) -> Size {
    if std::mem::needs_drop::<T>() { size_of(value) } else { Size::exact(std::mem::size_of::<T>()) }
}

/// Size of a list: exact where its items own nothing or are known; else by the first few items.
pub(crate) fn size_list<T: Any + Send + Sync>(list: &Vec<T>) -> Size {
    let own = std::mem::size_of::<Vec<T>>() + list.capacity() * std::mem::size_of::<T>();
    if std::mem::needs_drop::<T>() {
        sampled(list, own, list.len(), std::mem::size_of::<T>(), &|i| size_of(&list[i]))
    } else {
        Size::exact(own)
    }
}

/// Size of a list of `len` items that take `own` bytes, and what they own beside, by the first few where nothing better is known.
#[inline(never)]
fn sampled(list: &(dyn Any + Send + Sync), own: usize, len: usize, item: usize, size: &dyn Fn(usize) -> Size) -> Size {
    const SAMPLE: usize = 16;
    let known = size_of(list);
    if known.exact {
        return known;
    }
    let sample: u64 = (0..len.min(SAMPLE)).map(|i| size(i).bytes.saturating_sub(item as u64)).sum();
    Size { bytes: own as u64 + sample * len as u64 / len.clamp(1, SAMPLE) as u64, exact: false }
}

/// A short text for a plain value: `7`, `"text"`, `[1, 2, 3]`; the type's name for others.
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

    fn text<T: Any>(value: &T) -> String {
        describe(value, std::any::type_name::<T>())
    }

    #[test]
    fn sizes_and_texts() {
        assert_eq!(size_of(&vec![1.0f64; 1000]), Size::exact(8024));
        assert_eq!(size_typed(&[3u8; 5]), Size::exact(5));
        assert_eq!(size_list(&vec![(1u8, 'c'); 10]), Size::exact(24 + 80));
        assert_eq!(size_list(&vec!["abc".to_owned()]), Size::exact(24 + 24 + 3));
        assert!(!size_list(&vec![Some(vec![Some(1)])]).exact);
        assert_eq!(text(&vec![1u64, 2]), "[1, 2]");
        assert_eq!(text(&(1..=9).collect::<Vec<i32>>()), "[1, 2, 3, 4, 5, \u{2026} 9 in all]");
        assert_eq!(text(&"x".repeat(100)).chars().count(), 41);
        assert_eq!(text(&Some(String::new())), "Option<String>");
        assert_eq!(short_type("alloc::vec::Vec<ctx::Point>"), "Vec<Point>");
    }
}
