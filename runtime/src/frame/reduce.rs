//! What becomes of the values of a group, or of a whole column: sums, means, quantiles and so on, under pandas' names.
//! Missing values are left out.

use super::order::{ROW, indexed, numbered, unsorted};
use super::udf::{Fold, fold, quantiles_of, rowwise, wrong_value};
use super::{DType, Expr, Plan, bare, bound, col};
use crate::csv::kind::Kind;
use crate::error::{Error, ErrorKind, Result};
use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::functions::expr_fn as f;
use datafusion::functions_aggregate::expr_fn;
use datafusion::logical_expr::{self as df, ExprFunctionExt, LogicalPlanBuilder, cast};

/// How values are brought down to one. Missing values are left out; where none is there, the result is missing, but for sums
/// (0), products (1), counts (0), `Any` (false) and `All` (true).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Agg {
    /// The sum; of whole numbers, an error where it does not fit into 64 bits.
    Sum,
    /// The product.
    Prod,
    /// The mean.
    Mean,
    /// How many values are there.
    Count,
    /// How many rows there are, missing values included.
    Size,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The standard deviation of a sample, with n - 1; missing for fewer than two values.
    Std,
    /// The variance of a sample, with n - 1; missing for fewer than two values.
    Var,
    /// The standard error of the mean.
    Sem,
    /// The middle value, exactly; between the two middle ones for an even number.
    Median,
    /// The value below which this share lies, from 0 to 1, exactly, with linear interpolation.
    Quantile(f64),
    /// How many different values there are.
    Nunique,
    /// The first value in the order of rows.
    First,
    /// The last value in the order of rows.
    Last,
    /// The skewness without bias, as in pandas; missing for fewer than three values.
    Skew,
    /// The excess kurtosis without bias, as in pandas; missing for fewer than four values.
    Kurt,
    /// Whether one value is true, or not 0.
    Any,
    /// Whether all values are true, or not 0.
    All,
    /// The number of the row, from 0, that has the least value; the first of several.
    Idxmin,
    /// The number of the row, from 0, that has the greatest value; the first of several.
    Idxmax,
}

/// Names as in pandas. THE table.
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

/// The aggregations that frames, columns, groups and steps of time have as methods. THE table: `$define` makes a method of each.
macro_rules! aggregates {
    ($define:ident $($of:tt)*) => {
        $define! {
            [$($of)*]
            /// The sum of the values that are there; 0 where there are none. Whole numbers whose sum does not fit into 64 bits are
            /// an error.
            sum Sum;
            /// The product of the values that are there; 1 where there are none.
            prod Prod;
            /// The mean of the values that are there; missing where there are none.
            mean Mean;
            /// The number of values that are there.
            count Count;
            /// The least value.
            min Min;
            /// The greatest value.
            max Max;
            /// The standard deviation of a sample, with n - 1; missing for fewer than two values.
            std Std;
            /// The variance of a sample, with n - 1; missing for fewer than two values.
            var Var;
            /// The standard error of the mean.
            sem Sem;
            /// The middle value, exactly.
            median Median;
            /// The number of different values that are there.
            nunique Nunique;
            /// The first value that is there, in the order of rows.
            first First;
            /// The last value that is there, in the order of rows.
            last Last;
            /// The skewness without bias, as in pandas.
            skew Skew;
            /// The excess kurtosis without bias, as in pandas.
            kurt Kurt;
            /// Whether one value is true, or not 0.
            any Any;
            /// Whether all values are true, or not 0.
            all All;
            /// The place in the frame, from 0, of the row with the least value.
            idxmin Idxmin;
            /// The place in the frame, from 0, of the row with the greatest value.
            idxmax Idxmax;
        }
    };
}
pub(super) use aggregates;

