//! Statistical tests and moments, by SciPy's names: of all elements of an array. Moments are exact
//! sums; the distributions are `statrs`'.

use super::align::{self, Operand, cast};
use super::calls::layer;
use super::core::Core;
use super::data::Number;
use super::data::sealed::Sealed;
use super::difference::binary;
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::failing::Failing;
use super::handle::{Array, core};
use super::lanes::refuse_complex;
use super::ops::{Binary, Op, number_as};
use super::program::block_of;
use super::reduce::partial::{Nan, Reduction};
use super::reduce::reduced;
use crate::delayed::Delayed;
use crate::error::{Error, Result};
use crate::graph::{Key, Layer, Name, Value};
use crate::handle::Opaque;
use crate::show::{Bundle, Show};
use statrs::distribution::{ChiSquared, ContinuousCDF, FisherSnedecor, Normal, StudentsT};
use std::sync::Arc;

/// The result of a test: the statistic, and how likely one as great would be by chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// The statistic.
    pub statistic: f64,
    /// The probability of a statistic at least as extreme if the hypothesis holds.
    pub pvalue: f64,
}

impl Show for Test {
    fn show(&self) -> Bundle {
        Bundle::text(format!("statistic={:?}, pvalue={:?}", self.statistic, self.pvalue))
    }
}

/// Returns the sum of all elements as an array without axes.
fn sum(core: &Core) -> Result<Core> {
    reduced(core, (Reduction::Sum, Nan::Counts), &vec![true; core.ndim()], Dtype::F64)
}

/// Returns the sum of the `k`-th powers of the distances from the mean.
fn power_sum(core: &Core, k: f64) -> Result<Core> {
    let all = vec![true; core.ndim()];
    let mean = reduced(core, (Reduction::Mean, Nan::Counts), &all, Dtype::F64)?;
    let centred = binary(Binary::Subtract, core, &mean, Dtype::F64)?;
    let power = Operand::Number(number_as(Number::F64(k), Dtype::F64)?);
    let args = vec![Operand::Array(centred), power];
    sum(&align::apply(Op::Binary(Binary::Power), Dtype::F64, args)?)
}

fn mean(core: &Core) -> Result<Core> {
    reduced(core, (Reduction::Mean, Nan::Counts), &vec![true; core.ndim()], Dtype::F64)
}

/// What a statistic is computed of: numbers, and how many elements each array has.
struct Known<'a> {
    values: &'a [f64],
    n: &'a [f64],
}

