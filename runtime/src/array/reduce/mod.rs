//! Reductions: of all elements to one number, or along axes.

pub(crate) mod partial;
mod tasks;

use super::args::{IntoShape, axes_of};
use super::core::Core;
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::failing::Failing;
use super::handle::{Array, Place, core, step};
use crate::delayed::Delayed;
use crate::graph::{Key, Layer, Name, Point};
use crate::handle::Opaque;
use partial::{Nan, Reduction};
use std::panic::Location;

/// Reduces all elements to a number.
#[inline(never)]
fn number(inner: &Opaque, op: Reduction, nan: Nan, dtype: Dtype) -> Point {
    let reduced = core(inner)
        .and_then(|core| tasks::reduce(core, (op, nan), &vec![true; core.ndim()], dtype, true));
    match reduced {
        Ok((layer, _)) => layer.at(0),
        Err(e) => Layer::new(Key::new(Name::new(op.name())), 1, Vec::new(), Failing(e)).at(0),
    }
}

/// Reduces some axes.
#[inline(never)]
fn along(
    inner: &Opaque,
    (op, nan): (Reduction, Nan),
    axes: &[i64],
    dtype: Dtype,
    place: Place,
) -> Opaque {
    step(&[inner], place, &|cores: &[&Core]| {
        let axes = axes_of(op.name(), axes, cores[0].ndim())?;
        let reduced: Vec<bool> = (0..cores[0].ndim()).map(|a| axes.contains(&a)).collect();
        let (layer, grid) = tasks::reduce(cores[0], (op, nan), &reduced, dtype, false)?;
        Ok(Core { grid, dtype, layer })
    })
}

macro_rules! reductions {
    ($($(#[$doc:meta])* $all:ident, $axis:ident: $op:expr, $nan:ident => $out:ty;)*) => {
        impl<T: ArrayElement> Array<T> {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $all(&self) -> Delayed<$out> {
                    Delayed::of_point(number(&self.inner, $op, Nan::$nan, <$out as super::data::sealed::Sealed>::DTYPE))
                }

                $(#[$doc])*
                ///
                /// Along an axis or several: `0`, `-1`, `(0, 1)`.
                #[must_use]
                #[track_caller]
                pub fn $axis(&self, axis: impl IntoShape) -> Array<$out> {
                    let dtype = <$out as super::data::sealed::Sealed>::DTYPE;
                    Array::of(along(&self.inner, ($op, Nan::$nan), &axis.lengths(), dtype, Location::caller()))
                }
            )*
        }
    };
}
reductions! {
    /// Computes the sum: exact, and rounded once. Integers and booleans give `i64` or `u64`, and a sum that does not fit is an
    /// error.
    sum, sum_axis: Reduction::Sum, Counts => T::Sum;
    /// Computes the product: of floats rounded once, of integers an error if it does not fit.
    prod, prod_axis: Reduction::Product, Counts => T::Sum;
    /// Computes the mean, rounded once; NaN without elements.
    mean, mean_axis: Reduction::Mean, Counts => T::Float;
    /// Computes the variance with `ddof` 0, as in NumPy.
    var, var_axis: Reduction::Variance { ddof: 0 }, Counts => T::Float;
    /// Computes the standard deviation with `ddof` 0, as in NumPy.
    std, std_axis: Reduction::Deviation { ddof: 0 }, Counts => T::Float;
    /// Computes the least element; NaN if there is one. Without elements it is an error.
    min, min_axis: Reduction::Minimum, Counts => T;
    /// Computes the greatest element; NaN if there is one. Without elements it is an error.
    max, max_axis: Reduction::Maximum, Counts => T;
    /// Finds the least element: its number in row-major order, or along the axis. Of several the first, and NaN before all.
    argmin, argmin_axis: Reduction::ArgMinimum, Counts => i64;
    /// Finds the greatest element: its number in row-major order, or along the axis. Of several the first, and NaN before all.
    argmax, argmax_axis: Reduction::ArgMaximum, Counts => i64;
    /// Computes the sum of the elements that are not NaN.
    nansum, nansum_axis: Reduction::Sum, Skipped => T::Sum;
    /// Computes the product of the elements that are not NaN.
    nanprod, nanprod_axis: Reduction::Product, Skipped => T::Sum;
    /// Computes the mean of the elements that are not NaN.
    nanmean, nanmean_axis: Reduction::Mean, Skipped => T::Float;
    /// Computes the variance of the elements that are not NaN, with `ddof` 0.
    nanvar, nanvar_axis: Reduction::Variance { ddof: 0 }, Skipped => T::Float;
    /// Computes the standard deviation of the elements that are not NaN, with `ddof` 0.
    nanstd, nanstd_axis: Reduction::Deviation { ddof: 0 }, Skipped => T::Float;
    /// Computes the least element that is not NaN. If there is none, it is an error.
    nanmin, nanmin_axis: Reduction::Minimum, Skipped => T;
    /// Computes the greatest element that is not NaN. If there is none, it is an error.
    nanmax, nanmax_axis: Reduction::Maximum, Skipped => T;
}

impl<T: ArrayElement> Array<T> {
    /// Computes the variance with a divisor of `n - ddof`.
    #[must_use]
    pub fn var_ddof(&self, ddof: u64) -> Delayed<T::Float> {
        Delayed::of_point(number(
            &self.inner,
            Reduction::Variance { ddof },
            Nan::Counts,
            float::<T>(),
        ))
    }

    /// Computes the standard deviation with a divisor of `n - ddof`.
    #[must_use]
    pub fn std_ddof(&self, ddof: u64) -> Delayed<T::Float> {
        Delayed::of_point(number(
            &self.inner,
            Reduction::Deviation { ddof },
            Nan::Counts,
            float::<T>(),
        ))
    }

    /// Computes whether any element is not 0.
    #[must_use]
    pub fn any(&self) -> Delayed<bool> {
        Delayed::of_point(number(&truth(&self.inner), Reduction::Maximum, Nan::Counts, Dtype::Bool))
    }

    /// Computes whether all elements are other than 0.
    #[must_use]
    pub fn all(&self) -> Delayed<bool> {
        Delayed::of_point(number(&truth(&self.inner), Reduction::Minimum, Nan::Counts, Dtype::Bool))
    }

    /// Counts the elements that are not 0.
    #[must_use]
    pub fn count_nonzero(&self) -> Delayed<i64> {
        Delayed::of_point(number(&truth(&self.inner), Reduction::Sum, Nan::Counts, Dtype::I64))
    }
}

fn float<T: ArrayElement>() -> Dtype {
    <T::Float as super::data::sealed::Sealed>::DTYPE
}

#[inline(never)]
#[track_caller]
fn truth(inner: &Opaque) -> Opaque {
    use super::ops::{Op, Test};
    step(&[inner], Location::caller(), &|cores| {
        Ok(super::align::unary(cores[0], Op::Test(Test::True), Dtype::Bool))
    })
}
