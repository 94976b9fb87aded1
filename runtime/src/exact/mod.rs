//! Exact sums of floats: nothing is rounded until the result is requested, so that neither the
//! order nor the partitioning changes a bit of it. The method is Shewchuk's ("Adaptive Precision
//! Floating-Point Arithmetic", 1997), as in Python's `math.fsum`.

pub(crate) mod cells;
pub(crate) mod moments;
pub(crate) mod moving;
mod pair;
pub(crate) mod product;

use std::borrow::Cow;

/// Floats from this size on are stored divided by [`SCALE`], so that intermediate sums may exceed
/// the largest float.
const BIG: f64 = pow2(1000);
const SCALE: f64 = pow2(200);

/// Returns a power of two as a float.
const fn pow2(exponent: i64) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// Returns the sum of two floats and its rounding error.
#[inline(always)]
pub(crate) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// Returns the product of two floats and its rounding error (T. J. Dekker, 1971), which is exact as
/// long as the product is above 2^-969 and the factors are below 2^996.
#[inline(always)]
pub(crate) fn two_product(a: f64, b: f64) -> (f64, f64) {
    // Plain operations are vectorized; a call of `fma` is not.
    let product = a * b;
    let (a_high, a_low) = halves(a);
    let (b_high, b_low) = halves(b);
    let error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
    (product, error)
}

/// Returns two floats that add up to the product of two.
#[inline(always)]
fn product(a: f64, b: f64) -> [f64; 2] {
    let (product, error) = two_product(a, b);
    if error.is_finite() { [product, error] } else { great_product(a, b) }
}

/// The same for factors too large to be split; fused operations need no split.
#[cold]
#[inline(never)]
fn great_product(a: f64, b: f64) -> [f64; 2] {
    let product = a * b;
    [product, if product.is_finite() { a.mul_add(b, -product) } else { 0.0 }]
}

/// Splits a float into the sum of two floats of 26 bits each.
#[inline(always)]
fn halves(x: f64) -> (f64, f64) {
    let shifted = x * 134_217_729.0;
    let high = shifted - (shifted - x);
    (high, x - high)
}

/// An exact sum of floats.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ExactSum {
    /// Nonoverlapping floats, the smallest first.
    parts: Vec<f64>,
    /// The same for floats from [`BIG`] on, divided by [`SCALE`].
    huge: Vec<f64>,
    /// The counts of NaN, infinite and negative infinite values, so that they can be removed again.
    special: [i64; 3],
}

/// Adds a float to an expansion of nonoverlapping floats.
fn grow(parts: &mut Vec<f64>, x: f64) {
    let mut x = x;
    let mut kept = 0;
    for i in 0..parts.len() {
        let (sum, error) = two_sum(x, parts[i]);
        if error != 0.0 {
            parts[kept] = error;
            kept += 1;
        }
        x = sum;
    }
    parts.truncate(kept);
    if x != 0.0 {
        parts.push(x);
    }
}

