//! Reductions: of all elements to one number, or along axes.

pub(crate) mod partial;
mod tasks;

use super::args::{IntoShape, axes_of};
use super::core::Core;
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::failing::Failing;
use super::handle::{Array, Place, core, lazily, step};
use crate::delayed::Delayed;
use crate::error::Result;
use crate::graph::{Key, Layer, Name, Point};
use crate::handle::Opaque;
use partial::{Nan, Reduction};
use std::panic::Location;
use std::sync::Arc;

/// Reduces all elements to a number.
#[inline(never)]
pub(super) fn number(inner: &Opaque, op: Reduction, nan: Nan, dtype: Dtype) -> Point {
    let places = matches!(op, Reduction::ArgMinimum | Reduction::ArgMaximum);
    let found = if places { core(inner).map(|core| (core, None)) } else { lazily(inner) };
    let reduced = found.and_then(|(core, unknown)| {
        let all = vec![true; core.ndim()];
        tasks::reduce(core, (op, nan), &all, dtype, tasks::To::Number { lazy: unknown.is_some() })
    });
    match reduced {
        Ok((layer, _)) => layer.at(0),
        Err(e) => Layer::new(Key::new(Name::new(op.name())), 1, Vec::new(), Failing(e)).at(0),
    }
}

/// Returns the layer of the task that reduces all elements to a number of their type.
pub(super) fn whole_number(core: &Core, op: Reduction, nan: Nan) -> Result<Arc<Layer>> {
    let all = vec![true; core.ndim()];
    let to = tasks::To::Number { lazy: false };
    Ok(tasks::reduce(core, (op, nan), &all, core.dtype, to)?.0)
}

/// Reduces some axes.
pub(super) fn reduced(
    core: &Core,
    (op, nan): (Reduction, Nan),
    reduced: &[bool],
    dtype: Dtype,
) -> Result<Core> {
    let (layer, grid) = tasks::reduce(core, (op, nan), reduced, dtype, tasks::To::Array)?;
    Ok(Core { grid, dtype, layer })
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
        self::reduced(cores[0], (op, nan), &reduced, dtype)
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
    /// Finds the least element that is not NaN. If there is none, it is an error.
    nanargmin, nanargmin_axis: Reduction::ArgMinimum, Skipped => i64;
    /// Finds the greatest element that is not NaN. If there is none, it is an error.
    nanargmax, nanargmax_axis: Reduction::ArgMaximum, Skipped => i64;
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

    /// Computes whether any element is not 0, along an axis or several.
    #[must_use]
    #[track_caller]
    pub fn any_axis(&self, axis: impl IntoShape) -> Array<bool> {
        Array::of(of_truth(
            &self.inner,
            Reduction::Maximum,
            &axis.lengths(),
            Dtype::Bool,
            Location::caller(),
        ))
    }

    /// Computes whether all elements are other than 0, along an axis or several.
    #[must_use]
    #[track_caller]
    pub fn all_axis(&self, axis: impl IntoShape) -> Array<bool> {
        Array::of(of_truth(
            &self.inner,
            Reduction::Minimum,
            &axis.lengths(),
            Dtype::Bool,
            Location::caller(),
        ))
    }

    /// Counts the elements that are not 0, along an axis or several.
    #[must_use]
    #[track_caller]
    pub fn count_nonzero_axis(&self, axis: impl IntoShape) -> Array<i64> {
        Array::of(of_truth(
            &self.inner,
            Reduction::Sum,
            &axis.lengths(),
            Dtype::I64,
            Location::caller(),
        ))
    }

    /// Computes the variance along an axis or several, with a divisor of `n - ddof`.
    #[must_use]
    #[track_caller]
    pub fn var_axis_ddof(&self, axis: impl IntoShape, ddof: u64) -> Array<T::Float> {
        let op = (Reduction::Variance { ddof }, Nan::Counts);
        Array::of(along(&self.inner, op, &axis.lengths(), float::<T>(), Location::caller()))
    }

    /// Computes the standard deviation along an axis or several, with a divisor of `n - ddof`.
    #[must_use]
    #[track_caller]
    pub fn std_axis_ddof(&self, axis: impl IntoShape, ddof: u64) -> Array<T::Float> {
        let op = (Reduction::Deviation { ddof }, Nan::Counts);
        Array::of(along(&self.inner, op, &axis.lengths(), float::<T>(), Location::caller()))
    }

    /// Counts the elements that are not 0.
    #[must_use]
    pub fn count_nonzero(&self) -> Delayed<i64> {
        Delayed::of_point(number(&truth(&self.inner), Reduction::Sum, Nan::Counts, Dtype::I64))
    }
}

#[inline(never)]
fn of_truth(inner: &Opaque, op: Reduction, axes: &[i64], dtype: Dtype, place: Place) -> Opaque {
    along(&truth(inner), (op, Nan::Counts), axes, dtype, place)
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
