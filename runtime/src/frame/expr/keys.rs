//! Float keys: 0.0 and -0.0 are equal and NaN is null wherever rows are sorted, grouped or looked
//! up by floats. DataFusion's sorts, windows and lists compare bits.

use crate::frame::expr::number::numbers;
use crate::frame::expr::udf::scalar_fn;
use arrow::array::ArrayRef;
use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::utils::{normalize_float_zero, normalize_float_zero_scalar};
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, SortExpr};
use datafusion::optimizer::AnalyzerRule;

/// An analyzer rule that normalizes float keys, in frames as in SQL. It runs whenever a plan is
/// planned, as the types of files may have become wider since the plan was built.
#[derive(Debug)]
pub(in crate::frame) struct FloatKeys;

impl AnalyzerRule for FloatKeys {
    fn name(&self) -> &str {
        "float_keys"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(with_keys).data()
    }
}

/// Replaces -0.0 by 0.0 and NaN by null.
pub(in crate::frame) fn one_value(array: &ArrayRef) -> ArrayRef {
    numbers(&normalize_float_zero(array))
}

/// Builds the key of a value; other types than floats stay unchanged.
pub(in crate::frame) fn key(x: Expr) -> Expr {
    scalar_fn("key", String::new(), vec![x], |t| Ok(t[0].clone()), |a| Ok(one_value(&a[0])))
}

fn with_keys(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    if let LogicalPlan::Sort(mut sort) = plan {
        let changed = sorts(&mut sort.expr, &schema);
        return Ok(Transformed::new_transformed(LogicalPlan::Sort(sort), changed));
    }
    // Columns keep their names: the steps above refer to them.
    let names = NamePreserver::new(&plan);
    let plan = match plan {
        LogicalPlan::Aggregate(mut aggregate) => {
            let mut changed = false;
            for e in aggregate.group_expr.iter_mut().filter(|e| is_float(e, &schema)) {
                let name = names.save(e);
                *e = name.restore(key(std::mem::take(e)));
                changed = true;
            }
            let plan = LogicalPlan::Aggregate(aggregate);
            if changed { plan.recompute_schema()? } else { plan }
        }
        other => other,
    };
    let made = plan.map_expressions(|e| {
        let name = names.save(&e);
        let changed = e.transform_up(|e| Ok(keyed(e, &schema)))?;
        Ok(changed.update_data(|e| name.restore(e)))
    })?;
    if made.transformed { made.map_data(LogicalPlan::recompute_schema) } else { Ok(made) }
}

fn keyed(e: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match e {
        Expr::WindowFunction(mut w) => {
            let p = &mut w.params;
            let changed = keys(&mut p.partition_by, schema) | sorts(&mut p.order_by, schema);
            Transformed::new_transformed(Expr::WindowFunction(w), changed)
        }
        Expr::AggregateFunction(mut a) => {
            let p = &mut a.params;
            let distinct = p.distinct && keys(&mut p.args, schema);
            let changed = sorts(&mut p.order_by, schema) | distinct;
            Transformed::new_transformed(Expr::AggregateFunction(a), changed)
        }
        Expr::InList(mut list) if is_float(&list.expr, schema) => {
            *list.expr = key(*list.expr);
            list.list = list.list.into_iter().map(one_zero).collect();
            Transformed::yes(Expr::InList(list))
        }
        other => Transformed::no(other),
    }
}

fn one_zero(e: Expr) -> Expr {
    match e {
        Expr::Literal(v, metadata) => Expr::Literal(normalize_float_zero_scalar(v), metadata),
        other => key(other),
    }
}

fn is_float(e: &Expr, schema: &DFSchema) -> bool {
    // A key is already normalized.
    let is_key = |e: &Expr| matches!(e, Expr::ScalarFunction(f) if f.name() == "key");
    let is_key = is_key(e) || matches!(e, Expr::Alias(a) if is_key(&a.expr));
    !is_key && e.get_type(schema).is_ok_and(|t| t.is_floating())
}

