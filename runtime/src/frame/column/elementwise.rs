//! Elementwise methods, on expressions and on the columns of frames.

use crate::deferred;
use crate::frame::column::datetime::to_datetime;
use crate::frame::column::lazy_series::LazySeries;
use crate::frame::column::target::Target;
use crate::frame::column::timestamps::of_zone;
use crate::frame::expr::arithmetic::widened;
use crate::frame::expr::number::{either, number};
use crate::frame::expr::udf::scalar_fn;
use crate::frame::expr::{Expr, IntoExpr, col};
use crate::frame::types::dtype::{DType, arrow_type};
use crate::frame::types::table::Column;
use crate::frame::types::wrong::{wrong_type, wrong_value};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::compute::{CastOptions, cast, cast_with_options, is_null, nullif};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::functions::expr_fn as f;
use datafusion::logical_expr as df;
use std::sync::Arc;

macro_rules! elementwise {
    ($($(#[$doc:meta])* $name:ident($($e:ident),*; $($a:ident: $t:ty),*) |$x:ident| $body:expr;)*) => {
        /// The implementations, without generic types of the caller, so that no cell compiles them.
        mod of {
            use super::*;
            $(#[inline(never)]
            pub(in crate::frame) fn $name($x: &Expr, $($e: &Expr,)* $($a: $t),*) -> Expr {
                let $x = $x.get().clone();
                $(let $e = $e.get().clone();)*
                Expr::new($body)
            })*
        }

        impl Expr {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(&self, $($e: impl IntoExpr,)* $($a: $t),*) -> Self {
                of::$name(self, $(&$e.into_expr(),)* $($a),*)
            }
        )*}

        impl LazySeries {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, $($e: impl IntoExpr,)* $($a: $t),*) -> Self {
                self.changed(stringify!($name), &of::$name(&col(self.name()), $(&$e.into_expr(),)* $($a),*))
            }
        )*}
    };
}
elementwise! {
    /// Computes the absolute value.
    abs(;) |x| f::abs(widened(x));
    /// Rounds to a number of decimal places; ties go to the even neighbour, as in NumPy. Integers
    /// stay unchanged unless `decimals` is negative.
    round(; decimals: i32) |x| rounded(x, decimals);
    /// Rounds down to an integer.
    floor(;) |x| f::floor(x);
    /// Rounds up to an integer.
    ceil(;) |x| f::ceil(x);
    /// Computes the square root; null for negative values.
    sqrt(;) |x| number(f::sqrt(x));
    /// Raises e to the power of the value.
    exp(;) |x| f::exp(x);
    /// Computes the natural logarithm; null for negative values.
    log(;) |x| number(f::ln(df::cast(x, DataType::Float64)));
    /// Raises the value to a power.
    pow(exponent;) |x| number(f::power(x, exponent));
    /// Divides and rounds down. For integers, division by zero is an error.
    floordiv(by;) |x| whole("floordiv", x, by, |a, b| divided(a, b).0, |a, b| a.checked_div(b).map(|q| q - i64::from(a % b != 0 && (a < 0) != (b < 0))));
    /// Computes the remainder of floor division; takes the sign of the divisor, as in Python. `%`
    /// takes the sign of the value.
    modulo(by;) |x| whole("modulo", x, by, |a, b| divided(a, b).1, |a, b| a.checked_rem(b).map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r }));
    /// Clips the value to two bounds.
    clip(low, high;) |x| clipped(x, low, high);
    /// Returns `true` where the value is null.
    isna(;) |x| x.is_null();
    /// Returns `true` where the value is not null.
    notna(;) |x| x.is_not_null();
    /// Replaces null by a value.
    fillna(value;) |x| f::coalesce(vec![number(x), value]);
    /// Replaces null by the value of another column.
    combine_first(other;) |x| f::coalesce(vec![number(x), other]);
    /// Returns whether the value lies between two others, both inclusive.
    between(low, high;) |x| x.between(low, high);
    /// Keeps the value where the condition holds, and replaces it elsewhere. A null condition does
    /// not hold.
    where_(condition, other;) |x| either(condition, x, other);
    /// Replaces the value where the condition holds.
    mask(condition, other;) |x| either(condition, other, x);
    /// Replaces one value by another.
    replace(from, to;) |x| either(x.clone().eq(from), to, x);
    /// Casts the value to another type; a value that does not fit is an error that quotes it.
    astype(; dtype: DType) |x| converted(x, &dtype, false);
    /// Casts the value to another type; null where it does not fit.
    astype_or_null(; dtype: DType) |x| converted(x, &dtype, true);
    /// Parses a string as a float; one that is not a number is an error that quotes it.
    to_numeric(;) |x| converted(x, &DType::Float64, false);
    /// Parses a string as a float; null where it is not a number.
    to_numeric_or_null(;) |x| converted(x, &DType::Float64, true);
}

