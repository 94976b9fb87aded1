//! Arithmetic on columns: integer operations never wrap around, differences are signed, and a
//! quotient is a float.

use crate::frame::expr::number::number;
use crate::frame::expr::udf::scalar_fn;
use crate::frame::types::wrong::wrong_value;
use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::compute::kernels::numeric;
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Int64Type, UInt64Type};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{self as df, Operator};
use std::sync::Arc;

/// Rewrites an operation: integer results that do not fit are an error instead of wrapping around,
/// and a quotient is a float.
pub(in crate::frame) fn arithmetic(
    e: df::BinaryExpr,
    schema: &datafusion::common::DFSchema,
) -> df::Expr {
    use df::ExprSchemable;
    let types = (e.left.get_type(schema), e.right.get_type(schema));
    let (Ok(left), Ok(right)) = types else { return df::Expr::BinaryExpr(e) };
    let e = match (&left, &right) {
        (DataType::UInt64, DataType::Int64) => df::BinaryExpr::new(e.left, e.op, unsigned(e.right)),
        (DataType::Int64, DataType::UInt64) => df::BinaryExpr::new(unsigned(e.left), e.op, e.right),
        _ => e,
    };
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
        Operator::Plus => checked(Whole::Plus, e),
        Operator::Minus => checked(Whole::Minus, e),
        Operator::Multiply => checked(Whole::Times, e),
        _ => df::Expr::BinaryExpr(e),
    }
}

/// Converts a non-negative constant to an unsigned one, to match unsigned values on the other side.
fn unsigned(x: Box<df::Expr>) -> Box<df::Expr> {
    match *x {
        df::Expr::Literal(ScalarValue::Int64(Some(i)), _) => match u64::try_from(i) {
            Ok(i) => Box::new(df::lit(i)),
            Err(_) => x,
        },
        _ => x,
    }
}

/// A checked operation on integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Whole {
    Plus,
    Minus,
    Times,
}

impl Whole {
    fn operator(self) -> Operator {
        match self {
            Self::Plus => Operator::Plus,
            Self::Minus => Operator::Minus,
            Self::Times => Operator::Multiply,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plus => "plus",
            Self::Minus => "minus",
            Self::Times => "times",
        }
    }

    /// Returns the result type. Always 64-bit integers, so that small types do not overflow:
    /// signed, except for sums and products of two unsigned 64-bit columns.
    pub(in crate::frame) fn result(self, left: &DataType, right: &DataType) -> DataType {
        let unsigned = *left == DataType::UInt64 && *right == DataType::UInt64;
        if unsigned && self != Self::Minus { DataType::UInt64 } else { DataType::Int64 }
    }

    /// Computes the results for two columns of any integer types.
    pub(in crate::frame) fn of(self, left: &ArrayRef, right: &ArrayRef) -> DfResult<ArrayRef> {
        let result = self.result(left.data_type(), right.data_type());
        let is_great = |a: &ArrayRef| *a.data_type() == DataType::UInt64;
        if result == DataType::Int64 && (is_great(left) || is_great(right)) {
            return self.of_great(left, right);
        }
        let [left, right] = [cast(left, &result)?, cast(right, &result)?];
        let operation = match self {
            Self::Plus => numeric::add,
            Self::Minus => numeric::sub,
            Self::Times => numeric::mul,
        };
        Ok(operation(&left, &right)?)
    }

    /// Does the same where an operand may exceed the signed range, but the result must not.
    fn of_great(self, left: &ArrayRef, right: &ArrayRef) -> DfResult<ArrayRef> {
        let all = |a: &ArrayRef| -> DfResult<Vec<Option<i128>>> {
            Ok(if *a.data_type() == DataType::UInt64 {
                a.as_primitive::<UInt64Type>().iter().map(|x| x.map(i128::from)).collect()
            } else {
                cast(a, &DataType::Int64)?
                    .as_primitive::<Int64Type>()
                    .iter()
                    .map(|x| x.map(i128::from))
                    .collect()
            })
        };
        let one = |(a, b): (Option<i128>, Option<i128>)| {
            let (Some(a), Some(b)) = (a, b) else { return Ok(None) };
            let result = match self {
                Self::Plus => Some(a + b),
                Self::Minus => Some(a - b),
                Self::Times => a.checked_mul(b),
            };
            match result.and_then(|r| i64::try_from(r).ok()) {
                Some(r) => Ok(Some(r)),
                None => {
                    let help = "cast a column to floats with astype(DType::Float64)";
                    wrong_value(format!(
                        "{}: overflow: the result for {a} and {b} does not fit into 64 bits; help: {help}",
                        self.name()
                    ))
                }
            }
        };
        let pairs = all(left)?.into_iter().zip(all(right)?);
        Ok(Arc::new(pairs.map(one).collect::<DfResult<Int64Array>>()?))
    }
}

