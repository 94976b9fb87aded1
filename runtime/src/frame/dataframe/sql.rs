//! SQL over frames: a query creates a frame from other frames.

use crate::error::{During, Error, ErrorKind, Result};
use crate::frame::dataframe::DataFrame;
use crate::frame::dataframe::tables::IntoFrame;
use crate::frame::expr::{Expr, arithmetic};
use crate::frame::plan::{Plan, names_of};
use crate::frame::types::names::distinct;
use crate::frame::{engine, threads};
use arrow::datatypes::Field;
use datafusion::catalog::MemoryCatalogProviderList;
use datafusion::common::TableReference;
use datafusion::common::tree_node::{TransformedResult, TreeNode};
use datafusion::datasource::ViewTable;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::{SQLOptions, SessionContext};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{self as df, LogicalPlanBuilder};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Creates a lazy frame from a query over named frames and tables; in a notebook, `%%sql` finds
/// them by itself.
///
/// Names of tables and columns are first taken as written, and otherwise in lower case, as in SQL.
/// Two columns of one name become `a` and `a.1`. `/` of two integers is an integer, as in standard
/// SQL; in expressions such as `col("a") / 2` it is a float. Queries can only read: `create`,
/// `insert` and the like are rejected.
///
/// ```
/// use rask::prelude::*;
/// let df = DataFrame::from_columns([("a", Series::from_iter([1i64, 2, 3]))]);
/// let sum = sql("select sum(a) as s from df where a > 1", [("df", &df)]).compute()?;
/// assert_eq!(sum.column("s")?.to_vec::<i64>()?, [5]);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn sql<N: AsRef<str>, F: IntoFrame>(
    query: &str,
    tables: impl IntoIterator<Item = (N, F)>,
) -> DataFrame {
    let mut all = Vec::new();
    for (name, frame) in tables {
        put_table(&mut all, name.as_ref(), frame.into_frame());
    }
    query_over(query, &all)
}

#[inline(never)]
fn put_table(all: &mut Vec<(String, DataFrame)>, name: &str, frame: DataFrame) {
    all.push((name.to_owned(), frame));
}

#[inline(never)]
#[track_caller]
pub(in crate::frame) fn query_over(query: &str, tables: &[(String, DataFrame)]) -> DataFrame {
    let plans =
        tables.iter().map(|(n, f)| Ok((n.clone(), f.plan()?.clone()))).collect::<Result<Vec<_>>>();
    DataFrame::from_result(plans.and_then(|plans| {
        // SQL's own rule would not find a column with upper case in its name.
        plan(query, &plans, false).or_else(|e| plan(query, &plans, true).map_err(|_| e))
    }))
}

/// Parses an expression in SQL over the columns of a plan; `==` is accepted for `=`.
pub(in crate::frame) fn expression(method: &str, text: &str, plan: &Plan) -> Result<Expr> {
    // Text inside of quotes is unchanged.
    let mut quote = None;
    let mut sql = String::with_capacity(text.len());
    for c in text.chars() {
        match quote {
            Some(q) if q == c => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == '='
                && sql.ends_with('=')
                && !sql.ends_with("<=")
                && !sql.ends_with(">=") =>
            {
                continue;
            }
            _ => {}
        }
        sql.push(c);
    }
    let read = |lower_case: bool| {
        let state = engine::session().state();
        let mut config = state.config().clone();
        config.options_mut().sql_parser.enable_ident_normalization = lower_case;
        let state = SessionStateBuilder::new_from_existing(state).with_config(config).build();
        let dialect = state.config().options().sql_parser.dialect;
        let parsed = state.sql_to_expr_with_alias(&sql, &dialect)?;
        let planned = state.create_logical_expr_from_sql_expr(parsed.clone(), plan.schema());
        planned.or_else(|e| {
            let mut parsed = parsed;
            if !refuses_negation(&e) {
                return Err(e);
            }
            let _ = ast::VisitMut::visit(&mut parsed.expr, &mut NegateByProduct);
            state.create_logical_expr_from_sql_expr(parsed, plan.schema())
        })
    };
    // SQL's own rule would not find a column with upper case in its name.
    read(false).or_else(|e| read(true).map_err(|_| e)).map(Expr::new).during(method)
}

