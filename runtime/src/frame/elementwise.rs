//! What is done with each value of a column, on expressions and on the columns of frames alike.

use super::column::LazySeries;
use super::expr::{Expr, IntoExpr, col};
use super::rows::arrow_type;
use super::udf::{rowwise, wrong_type, wrong_value};
use super::{DType, poison};
use arrow::array::{Array, ArrayRef, AsArray, Datum, Float64Array, Int64Array, PrimitiveArray};
use arrow::compute::kernels::numeric;
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int64Type};
use arrow::error::ArrowError;
use datafusion::error::Result as DfResult;
use datafusion::functions::expr_fn as f;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{self as df, Operator};
use std::sync::Arc;

/// What methods on values give: an expression for an expression, a column for the column of a frame.
pub trait Target: Clone {
    /// The result of a method whose name is `method`.
    #[doc(hidden)]
    #[track_caller]
    fn with(&self, method: &str, make: &dyn Fn(&Expr) -> Expr) -> Self;
}

impl Target for Expr {
    fn with(&self, _: &str, make: &dyn Fn(&Expr) -> Expr) -> Self {
        make(self)
    }
}

impl Target for LazySeries {
    #[track_caller]
    fn with(&self, method: &str, make: &dyn Fn(&Expr) -> Expr) -> Self {
        self.changed(method, &make(&col(self.name())))
    }
}

macro_rules! elementwise {
    ($($(#[$doc:meta])* $name:ident($($e:ident),*; $($a:ident: $t:ty),*) |$x:ident| $body:expr;)*) => {
        impl Expr {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(&self, $($e: impl IntoExpr,)* $($a: $t),*) -> Self {
                $(let $e = $e.into_expr().get().clone();)*
                let $x = self.get().clone();
                Self::new($body)
            }
        )*}

        impl LazySeries {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, $($e: impl IntoExpr,)* $($a: $t),*) -> Self {
                let value = col(self.name()).$name($($e,)* $($a),*);
                self.changed(stringify!($name), &value)
            }
        )*}
    };
}
elementwise! {
    /// The value without its sign.
    abs(;) |x| f::abs(x);
    /// The value with so many decimals; halves go to the even neighbour, as in NumPy. Whole numbers stay as they are.
    round(; decimals: i32) |x| rounded(x, decimals);
    /// The greatest whole number that is not above the value.
    floor(;) |x| f::floor(x);
    /// The least whole number that is not below the value.
    ceil(;) |x| f::ceil(x);
    /// The square root; missing for what has none.
    sqrt(;) |x| number(f::sqrt(x));
    /// e to the power of the value.
    exp(;) |x| f::exp(x);
    /// The natural logarithm; missing for what has none.
    log(;) |x| number(f::ln(df::cast(x, DataType::Float64)));
    /// The value to a power.
    pow(exponent;) |x| number(f::power(x, exponent));
    /// The quotient, rounded down. For whole numbers, division by zero is an error.
    floordiv(by;) |x| whole("floordiv", x, by, |a, b| divided(a, b).0, |a, b| a.checked_div(b).map(|q| q - i64::from(a % b != 0 && (a < 0) != (b < 0))));
    /// The rest of `floordiv`, which has the sign of the divisor, as in Python; `%` has the sign of the value.
    modulo(by;) |x| whole("modulo", x, by, |a, b| divided(a, b).1, |a, b| a.checked_rem(b).map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r }));
    /// The value, or the nearest of the two bounds.
    clip(low, high;) |x| clipped(x, low, high);
    /// Whether the value is missing.
    isna(;) |x| x.is_null();
    /// Whether the value is there.
    notna(;) |x| x.is_not_null();
    /// The value, or another one where it is missing.
    fillna(value;) |x| f::coalesce(vec![number(x), value]);
    /// The value, or that of another column where it is missing.
    combine_first(other;) |x| f::coalesce(vec![number(x), other]);
    /// Whether the value lies between two others, both included.
    between(low, high;) |x| x.between(low, high);
    /// The value where the condition holds, else another one. A missing condition does not hold.
    where_(condition, other;) |x| either(condition, x, other);
    /// Another value where the condition holds, else this one.
    mask(condition, other;) |x| either(condition, other, x);
    /// One value in place of another.
    replace(from, to;) |x| either(x.clone().eq(from), to, x);
    /// The value as another type; a value that does not fit is an error that names it.
    astype(; dtype: DType) |x| converted(x, &dtype, false);
    /// The value as another type; missing where it does not fit.
    astype_or_null(; dtype: DType) |x| converted(x, &dtype, true);
    /// Text as a number; one that is none is an error that names it.
    to_numeric(;) |x| converted(x, &DType::Float64, false);
    /// Text as a number; missing where it is none.
    to_numeric_or_null(;) |x| converted(x, &DType::Float64, true);
}

