//! Partial results of reductions: what is known of the elements of some blocks. Joining them in any
//! order gives the same bits: sums are exact until they are rounded at the end.

use crate::array::data::{Data, Number, Slice};
use crate::array::dtype::Dtype;
use crate::array::ops::{Binary, Integer, Op, add_all, add_run, number_as, squares};
use crate::error::{Error, Result};
use crate::exact::cells::{Cells, Terms, mean_of_integers};
use crate::exact::{moments, product};

/// A reduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reduction {
    Sum,
    Product,
    Mean,
    Variance { ddof: u64 },
    Deviation { ddof: u64 },
    Minimum,
    Maximum,
    ArgMinimum,
    ArgMaximum,
}

impl Reduction {
    /// Returns NumPy's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Product => "prod",
            Self::Mean => "mean",
            Self::Variance { .. } => "var",
            Self::Deviation { .. } => "std",
            Self::Minimum => "min",
            Self::Maximum => "max",
            Self::ArgMinimum => "argmin",
            Self::ArgMaximum => "argmax",
        }
    }
}

/// What becomes of NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nan {
    /// It counts as any other element.
    Counts,
    /// It is left out.
    Skipped,
}

/// The words of exact sums that are kept apart; further ones are rare.
const WORDS: usize = 2;

/// What is known so far, for each of a number of groups.
#[derive(Clone)]
pub(crate) enum Partial {
    /// Exact sums of floats, of their squares if these are wanted, and the number of floats.
    Floats {
        sum: Cells<WORDS>,
        squares: Option<Cells<WORDS>>,
        n: Vec<u64>,
    },
    Complex {
        re: Cells<WORDS>,
        im: Cells<WORDS>,
        n: Vec<u64>,
    },
    Integers {
        sum: Vec<i128>,
        n: Vec<u64>,
    },
    /// Products of floats.
    Products(Vec<[f64; 8]>),
    /// Products of integers; `None` if they are too large for any.
    Whole(Vec<Option<i128>>),
    /// The least or greatest elements, and how many were looked at.
    Best {
        op: Binary,
        best: Data,
        n: Vec<u64>,
    },
    /// The same with their places.
    Place {
        op: Binary,
        best: Vec<Option<(Number, u64)>>,
    },
}

/// Where the elements of a run belong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// The group of the first element.
    pub(crate) group: usize,
    /// Whether each element belongs to the next group; else all belong to one.
    pub(crate) each: bool,
    /// The place of the first element among those that are reduced, and the distance of the next.
    pub(crate) place: u64,
    pub(crate) distance: u64,
}

impl Partial {
    /// Creates the state without elements.
    ///
    /// # Errors
    /// Returns an error if the type does not have the reduction.
    pub(crate) fn new(op: Reduction, dtype: Dtype, groups: usize) -> Result<Self> {
        let cells = || {
            let mut cells = Cells::default();
            cells.resize(groups);
            cells
        };
        let n = vec![0; groups];
        let is_integer = !dtype.is_float() && dtype != Dtype::C64;
        Ok(match op {
            Reduction::Sum | Reduction::Mean if is_integer => {
                Self::Integers { sum: vec![0; groups], n }
            }
            Reduction::Sum | Reduction::Mean if dtype == Dtype::C64 => {
                Self::Complex { re: cells(), im: cells(), n }
            }
            Reduction::Sum | Reduction::Mean => Self::Floats { sum: cells(), squares: None, n },
            Reduction::Variance { .. } | Reduction::Deviation { .. } if dtype != Dtype::C64 => {
                Self::Floats { sum: cells(), squares: Some(cells()), n }
            }
            Reduction::Product if is_integer => Self::Whole(vec![Some(1); groups]),
            Reduction::Product if dtype != Dtype::C64 => {
                Self::Products(vec![product::START; groups])
            }
            Reduction::Minimum | Reduction::Maximum => {
                let op = if op == Reduction::Minimum { Binary::Minimum } else { Binary::Maximum };
                Self::Best { op, best: super::super::merge::zeros(dtype, groups), n }
            }
            Reduction::ArgMinimum | Reduction::ArgMaximum if dtype != Dtype::C64 => {
                let is_least = op == Reduction::ArgMinimum;
                let op = if is_least { Binary::Minimum } else { Binary::Maximum };
                Self::Place { op, best: vec![None; groups] }
            }
            _ => {
                return Err(Error::bad_argument(
                    op.name(),
                    "there is none of complex numbers; help: use .real(), .imag() or .abs()"
                        .to_owned(),
                ));
            }
        })
    }

