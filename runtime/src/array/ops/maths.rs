//! Exponentials and logarithms without branches, so that the compiler vectorizes loops of them.
//!
//! The methods are those of FreeBSD's msun (`e_exp.c` with a longer polynomial, `e_log.c`), with
//! fused multiply-add: a processor without it computes the same bits, slowly.

use super::widest::widest;
use crate::exact::cells::Cells;

widest! {
    /// Computes the exponential of each element.
    fn exps(x: &[f64], out: &mut [f64]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = exp(*x);
        }
    }
}

widest! {
    /// Computes the logarithm of each element.
    fn logs(x: &[f64], out: &mut [f64]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = log(*x);
        }
    }
}

/// Appends the exponential of each element.
pub(super) fn exp_all(x: &[f64], out: &mut Vec<f64>) {
    let start = out.len();
    out.resize(start + x.len(), 0.0);
    exps(x, &mut out[start..]);
}

/// Appends the logarithm of each element.
pub(super) fn log_all(x: &[f64], out: &mut Vec<f64>) {
    let start = out.len();
    out.resize(start + x.len(), 0.0);
    logs(x, &mut out[start..]);
}

widest! {
    /// Adds all values to the exact sum of a group.
    pub(crate) fn add_all<const K: usize>(cells: &mut Cells<K>, group: usize, x: &[f64]) {
        cells.add_all(group, x);
    }
}

widest! {
    /// Adds each value to the exact sum of a group of its own, from `first` on.
    pub(crate) fn add_run<const K: usize>(cells: &mut Cells<K>, first: usize, x: &[f64]) {
        cells.add_run(first, x);
    }
}

widest! {
    /// Computes the squares, rounded, and their rounding errors; `exact` stays true if the errors are
    /// those of squares that are neither too large nor too small.
    pub(crate) fn squares(x: &[f64], high: &mut [f64], low: &mut [f64], exact: &mut bool) {
        let mut fits = true;
        for (x, (high, low)) in x.iter().zip(high.iter_mut().zip(low.iter_mut())) {
            *high = x * x;
            *low = x.mul_add(*x, -*high);
            fits &= (*x == 0.0) | ((x.abs() > 1e-140) & (x.abs() < 1e140));
        }
        *exact = fits;
    }
}

/// The logarithm of 2 in two parts; the product of the first one with an exponent is exact.
const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
/// Added to a float of less than 2^51, it leaves the nearest integer in the last bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// Returns 2^n for `n`, an integer in `ROUND`'s form.
#[inline(always)]
fn power_of_two(n: f64) -> f64 {
    f64::from_bits(((n + ROUND).to_bits().wrapping_add(1023)) << 52)
}

/// Returns e^x, within 1 ulp.
#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    let x = if x > 800.0 { 800.0 } else { x };
    let x = if x < -800.0 { -800.0 } else { x };
    let n = x.mul_add(std::f64::consts::LOG2_E, ROUND) - ROUND;
    // e^x = 2^n e^r with |r| <= ln(2) / 2.
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, x));
    // The sum of r^k / (k + 2)!, in pairs (Estrin's scheme), which do not wait for each other.
    let (r2, r4) = (r * r, r * r * (r * r));
    let pair = |low: f64, high: f64| r.mul_add(high, low);
    let a = r2.mul_add(pair(1.0 / 24.0, 1.0 / 120.0), pair(0.5, 1.0 / 6.0));
    let b = r2.mul_add(pair(1.0 / 40_320.0, 1.0 / 362_880.0), pair(1.0 / 720.0, 1.0 / 5_040.0));
    let c = r2.mul_add(
        pair(1.0 / 479_001_600.0, 1.0 / 6_227_020_800.0),
        pair(1.0 / 3_628_800.0, 1.0 / 39_916_800.0),
    );
    let p = r4.mul_add(r4.mul_add(c, b), a);
    let e = 1.0 + r2.mul_add(p, r);
    // In two steps, as 2^n itself may be out of range where the result is not.
    let half = (n * 0.5 + ROUND) - ROUND;
    e * power_of_two(half) * power_of_two(n - half)
}

/// Returns the natural logarithm of x, within 1 ulp.
#[inline(always)]
pub(super) fn log(x: f64) -> f64 {
    const SUBNORMAL: f64 = 18_014_398_509_481_984.0;
    let tiny = x < f64::MIN_POSITIVE;
    let scaled = if tiny { x * SUBNORMAL } else { x };
    let bits = scaled.to_bits();
    // x = 2^k m with m between sqrt(1/2) and sqrt(2).
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    let shifted = bits.wrapping_sub(SQRT_HALF);
    let k = ((shifted as i64) >> 52) as i32;
    let m = f64::from_bits(bits.wrapping_sub((shifted >> 52) << 52));
    let k = f64::from(k) - if tiny { 54.0 } else { 0.0 };
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w.mul_add(1.531_383_769_920_937_3e-1, 2.222_219_843_214_978_4e-1);
    let even = w * w.mul_add(even, 3.999_999_999_940_942e-1);
    let odd = w.mul_add(1.479_819_860_511_658_6e-1, 1.818_357_216_161_805e-1);
    let odd = w.mul_add(odd, 2.857_142_874_366_239e-1);
    let odd = z * w.mul_add(odd, 6.666_666_666_666_735e-1);
    let half = 0.5 * f * f;
    let found = k * LN2_HIGH - ((half - (s * (half + (even + odd)) + k * LN2_LOW)) - f);
    let found = if x == f64::INFINITY { x } else { found };
    let found = if x == 0.0 { f64::NEG_INFINITY } else { found };
    if x < 0.0 || x.is_nan() { f64::NAN } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Returns how many floats lie between two.
    fn ulps(a: f64, b: f64) -> u64 {
        if a == b || (a.is_nan() && b.is_nan()) {
            return 0;
        }
        let key = |x: f64| {
            let bits = x.to_bits() as i64;
            if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
        };
        key(a).wrapping_sub(key(b)).unsigned_abs()
    }

    /// The standard library's functions are correct to 0.52 ulp, so a result within 1 ulp of the
    /// exact one is at most one float away.
    fn check(
        all: fn(&[f64], &mut Vec<f64>),
        one: fn(f64) -> f64,
        right: fn(f64) -> f64,
        x: Vec<f64>,
    ) {
        let mut found = Vec::new();
        all(&x, &mut found);
        for (x, found) in x.iter().zip(&found) {
            assert!(ulps(*found, right(*x)) <= 1, "{x:e}: {found:e}, not {:e}", right(*x));
            assert_eq!(found.to_bits(), one(*x).to_bits(), "{x:e}");
        }
    }

    #[test]
    fn within_one_ulp() {
        let mut rng = StdRng::seed_from_u64(1);
        let special = [
            0.0,
            -0.0,
            1.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            -1.0,
            709.78,
            709.79,
            -745.1,
            -745.2,
            -708.4,
        ];
        let mut x: Vec<f64> = special.to_vec();
        x.extend((0..300_000).map(|_| rng.random_range(-750.0..715.0)));
        x.extend((0..100_000).map(|_| rng.random_range(-1.0..1.0)));
        check(exp_all, exp, f64::exp, x);
        let mut x: Vec<f64> = special.to_vec();
        x.extend((0..300_000).map(|_| f64::from_bits(rng.random_range(0..0x7ff0_0000_0000_0000))));
        x.extend((0..200_000).map(|_| rng.random_range(0.5..2.0)));
        check(log_all, log, f64::ln, x);
    }
}
