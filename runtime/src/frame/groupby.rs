//! Group-by: one row per group, ordered by the keys.

use super::{DataFrame, IntoNames, bare, bound, col, unique};
use crate::error::Error;
use datafusion::functions_aggregate::expr_fn;
use datafusion::logical_expr::{self as df, LogicalPlanBuilder};
use std::fmt;

/// A frame whose rows are grouped; made by [`DataFrame::groupby`].
#[derive(Clone)]
#[must_use = "a grouping does nothing until one of its methods is called"]
pub struct GroupBy {
    frame: DataFrame,
    keys: Vec<String>,
}

/// What becomes of the values of a group. A cell passes one of these and compiles no more than that.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Mean,
    Count,
    Min,
    Max,
}

impl Aggregate {
    fn parts(self) -> (&'static str, fn(df::Expr) -> df::Expr) {
        match self {
            Self::Sum => ("sum", expr_fn::sum),
            Self::Mean => ("mean", expr_fn::avg),
            Self::Count => ("count", expr_fn::count),
            Self::Min => ("min", expr_fn::min),
            Self::Max => ("max", expr_fn::max),
        }
    }
}

impl GroupBy {
    pub(super) fn new(frame: DataFrame, keys: Vec<String>) -> Self {
        Self { frame, keys }
    }

    /// Number of rows of each group, missing values included, in a column `size`.
    #[track_caller]
    pub fn size(&self) -> DataFrame {
        self.aggregate("size", &[], |_, _| Ok(vec![expr_fn::count(df::lit(1)).alias("size")]))
    }

    #[inline(never)]
    #[track_caller]
    fn each(&self, what: Aggregate, names: Vec<String>) -> DataFrame {
        let (method, f) = what.parts();
        self.aggregate(method, &names, |plan, names| {
            let make = |n: &String| Ok(f(bound(&format!("groupby(..).{method}"), col(n).get(), plan)?).alias(n));
            names.iter().map(make).collect()
        })
    }

    #[track_caller]
    fn aggregate(
        &self,
        method: &str,
        names: &[String],
        make: impl FnOnce(&super::Plan, &[String]) -> super::Result<Vec<df::Expr>>,
    ) -> DataFrame {
        self.frame.step(method, |b, plan| {
            let failed = |e| Error::engine(&format!("groupby(..).{method}"), &e);
            let keys = self.keys.iter().map(|k| bound("groupby", col(k).get(), plan)).collect::<super::Result<Vec<_>>>()?;
            let results = make(plan, names)?;
            let mut all = self.keys.clone();
            all.extend(results.iter().map(|r| r.schema_name().to_string()));
            unique("groupby", all.iter())?;
            let present = keys.iter().cloned().map(df::Expr::is_not_null).reduce(df::Expr::and);
            let b: LogicalPlanBuilder = match present {
                Some(present) => b.filter(present).map_err(failed)?,
                None => b,
            };
            let b = b.aggregate(keys, results).map_err(failed)?;
            let b = b.project(all.iter().map(|n| bare(n))).map_err(failed)?;
            if self.keys.is_empty() { Ok(b) } else { b.sort(self.keys.iter().map(|k| bare(k).sort(true, false))).map_err(failed) }
        })
    }
}

macro_rules! aggregates {
    ($($(#[$doc:meta])* $name:ident $what:ident;)*) => {
        impl GroupBy {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, columns: impl IntoNames) -> DataFrame {
                self.each(Aggregate::$what, columns.into_names())
            }
        )*}
    };
}
aggregates! {
    /// Sum of the values that are there, of each named column.
    sum Sum;
    /// Mean of the values that are there, of each named column; missing where a group has none.
    mean Mean;
    /// Number of values that are there, of each named column.
    count Count;
    /// Least value, of each named column.
    min Min;
    /// Greatest value, of each named column.
    max Max;
}

impl fmt::Debug for GroupBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupBy(keys: {})", self.keys.join(", "))
    }
}
