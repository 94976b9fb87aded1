//! Exact sums of floats and of their powers, for each group.

use crate::exact::cells::{Cells, Terms};
use crate::exact::{ExactSum, moments};
use crate::frame::expr::sums::groups::{Groups, Statistic, kept};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, Float64Array, UInt64Array,
    new_null_array,
};
use arrow::compute::and;
use arrow::datatypes::{DataType, Float64Type, UInt64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use std::borrow::Cow;
use std::sync::Arc;

/// How the part of a sum that does not fit into the words is passed between the steps of an
/// aggregation: as the bytes of its floats.
const REST: DataType = DataType::BinaryView;

/// What a sum adds up. Terms of a single value come first: statistics refer to terms by index.
#[derive(Debug, Clone, Copy)]
enum Term {
    X,
    Y,
    XY,
    XX,
    YY,
    Cube,
    Fourth,
}

impl Statistic {
    fn terms(self) -> &'static [Term] {
        match self {
            Self::Sum | Self::Product | Self::Mean => &[Term::X],
            Self::Variance(_) | Self::Deviation(_) | Self::ErrorOfMean => &[Term::X, Term::XX],
            Self::Skewness => &[Term::X, Term::XX, Term::Cube],
            Self::Kurtosis => &[Term::X, Term::XX, Term::Cube, Term::Fourth],
            Self::Covariance(_) => &[Term::X, Term::Y, Term::XY],
            Self::Correlation | Self::Regression(_) => {
                &[Term::X, Term::Y, Term::XY, Term::XX, Term::YY]
            }
        }
    }

    /// Computes the statistic of `n` values with these sums.
    fn finish(self, n: u64, sums: &[ExactSum]) -> Option<f64> {
        match (self, sums) {
            (Self::Variance(ddof), [x, xx]) => moments::variance(ddof, n, x, xx),
            (Self::Deviation(ddof), [x, xx]) => moments::deviation(ddof, n, x, xx),
            (Self::ErrorOfMean, [x, xx]) => moments::error_of_mean(n, x, xx),
            (Self::Skewness, [x, xx, xxx]) => moments::skewness(n, [x, xx, xxx]),
            (Self::Kurtosis, [x, xx, xxx, xxxx]) => moments::kurtosis(n, [x, xx, xxx, xxxx]),
            (Self::Covariance(ddof), [x, y, xy]) => moments::covariance(ddof, n, [x, y, xy]),
            (Self::Correlation, [x, y, xy, xx, yy]) => moments::correlation(n, [x, y, xy, xx, yy]),
            (Self::Regression(line), [x, y, xy, xx, yy]) => {
                moments::regression(line, n, [x, y, xy, xx, yy])
            }
            _ => None,
        }
    }
}

/// The sums of one term, for any number of words per group.
trait TermSums: Send + Sync {
    fn width(&self) -> usize;
    fn resize(&mut self, groups: usize);
    fn update(&mut self, groups: Option<&[usize]>, terms: Terms<'_>);
    fn retract(&mut self, terms: Terms<'_>);
    fn is_untouched(&self, group: usize) -> bool;
    fn sum(&self, group: usize) -> ExactSum;
    fn value(&self, group: usize) -> f64;
    fn mean(&self, group: usize, n: u64) -> f64;
    /// Returns a column for each word, and one for what does not fit into the words.
    fn take(&mut self, groups: usize) -> Vec<ArrayRef>;
    fn drop_first(&mut self, groups: usize);
    fn merge(&mut self, groups: &[usize], columns: &[ArrayRef]);
    fn heap(&self) -> usize;
}

impl<const K: usize> TermSums for Cells<K> {
    fn width(&self) -> usize {
        K
    }

    fn resize(&mut self, groups: usize) {
        self.resize(groups);
    }

    fn update(&mut self, groups: Option<&[usize]>, terms: Terms<'_>) {
        match groups {
            Some(groups) => self.update(groups, terms),
            None => self.update_one(0, terms),
        }
    }

    fn retract(&mut self, terms: Terms<'_>) {
        self.retract(0, terms);
    }

    fn is_untouched(&self, group: usize) -> bool {
        self.is_untouched(group)
    }

    fn sum(&self, group: usize) -> ExactSum {
        self.sum(group)
    }

    fn value(&self, group: usize) -> f64 {
        self.value(group)
    }

    fn mean(&self, group: usize, n: u64) -> f64 {
        self.mean(group, n)
    }

    fn take(&mut self, groups: usize) -> Vec<ArrayRef> {
        let (words, rest) = self.take(groups);
        let column = |k: usize| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(words.iter().map(|w| w[k])))
        };
        let rest: ArrayRef = if rest.is_empty() {
            new_null_array(&REST, groups)
        } else {
            let bytes = |floats: Vec<f64>| {
                floats.into_iter().flat_map(f64::to_le_bytes).collect::<Vec<u8>>()
            };
            Arc::new(rest.into_iter().map(|floats| floats.map(bytes)).collect::<BinaryViewArray>())
        };
        (0..K).map(column).chain([rest]).collect()
    }

