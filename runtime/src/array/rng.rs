//! Generators of random arrays, by the names of NumPy's `Generator`.

use super::args::IntoShape;
use super::core::Core;
use super::create::{generated, uniform};
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::handle::{Array, Place, made, step};
use super::law::{Law, WholeLaw};
use super::make::Make;
use super::random::Distribution;
use super::take::taken;
use crate::error::{Error, Result};
use crate::handle::Opaque;
use crate::mix::splitmix64;
use std::cell::Cell;
use std::panic::Location;

/// Returns a generator of random arrays with a seed.
///
/// ```
/// use rask::prelude::*;
/// let x = da::rng(42).normal(0.0, 1.0, (400, 400));
/// assert!(x.mean().compute()?.abs() < 0.02);
/// # Ok::<(), rask::Error>(())
/// ```
#[must_use]
pub fn rng(seed: u64) -> Rng {
    Rng { seed, next: Cell::new(0) }
}

/// A generator of random arrays. The numbers are those of Philox4x32-10, by the seed and the place
/// of the element, so that they are the same for any chunks and any number of workers. Each call
/// gives other numbers.
#[derive(Debug, Clone)]
pub struct Rng {
    seed: u64,
    /// The number of the next call.
    next: Cell<u64>,
}

#[inline(never)]
fn drawn(name: &str, seed: u64, law: Law, lengths: &[i64], place: Place) -> Opaque {
    match law.check(name) {
        Ok(()) => generated(name, lengths, Dtype::F64, Make::Drawn { seed, law }, place),
        Err(e) => made(Err(e), place),
    }
}

#[inline(never)]
fn drawn_whole(name: &str, seed: u64, law: WholeLaw, lengths: &[i64], place: Place) -> Opaque {
    match law.check(name) {
        Ok(()) => generated(name, lengths, Dtype::I64, Make::Whole { seed, law }, place),
        Err(e) => made(Err(e), place),
    }
}

/// Returns the numbers below `n` in random order (Fisher and Yates).
fn order(seed: u64, n: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..n).collect();
    let mut state = seed;
    for i in (1..n).rev() {
        state = splitmix64(state.wrapping_add(i as u64));
        // The product's upper half is a number up to i, as evenly as 64 bits allow.
        let j = ((u128::from(state) * (i as u128 + 1)) >> 64) as usize;
        all.swap(i, j);
    }
    all
}

#[inline(never)]
fn permuted(inner: &Opaque, seed: u64, most: Option<usize>, place: Place) -> Opaque {
    step(&[inner], place, &|cores: &[&Core]| {
        let n = axis_zero("permutation", cores[0])?;
        let mut order = order(seed, n);
        order.truncate(most.unwrap_or(n));
        Ok(taken("permutation", cores[0], 0, &order))
    })
}

#[inline(never)]
fn chosen(inner: &Opaque, seed: u64, n: usize, place: Place) -> Opaque {
    step(&[inner], place, &|cores: &[&Core]| {
        let length = axis_zero("choice", cores[0])?;
        if length == 0 && n > 0 {
            return Err(Error::bad_argument(
                "choice",
                format!("{n} of no elements; expected some to choose from"),
            ));
        }
        let mut places = Vec::new();
        WholeLaw::Integers(0, length as i64).fill(seed, 0, 1, n, &mut places);
        Ok(taken("choice", cores[0], 0, &places.iter().map(|p| *p as usize).collect::<Vec<_>>()))
    })
}

fn axis_zero(name: &str, core: &Core) -> Result<usize> {
    core.shape().first().copied().ok_or_else(|| {
        Error::bad_argument(name, "an array without axes; expected at least one".to_owned())
    })
}

macro_rules! laws {
    ($($(#[$doc:meta])* $name:ident($($p:ident),*): $law:expr;)*) => {
        impl Rng {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, $($p: f64,)* shape: impl IntoShape) -> Array<f64> {
                Array::of(drawn(stringify!($name), self.seed(), $law, &shape.lengths(), Location::caller()))
            }
        )*}
    };
}
laws! {
    /// Creates floats of the beta distribution.
    beta(a, b): Law::Beta(a, b);
    /// Creates floats of the chi-squared distribution.
    chisquare(df): Law::Chisquare(df);
    /// Creates floats of the exponential distribution with a mean of `scale`.
    exponential(scale): Law::Exponential(scale);
    /// Creates floats of the F distribution.
    f(dfnum, dfden): Law::F(dfnum, dfden);
    /// Creates floats of the gamma distribution.
    gamma(shape_parameter, scale): Law::Gamma(shape_parameter, scale);
    /// Creates floats of the Gumbel distribution.
    gumbel(loc, scale): Law::Gumbel(loc, scale);
    /// Creates floats of the Laplace distribution.
    laplace(loc, scale): Law::Laplace(loc, scale);
    /// Creates floats of the logistic distribution.
    logistic(loc, scale): Law::Logistic(loc, scale);
    /// Creates floats whose logarithms are normally distributed.
    lognormal(mean, sigma): Law::Lognormal(mean, sigma);
    /// Creates floats of the noncentral chi-squared distribution.
    noncentral_chisquare(df, nonc): Law::NoncentralChisquare(df, nonc);
    /// Creates floats of the noncentral F distribution.
    noncentral_f(dfnum, dfden, nonc): Law::NoncentralF(dfnum, dfden, nonc);
    /// Creates floats of the Pareto II (Lomax) distribution, as NumPy does.
    pareto(a): Law::Pareto(a);
    /// Creates floats in [0, 1] with a density of `a * x^(a - 1)`.
    power(a): Law::Power(a);
    /// Creates floats of the Rayleigh distribution.
    rayleigh(scale): Law::Rayleigh(scale);
    /// Creates floats of the standard Cauchy distribution.
    standard_cauchy(): Law::StandardCauchy;
    /// Creates floats of the exponential distribution with a mean of 1.
    standard_exponential(): Law::Exponential(1.0);
    /// Creates floats of the gamma distribution with a scale of 1.
    standard_gamma(shape_parameter): Law::Gamma(shape_parameter, 1.0);
    /// Creates floats of Student's t distribution.
    standard_t(df): Law::StandardT(df);
    /// Creates floats of the triangular distribution.
    triangular(left, mode, right): Law::Triangular(left, mode, right);
    /// Creates angles of the von Mises distribution, from -pi to pi.
    vonmises(mu, kappa): Law::Vonmises(mu, kappa);
    /// Creates floats of the Wald (inverse Gaussian) distribution.
    wald(mean, scale): Law::Wald(mean, scale);
    /// Creates floats of the Weibull distribution with a scale of 1.
    weibull(a): Law::Weibull(a);
}

