//! Masked arrays: elements that are left out of sums and means, by a mask.

use super::element::{ArrayElement, Promote};
use super::elementwise::where_;
use super::handle::Array;
use super::like::full_like;
use super::operand::ArrayOperand;
use crate::delayed::Delayed;

/// An array with a mask: where it is true, the element is left out.
///
/// ```
/// use rask::prelude::*;
/// let x = da::ma::masked_greater(&da::arange(0..10i64), 6);
/// assert_eq!((x.sum().compute()?, x.count().compute()?), (21, 7));
/// assert_eq!(x.filled(0).max().compute()?, 6);
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Clone)]
pub struct Masked<T> {
    data: Array<T>,
    mask: Array<bool>,
}

/// Masks the elements where the mask is true.
#[must_use]
#[track_caller]
pub fn masked_array<T: ArrayElement>(data: &Array<T>, mask: &Array<bool>) -> Masked<T> {
    Masked { data: data.clone(), mask: mask.clone() }
}

/// Masks the elements where a condition holds.
#[must_use]
#[track_caller]
pub fn masked_where<T: ArrayElement>(condition: &Array<bool>, data: &Array<T>) -> Masked<T> {
    masked_array(data, condition)
}

macro_rules! compared {
    ($($(#[$doc:meta])* $name:ident: $method:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        #[track_caller]
        pub fn $name<T: ArrayElement>(data: &Array<T>, value: impl ArrayOperand<T>) -> Masked<T> {
            masked_array(data, &data.$method(value))
        }
    )*};
}
compared! {
    /// Masks the elements that equal a value.
    masked_equal: eq;
    /// Masks the elements that differ from a value.
    masked_not_equal: ne;
    /// Masks the elements that are greater than a value.
    masked_greater: gt;
    /// Masks the elements that are at least a value.
    masked_greater_equal: ge;
    /// Masks the elements that are less than a value.
    masked_less: lt;
    /// Masks the elements that are at most a value.
    masked_less_equal: le;
}

/// Masks the elements from `low` to `high`, both included.
#[must_use]
#[track_caller]
pub fn masked_inside<T: ArrayElement>(
    data: &Array<T>,
    low: impl ArrayOperand<T>,
    high: impl ArrayOperand<T>,
) -> Masked<T> {
    masked_array(data, &data.ge(low).logical_and(&data.le(high)))
}

/// Masks the elements below `low` and above `high`.
#[must_use]
#[track_caller]
pub fn masked_outside<T: ArrayElement>(
    data: &Array<T>,
    low: impl ArrayOperand<T>,
    high: impl ArrayOperand<T>,
) -> Masked<T> {
    masked_array(data, &data.lt(low).logical_or(&data.gt(high)))
}

/// Masks the elements that are NaN or infinite.
#[must_use]
#[track_caller]
pub fn masked_invalid<T: ArrayElement>(data: &Array<T>) -> Masked<T> {
    masked_array(data, &data.isfinite().logical_not())
}

/// Masks the elements that equal a value within `1e-8 + 1e-5 * |value|`.
#[must_use]
#[track_caller]
pub fn masked_values<T: ArrayElement>(data: &Array<T>, value: T) -> Masked<T> {
    masked_array(data, &data.isclose(&full_like(data, value)))
}

/// Returns the elements, masked ones included.
#[must_use]
pub fn getdata<T: ArrayElement>(x: &Masked<T>) -> Array<T> {
    x.data.clone()
}

/// Returns the mask.
#[must_use]
pub fn getmaskarray<T: ArrayElement>(x: &Masked<T>) -> Array<bool> {
    x.mask.clone()
}

impl<T: ArrayElement> Masked<T> {
    /// Returns the elements that are not masked, as a list.
    #[must_use]
    #[track_caller]
    pub fn compressed(&self) -> Array<T> {
        self.data.filter(&self.mask.logical_not())
    }

    /// Puts a value in place of the masked elements.
    #[must_use]
    #[track_caller]
    pub fn filled(&self, value: impl ArrayOperand<T>) -> Array<T> {
        where_(&self.mask, value, &self.data)
    }

    /// Counts the elements that are not masked.
    #[must_use]
    #[track_caller]
    pub fn count(&self) -> Delayed<i64> {
        self.mask.logical_not().count_nonzero()
    }

    /// Computes the sum of the elements that are not masked.
    #[must_use]
    #[track_caller]
    pub fn sum(&self) -> Delayed<T::Sum> {
        self.compressed().sum()
    }

    /// Computes the mean of the elements that are not masked.
    #[must_use]
    #[track_caller]
    pub fn mean(&self) -> Delayed<T::Float> {
        self.compressed().mean()
    }

    /// Computes the standard deviation of the elements that are not masked.
    #[must_use]
    #[track_caller]
    pub fn std(&self) -> Delayed<T::Float> {
        self.compressed().std()
    }

    /// Computes the variance of the elements that are not masked.
    #[must_use]
    #[track_caller]
    pub fn var(&self) -> Delayed<T::Float> {
        self.compressed().var()
    }

    /// Computes the least element that is not masked.
    #[must_use]
    #[track_caller]
    pub fn min(&self) -> Delayed<T> {
        self.compressed().min()
    }

    /// Computes the greatest element that is not masked.
    #[must_use]
    #[track_caller]
    pub fn max(&self) -> Delayed<T> {
        self.compressed().max()
    }

    /// Computes the sums along an axis of the elements that are not masked.
    #[must_use]
    #[track_caller]
    pub fn sum_axis(&self, axis: i64) -> Array<T::Sum>
    where
        T: Default,
    {
        let zeros = super::like::zeros_like(&self.data);
        where_(&self.mask, &zeros, &self.data).sum_axis(axis)
    }

    /// Computes the means along an axis of the elements that are not masked; NaN if all are.
    #[must_use]
    #[track_caller]
    pub fn mean_axis(
        &self,
        axis: i64,
    ) -> Array<<<T::Sum as Promote<i64>>::Output as ArrayElement>::Float>
    where
        T::Sum: Promote<i64>,
    {
        self.sum_axis(axis) / self.mask.logical_not().count_nonzero_axis(axis)
    }

    /// Returns the indices of the elements that are neither masked nor 0: a list for each axis.
    #[must_use]
    #[track_caller]
    pub fn nonzero(&self) -> Vec<Array<i64>> {
        let zeros = super::like::zeros_like(&self.data);
        where_(&self.mask, &zeros, &self.data).nonzero()
    }
}