/// Returns the sum of an expansion, rounded to nearest.
fn rounded(parts: &[f64]) -> f64 {
    let mut rest = parts.iter().rev();
    let Some(first) = rest.next() else { return 0.0 };
    let (mut sum, mut error) = (*first, 0.0);
    for x in rest.by_ref() {
        (sum, error) = two_sum(sum, *x);
        if error != 0.0 {
            break;
        }
    }
    // At the midpoint of two floats, the lower parts decide.
    if let Some(next) = rest.find(|x| **x != 0.0)
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

impl ExactSum {
    /// Adds a value.
    pub(crate) fn add(&mut self, x: f64) {
        self.put(x, 1);
    }

    /// Removes a value that was added before.
    pub(crate) fn remove(&mut self, x: f64) {
        self.put(if x.is_finite() { -x } else { x }, -1);
    }

    /// Adds a finite value, or a special one `times` times.
    fn put(&mut self, x: f64, times: i64) {
        if !x.is_finite() {
            let place = if x.is_nan() { 0 } else { 1 + usize::from(x < 0.0) };
            self.special[place] += times;
        } else if x.abs() >= BIG {
            grow(&mut self.huge, x / SCALE);
        } else {
            grow(&mut self.parts, x);
            self.carry();
        }
    }

    /// Moves the largest part to the scaled ones if it has grown too large.
    fn carry(&mut self) {
        if let Some(top) = self.parts.pop_if(|top| top.abs() >= BIG) {
            grow(&mut self.huge, top / SCALE);
        }
    }

    /// Adds the square of `x`: the rounded square and its error are both kept.
    pub(crate) fn add_square(&mut self, x: f64) {
        self.add_product(x, x);
    }

    /// Adds the product of two finite floats, exactly.
    pub(crate) fn add_product(&mut self, a: f64, b: f64) {
        product(a, b).into_iter().for_each(|part| self.add(part));
    }

    /// Adds another sum.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.parts.iter().for_each(|x| self.add(*x));
        other.huge.iter().for_each(|x| grow(&mut self.huge, *x));
        self.special.iter_mut().zip(other.special).for_each(|(own, n)| *own += n);
    }

    /// Returns the parts of a sum that fits into ordinary floats, however it was reached.
    fn ordinary(&self) -> Option<Cow<'_, [f64]>> {
        if !self.is_finite() {
            return None;
        }
        match self.scaled() {
            None => Some(Cow::Borrowed(&self.parts)),
            Some((parts, 1.0)) => Some(Cow::Owned(parts)),
            Some(_) => None,
        }
    }

    /// Returns whether all added values are finite.
    pub(crate) fn is_finite(&self) -> bool {
        self.special == [0; 3]
    }

    /// Returns the sum of the infinities and NaN, if there are any.
    fn special(&self) -> Option<f64> {
        match self.special.map(|n| n > 0) {
            [false, false, false] => None,
            [false, true, false] => Some(f64::INFINITY),
            [false, false, true] => Some(f64::NEG_INFINITY),
            _ => Some(f64::NAN),
        }
    }

    /// Returns the sum, rounded to nearest: infinite only if the sum itself exceeds the largest
    /// float.
    pub(crate) fn value(&self) -> f64 {
        if let Some(special) = self.special() {
            return special;
        }
        match self.scaled() {
            None => rounded(&self.parts),
            Some((sum, scale)) => rounded(&sum) * scale,
        }
    }

    /// Returns the expansion of a sum with huge parts, and the factor to multiply it by.
    fn scaled(&self) -> Option<(Vec<f64>, f64)> {
        let top = self.huge.last()?;
        if top.abs() < BIG / SCALE * pow2(20) {
            // The huge parts have cancelled out: the rest fits into ordinary floats.
            let mut parts = self.parts.clone();
            self.huge.iter().for_each(|x| grow(&mut parts, x * SCALE));
            return Some((parts, 1.0));
        }
        let mut sum = self.huge.clone();
        for x in self.parts.iter().rev() {
            // Of parts too small to be scaled, only the sign can matter, to break a tie; and parts
            // do not overlap, so that the largest has the sign of all of them.
            if x.abs() < pow2(-700) {
                grow(&mut sum, pow2(-1000).copysign(*x));
                break;
            }
            grow(&mut sum, x / SCALE);
        }
        Some((sum, SCALE))
    }

    /// Returns the sum divided by a count, rounded once.
    pub(crate) fn mean(&self, n: u64) -> f64 {
        if let Some(special) = self.special() {
            return special;
        }
        match self.scaled() {
            None => quotient(&self.parts, n),
            Some((sum, scale)) => quotient(&sum, n) * scale,
        }
    }

    /// Returns the sum as two floats, the second the rounding error of the first.
    pub(crate) fn pair(&self) -> (f64, f64) {
        let high = self.value();
        let mut rest = self.clone();
        rest.add(-high);
        (high, if high.is_finite() { rest.value() } else { 0.0 })
    }

    /// Returns the whole state of the sum as floats, for [`ExactSum::merge_floats`].
    pub(crate) fn to_floats(&self) -> Vec<f64> {
        let counts = self.special.map(|n| n as f64);
        let head = [self.parts.len() as f64].into_iter().chain(counts);
        head.chain(self.parts.iter().copied()).chain(self.huge.iter().copied()).collect()
    }

    /// Adds a sum returned by [`ExactSum::to_floats`].
    pub(crate) fn merge_floats(&mut self, floats: &[f64]) {
        let Some(([parts, counts @ ..], rest)) = floats.split_first_chunk::<4>() else { return };
        let (parts, huge) = rest.split_at((*parts as usize).min(rest.len()));
        parts.iter().for_each(|x| self.add(*x));
        huge.iter().for_each(|x| grow(&mut self.huge, *x));
        self.special.iter_mut().zip(counts).for_each(|(own, n)| *own += *n as i64);
    }
}

