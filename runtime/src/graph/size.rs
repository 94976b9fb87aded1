//! The memory size of values whose type is not known here.

use super::pack;
use std::any::Any;

/// The bytes that a value holds in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) bytes: u64,
    /// Whether the size is exact rather than an estimate.
    pub(crate) exact: bool,
}

impl Size {
    fn exact(bytes: usize) -> Self {
        Self { bytes: bytes as u64, exact: true }
    }
}

/// Returns the size of a value whose type is not known here: exact if it can be packed, else the
/// bytes of the value itself, without what it points to.
pub(crate) fn size_of(value: &(dyn Any + Send + Sync)) -> Size {
    match pack::packer_of(value) {
        Some(packer) => Size { bytes: (packer.size)(value), exact: true },
        None => Size { bytes: std::mem::size_of_val(value) as u64, exact: false },
    }
}

/// Returns the size of a value: a type without drop code owns no heap memory.
pub(crate) fn size_typed<T: Any + Send + Sync>(value: &T) -> Size {
    if std::mem::needs_drop::<T>() { size_of(value) } else { Size::exact(std::mem::size_of::<T>()) }
}

/// Returns the size of a list: exact if its items own nothing or their type is registered, else
/// estimated from the first few items.
pub(crate) fn size_list<T: Any + Send + Sync>(list: &Vec<T>) -> Size {
    let own = std::mem::size_of::<Vec<T>>() + list.capacity() * std::mem::size_of::<T>();
    if std::mem::needs_drop::<T>() {
        sampled(list, own, list.len(), std::mem::size_of::<T>(), &|i| size_of(&list[i]))
    } else {
        Size::exact(own)
    }
}

/// Returns the size of a list of `len` items that take `own` bytes, plus what they own on the heap,
/// estimated from the first few unless the exact size is known.
#[inline(never)]
fn sampled(
    list: &(dyn Any + Send + Sync),
    own: usize,
    len: usize,
    item: usize,
    size: &dyn Fn(usize) -> Size,
) -> Size {
    const SAMPLE: usize = 16;
    let known = size_of(list);
    if known.exact {
        return known;
    }
    let sample: u64 = (0..len.min(SAMPLE)).map(|i| size(i).bytes.saturating_sub(item as u64)).sum();
    Size { bytes: own as u64 + sample * len as u64 / len.clamp(1, SAMPLE) as u64, exact: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size_of(&vec![1.0f64; 1000]), Size::exact(8024));
        assert_eq!(size_typed(&[3u8; 5]), Size::exact(5));
        assert_eq!(size_list(&vec![(1u8, 'c'); 10]), Size::exact(24 + 80));
        assert_eq!(size_list(&vec!["abc".to_owned()]), Size::exact(24 + 24 + 3));
        assert!(!size_list(&vec![Some(vec![Some(1)])]).exact);
    }
}
