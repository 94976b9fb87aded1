//! Expressions over columns: `col("delay").gt(60)`, `col("a") + col("b") * 2`. They refer to
//! columns by name and compute nothing until a frame uses them.

pub(in crate::frame) mod agg;
pub(in crate::frame) mod arithmetic;
pub(in crate::frame) mod codes;
pub(in crate::frame) mod keys;
pub(in crate::frame) mod number;
pub(in crate::frame) mod sums;
pub(in crate::frame) mod udf;
pub(in crate::frame) mod when;
pub(in crate::frame) mod window_function;

use crate::frame::types::scalar::Scalar;
use crate::handle::Opaque;
use datafusion::logical_expr as df;
use datafusion::scalar::ScalarValue;
use std::fmt;
use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Rem, Sub};

/// Refers to a column by name. Names are taken literally, including upper case and dots.
///
/// ```
/// use rask::prelude::*;
/// let frame = DataFrame::from_columns([("a", Series::from_iter([1i64, 2, 3]))]);
/// assert_eq!(frame.filter(col("a").gt(1)).len()?, 2);
/// # Ok::<(), rask::Error>(())
/// ```
pub fn col(name: &str) -> Expr {
    Expr::new(df::Expr::Column(datafusion::common::Column::new_unqualified(name)))
}

/// Creates a constant.
pub fn lit(value: impl IntoExpr) -> Expr {
    value.into_expr()
}

/// An expression over the columns of a frame. A null on either side of an operator gives null.
#[derive(Clone)]
pub struct Expr(Opaque);

impl Expr {
    pub(crate) fn new(expr: df::Expr) -> Self {
        Self(Opaque::new(expr))
    }

    pub(crate) fn get(&self) -> &df::Expr {
        self.0.get()
    }

    /// Names the result.
    #[must_use]
    pub fn alias(&self, name: &str) -> Self {
        Self::new(self.get().clone().alias(name))
    }

    /// Returns `true` where the value is null.
    #[must_use]
    pub fn is_null(&self) -> Self {
        Self::new(self.get().clone().is_null())
    }

    /// Returns `true` where the value is not null.
    #[must_use]
    pub fn is_not_null(&self) -> Self {
        Self::new(self.get().clone().is_not_null())
    }
}

#[inline(never)]
fn binary(left: &Expr, op: df::Operator, right: &Expr) -> Expr {
    Expr::new(df::binary_expr(left.get().clone(), op, right.get().clone()))
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident $op:ident,)*) => {
        impl Expr {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(&self, other: impl IntoExpr) -> Self {
                binary(self, df::Operator::$op, &other.into_expr())
            }
        )*}
    };
}
comparisons! {
    /// Returns whether both sides are equal.
    eq Eq,
    /// Returns whether the sides differ.
    neq NotEq,
    /// Returns whether the left side is less than the right.
    lt Lt,
    /// Returns whether the left side is less than or equal to the right.
    le LtEq,
    /// Returns whether the left side is greater than the right.
    gt Gt,
    /// Returns whether the left side is greater than or equal to the right.
    ge GtEq,
    /// Returns whether both conditions hold.
    and And,
    /// Returns whether at least one of the conditions holds.
    or Or,
}

macro_rules! operators {
    ($($trait:ident $method:ident $op:ident,)*) => {$(
        impl<R: IntoExpr> $trait<R> for Expr {
            type Output = Expr;
            fn $method(self, other: R) -> Expr {
                binary(&self, df::Operator::$op, &other.into_expr())
            }
        }
        impl<R: IntoExpr> $trait<R> for &Expr {
            type Output = Expr;
            fn $method(self, other: R) -> Expr {
                binary(self, df::Operator::$op, &other.into_expr())
            }
        }
    )*};
}
operators! { Add add Plus, Sub sub Minus, Mul mul Multiply, Div div Divide, Rem rem Modulo, BitAnd bitand And, BitOr bitor Or, }

macro_rules! from_the_left {
    ($($t:ty: $($trait:ident $method:ident $op:ident)*;)*) => {$($(
        impl $trait<Expr> for $t {
            type Output = Expr;
            fn $method(self, other: Expr) -> Expr {
                binary(&self.into_expr(), df::Operator::$op, &other)
            }
        }
        impl $trait<&Expr> for $t {
            type Output = Expr;
            fn $method(self, other: &Expr) -> Expr {
                binary(&self.into_expr(), df::Operator::$op, other)
            }
        }
    )*)*};
}
from_the_left! {
    i32: Add add Plus Sub sub Minus Mul mul Multiply Div div Divide;
    i64: Add add Plus Sub sub Minus Mul mul Multiply Div div Divide;
    f64: Add add Plus Sub sub Minus Mul mul Multiply Div div Divide;
}

