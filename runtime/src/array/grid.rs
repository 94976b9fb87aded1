//! How an array is cut into chunks.

use crate::error::{Error, Result};
use std::sync::Arc;

/// The sizes of the chunks along each axis. Blocks are numbered in row-major order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) chunks: Vec<Arc<[usize]>>,
    /// Where the chunks start.
    starts: Vec<Arc<[usize]>>,
    /// The lengths of the axes: there may be many chunks to add up.
    shape: Vec<usize>,
}

impl Grid {
    pub(crate) fn new(chunks: Vec<Vec<usize>>) -> Self {
        let starts = chunks.iter().map(|chunks| {
            let mut next = 0;
            let start = |n: &usize| {
                next += n;
                next - n
            };
            chunks.iter().map(start).collect()
        });
        let starts = starts.collect();
        let shape = chunks.iter().map(|c| c.iter().sum()).collect();
        Self { chunks: chunks.into_iter().map(Into::into).collect(), starts, shape }
    }

    /// Returns a grid of one block.
    pub(crate) fn whole(shape: &[usize]) -> Self {
        Self::new(shape.iter().map(|n| vec![*n]).collect())
    }

    pub(crate) fn ndim(&self) -> usize {
        self.chunks.len()
    }

    pub(crate) fn shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    /// Returns the number of elements.
    pub(crate) fn elements(&self) -> u128 {
        self.shape.iter().map(|n| *n as u128).product()
    }

    /// Returns the number of blocks along each axis.
    pub(crate) fn counts(&self) -> Vec<usize> {
        self.chunks.iter().map(|c| c.len()).collect()
    }

    /// Returns the number of blocks.
    pub(crate) fn blocks(&self) -> usize {
        self.chunks.iter().map(|c| c.len()).product()
    }

    /// Returns the place of block `i` along each axis.
    pub(crate) fn place(&self, i: usize) -> Vec<usize> {
        let mut rest = i;
        let mut place = vec![0; self.ndim()];
        for (axis, chunks) in self.chunks.iter().enumerate().rev() {
            place[axis] = rest % chunks.len();
            rest /= chunks.len();
        }
        place
    }

    /// Returns the number of the block at a place.
    pub(crate) fn number(&self, place: &[usize]) -> usize {
        place.iter().zip(&self.chunks).fold(0, |n, (at, chunks)| n * chunks.len() + at)
    }

    /// Returns the shape of the block at a place.
    pub(crate) fn block_shape(&self, place: &[usize]) -> Vec<usize> {
        place.iter().zip(&self.chunks).map(|(at, chunks)| chunks[*at]).collect()
    }

    /// Returns the first element of the block at a place, along each axis.
    pub(crate) fn block_start(&self, place: &[usize]) -> Vec<usize> {
        place.iter().zip(&self.starts).map(|(at, starts)| starts[*at]).collect()
    }

    /// Calls a function with the place of each block that has elements in a range, by its first
    /// element and length along each axis.
    pub(crate) fn each_block_of(
        &self,
        range: &[(usize, usize, usize)],
        f: &mut dyn FnMut(&[usize]),
    ) {
        let blocks = |(axis, (first, len, _)): (usize, &(usize, usize, usize))| {
            let starts = &self.starts[axis];
            let from = starts.partition_point(|s| s <= first).saturating_sub(1);
            from..starts.partition_point(|s| *s < first + len).max(from + usize::from(*len > 0))
        };
        let spans: Vec<std::ops::Range<usize>> = range.iter().enumerate().map(blocks).collect();
        if spans.iter().any(std::ops::Range::is_empty) {
            return;
        }
        let counts = Self::new(spans.iter().map(|s| vec![1; s.len()]).collect());
        for i in 0..counts.blocks() {
            let place = counts.place(i);
            let place: Vec<usize> = place.iter().zip(&spans).map(|(p, s)| p + s.start).collect();
            f(&place);
        }
    }

    /// Returns the largest chunk along each axis.
    pub(crate) fn largest(&self) -> Vec<usize> {
        self.chunks.iter().map(|c| c.iter().copied().max().unwrap_or(0)).collect()
    }
}

/// How to cut one axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Into chunks of this size.
    Size(usize),
    /// Into chunks of these sizes.
    Sizes(Vec<usize>),
    Whole,
    /// So that blocks have at most the number of bytes that fits the workers.
    Auto,
}

/// Cuts the axes of an array.
///
/// # Errors
/// Returns an error if the cuts do not fit the shape.
pub(crate) fn cut(method: &str, shape: &[usize], cuts: &[Cut], most: usize) -> Result<Grid> {
    if cuts.len() != shape.len() {
        return Err(Error::bad_argument(
            method,
            format!(
                "got chunks for {} axes of an array with shape {}; expected one size per axis",
                cuts.len(),
                tuple(shape)
            ),
        ));
    }
    let sizes = automatic(shape, cuts, most);
    let mut chunks = Vec::with_capacity(shape.len());
    for (axis, n) in shape.iter().enumerate() {
        chunks.push(match &cuts[axis] {
            Cut::Size(0) if *n > 0 => {
                return Err(Error::bad_argument(
                    method,
                    format!("chunks of 0 elements along axis {axis}; expected 1 or more, or -1 for the whole axis"),
                ));
            }
            Cut::Size(size) => equal(*n, (*size).min(*n)),
            Cut::Sizes(sizes) if sizes.iter().sum::<usize>() == *n => sizes.clone(),
            Cut::Sizes(sizes) => {
                return Err(Error::bad_argument(
                    method,
                    format!(
                        "chunks {sizes:?} add up to {} along axis {axis}, which has {n} elements",
                        sizes.iter().sum::<usize>()
                    ),
                ));
            }
            Cut::Whole => vec![*n],
            Cut::Auto => equal(*n, sizes[axis].min(*n)),
        });
    }
    Ok(Grid::new(chunks))
}

