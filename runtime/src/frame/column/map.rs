//! Closures over the values of a column: `col("body").map(|text: &str| text.len() as i64)`.

use crate::frame::column::lazy_series::LazySeries;
use crate::frame::column::target::Target;
use crate::frame::expr::Expr;
use crate::frame::expr::udf::scalar_fn;
use crate::frame::types::cell::{FromCell, each_text, is_text};
use crate::frame::types::series::{Element, Series};
use crate::frame::types::wrong::wrong_type;
use crate::handle::Opaque;
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use datafusion::error::Result as DfResult;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A closure over the values of a column. `M` distinguishes the kinds of closures and is always
/// inferred.
#[diagnostic::on_unimplemented(
    message = "this closure cannot be called with the values of a column",
    note = "write the type of its argument: |text: &str|, |x: f64|, |n: Option<i64>|; it returns a number, bool, String or an Option of these"
)]
pub trait CellFn<M>: Send + Sync + 'static {
    #[doc(hidden)]
    fn erased(self) -> Erased;
}

/// Stores the results for an array, or returns what is wrong with the array.
type Call = Box<dyn Fn(&ArrayRef, &mut Option<Series>) -> DfResult<()> + Send + Sync>;

/// A closure over arrays, with its argument and return types. Boxed, and dropped in this crate.
#[doc(hidden)]
pub struct Erased(Opaque);

struct Closure {
    wanted: &'static str,
    accepts: fn(&DataType) -> bool,
    returns: DataType,
    call: Call,
    number: u64,
}

#[inline(never)]
fn erased(
    wanted: &'static str,
    accepts: fn(&DataType) -> bool,
    none: Series,
    call: Call,
) -> Erased {
    let returns = none.array().data_type().clone();
    let number = CLOSURES.fetch_add(1, Ordering::Relaxed);
    Erased(Opaque::new(Closure { wanted, accepts, returns, call, number }))
}

impl<F, A, R> CellFn<(A, R)> for F
where
    F: Fn(A) -> R + Send + Sync + 'static,
    A: FromCell,
    R: Element,
{
    fn erased(self) -> Erased {
        let call = move |array: &ArrayRef, made: &mut Option<Series>| {
            let mut values = Vec::new();
            let read = A::each(array, &mut |value| {
                values.push(match value {
                    Some(value) => self(value).native(),
                    None => None,
                });
            });
            *made = Some(R::series(values));
            read
        };
        erased(A::WANTED, A::accepts, R::series(Vec::new()), Box::new(call))
    }
}

/// Marks closures over `&str`.
#[derive(Debug)]
pub struct ByStr;
/// Marks closures over `Option<&str>`.
#[derive(Debug)]
pub struct ByOptionStr;

impl<F, R> CellFn<(ByStr, R)> for F
where
    F: Fn(&str) -> R + Send + Sync + 'static,
    R: Element,
{
    fn erased(self) -> Erased {
        let call = move |array: &ArrayRef, made: &mut Option<Series>| {
            let mut values = Vec::new();
            let read = each_text(array, &mut |text| {
                values.push(match text {
                    Some(text) => self(text).native(),
                    None => None,
                });
            });
            *made = Some(R::series(values));
            read
        };
        erased(String::WANTED, is_text, R::series(Vec::new()), Box::new(call))
    }
}

impl<F, R> CellFn<(ByOptionStr, R)> for F
where
    F: Fn(Option<&str>) -> R + Send + Sync + 'static,
    R: Element,
{
    fn erased(self) -> Erased {
        let call = move |array: &ArrayRef, made: &mut Option<Series>| {
            let mut values = Vec::new();
            let read = each_text(array, &mut |text| {
                values.push(self(text).native());
            });
            *made = Some(R::series(values));
            read
        };
        erased(String::WANTED, is_text, R::series(Vec::new()), Box::new(call))
    }
}

#[inline(never)]
fn applied(x: &Expr, closure: &Erased) -> Expr {
    let of: Arc<Closure> = closure.0.arc();
    let (told, number) = (of.clone(), of.number.to_string());
    let check = move |t: &[DataType]| {
        if (told.accepts)(&t[0]) {
            return Ok(told.returns.clone());
        }
        wrong_type("map", &t[0], &format!("{}, as the closure expects", told.wanted))
    };
    Expr::new(scalar_fn("map", number, vec![x.get().clone()], check, move |a| {
        let mut made = None;
        (of.call)(&a[0], &mut made)?;
        // A closure that has read its array has stored a series.
        Ok(made.map_or_else(|| a[0].clone(), |s| s.array().clone()))
    }))
}

/// Numbers closures: two of them are never equal.
static CLOSURES: AtomicU64 = AtomicU64::new(0);

macro_rules! mapped {
    ($($target:ident)*) => {$(
        impl $target {
            /// Calls a closure with each value, as the type of its argument. Null stays null
            /// without a call, unless the argument is an `Option`.
            ///
            /// ```
            /// use rask::prelude::*;
            /// let df = DataFrame::from_columns([("t", Series::from_iter([Some("a b"), None]))]);
            /// let words = df.with_column("n", col("t").map(|t: &str| t.split(' ').count() as i64)).compute()?;
            /// assert_eq!(words.column("n")?.to_vec::<Option<i64>>()?, [Some(2), None]);
            /// # Ok::<(), rask::Error>(())
            /// ```
            #[track_caller]
            pub fn map<M>(&self, closure: impl CellFn<M>) -> Self {
                let closure = closure.erased();
                self.with("map", &|x| applied(x, &closure))
            }
        }
    )*};
}
mapped! { Expr LazySeries }

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use chrono::Datelike;

    #[test]
    fn closures_take_values_as_they_say() {
        let df = DataFrame::from_columns([
            ("s", Series::from_iter([Some("ab"), None, Some("")])),
            ("n", Series::from_iter([Some(1i64), Some(2), None])),
            ("t", Series::from_iter(["2020-01-05", "1969-12-30", "2000-02-29"])),
        ]);
        let floats = |e: Expr| {
            df.with_column("o", e)
                .compute()
                .unwrap()
                .column("o")
                .unwrap()
                .to_vec::<Option<f64>>()
                .unwrap()
        };
        assert_eq!(floats(col("s").map(|s: &str| s.len() as f64)), [Some(2.0), None, Some(0.0)]);
        assert_eq!(
            floats(col("s").map(|s: Option<&str>| s.map_or(-1.0, |s| s.len() as f64))),
            [Some(2.0), Some(-1.0), Some(0.0)]
        );
        assert_eq!(floats(col("n").map(|n: f64| n / 2.0)), [Some(0.5), Some(1.0), None]);
        assert_eq!(
            floats(col("n").map(|n: Option<i64>| n.filter(|n| *n > 1).map(|n| n as f64))),
            [None, Some(2.0), None]
        );
        assert_eq!(
            floats(col("t").to_datetime("").map(|d: chrono::NaiveDate| f64::from(d.day()))),
            [Some(5.0), Some(30.0), Some(29.0)]
        );
        assert_eq!(floats(col("s").str().split("").list().len().map(|n: i64| n as f64))[1], None);
        let e = df.with_column("o", col("s").map(|x: f64| x)).compute().unwrap_err().to_string();
        assert!(e.contains("map: the column is str, not numbers"), "{e}");
    }
}