/// Creates the task that computes a statistic from numbers that are computed before.
fn combined(
    name: &'static str,
    inputs: &[&Opaque],
    numbers: &dyn Fn(&[Core]) -> Result<Vec<Core>>,
    f: impl Fn(Known<'_>) -> Value + Send + Sync + 'static,
) -> crate::graph::Point {
    let found = || {
        let mut cores = Vec::new();
        for inner in inputs {
            let core = core(inner)?;
            refuse_complex(name, core.dtype)?;
            cores.push(cast(core, Dtype::F64));
        }
        let n: Vec<f64> = cores.iter().map(|c| c.grid.elements() as f64).collect();
        let numbers = numbers(&cores)?;
        let layers: Vec<&Arc<Layer>> = numbers.iter().map(|c| &c.layer).collect();
        let count = layers.len();
        let reads =
            move |_: usize, read: &mut dyn FnMut(usize, usize)| (0..count).for_each(|k| read(k, 0));
        Ok(layer(name, 1, &layers, reads, move |_, values: Vec<Value>| {
            let value = |v: &Value| {
                let list: Vec<f64> = Sealed::list(block_of(v).data().into_owned());
                list[0]
            };
            let values: Vec<f64> = values.iter().map(value).collect();
            Ok(f(Known { values: &values, n: &n }))
        }))
    };
    match found() {
        Ok(layer) => layer.at(0),
        Err(e) => Layer::new(Key::new(Name::new(name)), 1, Vec::new(), Failing(e)).at(0),
    }
}

/// The second to fourth moments about the mean.
fn moments(cores: &[Core]) -> Result<Vec<Core>> {
    [2.0, 3.0, 4.0].iter().map(|k| power_sum(&cores[0], *k)).collect()
}

fn skewness(k: &Known<'_>) -> f64 {
    let n = k.n[0];
    (k.values[1] / n) / (k.values[0] / n).powf(1.5)
}

fn excess(k: &Known<'_>) -> f64 {
    let n = k.n[0];
    let variance = k.values[0] / n;
    (k.values[2] / n) / (variance * variance) - 3.0
}

/// The statistic of the test that skewness is that of a normal distribution (D'Agostino, 1970).
fn skew_z(g: f64, n: f64) -> f64 {
    if n < 8.0 {
        return f64::NAN;
    }
    let y = g * (((n + 1.0) * (n + 3.0)) / (6.0 * (n - 2.0))).sqrt();
    let beta = 3.0 * (n * n + 27.0 * n - 70.0) * (n + 1.0) * (n + 3.0)
        / ((n - 2.0) * (n + 5.0) * (n + 7.0) * (n + 9.0));
    let w2 = -1.0 + (2.0 * (beta - 1.0)).sqrt();
    let delta = 1.0 / (0.5 * w2.ln()).sqrt();
    let alpha = (2.0 / (w2 - 1.0)).sqrt();
    let y = if y == 0.0 { 1.0 } else { y };
    delta * (y / alpha + ((y / alpha) * (y / alpha) + 1.0).sqrt()).ln()
}

/// The statistic of the test that kurtosis is that of a normal distribution (Anscombe and Glynn,
/// 1983).
fn kurtosis_z(excess: f64, n: f64) -> f64 {
    if n < 5.0 {
        return f64::NAN;
    }
    let b2 = excess + 3.0;
    let e = 3.0 * (n - 1.0) / (n + 1.0);
    let variance =
        24.0 * n * (n - 2.0) * (n - 3.0) / ((n + 1.0) * (n + 1.0) * (n + 3.0) * (n + 5.0));
    let x = (b2 - e) / variance.sqrt();
    let root = 6.0 * (n * n - 5.0 * n + 2.0) / ((n + 7.0) * (n + 9.0))
        * ((6.0 * (n + 3.0) * (n + 5.0)) / (n * (n - 2.0) * (n - 3.0))).sqrt();
    let a = 6.0 + 8.0 / root * (2.0 / root + (1.0 + 4.0 / (root * root)).sqrt());
    let term = 1.0 - 2.0 / (9.0 * a);
    let below = 1.0 + x * (2.0 / (a - 4.0)).sqrt();
    let other = below.signum() * ((1.0 - 2.0 / a) / below.abs()).cbrt();
    (term - other) / (2.0 / (9.0 * a)).sqrt()
}

/// Returns the result of a statistic that is normally distributed.
fn normal(z: f64) -> Test {
    let both = Normal::new(0.0, 1.0).map_or(f64::NAN, |d| 2.0 * d.sf(z.abs()));
    Test { statistic: z, pvalue: if z.is_nan() { f64::NAN } else { both } }
}

fn student(t: f64, df: f64) -> Test {
    let both = StudentsT::new(0.0, 1.0, df).map_or(f64::NAN, |d| 2.0 * d.sf(t.abs()));
    Test { statistic: t, pvalue: if t.is_nan() { f64::NAN } else { both } }
}

fn chi(x: f64, df: f64) -> Test {
    let above = ChiSquared::new(df).map_or(f64::NAN, |d| d.sf(x));
    Test { statistic: x, pvalue: if x.is_nan() { f64::NAN } else { above } }
}

#[inline(never)]
fn of_moments(
    inner: &Opaque,
    name: &'static str,
    f: fn(Known<'_>) -> Value,
) -> crate::graph::Point {
    combined(name, &[inner], &moments, f)
}

/// Computes the skewness of all elements.
///
/// ```
/// use rask::prelude::*;
/// assert_eq!(da::stats::skew(&da::arange(0..9i64)).compute()?, 0.0);
/// # Ok::<(), rask::Error>(())
/// ```
#[must_use]
pub fn skew<T: ArrayElement>(x: &Array<T>) -> Delayed<f64> {
    Delayed::of_point(of_moments(&x.inner, "skew", |k| Arc::new(skewness(&k))))
}

/// Computes the kurtosis of all elements, less the 3 of a normal distribution.
#[must_use]
pub fn kurtosis<T: ArrayElement>(x: &Array<T>) -> Delayed<f64> {
    Delayed::of_point(of_moments(&x.inner, "kurtosis", |k| Arc::new(excess(&k))))
}

/// Tests whether the skewness is that of a normal distribution. Fewer than 8 elements give NaN.
#[must_use]
pub fn skewtest<T: ArrayElement>(x: &Array<T>) -> Delayed<Test> {
    let test = |k: Known<'_>| Arc::new(normal(skew_z(skewness(&k), k.n[0]))) as Value;
    Delayed::of_point(of_moments(&x.inner, "skewtest", test))
}

/// Tests whether the kurtosis is that of a normal distribution. Fewer than 5 elements give NaN.
#[must_use]
pub fn kurtosistest<T: ArrayElement>(x: &Array<T>) -> Delayed<Test> {
    let test = |k: Known<'_>| Arc::new(normal(kurtosis_z(excess(&k), k.n[0]))) as Value;
    Delayed::of_point(of_moments(&x.inner, "kurtosistest", test))
}

/// Tests whether elements are normally distributed, by skewness and kurtosis.
#[must_use]
pub fn normaltest<T: ArrayElement>(x: &Array<T>) -> Delayed<Test> {
    let test = |k: Known<'_>| {
        let (s, t) = (skew_z(skewness(&k), k.n[0]), kurtosis_z(excess(&k), k.n[0]));
        Arc::new(chi(s * s + t * t, 2.0)) as Value
    };
    Delayed::of_point(of_moments(&x.inner, "normaltest", test))
}

#[inline(never)]
fn nth_moment(inner: &Opaque, k: i32) -> crate::graph::Point {
    combined("moment", &[inner], &|cores| Ok(vec![power_sum(&cores[0], f64::from(k))?]), |k| {
        Arc::new(k.values[0] / k.n[0])
    })
}

/// Computes the `k`-th moment of all elements about their mean.
#[must_use]
pub fn moment<T: ArrayElement>(x: &Array<T>, k: i32) -> Delayed<f64> {
    Delayed::of_point(nth_moment(&x.inner, k))
}

#[inline(never)]
fn one_sample(inner: &Opaque, about: f64) -> crate::graph::Point {
    combined(
        "ttest_1samp",
        &[inner],
        &|cores| Ok(vec![mean(&cores[0])?, power_sum(&cores[0], 2.0)?]),
        move |k| {
            let n = k.n[0];
            let variance = k.values[1] / (n - 1.0);
            Arc::new(student((k.values[0] - about) / (variance / n).sqrt(), n - 1.0))
        },
    )
}

#[inline(never)]
fn two_samples(a: &Opaque, b: &Opaque, equal: bool) -> crate::graph::Point {
    let numbers = |cores: &[Core]| {
        Ok(vec![
            mean(&cores[0])?,
            mean(&cores[1])?,
            power_sum(&cores[0], 2.0)?,
            power_sum(&cores[1], 2.0)?,
        ])
    };
    combined("ttest_ind", &[a, b], &numbers, move |k| {
        let (n, m) = (k.n[0], k.n[1]);
        let (v, w) = (k.values[2] / (n - 1.0), k.values[3] / (m - 1.0));
        let (df, width) = if equal {
            let df = n + m - 2.0;
            let pooled = (k.values[2] + k.values[3]) / df;
            (df, (pooled * (1.0 / n + 1.0 / m)).sqrt())
        } else {
            let (x, y) = (v / n, w / m);
            ((x + y) * (x + y) / (x * x / (n - 1.0) + y * y / (m - 1.0)), (x + y).sqrt())
        };
        Arc::new(student((k.values[0] - k.values[1]) / width, df))
    })
}

#[inline(never)]
fn related(a: &Opaque, b: &Opaque) -> crate::graph::Point {
    let numbers = |cores: &[Core]| {
        let difference = binary(Binary::Subtract, &cores[0], &cores[1], Dtype::F64)?;
        Ok(vec![mean(&difference)?, power_sum(&difference, 2.0)?])
    };
    combined("ttest_rel", &[a, b], &numbers, |k| {
        let n = k.n[0];
        Arc::new(student(k.values[0] / (k.values[1] / (n - 1.0) / n).sqrt(), n - 1.0))
    })
}

/// Tests whether the mean of all elements is `mean` (Student's t).
#[must_use]
pub fn ttest_1samp<T: ArrayElement>(x: &Array<T>, mean: f64) -> Delayed<Test> {
    Delayed::of_point(one_sample(&x.inner, mean))
}

/// Tests whether two samples of one variance have one mean (Student's t).
#[must_use]
pub fn ttest_ind<T: ArrayElement>(a: &Array<T>, b: &Array<T>) -> Delayed<Test> {
    Delayed::of_point(two_samples(&a.inner, &b.inner, true))
}

/// Tests whether two samples have one mean, whatever their variances (Welch's t).
#[must_use]
pub fn ttest_welch<T: ArrayElement>(a: &Array<T>, b: &Array<T>) -> Delayed<Test> {
    Delayed::of_point(two_samples(&a.inner, &b.inner, false))
}

/// Tests whether the differences of pairs have a mean of 0 (Student's t).
#[must_use]
pub fn ttest_rel<T: ArrayElement>(a: &Array<T>, b: &Array<T>) -> Delayed<Test> {
    Delayed::of_point(related(&a.inner, &b.inner))
}

/// A measure of how far counts are from those expected (Cressie and Read, 1984).
#[inline(never)]
fn divergence(observed: &Opaque, expected: Option<&Opaque>, lambda: f64) -> crate::graph::Point {
    let numbers = |cores: &[Core]| {
        let x = &cores[0];
        let expected = if cores.len() > 1 {
            cores[1].clone()
        } else {
            super::align::broadcast_to(&mean(x)?, &x.grid)
        };
        let f: super::ops::Function2 = Arc::new(move |a, b, out| {
            let out = Sealed::slice_mut(out);
            super::ops::zip(Sealed::slice(a), Sealed::slice(b), out, |o: f64, e: f64| {
                if lambda == 1.0 {
                    (o - e) * (o - e) / e
                } else if lambda == 0.0 {
                    if o == 0.0 { 0.0 } else { 2.0 * o * (o / e).ln() }
                } else if lambda == -1.0 {
                    2.0 * e * (e / o).ln()
                } else {
                    2.0 / (lambda * (lambda + 1.0)) * o * ((o / e).powf(lambda) - 1.0)
                }
            });
        });
        let args = vec![Operand::Array(x.clone()), Operand::Array(expected)];
        let terms = align::apply(Op::Map2("power_divergence", f), Dtype::F64, args)?;
        Ok(vec![sum(&terms)?])
    };
    let inputs: Vec<&Opaque> = std::iter::once(observed).chain(expected).collect();
    combined("power_divergence", &inputs, &numbers, |k| Arc::new(chi(k.values[0], k.n[0] - 1.0)))
}

/// Tests whether counts are equal but for chance (Pearson's chi-squared).
#[must_use]
pub fn chisquare<T: ArrayElement>(observed: &Array<T>) -> Delayed<Test> {
    Delayed::of_point(divergence(&observed.inner, None, 1.0))
}

/// Tests whether counts are those expected but for chance, with the measure of `lambda`: 1 for
/// Pearson's, 0 for the likelihood ratio, 2 / 3 for Cressie's and Read's.
#[must_use]
pub fn power_divergence<T: ArrayElement>(
    observed: &Array<T>,
    expected: &Array<T>,
    lambda: f64,
) -> Delayed<Test> {
    Delayed::of_point(divergence(&observed.inner, Some(&expected.inner), lambda))
}

#[inline(never)]
fn one_way(samples: &[Opaque]) -> crate::graph::Point {
    let inputs: Vec<&Opaque> = samples.iter().collect();
    let numbers = |cores: &[Core]| {
        if cores.len() < 2 {
            return Err(Error::bad_argument(
                "f_oneway",
                format!("{} samples; expected 2 or more", cores.len()),
            ));
        }
        let means = cores.iter().map(mean);
        means.chain(cores.iter().map(|c| power_sum(c, 2.0))).collect()
    };
    combined("f_oneway", &inputs, &numbers, |k| {
        let (means, squares) = k.values.split_at(k.n.len());
        let all: f64 = k.n.iter().sum();
        let centre = means.iter().zip(k.n).map(|(m, n)| m * n).sum::<f64>() / all;
        let between: f64 =
            means.iter().zip(k.n).map(|(m, n)| n * (m - centre) * (m - centre)).sum();
        let within: f64 = squares.iter().sum();
        let (a, b) = (k.n.len() as f64 - 1.0, all - k.n.len() as f64);
        let f = (between / a) / (within / b);
        let above = FisherSnedecor::new(a, b).map_or(f64::NAN, |d| d.sf(f));
        Arc::new(Test { statistic: f, pvalue: if f.is_nan() { f64::NAN } else { above } })
    })
}

/// Tests whether samples have one mean (analysis of variance).
#[must_use]
pub fn f_oneway<T: ArrayElement>(samples: &[&Array<T>]) -> Delayed<Test> {
    let mut all = Vec::new();
    for sample in samples {
        all.push(sample.inner.again());
    }
    Delayed::of_point(one_way(&all))
}
