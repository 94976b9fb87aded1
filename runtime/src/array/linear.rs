//! Products of matrices.

use super::align::cast;
use super::block::Block;
use super::core::Core;
use super::data::{Data, Slice};
use super::dtype::Dtype;
use super::element::{ArrayElement, Promote};
use super::grid::{Grid, common, tuple};
use super::handle::{Array, Place, step};
use super::merge;
use super::program::block_of;
use super::rechunk::rechunk;
use crate::error::{Error, Result};
use crate::graph::{Layer, Value, Work};
use crate::handle::Opaque;
use ndarray::{Array2, ArrayView2, LinalgScalar, linalg::general_mat_mul};
use std::panic::Location;
use std::sync::Arc;

/// Computes the blocks of a product of matrices: rows of blocks with columns of blocks.
struct Product {
    grid: Arc<Grid>,
    dtype: Dtype,
    /// The number of blocks along the axis that is summed.
    inner: usize,
}

impl Work for Product {
    fn reads(&self, _: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        let place = self.grid.place(index as usize);
        let columns = self.grid.chunks[1].len();
        for k in 0..self.inner {
            out.push((0, (place[0] * self.inner + k) as u32));
            out.push((1, (k * columns + place[1]) as u32));
        }
    }

    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value> {
        let shape = self.grid.block_shape(&self.grid.place(index as usize));
        let data =
            match self.dtype {
                Dtype::F64 => Data::F64(multiplied(&shape, &values, |s| {
                    if let Slice::F64(x) = s { x } else { &[] }
                })),
                Dtype::F32 => Data::F32(multiplied(&shape, &values, |s| {
                    if let Slice::F32(x) = s { x } else { &[] }
                })),
                Dtype::I64 => Data::I64(multiplied(&shape, &values, |s| {
                    if let Slice::I64(x) = s { x } else { &[] }
                })),
                Dtype::I32 => Data::I32(multiplied(&shape, &values, |s| {
                    if let Slice::I32(x) = s { x } else { &[] }
                })),
                Dtype::U64 => Data::U64(multiplied(&shape, &values, |s| {
                    if let Slice::U64(x) = s { x } else { &[] }
                })),
                Dtype::U8 => Data::U8(multiplied(&shape, &values, |s| {
                    if let Slice::U8(x) = s { x } else { &[] }
                })),
                Dtype::C64 => Data::C64(multiplied(&shape, &values, |s| {
                    if let Slice::C64(x) = s { x } else { &[] }
                })),
                Dtype::Bool => merge::zeros(Dtype::Bool, shape.iter().product()),
            };
        Ok(Arc::new(Block::new(shape, data)))
    }
}

fn multiplied<T: LinalgScalar>(
    shape: &[usize],
    values: &[Value],
    list: impl Fn(Slice<'_>) -> &[T],
) -> Vec<T> {
    let mut all = Array2::<T>::zeros((shape[0], shape[1]));
    for pair in values.chunks_exact(2) {
        let [a, b] = [0, 1].map(|i| {
            let block = block_of(&pair[i]).clone();
            (block.shape.clone(), block.into_data())
        });
        let view = |of: &'_ (Vec<usize>, Data)| (of.0[0], of.0[1]);
        let (a_list, b_list) = (list(a.1.slice()), list(b.1.slice()));
        let a = ArrayView2::from_shape(view(&a), a_list);
        let b = ArrayView2::from_shape(view(&b), b_list);
        // The lists have the lengths of their shapes.
        if let (Ok(a), Ok(b)) = (a, b) {
            general_mat_mul(T::one(), &a, &b, T::one(), &mut all);
        }
    }
    all.into_raw_vec_and_offset().0
}

/// Multiplies matrices; vectors are rows on the left and columns on the right.
fn product(a: &Core, b: &Core, dtype: Dtype) -> Result<Core> {
    let (shape_a, shape_b) = (a.shape(), b.shape());
    let fits = matches!((a.ndim(), b.ndim()), (1 | 2, 1 | 2))
        && shape_a.last() == shape_b.first()
        && dtype != Dtype::Bool;
    if !fits {
        return Err(Error::bad_argument(
            "dot",
            format!(
                "shapes {} and {} do not fit; expected matrices or vectors of numbers, the last length of the first equal to the first one of the second",
                tuple(&shape_a),
                tuple(&shape_b)
            ),
        ));
    }
    let (is_row, is_column) = (a.ndim() == 1, b.ndim() == 1);
    let as_matrix = |core: &Core, is_vector: bool, lengths: [i64; 2]| {
        if is_vector { super::reshape::reshaped(core, &lengths) } else { Ok(core.clone()) }
    };
    let n = shape_b[0] as i64;
    let a = as_matrix(&cast(a, dtype), is_row, [1, n])?;
    let b = as_matrix(&cast(b, dtype), is_column, [n, 1])?;
    let inner = common(&[&a.grid.chunks[1], &b.grid.chunks[0]]);
    let a = rechunk(&a, &Arc::new(Grid::new(vec![a.grid.chunks[0].to_vec(), inner.clone()])));
    let b = rechunk(&b, &Arc::new(Grid::new(vec![inner.clone(), b.grid.chunks[1].to_vec()])));
    let grid = Arc::new(Grid::new(vec![a.grid.chunks[0].to_vec(), b.grid.chunks[1].to_vec()]));
    let work = Product { grid: grid.clone(), dtype, inner: inner.len() };
    let found = Core::of("dot", grid, dtype, &[&a, &b], work);
    match (is_row, is_column) {
        (false, false) => Ok(found),
        (true, true) => super::reshape::reshaped(&found, &[]),
        _ => super::reshape::reshaped(&found, &[-1]),
    }
}

#[inline(never)]
fn dot(a: &Opaque, b: &Opaque, dtype: Dtype, place: Place) -> Opaque {
    step(&[a, b], place, &|cores| product(cores[0], cores[1], dtype))
}

impl<T: ArrayElement> Array<T> {
    /// Multiplies matrices, or a matrix and a vector, or vectors. Sums are rounded on the way, in an
    /// order that depends on the chunks.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::arange(0..4i64).reshape((2, 2));
    /// assert_eq!(x.dot(&x).compute()?.into_raw_vec_and_offset().0, [2, 3, 6, 11]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn dot<B: ArrayElement>(&self, other: &Array<B>) -> Array<<T as Promote<B>>::Output>
    where
        T: Promote<B>,
    {
        let dtype = <<T as Promote<B>>::Output as super::data::sealed::Sealed>::DTYPE;
        Array::of(dot(&self.inner, &other.inner, dtype, Location::caller()))
    }
}
