//! Parts of arrays: slices, transposes, new axes.

use super::args::{IntoShape, axes_of, axis_of, shape_of};
use super::core::Core;
use super::element::ArrayElement;
use super::grid::{Grid, broadcast, tuple};
use super::handle::{Array, Place, step};
use super::step::{Kind, Look};
use crate::error::{Error, Result};
use crate::handle::Opaque;
use ndarray::SliceInfoElem;
use std::panic::Location;
use std::sync::Arc;

/// Takes every `step`-th element from `start` on, `n` in all, along an axis that is cut into
/// `chunks`: returns the chunks of the result and where each is found.
pub(super) fn cut_axis(
    chunks: &[usize],
    start: usize,
    step: isize,
    n: usize,
) -> (Vec<usize>, Vec<(u32, usize)>) {
    let mut sizes = Vec::new();
    let mut parts = Vec::new();
    if n == 0 {
        return (vec![0], vec![(0, 0)]);
    }
    let starts: Vec<usize> =
        chunks.iter().scan(0, |at, c| Some(std::mem::replace(at, *at + c))).collect();
    let mut i = 0;
    let mut at = start;
    while i < n {
        // The last chunk that starts at the element or before it; empty chunks are passed over.
        let block = starts.partition_point(|s| *s <= at) - 1;
        let inside = at - starts[block];
        let here = if step > 0 {
            (chunks[block] - inside).div_ceil(step as usize)
        } else {
            inside / step.unsigned_abs() + 1
        };
        let here = here.min(n - i);
        sizes.push(here);
        parts.push((block as u32, inside));
        i += here;
        at = at.wrapping_add_signed(step * here as isize);
    }
    (sizes, parts)
}

/// Takes every `step`-th element along one axis, as [`cut_axis`] found them.
pub(super) fn part_along(
    name: &str,
    core: &Core,
    axis: usize,
    sizes: Vec<usize>,
    parts: Vec<(u32, usize)>,
    step: isize,
) -> Core {
    let mut chunks: Vec<Vec<usize>> = core.grid.chunks.iter().map(|c| c.to_vec()).collect();
    let mut looks: Vec<Look> = chunks
        .iter()
        .enumerate()
        .map(|(axis, c)| Look::Along {
            axis,
            parts: (0..c.len() as u32).map(|b| (b, 0)).collect(),
            step: 1,
        })
        .collect();
    chunks[axis] = sizes;
    looks[axis] = Look::Along { axis, parts: parts.into(), step };
    Core::step(name, Arc::new(Grid::new(chunks)), core.dtype, &[core], Kind::View(looks))
}

/// The result of a slice along one axis: the first element, the step and the number of elements.
///
/// # Errors
/// Returns an error if the step is 0.
fn range_of(
    len: usize,
    start: isize,
    end: Option<isize>,
    step: isize,
) -> Result<(usize, isize, usize)> {
    let n = len as isize;
    let at = |i: isize| if i < 0 { i + n } else { i }.clamp(0, n);
    let (from, to) = (at(start), end.map_or(n, at));
    let length = (to - from).max(0) as usize;
    if step == 0 {
        return Err(Error::bad_argument(
            "slice",
            "a step of 0; expected another step, such as 1 or -1".to_owned(),
        ));
    }
    let count = length.div_ceil(step.unsigned_abs());
    // As in ndarray, a negative step goes back from the last element of the range.
    let first = if step > 0 || length == 0 { from } else { to - 1 };
    Ok((first as usize, step, count))
}

fn sliced(core: &Core, elements: &[SliceInfoElem]) -> Result<Core> {
    let shape = core.shape();
    let given = elements.iter().filter(|e| !matches!(e, SliceInfoElem::NewAxis)).count();
    if given > shape.len() {
        return Err(Error::bad_argument(
            "slice",
            format!(
                "{given} indices for an array of shape {}; expected at most {}",
                tuple(&shape),
                shape.len()
            ),
        ));
    }
    let rest = (given..shape.len()).map(|_| SliceInfoElem::Slice { start: 0, end: None, step: 1 });
    let (mut chunks, mut looks) = (Vec::new(), Vec::new());
    let mut axis = 0;
    for element in elements.iter().copied().chain(rest) {
        match element {
            SliceInfoElem::NewAxis => chunks.push(vec![1]),
            SliceInfoElem::Index(i) => {
                let n = shape[axis] as isize;
                let at = if i < 0 { i + n } else { i };
                if !(0..n).contains(&at) {
                    return Err(Error::bad_argument(
                        "slice",
                        format!(
                            "index {i} is out of bounds for axis {axis} with {n} elements (shape {}); expected {}",
                            tuple(&shape),
                            if n == 0 { "none".to_owned() } else { format!("{} to {}", -n, n - 1) }
                        ),
                    ));
                }
                let (_, parts) = cut_axis(&core.grid.chunks[axis], at as usize, 1, 1);
                looks.push(Look::At { block: parts[0].0 as usize, start: parts[0].1 });
                axis += 1;
            }
            SliceInfoElem::Slice { start, end, step } => {
                let (start, step, n) = range_of(shape[axis], start, end, step)?;
                let whole = step == 1 && n == shape[axis];
                let (sizes, parts) = if whole {
                    let all = &core.grid.chunks[axis];
                    (all.to_vec(), (0..all.len() as u32).map(|b| (b, 0)).collect())
                } else {
                    cut_axis(&core.grid.chunks[axis], start, step, n)
                };
                looks.push(Look::Along { axis: chunks.len(), parts: parts.into(), step });
                chunks.push(sizes);
                axis += 1;
            }
        }
    }
    let grid = Arc::new(Grid::new(chunks));
    Ok(Core::step("getitem", grid, core.dtype, &[core], Kind::View(looks)))
}