    fn drop_first(&mut self, groups: usize) {
        self.drop_first(groups);
    }

    fn merge(&mut self, groups: &[usize], columns: &[ArrayRef]) {
        let (words, rest) = columns.split_at(K);
        self.merge_words(
            groups,
            std::array::from_fn(|k| words[k].as_primitive::<Float64Type>().values().as_ref()),
        );
        let rest = rest[0].as_binary_view();
        if rest.null_count() < rest.len() {
            for (group, bytes) in groups.iter().zip(rest) {
                if let Some((floats, _)) = bytes.map(<[u8]>::as_chunks) {
                    let floats: Vec<_> =
                        floats.iter().map(|eight| f64::from_le_bytes(*eight)).collect();
                    self.merge_rest(*group, &floats);
                }
            }
        }
    }

    fn heap(&self) -> usize {
        self.heap()
    }
}

impl Term {
    /// Creates sums with twice as many digits as the values have, and some more to add up many of
    /// them.
    fn sums(self) -> Box<dyn TermSums> {
        match self {
            Self::X | Self::Y => Box::new(Cells::<2>::default()),
            Self::XY | Self::XX | Self::YY => Box::new(Cells::<3>::default()),
            Self::Cube => Box::new(Cells::<4>::default()),
            Self::Fourth => Box::new(Cells::<5>::default()),
        }
    }

    fn of<'a>(self, rows: &'a Rows<'a>) -> Terms<'a> {
        match self {
            Self::X => Terms::Values(&rows.x),
            Self::Y => Terms::Values(&rows.y),
            Self::XY => Terms::Products(&rows.x, &rows.y),
            Self::XX => Terms::Products(&rows.x, &rows.x),
            Self::YY => Terms::Products(&rows.y, &rows.y),
            Self::Cube => Terms::Cubes(&rows.x),
            Self::Fourth => Terms::Fourths(&rows.x),
        }
    }
}

/// Rows with values: a whole batch without copying, or the rows that remain of it.
struct Rows<'a> {
    groups: Cow<'a, [usize]>,
    x: Cow<'a, [f64]>,
    y: Cow<'a, [f64]>,
}

impl<'a> Rows<'a> {
    fn new(
        values: &'a [ArrayRef],
        groups: &'a [usize],
        filter: Option<&BooleanArray>,
    ) -> Result<Self> {
        // Functions of pairs take y first.
        let x = values[values.len() - 1].as_primitive::<Float64Type>();
        let y = values[0].as_primitive::<Float64Type>();
        let mut keep = filter.map(kept);
        for column in [x, y] {
            if let Some(nulls) = column.nulls().filter(|n| n.null_count() > 0) {
                let valid = BooleanArray::new(nulls.inner().clone(), None);
                keep = Some(match keep {
                    Some(keep) => and(&keep, &valid)?,
                    None => valid,
                });
            }
        }
        let (x, y) = (x.values().as_ref(), y.values().as_ref());
        let Some(keep) = keep else {
            return Ok(Self { groups: groups.into(), x: x.into(), y: y.into() });
        };
        let places: Vec<usize> = keep.values().set_indices().collect();
        let of = |column: &[f64]| places.iter().map(|i| column[*i]).collect::<Vec<_>>();
        let groups: Vec<_> = places.iter().filter_map(|i| groups.get(*i).copied()).collect();
        let y = if values.len() > 1 { of(y) } else { Vec::new() };
        Ok(Self { groups: groups.into(), x: of(x).into(), y: y.into() })
    }
}

/// The sums of all groups.
pub(super) struct FloatGroups {
    statistic: Statistic,
    sums: Vec<(Term, Box<dyn TermSums>)>,
    /// The number of rows of each group; a plain sum needs none.
    counts: Vec<u64>,
    groups: usize,
}

impl FloatGroups {
    pub(super) fn new(statistic: Statistic) -> Self {
        let sums = statistic.terms().iter().map(|t| (*t, t.sums())).collect();
        Self { statistic, sums, counts: Vec::new(), groups: 0 }
    }

    fn is_counted(&self) -> bool {
        self.statistic != Statistic::Sum
    }

    fn resize(&mut self, groups: usize) {
        self.groups = self.groups.max(groups);
        self.sums.iter_mut().for_each(|(_, sums)| sums.resize(groups));
        if self.is_counted() {
            self.counts.resize(groups, 0);
        }
    }