fn plan(query: &str, tables: &[(String, Plan)], lower_case: bool) -> Result<Plan> {
    let state = engine::session().state();
    let mut config = state.config().clone().with_create_default_catalog_and_schema(true);
    config.options_mut().sql_parser.enable_ident_normalization = lower_case;
    // A catalog of its own, so that concurrently planned queries do not see each other's names.
    let catalogue = Arc::new(MemoryCatalogProviderList::new());
    let state = SessionStateBuilder::new_from_existing(state)
        .with_catalog_list(catalogue)
        .with_config(config)
        .build();
    let context = SessionContext::new_with_state(state);
    let failed = |e: &DataFusionError| -> Error {
        let message = e.strip_backtrace();
        // Of a wrapped error, the cause is what the user can act on.
        let message = message.split("caused by").last().unwrap_or(&message).trim().to_owned();
        ErrorKind::Engine { operation: "sql".to_owned(), message }.into()
    };
    for (name, plan) in tables {
        let view = Arc::new(ViewTable::new(plan.clone(), None));
        context
            .register_table(TableReference::bare(name.as_str()), view)
            .map_err(|e| failed(&e))?;
    }
    let text = query.to_owned();
    let planned = threads::wait(async move {
        let state = context.state();
        let dialect = state.config().options().sql_parser.dialect;
        let mut statement = state.sql_to_statement(&text, &dialect).map_err(|e| failed(&e))?;
        if let Statement::Statement(inner) = &mut statement
            && let ast::Statement::Query(query) = inner.as_mut()
        {
            each_select(&mut query.body, name_apart);
        }
        let planned = match state.statement_to_plan(statement.clone()).await {
            Err(e) if refuses_negation(&e) => {
                if let Statement::Statement(inner) = &mut statement {
                    let _ = ast::VisitMut::visit(inner, &mut NegateByProduct);
                }
                state.statement_to_plan(statement).await
            }
            planned => planned,
        };
        planned.map_err(|e| failed(&e))
    })?;
    let read_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    read_only.verify_plan(&planned).map_err(|e| failed(&e))?;
    with_exact_integers(planned).and_then(with_own_names).map_err(|e| failed(&e))
}

/// Returns whether DataFusion rejected `-x` because `x` is unsigned.
fn refuses_negation(e: &DataFusionError) -> bool {
    e.diagnostic().is_some_and(|d| d.message.starts_with("- cannot be used with UInt"))
}

/// A visitor that replaces each `-x` by `-1 * x`, whose result is signed; columns keep their names.
struct NegateByProduct;

impl ast::VisitorMut for NegateByProduct {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<()> {
        each_select(&mut query.body, name_negations);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, e: &mut ast::Expr) -> ControlFlow<()> {
        if let ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } = e
            && !matches!(expr.as_ref(), ast::Expr::Value(_) | ast::Expr::Interval(_))
        {
            let one = ast::Expr::value(ast::Value::Number("1".to_owned(), false));
            let left =
                Box::new(ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr: Box::new(one) });
            let right = Box::new(ast::Expr::Nested(expr.clone()));
            let product = ast::Expr::BinaryOp { left, op: ast::BinaryOperator::Multiply, right };
            *e = ast::Expr::Nested(Box::new(product));
        }
        ControlFlow::Continue(())
    }
}