macro_rules! listed {
    ($($target:ident)*) => {$(
        impl $target {
            /// Whether the value is one of these.
            #[track_caller]
            pub fn isin<V: IntoExpr>(&self, values: impl IntoIterator<Item = V>) -> Self {
                let values: Vec<_> = values.into_iter().map(|v| v.into_expr().get().clone()).collect();
                self.with("isin", &|x| Expr::new(x.get().clone().in_list(values.clone(), false)))
            }

            /// The bin of each value, as text such as `"(0, 10]"`: bins end with their upper edge. Missing outside of all.
            #[track_caller]
            pub fn cut(&self, edges: impl AsRef<[f64]>) -> Self {
                let edges = edges.as_ref().to_vec();
                self.with("cut", &|x| Expr::new(bins(x.get().clone(), &edges)))
            }
        }
    )*};
}
listed! { Expr LazySeries }

/// The first value where the condition holds, else the second.
fn either(condition: df::Expr, yes: df::Expr, no: df::Expr) -> df::Expr {
    // A case with both ends is always well formed.
    df::when(condition, yes).otherwise(no).unwrap_or_else(|e| unreachable!("{e}"))
}

fn clipped(x: df::Expr, low: df::Expr, high: df::Expr) -> df::Expr {
    either(x.clone().lt(low.clone()), low, either(x.clone().gt(high.clone()), high, x))
}

