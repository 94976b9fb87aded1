//! Statistics of exact power sums: variance, skewness, kurtosis, covariance, correlation and linear
//! regression, each by one formula whose differences are exact.
//!
//! The numerators of central moments, such as `n * sum(x^2) - sum(x)^2`, are computed without
//! rounding, and everything after that with twice the precision of a float, so that results are the
//! nearest float or its neighbour. Powers are exact as long as they neither overflow nor underflow:
//! for magnitudes between 1e-140 and 1e145 (variances, covariances and correlations), 1e-90 and
//! 1e90 (skewness), or 1e-65 and 1e65 (kurtosis). Beyond, a variance is infinite as in NumPy;
//! below, it is 0.

use super::pair::Pair;
use super::{BIG, ExactSum};

/// Returns the exact product of two sums; NaN if one of them exceeds the range of floats.
fn product(a: &ExactSum, b: &ExactSum) -> ExactSum {
    let mut made = ExactSum::default();
    let (Some(a), Some(b)) = (a.ordinary(), b.ordinary()) else {
        made.add(f64::NAN);
        return made;
    };
    for a in a.iter() {
        b.iter().for_each(|b| made.add_product(*a, *b));
    }
    made
}

/// Returns a sum times a float; NaN if the sum exceeds the range of floats.
fn times(a: &ExactSum, x: f64) -> ExactSum {
    let mut made = ExactSum::default();
    match a.ordinary() {
        Some(parts) => parts.iter().for_each(|part| made.add_product(*part, x)),
        None => made.add(f64::NAN),
    }
    made
}

/// Returns the sum of several sums.
fn total<const N: usize>(terms: [ExactSum; N]) -> ExactSum {
    let mut made = ExactSum::default();
    terms.iter().for_each(|t| made.merge(t));
    made
}

/// Computes `n * sum(xy) - sum(x) * sum(y)`: n squared times the covariance.
fn second(n: f64, x: &ExactSum, y: &ExactSum, xy: &ExactSum) -> ExactSum {
    total([times(xy, n), times(&product(x, y), -1.0)])
}

/// Returns the statistic of values that are not finite, or whose powers exceed the largest float.
fn beyond(values: &[&ExactSum], powers: &[&ExactSum]) -> Option<f64> {
    if !values.iter().all(|s| s.is_finite()) {
        return Some(f64::NAN);
    }
    let too_great = |s: &&ExactSum| !s.is_finite() || s.value().abs() >= BIG;
    powers.iter().any(too_great).then_some(f64::INFINITY)
}

/// Returns the divisor of a variance of `n` values, `n - ddof`; `None` unless it is positive.
fn divisor(n: u64, ddof: u64) -> Option<f64> {
    n.checked_sub(ddof).filter(|left| *left > 0).map(|left| left as f64)
}

fn spread(ddof: u64, n: u64, x: &ExactSum, xx: &ExactSum) -> Option<Pair> {
    let left = divisor(n, ddof)?;
    let n = n as f64;
    let central = Pair::from(&second(n, x, x, xx));
    // Squares that underflow may make the difference negative.
    let central = if central.0 < 0.0 { Pair(0.0, 0.0) } else { central };
    Some(central.over(Pair::from(n)).over(Pair::from(left)))
}

/// Computes the variance of `n` values.
pub(crate) fn variance(ddof: u64, n: u64, x: &ExactSum, xx: &ExactSum) -> Option<f64> {
    divisor(n, ddof)?;
    beyond(&[x], &[xx]).or_else(|| spread(ddof, n, x, xx).map(Pair::rounded))
}

/// Computes the standard deviation of `n` values.
pub(crate) fn deviation(ddof: u64, n: u64, x: &ExactSum, xx: &ExactSum) -> Option<f64> {
    divisor(n, ddof)?;
    beyond(&[x], &[xx]).or_else(|| spread(ddof, n, x, xx).map(|s| s.root().rounded()))
}

/// Computes the standard error of the mean.
pub(crate) fn error_of_mean(n: u64, x: &ExactSum, xx: &ExactSum) -> Option<f64> {
    divisor(n, 1)?;
    let of = |s: Pair| s.over(Pair::from(n as f64)).root().rounded();
    beyond(&[x], &[xx]).or_else(|| spread(1, n, x, xx).map(of))
}