/// Reorders the axes: axis `i` of the result is axis `order[i]` of the array.
pub(super) fn transposed(name: &str, core: &Core, order: &[usize]) -> Core {
    let chunks = order.iter().map(|a| core.grid.chunks[*a].to_vec()).collect();
    let mut looks = vec![Look::At { block: 0, start: 0 }; order.len()];
    for (to, from) in order.iter().enumerate() {
        let parts = (0..core.grid.chunks[*from].len() as u32).map(|b| (b, 0)).collect();
        looks[*from] = Look::Along { axis: to, parts, step: 1 };
    }
    Core::step(name, Arc::new(Grid::new(chunks)), core.dtype, &[core], Kind::View(looks))
}

#[inline(never)]
fn slice(inner: &Opaque, elements: &[SliceInfoElem], place: Place) -> Opaque {
    step(&[inner], place, &|cores| sliced(cores[0], elements))
}

/// Applies an order of axes, which depends on their number.
#[inline(never)]
fn reorder(
    inner: &Opaque,
    name: &str,
    order: &dyn Fn(usize) -> Result<Vec<usize>>,
    place: Place,
) -> Opaque {
    step(&[inner], place, &|cores| Ok(transposed(name, cores[0], &order(cores[0].ndim())?)))
}

#[inline(never)]
fn transpose(inner: &Opaque, axes: &[i64], place: Place) -> Opaque {
    let order = |ndim: usize| {
        if axes.len() != ndim {
            return Err(Error::bad_argument(
                "transpose",
                format!("{} axes of an array with {ndim}; expected each axis once", axes.len()),
            ));
        }
        axes_of("transpose", axes, ndim)
    };
    reorder(inner, "transpose", &order, place)
}

#[inline(never)]
fn swap(inner: &Opaque, a: i64, b: i64, place: Place) -> Opaque {
    let order = |ndim| {
        let (a, b) = (axis_of("swapaxes", a, ndim)?, axis_of("swapaxes", b, ndim)?);
        let mut order: Vec<usize> = (0..ndim).collect();
        order.swap(a, b);
        Ok(order)
    };
    reorder(inner, "swapaxes", &order, place)
}

#[inline(never)]
fn shift(inner: &Opaque, from: i64, to: i64, place: Place) -> Opaque {
    let order = |ndim| {
        let (from, to) = (axis_of("moveaxis", from, ndim)?, axis_of("moveaxis", to, ndim)?);
        let mut order: Vec<usize> = (0..ndim).filter(|a| *a != from).collect();
        order.insert(to, from);
        Ok(order)
    };
    reorder(inner, "moveaxis", &order, place)
}

#[inline(never)]
fn flip(inner: &Opaque, axes: Option<&[i64]>, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let ndim = cores[0].ndim();
        let all: Vec<i64> = (0..ndim as i64).collect();
        let axes = axes_of("flip", axes.unwrap_or(&all), ndim)?;
        let step = |axis| if axes.contains(&axis) { -1 } else { 1 };
        let elements: Vec<SliceInfoElem> = (0..ndim)
            .map(|axis| SliceInfoElem::Slice { start: 0, end: None, step: step(axis) })
            .collect();
        sliced(cores[0], &elements)
    })
}

#[inline(never)]
fn squeeze(inner: &Opaque, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let element = |n: usize| match n {
            1 => SliceInfoElem::Index(0),
            _ => SliceInfoElem::Slice { start: 0, end: None, step: 1 },
        };
        sliced(cores[0], &cores[0].shape().into_iter().map(element).collect::<Vec<_>>())
    })
}

