//! The distributions of random numbers beyond the uniform and the normal one. The numbers of an
//! element are drawn from a stream of its own, by the seed and its place, so that distributions that
//! need several of them do not depend on the chunks either.
//!
//! Most algorithms are `rand_distr`'s; the others are inversions, or mixtures of those.

use super::random::philox;
use crate::error::{Error, Result};
use rand::distr::Distribution;
use rand::{RngExt, TryRng};
use rand_distr as d;
use std::convert::Infallible;
use std::f64::consts::PI;

/// The random words of one element.
pub(super) struct Stream {
    seed: u64,
    place: u64,
    words: [u32; 4],
    used: usize,
    /// The number of the next four words. The first two are those of other distributions.
    next: u32,
}

impl Stream {
    fn new(seed: u64, place: u64) -> Self {
        Self { seed, place, words: [0; 4], used: 4, next: 2 }
    }

    fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.words = philox(self.seed, self.place, self.next);
            self.next = self.next.wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// Returns a float in (0, 1).
    fn open(&mut self) -> f64 {
        self.sample(d::Open01)
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> std::result::Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> std::result::Result<u64, Infallible> {
        let low = u64::from(self.word());
        Ok(u64::from(self.word()) << 32 | low)
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> std::result::Result<(), Infallible> {
        for part in to.chunks_mut(4) {
            part.copy_from_slice(&self.word().to_le_bytes()[..part.len()]);
        }
        Ok(())
    }
}

/// A distribution of floats, by NumPy's names and parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Law {
    Beta(f64, f64),
    Chisquare(f64),
    Exponential(f64),
    F(f64, f64),
    Gamma(f64, f64),
    Gumbel(f64, f64),
    Laplace(f64, f64),
    Logistic(f64, f64),
    Lognormal(f64, f64),
    NoncentralChisquare(f64, f64),
    NoncentralF(f64, f64, f64),
    Pareto(f64),
    Power(f64),
    Rayleigh(f64),
    StandardCauchy,
    StandardT(f64),
    Triangular(f64, f64, f64),
    Vonmises(f64, f64),
    Wald(f64, f64),
    Weibull(f64),
}

/// A distribution of integers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum WholeLaw {
    Binomial(u64, f64),
    Geometric(f64),
    Hypergeometric(u64, u64, u64),
    Integers(i64, i64),
    Logseries(f64),
    NegativeBinomial(f64, f64),
    Poisson(f64),
    Zipf(f64),
}

type Sampler<T> = Box<dyn Fn(&mut Stream) -> T>;

/// Wraps a distribution of `rand_distr`.
fn of<T: 'static, D: Distribution<T> + 'static>(
    found: std::result::Result<D, impl std::fmt::Display>,
) -> std::result::Result<Sampler<T>, String> {
    let found = found.map_err(|e| e.to_string())?;
    Ok(Box::new(move |stream| found.sample(stream)))
}

/// Wraps an inversion, whose parameters must be positive.
fn inverse(
    positive: &[f64],
    f: impl Fn(&mut Stream) -> f64 + 'static,
) -> std::result::Result<Sampler<f64>, String> {
    match positive.iter().find(|x| !(x.is_finite() && **x > 0.0)) {
        Some(x) => Err(format!("{x} is not positive")),
        None => Ok(Box::new(f)),
    }
}

/// Draws an angle (Best and Fisher, "Efficient simulation of the von Mises distribution", 1979).
fn vonmises(mean: f64, kappa: f64, s: &mut Stream) -> f64 {
    if kappa < 1e-8 {
        return PI * (2.0 * s.open() - 1.0);
    }
    let r = 1.0 + (1.0 + 4.0 * kappa * kappa).sqrt();
    let rho = (r - (2.0 * r).sqrt()) / (2.0 * kappa);
    // For small kappa the difference above cancels.
    let r = if kappa < 1e-5 { 1.0 / kappa + kappa } else { (1.0 + rho * rho) / (2.0 * rho) };
    let w = loop {
        let z = (PI * s.open()).cos();
        let w = (1.0 + r * z) / (r + z);
        let y = kappa * (r - w);
        let v = s.open();
        if y * (2.0 - y) - v >= 0.0 || (y / v).ln() + 1.0 - y >= 0.0 {
            break w;
        }
    };
    let angle = if s.open() < 0.5 { -w.acos() } else { w.acos() };
    let turned = angle + mean;
    (turned + PI).rem_euclid(2.0 * PI) - PI
}