fn keys(all: &mut [Expr], schema: &DFSchema) -> bool {
    let mut changed = false;
    for e in all.iter_mut().filter(|e| is_float(e, schema)) {
        *e = key(std::mem::take(e));
        changed = true;
    }
    changed
}

fn sorts(all: &mut [SortExpr], schema: &DFSchema) -> bool {
    let mut changed = false;
    for s in all.iter_mut().filter(|s| is_float(&s.expr, schema)) {
        s.expr = key(std::mem::take(&mut s.expr));
        changed = true;
    }
    changed
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn both_zeros_are_one_key_everywhere() {
        let k = [0.0, -0.0, 1.5, -0.0, 1.5];
        let f = DataFrame::from_columns([
            ("k", Series::from_iter(k)),
            ("v", Series::from_iter([1i64, 2, 3, 4, 5])),
        ]);
        let w = DataFrame::from_columns([
            ("k", Series::from_iter([0.0])),
            ("w", Series::from_iter([9i64])),
        ]);
        let v = |f: DataFrame| f.compute().unwrap().column("v").unwrap().to_vec::<i64>().unwrap();
        for parts in [1, 2, 5] {
            let f = f.repartition(parts);
            let n = |f: DataFrame| f.len().unwrap();
            assert_eq!(v(f.groupby("k").sum("v")), [7, 8]);
            assert_eq!(v(f.groupby("k").cumsum("v")), [1, 3, 3, 7, 8]);
            assert_eq!(v(f.groupby("k").head(1)), [1, 3]);
            assert_eq!(v(f.groupby("k").transform("v", "max")), [4, 4, 5, 4, 5]);
            assert_eq!(v(f.drop_duplicates_by("k")), [1, 3]);
            assert_eq!(v(f.merge(&w, "k")), [1, 2, 4]);
            assert_eq!(v(f.sort_values("k")), [1, 2, 4, 3, 5]);
            assert_eq!(v(f.sort_values_descending("k")), [3, 5, 1, 2, 4]);
            assert_eq!(v(f.nsmallest(2, "k")), [1, 2]);
            assert_eq!(v(f.filter(col("k").isin([0.0, 7.0, 8.0, 9.0, 10.0]))), [1, 2, 4]);
            assert_eq!(v(f.with_column("v", col("v").cumsum().over("k"))), [1, 3, 3, 7, 8]);
            assert_eq!((n(f.col("k").value_counts()), f.col("k").unique().len().unwrap()), (2, 2));
            assert!(
                f.col("k").nunique().compute().unwrap() == 2
                    && f.col("k").idxmin().compute().unwrap() == 0
            );
            let ranks = f
                .with_column("r", col("k").rank())
                .compute()
                .unwrap()
                .column("r")
                .unwrap()
                .to_vec::<f64>()
                .unwrap();
            assert_eq!(ranks, [2.0, 2.0, 4.5, 2.0, 4.5]);
            let counted =
                sql("select count(distinct k) as a, count(distinct v) as b from f", [("f", &f)])
                    .compute()
                    .unwrap();
            assert_eq!(counted.column("a").unwrap().to_vec::<i64>().unwrap(), [2]);
            let sizes = f.groupby("k").apply(|g| {
                DataFrame::from_columns([("v", Series::from_iter([g.len() as i64]))]).compute()
            });
            assert_eq!(v(sizes), [3, 2]);
        }
    }

    #[test]
    fn nan_is_one_missing_key() {
        let f = DataFrame::from_columns([(
            "k",
            Series::from_iter([Some(f64::NAN), None, Some(1.0), Some(-f64::NAN)]),
        )]);
        assert_eq!(f.groupby("k").dropna(false).size().len().unwrap(), 2);
        assert_eq!(f.drop_duplicates().len().unwrap(), 2);
        assert_eq!(f.groupby("k").size().len().unwrap(), 1);
    }
}
