//! Steps that reshape a frame: summaries, pivots, melting, dummy columns, correlations.

use crate::error::{During, Error, Result};
use crate::frame::dataframe::DataFrame;
use crate::frame::expr::agg::{Agg, IntoAgg};
use crate::frame::expr::number::number;
use crate::frame::expr::sums::groups::Statistic;
use crate::frame::expr::udf::quantiles_of;
use crate::frame::expr::when::when;
use crate::frame::expr::{Expr, IntoExpr, col, ident};
use crate::frame::plan::aggregate::aggregated;
use crate::frame::plan::order::{numbered, sorted};
use crate::frame::plan::{Plan, resolve};
use crate::frame::types::names::{IntoNames, ROW, check_names};
use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::expr_fn;
use datafusion::logical_expr::{self as df, LogicalPlanBuilder};

pub(in crate::frame) const ORDER: &str = "__rask_order__";

/// Builds numbered rows with names, in a column `column`.
fn named(column: &str, names: &[String]) -> datafusion::error::Result<Plan> {
    let rows = names
        .iter()
        .enumerate()
        .map(|(i, n)| vec![df::lit(i as i64), df::lit(n.as_str())])
        .collect();
    let values = LogicalPlanBuilder::values(rows)?;
    values.project([ident("column1").alias(ORDER), ident("column2").alias(column)])?.build()
}

/// Chooses a value for each of the numbered rows.
fn by_order(values: impl IntoIterator<Item = df::Expr>) -> Result<df::Expr> {
    let choices = values
        .into_iter()
        .enumerate()
        .map(|(i, v)| (Box::new(df::lit(i as i64)), Box::new(v)))
        .collect();
    Ok(df::Expr::Case(df::Case::new(Some(Box::new(ident(ORDER))), choices, None)))
}

/// Lays out a plan of one row as a table: `rows` names its rows in the column `label`, and `cells`
/// lists each column.
fn laid_out(
    method: &str,
    plan: Plan,
    label: &str,
    rows: &[String],
    cells: Vec<(String, Vec<df::Expr>)>,
) -> Result<LogicalPlanBuilder> {
    let b = LogicalPlanBuilder::from(plan)
        .cross_join(named(label, rows).during(method)?)
        .during(method)?;
    let b = sorted(b, [ident(ORDER).sort(true, false)], None).during(method)?;
    let mut columns = vec![ident(label)];
    for (name, values) in cells {
        columns.push(by_order(values)?.alias(name));
    }
    b.project(columns).during(method)
}

fn numeric(plan: &Plan) -> Vec<String> {
    plan.schema()
        .fields()
        .iter()
        .filter(|f| f.data_type().is_numeric())
        .map(|f| f.name().clone())
        .collect()
}