macro_rules! listed {
    ($($target:ident)*) => {$(
        impl $target {
            /// Returns whether the value is in a list, or in the column of another frame, whose
            /// values are computed immediately. Null is never in the list.
            ///
            /// ```
            /// use rask::prelude::*;
            /// let df = DataFrame::from_columns([("x", Series::from_iter([1i64, 2, 3]))]);
            /// assert_eq!(df.filter(col("x").isin([1, 3])).len()?, 2);
            /// assert_eq!(df.filter(col("x").isin(df.filter(col("x").gt(1)).col("x"))).len()?, 2);
            /// # Ok::<(), rask::Error>(())
            /// ```
            #[track_caller]
            pub fn isin<K>(&self, values: impl IntoList<K>) -> Self {
                self.with("isin", &*one_of(values.into_list()))
            }

            /// Returns a field of each struct, such as a JSON object; null where the struct is
            /// null.
            ///
            /// An unknown name is an error that lists the fields.
            #[track_caller]
            pub fn field(&self, name: &str) -> Self {
                self.with("field", &|x| field(x, name))
            }

            /// Returns the bin of each value, as a string such as `"(0, 10]"`: bins include their
            /// upper edge. Null outside of all bins.
            #[track_caller]
            pub fn cut(&self, edges: impl AsRef<[f64]>) -> Self {
                self.with("cut", &*binned(edges.as_ref()))
            }
        }
    )*};
}
listed! { Expr LazySeries }

/// An argument of `isin`: a list of values, or a column, whose values are computed immediately. `K`
/// lets the compiler distinguish the two.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of values for `isin`",
    note = "use a list such as [1, 2] or a Vec, or a column of another frame: other.col(\"x\")"
)]
pub trait IntoList<K> {
    /// Returns the values as expressions.
    #[doc(hidden)]
    #[track_caller]
    fn into_list(self) -> Vec<Expr>;
}

/// Marks lists of values, as opposed to columns.
#[doc(hidden)]
pub struct Values<V>(std::marker::PhantomData<V>);

#[diagnostic::do_not_recommend]
impl<V: IntoExpr, I: IntoIterator<Item = V>> IntoList<Values<V>> for I {
    fn into_list(self) -> Vec<Expr> {
        let mut list = Vec::new();
        for value in self {
            list.push(value.into_expr());
        }
        list
    }
}

impl IntoList<LazySeries> for LazySeries {
    #[track_caller]
    fn into_list(self) -> Vec<Expr> {
        (&self).into_list()
    }
}

impl IntoList<LazySeries> for &LazySeries {
    #[inline(never)]
    #[track_caller]
    fn into_list(self) -> Vec<Expr> {
        match self.unique().dropna().compute() {
            Ok(column) => column.into_list(),
            Err(e) => {
                deferred::note(&e, std::panic::Location::caller());
                Vec::new()
            }
        }
    }
}

impl IntoList<Column> for Column {
    fn into_list(self) -> Vec<Expr> {
        (&self).into_list()
    }
}

impl IntoList<Column> for &Column {
    #[inline(never)]
    fn into_list(self) -> Vec<Expr> {
        let array = self.array();
        let one = |i: usize| ScalarValue::try_from_array(array, i).ok();
        let values = (0..array.len()).filter(|i| array.is_valid(*i)).filter_map(one);
        values.map(|v| Expr::new(df::Expr::Literal(v, None))).collect()
    }
}