    /// Adds a run of elements.
    ///
    /// # Errors
    /// Returns the error of a comparison.
    pub(crate) fn add(&mut self, run: Run, elements: Slice<'_>) -> Result<()> {
        match self {
            Self::Floats { sum, squares, n } => {
                let converted;
                let x: &[f64] = match elements {
                    Slice::F64(x) => x,
                    other => {
                        converted = floats(other);
                        &converted
                    }
                };
                count(n, run, x.len());
                add_floats(sum, run, Terms::Values(x), x.len());
                if let Some(squares) = squares {
                    add_squares(squares, run, x);
                }
            }
            Self::Complex { re, im, n } => {
                if let Slice::C64(x) = elements {
                    count(n, run, x.len());
                    let parts: (Vec<f64>, Vec<f64>) = x.iter().map(|x| (x.re, x.im)).unzip();
                    add_floats(re, run, Terms::Values(&parts.0), x.len());
                    add_floats(im, run, Terms::Values(&parts.1), x.len());
                }
            }
            Self::Integers { sum, n } => {
                count(n, run, elements.len());
                macro_rules! typed {
                    ($($v:ident)*) => {
                        match elements {
                            $(Slice::$v(x) => add_integers(sum, run, x),)*
                            Slice::Bool(x) => {
                                let x: Vec<u8> = x.iter().map(|x| u8::from(*x)).collect();
                                add_integers(sum, run, &x);
                            }
                            _ => {}
                        }
                    };
                }
                typed!(I64 I32 U64 U8);
            }
            Self::Products(kept) => {
                for (i, x) in floats(elements).into_iter().enumerate() {
                    product::multiply(&mut kept[run.group + if run.each { i } else { 0 }], x);
                }
            }
            Self::Whole(kept) => {
                for i in 0..elements.len() {
                    let x = integer(elements.at(i));
                    let kept = &mut kept[run.group + if run.each { i } else { 0 }];
                    // Zero makes up for any overflow.
                    *kept = if x == 0 { Some(0) } else { kept.and_then(|k| k.checked_mul(x)) };
                }
            }
            Self::Best { op, best, n } => {
                add_best(*op, best, n, run, elements)?;
            }
            Self::Place { op, best } => {
                for i in 0..elements.len() {
                    let found = (elements.at(i), run.place + i as u64 * run.distance);
                    let best = &mut best[run.group + if run.each { i } else { 0 }];
                    *best = Some(best.map_or(found, |b| better(*op, b, found)));
                }
            }
        }
        Ok(())
    }

    /// Adds `n` times the same element to each group; returns whether it can do so at once.
    pub(crate) fn add_same(&mut self, element: Number, times: u64) -> bool {
        match (self, element) {
            (Self::Floats { sum, squares: None, n }, Number::F64(x))
                if x.abs() < 1e250 && (x == 0.0 || x.abs() > 1e-250) =>
            {
                // The product is exact: it is kept with its error.
                for (group, n) in n.iter_mut().enumerate() {
                    sum.update_one(group, Terms::Products(&[x], &[times as f64]));
                    *n += times;
                }
                true
            }
            (Self::Integers { sum, n }, element) => {
                sum.iter_mut().for_each(|s| *s += integer(element) * i128::from(times));
                n.iter_mut().for_each(|n| *n += times);
                true
            }
            _ => false,
        }
    }

    /// Adds a run of elements but for NaN.
    ///
    /// # Errors
    /// Returns the error of a comparison.
    pub(crate) fn add_numbers(&mut self, run: Run, elements: Slice<'_>) -> Result<()> {
        let numbers: Vec<bool> = match elements {
            Slice::F64(x) => x.iter().map(|x| !x.is_nan()).collect(),
            Slice::F32(x) => x.iter().map(|x| !x.is_nan()).collect(),
            Slice::C64(x) => x.iter().map(|x| !x.is_nan()).collect(),
            _ => return self.add(run, elements),
        };
        // Stretches without NaN are added in one go.
        let mut from = 0;
        while from < numbers.len() {
            let stretch = numbers[from..].iter().take_while(|n| **n).count();
            if stretch > 0 {
                let group = run.group + if run.each { from } else { 0 };
                let place = run.place + from as u64 * run.distance;
                self.add(Run { group, place, ..run }, elements.part(from, from + stretch))?;
            }
            from += stretch + 1;
        }
        Ok(())
    }