/// Draws from the noncentral chi-squared distribution, a mixture of central ones.
fn noncentral(df: f64, nonc: f64, s: &mut Stream) -> f64 {
    let chi = |k: f64, s: &mut Stream| d::ChiSquared::new(k).map_or(f64::NAN, |c| c.sample(s));
    if nonc == 0.0 {
        return chi(df, s);
    }
    if df > 1.0 {
        let n: f64 = s.sample(d::StandardNormal);
        return chi(df - 1.0, s) + (n + nonc.sqrt()).powi(2);
    }
    let i: f64 = d::Poisson::new(nonc / 2.0).map_or(f64::NAN, |p| p.sample(s));
    chi(df + 2.0 * i, s)
}

impl Law {
    fn sampler(self) -> std::result::Result<Sampler<f64>, String> {
        match self {
            Self::Beta(a, b) => of(d::Beta::new(a, b)),
            Self::Chisquare(k) => of(d::ChiSquared::new(k)),
            Self::Exponential(scale) => {
                inverse(&[scale], move |s| scale * s.sample::<f64, _>(d::Exp1))
            }
            Self::F(a, b) => of(d::FisherF::new(a, b)),
            Self::Gamma(shape, scale) => of(d::Gamma::new(shape, scale)),
            Self::Gumbel(at, scale) => of(d::Gumbel::new(at, scale)),
            Self::Laplace(at, scale) => inverse(&[scale], move |s| {
                let u = s.open();
                if u < 0.5 {
                    at + scale * (2.0 * u).ln()
                } else {
                    at - scale * (2.0 - 2.0 * u).ln()
                }
            }),
            Self::Logistic(at, scale) => inverse(&[scale], move |s| {
                let u = s.open();
                at + scale * (u / (1.0 - u)).ln()
            }),
            Self::Lognormal(mean, sigma) => of(d::LogNormal::new(mean, sigma)),
            Self::NoncentralChisquare(df, nonc) => {
                if nonc < 0.0 || nonc.is_nan() {
                    return Err(format!("{nonc} is negative"));
                }
                inverse(&[df], move |s| noncentral(df, nonc, s))
            }
            Self::NoncentralF(a, b, nonc) => {
                if nonc < 0.0 || nonc.is_nan() {
                    return Err(format!("{nonc} is negative"));
                }
                inverse(&[a, b], move |s| {
                    let above = noncentral(a, nonc, s) / a;
                    above / (noncentral(b, 0.0, s) / b)
                })
            }
            Self::Pareto(a) => inverse(&[a], move |s| (s.sample::<f64, _>(d::Exp1) / a).exp_m1()),
            Self::Power(a) => inverse(&[a], move |s| s.open().powf(1.0 / a)),
            Self::Rayleigh(scale) => {
                inverse(&[scale], move |s| scale * (2.0 * s.sample::<f64, _>(d::Exp1)).sqrt())
            }
            Self::StandardCauchy => of(d::Cauchy::new(0.0, 1.0)),
            Self::StandardT(df) => of(d::StudentT::new(df)),
            Self::Triangular(left, mode, right) => of(d::Triangular::new(left, right, mode)),
            Self::Vonmises(mean, kappa) => {
                if !(kappa >= 0.0 && kappa.is_finite()) {
                    return Err(format!("kappa is {kappa}"));
                }
                Ok(Box::new(move |s| vonmises(mean, kappa, s)))
            }
            Self::Wald(mean, scale) => of(d::InverseGaussian::new(mean, scale)),
            Self::Weibull(a) => of(d::Weibull::new(1.0, a)),
        }
    }

    /// Checks the parameters.
    pub(super) fn check(self, name: &str) -> Result<()> {
        self.sampler().map(drop).map_err(|e| refused(name, &format!("{self:?}"), &e))
    }

    /// Appends the numbers at `n` places, `step` apart, from `start`.
    pub(super) fn fill(self, seed: u64, start: u64, step: i64, n: usize, out: &mut Vec<f64>) {
        fill(self.sampler(), (seed, start, step, n), out);
    }
}

