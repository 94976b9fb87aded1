//! What the methods of arrays take as shapes, axes and chunks.

use super::grid::Cut;
use crate::error::{Error, Result};

/// A length: any integer type.
pub trait Length: Copy {
    #[doc(hidden)]
    fn length(self) -> i64;
}

macro_rules! lengths {
    ($($t:ty),*) => {$(
        impl Length for $t {
            fn length(self) -> i64 {
                // Longer lengths are refused as too large wherever they are used.
                i64::try_from(self).unwrap_or(i64::MAX)
            }
        }
    )*};
}
lengths!(i32, i64, u32, u64, usize, isize);

/// A shape: a length, or a tuple, array or list of those. Where a method says so, one length may be
/// -1, which stands for whatever fits.
pub trait IntoShape {
    #[doc(hidden)]
    fn lengths(&self) -> Vec<i64>;
}

impl<L: Length> IntoShape for L {
    fn lengths(&self) -> Vec<i64> {
        vec![self.length()]
    }
}

impl IntoShape for () {
    fn lengths(&self) -> Vec<i64> {
        Vec::new()
    }
}

impl<L: Length, const N: usize> IntoShape for [L; N] {
    fn lengths(&self) -> Vec<i64> {
        self.iter().map(|n| n.length()).collect()
    }
}

impl<L: Length> IntoShape for Vec<L> {
    fn lengths(&self) -> Vec<i64> {
        self.iter().map(|n| n.length()).collect()
    }
}

impl<L: Length> IntoShape for &[L] {
    fn lengths(&self) -> Vec<i64> {
        self.iter().map(|n| n.length()).collect()
    }
}

impl<L: Length> IntoShape for &Vec<L> {
    fn lengths(&self) -> Vec<i64> {
        self.iter().map(|n| n.length()).collect()
    }
}

macro_rules! tuples {
    ($(($($l:ident),*))*) => {$(
        impl<$($l: Length),*> IntoShape for ($($l,)*) {
            #[allow(non_snake_case)]
            fn lengths(&self) -> Vec<i64> {
                let ($($l,)*) = *self;
                vec![$($l.length()),*]
            }
        }
        impl<$($l: Length),*> IntoChunks for ($($l,)*) {
            fn cuts(&self) -> Cuts {
                Cuts(Inner::Axes(self.lengths()))
            }
        }
    )*};
}
tuples! { (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) }

/// How to cut an array into chunks: one size for all axes, a size per axis (-1 for the whole axis),
/// the sizes of all chunks of each axis, or a text: `"auto"`, or the most bytes of a block
/// (`"100MB"`).
pub trait IntoChunks {
    #[doc(hidden)]
    fn cuts(&self) -> Cuts;
}

/// Chunks as given.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Cuts(Inner);

#[derive(Debug, Clone)]
enum Inner {
    All(i64),
    Axes(Vec<i64>),
    Sizes(Vec<Vec<usize>>),
    Text(String),
}

impl<L: Length> IntoChunks for L {
    fn cuts(&self) -> Cuts {
        Cuts(Inner::All(self.length()))
    }
}

impl<L: Length, const N: usize> IntoChunks for [L; N] {
    fn cuts(&self) -> Cuts {
        Cuts(Inner::Axes(self.lengths()))
    }
}

impl IntoChunks for &str {
    fn cuts(&self) -> Cuts {
        Cuts(Inner::Text((*self).to_owned()))
    }
}

impl IntoChunks for Vec<Vec<usize>> {
    fn cuts(&self) -> Cuts {
        Cuts(Inner::Sizes(self.clone()))
    }
}

impl IntoChunks for &Vec<Vec<usize>> {
    fn cuts(&self) -> Cuts {
        Cuts(Inner::Sizes((*self).clone()))
    }
}

impl Cuts {
    /// Returns the cut of each of `ndim` axes, and the most bytes of a block, if they were given.
    ///
    /// # Errors
    /// Returns an error if a size is invalid.
    pub(super) fn of(&self, method: &str, ndim: usize) -> Result<(Vec<Cut>, Option<u64>)> {
        let one = |n: i64| match n {
            -1 => Ok(Cut::Whole),
            n => usize::try_from(n).map(Cut::Size).map_err(|_| {
                Error::bad_argument(
                    method,
                    format!("chunks of {n} elements; expected 1 or more, or -1 for the whole axis"),
                )
            }),
        };
        Ok(match &self.0 {
            Inner::All(n) => (vec![one(*n)?; ndim], None),
            Inner::Axes(sizes) => {
                (sizes.iter().map(|n| one(*n)).collect::<Result<Vec<_>>>()?, None)
            }
            Inner::Sizes(sizes) => (sizes.iter().map(|s| Cut::Sizes(s.clone())).collect(), None),
            Inner::Text(text) if text == "auto" => (vec![Cut::Auto; ndim], None),
            Inner::Text(text) => {
                let bytes = crate::units::parse_bytes(text).ok_or_else(|| {
                    Error::bad_argument(
                        method,
                        format!("chunks {text:?}; expected \"auto\", or the most bytes of a block as in \"100MB\""),
                    )
                })?;
                (vec![Cut::Auto; ndim], Some(bytes))
            }
        })
    }
}

/// Returns a shape without open lengths.
///
/// # Errors
/// Returns an error if a length is negative or the number of elements is too large.
pub(super) fn shape_of(method: &str, lengths: &[i64]) -> Result<Vec<usize>> {
    let shape: Option<Vec<usize>> = lengths.iter().map(|n| usize::try_from(*n).ok()).collect();
    let fits = |shape: &Vec<usize>| {
        shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).is_some_and(|n| n < 1 << 60)
    };
    shape.filter(fits).ok_or_else(|| {
        Error::bad_argument(
            method,
            format!(
                "shape {}; expected lengths of 0 or more, and less than 2^60 elements",
                super::grid::tuple(lengths)
            ),
        )
    })
}

/// Returns an axis that may count from the end.
///
/// # Errors
/// Returns an error if the axis is out of range.
pub(super) fn axis_of(method: &str, axis: i64, ndim: usize) -> Result<usize> {
    let n = ndim as i64;
    let counted = if axis < 0 { axis + n } else { axis };
    if (0..n).contains(&counted) {
        return Ok(counted as usize);
    }
    let expected = match n {
        0 => "an array without axes has none".to_owned(),
        _ => format!("expected {} to {}", -n, n - 1),
    };
    Err(Error::bad_argument(method, format!("axis {axis} of an array with {n} axes; {expected}")))
}

/// Axes: one, or a tuple, array or list of those; negative ones count from the end.
pub(super) fn axes_of(method: &str, axes: &[i64], ndim: usize) -> Result<Vec<usize>> {
    let mut found = Vec::with_capacity(axes.len());
    for axis in axes {
        let axis = axis_of(method, *axis, ndim)?;
        if found.contains(&axis) {
            return Err(Error::bad_argument(
                method,
                format!("axis {axis} was given twice; expected distinct axes"),
            ));
        }
        found.push(axis);
    }
    Ok(found)
}