    /// Adds the state of other blocks.
    ///
    /// # Errors
    /// Returns the error of a comparison.
    pub(crate) fn join(&mut self, other: &Self) -> Result<()> {
        match (self, other) {
            (Self::Floats { sum, squares, n }, Self::Floats { sum: a, squares: b, n: c }) => {
                join_cells(sum, a, n.len());
                if let (Some(squares), Some(b)) = (squares, b) {
                    join_cells(squares, b, n.len());
                }
                n.iter_mut().zip(c).for_each(|(n, c)| *n += c);
            }
            (Self::Complex { re, im, n }, Self::Complex { re: a, im: b, n: c }) => {
                join_cells(re, a, n.len());
                join_cells(im, b, n.len());
                n.iter_mut().zip(c).for_each(|(n, c)| *n += c);
            }
            (Self::Integers { sum, n }, Self::Integers { sum: a, n: b }) => {
                sum.iter_mut().zip(a).for_each(|(sum, a)| *sum += a);
                n.iter_mut().zip(b).for_each(|(n, b)| *n += b);
            }
            (Self::Products(kept), Self::Products(a)) => {
                kept.iter_mut().zip(a).for_each(|(kept, a)| product::join(kept, a));
            }
            (Self::Whole(kept), Self::Whole(a)) => {
                for (kept, a) in kept.iter_mut().zip(a) {
                    *kept = match (*kept, *a) {
                        (Some(0), _) | (_, Some(0)) => Some(0),
                        (Some(x), Some(y)) => x.checked_mul(y),
                        _ => None,
                    };
                }
            }
            (Self::Best { op, best, n }, Self::Best { best: a, n: b, .. }) => {
                let mut seen = n.clone();
                if b.iter().all(|b| *b > 0) {
                    let whole = Run { group: 0, each: true, place: 0, distance: 0 };
                    add_best(*op, best, &mut seen, whole, a.slice())?;
                } else {
                    // Groups without elements, as where all are NaN, have no best one.
                    for group in (0..b.len()).filter(|g| b[*g] > 0) {
                        let one = Run { group, each: false, place: 0, distance: 0 };
                        add_best(*op, best, &mut seen, one, a.slice().part(group, group + 1))?;
                    }
                }
                n.iter_mut().zip(b).for_each(|(n, b)| *n += b);
            }
            (Self::Place { op, best }, Self::Place { best: a, .. }) => {
                for (best, a) in best.iter_mut().zip(a) {
                    if let Some(a) = a {
                        *best = Some(best.map_or(*a, |b| better(*op, b, *a)));
                    }
                }
            }
            _ => unreachable!("the parts of a reduction are of one kind"),
        }
        Ok(())
    }

    /// Returns the results, one for each group.
    ///
    /// # Errors
    /// Returns an error if an integer does not fit, or if there is no result without elements.
    pub(crate) fn finish(self, op: Reduction, dtype: Dtype) -> Result<Data> {
        match self {
            Self::Floats { sum, squares, n } => {
                let found = n.iter().enumerate().map(|(g, n)| match (op, &squares) {
                    (Reduction::Sum, _) if *n == 0 => 0.0,
                    (Reduction::Sum, _) => sum.value(g),
                    (Reduction::Mean, _) if *n == 0 => f64::NAN,
                    (Reduction::Mean, _) => sum.mean(g, *n),
                    (Reduction::Variance { ddof }, Some(xx)) => {
                        moments::variance(ddof, *n, &sum.sum(g), &xx.sum(g)).unwrap_or(f64::NAN)
                    }
                    (Reduction::Deviation { ddof }, Some(xx)) => {
                        moments::deviation(ddof, *n, &sum.sum(g), &xx.sum(g)).unwrap_or(f64::NAN)
                    }
                    _ => unreachable!("{op:?} has no sums"),
                });
                cast(Data::F64(found.collect()), dtype)
            }
            Self::Complex { re, im, n } => {
                let part = |cells: &Cells<WORDS>, g: usize, n: u64| match op {
                    Reduction::Sum if n == 0 => 0.0,
                    Reduction::Sum => cells.value(g),
                    _ if n == 0 => f64::NAN,
                    _ => cells.mean(g, n),
                };
                let found = n
                    .iter()
                    .enumerate()
                    .map(|(g, n)| num_complex::Complex64::new(part(&re, g, *n), part(&im, g, *n)));
                Ok(Data::C64(found.collect()))
            }
            Self::Integers { sum, n } if op == Reduction::Mean => {
                let mean = |(sum, n): (&i128, &u64)| match n {
                    0 => f64::NAN,
                    n => mean_of_integers(*sum, *n),
                };
                Ok(Data::F64(sum.iter().zip(&n).map(mean).collect()))
            }
            Self::Integers { sum, .. } => whole(op, sum.into_iter().map(Some), dtype),
            Self::Products(kept) => {
                let found = kept.iter().map(|k| product::value(k).unwrap_or(f64::NAN));
                cast(Data::F64(found.collect()), dtype)
            }
            Self::Whole(kept) => whole(op, kept.into_iter(), dtype),
            Self::Best { best, n, .. } if n.iter().all(|n| *n > 0) => Ok(best),
            Self::Best { .. } => Err(empty(op)),
            Self::Place { best, .. } => {
                let places: Option<Vec<i64>> =
                    best.iter().map(|b| Some(b.as_ref()?.1 as i64)).collect();
                places.map(Data::I64).ok_or_else(|| empty(op))
            }
        }
    }