impl Not for Expr {
    type Output = Self;
    fn not(self) -> Self {
        Self::new(df::Expr::Not(Box::new(self.get().clone())))
    }
}

impl Neg for Expr {
    type Output = Self;
    fn neg(self) -> Self {
        Self::new(df::Expr::Negative(Box::new(self.get().clone())))
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A value that can be part of an expression: expressions, numbers, strings, booleans and `Option`s
/// of these; chrono's dates, timestamps and durations.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used in an expression over columns",
    note = "use col(\"name\"), a number, a string or a bool"
)]
pub trait IntoExpr {
    /// Converts the value into an expression.
    fn into_expr(self) -> Expr;
}

impl IntoExpr for Expr {
    fn into_expr(self) -> Expr {
        self
    }
}

impl IntoExpr for &Expr {
    fn into_expr(self) -> Expr {
        self.clone()
    }
}

#[inline(never)]
fn constant(value: ScalarValue) -> Expr {
    Expr::new(df::Expr::Literal(value, None))
}

macro_rules! literals {
    ($($t:ty => $make:expr;)*) => {$(
        impl IntoExpr for $t {
            fn into_expr(self) -> Expr {
                constant($make(Some(self.into())))
            }
        }
        impl IntoExpr for Option<$t> {
            fn into_expr(self) -> Expr {
                constant($make(self.map(Into::into)))
            }
        }
    )*};
}
literals! {
    i8 => ScalarValue::Int64;
    i16 => ScalarValue::Int64;
    i32 => ScalarValue::Int64;
    i64 => ScalarValue::Int64;
    u8 => ScalarValue::Int64;
    u16 => ScalarValue::Int64;
    u32 => ScalarValue::Int64;
    f32 => ScalarValue::Float64;
    f64 => ScalarValue::Float64;
    bool => ScalarValue::Boolean;
    &str => ScalarValue::Utf8;
    String => ScalarValue::Utf8;
}

/// A timestamp in microseconds, or in nanoseconds where the value has that precision.
#[inline(never)]
fn timestamp(t: chrono::NaiveDateTime, zone: Option<std::sync::Arc<str>>) -> ScalarValue {
    let t = t.and_utc();
    match t.timestamp_nanos_opt().filter(|n| n % 1000 != 0) {
        Some(nanos) => ScalarValue::TimestampNanosecond(Some(nanos), zone),
        None => ScalarValue::TimestampMicrosecond(Some(t.timestamp_micros()), zone),
    }
}

macro_rules! times {
    ($($t:ty, |$v:ident| $make:expr;)*) => {$(
        impl IntoExpr for $t {
            fn into_expr(self) -> Expr {
                let $v = self;
                constant($make)
            }
        }
    )*};
}
times! {
    chrono::NaiveDate, |d| ScalarValue::Date32(i32::try_from(d.signed_duration_since(chrono::NaiveDate::default()).num_days()).ok());
    chrono::NaiveDateTime, |t| timestamp(t, None);
    chrono::DateTime<chrono::Utc>, |t| timestamp(t.naive_utc(), Some("UTC".into()));
    chrono::Duration, |d| ScalarValue::DurationMicrosecond(d.num_microseconds());
}

/// Integers are signed where they fit: DataFusion turns a mix of signed and unsigned into decimals.
impl IntoExpr for u64 {
    fn into_expr(self) -> Expr {
        constant(
            i64::try_from(self)
                .map_or(ScalarValue::UInt64(Some(self)), |i| ScalarValue::Int64(Some(i))),
        )
    }
}

impl IntoExpr for usize {
    fn into_expr(self) -> Expr {
        (self as u64).into_expr()
    }
}

pub(in crate::frame) fn ident(name: &str) -> df::Expr {
    df::Expr::Column(datafusion::common::Column::new_unqualified(name))
}

impl IntoExpr for Scalar {
    fn into_expr(self) -> Expr {
        match self {
            Self::Null => Expr::new(df::lit(datafusion::common::ScalarValue::Null)),
            Self::Bool(b) => Expr::new(df::lit(b)),
            Self::Int(i) => i.into_expr(),
            Self::Float(x) => x.into_expr(),
            Self::Str(s) => s.as_str().into_expr(),
        }
    }
}
