//! Double-double arithmetic (T. J. Dekker, 1971), used by formulas between exact sums and the
//! single rounding of their result.

use super::{ExactSum, two_sum};

/// The unrounded sum of two floats, the second below half a unit in the last place of the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pair(pub(super) f64, pub(super) f64);

impl From<f64> for Pair {
    fn from(x: f64) -> Self {
        Self(x, 0.0)
    }
}

impl From<&ExactSum> for Pair {
    fn from(sum: &ExactSum) -> Self {
        let (high, low) = sum.pair();
        Self(high, low)
    }
}

impl Pair {
    fn new(high: f64, low: f64) -> Self {
        let (high, low) = two_sum(high, low);
        Self(high, low)
    }

    /// Returns the product.
    pub(super) fn times(self, other: Self) -> Self {
        let product = self.0 * other.0;
        let error = self.0.mul_add(other.0, -product);
        Self::new(product, error + (self.0 * other.1 + self.1 * other.0))
    }

    /// Returns the quotient.
    pub(super) fn over(self, other: Self) -> Self {
        let first = self.0 / other.0;
        let rest = self.minus(other.times(Self(first, 0.0)));
        Self::new(first, (rest.0 + rest.1) / other.0)
    }

    /// Returns the difference.
    pub(super) fn minus(self, other: Self) -> Self {
        let (high, error) = two_sum(self.0, -other.0);
        let (low, rest) = two_sum(self.1, -other.1);
        let Self(high, error) = Self::new(high, error + low);
        Self::new(high, error + rest)
    }

    /// Returns the square root; 0 unless the value is positive.
    pub(super) fn root(self) -> Self {
        if self.0 <= 0.0 {
            return Self(0.0, 0.0);
        }
        let first = self.0.sqrt();
        let rest = self.minus(Self(first, 0.0).times(Self(first, 0.0)));
        Self::new(first, (rest.0 + rest.1) / (2.0 * first))
    }

    /// Returns the nearest float.
    pub(super) fn rounded(self) -> f64 {
        self.0
    }
}
