//! Products of floats that do not depend on the order: a mantissa of three floats (150 bits),
//! rounded once at the end, and an exponent that never overflows.
//!
//! A product of many floats has more digits than can be kept; it is the same for every order unless
//! it lies within 2^-150 of the midpoint of two floats.

use super::{rounded, two_product, two_sum};

/// The initial state: the mantissa from 1 to 2 as three words, the exponent, the counts of zeros,
/// of infinities and of NaN, and the sign.
pub(crate) const START: [f64; 8] = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];

/// Returns the mantissa of a positive float, from 1 to 2, and its exponent.
fn split(x: f64) -> (f64, f64) {
    let (x, shift) = if x < f64::MIN_POSITIVE { (x * 2f64.powi(64), -64.0) } else { (x, 0.0) };
    let bits = x.to_bits();
    let exponent = (bits >> 52) as i64 - 1023;
    (f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52), exponent as f64 + shift)
}

/// Multiplies the mantissa by a float from 1 to 2.
fn scale(kept: &mut [f64], by: f64) {
    let (first, second) = two_product(kept[0], by);
    let (third, fourth) = two_product(kept[1], by);
    put(kept, first, second, third, fourth + kept[2] * by);
}

/// Replaces the mantissa by the sum of four floats, the largest first.
fn put(kept: &mut [f64], first: f64, second: f64, third: f64, fourth: f64) {
    let (second, rest) = two_sum(second, third);
    let (first, second) = two_sum(first, second);
    let (second, third) = two_sum(second, rest + fourth);
    let half = if first >= 2.0 { 0.5 } else { 1.0 };
    kept[3] += if first >= 2.0 { 1.0 } else { 0.0 };
    kept[..3].copy_from_slice(&[first * half, second * half, third * half]);
}

/// Multiplies by a value.
pub(crate) fn multiply(kept: &mut [f64], x: f64) {
    kept[7] *= 1f64.copysign(x);
    match x {
        _ if x.is_nan() => kept[6] += 1.0,
        _ if x.is_infinite() => kept[5] += 1.0,
        0.0 => kept[4] += 1.0,
        _ => {
            let (digits, exponent) = split(x.abs());
            kept[3] += exponent;
            scale(kept, digits);
        }
    }
}

/// Multiplies by another product.
pub(crate) fn join(kept: &mut [f64], other: &[f64]) {
    let (a, b) = ([kept[0], kept[1], kept[2]], [other[0], other[1], other[2]]);
    let (first, second) = two_product(a[0], b[0]);
    let (left, left_error) = two_product(a[0], b[1]);
    let (right, right_error) = two_product(a[1], b[0]);
    let (middle, middle_error) = two_sum(left, right);
    let small = a[0] * b[2] + a[1] * b[1] + a[2] * b[0];
    put(kept, first, second, middle, small + left_error + right_error + middle_error);
    kept[3..7].iter_mut().zip(&other[3..7]).for_each(|(own, n)| *own += n);
    kept[7] *= other[7];
}

/// Returns a mantissa from 1 to 4 times a power of two, rounded once.
fn scaled([first, second, third]: [f64; 3], exponent: i32) -> f64 {
    // Subnormal floats have fewer digits: adding a large number rounds the mantissa at the last of
    // them.
    let great = if exponent < -1022 { 1.5 * 2f64.powi(52 - 1074 - exponent) } else { 0.0 };
    let (sum, first) = two_sum(great, first);
    let (first, second) = two_sum(first, second);
    let (second, third) = two_sum(second, third);
    let digits = rounded(&[third, second, first, sum]) - great;
    // In two steps, as the power may overflow where the result does not.
    digits * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2)
}

/// Returns the product, rounded once.
pub(crate) fn value(kept: &[f64]) -> Option<f64> {
    let [zeros, infinities, nan] = [kept[4] > 0.0, kept[5] > 0.0, kept[6] > 0.0];
    Some(
        kept[7]
            * if nan || zeros && infinities {
                f64::NAN
            } else if infinities {
                f64::INFINITY
            } else if zeros {
                0.0
            } else {
                scaled([kept[0], kept[1], kept[2]], kept[3].clamp(-1200.0, 2000.0) as i32)
            },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    fn product(items: &[f64]) -> f64 {
        let mut kept = START;
        items.iter().for_each(|x| multiply(&mut kept, *x));
        value(&kept).unwrap()
    }

    #[test]
    fn products_are_rounded_once() {
        assert_eq!(product(&[]), 1.0);
        assert_eq!(product(&[3.0, -7.0, 0.5]), -10.5);
        assert_eq!(product(&[1e200, 1e200, 1e-300]), 1e100);
        assert_eq!(product(&[1e200, 1e200]), f64::INFINITY);
        assert_eq!(product(&[5e-324, 2.0, 0.5]), 5e-324);
        let subnormal = product(&[3.764862261182771e-151, 2.4340939774332465e-158]);
        assert_eq!(subnormal, 9.1640285558107e-309);
        assert_eq!(product(&[0.1; 3]), 0.001_000_000_000_000_000_2);
        assert!(product(&[0.0, f64::INFINITY]).is_nan() && product(&[f64::NAN]).is_nan());
        assert_eq!(product(&[-2.0, f64::INFINITY]), f64::NEG_INFINITY);
    }

    #[test]
    fn no_order_and_no_partition_changes_a_product() {
        let mut rng = StdRng::seed_from_u64(9);
        for _ in 0..300 {
            let mut items: Vec<f64> = (0..rng.random_range(1..100))
                .map(|_| (rng.random::<f64>() - 0.5) * 10f64.powi(rng.random_range(-90..90)))
                .collect();
            let want = product(&items);
            for i in (1..items.len()).rev() {
                items.swap(i, rng.random_range(0..=i));
            }
            let mut all = START;
            for part in items.chunks(rng.random_range(1..20)) {
                let mut kept = START;
                part.iter().for_each(|x| multiply(&mut kept, *x));
                join(&mut all, &kept);
            }
            assert_eq!(value(&all).unwrap().to_bits(), want.to_bits());
        }
    }
}