/// Names the columns of a select that contain negations as they are written.
fn name_negations(items: &mut [ast::SelectItem]) {
    for item in items {
        if let ast::SelectItem::UnnamedExpr(expr) = item
            && has_negation(expr)
        {
            let alias = ast::Ident::with_quote('"', expr.to_string());
            *item = ast::SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
}

fn has_negation(expr: &ast::Expr) -> bool {
    let negates =
        |e: &ast::Expr| matches!(e, ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, .. });
    ast::visit_expressions(expr, |e| {
        if negates(e) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .is_break()
}

/// Calls `name` with the columns of each select that a query consists of.
fn each_select(query: &mut ast::SetExpr, name: fn(&mut [ast::SelectItem])) {
    match query {
        ast::SetExpr::Query(inner) => each_select(&mut inner.body, name),
        ast::SetExpr::SetOperation { left, right, .. } => {
            each_select(left, name);
            each_select(right, name);
        }
        ast::SetExpr::Select(select) => name(&mut select.projection),
        _ => {}
    }
}

/// Makes the column names of a select unique: DataFusion rejects `select a, a`.
fn name_apart(items: &mut [ast::SelectItem]) {
    let mut named: Vec<_> = items.iter_mut().filter_map(|i| Some((name_of(i)?, i))).collect();
    let mut names: Vec<String> = named.iter().map(|(n, _)| n.clone()).collect();
    distinct(&mut names);
    for ((old, item), name) in named.iter_mut().zip(names) {
        if *old != name
            && let ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. } =
                &**item
        {
            **item = ast::SelectItem::ExprWithAlias {
                expr: expr.clone(),
                alias: ast::Ident::with_quote('"', name),
            };
        }
    }
}

/// Returns the name that a column of a query has.
fn name_of(item: &ast::SelectItem) -> Option<String> {
    match item {
        ast::SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        ast::SelectItem::UnnamedExpr(ast::Expr::Identifier(name)) => Some(name.value.clone()),
        ast::SelectItem::UnnamedExpr(ast::Expr::CompoundIdentifier(parts)) => {
            parts.last().map(|p| p.value.clone())
        }
        ast::SelectItem::UnnamedExpr(other) => Some(other.to_string()),
        _ => None,
    }
}

/// Gives integers in a query the arithmetic of frames: it never wraps around, and differences are
/// signed. Only `/` keeps SQL's meaning.
fn with_exact_integers(plan: Plan) -> DfResult<Plan> {
    let planned = plan.transform_up_with_subqueries(|plan| {
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        let made = plan.map_expressions(|e| {
            let name = names.save(&e);
            let changed = e.transform_up(|e| Ok(arithmetic::exact_integers(e, &schema)))?;
            Ok(changed.update_data(|e| name.restore(e)))
        })?;
        // Types of the inputs may have changed.
        made.map_data(Plan::recompute_schema)
    });
    planned.data()
}

/// Makes the names of the columns that `*` selects unique.
fn with_own_names(plan: Plan) -> DfResult<Plan> {
    let old = names_of(&plan);
    let mut names = old.clone();
    distinct(&mut names);
    if names == old {
        return Ok(plan);
    }
    let column = |((of, field), name): ((Option<&TableReference>, &Arc<Field>), &String)| {
        df::Expr::Column(datafusion::common::Column::new(of.cloned(), field.name())).alias(name)
    };
    let columns: Vec<_> = plan.schema().iter().zip(&names).map(column).collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn columns_of_one_name_are_told_apart() {
        let t = DataFrame::from_columns([
            ("a", Series::from_iter([1i64, 2])),
            ("b", Series::from_iter([3i64, 4])),
        ]);
        let names = |query: &str| sql(query, [("t", &t), ("u", &t)]).compute().unwrap().columns();
        assert_eq!(names("select a, a from t"), ["a", "a.1"]);
        assert_eq!(names("select t.a, u.a, t.b from t join u on t.a = u.a"), ["a", "a.1", "b"]);
        assert_eq!(names("select * from t join u on t.a = u.a"), ["a", "b", "a.1", "b.1"]);
        let twice = sql("select a, b as a from t", [("t", &t)]).compute().unwrap();
        let sum =
            sql("select sum(\"a.1\") as s from twice", [("twice", &twice)]).compute().unwrap();
        assert_eq!(sum.column("s").unwrap().to_vec::<i64>().unwrap(), [7]);
        assert_eq!(twice.rename([("a.1", "c")]).unwrap().columns(), ["a", "c"]);
    }

    #[test]
    fn integers_have_the_arithmetic_of_frames() {
        let t = DataFrame::from_columns([
            ("u", Series::from_iter([1u8, 200])),
            ("i", Series::from_iter([i32::MAX, 7])),
        ]);
        let one = |e: &str| {
            sql(&format!("select {e} as s from t"), [("t", &t)])
                .compute()?
                .column("s")?
                .to_vec::<i64>()
        };
        assert_eq!(one("u - 2").unwrap(), [-1, 198]);
        assert_eq!(one("0 - u").unwrap(), [-1, -200]);
        assert_eq!(one("u * u + i").unwrap(), [1 + i64::from(i32::MAX), 40_007]);
        assert_eq!(one("i / 2").unwrap(), [1_073_741_823, 3]);
        assert_eq!(one("sum(i + 1) over ()").unwrap(), [i64::from(i32::MAX) + 9; 2]);
        for (e, want) in [
            ("-u", [-1, -200]),
            ("-(u + i)", [-1 - i64::from(i32::MAX), -207]),
            ("- -u", [1, 200]),
            ("-u - -3", [2, -197]),
        ] {
            assert_eq!(one(e).unwrap(), want, "{e}");
        }
        let names = sql("select -u, -i, sum(-u) over () as s from t where -u < -100", [("t", &t)])
            .compute()
            .unwrap();
        assert_eq!(
            (names.columns(), names.len()),
            (vec!["-u".to_owned(), "-i".to_owned(), "s".to_owned()], 1)
        );
        let grouped = sql("select -u, count(*) as n from t group by -u order by -u", [("t", &t)])
            .compute()
            .unwrap();
        assert_eq!(grouped.column("-u").unwrap().to_vec::<i64>().unwrap(), [-200, -1]);
        let both = sql("select -u from t union all select -i from t", [("t", &t)]);
        assert_eq!(both.columns().unwrap(), ["-u"]);
        let with_text = t.with_column("s", lit("x"));
        let e = sql("select -s from t", [("t", &with_text)]).compute().unwrap_err().to_string();
        assert!(e.contains("Unary operator '-'"), "{e}");
        assert_eq!(
            t.query("-u < -100").compute().unwrap().column("i").unwrap().to_vec::<i64>().unwrap(),
            [7]
        );
        let e = one("i * 9223372036854775807").unwrap_err().to_string();
        assert!(e.to_lowercase().contains("overflow"), "{e}");
    }

    #[test]
    fn sums_are_exact_and_never_wrap() {
        let t = DataFrame::from_columns([
            ("x", Series::from_iter([1e16, 1.0, -1e16])),
            ("n", Series::from_iter([i64::MAX, 1, -1])),
        ]);
        let one = |query: &str| sql(query, [("t", &t)]).compute().map(|t| t.column("s").unwrap());
        assert_eq!(one("select sum(x) as s from t").unwrap().to_vec::<f64>().unwrap(), [1.0]);
        assert_eq!(one("select sum(n) as s from t").unwrap().to_vec::<i64>().unwrap(), [i64::MAX]);
        let e = one("select sum(n) as s from t where n > 0").unwrap_err().to_string();
        assert!(e.contains("9223372036854775808") && e.contains("64 bits"), "{e}");
        let over =
            one("select sum(x) over (order by n rows 1 preceding) as s from t order by n").unwrap();
        assert_eq!(over.to_vec::<f64>().unwrap(), [-1e16, -1e16 + 1.0, 1e16 + 1.0]);
        let filtered =
            one("select n, sum(x) filter (where x > 2) as s from t group by n order by n").unwrap();
        assert_eq!(filtered.to_vec::<Option<f64>>().unwrap(), [None, None, Some(1e16)]);
        assert_eq!(
            one("select n, sum(x) as s from t where false group by grouping sets ((n), ())")
                .unwrap()
                .len(),
            1
        );
        let beside =
            "select sum(x) as s, count(distinct b) as c from (select x, n > 0 as b from t) as u";
        assert_eq!(one(beside).unwrap().to_vec::<f64>().unwrap(), [1.0]);
        let e = one("select avg(x, n) as s from t").unwrap_err().to_string();
        assert!(e.contains("expected one"), "{e}");
        let e = one("select product(n) over (order by n rows 1 preceding) as s from t")
            .unwrap_err()
            .to_string();
        assert!(!e.is_empty());
        let mean =
            one("select avg(distinct x) as s from (select x from t union all select x from t)")
                .unwrap();
        assert_eq!(mean.to_vec::<f64>().unwrap(), [1.0 / 3.0]);
    }
}
