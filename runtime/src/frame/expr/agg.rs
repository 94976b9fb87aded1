//! Aggregations of a group or of a whole column (sums, means, quantiles and so on), with pandas'
//! names. Nulls are skipped.

use crate::csv::kind::Kind;
use crate::error::{Error, Result};
use crate::frame::expr::number::either;
use crate::frame::expr::sums::groups::Statistic;
use crate::frame::expr::udf::{quantiles_of, scalar_fn};
use crate::frame::expr::{Expr, ident};
use crate::frame::types::names::{INDEX, ROW};
use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions::expr_fn as f;
use datafusion::functions_aggregate::expr_fn;
use datafusion::logical_expr as df;
use datafusion::logical_expr::{ExprFunctionExt, cast};

/// An aggregation: reduces the values of a column, or of each group, to one. Nulls are skipped;
/// without non-null values the result is null, except for sums (0), products (1), counts (0), `Any`
/// (false) and `All` (true).
///
/// Results are identical to the last bit for any number of partitions and workers and any amount of
/// memory. Sums and means are exact and rounded once. `Std`, `Var`, `Sem`, `Skew` and `Kurt` are
/// computed from exact sums of powers by one formula, within 4 units in the last place, as long as
/// the powers can be represented as floats: for magnitudes between 1e-140 and 1e145 (`Skew`: 1e-90
/// and 1e90, `Kurt`: 1e-65 and 1e65). Beyond, a variance is infinite and a skewness or kurtosis
/// NaN; below, a variance is 0. Products keep 150 bits until they are rounded.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Agg {
    /// The sum; a sum of integers that does not fit into 64 bits is an error.
    Sum,
    /// The sum if at least this many values are not null, else null.
    SumMinCount(usize),
    /// The product.
    Prod,
    /// The mean.
    Mean,
    /// The number of non-null values.
    Count,
    /// The number of rows, nulls included.
    Size,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The sample standard deviation, with n - 1; null for fewer than two values.
    Std,
    /// The sample variance, with n - 1; null for fewer than two values.
    Var,
    /// The standard error of the mean.
    Sem,
    /// The median, exactly; for an even number of values the mean of the two in the middle.
    Median,
    /// The quantile `q`, from 0 to 1, exactly, with linear interpolation.
    Quantile(f64),
    /// The number of distinct values.
    Nunique,
    /// The first value, in row order.
    First,
    /// The last value, in row order.
    Last,
    /// The unbiased skewness, as in pandas; null for fewer than three values.
    Skew,
    /// The unbiased excess kurtosis, as in pandas; null for fewer than four values.
    Kurt,
    /// Whether any value is true, or not 0.
    Any,
    /// Whether all values are true, or not 0.
    All,
    /// The index, from 0, of the row with the smallest value; the first of several.
    Idxmin,
    /// The index, from 0, of the row with the largest value; the first of several.
    Idxmax,
}

/// The aggregations by their pandas names; the single source of these names.
const NAMES: [(&str, Agg); 20] = [
    ("sum", Agg::Sum),
    ("prod", Agg::Prod),
    ("mean", Agg::Mean),
    ("count", Agg::Count),
    ("size", Agg::Size),
    ("min", Agg::Min),
    ("max", Agg::Max),
    ("std", Agg::Std),
    ("var", Agg::Var),
    ("sem", Agg::Sem),
    ("median", Agg::Median),
    ("nunique", Agg::Nunique),
    ("first", Agg::First),
    ("last", Agg::Last),
    ("skew", Agg::Skew),
    ("kurt", Agg::Kurt),
    ("any", Agg::Any),
    ("all", Agg::All),
    ("idxmin", Agg::Idxmin),
    ("idxmax", Agg::Idxmax),
];

