//! Products and decompositions of matrices in memory, by `faer`. Matrices are lists of floats, row
//! by row.
//!
//! This is a crate of its own as the code is large, and seldom changes: it is compiled once.

mod product;

use faer::linalg::solvers::{PartialPivLu, Qr, SelfAdjointEigen, Solve, Svd};
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::{Mat, MatRef, Par, Side};
pub use product::{PANEL, Product};
use std::cmp::Ordering;

/// A matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// The number of rows.
    pub rows: usize,
    /// The number of columns.
    pub columns: usize,
    /// The elements.
    pub list: Vec<f64>,
}

/// A matrix that is borrowed.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The number of rows.
    pub rows: usize,
    /// The number of columns.
    pub columns: usize,
    /// The elements.
    pub list: &'a [f64],
}

impl Matrix {
    /// Borrows the matrix.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View { rows: self.rows, columns: self.columns, list: &self.list }
    }

    fn of(mat: MatRef<'_, f64>) -> Self {
        let (rows, columns) = (mat.nrows(), mat.ncols());
        let mut list = Vec::with_capacity(rows * columns);
        for i in 0..rows {
            list.extend((0..columns).map(|j| mat[(i, j)]));
        }
        Self { rows, columns, list }
    }
}

impl<'a> View<'a> {
    /// Borrows `n` rows from `start` on.
    #[must_use]
    pub fn part(self, start: usize, n: usize) -> Self {
        let list = &self.list[start * self.columns..(start + n) * self.columns];
        View { rows: n, columns: self.columns, list }
    }

    /// Copies the matrix column by column, as the decompositions work.
    fn mat(self) -> Mat<f64> {
        self.borrowed().to_owned()
    }

    fn borrowed(self) -> MatRef<'a, f64> {
        MatRef::from_row_major_slice(self.list, self.rows, self.columns)
    }
}

/// Which half of a matrix is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// The diagonal, and what is below it.
    Lower,
    /// The diagonal, and what is above it.
    Upper,
}

/// A matrix without an inverse: the first pivot that is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Singular(pub usize);

/// Multiplies two matrices.
#[must_use]
pub fn multiply(a: View<'_>, b: View<'_>) -> Matrix {
    Matrix::of((a.borrowed() * b.borrowed()).as_ref())
}

/// Returns thin Q and R. The diagonal of R is positive, which makes them unique.
#[must_use]
pub fn qr(a: View<'_>) -> (Matrix, Matrix) {
    let qr = Qr::new(a.mat().as_ref());
    let (mut q, mut r) = (qr.compute_thin_Q(), qr.thin_R().to_owned());
    for i in 0..r.nrows() {
        if r[(i, i)] < 0.0 {
            (0..r.ncols()).for_each(|j| r[(i, j)] = -r[(i, j)]);
            (0..q.nrows()).for_each(|k| q[(k, i)] = -q[(k, i)]);
        }
        // What is below the diagonal is not part of it.
        (0..i.min(r.ncols())).for_each(|j| r[(i, j)] = 0.0);
    }
    (Matrix::of(q.as_ref()), Matrix::of(r.as_ref()))
}

/// Returns U, the singular values, greatest first, and V transposed; `None` without convergence. The
/// greatest element of each row of V transposed is positive, which makes them unique where singular
/// values differ.
#[must_use]
pub fn svd(a: View<'_>) -> Option<(Matrix, Vec<f64>, Matrix)> {
    let svd = Svd::new_thin(a.mat().as_ref()).ok()?;
    let (mut u, mut v) = (svd.U().to_owned(), svd.V().to_owned());
    let k = v.ncols();
    for j in 0..k {
        let larger = |g: f64, i: usize| if v[(i, j)].abs() > g.abs() { v[(i, j)] } else { g };
        if (0..v.nrows()).fold(0.0, larger) < 0.0 {
            (0..u.nrows()).for_each(|i| u[(i, j)] = -u[(i, j)]);
            (0..v.nrows()).for_each(|i| v[(i, j)] = -v[(i, j)]);
        }
    }
    let s = svd.S().column_vector();
    let s = (0..k).map(|i| s[i]).collect();
    Some((Matrix::of(u.as_ref()), s, Matrix::of(v.transpose())))
}

/// Returns the lower triangle whose product with its transpose is a symmetric matrix; `None` if the
/// matrix is not positive definite.
#[must_use]
pub fn cholesky(a: View<'_>) -> Option<Matrix> {
    let found = a.mat().llt(Side::Lower).ok()?;
    Some(Matrix::of(found.L()))
}

/// Returns `a` less the products of pairs with the second one transposed.
#[must_use]
pub fn less_products(a: View<'_>, pairs: &[(View<'_>, View<'_>)]) -> Matrix {
    let mut all = a.mat();
    for (left, right) in pairs {
        all -= left.borrowed() * right.borrowed().transpose();
    }
    Matrix::of(all.as_ref())
}