macro_rules! whole_laws {
    ($($(#[$doc:meta])* $name:ident($($p:ident: $t:ty),*): $law:expr;)*) => {
        impl Rng {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, $($p: $t,)* shape: impl IntoShape) -> Array<i64> {
                Array::of(drawn_whole(stringify!($name), self.seed(), $law, &shape.lengths(), Location::caller()))
            }
        )*}
    };
}
whole_laws! {
    /// Creates integers from `low` on, below `high`.
    integers(low: i64, high: i64): WholeLaw::Integers(low, high);
    /// Creates numbers of successes in `n` trials.
    binomial(n: u64, p: f64): WholeLaw::Binomial(n, p);
    /// Creates numbers of trials up to the first success.
    geometric(p: f64): WholeLaw::Geometric(p);
    /// Creates numbers of good ones among `n` that are drawn without being put back.
    hypergeometric(good: u64, bad: u64, n: u64): WholeLaw::Hypergeometric(good, bad, n);
    /// Creates integers of the logarithmic series distribution.
    logseries(p: f64): WholeLaw::Logseries(p);
    /// Creates numbers of failures before the `n`-th success.
    negative_binomial(n: f64, p: f64): WholeLaw::NegativeBinomial(n, p);
    /// Creates integers of the Poisson distribution.
    poisson(rate: f64): WholeLaw::Poisson(rate);
    /// Creates integers from 1 on with probabilities of `k^-a`.
    zipf(a: f64): WholeLaw::Zipf(a);
}

impl Rng {
    /// Returns the seed of the next array.
    fn seed(&self) -> u64 {
        let call = self.next.replace(self.next.get() + 1);
        if call == 0 { self.seed } else { splitmix64(self.seed ^ splitmix64(call)) }
    }

    /// Creates floats in `[0, 1)`.
    #[track_caller]
    pub fn random(&self, shape: impl IntoShape) -> Array<f64> {
        Array::of(uniform(&shape.lengths(), self.seed(), Location::caller()))
    }

    /// Creates floats in `[low, high)`.
    #[track_caller]
    pub fn uniform(&self, low: f64, high: f64, shape: impl IntoShape) -> Array<f64> {
        let of = Distribution::Uniform { low, width: high - low };
        self.of("uniform", of, &shape.lengths(), Location::caller())
    }

    /// Creates normally distributed floats.
    #[track_caller]
    pub fn normal(&self, mean: f64, deviation: f64, shape: impl IntoShape) -> Array<f64> {
        let of = Distribution::Normal { mean, deviation };
        self.of("normal", of, &shape.lengths(), Location::caller())
    }

    /// Creates floats of the standard normal distribution.
    #[track_caller]
    pub fn standard_normal(&self, shape: impl IntoShape) -> Array<f64> {
        let of = Distribution::Normal { mean: 0.0, deviation: 1.0 };
        self.of("standard_normal", of, &shape.lengths(), Location::caller())
    }

    #[inline(never)]
    fn of(&self, name: &str, of: Distribution, lengths: &[i64], place: Place) -> Array<f64> {
        let make = Make::Random { seed: self.seed(), of };
        Array::of(generated(name, lengths, Dtype::F64, make, place))
    }

    /// Puts the elements along axis 0 in random order.
    #[track_caller]
    pub fn permutation<T: ArrayElement>(&self, x: &Array<T>) -> Array<T> {
        Array::of(permuted(&x.inner, self.seed(), None, Location::caller()))
    }

    /// Chooses `n` elements along axis 0; each may be chosen again.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let x = da::rng(1).choice(&da::arange(0..10i64), 100);
    /// assert_eq!(x.shape(), [100]);
    /// assert!(x.max().compute()? < 10);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn choice<T: ArrayElement>(&self, x: &Array<T>, n: usize) -> Array<T> {
        Array::of(chosen(&x.inner, self.seed(), n, Location::caller()))
    }

    /// Chooses `n` elements along axis 0, each at most once.
    #[track_caller]
    pub fn sample<T: ArrayElement>(&self, x: &Array<T>, n: usize) -> Array<T> {
        Array::of(permuted(&x.inner, self.seed(), Some(n), Location::caller()))
    }
}