/// Builds a checked integer operation. Types are checked on the values: a column may get a wider
/// type before it is computed.
fn checked(op: Whole, e: df::BinaryExpr) -> df::Expr {
    let operator = op.operator();
    let inputs =
        move |l: &DataType, r: &DataType| BinaryTypeCoercer::new(l, &operator, r).get_input_types();
    let returns = move |t: &[DataType]| {
        if t[0].is_integer() && t[1].is_integer() {
            return Ok(op.result(&t[0], &t[1]));
        }
        let (left, right) = inputs(&t[0], &t[1])?;
        BinaryTypeCoercer::new(&left, &operator, &right).get_result_type()
    };
    scalar_fn(op.name(), String::new(), vec![*e.left, *e.right], returns, move |a| {
        if a[0].data_type().is_integer() && a[1].data_type().is_integer() {
            return op.of(&a[0], &a[1]);
        }
        let (left, right) = inputs(a[0].data_type(), a[1].data_type())?;
        let fits = CastOptions { safe: false, ..CastOptions::default() };
        let [left, right] =
            [cast_with_options(&a[0], &left, &fits)?, cast_with_options(&a[1], &right, &fits)?];
        Ok(match op {
            Whole::Plus => numeric::add(&left, &right)?,
            Whole::Minus => numeric::sub(&left, &right)?,
            Whole::Times => numeric::mul(&left, &right)?,
        })
    })
}

/// Applies this arithmetic to a SQL expression on integers.
pub(in crate::frame) fn exact_integers(
    e: df::Expr,
    schema: &datafusion::common::DFSchema,
) -> Transformed<df::Expr> {
    use df::ExprSchemable;
    let is_integer = |x: &df::Expr| x.get_type(schema).is_ok_and(|t| t.is_integer());
    match e {
        df::Expr::BinaryExpr(b)
            if matches!(b.op, Operator::Plus | Operator::Minus | Operator::Multiply)
                && is_integer(&b.left)
                && is_integer(&b.right) =>
        {
            Transformed::yes(arithmetic(b, schema))
        }
        df::Expr::Negative(x) if is_integer(&x) => Transformed::yes(negated(*x, schema)),
        other => Transformed::no(other),
    }
}

/// Negates a value; integers become signed 64-bit integers.
pub(in crate::frame) fn negated(x: df::Expr, schema: &datafusion::common::DFSchema) -> df::Expr {
    use df::ExprSchemable;
    if x.get_type(schema).is_ok_and(|t| t.is_integer()) {
        return checked(
            Whole::Minus,
            df::BinaryExpr::new(Box::new(df::lit(0i64)), Operator::Minus, Box::new(x)),
        );
    }
    df::Expr::Negative(Box::new(x))
}

/// Casts small integers to 64 bits; other values stay unchanged.
pub(in crate::frame) fn widened(x: df::Expr) -> df::Expr {
    let wide = |t: &DataType| match t {
        DataType::UInt64 => DataType::UInt64,
        t if t.is_integer() => DataType::Int64,
        t => t.clone(),
    };
    scalar_fn(
        "widened",
        String::new(),
        vec![x],
        move |t| Ok(wide(&t[0])),
        move |a| Ok(cast(&a[0], &wide(a[0].data_type()))?),
    )
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn integers_of_any_size_are_right_while_the_result_fits_64_bits() {
        let df = DataFrame::from_columns([
            ("i8", Series::from_iter([-128i8, 127])),
            ("u8", Series::from_iter([200u8, 255])),
            ("i32", Series::from_iter([i32::MIN, i32::MAX])),
            ("u32", Series::from_iter([u32::MAX, 1])),
            ("u64", Series::from_iter([u64::MAX, 3])),
        ]);
        let one =
            |e: Expr| df.with_column("o", e).compute().and_then(|t| t.column("o")?.to_vec::<i64>());
        let max = i64::from(u32::MAX);
        for (e, want) in [
            (col("u8") - col("u32"), [200 - max, 254]),
            (col("u8") + col("u8"), [400, 510]),
            (col("i8") * col("i8"), [16384, 16129]),
            (-col("u8"), [-200, -255]),
            (-col("i8"), [128, -127]),
            (-col("i32"), [1 << 31, -((1 << 31) - 1)]),
            (col("i32") * col("i32"), [1 << 62, (max / 2) * (max / 2)]),
            (col("u64") - col("u64"), [0, 0]),
            (col("i8").abs(), [128, 127]),
            (col("u8").round(-2), [200, 300]),
            (col("u8").diff(1).fillna(7), [7, 55]),
            (col("u32").diff(1).fillna(7), [7, 1 - max]),
        ] {
            assert_eq!(one(e.clone()).unwrap(), want, "{e:?}");
        }
        let e = one(-col("u64")).unwrap_err().to_string();
        assert!(e.contains("18446744073709551615") && e.contains("overflow"), "{e}");
    }
}