/// Computes the unbiased skewness, as in pandas; `None` for fewer than three values or equal ones.
pub(crate) fn skewness(n: u64, [x, xx, xxx]: [&ExactSum; 3]) -> Option<f64> {
    if n < 3 {
        return None;
    }
    if beyond(&[x], &[xx, xxx]).is_some() {
        return Some(f64::NAN);
    }
    let n = n as f64;
    let m2 = Pair::from(&second(n, x, x, xx));
    if m2.0 <= 0.0 {
        return None;
    }
    // n^2 * sum(xxx) - 3 n sum(x) sum(xx) + 2 sum(x)^3
    let m3 = total([
        times(&times(xxx, n), n),
        times(&times(&product(x, xx), n), -3.0),
        times(&product(&product(x, x), x), 2.0),
    ]);
    let unbiased = Pair::from(n).times(Pair::from(n - 1.0)).root().over(Pair::from(n - 2.0));
    Some(Pair::from(&m3).over(m2.times(m2.root())).times(unbiased).rounded())
}

/// Computes the unbiased excess kurtosis, as in pandas; `None` for fewer than four values or equal
/// ones.
pub(crate) fn kurtosis(n: u64, [x, xx, xxx, xxxx]: [&ExactSum; 4]) -> Option<f64> {
    if n < 4 {
        return None;
    }
    if beyond(&[x], &[xx, xxx, xxxx]).is_some() {
        return Some(f64::NAN);
    }
    let n = n as f64;
    let central = second(n, x, x, xx);
    let m2 = Pair::from(&central);
    if m2.0 <= 0.0 {
        return None;
    }
    let square = product(x, x);
    // n^3 sum(xxxx) - 4 n^2 sum(x) sum(xxx) + 6 n sum(x)^2 sum(xx) - 3 sum(x)^4
    let m4 = total([
        times(&times(&times(xxxx, n), n), n),
        times(&times(&times(&product(x, xxx), n), n), -4.0),
        times(&times(&product(&square, xx), n), 6.0),
        times(&product(&square, &square), -3.0),
    ]);
    // (n + 1) m4 - 3 (n - 1) m2^2; the two terms nearly cancel for normally distributed values.
    let bare = product(&central, &central);
    let excess = total([times(&m4, n + 1.0), times(&times(&bare, n - 1.0), -3.0)]);
    let scale = Pair::from(n - 1.0).over(Pair::from(n - 2.0).times(Pair::from(n - 3.0)));
    Some(Pair::from(&excess).over(m2.times(m2)).times(scale).rounded())
}

/// The power sums of pairs: x, y, xy, xx and yy.
pub(crate) type Pairs<'a> = [&'a ExactSum; 5];

/// Computes the covariance of `n` pairs.
pub(crate) fn covariance(ddof: u64, n: u64, [x, y, xy]: [&ExactSum; 3]) -> Option<f64> {
    let left = divisor(n, ddof)?;
    if beyond(&[x, y], &[xy]).is_some() {
        return Some(f64::NAN);
    }
    let n = n as f64;
    let central = Pair::from(&second(n, x, y, xy));
    Some(central.over(Pair::from(n)).over(Pair::from(left)).rounded())
}

/// Computes the central moments xy, xx and yy of pairs, times the square of their number.
fn centrals(n: u64, [x, y, xy, xx, yy]: Pairs<'_>) -> Option<[Pair; 3]> {
    if beyond(&[x, y], &[xy, xx, yy]).is_some() {
        return None;
    }
    let n = n as f64;
    Some([second(n, x, y, xy), second(n, x, x, xx), second(n, y, y, yy)].map(|s| Pair::from(&s)))
}

/// Computes the correlation of `n` pairs, from -1 to 1; `None` for fewer than two pairs, or if one
/// side has no variance.
pub(crate) fn correlation(n: u64, sums: Pairs<'_>) -> Option<f64> {
    if n < 2 {
        return None;
    }
    let Some([xy, xx, yy]) = centrals(n, sums) else { return Some(f64::NAN) };
    if xx.0 <= 0.0 || yy.0 <= 0.0 {
        return None;
    }
    Some(xy.over(xx.root().times(yy.root())).rounded().clamp(-1.0, 1.0))
}

/// A statistic of the least-squares line through pairs, as in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Line {
    Slope,
    Intercept,
    R2,
    MeanX,
    MeanY,
    Sxx,
    Syy,
    Sxy,
}