/// Methods of a type whose `each` gives what becomes of named columns, for what `$of` says: for [`aggregates`].
macro_rules! of_named_columns {
    ([$target:ident $of:literal] $($(#[$doc:meta])* $name:ident $agg:ident;)*) => {
        impl $target {$(
            $(#[$doc])*
            #[doc = concat!("Of each named column, for each ", $of, ".")]
            #[track_caller]
            pub fn $name(&self, columns: impl IntoNames) -> DataFrame {
                self.each(Agg::$agg, columns.into_names())
            }
        )*}
    };
}
pub(super) use of_named_columns;

/// An [`Agg`], or its name in pandas: `"sum"`, `"mean"`.
pub trait IntoAgg {
    /// What is meant, or an error with the names that there are.
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
            let message =
                format!("{self:?} is not known; there are {}, and Agg::Quantile(q)", NAMES.map(|(n, _)| format!("{n:?}")).join(", "));
            Error::bad_argument("agg", message)
        })
    }
}

/// A result of a group: its name, the column and what becomes of it; or the column, whose name it has, and what becomes of it.
pub trait IntoSpec {
    /// Name, column and aggregation.
    fn into_spec(self) -> Result<(String, String, Agg)>;
}

impl<N: AsRef<str>, C: AsRef<str>, A: IntoAgg> IntoSpec for (N, C, A) {
    fn into_spec(self) -> Result<(String, String, Agg)> {
        self.2.into_agg().map(|agg| (self.0.as_ref().to_owned(), self.1.as_ref().to_owned(), agg))
    }
}

impl<C: AsRef<str>, A: IntoAgg> IntoSpec for (C, A) {
    fn into_spec(self) -> Result<(String, String, Agg)> {
        self.1.into_agg().map(|agg| (self.0.as_ref().to_owned(), self.0.as_ref().to_owned(), agg))
    }
}

/// One result: its name, the column, and what becomes of it.
pub(super) type Spec = (String, String, Agg);