    /// Returns the bytes on the heap.
    pub(crate) fn heap(&self) -> usize {
        match self {
            Self::Floats { sum, squares, n } => {
                sum.heap() + squares.as_ref().map_or(0, Cells::heap) + n.len() * 8
            }
            Self::Complex { re, im, n } => re.heap() + im.heap() + n.len() * 8,
            Self::Integers { sum, n } => sum.len() * 16 + n.len() * 8,
            Self::Products(kept) => kept.len() * 64,
            Self::Whole(kept) => kept.len() * 32,
            Self::Best { best, n, .. } => best.len() * best.dtype().size() + n.len() * 8,
            Self::Place { best, .. } => best.len() * 48,
        }
    }
}

fn empty(op: Reduction) -> Error {
    Error::bad_argument(
        op.name(),
        "an array without elements has none; expected at least one element".to_owned(),
    )
}

fn count(n: &mut [u64], run: Run, elements: usize) {
    if run.each {
        n[run.group..run.group + elements].iter_mut().for_each(|n| *n += 1);
    } else {
        n[run.group] += elements as u64;
    }
}

fn add_floats(cells: &mut Cells<WORDS>, run: Run, terms: Terms<'_>, n: usize) {
    match (run.each, terms) {
        (true, Terms::Values(x)) => add_run(cells, run.group, x),
        (true, terms) => cells.update(&(run.group..run.group + n).collect::<Vec<_>>(), terms),
        (false, Terms::Values(x)) => add_all(cells, run.group, x),
        (false, terms) => cells.update_one(run.group, terms),
    }
}

/// Adds the squares: as two lists, the rounded squares and their rounding errors, which are summed
/// quickly, where these are exact.
fn add_squares(cells: &mut Cells<WORDS>, run: Run, x: &[f64]) {
    let mut high = vec![0.0; x.len()];
    let mut low = vec![0.0; x.len()];
    let mut exact = true;
    squares(x, &mut high, &mut low, &mut exact);
    if exact {
        add_floats(cells, run, Terms::Values(&high), x.len());
        add_floats(cells, run, Terms::Values(&low), x.len());
    } else {
        add_floats(cells, run, Terms::Products(x, x), x.len());
    }
}

fn add_integers<T: Integer>(sum: &mut [i128], run: Run, x: &[T]) {
    if run.each {
        sum[run.group..].iter_mut().zip(x).for_each(|(sum, x)| *sum += x.wide());
    } else {
        sum[run.group] += x.iter().map(|x| x.wide()).sum::<i128>();
    }
}

fn add_best(op: Binary, best: &mut Data, n: &mut [u64], run: Run, x: Slice<'_>) -> Result<()> {
    if x.len() == 0 {
        return Ok(());
    }
    let op = Op::Binary(op);
    if run.each {
        let to = run.group + x.len();
        let mut found = Data::with_capacity(x.dtype(), x.len());
        if n[run.group..to].contains(&0) {
            for i in 0..x.len() {
                let one = x.part(i, i + 1);
                if n[run.group + i] == 0 {
                    found.extend(one);
                } else {
                    op.run(
                        &[best.slice().part(run.group + i, run.group + i + 1), one],
                        &mut found,
                    )?;
                }
            }
        } else {
            op.run(&[best.slice().part(run.group, to), x], &mut found)?;
        }
        best.write(run.group, found.slice());
    } else {
        // Half of the elements with the other half, until one is left.
        let mut left = Data::with_capacity(x.dtype(), x.len());
        left.extend(x);
        if n[run.group] > 0 {
            left.extend(best.slice().part(run.group, run.group + 1));
        }
        while left.len() > 1 {
            let half = left.len() / 2;
            let mut next = Data::with_capacity(x.dtype(), half + 1);
            op.run(&[left.slice().part(0, half), left.slice().part(half, 2 * half)], &mut next)?;
            next.extend(left.slice().part(2 * half, left.len()));
            left = next;
        }
        best.write(run.group, left.slice());
    }
    count(n, run, x.len());
    Ok(())
}

