//! Sums of floats that do not depend on the order: every intermediate result is kept exactly, and rounded once at the end.
//! Where one is beyond the largest float (1.8e308), the sum is infinite from there on.
//! The method is Shewchuk's ("Adaptive Precision Floating-Point Arithmetic", 1997), as in Python's `math.fsum`.

/// An exact sum of floats: numbers that do not overlap, the smallest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ExactSum {
    parts: Vec<f64>,
    /// Sum of what is not finite, which swallows everything else.
    special: Option<f64>,
}

/// The sum of two floats and its rounding error.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

impl ExactSum {
    pub(super) fn add(&mut self, x: f64) {
        if !x.is_finite() {
            self.special = Some(self.special.unwrap_or(0.0) + x);
            return;
        }
        let mut x = x;
        let mut kept = 0;
        for i in 0..self.parts.len() {
            let (sum, error) = two_sum(x, self.parts[i]);
            // Above the largest float nothing can be told any more.
            if error != 0.0 && sum.is_finite() {
                self.parts[kept] = error;
                kept += 1;
            }
            x = sum;
        }
        self.parts.truncate(kept);
        if x.is_finite() {
            self.parts.push(x);
        } else {
            self.special = Some(self.special.unwrap_or(0.0) + x);
        }
    }

    /// Adds the square of `x`: the rounded square and its error are both kept.
    pub(super) fn add_square(&mut self, x: f64) {
        let square = x * x;
        self.add(square);
        let error = x.mul_add(x, -square);
        if error.is_finite() {
            self.add(error);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.parts.iter().chain(&other.special).for_each(|x| self.add(*x));
    }

    /// The sum, rounded to nearest.
    pub(super) fn value(&self) -> f64 {
        if let Some(special) = self.special {
            return special;
        }
        let mut rest = self.parts.iter().rev();
        let Some(first) = rest.next() else { return 0.0 };
        let (mut sum, mut error) = (*first, 0.0);
        for x in rest.by_ref() {
            (sum, error) = two_sum(sum, *x);
            if error != 0.0 {
                break;
            }
        }
        // Halfway between two floats, what lies below decides.
        if let Some(next) = rest.next()
            && ((error < 0.0 && *next < 0.0) || (error > 0.0 && *next > 0.0))
        {
            let twice = error * 2.0;
            let up = sum + twice;
            if up - sum == twice {
                return up;
            }
        }
        sum
    }

    /// The sum as two floats, the second what the first leaves.
    pub(super) fn pair(&self) -> (f64, f64) {
        let high = self.value();
        let mut rest = self.clone();
        rest.add(-high);
        (high, if high.is_finite() { rest.value() } else { 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    fn sum(items: &[f64]) -> f64 {
        let mut s = ExactSum::default();
        items.iter().for_each(|x| s.add(*x));
        s.value()
    }

    #[test]
    fn sums_are_rounded_once() {
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert_eq!(sum(&[1e100, 1.0, -1e100, 1e-100, 1e50, -1.0, -1e50]), 1e-100);
        assert_eq!(sum(&[]), 0.0);
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan() && sum(&[f64::NAN, 1.0]).is_nan());
        // 2^53, and two halves of its last place: only together do they count.
        assert_eq!(sum(&[9_007_199_254_740_992.0, 0.5, 0.5]), 9_007_199_254_740_992.0);
        assert_eq!(sum(&[9_007_199_254_740_992.0, 1.0, f64::MIN_POSITIVE]), 9_007_199_254_740_994.0);
    }

    #[test]
    fn no_order_and_no_partition_changes_a_sum() {
        let mut rng = StdRng::seed_from_u64(7);
        for _ in 0..200 {
            let mut items: Vec<f64> =
                (0..rng.random_range(1..200)).map(|_| (rng.random::<f64>() - 0.5) * 10f64.powi(rng.random_range(-30..30))).collect();
            let want = sum(&items);
            for i in (1..items.len()).rev() {
                items.swap(i, rng.random_range(0..=i));
            }
            let mut merged = ExactSum::default();
            for part in items.chunks(rng.random_range(1..50)) {
                let mut s = ExactSum::default();
                part.iter().for_each(|x| s.add(*x));
                merged.merge(&s);
            }
            assert_eq!(merged.value().to_bits(), want.to_bits());
        }
    }

    #[test]
    fn squares_keep_their_errors() {
        let x = 1.0 + f64::EPSILON;
        let mut s = ExactSum::default();
        s.add_square(x);
        s.add(-1.0);
        s.add(-2.0 * f64::EPSILON);
        assert_eq!(s.value(), f64::EPSILON * f64::EPSILON);
        let (high, low) = {
            let mut s = ExactSum::default();
            s.add(1.0);
            s.add(1e-20);
            s.pair()
        };
        assert_eq!((high, low), (1.0, 1e-20));
    }
}
