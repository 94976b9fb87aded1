//! Conversions between bags of rows and arrays.

use crate::array::{Array, ArrayElement, Data, bridge};
use crate::bag::Bag;
use crate::delayed::typed_ref;
use crate::error::{Error, Result};
use crate::graph::Value;
use std::panic::Location;

/// Returns the elements of rows, one after the other.
fn elements<T: ArrayElement>(value: &Value, columns: usize) -> Result<Data> {
    let rows = typed_ref::<Vec<Vec<T>>>(value);
    let mut list = Vec::with_capacity(rows.len() * columns);
    for row in rows {
        if row.len() != columns {
            return Err(other_length(row.len(), columns));
        }
        list.extend_from_slice(row);
    }
    Ok(T::data(list))
}

#[cold]
#[inline(never)]
fn other_length(found: usize, columns: usize) -> Error {
    Error::bad_argument(
        "to_array",
        format!("a row of {found} elements; expected {columns} in each row"),
    )
}

impl<T: ArrayElement> Bag<Vec<T>> {
    /// Converts a bag of rows to a matrix with this number of columns: a partition is a block. How
    /// many rows there are is known once they are computed; a row of another length is an error then.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let rows = Bag::from_iter([vec![1.0, 2.0], vec![3.0, 4.0]]);
    /// assert_eq!(rows.to_array(2).sum_axis(0).compute()?.into_raw_vec_and_offset().0, [4.0, 6.0]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn to_array(&self, columns: usize) -> Array<T> {
        let mut points = Vec::new();
        for part in self.to_delayed() {
            points.push(part.point());
        }
        bridge::from_unknown_rows(points, columns, elements::<T>, Location::caller())
    }
}

impl<T: ArrayElement> Array<T> {
    /// Converts a matrix to a bag of its rows; the rows of a block are a partition. A list is a bag of
    /// rows of one element.
    ///
    /// # Errors
    /// Returns the error of the step that failed, or an error if the array has more than two axes.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let rows = da::arange(0..6i64).reshape((3, 2)).to_bag()?;
    /// assert_eq!(rows.compute()?, [vec![0, 1], vec![2, 3], vec![4, 5]]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn to_bag(&self) -> Result<Bag<Vec<T>>> {
        let whole = bridge::in_rows(self)?;
        let mut parts = Vec::new();
        for block in whole.to_delayed() {
            parts.push(block.map(|block: ndarray::ArrayD<T>| {
                let mut rows = Vec::new();
                for row in block.outer_iter() {
                    rows.push(row.iter().copied().collect());
                }
                rows
            }));
        }
        Ok(Bag::from_delayed(&parts))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn bags_of_rows_go_to_arrays_and_back() {
        let x = da::arange(0..20i64).reshape((5, 4));
        for cut in [(5, 4), (2, 3), (1, 1)] {
            let rows = x.rechunk(cut).to_bag().unwrap();
            assert_eq!(rows.compute().unwrap()[4], [16, 17, 18, 19]);
            let back = rows.to_array(4);
            assert_eq!(format!("{:?}", back.shape()), "[?, 4]");
            assert_eq!(back.compute().unwrap(), x.compute().unwrap());
            assert_eq!(back.slice(s![3, ..]).sum().compute().unwrap(), 54);
        }
        assert_eq!(da::arange(0..3i64).to_bag().unwrap().compute().unwrap()[2], [2]);
        let e = Bag::from_iter([vec![1.0], vec![1.0, 2.0]]).to_array(1).compute().unwrap_err();
        assert!(e.to_string().contains("a row of 2 elements; expected 1"), "{e}");
        let e = da::ones((2, 2, 2)).to_bag().unwrap_err().to_string();
        assert!(e.contains("(2, 2, 2)"), "{e}");
    }
}