    fn update(&mut self, rows: &Rows<'_>, groups: Option<&[usize]>) {
        for (term, sums) in &mut self.sums {
            sums.update(groups, term.of(rows));
        }
    }

    fn result(&self, group: usize) -> Option<f64> {
        let x = self.sums[0].1.as_ref();
        match self.statistic {
            Statistic::Sum => (!x.is_untouched(group)).then(|| x.value(group)),
            _ if self.counts[group] == 0 => None,
            Statistic::Mean => Some(x.mean(group, self.counts[group])),
            of => {
                let sums: Vec<_> = self.sums.iter().map(|(_, sums)| sums.sum(group)).collect();
                of.finish(self.counts[group], &sums)
            }
        }
    }

    fn emitted(&self, emit_to: EmitTo) -> usize {
        match emit_to {
            EmitTo::All => self.groups,
            EmitTo::First(n) => n,
        }
    }
}

impl Groups for FloatGroups {
    fn state_types(&self) -> Vec<DataType> {
        let of_term = |(_, sums): &(Term, Box<dyn TermSums>)| {
            let words = std::iter::repeat_n(DataType::Float64, sums.width());
            words.chain([REST]).collect::<Vec<_>>()
        };
        let count = self.is_counted().then_some(DataType::UInt64);
        self.sums.iter().flat_map(of_term).chain(count).collect()
    }

    fn update_first(&mut self, values: &[ArrayRef]) -> Result<u64> {
        self.resize(1);
        if values.is_empty() {
            return Ok(0);
        }
        let rows = Rows::new(values, &[], None)?;
        self.update(&rows, None);
        let n = rows.x.len() as u64;
        self.counts.iter_mut().for_each(|count| *count += n);
        Ok(n)
    }

    fn retract_first(&mut self, values: &[ArrayRef]) -> Result<u64> {
        let rows = Rows::new(values, &[], None)?;
        for (term, sums) in &mut self.sums {
            sums.retract(term.of(&rows));
        }
        let n = rows.x.len() as u64;
        self.counts.iter_mut().for_each(|count| *count -= n);
        Ok(n)
    }

    fn first(&self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64((self.groups > 0).then(|| self.result(0)).flatten()))
    }
}

impl GroupsAccumulator for FloatGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.resize(total);
        let rows = Rows::new(values, groups, filter)?;
        self.update(&rows, Some(&rows.groups));
        if self.is_counted() {
            rows.groups.iter().for_each(|g| self.counts[*g] += 1);
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let n = self.emitted(emit_to);
        let results: Float64Array = (0..n).map(|g| self.result(g)).collect();
        self.sums.iter_mut().for_each(|(_, sums)| sums.drop_first(n));
        if self.is_counted() {
            drop(emit_to.take_needed(&mut self.counts));
        }
        self.groups -= n;
        Ok(Arc::new(results))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let n = self.emitted(emit_to);
        let mut columns: Vec<_> = self.sums.iter_mut().flat_map(|(_, sums)| sums.take(n)).collect();
        if self.is_counted() {
            columns.push(Arc::new(UInt64Array::from(emit_to.take_needed(&mut self.counts))));
        }
        self.groups -= n;
        Ok(columns)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.resize(total);
        let mut columns = states;
        for (_, sums) in &mut self.sums {
            let (own, others) = columns.split_at(sums.width() + 1);
            sums.merge(groups, own);
            columns = others;
        }
        if let [counts] = columns {
            let counts = counts.as_primitive::<UInt64Type>().values();
            groups.iter().zip(counts).for_each(|(g, n)| self.counts[*g] += n);
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values[0].len();
        // In the common case each row is its own sum.
        if let ([Term::X], None) = (self.statistic.terms(), filter)
            && let x = values[0].as_primitive::<Float64Type>()
            && x.null_count() == 0
            && x.values().iter().all(|x| x.is_finite())
        {
            let first: ArrayRef =
                Arc::new(Float64Array::from_iter_values(x.values().iter().map(|x| x + 0.0)));
            let second: ArrayRef = Arc::new(Float64Array::from(vec![0.0; rows]));
            let count =
                self.is_counted().then(|| Arc::new(UInt64Array::from(vec![1; rows])) as ArrayRef);
            return Ok([first, second, new_null_array(&REST, rows)]
                .into_iter()
                .chain(count)
                .collect());
        }
        let mut each = Self::new(self.statistic);
        each.update_batch(values, &(0..rows).collect::<Vec<_>>(), filter, rows)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        let sums: usize = self.sums.iter().map(|(_, sums)| sums.heap()).sum();
        sums + self.counts.capacity() * size_of::<u64>()
    }
}