/// The results that a user lists, or the first error among them.
pub(super) fn specs<S: IntoSpec>(results: impl IntoIterator<Item = S>) -> Result<Vec<Spec>> {
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

/// The aggregates of the engine that a result is made of, and how it is made of them.
type Parts = (Vec<df::Expr>, Box<dyn Fn(&[df::Expr]) -> df::Expr>);

fn plain(part: df::Expr) -> Parts {
    (vec![part], Box::new(|p| p[0].clone()))
}

impl Agg {
    pub(super) fn name(self) -> String {
        let known = NAMES.iter().find(|(_, a)| *a == self).map(|(n, _)| (*n).to_owned());
        known.unwrap_or_else(|| if let Self::Quantile(q) = self { format!("quantile({q})") } else { String::new() })
    }

    fn is_numeric(self) -> bool {
        !matches!(
            self,
            Self::Count | Self::Size | Self::Min | Self::Max | Self::Nunique | Self::First | Self::Last | Self::Idxmin | Self::Idxmax
        )
    }

    /// Whether it asks for the order of rows.
    fn is_ordered(self) -> bool {
        matches!(self, Self::First | Self::Last)
    }

    fn asks_for_numbers(self) -> bool {
        matches!(self, Self::Idxmin | Self::Idxmax)
    }

    /// Whether a column of this type has it.
    pub(super) fn fits(self, t: &DataType) -> bool {
        let instants = matches!(self, Self::Mean | Self::Median) && matches!(t, DataType::Timestamp(..) | DataType::Date32);
        !self.is_numeric() || t.is_numeric() || matches!(t, DataType::Boolean | DataType::Null) || instants
    }

    fn parts(self, x: df::Expr, t: &DataType) -> Parts {
        // Files may hold what is not a number, which is missing.
        let x = if t.is_floating() { super::elementwise::number(x) } else { x };
        let bool = *t == DataType::Boolean;
        let float = || cast(if bool { cast(x.clone(), DataType::Int64) } else { x.clone() }, DataType::Float64);
        if matches!(t, DataType::Timestamp(..) | DataType::Date32) && matches!(self, Self::Mean | Self::Median) {
            let t = if *t == DataType::Date32 { Kind::Time.arrow() } else { t.clone() };
            let micros = cast(cast(x, Kind::Time.arrow()), DataType::Int64);
            let (parts, finish) = self.parts(micros, &DataType::Int64);
            return (parts, Box::new(move |p| cast(cast(cast(f::round(vec![finish(p)]), DataType::Int64), Kind::Time.arrow()), t.clone())));
        }
        match self {
            // Types may get wider until the column is computed, so those of the results go by those of the values.
            Self::Sum if t.is_floating() => (vec![expr_fn::sum(x)], Box::new(|p| fitting_sum(p[0].clone(), p[0].clone()))),
            Self::Sum => {
                let values = if bool { cast(x.clone(), DataType::Int64) } else { x.clone() };
                (vec![expr_fn::sum(values), expr_fn::sum(float())], Box::new(|p| fitting_sum(p[0].clone(), p[1].clone())))
            }
            Self::Prod => (vec![fold(PRODUCT, float()), expr_fn::max(x)], Box::new(|p| like(p[0].clone(), p[1].clone()))),
            Self::Mean => plain(expr_fn::avg(float())),
            Self::Count => plain(expr_fn::count(x)),
            Self::Size => plain(expr_fn::count(df::lit(1))),
            Self::Min => plain(expr_fn::min(x)),
            Self::Max => plain(expr_fn::max(x)),
            Self::Std => plain(expr_fn::stddev(float())),
            Self::Var => plain(expr_fn::var_sample(float())),
            Self::Sem => {
                let parts = vec![expr_fn::stddev(float()), expr_fn::count(x.clone())];
                (parts, Box::new(|p| p[0].clone() / f::sqrt(cast(p[1].clone(), DataType::Float64))))
            }
            Self::Median => plain(expr_fn::median(float())),
            Self::Quantile(q) => (vec![quantiles_of(float(), &[q])], Box::new(|p| Expr::new(p[0].clone()).list().get(0).get().clone())),
            // Both zeros are one value.
            Self::Nunique if t.is_floating() => plain(expr_fn::count_distinct(one_zero(x))),
            Self::Nunique => plain(expr_fn::count_distinct(x)),
            Self::First => plain(first(x.clone(), vec![bare(ROW).sort(true, false)], &x)),
            Self::Last => plain(first(x.clone(), vec![bare(ROW).sort(false, false)], &x)),
            Self::Skew => plain(fold(SKEW, float())),
            Self::Kurt => plain(fold(KURT, float())),
            Self::Any | Self::All => {
                let holds = if bool { x } else { x.not_eq(df::lit(0)) };
                let (part, none) = if self == Self::Any { (expr_fn::bool_or(holds), false) } else { (expr_fn::bool_and(holds), true) };
                (vec![part], Box::new(move |p| f::coalesce(vec![p[0].clone(), df::lit(none)])))
            }
            Self::Idxmin | Self::Idxmax => {
                let order = vec![x.clone().sort(self == Self::Idxmin, false), bare(INDEX).sort(true, false)];
                plain(first(bare(INDEX), order, &x))
            }
        }
    }
}

/// The column of row numbers from 0.
pub(super) const INDEX: &str = "__index__";

/// The first of some values in an order, for rows where `x` is there.
fn first(value: df::Expr, order: Vec<df::SortExpr>, x: &df::Expr) -> df::Expr {
    let made = expr_fn::first_value(value, order.clone());
    // What was made one line ago is an aggregate.
    made.clone().order_by(order).filter(x.clone().is_not_null()).build().unwrap_or(made)
}

/// A sum, 0 where there are no values; of whole numbers, which wrap around, beside the sum of the same as decimals.
fn fitting_sum(sum: df::Expr, about: df::Expr) -> df::Expr {
    rowwise(
        "sum",
        String::new(),
        vec![sum, about],
        |t| Ok(if t[0].is_null() { DataType::Int64 } else { t[0].clone() }),
        |a| {
            // A column of nothing but missing values may turn out to be of whole numbers.
            let about = arrow::compute::cast(&a[1], &DataType::Float64)?;
            let about = about.as_primitive::<Float64Type>();
            let too_great = about.iter().flatten().find(|x| x.abs() >= 9.223_372_036_854_775e18);
            if let (Some(x), true) = (too_great, a[0].data_type().is_integer()) {
                return wrong_value(format!("sum: {x:e} does not fit into 64 bits; astype(DType::Float64) adds up decimals"));
            }
            filled(&a[0], 0)
        },
    )
}

/// The values, with a number of their own type for those that are missing.
pub(super) fn filled(values: &ArrayRef, number: i64) -> datafusion::error::Result<ArrayRef> {
    let number = arrow::compute::cast(&Int64Array::new_scalar(number).into_inner(), values.data_type())?;
    let there = arrow::compute::is_not_null(values)?;
    Ok(arrow::compute::kernels::zip::zip(&there, values, &arrow::array::Scalar::new(number))?)
}

/// Decimals with one zero; other values as they are.
fn one_zero(x: df::Expr) -> df::Expr {
    rowwise(
        "one_zero",
        String::new(),
        vec![x],
        |t| Ok(t[0].clone()),
        |a| match a[0].data_type() {
            DataType::Float64 => Ok(std::sync::Arc::new(a[0].as_primitive::<Float64Type>().unary::<_, Float64Type>(|x| x + 0.0))),
            _ => Ok(a[0].clone()),
        },
    )
}

/// A number that was made of decimals, as a whole one where the values were.
fn like(made: df::Expr, value: df::Expr) -> df::Expr {
    let is_whole = |t: &DataType| t.is_integer() || *t == DataType::Boolean;
    let returns = move |t: &[DataType]| Ok(if is_whole(&t[1]) { DataType::Int64 } else { DataType::Float64 });
    rowwise("like", String::new(), vec![made, value], returns, move |a| {
        let values = a[0].as_primitive::<Float64Type>();
        // Above this, decimals leave out whole numbers.
        let exact = 9_007_199_254_740_992.0;
        match values.iter().flatten().find(|x| x.abs() > exact) {
            _ if !is_whole(a[1].data_type()) => Ok(a[0].clone()),
            Some(x) => wrong_value(format!("prod: {x:e} is not known to the last digit; astype(DType::Float64) multiplies decimals")),
            None => Ok(arrow::compute::cast(&a[0], &DataType::Int64)?),
        }
    })
}

const PRODUCT: Fold = Fold {
    name: "prod",
    start: &[1.0],
    add: |kept, x| kept[0] *= x,
    join: |kept, other| kept[0] *= other[0],
    finish: |kept| Some(kept[0]),
};

/// Count, mean and the sums of the second, third and fourth powers of the distances from it; added and joined by the formulas of
/// P. Pébay, "Formulas for Robust, One-Pass Parallel Computation of Covariances and Arbitrary-Order Statistical Moments" (2008).
const SKEW: Fold =
    Fold { name: "skew", start: &[0.0; 5], add: |kept, x| add_moments(kept, &[1.0, x, 0.0, 0.0, 0.0]), join: add_moments, finish: skew };
const KURT: Fold = Fold { name: "kurt", finish: kurt, ..SKEW };

fn add_moments(a: &mut [f64], b: &[f64]) {
    let (na, nb) = (a[0], b[0]);
    let n = na + nb;
    if nb == 0.0 {
        return;
    }
    let d = b[1] - a[1];
    let m2 = a[2] + b[2] + d * d * na * nb / n;
    let m3 = a[3] + b[3] + d.powi(3) * na * nb * (na - nb) / (n * n) + 3.0 * d * (na * b[2] - nb * a[2]) / n;
    let m4 = a[4]
        + b[4]
        + d.powi(4) * na * nb * (na * na - na * nb + nb * nb) / n.powi(3)
        + 6.0 * d * d * (na * na * b[2] + nb * nb * a[2]) / (n * n)
        + 4.0 * d * (na * b[3] - nb * a[3]) / n;
    a.copy_from_slice(&[n, a[1] + d * nb / n, m2, m3, m4]);
}

fn skew(kept: &[f64]) -> Option<f64> {
    let (n, m2, m3) = (kept[0], kept[2], kept[3]);
    (n >= 3.0 && m2 > 0.0).then(|| n * (n - 1.0).sqrt() / (n - 2.0) * m3 / m2.powf(1.5))
}

fn kurt(kept: &[f64]) -> Option<f64> {
    let (n, m2, m4) = (kept[0], kept[2], kept[4]);
    let of = || {
        let first = n * (n + 1.0) * (n - 1.0) * m4 / ((n - 2.0) * (n - 3.0) * m2 * m2);
        first - 3.0 * (n - 1.0) * (n - 1.0) / ((n - 2.0) * (n - 3.0))
    };
    (n >= 4.0 && m2 > 0.0).then(of)
}

/// The moments of several values, for a window that moves.
pub(super) fn moments(values: &[f64]) -> [f64; 5] {
    let mut kept = [0.0; 5];
    values.iter().for_each(|x| (SKEW.add)(&mut kept, *x));
    kept
}

/// Skewness and excess kurtosis of what [`moments`] gives.
pub(super) const SHAPES: [Shape; 2] = [skew, kurt];
type Shape = fn(&[f64]) -> Option<f64>;

/// One row for each group of `keys`, or one row where there are none.
pub(super) fn aggregated(method: &str, plan: &Plan, keys: &[df::Expr], specs: &[Spec]) -> Result<LogicalPlanBuilder> {
    aggregated_where(method, plan, None, keys, specs)
}

/// As [`aggregated`], of the rows for which a condition holds. Their places are those in the whole frame.
pub(super) fn aggregated_where(
    method: &str,
    plan: &Plan,
    holds: Option<df::Expr>,
    keys: &[df::Expr],
    specs: &[Spec],
) -> Result<LogicalPlanBuilder> {
    let failed = |e| Error::engine(method, &e);
    // What needs no order need not pay for one.
    let is_free = |s: &Spec| !s.2.is_ordered() && !s.2.asks_for_numbers();
    let mut input = if specs.iter().all(is_free) { unsorted(plan).map_err(failed)? } else { plan.clone() };
    if specs.iter().any(|s| s.2.is_ordered()) {
        input = numbered(&input).map_err(failed)?;
    }
    if specs.iter().any(|s| s.2.asks_for_numbers()) {
        input = indexed(&input, INDEX).map_err(failed)?;
    }
    let (mut aggregates, mut results) = (Vec::new(), Vec::new());
    for (name, column, agg) in specs {
        let (x, t) = match agg {
            Agg::Size => (df::lit(1), DataType::Int64),
            _ => {
                let x = bound(method, col(column).get(), plan)?;
                // It was found a line ago.
                let t = plan.schema().field_with_unqualified_name(column).map_err(failed)?.data_type().clone();
                (x, t)
            }
        };
        if !agg.fits(&t) {
            let (method, hint) =
                (method.to_owned(), "to_numeric() makes numbers of text; count, min, max, first and nunique take all types".to_owned());
            let (column, dtype) = (column.clone(), DType::of(&t).to_string());
            return Err(ErrorKind::WrongType { method, column, dtype, wanted: "a number".to_owned(), hint }.into());
        }
        if let Agg::Quantile(q) = agg
            && !(0.0..=1.0).contains(q)
        {
            let message = format!("{q} is no share; quantiles are between 0 and 1");
            return Err(Error::bad_argument("quantile", message));
        }
        let (parts, finish) = agg.parts(x, &t);
        let names: Vec<_> = parts.into_iter().map(|p| part(&mut aggregates, p)).collect();
        results.push(finish(&names).alias(name));
    }
    let keep: Vec<_> =
        keys.iter().map(|k| df::Expr::Column(datafusion::common::Column::new_unqualified(k.schema_name().to_string()))).collect();
    let mut b = LogicalPlanBuilder::from(input);
    if let Some(holds) = holds {
        b = b.filter(holds).map_err(failed)?;
    }
    let b = b.aggregate(keys.to_vec(), aggregates).map_err(failed)?;
    b.project(keep.into_iter().chain(results)).map_err(failed)
}

/// Adds an aggregate to those that are computed, each once; the column that it will be.
fn part(all: &mut Vec<df::Expr>, made: df::Expr) -> df::Expr {
    let place = all.iter().position(|a| if let df::Expr::Alias(a) = a { *a.expr == made } else { false });
    let place = place.unwrap_or_else(|| {
        all.push(made.alias(format!("__a{}__", all.len())));
        all.len() - 1
    });
    bare(&format!("__a{place}__"))
}