/// Returns the better of two elements: the first NaN, else the first of the best.
fn better(op: Binary, a: (Number, u64), b: (Number, u64)) -> (Number, u64) {
    let order = match (a.0, b.0) {
        (Number::F64(x), Number::F64(y)) => compare(x, y),
        (Number::F32(x), Number::F32(y)) => compare(f64::from(x), f64::from(y)),
        (x, y) => integer(x).cmp(&integer(y)),
    };
    let is_nan = |n: Number| match n {
        Number::F64(x) => x.is_nan(),
        Number::F32(x) => x.is_nan(),
        _ => false,
    };
    let wins = match (is_nan(a.0), is_nan(b.0)) {
        (true, true) => return if a.1 <= b.1 { a } else { b },
        (true, false) => return a,
        (false, true) => return b,
        (false, false) if op == Binary::Minimum => order,
        (false, false) => order.reverse(),
    };
    match wins {
        std::cmp::Ordering::Less => a,
        std::cmp::Ordering::Greater => b,
        std::cmp::Ordering::Equal => {
            if a.1 <= b.1 {
                a
            } else {
                b
            }
        }
    }
}

fn compare(x: f64, y: f64) -> std::cmp::Ordering {
    x.partial_cmp(&y).unwrap_or(std::cmp::Ordering::Equal)
}

fn integer(x: Number) -> i128 {
    match x {
        Number::I64(x) => x.wide(),
        Number::I32(x) => x.wide(),
        Number::U64(x) => x.wide(),
        Number::U8(x) => x.wide(),
        Number::Bool(x) => i128::from(x),
        Number::F64(_) | Number::F32(_) | Number::C64(_) => 0,
    }
}

fn floats(x: Slice<'_>) -> Vec<f64> {
    match x {
        Slice::F64(x) => x.to_vec(),
        Slice::F32(x) => x.iter().map(|x| f64::from(*x)).collect(),
        other => (0..other.len()).map(|i| integer(other.at(i)) as f64).collect(),
    }
}

fn join_cells(into: &mut Cells<WORDS>, from: &Cells<WORDS>, groups: usize) {
    for group in 0..groups {
        if !from.is_untouched(group) {
            into.merge(group, from);
        }
    }
}

fn cast(data: Data, dtype: Dtype) -> Result<Data> {
    if data.dtype() == dtype {
        return Ok(data);
    }
    let mut out = Data::with_capacity(dtype, data.len());
    Op::Cast(dtype).run(&[data.slice()], &mut out)?;
    Ok(out)
}

fn whole(op: Reduction, found: impl Iterator<Item = Option<i128>>, dtype: Dtype) -> Result<Data> {
    let mut out = Data::empty(dtype);
    for x in found {
        let narrow = x.and_then(|x| match dtype {
            Dtype::U64 => u64::try_from(x).ok().map(Number::U64),
            _ => i64::try_from(x).ok().map(Number::I64),
        });
        let Some(number) = narrow else {
            return Err(Error::bad_argument(
                op.name(),
                format!(
                    "integer overflow: the result {} does not fit {}; expected results in its range; help: convert first, as in .astype::<f64>()",
                    x.map_or_else(String::new, |x| format!("{x}")),
                    dtype.name()
                ),
            ));
        };
        out.extend(number_as(number, dtype)?.slice());
    }
    Ok(out)
}

/// All element types have a place in `add`.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::dtype::with_types;

    #[test]
    fn every_type_has_its_sum() {
        macro_rules! sums {
            ($(($v:ident, $t:ty, $name:literal))*) => {$(
                let data = Number::repeat(super::super::super::merge::zeros(Dtype::$v, 1).slice().at(0), 3);
                let mut partial = Partial::new(Reduction::Sum, Dtype::$v, 1).unwrap();
                let run = Run { group: 0, each: false, place: 0, distance: 1 };
                partial.add(run, data.slice()).unwrap();
                assert!(partial.finish(Reduction::Sum, <<$t as crate::array::ArrayElement>::Sum as crate::array::data::sealed::Sealed>::DTYPE).is_ok(), $name);
            )*};
        }
        with_types!(sums);
    }
}