#[inline(never)]
fn expand(inner: &Opaque, axis: i64, place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let ndim = cores[0].ndim();
        let axis = axis_of("expand_dims", axis, ndim + 1)?;
        let all = SliceInfoElem::Slice { start: 0, end: None, step: 1 };
        let mut elements = vec![all; ndim];
        elements.insert(axis, SliceInfoElem::NewAxis);
        sliced(cores[0], &elements)
    })
}

#[inline(never)]
fn broadcast_to(inner: &Opaque, lengths: &[i64], place: Place) -> Opaque {
    step(&[inner], place, &|cores| {
        let shape = shape_of("broadcast_to", lengths)?;
        let own = cores[0].shape();
        if broadcast("broadcast_to", &own, &shape)? != shape {
            return Err(Error::bad_argument(
                "broadcast_to",
                format!("shape {} does not fit {}", tuple(&own), tuple(&shape)),
            ));
        }
        let more = shape.len() - own.len();
        let chunks = shape.iter().enumerate().map(|(axis, n)| match axis.checked_sub(more) {
            Some(from) if own[from] == *n => cores[0].grid.chunks[from].to_vec(),
            _ => vec![*n],
        });
        Ok(super::align::broadcast_to(cores[0], &Arc::new(Grid::new(chunks.collect()))))
    })
}

impl<T: ArrayElement> Array<T> {
    /// Takes a part of the array: `x.slice(s![1..3, ..;2])`. An index instead of a range drops the
    /// axis, `NewAxis` adds one, and axes at the end may be left out. A negative step goes back from
    /// the last element of its range, as in ndarray. Only what the part needs is computed.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..24i64).reshape((4, 6)).rechunk((2, 4));
    /// let part = x.slice(s![-1, ..;2]).compute()?;
    /// assert_eq!(part.into_raw_vec_and_offset().0, [18, 20, 22]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn slice(&self, part: impl AsRef<[SliceInfoElem]>) -> Self {
        Self::of(slice(&self.inner, part.as_ref(), Location::caller()))
    }

    /// Reverses the order of the axes.
    #[must_use]
    #[track_caller]
    pub fn t(&self) -> Self {
        let order = |n: usize| Ok((0..n).rev().collect());
        Self::of(reorder(&self.inner, "transpose", &order, Location::caller()))
    }

    /// Reorders the axes: axis `i` of the result is axis `axes[i]` of this array.
    #[must_use]
    #[track_caller]
    pub fn transpose(&self, axes: impl IntoShape) -> Self {
        Self::of(transpose(&self.inner, &axes.lengths(), Location::caller()))
    }

    /// Swaps two axes.
    #[must_use]
    #[track_caller]
    pub fn swapaxes(&self, a: i64, b: i64) -> Self {
        Self::of(swap(&self.inner, a, b, Location::caller()))
    }

    /// Moves an axis to another position; the others keep their order.
    #[must_use]
    #[track_caller]
    pub fn moveaxis(&self, from: i64, to: i64) -> Self {
        Self::of(shift(&self.inner, from, to, Location::caller()))
    }

    /// Reverses the order of the elements along all axes.
    #[must_use]
    #[track_caller]
    pub fn flip(&self) -> Self {
        Self::of(flip(&self.inner, None, Location::caller()))
    }

    /// Reverses the order of the elements along an axis or several.
    #[must_use]
    #[track_caller]
    pub fn flip_axis(&self, axis: impl IntoShape) -> Self {
        Self::of(flip(&self.inner, Some(&axis.lengths()), Location::caller()))
    }

    /// Drops the axes of one element.
    #[must_use]
    #[track_caller]
    pub fn squeeze(&self) -> Self {
        Self::of(squeeze(&self.inner, Location::caller()))
    }

    /// Adds an axis of one element before axis `axis`.
    #[must_use]
    #[track_caller]
    pub fn expand_dims(&self, axis: i64) -> Self {
        Self::of(expand(&self.inner, axis, Location::caller()))
    }

    /// Repeats the array along axes of one element, and along new axes in front.
    #[must_use]
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl IntoShape) -> Self {
        Self::of(broadcast_to(&self.inner, &shape.lengths(), Location::caller()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_find_their_chunks() {
        assert_eq!(cut_axis(&[4, 2, 4], 1, 2, 4), (vec![2, 1, 1], vec![(0, 1), (1, 1), (2, 1)]));
        assert_eq!(cut_axis(&[4, 2, 4], 9, -3, 4), (vec![2, 2], vec![(2, 3), (0, 3)]));
        assert_eq!(cut_axis(&[4], 0, 1, 0), (vec![0], vec![(0, 0)]));
    }
}