#[inline(never)]
fn field(x: &Expr, name: &str) -> Expr {
    let (of, wanted) = (name.to_owned(), name.to_owned());
    let returns = move |t: &[DataType]| match &t[0] {
        DataType::Struct(fields) => match fields.iter().find(|f| *f.name() == wanted) {
            Some(f) => Ok(f.data_type().clone()),
            None => {
                let names: Vec<_> = fields.iter().map(|f| f.name()).collect();
                let message = format!("field: unknown field {wanted:?}: expected one of {names:?}");
                Err(datafusion::error::DataFusionError::Plan(message))
            }
        },
        other => wrong_type("field", other, "a struct (such as a JSON object)"),
    };
    Expr::new(scalar_fn("field", name.to_owned(), vec![x.get().clone()], returns, move |a| {
        let Some(values) = a[0].as_struct().column_by_name(&of) else {
            return wrong_value(format!("field: unknown field {of:?}"));
        };
        // A field of a null struct is null.
        Ok(nullif(values, &is_null(&a[0])?)?)
    }))
}

/// Maps an expression to another one.
type Change = Box<dyn Fn(&Expr) -> Expr>;

#[inline(never)]
fn one_of(values: Vec<Expr>) -> Change {
    Box::new(move |x| {
        let values = values.iter().map(|v| v.get().clone()).collect();
        Expr::new(x.get().clone().in_list(values, false))
    })
}

#[inline(never)]
fn binned(edges: &[f64]) -> Change {
    let edges = edges.to_vec();
    Box::new(move |x| Expr::new(bins(x.get().clone(), &edges)))
}

fn clipped(x: df::Expr, low: df::Expr, high: df::Expr) -> df::Expr {
    either(x.clone().lt(low.clone()), low, either(x.clone().gt(high.clone()), high, x))
}

fn bins(x: df::Expr, edges: &[f64]) -> df::Expr {
    if edges.len() < 2
        || edges.windows(2).any(|e| e[0].partial_cmp(&e[1]) != Some(std::cmp::Ordering::Less))
    {
        let problem =
            format!("cut: invalid bin edges {edges:?}: expected at least two, in increasing order");
        let returns =
            move |_: &[DataType]| Err(datafusion::error::DataFusionError::Plan(problem.clone()));
        return scalar_fn("cut", format!("{edges:?}"), vec![x], returns, |a| Ok(a[0].clone()));
    }
    let none = df::lit(datafusion::common::ScalarValue::Utf8(None));
    edges.windows(2).rev().fold(none, |rest, edge| {
        let inside = x.clone().gt(df::lit(edge[0])).and(x.clone().lt_eq(df::lit(edge[1])));
        either(inside, df::lit(format!("({}, {}]", edge[0], edge[1])), rest)
    })
}

fn rounded(x: df::Expr, decimals: i32) -> df::Expr {
    let scale = 10f64.powi(decimals);
    let one = move |x: f64| {
        let scaled = x * scale;
        if scaled.is_finite() { scaled.round_ties_even() / scale } else { x }
    };
    let returns = move |t: &[DataType]| match &t[0] {
        t if t.is_integer() && decimals < 0 => Ok(DataType::Int64),
        t if t.is_integer() || t.is_floating() => Ok(t.clone()),
        t => wrong_type("round", t, "a number"),
    };
    scalar_fn("round", decimals.to_string(), vec![x], returns, move |a| {
        if a[0].data_type().is_integer() {
            if decimals >= 0 {
                return Ok(a[0].clone());
            }
            let unit = 10i64.checked_pow(decimals.unsigned_abs()).unwrap_or(i64::MAX);
            let whole = |i: i64| {
                let (steps, rest) = (i.div_euclid(unit), i128::from(i.rem_euclid(unit)));
                let up =
                    rest * 2 > i128::from(unit) || rest * 2 == i128::from(unit) && steps % 2 != 0;
                (steps + i64::from(up)).checked_mul(unit).map_or_else(
                    || wrong_value(format!("round: the result for {i} does not fit into 64 bits")),
                    Ok,
                )
            };
            let fits = CastOptions { safe: false, ..CastOptions::default() };
            let values = cast_with_options(&a[0], &DataType::Int64, &fits)?;
            return Ok(Arc::new(
                values.as_primitive::<Int64Type>().try_unary::<_, Int64Type, _>(whole)?,
            ));
        }
        let floats = cast(&a[0], &DataType::Float64)?;
        let rounded: ArrayRef =
            Arc::new(floats.as_primitive::<Float64Type>().unary::<_, Float64Type>(one));
        Ok(cast(&rounded, a[0].data_type())?)
    })
}

