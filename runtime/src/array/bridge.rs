//! What conversions from and to other collections need of arrays.

use super::block::Block;
use super::core::Core;
use super::data::{Data, sealed::Sealed};
use super::dtype::{Dtype, with_types};
use super::element::ArrayElement;
use super::grid::{Grid, tuple};
use super::handle::{Array, Place, core, made, made_unknown};
use super::merge;
use super::program::block_of;
use super::rechunk::rechunk;
use crate::error::{Error, Result};
use crate::graph::{Key, Layer, Name, Point, Value, Work};
use crate::handle::Opaque;
use ndarray::ArrayD;
use std::panic::Location;
use std::sync::Arc;

/// Returns the tasks of an array's blocks.
///
/// # Errors
/// Returns the error of the step that failed.
pub(crate) fn points<T>(array: &Array<T>) -> Result<Vec<Point>> {
    super::handle::points(&array.inner)
}

/// Puts the values of all blocks together.
///
/// # Errors
/// Returns the error of the step that failed.
pub(crate) fn whole<T: ArrayElement>(array: &Array<T>, values: Vec<Value>) -> Result<ArrayD<T>> {
    match super::handle::put_together(&array.inner, values) {
        Ok(block) => Ok(T::array(block)),
        Err(e) => Err(e),
    }
}

/// Makes a list of elements in row-major order, of the type of a list, from a value.
pub(crate) type Rows = fn(&Value, &Data) -> Result<Data>;

/// Puts the elements of columns in row-major order.
pub(crate) fn interleaved(columns: &[Data], dtype: &Data) -> Data {
    let rows = columns.first().map_or(0, Data::len);
    let mut all = merge::zeros(dtype.dtype(), rows * columns.len());
    macro_rules! typed {
        ($(($v:ident, $t:ty, $name:literal))*) => {
            match &mut all {
                $(Data::$v(all) => {
                    for (at, column) in columns.iter().enumerate() {
                        let column: &[$t] = Sealed::slice(column.slice());
                        for (row, x) in column.iter().enumerate() {
                            all[row * columns.len() + at] = *x;
                        }
                    }
                })*
            }
        };
    }
    with_types!(typed);
    all
}

/// Computes the rows of one value.
struct FromRows {
    grid: Arc<Grid>,
    dtype: Data,
    rows: Rows,
}

impl Work for FromRows {
    fn reads(&self, layer: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        out.push((index, layer.inputs[index as usize].index));
    }

    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value> {
        let shape = self.grid.block_shape(&self.grid.place(index as usize));
        Ok(Arc::new(Block::new(shape, (self.rows)(&values[0], &self.dtype)?)))
    }
}

/// Creates the matrix of values with these numbers of rows.
pub(crate) fn from_rows<T: ArrayElement>(
    values: Result<(Vec<Point>, Vec<usize>)>,
    columns: usize,
    dtype: Data,
    rows: Rows,
    place: Place,
) -> Array<T> {
    let new = values.map(|(points, lengths)| {
        let grid = Arc::new(Grid::new(vec![lengths, vec![columns]]));
        let key = Key::new(Name::new("to_array"));
        let of = dtype.dtype();
        let work = FromRows { grid: grid.clone(), dtype, rows };
        let layer = Layer::new(key, points.len() as u32, points, work);
        Core { grid, dtype: of, layer }
    });
    Array::of(made(new, place))
}

/// Returns blocks of whole rows, as values of [`columns`].
///
/// # Errors
/// Returns an error if the array is not a matrix with this number of columns.
pub(crate) fn rows_of<T: ArrayElement>(array: &Array<T>, columns: usize) -> Result<Vec<Point>> {
    let core = core(&array.inner)?;
    let shape = core.shape();
    if !matches!((shape.as_slice(), columns), ([_, n], c) if *n == c)
        && (shape.len(), columns) != (1, 1)
    {
        return Err(Error::bad_argument(
            "to_dataframe",
            format!(
                "{columns} names for an array of shape {}; expected a matrix with a name for each of its columns",
                tuple(&shape)
            ),
        ));
    }
    let rows = core.grid.chunks[0].to_vec();
    let chunks = if shape.len() == 1 { vec![rows] } else { vec![rows, vec![columns]] };
    Ok(rechunk(core, &Arc::new(Grid::new(chunks))).layer.points())
}

/// Returns the columns of a block of rows.
pub(crate) fn columns(value: &Value, columns: usize) -> Vec<Data> {
    let data = block_of(value).data();
    let rows = data.len() / columns.max(1);
    (0..columns)
        .map(|column| {
            let mut list = Data::with_capacity(data.dtype(), rows);
            if rows > 0 {
                list.extend_strided(data.slice(), column, columns as isize, rows);
            }
            list
        })
        .collect()
}

/// Creates the matrix of values whose numbers of rows are not known.
pub(crate) fn from_unknown_rows<T: ArrayElement>(
    points: Vec<Point>,
    columns: usize,
    rows: fn(&Value, usize) -> Result<Data>,
    place: Place,
) -> Array<T> {
    Array::of(unknown_rows(points, columns, T::DTYPE, rows, place))
}

/// Computes the rows of one value.
struct FromUnknown {
    columns: usize,
    rows: fn(&Value, usize) -> Result<Data>,
}

impl Work for FromUnknown {
    fn reads(&self, layer: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        out.push((index, layer.inputs[index as usize].index));
    }

    fn run(&self, _: u32, values: Vec<Value>) -> Result<Value> {
        let data = (self.rows)(&values[0], self.columns)?;
        let rows = data.len().checked_div(self.columns).unwrap_or(0);
        Ok(Arc::new(Block::new(vec![rows, self.columns], data)))
    }
}

#[inline(never)]
fn unknown_rows(
    points: Vec<Point>,
    columns: usize,
    dtype: Dtype,
    rows: fn(&Value, usize) -> Result<Data>,
    place: Place,
) -> Opaque {
    let grid = Arc::new(Grid::new(vec![vec![0; points.len()], vec![columns]]));
    let len = points.len() as u32;
    let work = FromUnknown { columns, rows };
    let layer = Layer::new(Key::new(Name::new("to_array")), len, points, work);
    made_unknown(Ok((Core { grid, dtype, layer }, 0)), place)
}

/// Returns the array in blocks of whole rows.
///
/// # Errors
/// Returns an error if the array has more than two axes, or none.
pub(crate) fn in_rows<T: ArrayElement>(array: &Array<T>) -> Result<Array<T>> {
    match whole_rows(&array.inner) {
        Ok(inner) => Ok(Array::of(inner)),
        Err(e) => Err(e),
    }
}

#[inline(never)]
fn whole_rows(inner: &Opaque) -> Result<Opaque> {
    let core = core(inner)?;
    let shape = core.shape();
    if !matches!(shape.len(), 1 | 2) {
        return Err(Error::bad_argument(
            "to_bag",
            format!("an array of shape {}; expected a matrix, or a list", tuple(&shape)),
        ));
    }
    let mut chunks = vec![core.grid.chunks[0].to_vec()];
    chunks.extend(shape.get(1).map(|n| vec![*n]));
    Ok(made(Ok(rechunk(core, &Arc::new(Grid::new(chunks)))), Location::caller()))
}
