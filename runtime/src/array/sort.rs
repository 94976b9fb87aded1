//! Order along an axis: sorting, and the greatest elements.

use super::args::axis_of;
use super::block::Block;
use super::calls::each_block;
use super::core::Core;
use super::data::Data;
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::grid::Grid;
use super::handle::{Array, Place, step};
use super::lanes::{Lanes, Ordered, any_type, refuse_complex, same_type};
use super::whole::whole_along;
use crate::error::Result;
use crate::handle::Opaque;
use std::panic::Location;
use std::sync::Arc;

/// Sorts a lane; NaN comes last.
fn sorted<T: Ordered>(list: &[T], lanes: Lanes) -> Vec<T> {
    lanes.map(list, lanes.n, &mut |lane, out: &mut [T]| {
        lane.sort_unstable_by(Ordered::order);
        out.copy_from_slice(lane);
    })
}

/// Returns the places that would sort each lane, equal elements in their order.
fn argsorted<T: Ordered>(list: &[T], lanes: Lanes) -> Vec<i64> {
    lanes.map(list, lanes.n, &mut |lane, out: &mut [i64]| {
        out.iter_mut().enumerate().for_each(|(i, at)| *at = i as i64);
        out.sort_by(|a, b| lane[*a as usize].order(&lane[*b as usize]));
    })
}

/// Returns the `k` greatest elements of each lane, greatest first; the least ones, least first, if
/// `k` is negative.
fn greatest<T: Ordered>(list: &[T], lanes: Lanes, k: i64) -> Vec<T> {
    let m = lanes.n.min(k.unsigned_abs() as usize);
    lanes.map(list, m, &mut |lane, out: &mut [T]| {
        let order = |a: &T, b: &T| if k < 0 { a.order(b) } else { b.order(a) };
        if 0 < m && m < lane.len() {
            lane.select_nth_unstable_by(m - 1, order);
        }
        lane[..m].sort_unstable_by(order);
        out.copy_from_slice(&lane[..m]);
    })
}

/// Returns the places of the elements that [`greatest`] returns; of equal ones the first.
fn greatest_places<T: Ordered>(list: &[T], lanes: Lanes, k: i64) -> Vec<i64> {
    let m = lanes.n.min(k.unsigned_abs() as usize);
    lanes.map(list, m, &mut |lane, out: &mut [i64]| {
        let mut all: Vec<usize> = (0..lane.len()).collect();
        let order = |a: &usize, b: &usize| {
            let by = lane[*a].order(&lane[*b]);
            if k < 0 { by } else { by.reverse() }.then(a.cmp(b))
        };
        if 0 < m && m < all.len() {
            all.select_nth_unstable_by(m - 1, order);
        }
        all[..m].sort_unstable_by(order);
        out.iter_mut().zip(all).for_each(|(o, i)| *o = i as i64);
    })
}

/// Returns the grid with chunks of other sizes along an axis.
pub(super) fn with_chunks(grid: &Grid, axis: usize, sizes: Vec<usize>) -> Arc<Grid> {
    let mut chunks: Vec<Vec<usize>> = grid.chunks.iter().map(|c| c.to_vec()).collect();
    chunks[axis] = sizes;
    Arc::new(Grid::new(chunks))
}

fn sort_core(core: &Core, axis: usize) -> Result<Core> {
    let core = whole_along("sort", core, &[axis])?;
    Ok(each_block("sort", core.grid.clone(), core.dtype, &core, move |_, block| {
        let lanes = Lanes::of(&block.shape, axis);
        let data = same_type!(&*block.data(), l => sorted(l, lanes));
        Ok(Block::new(block.shape.clone(), data))
    }))
}

fn topk_core(core: &Core, k: i64, axis: usize) -> Result<Core> {
    let best = move |core: &Core| {
        let k_len = k.unsigned_abs() as usize;
        let sizes = core.grid.chunks[axis].iter().map(|n| (*n).min(k_len)).collect();
        let grid = with_chunks(&core.grid, axis, sizes);
        each_block("topk", grid, core.dtype, core, move |_, block| {
            let lanes = Lanes::of(&block.shape, axis);
            let mut shape = block.shape.clone();
            shape[axis] = shape[axis].min(k_len);
            Ok(Block::new(shape, same_type!(&*block.data(), l => greatest(l, lanes, k))))
        })
    };
    let of_blocks = best(core);
    if of_blocks.grid.chunks[axis].len() == 1 {
        return Ok(of_blocks);
    }
    Ok(best(&whole_along("topk", &of_blocks, &[axis])?))
}