/// Returns an integer of a float that has no fraction.
fn whole(
    found: std::result::Result<Sampler<f64>, String>,
) -> std::result::Result<Sampler<i64>, String> {
    let found = found?;
    Ok(Box::new(move |s| found(s) as i64))
}

impl WholeLaw {
    fn sampler(self) -> std::result::Result<Sampler<i64>, String> {
        match self {
            Self::Binomial(n, p) => {
                let found: Sampler<u64> = of(d::Binomial::new(n, p))?;
                Ok(Box::new(move |s| found(s) as i64))
            }
            Self::Geometric(p) => {
                // The number of trials, and not of failures.
                let found: Sampler<u64> = of(d::Geometric::new(p))?;
                Ok(Box::new(move |s| i64::try_from(found(s)).unwrap_or(i64::MAX).saturating_add(1)))
            }
            Self::Hypergeometric(good, bad, n) => {
                let found: Sampler<u64> = of(d::Hypergeometric::new(good + bad, good, n))?;
                Ok(Box::new(move |s| found(s) as i64))
            }
            Self::Integers(low, high) if low < high => {
                Ok(Box::new(move |s| s.random_range(low..high)))
            }
            Self::Integers(low, high) => Err(format!("there are none from {low} below {high}")),
            Self::Logseries(p) if 0.0 < p && p < 1.0 => Ok(Box::new(move |s| logseries(p, s))),
            Self::Logseries(p) => Err(format!("{p} is not between 0 and 1")),
            Self::NegativeBinomial(n, p) if n > 0.0 && 0.0 < p && p <= 1.0 => {
                Ok(Box::new(move |s| {
                    let rate = d::Gamma::new(n, (1.0 - p) / p).map_or(0.0, |g| g.sample(s));
                    d::Poisson::new(rate).map_or(0, |p| p.sample(s) as i64)
                }))
            }
            Self::NegativeBinomial(n, p) => Err(format!("n is {n} and p is {p}")),
            Self::Poisson(0.0) => Ok(Box::new(|_| 0)),
            Self::Poisson(rate) => whole(of(d::Poisson::new(rate))),
            Self::Zipf(a) => whole(of(d::Zeta::new(a))),
        }
    }

    /// Checks the parameters.
    pub(super) fn check(self, name: &str) -> Result<()> {
        self.sampler().map(drop).map_err(|e| refused(name, &format!("{self:?}"), &e))
    }

    /// Appends the numbers at `n` places, `step` apart, from `start`.
    pub(super) fn fill(self, seed: u64, start: u64, step: i64, n: usize, out: &mut Vec<i64>) {
        fill(self.sampler(), (seed, start, step, n), out);
    }
}

/// Draws from the logarithmic series distribution (Kemp, "Efficient generation of logarithmically
/// distributed pseudo-random variables", 1981).
fn logseries(p: f64, s: &mut Stream) -> i64 {
    let r = (-p).ln_1p();
    let v = s.open();
    if v >= p {
        return 1;
    }
    let q = -(r * s.open()).exp_m1();
    if v <= q * q {
        return (1.0 + v.ln() / q.ln()) as i64;
    }
    if v >= q { 1 } else { 2 }
}

fn fill<T>(
    sampler: std::result::Result<Sampler<T>, String>,
    (seed, start, step, n): (u64, u64, i64, usize),
    out: &mut Vec<T>,
) {
    // The parameters were checked when the array was created.
    let Ok(sampler) = sampler else { return };
    out.extend((0..n as i64).map(|i| {
        let place = start.wrapping_add_signed(i * step);
        sampler(&mut Stream::new(seed, place))
    }));
}

