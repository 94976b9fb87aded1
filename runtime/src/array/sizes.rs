//! Lengths and sizes of chunks as they are shown, of which some may not be known yet.

use super::args::{Cuts, IntoChunks, IntoShape};
use std::fmt;
use std::ops::Deref;

/// A length that is not known before the array is computed.
pub const UNKNOWN: usize = usize::MAX;

/// The lengths of axes, or the sizes of chunks: a list of `usize`. What is not known before the
/// array is computed is [`UNKNOWN`], and prints as `?`.
///
/// ```
/// use rask::prelude::*;
/// let x = da::arange(0..10i64);
/// let large = x.filter(&x.gt(6));
/// assert_eq!(format!("{:?}", large.shape()), "[?]");
/// assert_eq!(large.compute_chunk_sizes()?.shape(), [3]);
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Sizes(pub(super) Vec<usize>);

impl Deref for Sizes {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl fmt::Debug for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = self.0.iter().map(|n| Shown(*n));
        f.debug_list().entries(list).finish()
    }
}

/// A length as it is shown.
#[derive(Clone, Copy)]
pub(super) struct Shown(pub(super) usize);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == UNKNOWN { f.write_str("?") } else { write!(f, "{}", self.0) }
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> PartialEq<[usize; N]> for Sizes {
    fn eq(&self, other: &[usize; N]) -> bool {
        self.0 == other
    }
}

impl PartialEq<Vec<usize>> for Sizes {
    fn eq(&self, other: &Vec<usize>) -> bool {
        self.0 == *other
    }
}

impl PartialEq<[usize]> for Sizes {
    fn eq(&self, other: &[usize]) -> bool {
        self.0 == other
    }
}

impl PartialEq<&[usize]> for Sizes {
    fn eq(&self, other: &&[usize]) -> bool {
        self.0 == *other
    }
}

impl From<Sizes> for Vec<usize> {
    fn from(sizes: Sizes) -> Self {
        sizes.0
    }
}

impl IntoIterator for Sizes {
    type Item = usize;
    type IntoIter = std::vec::IntoIter<usize>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Sizes {
    type Item = &'a usize;
    type IntoIter = std::slice::Iter<'a, usize>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl IntoShape for Sizes {
    fn lengths(&self) -> Vec<i64> {
        self.0.lengths()
    }
}

impl IntoShape for &Sizes {
    fn lengths(&self) -> Vec<i64> {
        self.0.lengths()
    }
}

impl IntoChunks for Vec<Sizes> {
    fn cuts(&self) -> Cuts {
        (&self).cuts()
    }
}

impl IntoChunks for &Vec<Sizes> {
    fn cuts(&self) -> Cuts {
        self.iter().map(|s| s.0.clone()).collect::<Vec<_>>().cuts()
    }
}