/// Divides an expansion by a count, rounded once.
fn quotient(parts: &[f64], n: u64) -> f64 {
    let n = n as f64;
    // The exact remainder of the sum after `q * n`.
    let left = |q: f64| {
        let mut rest = parts.to_vec();
        let (product, error) = (q * n, q.mul_add(n, -(q * n)));
        grow(&mut rest, -product);
        grow(&mut rest, -error);
        rest
    };
    let first = rounded(parts) / n;
    if !first.is_finite() || parts.is_empty() {
        return first;
    }
    let q = first + rounded(&left(first)) / n;
    // The result is `q`, or its neighbour if the remainder exceeds half of the gap between them.
    let rest = left(q);
    let above = rounded(&rest) > 0.0;
    let next = if above { q.next_up() } else { q.next_down() };
    // Twice the remainder is compared with the gap: half of the gap may not be a float.
    let gap = next - q;
    let mut twice: Vec<f64> = rest.iter().map(|x| x * 2.0).collect();
    grow(&mut twice, -(gap * n));
    grow(&mut twice, -gap.mul_add(n, -(gap * n)));
    let over = rounded(&twice);
    let past = if above { over > 0.0 } else { over < 0.0 };
    if past || over == 0.0 && q.to_bits() % 2 == 1 { next } else { q }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    fn of(items: &[f64]) -> ExactSum {
        let mut s = ExactSum::default();
        items.iter().for_each(|x| s.add(*x));
        s
    }

    fn sum(items: &[f64]) -> f64 {
        of(items).value()
    }

    #[test]
    fn sums_are_rounded_once() {
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert_eq!(sum(&[1e100, 1.0, -1e100, 1e-100, 1e50, -1.0, -1e50]), 1e-100);
        assert_eq!(sum(&[]), 0.0);
        // 2^53 and two halves of its last place: they only count together.
        assert_eq!(sum(&[9_007_199_254_740_992.0, 0.5, 0.5]), 9_007_199_254_740_992.0);
        let tie = sum(&[9_007_199_254_740_992.0, 1.0, f64::MIN_POSITIVE]);
        assert_eq!(tie, 9_007_199_254_740_994.0);
    }

    #[test]
    fn infinities_and_nan_are_as_ieee_has_them_and_can_be_taken_out() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        assert_eq!((sum(&[inf, 1.0]), sum(&[-inf, 1.0])), (inf, -inf));
        assert!(sum(&[inf, -inf]).is_nan() && sum(&[nan, 1.0]).is_nan());
        let mut s = of(&[inf, 3.0, nan]);
        s.remove(inf);
        s.remove(nan);
        assert_eq!(s.value(), 3.0);
    }

    #[test]
    fn sums_beyond_the_largest_float_come_back() {
        let max = f64::MAX;
        assert_eq!(sum(&[max, max, -max, -max, 1.5]), 1.5);
        assert_eq!(sum(&[max, max, -max]), max);
        assert_eq!(sum(&[max, max]), f64::INFINITY);
        assert_eq!(of(&[max, max]).mean(2), max);
        assert_eq!(of(&[max, max, 1.0]).mean(4), max / 2.0);
        assert_eq!(sum(&[BIG, -BIG, 1e-300]), 1e-300);
        let tie = [pow2(1023), pow2(970), 1e-300, -1e-320];
        assert_eq!(sum(&tie), pow2(1023) + pow2(971));
    }

    #[test]
    fn means_are_rounded_once() {
        assert_eq!(of(&[0.1, 0.2, 0.3]).mean(3), 0.2);
        assert_eq!(of(&[1.0, f64::EPSILON]).mean(2), 0.5 + f64::EPSILON / 2.0);
        assert_eq!(of(&[5e-324, 5e-324, 1e-323]).mean(3), 5e-324);
        assert_eq!(of(&[5e-324, 1e-323]).mean(2), 1e-323);
        let mut rng = StdRng::seed_from_u64(3);
        for _ in 0..2000 {
            // A mean at the midpoint of two floats is rounded to even; a little more is rounded up.
            let even = f64::from_bits(rng.random_range(1u64 << 61..1u64 << 62) & !1);
            let n = rng.random_range(2..1000u64) * 2;
            let half = (even.next_up() - even) / 2.0;
            let mut s = ExactSum::default();
            s.add_product(even, n as f64);
            s.add_product(half, n as f64);
            assert_eq!(s.mean(n), even);
            s.add(half / 1e9);
            assert_eq!(s.mean(n), even.next_up());
            s.remove(half / 5e8);
            assert_eq!(s.mean(n), even);
        }
    }

    #[test]
    fn no_order_and_no_partition_changes_a_sum() {
        let mut rng = StdRng::seed_from_u64(7);
        for round in 0..200 {
            let range = if round % 2 == 0 { -30..30 } else { -300..308 };
            let mut items: Vec<f64> = (0..rng.random_range(1..200))
                .map(|_| (rng.random::<f64>() - 0.5) * 10f64.powi(rng.random_range(range.clone())))
                .collect();
            let want = sum(&items);
            for i in (1..items.len()).rev() {
                items.swap(i, rng.random_range(0..=i));
            }
            let mut merged = ExactSum::default();
            for (i, part) in items.chunks(rng.random_range(1..50)).enumerate() {
                let s = of(part);
                if i % 2 == 0 { merged.merge(&s) } else { merged.merge_floats(&s.to_floats()) }
            }
            assert_eq!(merged.value().to_bits(), want.to_bits());
            items.iter().for_each(|x| merged.remove(*x));
            assert_eq!(merged.value(), 0.0);
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
        assert_eq!(of(&[1.0, 1e-20]).pair(), (1.0, 1e-20));
    }
}