/// The aggregations that frames, columns, groups and resamplers have as methods; `$define` creates
/// a method for each.
macro_rules! aggregates {
    ($define:ident $($of:tt)*) => {
        $define! {
            [$($of)*]
            /// Computes the sum of the non-null values; 0 where there are none. A sum of integers
            /// that does not fit into 64 bits is an error.
            sum Sum;
            /// Computes the product of the non-null values; 1 where there are none.
            prod Prod;
            /// Computes the mean of the non-null values; null where there are none.
            mean Mean;
            /// Counts the non-null values.
            count Count;
            /// Computes the minimum.
            min Min;
            /// Computes the maximum.
            max Max;
            /// Computes the sample standard deviation, with n - 1; null for fewer than two values.
            std Std;
            /// Computes the sample variance, with n - 1; null for fewer than two values.
            var Var;
            /// Computes the standard error of the mean.
            sem Sem;
            /// Computes the median, exactly.
            median Median;
            /// Counts the distinct non-null values.
            nunique Nunique;
            /// Returns the first non-null value, in row order.
            first First;
            /// Returns the last non-null value, in row order.
            last Last;
            /// Computes the unbiased skewness, as in pandas.
            skew Skew;
            /// Computes the unbiased excess kurtosis, as in pandas.
            kurt Kurt;
            /// Returns whether any value is true, or not 0.
            any Any;
            /// Returns whether all values are true, or not 0.
            all All;
            /// Returns the index in the frame, from 0, of the row with the smallest value.
            idxmin Idxmin;
            /// Returns the index in the frame, from 0, of the row with the largest value.
            idxmax Idxmax;
        }
    };
}
pub(in crate::frame) use aggregates;

