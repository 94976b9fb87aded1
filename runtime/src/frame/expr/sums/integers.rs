//! Sums, means and products of integers for each group: a total that exceeds 64 bits is kept in
//! 128, so no partial result overflows; a final result that does not fit is an error.

use crate::exact::cells::mean_of_integers;
use crate::frame::expr::sums::groups::{Groups, Statistic, kept};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, UInt64Array,
};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, UInt64Type};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::sync::Arc;

/// The total of a group without values; a total that happens to equal it is stored in `wide`.
const UNTOUCHED: i64 = i64::MIN;
/// A product beyond 64 bits, which only a zero can bring back into range.
const TOO_GREAT: i128 = i128::MAX;
/// How totals are passed between the steps of an aggregation.
const STATE: DataType = DataType::Decimal128(38, 0);

/// The totals of all groups.
pub(super) struct IntegerGroups {
    statistic: Statistic,
    of: DataType,
    totals: Vec<i64>,
    /// The totals that do not fit into 64 bits; `totals` holds 0 for them.
    wide: HashMap<usize, i128, FixedState>,
    /// The number of rows of each group; only a mean needs it.
    counts: Vec<u64>,
}

/// Multiplies, or returns `TOO_GREAT` where the product is out of range.
fn multiply(product: i128, x: i128) -> i128 {
    let fits = |p: &i128| p.unsigned_abs() <= u128::from(u64::MAX);
    match (product, x) {
        (_, 0) | (0, _) => 0,
        (TOO_GREAT, _) | (_, TOO_GREAT) => TOO_GREAT,
        (a, b) => a.checked_mul(b).filter(fits).unwrap_or(TOO_GREAT),
    }
}

impl IntegerGroups {
    pub(super) fn new(statistic: Statistic, of: DataType) -> Self {
        Self { statistic, of, totals: Vec::new(), wide: HashMap::default(), counts: Vec::new() }
    }

    fn is_counted(&self) -> bool {
        self.statistic == Statistic::Mean
    }

    fn resize(&mut self, groups: usize) {
        self.totals.resize(groups, UNTOUCHED);
        if self.is_counted() {
            self.counts.resize(groups, 0);
        }
    }

    fn total(&self, group: usize) -> Option<i128> {
        let total = self.totals[group];
        let wide = if self.wide.is_empty() { None } else { self.wide.get(&group) };
        (total != UNTOUCHED).then(|| wide.copied().unwrap_or(i128::from(total)))
    }

    /// Adds to a total; in the common case the sum fits.
    #[inline(always)]
    fn add(&mut self, group: usize, x: Option<i64>, exact: i128) {
        let total = self.totals[group];
        let total = if total == UNTOUCHED { 0 } else { total };
        match x.and_then(|x| total.checked_add(x)) {
            Some(sum) if sum != UNTOUCHED && self.wide.is_empty() => self.totals[group] = sum,
            _ => self.join(group, exact),
        }
    }

    /// Adds a value, or the total of other rows, to that of a group.
    #[inline(never)]
    fn join(&mut self, group: usize, x: i128) {
        let total = match self.total(group) {
            None => x,
            Some(product) if self.statistic == Statistic::Product => multiply(product, x),
            Some(sum) => sum + x,
        };
        match i64::try_from(total) {
            Ok(fitting) if fitting != UNTOUCHED => {
                self.wide.remove(&group);
                self.totals[group] = fitting;
            }
            _ => {
                self.wide.insert(group, total);
                self.totals[group] = 0;
            }
        }
    }

    /// Calls a closure with the index and the value of each row that is not null and not filtered
    /// out.
    #[inline(always)]
    fn each(
        values: &ArrayRef,
        filter: Option<&BooleanArray>,
        mut f: impl FnMut(usize, Option<i64>, i128),
    ) {
        let keep = filter.map(kept);
        let nulls = values.nulls().filter(|n| n.null_count() > 0);
        let holds = |i: usize| {
            nulls.is_none_or(|n| n.is_valid(i)) && keep.as_ref().is_none_or(|k| k.value(i))
        };
        let all = nulls.is_none() && keep.is_none();
        macro_rules! rows {
            ($t:ty) => {
                for (i, x) in values.as_primitive::<$t>().values().iter().enumerate() {
                    if all || holds(i) {
                        f(i, i64::try_from(*x).ok(), i128::from(*x));
                    }
                }
            };
        }
        if *values.data_type() == DataType::UInt64 { rows!(UInt64Type) } else { rows!(Int64Type) }
    }

    /// Adds rows in the simple case that no row is filtered out and every total fits. Returns the
    /// number of rows added.
    fn add_all(
        &mut self,
        values: &ArrayRef,
        groups: &[usize],
        filter: Option<&BooleanArray>,
    ) -> usize {
        let simple = self.statistic != Statistic::Product
            && self.wide.is_empty()
            && filter.is_none()
            && values.null_count() == 0;
        let Some(values) = values.as_primitive_opt::<Int64Type>().filter(|_| simple) else {
            return 0;
        };
        let totals = self.totals.as_mut_slice();
        let fitted = groups.iter().zip(values.values()).take_while(|(group, x)| {
            let total = &mut totals[**group];
            let (sum, overflows) =
                if *total == UNTOUCHED { (**x, false) } else { total.overflowing_add(**x) };
            let fits = !overflows && sum != UNTOUCHED;
            if fits {
                *total = sum;
            }
            fits
        });
        fitted.count()
    }

    /// Adds each row to its group.
    fn take_in(
        &mut self,
        values: &ArrayRef,
        filter: Option<&BooleanArray>,
        group: impl Fn(usize) -> usize,
    ) {
        if self.statistic == Statistic::Product {
            Self::each(values, filter, |i, _, x| self.join(group(i), x));
        } else {
            Self::each(values, filter, |i, x, exact| self.add(group(i), x, exact));
        }
    }

