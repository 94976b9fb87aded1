//! Sums of products of matrices, in panels.

use faer::linalg::matmul::matmul;
use faer::traits::ComplexField;
use faer::{Accum, MatMut, MatRef, Par};
use num_complex::Complex64;

/// The terms that are added before they are added to the others. The kernel adds those of a panel in
/// one order wherever an element is in its block, so that products do not depend on blocks that are
/// cut at multiples of it.
pub const PANEL: usize = 512;

/// An element type that matrices are multiplied of.
pub trait Product: Sized {
    /// Adds the product of two row-major matrices, `m x k` and `k x n`, to a third.
    fn add_product(a: &[Self], b: &[Self], out: &mut [Self], shape: (usize, usize, usize));
}

macro_rules! products {
    ($($t:ty),*) => {$(
        impl Product for $t {
            #[inline(never)]
            fn add_product(a: &[Self], b: &[Self], out: &mut [Self], shape: (usize, usize, usize)) {
                add_product(a, b, out, shape);
            }
        }
    )*};
}
products!(f64, f32, Complex64);

/// Adds the product of two row-major matrices to a third.
fn add_product<T: ComplexField + Copy>(
    a: &[T],
    b: &[T],
    out: &mut [T],
    (m, k, n): (usize, usize, usize),
) {
    if m == 0 || n == 0 {
        return;
    }
    if m == 1 || n == 1 {
        return add_thin(a, b, out, (m, k, n));
    }
    let (a, b) = (MatRef::from_row_major_slice(a, m, k), MatRef::from_row_major_slice(b, k, n));
    let mut out = MatMut::from_row_major_slice_mut(out, m, n);
    for at in (0..k).step_by(PANEL) {
        let w = PANEL.min(k - at);
        let (a, b) = (a.subcols(at, w), b.subrows(at, w));
        matmul(out.as_mut(), Accum::Add, a, b, T::one_impl(), Par::Seq);
    }
}

/// A product with a single row or column: the kernel has ways of its own for these, which add in
/// another order, so they are computed as two equal ones.
fn add_thin<T: ComplexField + Copy>(
    a: &[T],
    b: &[T],
    out: &mut [T],
    (m, k, n): (usize, usize, usize),
) {
    let twice = |list: &[T]| list.iter().flat_map(|x| [*x, *x]).collect::<Vec<T>>();
    let rows = if m == 1 { [a, a].concat() } else { Vec::new() };
    let columns = if n == 1 { twice(b) } else { Vec::new() };
    let (a, wide_m) = if m == 1 { (&*rows, 2) } else { (a, m) };
    let (b, wide_n) = if n == 1 { (&*columns, 2) } else { (b, n) };
    let mut wide = Vec::with_capacity(wide_m * wide_n);
    for i in 0..wide_m {
        wide.extend((0..wide_n).map(|j| out[i.min(m - 1) * n + j.min(n - 1)]));
    }
    add_product(a, b, &mut wide, (wide_m, k, wide_n));
    for i in 0..m {
        for j in 0..n {
            out[i * n + j] = wide[i * wide_n + j];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_do_not_depend_on_the_blocks() {
        let (m, k, n) = (37, 1300, 29);
        let value = |i: usize| ((i * 7919 % 1013) as f64 / 1013.0 - 0.5) * 1.7;
        let a: Vec<f64> = (0..m * k).map(value).collect();
        let b: Vec<f64> = (0..k * n).map(|i| value(i + 5)).collect();
        let mut whole = vec![0.0; m * n];
        add_product(&a, &b, &mut whole, (m, k, n));
        for (rows, columns) in [(1, 1), (1, n), (m, 1), (2, 3), (5, 29), (36, 28), (16, 8)] {
            for i in (0..m).step_by(rows) {
                for j in (0..n).step_by(columns) {
                    let (h, w) = (rows.min(m - i), columns.min(n - j));
                    let part: Vec<f64> =
                        (0..k).flat_map(|l| b[l * n + j..l * n + j + w].to_vec()).collect();
                    let mut found = vec![0.0; h * w];
                    add_product(&a[i * k..(i + h) * k], &part, &mut found, (h, k, w));
                    for (r, row) in found.chunks(w).enumerate() {
                        assert_eq!(
                            row,
                            &whole[(i + r) * n + j..(i + r) * n + j + w],
                            "{rows} {columns}"
                        );
                    }
                }
            }
        }
    }
}