/// Which places are wanted.
#[derive(Clone, Copy)]
enum Places {
    Sorted,
    Greatest(i64),
}

fn places_core(name: &str, core: &Core, axis: usize, places: Places) -> Result<Core> {
    let core = whole_along(name, core, &[axis])?;
    let n = core.shape()[axis];
    let m = match places {
        Places::Sorted => n,
        Places::Greatest(k) => n.min(k.unsigned_abs() as usize),
    };
    let grid = with_chunks(&core.grid, axis, vec![m]);
    Ok(each_block(name, grid, Dtype::I64, &core, move |_, block| {
        let lanes = Lanes::of(&block.shape, axis);
        let mut shape = block.shape.clone();
        shape[axis] = m;
        let found = any_type!(&*block.data(), l => match places {
            Places::Sorted => argsorted(l, lanes),
            Places::Greatest(k) => greatest_places(l, lanes, k),
        });
        Ok(Block::new(shape, Data::I64(found)))
    }))
}

/// Applies a step along an axis to an array with an order.
pub(super) fn along(
    name: &str,
    inner: &Opaque,
    axis: i64,
    place: Place,
    f: &dyn Fn(&Core, usize) -> Result<Core>,
) -> Opaque {
    step(&[inner], place, &|cores| {
        refuse_complex(name, cores[0].dtype)?;
        f(cores[0], axis_of(name, axis, cores[0].ndim())?)
    })
}

#[inline(never)]
fn sort(inner: &Opaque, axis: i64, place: Place) -> Opaque {
    along("sort", inner, axis, place, &sort_core)
}

#[inline(never)]
fn topk(inner: &Opaque, k: i64, axis: i64, place: Place) -> Opaque {
    along("topk", inner, axis, place, &|core, axis| topk_core(core, k, axis))
}

#[inline(never)]
fn argsort(inner: &Opaque, axis: i64, place: Place) -> Opaque {
    along("argsort", inner, axis, place, &|core, axis| {
        places_core("argsort", core, axis, Places::Sorted)
    })
}

#[inline(never)]
fn argtopk(inner: &Opaque, k: i64, axis: i64, place: Place) -> Opaque {
    along("argtopk", inner, axis, place, &|core, axis| {
        places_core("argtopk", core, axis, Places::Greatest(k))
    })
}

impl<T: ArrayElement> Array<T> {
    /// Sorts the elements along an axis, least first and NaN last.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::from_array(ndarray::arr1(&[3, 1, 2i64]), 2).sort(0);
    /// assert_eq!(x.compute()?.into_raw_vec_and_offset().0, [1, 2, 3]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn sort(&self, axis: i64) -> Self {
        Self::of(sort(&self.inner, axis, Location::caller()))
    }

    /// Returns the indices that would sort the elements along an axis; equal elements keep their
    /// order.
    #[must_use]
    #[track_caller]
    pub fn argsort(&self, axis: i64) -> Array<i64> {
        Array::of(argsort(&self.inner, axis, Location::caller()))
    }

    /// Takes the `k` greatest elements along an axis, greatest first; the `-k` least ones, least
    /// first, if `k` is negative. NaN is greater than all numbers.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::from_array(ndarray::arr1(&[5, 1, 3, 6i64]), 2);
    /// assert_eq!(x.topk(2, 0).compute()?.into_raw_vec_and_offset().0, [6, 5]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn topk(&self, k: i64, axis: i64) -> Self {
        Self::of(topk(&self.inner, k, axis, Location::caller()))
    }

    /// Returns the indices along an axis of the elements that [`topk`](Self::topk) takes; of equal
    /// ones the first.
    #[must_use]
    #[track_caller]
    pub fn argtopk(&self, k: i64, axis: i64) -> Array<i64> {
        Array::of(argtopk(&self.inner, k, axis, Location::caller()))
    }
}