/// Solves `x * l^T = b` for a lower triangle.
#[must_use]
pub fn solve_right(l: View<'_>, b: View<'_>) -> Matrix {
    // That is l * x^T = b^T.
    let mut turned = b.borrowed().transpose().to_owned();
    solve_lower_triangular_in_place(l.mat().as_ref(), turned.as_mut(), Par::Seq);
    Matrix::of(turned.transpose())
}

fn regular(triangle: MatRef<'_, f64>) -> Result<(), Singular> {
    match (0..triangle.ncols()).find(|i| triangle[(*i, *i)] == 0.0) {
        None => Ok(()),
        Some(i) => Err(Singular(i)),
    }
}

/// Solves `a * x = b`, by LU with pivots.
///
/// # Errors
/// Returns an error if the matrix has no inverse.
pub fn solve(a: View<'_>, b: View<'_>) -> Result<Matrix, Singular> {
    let lu = PartialPivLu::new(a.mat().as_ref());
    regular(lu.U())?;
    Ok(Matrix::of(lu.solve(b.mat()).as_ref()))
}

/// Returns the inverse.
///
/// # Errors
/// Returns an error if there is none.
pub fn inverse(a: View<'_>) -> Result<Matrix, Singular> {
    let lu = PartialPivLu::new(a.mat().as_ref());
    regular(lu.U())?;
    Ok(Matrix::of(lu.solve(Mat::<f64>::identity(a.rows, a.rows)).as_ref()))
}

/// Solves `a * x = b` for half of a matrix.
///
/// # Errors
/// Returns an error if the diagonal has a 0.
pub fn solve_triangular(a: View<'_>, b: View<'_>, half: Half) -> Result<Matrix, Singular> {
    let (a, mut x) = (a.mat(), b.mat());
    regular(a.as_ref())?;
    match half {
        Half::Lower => solve_lower_triangular_in_place(a.as_ref(), x.as_mut(), Par::Seq),
        Half::Upper => solve_upper_triangular_in_place(a.as_ref(), x.as_mut(), Par::Seq),
    }
    Ok(Matrix::of(x.as_ref()))
}

/// Returns a permutation, a lower triangle with ones on its diagonal and an upper one, whose product
/// is the matrix.
#[must_use]
pub fn lu(a: View<'_>) -> [Matrix; 3] {
    let lu = PartialPivLu::new(a.mat().as_ref());
    let n = a.rows;
    let (forward, _) = lu.P().arrays();
    let mut p = Mat::<f64>::zeros(n, n);
    (0..n).for_each(|i| p[(forward[i], i)] = 1.0);
    let l = Mat::from_fn(n, n, |i, j| match i.cmp(&j) {
        Ordering::Less => 0.0,
        Ordering::Equal => 1.0,
        Ordering::Greater => lu.L()[(i, j)],
    });
    let u = Mat::from_fn(n, n, |i, j| if i <= j { lu.U()[(i, j)] } else { 0.0 });
    [&p, &l, &u].map(|m| Matrix::of(m.as_ref()))
}

/// Returns the `x` with the least squares of `r * x - b` for an upper triangle, the shortest one if
/// there are several, and the singular values; `None` without convergence.
#[must_use]
pub fn least_squares(r: View<'_>, b: View<'_>) -> Option<(Matrix, Vec<f64>)> {
    let (r, mut x) = (r.mat(), b.mat());
    let svd = Svd::new_thin(r.as_ref()).ok()?;
    let s = svd.S().column_vector();
    let n = r.ncols();
    let values: Vec<f64> = (0..n).map(|i| s[i]).collect();
    let least = values.first().copied().unwrap_or(0.0) * f64::EPSILON * n as f64;
    if values.iter().all(|s| *s > least) {
        solve_upper_triangular_in_place(r.as_ref(), x.as_mut(), Par::Seq);
    } else {
        let mut inside = svd.U().transpose() * &x;
        for i in 0..n {
            let by = if values[i] > least { 1.0 / values[i] } else { 0.0 };
            (0..inside.ncols()).for_each(|j| inside[(i, j)] *= by);
        }
        x = svd.V() * inside;
    }
    Some((Matrix::of(x.as_ref()), values))
}

/// Returns the eigenvalues of a symmetric matrix, least first, and their vectors as columns; `None`
/// without convergence. Only the lower half is read.
#[must_use]
pub fn eigh(a: View<'_>) -> Option<(Vec<f64>, Matrix)> {
    let found = SelfAdjointEigen::new(a.mat().as_ref(), Side::Lower).ok()?;
    let s = found.S().column_vector();
    Some(((0..s.nrows()).map(|i| s[i]).collect(), Matrix::of(found.U())))
}

/// Returns the determinant.
#[must_use]
pub fn det(a: View<'_>) -> f64 {
    a.mat().determinant()
}