/// Cuts `n` elements into chunks of `size` and a rest.
pub(crate) fn equal(n: usize, size: usize) -> Vec<usize> {
    if n == 0 || size == 0 {
        return vec![n];
    }
    let mut chunks = vec![size; n / size];
    if !n.is_multiple_of(size) {
        chunks.push(n % size);
    }
    chunks
}

/// Returns the sizes of automatic chunks, as near to cubes as the shape allows, so that a block has
/// at most `most` elements (as Dask's `auto_chunks`).
fn automatic(shape: &[usize], cuts: &[Cut], most: usize) -> Vec<usize> {
    let mut sizes: Vec<usize> = shape.to_vec();
    let mut open: Vec<usize> = Vec::new();
    let mut fixed = 1.0f64;
    for (axis, c) in cuts.iter().enumerate() {
        let size = match c {
            Cut::Auto => {
                open.push(axis);
                continue;
            }
            Cut::Size(n) => (*n).min(shape[axis]),
            Cut::Sizes(all) => all.iter().copied().max().unwrap_or(1),
            Cut::Whole => shape[axis],
        };
        fixed *= size.max(1) as f64;
    }
    while !open.is_empty() {
        let side = (most as f64 / fixed).max(1.0).powf(1.0 / open.len() as f64);
        // A root that is whole must not be rounded down.
        let side = (side + 1e-9) as usize;
        let small: Vec<usize> = open.iter().copied().filter(|a| shape[*a] < side).collect();
        if small.is_empty() {
            open.iter().for_each(|a| sizes[*a] = side.max(1));
            break;
        }
        small.iter().for_each(|a| fixed *= shape[*a].max(1) as f64);
        open.retain(|a| !small.contains(a));
    }
    sizes
}

/// Returns numbers in the form of a tuple: `(3, 4)`, `(3,)`.
pub(crate) fn tuple<T: std::fmt::Display>(numbers: &[T]) -> String {
    let list: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    match list.as_slice() {
        [one] => format!("({one},)"),
        _ => format!("({})", list.join(", ")),
    }
}

/// Returns the shape that two shapes have in common by NumPy's rules of broadcasting.
pub(crate) fn broadcast(method: &str, a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let n = a.len().max(b.len());
    let at =
        |shape: &[usize], i: usize| (i + shape.len()).checked_sub(n).map_or(1, |axis| shape[axis]);
    (0..n)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y || y == 1 => Ok(x),
            (1, y) => Ok(y),
            _ => Err(Error::bad_argument(
                method,
                format!(
                    "shapes {} and {} do not fit; expected equal lengths, or 1, along each axis",
                    tuple(a),
                    tuple(b)
                ),
            )),
        })
        .collect()
}

/// Returns the chunks of an axis whose edges are those of all the given chunks.
pub(crate) fn common(all: &[&[usize]]) -> Vec<usize> {
    let mut edges: Vec<usize> = Vec::new();
    for chunks in all {
        let mut at = 0;
        for size in *chunks {
            at += size;
            edges.push(at);
        }
    }
    edges.sort_unstable();
    edges.dedup();
    let mut before = 0;
    let sizes = edges.iter().map(|e| e - std::mem::replace(&mut before, *e));
    sizes.filter(|n| *n > 0 || edges.len() == 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn automatic_chunks_are_those_of_dask() {
        let auto = |shape: &[usize], most| {
            cut("t", shape, &vec![Cut::Auto; shape.len()], most).unwrap().largest()
        };
        let most = (128 << 20) / 8;
        assert_eq!(auto(&[40_000, 40_000], most), [4096, 4096]);
        assert_eq!(auto(&[10, 100_000_000], most), [10, 1_677_721]);
        assert_eq!(auto(&[50, 50], most), [50, 50]);
        assert_eq!(auto(&[0, 5], most), [0, 5]);
        assert_eq!(auto(&[1_000_000], 1), [1]);
    }

    #[test]
    fn blocks_have_places_and_numbers() {
        let grid = Grid::new(vec![vec![2, 2], vec![4, 2], vec![1]]);
        for i in 0..grid.blocks() {
            assert_eq!(grid.number(&grid.place(i)), i);
        }
        assert_eq!(grid.block_shape(&[1, 1, 0]), [2, 2, 1]);
        assert_eq!(grid.block_start(&[1, 1, 0]), [2, 4, 0]);
        assert_eq!(common(&[&[2, 2], &[1, 3]]), [1, 1, 2]);
        assert_eq!(common(&[&[0], &[0]]), [0]);
    }

    #[test]
    fn shapes_are_broadcast() {
        assert_eq!(broadcast("t", &[3, 1], &[4]).unwrap(), [3, 4]);
        assert_eq!(broadcast("t", &[], &[2, 2]).unwrap(), [2, 2]);
        assert_eq!(broadcast("t", &[1], &[0]).unwrap(), [0]);
        let e = broadcast("add", &[3, 4], &[5, 4]).unwrap_err().to_string();
        assert!(e.contains("(3, 4)") && e.contains("(5, 4)"), "{e}");
    }
}