/// Computes the quotient of two floats, rounded down, and the remainder, as NumPy does.
fn divided(a: f64, b: f64) -> (f64, f64) {
    if b == 0.0 {
        return (a / b, f64::NAN);
    }
    let mut rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest != 0.0 && (b < 0.0) != (rest < 0.0) {
        rest += b;
        quotient -= 1.0;
    }
    let down = quotient.floor();
    (if quotient - down > 0.5 { down + 1.0 } else { down }, rest)
}

/// Computes a function of two numbers: on integers if both are, else on floats.
fn whole(
    name: &'static str,
    x: df::Expr,
    by: df::Expr,
    floats: fn(f64, f64) -> f64,
    ints: fn(i64, i64) -> Option<i64>,
) -> df::Expr {
    let is_whole = |types: &[DataType]| types.iter().all(DataType::is_integer);
    let returns = move |types: &[DataType]| match types
        .iter()
        .find(|t| !t.is_integer() && !t.is_floating() && !t.is_null())
    {
        Some(other) => wrong_type(name, other, "a number"),
        None if is_whole(types) => Ok(DataType::Int64),
        None => Ok(DataType::Float64),
    };
    scalar_fn(name, String::new(), vec![x, by], returns, move |a| {
        let types = [a[0].data_type().clone(), a[1].data_type().clone()];
        if is_whole(&types) {
            let fits = CastOptions { safe: false, ..CastOptions::default() };
            let [left, right] = [
                cast_with_options(&a[0], &DataType::Int64, &fits)?,
                cast_with_options(&a[1], &DataType::Int64, &fits)?,
            ];
            let pairs =
                left.as_primitive::<Int64Type>().iter().zip(right.as_primitive::<Int64Type>());
            let one = |(a, b): (Option<i64>, Option<i64>)| match (a, b) {
                (Some(_), Some(0)) => wrong_value(format!("{name}: integer divided by zero")),
                (Some(a), Some(b)) => ints(a, b).map_or_else(
                    || {
                        wrong_value(format!(
                            "{name}: the result for {a} and {b} does not fit into 64 bits"
                        ))
                    },
                    |v| Ok(Some(v)),
                ),
                _ => Ok(None),
            };
            return Ok(Arc::new(pairs.map(one).collect::<DfResult<Int64Array>>()?));
        }
        let [left, right] = [cast(&a[0], &DataType::Float64)?, cast(&a[1], &DataType::Float64)?];
        let pairs =
            left.as_primitive::<Float64Type>().iter().zip(right.as_primitive::<Float64Type>());
        Ok(Arc::new(
            pairs
                .map(|(a, b)| Some(floats(a?, b?)).filter(|x| !x.is_nan()))
                .collect::<Float64Array>(),
        ))
    })
}

fn converted(x: df::Expr, dtype: &DType, or_null: bool) -> df::Expr {
    // DataFusion would cut digits below microseconds.
    if let DType::DatetimeTz(zone) = dtype {
        return of_zone(&Expr::new(x), zone).get().clone();
    }
    if *dtype == DType::Datetime {
        return to_datetime(&Expr::new(x), "", or_null).get().clone();
    }
    match arrow_type("astype", "", dtype) {
        Ok(wanted) if or_null => df::try_cast(x, wanted),
        Ok(wanted) => df::cast(x, wanted),
        Err(e) => {
            deferred::note(&e, std::panic::Location::caller());
            x
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn whole_numbers_do_not_wrap_and_quotients_are_decimal() {
        let df = DataFrame::from_columns([
            ("a", Series::from_iter([i64::MAX, 7])),
            ("b", Series::from_iter([1i64, 2])),
        ]);
        let one = |e: Expr| df.with_column("o", e).compute().map(|t| t.column("o").unwrap());
        for e in [col("a") + 1, col("a") * 2] {
            assert!(one(e).unwrap_err().to_string().to_lowercase().contains("overflow"));
        }
        assert_eq!(one(col("b") / 2).unwrap().to_vec::<f64>().unwrap(), [0.5, 1.0]);
        assert_eq!(one(col("b") / 0).unwrap().to_vec::<f64>().unwrap(), [f64::INFINITY; 2]);
        assert_eq!(one((col("b") * -7).floordiv(2)).unwrap().to_vec::<i64>().unwrap(), [-4, -7]);
        assert_eq!(one((col("b") * -7).modulo(3)).unwrap().to_vec::<i64>().unwrap(), [2, 1]);
        let e = one(col("b").floordiv(0)).unwrap_err().to_string();
        assert!(e.contains("divided by zero"), "{e}");
    }
}
