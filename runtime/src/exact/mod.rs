//! Exact sums of floats: nothing is rounded until the result is asked for, so that no order and no
//! partition changes a bit of it. The method is Shewchuk's ("Adaptive Precision Floating-Point
//! Arithmetic", 1997), as in Python's `math.fsum`.

pub(crate) mod cells;
pub(crate) mod moments;
pub(crate) mod moving;
mod pair;
pub(crate) mod product;

use std::borrow::Cow;

/// From here on a float is kept divided by [`SCALE`], so that sums beyond the largest float may come
/// back.
const BIG: f64 = pow2(1000);
const SCALE: f64 = pow2(200);

/// A power of two as a float.
const fn pow2(exponent: i64) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// The sum of two floats and its rounding error.
#[inline(always)]
pub(crate) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// The product of two floats and its rounding error (T. J. Dekker, 1971), which is exact as long as
/// the product is above 2^-969 and the factors are below 2^996.
#[inline(always)]
pub(crate) fn two_product(a: f64, b: f64) -> (f64, f64) {
    // Plain operations are done for several values at once, where a call of `fma` is not.
    let product = a * b;
    let (a_high, a_low) = halves(a);
    let (b_high, b_low) = halves(b);
    let error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
    (product, error)
}

/// Two floats that add up to the product of two.
#[inline(always)]
fn product(a: f64, b: f64) -> [f64; 2] {
    let (product, error) = two_product(a, b);
    if error.is_finite() { [product, error] } else { great_product(a, b) }
}

/// The same for factors so great that they cannot be halved; fused operations need no halves.
#[cold]
#[inline(never)]
fn great_product(a: f64, b: f64) -> [f64; 2] {
    let product = a * b;
    [product, if product.is_finite() { a.mul_add(b, -product) } else { 0.0 }]
}

/// A float as the sum of two of 26 digits.
#[inline(always)]
fn halves(x: f64) -> (f64, f64) {
    let shifted = x * 134_217_729.0;
    let high = shifted - (shifted - x);
    (high, x - high)
}

/// An exact sum of floats.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ExactSum {
    /// Numbers that do not overlap, the smallest first.
    parts: Vec<f64>,
    /// The same for numbers from [`BIG`] on, divided by [`SCALE`].
    huge: Vec<f64>,
    /// How many values are NaN, infinite, and negative infinite: they can be taken out again.
    special: [i64; 3],
}

/// Adds a number to an expansion of numbers that do not overlap.
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

/// The sum of an expansion, rounded to nearest.
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
    // Halfway between two floats, what lies below decides.
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

    /// Takes a value out that was added before.
    pub(crate) fn remove(&mut self, x: f64) {
        self.put(if x.is_finite() { -x } else { x }, -1);
    }

    /// Adds a finite value, or a special one so many times.
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

    /// Moves the greatest part to the scaled ones where it has grown too great.
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

    /// Adds what another sum holds.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.parts.iter().for_each(|x| self.add(*x));
        other.huge.iter().for_each(|x| grow(&mut self.huge, *x));
        self.special.iter_mut().zip(other.special).for_each(|(own, n)| *own += n);
    }

    /// The parts of a sum that is an ordinary number, however it was reached.
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

    /// Whether all values added were finite.
    pub(crate) fn is_finite(&self) -> bool {
        self.special == [0; 3]
    }

    /// The value that infinities and NaN make, if there are any.
    fn special(&self) -> Option<f64> {
        match self.special.map(|n| n > 0) {
            [false, false, false] => None,
            [false, true, false] => Some(f64::INFINITY),
            [false, false, true] => Some(f64::NEG_INFINITY),
            _ => Some(f64::NAN),
        }
    }

    /// The sum, rounded to nearest: infinite only where the sum itself is beyond the largest float.
    pub(crate) fn value(&self) -> f64 {
        if let Some(special) = self.special() {
            return special;
        }
        match self.scaled() {
            None => rounded(&self.parts),
            Some((sum, scale)) => rounded(&sum) * scale,
        }
    }

    /// The expansion of a sum with huge parts, and what it is to be multiplied by.
    fn scaled(&self) -> Option<(Vec<f64>, f64)> {
        let top = self.huge.last()?;
        if top.abs() < BIG / SCALE * pow2(20) {
            // Huge parts have cancelled: what is left is an ordinary number.
            let mut parts = self.parts.clone();
            self.huge.iter().for_each(|x| grow(&mut parts, x * SCALE));
            return Some((parts, 1.0));
        }
        let mut sum = self.huge.clone();
        for x in self.parts.iter().rev() {
            // Of what is too small to be scaled, only the sign can count, to break a tie; and parts do
            // not overlap, so that the greatest has the sign of all.
            if x.abs() < pow2(-700) {
                grow(&mut sum, pow2(-1000).copysign(*x));
                break;
            }
            grow(&mut sum, x / SCALE);
        }
        Some((sum, SCALE))
    }

    /// The sum divided by a count, rounded once.
    pub(crate) fn mean(&self, n: u64) -> f64 {
        if let Some(special) = self.special() {
            return special;
        }
        match self.scaled() {
            None => quotient(&self.parts, n),
            Some((sum, scale)) => quotient(&sum, n) * scale,
        }
    }

    /// The sum as two floats, the second what the first leaves.
    pub(crate) fn pair(&self) -> (f64, f64) {
        let high = self.value();
        let mut rest = self.clone();
        rest.add(-high);
        (high, if high.is_finite() { rest.value() } else { 0.0 })
    }

    /// All that there is of the sum, as floats, for [`ExactSum::from_floats`].
    pub(crate) fn to_floats(&self) -> Vec<f64> {
        let counts = self.special.map(|n| n as f64);
        let head = [self.parts.len() as f64].into_iter().chain(counts);
        head.chain(self.parts.iter().copied()).chain(self.huge.iter().copied()).collect()
    }

    /// Adds what [`ExactSum::to_floats`] gave.
    pub(crate) fn merge_floats(&mut self, floats: &[f64]) {
        let Some(([parts, counts @ ..], rest)) = floats.split_first_chunk::<4>() else { return };
        let (parts, huge) = rest.split_at((*parts as usize).min(rest.len()));
        parts.iter().for_each(|x| self.add(*x));
        huge.iter().for_each(|x| grow(&mut self.huge, *x));
        self.special.iter_mut().zip(counts).for_each(|(own, n)| *own += *n as i64);
    }
}

/// An expansion divided by a count, rounded once.
fn quotient(parts: &[f64], n: u64) -> f64 {
    let n = n as f64;
    // What `q * n` leaves of the sum, exactly.
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
    // It is right, or one of its neighbours is: where the distance is over half of the gap.
    let rest = left(q);
    let above = rounded(&rest) > 0.0;
    let next = if above { q.next_up() } else { q.next_down() };
    // Twice the distance is compared with the gap: half of the gap may be no float.
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
        // 2^53, and two halves of its last place: only together do they count.
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
            // A mean that is halfway between two floats goes to the even one; a little more goes up.
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
            let mut items: Vec<f64> =
                (0..rng.random_range(1..200)).map(|_| (rng.random::<f64>() - 0.5) * 10f64.powi(rng.random_range(range.clone()))).collect();
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