/// Computes a statistic of the line through `n` pairs; `None` if the values define no line.
pub(crate) fn regression(line: Line, n: u64, sums: Pairs<'_>) -> Option<f64> {
    if n == 0 {
        return None;
    }
    match line {
        Line::MeanX => return Some(sums[0].mean(n)),
        Line::MeanY => return Some(sums[1].mean(n)),
        _ => {}
    }
    let Some([xy, xx, yy]) = centrals(n, sums) else { return Some(f64::NAN) };
    let count = Pair::from(n as f64);
    let of_sum = |s: Pair| Some(s.over(count).rounded());
    match line {
        Line::Sxx => of_sum(xx),
        Line::Syy => of_sum(yy),
        Line::Sxy => of_sum(xy),
        _ if n < 2 || xx.0 <= 0.0 => None,
        Line::Slope => Some(xy.over(xx).rounded()),
        Line::R2 if yy.0 <= 0.0 => Some(1.0),
        Line::R2 => Some(xy.over(xx).times(xy.over(yy)).rounded()),
        _ => {
            let [x, y] = [sums[0], sums[1]].map(|s| Pair::from(s).over(count));
            Some(y.minus(x.times(xy.over(xx))).rounded())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn powers(values: &[f64]) -> [ExactSum; 4] {
        let mut sums = <[ExactSum; 4]>::default();
        for x in values {
            let mut power = ExactSum::default();
            power.add(*x);
            for sum in &mut sums {
                sum.merge(&power);
                power = times(&power, *x);
            }
        }
        sums
    }

    /// Compares the statistics of `values` with those of Python's fractions, to one unit in the
    /// last place.
    fn check(values: &[f64], want: [f64; 4]) {
        let [x, xx, xxx, xxxx] = powers(values);
        let n = values.len() as u64;
        let got = [
            variance(1, n, &x, &xx),
            deviation(0, n, &x, &xx),
            skewness(n, [&x, &xx, &xxx]),
            kurtosis(n, [&x, &xx, &xxx, &xxxx]),
        ];
        for (got, want) in got.into_iter().zip(want) {
            let got = got.unwrap_or(f64::NAN);
            let far = got.to_bits().abs_diff(want.to_bits());
            assert!(far <= 1, "{got:e} is {far} units from {want:e} for {values:?}");
        }
    }

    #[test]
    fn statistics_are_those_of_exact_fractions() {
        check(
            &[0.1, 0.2, 0.4, 0.7, 1.1, 1.9],
            [0.4586666666666666, 0.6182412330330469, 1.1535633265988638, 0.8201857422931307],
        );
        // Values far from 0, for which the usual formulas lose all digits.
        check(
            &[1e9 + 1.0, 1e9 + 2.0, 1e9 + 4.0, 1e9 + 8.0],
            [9.583333333333334, 2.680951323690902, 1.1376243669576889, 0.7576559546313799],
        );
    }

    #[test]
    fn what_is_too_little_or_equal_has_no_shape() {
        let [x, xx, xxx, xxxx] = powers(&[2.0; 5]);
        assert_eq!(variance(1, 5, &x, &xx), Some(0.0));
        assert_eq!(skewness(5, [&x, &xx, &xxx]), None);
        assert_eq!(kurtosis(5, [&x, &xx, &xxx, &xxxx]), None);
        assert_eq!(variance(1, 1, &x, &xx), None);
        let [x, xx, ..] = powers(&[f64::INFINITY, 1.0]);
        assert!(variance(1, 2, &x, &xx).is_some_and(f64::is_nan));
    }

    #[test]
    fn correlations_of_lines_are_whole() {
        let mut sums = <[ExactSum; 5]>::default();
        for i in 0..100 {
            let (x, y) = (f64::from(i) * 0.1, f64::from(i) * 0.1 * -4.0);
            sums[0].add(x);
            sums[1].add(y);
            sums[2].add_product(x, y);
            sums[3].add_square(x);
            sums[4].add_square(y);
        }
        let sums = sums.each_ref();
        assert_eq!(correlation(100, sums), Some(-1.0));
        assert_eq!(regression(Line::Slope, 100, sums), Some(-4.0));
        assert_eq!(regression(Line::Intercept, 100, sums), Some(0.0));
        assert_eq!(regression(Line::R2, 100, sums), Some(1.0));
    }
}
