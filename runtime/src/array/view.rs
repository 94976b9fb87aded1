//! Views: where the elements of a result are found in what it is made of. A view reads element
//! `start + step * i` along each axis of its source, `i` being the place along one axis of the
//! result, or always the same element. Slices, transposes, new axes, broadcasts and diagonals are
//! views, and so is a view of a view.

/// Where along one axis of the source the elements are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Along {
    pub(crate) start: usize,
    pub(crate) step: isize,
    /// The axis of the result that it follows; `None` if it is always the element at `start`.
    pub(crate) axis: Option<usize>,
}

/// A view of a block, by the axes of its source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct View(pub(crate) Vec<Along>);

impl View {
    /// Returns the view of a whole block with `ndim` axes.
    pub(crate) fn whole(ndim: usize) -> Self {
        Self((0..ndim).map(|axis| Along { start: 0, step: 1, axis: Some(axis) }).collect())
    }

    /// Returns the view of `inner`'s source that reads what this view reads of `inner`'s result.
    pub(crate) fn of(&self, inner: &Self) -> Self {
        let through = |a: &Along| match a.axis {
            None => *a,
            Some(axis) => {
                let outer = self.0[axis];
                Along {
                    start: a.start.wrapping_add_signed(a.step * outer.start as isize),
                    step: if outer.axis.is_some() { a.step * outer.step } else { 0 },
                    axis: outer.axis,
                }
            }
        };
        Self(inner.0.iter().map(through).collect())
    }

    /// Returns where the elements are in a row-major source: the place of the first one, and the
    /// distance of neighbours along each of `ndim` axes of the result.
    pub(crate) fn strides(&self, source: &[usize], ndim: usize) -> (usize, Vec<isize>) {
        let mut distance = 1usize;
        let mut offset = 0usize;
        let mut strides = vec![0isize; ndim];
        for (a, n) in self.0.iter().zip(source).rev() {
            offset = offset.wrapping_add(a.start.wrapping_mul(distance));
            if let Some(axis) = a.axis {
                strides[axis] += a.step * distance as isize;
            }
            distance = distance.wrapping_mul(*n);
        }
        (offset, strides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_of_a_view_is_a_view() {
        // Every second row of a (4, 6) block, backwards, transposed.
        let rows = View(vec![
            Along { start: 3, step: -2, axis: Some(0) },
            Along { start: 0, step: 1, axis: Some(1) },
        ]);
        let swapped = View(vec![
            Along { start: 0, step: 1, axis: Some(1) },
            Along { start: 0, step: 1, axis: Some(0) },
        ]);
        let both = swapped.of(&rows);
        assert_eq!(both.strides(&[4, 6], 2), (18, vec![1, -12]));
        // Its second row, as a single axis.
        let row = View(vec![
            Along { start: 1, step: 0, axis: None },
            Along { start: 0, step: 1, axis: Some(0) },
        ]);
        assert_eq!(row.of(&both).strides(&[4, 6], 1), (19, vec![-12]));
        assert_eq!(View::whole(2).of(&both), both);
    }
}