fn bins(x: df::Expr, edges: &[f64]) -> df::Expr {
    if edges.len() < 2 || edges.windows(2).any(|e| e[0].partial_cmp(&e[1]) != Some(std::cmp::Ordering::Less)) {
        let problem = format!("cut: {edges:?} are no edges of bins; there are at least two, each greater than the one before");
        let returns = move |_: &[DataType]| Err(datafusion::error::DataFusionError::Plan(problem.clone()));
        return rowwise("cut", format!("{edges:?}"), vec![x], returns, |a| Ok(a[0].clone()));
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
    let returns =
        |t: &[DataType]| if t[0].is_integer() || t[0].is_floating() { Ok(t[0].clone()) } else { wrong_type("round", &t[0], "a number") };
    rowwise("round", decimals.to_string(), vec![x], returns, move |a| {
        if a[0].data_type().is_integer() {
            if decimals >= 0 {
                return Ok(a[0].clone());
            }
            let unit = 10i64.checked_pow(decimals.unsigned_abs()).unwrap_or(i64::MAX);
            let whole = |i: i64| {
                let (steps, rest) = (i.div_euclid(unit), i128::from(i.rem_euclid(unit)));
                let up = rest * 2 > i128::from(unit) || rest * 2 == i128::from(unit) && steps % 2 != 0;
                (steps + i64::from(up)).saturating_mul(unit)
            };
            let rounded: ArrayRef = Arc::new(cast(&a[0], &DataType::Int64)?.as_primitive::<Int64Type>().unary::<_, Int64Type>(whole));
            return Ok(cast(&rounded, a[0].data_type())?);
        }
        let floats = cast(&a[0], &DataType::Float64)?;
        let rounded: ArrayRef = Arc::new(floats.as_primitive::<Float64Type>().unary::<_, Float64Type>(one));
        Ok(cast(&rounded, a[0].data_type())?)
    })
}

/// The quotient of two decimals, rounded down, and the rest, as NumPy has them.
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

/// Two numbers: both whole, or both taken as decimals.
fn whole(name: &'static str, x: df::Expr, by: df::Expr, floats: fn(f64, f64) -> f64, ints: fn(i64, i64) -> Option<i64>) -> df::Expr {
    let is_whole = |types: &[DataType]| types.iter().all(DataType::is_integer);
    let returns = move |types: &[DataType]| match types.iter().find(|t| !t.is_integer() && !t.is_floating() && !t.is_null()) {
        Some(other) => wrong_type(name, other, "a number"),
        None if is_whole(types) => Ok(DataType::Int64),
        None => Ok(DataType::Float64),
    };
    rowwise(name, String::new(), vec![x, by], returns, move |a| {
        let types = [a[0].data_type().clone(), a[1].data_type().clone()];
        if is_whole(&types) {
            let fits = CastOptions { safe: false, ..CastOptions::default() };
            let [left, right] = [cast_with_options(&a[0], &DataType::Int64, &fits)?, cast_with_options(&a[1], &DataType::Int64, &fits)?];
            let pairs = left.as_primitive::<Int64Type>().iter().zip(right.as_primitive::<Int64Type>());
            let one = |(a, b): (Option<i64>, Option<i64>)| match (a, b) {
                (Some(_), Some(0)) => wrong_value(format!("{name}: a whole number is divided by zero")),
                (Some(a), Some(b)) => {
                    ints(a, b).map_or_else(|| wrong_value(format!("{name}: {a} by {b} does not fit into 64 bits")), |v| Ok(Some(v)))
                }
                _ => Ok(None),
            };
            return Ok(Arc::new(pairs.map(one).collect::<DfResult<Int64Array>>()?));
        }
        let [left, right] = [cast(&a[0], &DataType::Float64)?, cast(&a[1], &DataType::Float64)?];
        let pairs = left.as_primitive::<Float64Type>().iter().zip(right.as_primitive::<Float64Type>());
        Ok(Arc::new(pairs.map(|(a, b)| Some(floats(a?, b?)).filter(|x| !x.is_nan())).collect::<Float64Array>()))
    })
}

fn converted(x: df::Expr, dtype: &DType, or_null: bool) -> df::Expr {
    match arrow_type("astype", "", dtype) {
        Ok(wanted) if or_null => df::try_cast(x, wanted),
        Ok(wanted) => df::cast(x, wanted),
        Err(e) => {
            poison::note(&e, std::panic::Location::caller());
            x
        }
    }
}

/// Arithmetic as users expect it: whole numbers that do not fit are an error and no other numbers, and a quotient is a
/// decimal number.
pub(super) fn arithmetic(e: df::BinaryExpr, schema: &datafusion::common::DFSchema) -> df::Expr {
    use df::ExprSchemable;
    let types = (e.left.get_type(schema), e.right.get_type(schema));
    let (Ok(left), Ok(right)) = types else { return df::Expr::BinaryExpr(e) };
    if e.op == Operator::Plus && (left.is_string() || right.is_string()) {
        let [left, right] = [*e.left, *e.right].map(|e| df::cast(e, DataType::Utf8));
        return df::binary_expr(left, Operator::StringConcat, right);
    }
    let is_number = |t: &DataType| t.is_integer() || t.is_floating();
    let divides = e.op == Operator::Divide && is_number(&left) && is_number(&right);
    if !divides && (!left.is_integer() || !right.is_integer()) {
        return df::Expr::BinaryExpr(e);
    }
    match e.op {
        Operator::Divide => {
            let [left, right] = [*e.left, *e.right].map(|e| df::cast(e, DataType::Float64));
            number(df::binary_expr(left, Operator::Divide, right))
        }
        Operator::Plus => checked("plus", e, numeric::add),
        Operator::Minus => checked("minus", e, numeric::sub),
        Operator::Multiply => checked("times", e, numeric::mul),
        _ => df::Expr::BinaryExpr(e),
    }
}

type Operation = fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>;

/// An operator that does not wrap around. Types are those of the values: a column may get a wider one until it is computed.
fn checked(name: &str, e: df::BinaryExpr, operation: Operation) -> df::Expr {
    let op = e.op;
    // Both as they are added up. The engine would make decimals of many digits of a mix of signed and unsigned numbers.
    let inputs = move |l: &DataType, r: &DataType| match (l, r) {
        (DataType::UInt64, DataType::UInt64) => Ok((DataType::UInt64, DataType::UInt64)),
        (DataType::UInt64, r) if r.is_integer() => Ok((DataType::Int64, DataType::Int64)),
        (l, DataType::UInt64) if l.is_integer() => Ok((DataType::Int64, DataType::Int64)),
        (l, r) => BinaryTypeCoercer::new(l, &op, r).get_input_types(),
    };
    let returns = move |t: &[DataType]| {
        let (left, right) = inputs(&t[0], &t[1])?;
        BinaryTypeCoercer::new(&left, &op, &right).get_result_type()
    };
    rowwise(name, String::new(), vec![*e.left, *e.right], returns, move |a| {
        let (left, right) = inputs(a[0].data_type(), a[1].data_type())?;
        let fits = CastOptions { safe: false, ..CastOptions::default() };
        Ok(operation(&cast_with_options(&a[0], &left, &fits)?, &cast_with_options(&a[1], &right, &fits)?)?)
    })
}

/// A number, or a missing value where it is none.
pub(super) fn number(x: df::Expr) -> df::Expr {
    rowwise(
        "number",
        String::new(),
        vec![x],
        |t| Ok(t[0].clone()),
        |a| {
            fn there<T: ArrowPrimitiveType<Native: Into<f64>>>(array: &ArrayRef) -> ArrayRef {
                let values = array.as_primitive::<T>();
                // Most columns have none, which a loop without branches finds out.
                if !values.values().iter().fold(false, |found, x| found | (*x).into().is_nan()) {
                    return array.clone();
                }
                Arc::new(values.iter().map(|x| x.filter(|x| !(*x).into().is_nan())).collect::<PrimitiveArray<T>>())
            }
            Ok(match a[0].data_type() {
                DataType::Float64 => there::<Float64Type>(&a[0]),
                DataType::Float32 => there::<Float32Type>(&a[0]),
                _ => a[0].clone(),
            })
        },
    )
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn whole_numbers_do_not_wrap_and_quotients_are_decimal() {
        let df = DataFrame::from_columns([("a", Series::from_iter([i64::MAX, 7])), ("b", Series::from_iter([1i64, 2]))]);
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