fn refused(name: &str, law: &str, why: &str) -> Error {
    Error::bad_argument(
        name,
        format!("parameters of {law}: {why}; expected parameters in their range"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean and the variance of each distribution, by the known formulas.
    #[test]
    fn moments_are_right() {
        let floats = [
            (Law::Beta(2.0, 3.0), 0.4, 0.04),
            (Law::Chisquare(4.0), 4.0, 8.0),
            (Law::Exponential(2.0), 2.0, 4.0),
            (Law::F(5.0, 20.0), 20.0 / 18.0, 2.0 * 400.0 * 23.0 / (5.0 * 324.0 * 16.0)),
            (Law::Gamma(3.0, 2.0), 6.0, 12.0),
            (Law::Gumbel(1.0, 2.0), 1.0 + 2.0 * 0.577_215_664_9, PI * PI * 4.0 / 6.0),
            (Law::Laplace(1.0, 2.0), 1.0, 8.0),
            (Law::Logistic(1.0, 2.0), 1.0, PI * PI * 4.0 / 3.0),
            (Law::Lognormal(0.0, 0.5), 0.125f64.exp(), 0.25f64.exp_m1() * 0.25f64.exp()),
            (Law::NoncentralChisquare(3.0, 2.0), 5.0, 14.0),
            (Law::NoncentralChisquare(0.5, 2.0), 2.5, 9.0),
            (Law::NoncentralF(4.0, 20.0, 1.0), 20.0 * 5.0 / (4.0 * 18.0), 1.282_793_2),
            (Law::Pareto(4.0), 1.0 / 3.0, 4.0 / (9.0 * 2.0)),
            (Law::Power(3.0), 0.75, 3.0 / (16.0 * 5.0)),
            (Law::Rayleigh(2.0), 2.0 * (PI / 2.0).sqrt(), (4.0 - PI) / 2.0 * 4.0),
            (Law::StandardT(10.0), 0.0, 1.25),
            (Law::Triangular(0.0, 1.0, 2.0), 1.0, 1.0 / 6.0),
            (Law::Vonmises(0.5, 4.0), 0.5, 0.296),
            (Law::Wald(2.0, 3.0), 2.0, 8.0 / 3.0),
            (Law::Weibull(1.0), 1.0, 1.0),
        ];
        for (law, mean, variance) in floats {
            let mut list = Vec::new();
            law.fill(7, 0, 1, 100_000, &mut list);
            near(&format!("{law:?}"), &list, mean, variance);
        }
        let p = 0.6f64;
        let log = -1.0 / (-p).ln_1p();
        let integers = [
            (WholeLaw::Binomial(10, 0.3), 3.0, 2.1),
            (WholeLaw::Geometric(0.25), 4.0, 12.0),
            (WholeLaw::Hypergeometric(10, 20, 6), 2.0, 2.0 * (2.0 / 3.0) * 24.0 / 29.0),
            (WholeLaw::Integers(-2, 4), 0.5, 35.0 / 12.0),
            (
                WholeLaw::Logseries(p),
                log * p / (1.0 - p),
                log * p * (1.0 - log * p) / ((1.0 - p) * (1.0 - p)),
            ),
            (WholeLaw::NegativeBinomial(3.0, 0.5), 3.0, 6.0),
            (WholeLaw::Poisson(3.5), 3.5, 3.5),
            (WholeLaw::Zipf(6.0), 1.036_927_755 / 1.017_343_062, 0.024_7),
        ];
        for (law, mean, variance) in integers {
            let mut list = Vec::new();
            law.fill(7, 0, 1, 100_000, &mut list);
            let list: Vec<f64> = list.iter().map(|x| *x as f64).collect();
            near(&format!("{law:?}"), &list, mean, variance);
        }
    }

    fn near(law: &str, list: &[f64], mean: f64, variance: f64) {
        let n = list.len() as f64;
        let found = list.iter().sum::<f64>() / n;
        let spread = list.iter().map(|x| (x - found) * (x - found)).sum::<f64>() / n;
        assert!(
            (found - mean).abs() < 6.0 * (variance / n).sqrt(),
            "{law}: mean {found}, not {mean}"
        );
        assert!((spread / variance - 1.0).abs() < 0.12, "{law}: variance {spread}, not {variance}");
    }

    #[test]
    fn numbers_depend_on_their_places_only() {
        let (mut all, mut some) = (Vec::new(), Vec::new());
        Law::Gamma(0.5, 1.0).fill(3, 0, 1, 100, &mut all);
        Law::Gamma(0.5, 1.0).fill(3, 99, -3, 20, &mut some);
        assert_eq!(some, (0..20).map(|i| all[99 - 3 * i]).collect::<Vec<_>>());
        assert!(Law::Gamma(-1.0, 1.0).check("gamma").is_err());
        assert!(WholeLaw::Integers(3, 3).check("integers").is_err());
    }
}
