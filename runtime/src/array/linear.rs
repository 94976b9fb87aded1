//! Products of matrices.

use super::align::cast;
use super::block::Block;
use super::core::Core;
use super::data::{Data, sealed::Sealed};
use super::dtype::Dtype;
use super::element::{ArrayElement, Promote};
use super::grid::{Grid, common, tuple};
use super::handle::{Array, Place, step};
use super::program::block_of;
use super::rechunk::rechunk;
use crate::error::{Error, Result};
use crate::graph::{Layer, Value, Work};
use crate::handle::Opaque;
use ndarray::{Array2, ArrayView2, LinalgScalar, linalg::general_mat_mul};
use num_complex::Complex64;
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
        let data = match self.dtype {
            Dtype::F64 => multiplied::<f64>(&shape, &values),
            Dtype::F32 => multiplied::<f32>(&shape, &values),
            Dtype::I64 => multiplied::<i64>(&shape, &values),
            Dtype::I32 => multiplied::<i32>(&shape, &values),
            Dtype::U64 => multiplied::<u64>(&shape, &values),
            Dtype::U8 => multiplied::<u8>(&shape, &values),
            Dtype::C64 => multiplied::<Complex64>(&shape, &values),
            Dtype::Bool => unreachable!("products of booleans are refused"),
        };
        Ok(Arc::new(Block::new(shape, data)))
    }
}

/// Returns the sum of the products of pairs of blocks.
fn multiplied<T: LinalgScalar + Sealed>(shape: &[usize], values: &[Value]) -> Data {
    let mut all = Array2::<T>::zeros((shape[0], shape[1]));
    for pair in values.chunks_exact(2) {
        let [a, b] = [block_of(&pair[0]), block_of(&pair[1])];
        let (a_data, b_data) = (a.data(), b.data());
        let a = ArrayView2::from_shape((a.shape[0], a.shape[1]), T::slice(a_data.slice()));
        let b = ArrayView2::from_shape((b.shape[0], b.shape[1]), T::slice(b_data.slice()));
        // The lists have the lengths of their shapes.
        if let (Ok(a), Ok(b)) = (a, b) {
            general_mat_mul(T::one(), &a, &b, T::one(), &mut all);
        }
    }
    T::data(all.into_raw_vec_and_offset().0)
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
        let dtype = <<T as Promote<B>>::Output as Sealed>::DTYPE;
        Array::of(dot(&self.inner, &other.inner, dtype, Location::caller()))
    }
}