    fn is_unsigned_sum(&self) -> bool {
        self.of == DataType::UInt64 && self.statistic == Statistic::Sum
    }

    /// Returns the totals of the first groups as a column; a mean divides them by the row counts.
    fn column(&self, totals: &[Option<i128>], counts: &[u64]) -> Result<ArrayRef> {
        let of = self.statistic;
        Ok(if self.is_counted() {
            let means = totals
                .iter()
                .zip(counts)
                .map(|(sum, n)| sum.filter(|_| *n > 0).map(|sum| mean_of_integers(sum, *n)));
            Arc::new(means.collect::<Float64Array>())
        } else if self.is_unsigned_sum() {
            Arc::new(
                totals
                    .iter()
                    .map(|t| t.map(|t| fitted(of, t)).transpose())
                    .collect::<Result<UInt64Array>>()?,
            )
        } else {
            Arc::new(
                totals
                    .iter()
                    .map(|t| t.map(|t| fitted(of, t)).transpose())
                    .collect::<Result<Int64Array>>()?,
            )
        })
    }

    /// Removes the first groups; the others move down.
    fn take(&mut self, emit_to: EmitTo) -> (Vec<Option<i128>>, Vec<u64>) {
        let groups = match emit_to {
            EmitTo::All => self.totals.len(),
            EmitTo::First(n) => n,
        };
        let totals = (0..groups).map(|g| self.total(g)).collect();
        drop(emit_to.take_needed(&mut self.totals));
        let later = std::mem::take(&mut self.wide).into_iter().filter(|(g, _)| *g >= groups);
        self.wide = later.map(|(g, total)| (g - groups, total)).collect();
        let counts =
            if self.is_counted() { emit_to.take_needed(&mut self.counts) } else { Vec::new() };
        (totals, counts)
    }
}

/// Converts a sum or a product to a 64-bit integer.
fn fitted<T: TryFrom<i128>>(statistic: Statistic, result: i128) -> Result<T> {
    T::try_from(result).map_err(|_| {
        let method = if statistic == Statistic::Product { "prod" } else { "sum" };
        let result =
            if result == TOO_GREAT { "the product".to_owned() } else { result.to_string() };
        let help = "cast the column to floats with astype(DType::Float64)";
        DataFusionError::Execution(format!(
            "{method}: {result} does not fit into 64 bits; help: {help}"
        ))
    })
}

impl Groups for IntegerGroups {
    fn state_types(&self) -> Vec<DataType> {
        let count = self.is_counted().then_some(DataType::UInt64);
        [STATE].into_iter().chain(count).collect()
    }

    fn update_first(&mut self, values: &[ArrayRef]) -> Result<u64> {
        self.resize(1);
        let Some(values) = values.first() else { return Ok(0) };
        let n = (values.len() - values.null_count()) as u64;
        if self.statistic == Statistic::Product {
            self.take_in(values, None, |_| 0);
        } else if n > 0 {
            let mut sum = 0;
            Self::each(values, None, |_, _, x| sum += x);
            self.join(0, sum);
        }
        self.counts.iter_mut().for_each(|count| *count += n);
        Ok(n)
    }

    fn can_retract(&self) -> bool {
        self.statistic != Statistic::Product
    }

    fn retract_first(&mut self, values: &[ArrayRef]) -> Result<u64> {
        Self::each(&values[0], None, |_, _, x| self.join(0, -x));
        let n = (values[0].len() - values[0].null_count()) as u64;
        self.counts.iter_mut().for_each(|count| *count -= n);
        Ok(n)
    }

    fn first(&self) -> Result<ScalarValue> {
        let total = if self.totals.is_empty() { None } else { self.total(0) };
        ScalarValue::try_from_array(
            &self.column(&[total], self.counts.get(..1).unwrap_or(&[0]))?,
            0,
        )
    }
}

impl GroupsAccumulator for IntegerGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.resize(total);
        let fast = self.add_all(&values[0], groups, filter);
        self.take_in(
            &values[0].slice(fast, groups.len() - fast),
            filter.map(|f| f.slice(fast, f.len() - fast)).as_ref(),
            |i| groups[fast + i],
        );
        if self.is_counted() {
            let counts = &mut self.counts;
            if filter.is_none() && values[0].null_count() == 0 {
                groups.iter().for_each(|g| counts[*g] += 1);
            } else {
                Self::each(&values[0], filter, |i, _, _| counts[groups[i]] += 1);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (totals, counts) = self.take(emit_to);
        self.column(&totals, &counts)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (totals, counts) = self.take(emit_to);
        let totals = Decimal128Array::from_iter(totals).with_data_type(STATE);
        let mut columns: Vec<ArrayRef> = vec![Arc::new(totals)];
        if self.is_counted() {
            columns.push(Arc::new(UInt64Array::from(counts)));
        }
        Ok(columns)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.resize(total);
        let totals = states[0].as_primitive::<Decimal128Type>();
        for (group, total) in groups.iter().zip(totals) {
            match total {
                Some(total) if self.statistic == Statistic::Product => self.join(*group, total),
                Some(total) => self.add(*group, i64::try_from(total).ok(), total),
                None => {}
            }
        }
        if let Some(counts) = states.get(1) {
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
        let mut each = Self::new(self.statistic, self.of.clone());
        each.update_batch(values, &(0..rows).collect::<Vec<_>>(), filter, rows)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        let wide = self.wide.capacity() * size_of::<(usize, i128)>();
        self.totals.capacity() * size_of::<i64>() + wide + self.counts.capacity() * size_of::<u64>()
    }
}
