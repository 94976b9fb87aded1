//! Linear algebra: decompositions, and what is solved by them. Elements are computed as floats.
//!
//! | file | what it is for |
//! |---|---|
//! | `dense` | matrices of one block, by `faer` |
//! | `tall` | QR of matrices with many more rows than columns, block by block |
//! | `svd` | singular values, also of a few vectors only |
//! | `cholesky` | Cholesky's decomposition, block by block |
//! | `solve` | equations, inverses, least squares |
//! | `norm` | norms |

mod cholesky;
mod dense;
mod norm;
mod solve;
mod svd;
mod tall;

pub use cholesky::cholesky;
pub use norm::{Norm, norm, norm_axis, norm_of};
pub use solve::{Triangle, det, eigh, eigvalsh, inv, lstsq, lu, solve, solve_triangular};
pub use svd::{svd, svd_compressed, svd_compressed_seeded, svdvals};
pub use tall::{qr, tsqr};