/// Defines the [`aggregates`] of the given columns for a type with a method `each`; `$of` names
/// what a result belongs to.
macro_rules! of_named_columns {
    ([$target:ident $of:literal] $($(#[$doc:meta])* $name:ident $agg:ident;)*) => {
        impl $target {$(
            $(#[$doc])*
            #[doc = concat!("One result for each given column and each ", $of, ".")]
            #[track_caller]
            pub fn $name(&self, columns: impl IntoNames) -> DataFrame {
                self.each(Agg::$agg, columns.into_names())
            }
        )*}
    };
}
pub(in crate::frame) use of_named_columns;

/// An [`Agg`], or its name in pandas: `"sum"`, `"mean"`.
pub trait IntoAgg {
    /// Returns the aggregation, or an error that lists the known names.
    fn into_agg(self) -> Result<Agg>;
}

impl IntoAgg for Agg {
    fn into_agg(self) -> Result<Agg> {
        Ok(self)
    }
}

impl IntoAgg for &str {
    fn into_agg(self) -> Result<Agg> {
        let known = NAMES.iter().find(|(n, _)| *n == self).map(|(_, a)| *a);
        known.ok_or_else(|| {
            let message = format!(
                "unknown aggregation {self:?}: expected {}, or Agg::Quantile(q)",
                NAMES.map(|(n, _)| format!("{n:?}")).join(", ")
            );
            Error::bad_argument("agg", message)
        })
    }
}

/// A result of an aggregation: its name, the column and the aggregation; or only the column and the
/// aggregation, where the result keeps the column's name.
pub trait IntoSpec {
    /// Returns the name, the column and the aggregation.
    fn into_spec(self) -> Result<(String, String, Agg)>;
}

impl<N: AsRef<str>, C: AsRef<str>, A: IntoAgg> IntoSpec for (N, C, A) {
    fn into_spec(self) -> Result<(String, String, Agg)> {
        spec(self.0.as_ref(), self.1.as_ref(), self.2.into_agg())
    }
}

impl<C: AsRef<str>, A: IntoAgg> IntoSpec for (C, A) {
    fn into_spec(self) -> Result<(String, String, Agg)> {
        spec(self.0.as_ref(), self.0.as_ref(), self.1.into_agg())
    }
}

#[inline(never)]
fn spec(name: &str, column: &str, agg: Result<Agg>) -> Result<Spec> {
    Ok((name.to_owned(), column.to_owned(), agg?))
}

/// One result: its name, the column and the aggregation.
pub(in crate::frame) type Spec = (String, String, Agg);

/// Collects the results that a user lists, or returns the first error among them.
pub(in crate::frame) fn specs<S: IntoSpec>(
    results: impl IntoIterator<Item = S>,
) -> Result<Vec<Spec>> {
    let mut specs = Vec::new();
    for result in results {
        specs.push(result.into_spec());
    }
    all(specs)
}

#[inline(never)]
fn all(specs: Vec<Result<Spec>>) -> Result<Vec<Spec>> {
    specs.into_iter().collect()
}

/// DataFusion's aggregates from which a result is computed, and how it is computed from them.
type Parts = (Vec<df::Expr>, Box<dyn Fn(&[df::Expr]) -> df::Expr>);

fn plain(part: df::Expr) -> Parts {
    (vec![part], Box::new(|p| p[0].clone()))
}

impl Agg {
    pub(in crate::frame) fn name(self) -> String {
        let known = NAMES.iter().find(|(_, a)| *a == self).map(|(n, _)| (*n).to_owned());
        known.unwrap_or_else(|| match self {
            Self::Quantile(q) => format!("quantile({q})"),
            Self::SumMinCount(_) => "sum_min_count".to_owned(),
            _ => String::new(),
        })
    }

    fn is_numeric(self) -> bool {
        !matches!(
            self,
            Self::Count
                | Self::Size
                | Self::Min
                | Self::Max
                | Self::Nunique
                | Self::First
                | Self::Last
                | Self::Idxmin
                | Self::Idxmax
        )
    }

    /// Returns whether the result depends on the order of rows.
    pub(in crate::frame) fn is_ordered(self) -> bool {
        matches!(self, Self::First | Self::Last)
    }

    pub(in crate::frame) fn asks_for_numbers(self) -> bool {
        matches!(self, Self::Idxmin | Self::Idxmax)
    }

    /// Returns whether columns of this type have the aggregation.
    pub(in crate::frame) fn fits(self, t: &DataType) -> bool {
        let instants = matches!(self, Self::Mean | Self::Median)
            && matches!(t, DataType::Timestamp(..) | DataType::Date32);
        !self.is_numeric()
            || t.is_numeric()
            || matches!(t, DataType::Boolean | DataType::Null)
            || instants
    }

    pub(in crate::frame) fn parts(self, x: df::Expr, t: &DataType) -> Parts {
        // Files may contain NaN, which counts as null.
        let x = if t.is_floating() { crate::frame::expr::number::number(x) } else { x };
        let bool = *t == DataType::Boolean;
        let number = || if bool { cast(x.clone(), DataType::Int64) } else { x.clone() };
        let float = || cast(number(), DataType::Float64);
        let is_decimal = t.is_numeric() && !t.is_integer() && !t.is_floating();
        let natural = || if is_decimal { float() } else { number() };
        if matches!(t, DataType::Timestamp(..) | DataType::Date32)
            && matches!(self, Self::Mean | Self::Median)
        {
            let t = if *t == DataType::Date32 { Kind::Time.arrow() } else { t.clone() };
            let counts = cast(cast(x, t.clone()), DataType::Int64);
            let (parts, finish) = self.parts(counts, &DataType::Int64);
            return (
                parts,
                Box::new(move |p| {
                    cast(cast(f::round(vec![finish(p)]), DataType::Int64), t.clone())
                }),
            );
        }
        match self {
            Self::Sum => {
                (vec![Statistic::Sum.of(vec![number()])], Box::new(|p| or_number(p[0].clone(), 0)))
            }
            Self::SumMinCount(least) => {
                let parts = vec![Statistic::Sum.of(vec![number()]), expr_fn::count(x)];
                let enough = move |p: &[df::Expr]| p[1].clone().gt_eq(df::lit(least as i64));
                let finish = move |p: &[df::Expr]| {
                    either(enough(p), or_number(p[0].clone(), 0), df::lit(ScalarValue::Null))
                };
                (parts, Box::new(finish))
            }
            Self::Prod => (
                vec![Statistic::Product.of(vec![natural()])],
                Box::new(|p| or_number(p[0].clone(), 1)),
            ),
            Self::Mean => plain(Statistic::Mean.of(vec![natural()])),
            Self::Count => plain(expr_fn::count(x)),
            Self::Size => plain(expr_fn::count(df::lit(1))),
            Self::Min => plain(expr_fn::min(x)),
            Self::Max => plain(expr_fn::max(x)),
            Self::Std => plain(Statistic::Deviation(1).of(vec![float()])),
            Self::Var => plain(Statistic::Variance(1).of(vec![float()])),
            Self::Sem => plain(Statistic::ErrorOfMean.of(vec![float()])),
            Self::Median => plain(expr_fn::median(float())),
            Self::Quantile(q) => (
                vec![quantiles_of(float(), &[q])],
                Box::new(|p| Expr::new(p[0].clone()).list().get(0).get().clone()),
            ),
            Self::Nunique => plain(expr_fn::count_distinct(x)),
            Self::First => plain(first(x.clone(), vec![ident(ROW).sort(true, false)], &x)),
            Self::Last => plain(first(x.clone(), vec![ident(ROW).sort(false, false)], &x)),
            Self::Skew => plain(Statistic::Skewness.of(vec![float()])),
            Self::Kurt => plain(Statistic::Kurtosis.of(vec![float()])),
            Self::Any | Self::All => {
                let holds = if bool { x } else { x.not_eq(df::lit(0)) };
                let (part, none) = if self == Self::Any {
                    (expr_fn::bool_or(holds), false)
                } else {
                    (expr_fn::bool_and(holds), true)
                };
                (vec![part], Box::new(move |p| f::coalesce(vec![p[0].clone(), df::lit(none)])))
            }
            Self::Idxmin | Self::Idxmax => {
                let order = vec![
                    x.clone().sort(self == Self::Idxmin, false),
                    ident(INDEX).sort(true, false),
                ];
                plain(first(ident(INDEX), order, &x))
            }
        }
    }
}

/// Returns the first value in an order, among the rows where `x` is not null.
fn first(value: df::Expr, order: Vec<df::SortExpr>, x: &df::Expr) -> df::Expr {
    let made = expr_fn::first_value(value, order.clone());
    // `made` is an aggregate, so this cannot fail.
    made.clone().order_by(order).filter(x.clone().is_not_null()).build().unwrap_or(made)
}

/// Replaces a null result by a number. A column of nulls alone may turn out to be a column of
/// integers.
fn or_number(result: df::Expr, number: i64) -> df::Expr {
    scalar_fn(
        "or_number",
        number.to_string(),
        vec![result],
        |t| Ok(if t[0].is_null() { DataType::Int64 } else { t[0].clone() }),
        move |a| filled(&a[0], number),
    )
}

/// Replaces nulls by a number, cast to the type of the values.
pub(in crate::frame) fn filled(
    values: &ArrayRef,
    number: i64,
) -> datafusion::error::Result<ArrayRef> {
    let number =
        arrow::compute::cast(&Int64Array::new_scalar(number).into_inner(), values.data_type())?;
    let there = arrow::compute::is_not_null(values)?;
    Ok(arrow::compute::kernels::zip::zip(&there, values, &arrow::array::Scalar::new(number))?)
}

/// Adds an aggregate to those that are computed, each once, and returns the column of its result.
pub(in crate::frame) fn part(all: &mut Vec<df::Expr>, made: df::Expr) -> df::Expr {
    let place =
        all.iter().position(|a| if let df::Expr::Alias(a) = a { *a.expr == made } else { false });
    let place = place.unwrap_or_else(|| {
        all.push(made.alias(format!("__rask_a{}__", all.len())));
        all.len() - 1
    });
    ident(&format!("__rask_a{place}__"))
}