impl DataFrame {
    /// Computes the count, mean, standard deviation, minimum, quartiles and maximum of each numeric
    /// column; the quartiles are exact. For a frame without numeric columns: the count, the number
    /// of distinct values, the most frequent value and its frequency.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("x", Series::from_iter([1.0, 2.0, 3.0, 4.0]))]);
    /// let d = df.describe().compute()?;
    /// assert_eq!(d.column("statistic")?.to_vec::<String>()?[4..], ["25%", "50%", "75%", "max"]);
    /// assert_eq!(d.column("x")?.to_vec::<f64>()?[4..], [1.75, 2.5, 3.25, 4.0]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn describe(&self) -> Self {
        self.described(&[0.25, 0.5, 0.75])
    }

    /// Summarizes the columns like [`describe`](DataFrame::describe), with other quantiles, from 0
    /// to 1.
    #[track_caller]
    pub fn describe_with(&self, quantiles: impl AsRef<[f64]>) -> Self {
        self.described(quantiles.as_ref())
    }

    #[inline(never)]
    #[track_caller]
    fn described(&self, quantiles: &[f64]) -> Self {
        match self.quiet() {
            Ok(plan) if numeric(plan).is_empty() => self.described_texts(),
            _ => self.step("describe", |_, plan| {
                let columns = numeric(plan);
                if let Some(q) = quantiles.iter().find(|q| !(0.0..=1.0).contains(*q)) {
                    return Err(Error::bad_argument(
                        "describe",
                        format!("`q` must be between 0 and 1, got {q}"),
                    ));
                }
                let first = [Agg::Count, Agg::Mean, Agg::Std, Agg::Min];
                let hidden = |c: &str, what: &str| format!("__rask_{what}__{c}__");
                let is_integer = |c: &str| {
                    plan.schema()
                        .field_with_unqualified_name(c)
                        .is_ok_and(|f| f.data_type().is_integer())
                };
                let (mut made, mut cells) = (Vec::new(), Vec::new());
                for (c, list) in columns.iter().map(|c| {
                    (c, quantiles_of(df::cast(number(ident(c)), DataType::Float64), quantiles))
                }) {
                    let value = || number(ident(c));
                    let x = || df::cast(value(), DataType::Float64);
                    let part = |agg: &Agg| match agg {
                        Agg::Count => expr_fn::count(value()),
                        Agg::Mean if is_integer(c) => Statistic::Mean.of(vec![value()]),
                        Agg::Mean => Statistic::Mean.of(vec![x()]),
                        Agg::Std => Statistic::Deviation(1).of(vec![x()]),
                        Agg::Min => expr_fn::min(value()),
                        _ => expr_fn::max(value()),
                    };
                    made.extend(
                        first
                            .iter()
                            .chain([&Agg::Max])
                            .map(|a| part(a).alias(hidden(c, &a.name()))),
                    );
                    made.push(list.alias(hidden(c, "quantiles")));
                    let float = |name: &str| df::cast(ident(&hidden(c, name)), DataType::Float64);
                    let quantile = |i: usize| {
                        Expr::new(ident(&hidden(c, "quantiles"))).list().get(i as i64).get().clone()
                    };
                    let middle = (0..quantiles.len()).map(quantile);
                    let all =
                        first.iter().map(|a| float(&a.name())).chain(middle).chain([float("max")]);
                    cells.push((c.clone(), all.collect()));
                }
                let one = LogicalPlanBuilder::from(plan.clone())
                    .aggregate(Vec::<df::Expr>::new(), made)
                    .and_then(LogicalPlanBuilder::build);
                let rows = first
                    .map(Agg::name)
                    .into_iter()
                    .chain(quantiles.iter().map(|q| format!("{}%", (q * 1e6).round() / 1e4)));
                let rows: Vec<_> = rows.chain(["max".to_owned()]).collect();
                laid_out("describe", one.during("describe")?, "statistic", &rows, cells)
            }),
        }
    }

    #[track_caller]
    fn described_texts(&self) -> Self {
        let Ok(names) = self.columns() else { return self.clone() };
        let mut plans = Vec::new();
        for name in &names {
            let counted = self.counted(std::slice::from_ref(name));
            match counted.quiet() {
                Ok(plan) => plans.push(plan.clone()),
                Err(_) => return counted,
            }
        }
        self.step("describe", |_, plan| {
            let specs: Vec<_> = names
                .iter()
                .flat_map(|n| {
                    [
                        (format!("count.{n}"), n.clone(), Agg::Count),
                        (format!("unique.{n}"), n.clone(), Agg::Nunique),
                    ]
                })
                .collect();
            let mut one = aggregated("describe", plan, &[], &specs)?;
            for (name, counts) in names.iter().zip(plans) {
                // One row, even if there are no values.
                let place = LogicalPlanBuilder::empty(true)
                    .project([df::lit(0i64).alias(format!("place.{name}"))]);
                let columns = [
                    ident(name).alias(format!("top.{name}")),
                    ident("count").alias(format!("freq.{name}")),
                ];
                let top = LogicalPlanBuilder::from(counts)
                    .limit(0, Some(1))
                    .and_then(|b| b.project(columns))
                    .and_then(LogicalPlanBuilder::build);
                let padded = place
                    .and_then(|b| b.join_on(top?, df::JoinType::Left, [df::lit(true)]))
                    .and_then(LogicalPlanBuilder::build);
                one = one.cross_join(padded.during("describe")?).during("describe")?;
            }
            let rows = ["count", "unique", "top", "freq"].map(str::to_owned);
            let cells = names.iter().map(|n| {
                (
                    n.clone(),
                    rows.iter()
                        .map(|r| df::cast(ident(&format!("{r}.{n}")), DataType::Utf8))
                        .collect(),
                )
            });
            laid_out(
                "describe",
                one.build().during("describe")?,
                "statistic",
                &rows,
                cells.collect(),
            )
        })
    }

    /// Computes the correlations of all pairs of numeric columns, each over the rows where both
    /// values are non-null.
    #[track_caller]
    pub fn corr(&self) -> Self {
        self.pairwise("corr", Statistic::Correlation)
    }

    /// Computes the covariances of all pairs of numeric columns, with n - 1, each over the rows
    /// where both values are non-null.
    #[track_caller]
    pub fn cov(&self) -> Self {
        self.pairwise("cov", Statistic::Covariance(1))
    }

    #[inline(never)]
    #[track_caller]
    fn pairwise(&self, method: &str, statistic: Statistic) -> Self {
        self.step(method, |b, plan| {
            let columns = numeric(plan);
            if columns.is_empty() {
                return Err(Error::bad_argument(
                    method,
                    "the frame has no numeric columns".to_owned(),
                ));
            }
            let name = |i: usize, j: usize| format!("__rask_{}_{}__", i.min(j), i.max(j));
            let x = |i: usize| df::cast(number(ident(&columns[i])), DataType::Float64);
            let pairs = (0..columns.len()).flat_map(|i| (i..columns.len()).map(move |j| (i, j)));
            let made: Vec<_> =
                pairs.map(|(i, j)| statistic.of(vec![x(i), x(j)]).alias(name(i, j))).collect();
            let one = b
                .aggregate(Vec::<df::Expr>::new(), made)
                .and_then(LogicalPlanBuilder::build)
                .during(method)?;
            let cell = |i: usize| {
                (columns[i].clone(), (0..columns.len()).map(|j| ident(&name(i, j))).collect())
            };
            laid_out(method, one, "column", &columns, (0..columns.len()).map(cell).collect())
        })
    }

    /// Unpivots columns into rows: for each of `values`, a row with the `ids`, the column's name in
    /// `variable` and its value in `value`.
    #[track_caller]
    pub fn melt(&self, ids: impl IntoNames, values: impl IntoNames) -> Self {
        self.melted(&ids.into_names(), &values.into_names())
    }

    #[inline(never)]
    #[track_caller]
    fn melted(&self, ids: &[String], values: &[String]) -> Self {
        self.step("melt", |_, plan| {
            ids.iter()
                .chain(values)
                .try_for_each(|n| resolve("melt", col(n).get(), plan).map(drop))?;
            check_names("melt", ids.iter().chain([&"variable".to_owned(), &"value".to_owned()]))?;
            let all = LogicalPlanBuilder::from(numbered(plan).during("melt")?)
                .cross_join(named("variable", values).during("melt")?);
            let b = all
                .and_then(|b| {
                    sorted(b, [ident(ORDER).sort(true, false), ident(ROW).sort(true, false)], None)
                })
                .during("melt")?;
            let value = by_order(values.iter().map(|n| ident(n)))?.alias("value");
            b.project(ids.iter().map(|n| ident(n)).chain([ident("variable"), value])).during("melt")
        })
    }

    /// Creates a row for each value of `index` and a column for each value of `columns`, in order,
    /// with an aggregation of `values` in each cell. The values of `columns` are computed
    /// immediately, as they name the columns.
    #[track_caller]
    pub fn pivot_table(
        &self,
        index: impl IntoNames,
        columns: &str,
        values: &str,
        agg: impl IntoAgg,
    ) -> Self {
        self.pivot_by(&index.into_names(), columns, values, agg.into_agg())
    }

    #[inline(never)]
    #[track_caller]
    fn pivot_by(&self, index: &[String], columns: &str, values: &str, agg: Result<Agg>) -> Self {
        match agg {
            Ok(agg) => self.pivoted(index, columns, values, agg),
            Err(e) => Self::from_result(Err(e)),
        }
    }

    #[inline(never)]
    #[track_caller]
    fn pivoted(&self, index: &[String], columns: &str, values: &str, agg: Agg) -> Self {
        let found = match self.values_of("pivot_table", columns) {
            Ok(found) => found,
            Err(e) => return Self::from_result(Err(e)),
        };
        let hidden = |i: usize| format!("__rask_v{i}__");
        let marked = |i: usize| format!("__rask_m{i}__");
        let value = |(i, (_, v)): (usize, &(String, Expr))| {
            (hidden(i), when(col(columns).eq(v)).then(col(values)).into_expr())
        };
        let marker = |(i, (_, v)): (usize, &(String, Expr))| {
            (marked(i), when(col(columns).eq(v)).then(1).into_expr())
        };
        let all = found.iter().enumerate();
        let wide = self.put_columns(
            "pivot_table",
            all.clone().map(value).chain(all.clone().map(marker)).collect(),
        );
        let specs = all.clone().flat_map(|(i, (name, _))| {
            [
                if agg == Agg::Size {
                    (name.clone(), marked(i), Agg::Count)
                } else {
                    (name.clone(), hidden(i), agg)
                },
                (marked(i), marked(i), Agg::Count),
            ]
        });
        let cells = wide
            .filter(col(columns).is_not_null())
            .groupby(index)
            .aggregate("pivot_table", specs.collect());
        // Where no row has both values, there is nothing to add up or to count.
        let cell = |(i, (name, _)): (usize, &(String, Expr))| {
            (name.clone(), when(col(&marked(i)).gt(0)).then(col(name)).into_expr())
        };
        cells
            .put_columns("pivot_table", all.map(cell).collect())
            .drop((0..found.len()).map(marked).collect::<Vec<_>>())
    }

    /// Computes the distinct values of a column in order, as strings and as constants.
    #[track_caller]
    fn values_of(&self, method: &str, column: &str) -> Result<Vec<(String, Expr)>> {
        const MOST: usize = 10_000;
        let values = self.col(column).unique().to_frame().dropna().sort_values(column).compute()?;
        let array = values.batch().column(0).clone();
        if array.len() > MOST {
            return Err(Error::bad_argument(
                method,
                format!(
                    "{column:?} has {} distinct values, each of which would become a column; expected at most {MOST}",
                    array.len()
                ),
            ));
        }
        let texts = cast(&array, &DataType::Utf8)
            .map_err(|e| Error::bad_argument(method, e.to_string()))?;
        let constant = |i: usize| {
            let value = ScalarValue::try_from_array(&array, i).during(method)?;
            Ok((
                texts.as_string::<i32>().value(i).to_owned(),
                Expr::new(df::Expr::Literal(value, None)),
            ))
        };
        (0..array.len()).map(constant).collect()
    }

    /// Replaces a column by a boolean column for each of its values, in order, named
    /// `column_value`, that is true where the row has the value. The values are computed
    /// immediately, as they name the columns.
    #[track_caller]
    pub fn get_dummies(&self, column: &str) -> Self {
        match self.values_of("get_dummies", column) {
            Ok(values) => {
                let one = |(name, value): (String, Expr)| {
                    (format!("{column}_{name}"), col(column).eq(value).fillna(false))
                };
                self.put_columns("get_dummies", values.into_iter().map(one).collect()).drop(column)
            }
            Err(e) => Self::from_result(Err(e)),
        }
    }
}
