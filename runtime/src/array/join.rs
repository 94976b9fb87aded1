//! Arrays side by side.

use super::args::axis_of;
use super::core::Core;
use super::element::ArrayElement;
use super::grid::{Grid, common, tuple};
use super::handle::{Array, Place, made, step};
use super::rechunk::rechunk;
use super::step::Kind;
use crate::error::{Error, Result};
use crate::handle::Opaque;
use std::panic::Location;
use std::sync::Arc;

/// Several arrays of one type: an array, a slice or a list of references.
pub trait Arrays<T> {
    #[doc(hidden)]
    fn each(&self, f: &mut dyn FnMut(&Array<T>));
}

impl<T, const N: usize> Arrays<T> for [&Array<T>; N] {
    fn each(&self, f: &mut dyn FnMut(&Array<T>)) {
        self.iter().for_each(|a| f(a));
    }
}

impl<T> Arrays<T> for &[Array<T>] {
    fn each(&self, f: &mut dyn FnMut(&Array<T>)) {
        self.iter().for_each(f);
    }
}

impl<T> Arrays<T> for &Vec<Array<T>> {
    fn each(&self, f: &mut dyn FnMut(&Array<T>)) {
        self.iter().for_each(f);
    }
}

/// Puts arrays side by side along axis `axis`; if it is new, each has one element along it.
pub(super) fn joined(name: &str, cores: &[&Core], axis: i64, is_new: bool) -> Result<Core> {
    let first = cores
        .first()
        .ok_or_else(|| Error::bad_argument(name, "no arrays; expected at least one".to_owned()))?;
    let ndim = first.ndim() + usize::from(is_new);
    let axis = axis_of(name, axis, ndim)?;
    // The axis of the inputs whose lengths may differ.
    let free = (!is_new).then_some(axis);
    for core in cores {
        let (a, b) = (first.shape(), core.shape());
        let fits = a.len() == b.len() && (0..a.len()).all(|i| Some(i) == free || a[i] == b[i]);
        if !fits {
            return Err(Error::bad_argument(
                name,
                format!(
                    "shapes {} and {} do not fit; expected equal lengths{}",
                    tuple(&a),
                    tuple(&b),
                    free.map_or_else(String::new, |a| format!(" but for axis {a}"))
                ),
            ));
        }
    }
    let mut shared: Vec<Vec<usize>> = (0..first.ndim())
        .map(|i| {
            let cuts: Vec<&[usize]> = cores.iter().map(|c| &*c.grid.chunks[i]).collect();
            if cuts.windows(2).all(|w| w[0] == w[1]) { cuts[0].to_vec() } else { common(&cuts) }
        })
        .collect();
    let aligned: Vec<Core> = cores
        .iter()
        .map(|core| {
            let mut chunks = shared.clone();
            if let Some(free) = free {
                chunks[free] = core.grid.chunks[free].to_vec();
            }
            rechunk(core, &Arc::new(Grid::new(chunks)))
        })
        .collect();
    let (mut sizes, mut parts) = (Vec::new(), Vec::new());
    for (i, core) in aligned.iter().enumerate() {
        let own: &[usize] = free.map_or(&[1], |free| &core.grid.chunks[free]);
        for (block, size) in own.iter().enumerate() {
            sizes.push(*size);
            parts.push((i as u32, block as u32));
        }
    }
    if is_new {
        shared.insert(axis, sizes);
    } else {
        shared[axis] = sizes;
    }
    let inputs: Vec<&Core> = aligned.iter().collect();
    let kind = Kind::Join { axis, parts: parts.into(), is_new };
    Ok(Core::step(name, Arc::new(Grid::new(shared)), first.dtype, &inputs, kind))
}

#[inline(never)]
fn join(name: &str, arrays: &[Opaque], axis: i64, is_new: bool, place: Place) -> Opaque {
    if arrays.is_empty() {
        return made(joined(name, &[], axis, is_new), place);
    }
    let inputs: Vec<&Opaque> = arrays.iter().collect();
    step(&inputs, place, &|cores| joined(name, cores, axis, is_new))
}

pub(super) fn handles<T>(arrays: &impl Arrays<T>) -> Vec<Opaque> {
    let mut all = Vec::new();
    arrays.each(&mut |a| all.push(a.inner.again()));
    all
}

/// Puts arrays side by side along an axis; the other lengths must be equal.
///
/// ```
/// use rask::prelude::*;
/// let x = da::arange(0..24i64).reshape((4, 6));
/// assert_eq!(da::concatenate([&x, &x], 0).shape(), [8, 6]);
/// ```
#[track_caller]
pub fn concatenate<T: ArrayElement>(arrays: impl Arrays<T>, axis: i64) -> Array<T> {
    Array::of(join("concatenate", &handles(&arrays), axis, false, Location::caller()))
}

/// Puts arrays of one shape side by side along a new axis.
///
/// ```
/// use rask::prelude::*;
/// let x = da::arange(0..24i64).reshape((4, 6));
/// assert_eq!(da::stack([&x, &x], 0).shape(), [2, 4, 6]);
/// ```
#[track_caller]
pub fn stack<T: ArrayElement>(arrays: impl Arrays<T>, axis: i64) -> Array<T> {
    Array::of(join("stack", &handles(&arrays), axis, true, Location::caller()))
}
