//! SQL over frames: a query is one more way to make a frame of other frames.

use super::{DataFrame, Expr, Plan, Table, batches, engine};
use crate::error::{Error, ErrorKind, Result};
use datafusion::catalog::MemoryCatalogProviderList;
use datafusion::common::TableReference;
use datafusion::datasource::ViewTable;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::{SQLOptions, SessionContext};
use std::sync::Arc;

/// What a query can read: frames, and computed tables.
pub trait IntoFrame {
    /// The rows as a frame.
    fn into_frame(self) -> DataFrame;
}

impl IntoFrame for DataFrame {
    fn into_frame(self) -> DataFrame {
        self
    }
}

impl IntoFrame for &DataFrame {
    fn into_frame(self) -> DataFrame {
        self.clone()
    }
}

impl IntoFrame for Table {
    #[track_caller]
    fn into_frame(self) -> DataFrame {
        (&self).into_frame()
    }
}

impl IntoFrame for &Table {
    #[track_caller]
    fn into_frame(self) -> DataFrame {
        DataFrame::from_result(batches(self.batch()))
    }
}

/// A lazy frame from a query over named frames and tables; in a notebook, `%%sql` finds them by itself.
///
/// Names of tables and columns are taken as they are written, in upper and lower case, and otherwise in lower case, as SQL
/// has it. The query may read, not change: `create`, `insert` and the like are refused.
///
/// ```
/// use rask::prelude::*;
/// let df = DataFrame::from_columns([("a", Series::from_iter([1i64, 2, 3]))]);
/// let sum = sql("select sum(a) as s from df where a > 1", [("df", &df)]).compute()?;
/// assert_eq!(sum.column("s")?.to_vec::<i64>()?, [5]);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn sql<N: AsRef<str>, F: IntoFrame>(query: &str, tables: impl IntoIterator<Item = (N, F)>) -> DataFrame {
    query_over(query, &tables.into_iter().map(|(n, f)| (n.as_ref().to_owned(), f.into_frame())).collect::<Vec<_>>())
}

#[inline(never)]
#[track_caller]
pub(super) fn query_over(query: &str, tables: &[(String, DataFrame)]) -> DataFrame {
    let plans = tables.iter().map(|(n, f)| Ok((n.clone(), f.plan()?.clone()))).collect::<Result<Vec<_>>>();
    DataFrame::from_result(plans.and_then(|plans| {
        // SQL's own rule would not find a column with a capital letter in its name.
        plan(query, &plans, false).or_else(|e| plan(query, &plans, true).map_err(|_| e))
    }))
}

/// An expression in SQL over the columns of a plan; `==` may stand for `=`.
pub(super) fn expression(method: &str, text: &str, plan: &Plan) -> Result<Expr> {
    // What stands inside of quotes is left as it is.
    let mut quote = None;
    let mut sql = String::with_capacity(text.len());
    for c in text.chars() {
        match quote {
            Some(q) if q == c => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == '=' && sql.ends_with('=') && !sql.ends_with("<=") && !sql.ends_with(">=") => continue,
            _ => {}
        }
        sql.push(c);
    }
    let read = |lower_case: bool| {
        let state = engine::session().state();
        let mut config = state.config().clone();
        config.options_mut().sql_parser.enable_ident_normalization = lower_case;
        let state = SessionStateBuilder::new_from_existing(state).with_config(config).build();
        state.create_logical_expr(&sql, plan.schema())
    };
    // SQL's own rule would not find a column with a capital letter in its name.
    read(false).or_else(|e| read(true).map_err(|_| e)).map(Expr::new).map_err(|e| Error::engine(method, &e))
}

fn plan(query: &str, tables: &[(String, Plan)], lower_case: bool) -> Result<Plan> {
    let state = engine::session().state();
    let mut config = state.config().clone().with_create_default_catalog_and_schema(true);
    config.options_mut().sql_parser.enable_ident_normalization = lower_case;
    // A catalogue of its own, so that queries that are planned at the same time do not see each other's names.
    let catalogue = Arc::new(MemoryCatalogProviderList::new());
    let state = SessionStateBuilder::new_from_existing(state).with_catalog_list(catalogue).with_config(config).build();
    let context = SessionContext::new_with_state(state);
    let failed = |e: &datafusion::error::DataFusionError| -> Error {
        let message = e.strip_backtrace();
        // Of a wrapped error, the cause is what a person can act on.
        let message = message.split("caused by").last().unwrap_or(&message).trim().to_owned();
        ErrorKind::Engine { operation: "sql".to_owned(), message }.into()
    };
    for (name, plan) in tables {
        let view = Arc::new(ViewTable::new(plan.clone(), None));
        context.register_table(TableReference::bare(name.as_str()), view).map_err(|e| failed(&e))?;
    }
    let text = query.to_owned();
    let planned = engine::wait(async move { context.state().create_logical_plan(&text).await.map_err(|e| failed(&e)) })?;
    let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    read_only.verify_plan(&planned).map_err(|e| failed(&e))?;
    Ok(planned)
}
