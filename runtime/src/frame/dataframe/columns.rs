//! Steps that select, rename and change columns and rows, with pandas' names.

use crate::error::{During, Error, ErrorKind, Result};
use crate::frame::dataframe::{DataFrame, sql};
use crate::frame::expr::agg::{Agg, IntoSpec, Spec, aggregates, specs};
use crate::frame::expr::{Expr, IntoExpr, col, ident};
use crate::frame::plan::aggregate::aggregated;
use crate::frame::plan::order::{indexed, numbered, sorted};
use crate::frame::plan::{Plan, names_of, resolve};
use crate::frame::types::dtype::{self, DType};
use crate::frame::types::names::{IntoNames, ROW, check_names, free, put_pair};
use crate::frame::types::table::Table;
use datafusion::functions_aggregate::expr_fn;
use datafusion::logical_expr::{self as df, LogicalPlanBuilder};

/// Builds the columns of a step that renames those of `names` and keeps all others.
fn renamed(method: &str, plan: &Plan, names: &[(String, String)]) -> Result<Vec<df::Expr>> {
    let have = names_of(plan);
    for (old, _) in names {
        resolve(method, col(old).get(), plan)?;
    }
    let new: Vec<_> = have
        .iter()
        .map(|n| names.iter().find(|(old, _)| old == n).map_or(n, |(_, new)| new))
        .collect();
    check_names(method, new.iter().copied())?;
    Ok(have.iter().zip(new).map(|(old, new)| ident(old).alias(new)).collect())
}

/// Collects columns with their names, as a user lists them.
pub(in crate::frame) fn named<N: AsRef<str>, E: IntoExpr>(
    columns: impl IntoIterator<Item = (N, E)>,
) -> Vec<(String, Expr)> {
    let mut all = Vec::new();
    for (name, value) in columns {
        put_named(&mut all, name.as_ref(), value.into_expr());
    }
    all
}

#[inline(never)]
fn put_named(all: &mut Vec<(String, Expr)>, name: &str, value: Expr) {
    all.push((name.to_owned(), value));
}

impl DataFrame {
    #[track_caller]
    pub(in crate::frame) fn project(
        &self,
        method: &str,
        make: impl FnOnce(&Plan) -> Result<Vec<df::Expr>>,
    ) -> Self {
        self.step(method, |b, plan| b.project(make(plan)?).during(method))
    }

    /// Renames columns: pairs of the old and the new name.
    #[track_caller]
    pub fn rename<A: AsRef<str>, B: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = (A, B)>,
    ) -> Self {
        let mut pairs = Vec::new();
        for (old, new) in names {
            put_pair(&mut pairs, old.as_ref(), new.as_ref());
        }
        self.rename_pairs(&pairs)
    }

    #[inline(never)]
    #[track_caller]
    fn rename_pairs(&self, names: &[(String, String)]) -> Self {
        match free("rename", names.iter().map(|(_, new)| new)) {
            Ok(()) => self.renamed(names),
            Err(e) => self.failed(e),
        }
    }

    /// Renames columns; the new names may be hidden ones.
    #[track_caller]
    pub(in crate::frame) fn renamed(&self, names: &[(String, String)]) -> Self {
        self.project("rename", |plan| renamed("rename", plan, names))
    }

    /// Renames all columns with a closure.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("Id", Series::from_iter([1i64]))]).rename_with(|name| name.to_lowercase());
    /// assert_eq!(df.columns()?, ["id"]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn rename_with(&self, new: impl Fn(&str) -> String) -> Self {
        self.rename_each("rename_with", &new)
    }

    /// Adds a prefix to the names of all columns.
    #[track_caller]
    pub fn add_prefix(&self, prefix: &str) -> Self {
        self.rename_each("add_prefix", &|n| format!("{prefix}{n}"))
    }

    /// Adds a suffix to the names of all columns.
    #[track_caller]
    pub fn add_suffix(&self, suffix: &str) -> Self {
        self.rename_each("add_suffix", &|n| format!("{n}{suffix}"))
    }

    #[inline(never)]
    #[track_caller]
    fn rename_each(&self, method: &str, new: &dyn Fn(&str) -> String) -> Self {
        self.project(method, |plan| {
            let names: Vec<_> = names_of(plan).into_iter().map(|n| (n.clone(), new(&n))).collect();
            free(method, names.iter().map(|(_, new)| new))?;
            renamed(method, plan, &names)
        })
    }

    /// Removes columns.
    #[track_caller]
    pub fn drop(&self, columns: impl IntoNames) -> Self {
        self.without(&columns.into_names())
    }

    #[inline(never)]
    #[track_caller]
    fn without(&self, columns: &[String]) -> Self {
        self.project("drop", |plan| {
            columns.iter().try_for_each(|n| resolve("drop", col(n).get(), plan).map(drop))?;
            Ok(names_of(plan).iter().filter(|n| !columns.contains(n)).map(|n| ident(n)).collect())
        })
    }

    /// Adds or replaces several columns, each computed from the original columns.
    #[track_caller]
    pub fn with_columns<N: AsRef<str>, E: IntoExpr>(
        &self,
        columns: impl IntoIterator<Item = (N, E)>,
    ) -> Self {
        self.put_named("with_columns", named(columns))
    }

    /// Adds or replaces several columns; the same as [`with_columns`](DataFrame::with_columns),
    /// under pandas' name.
    #[track_caller]
    pub fn assign<N: AsRef<str>, E: IntoExpr>(
        &self,
        columns: impl IntoIterator<Item = (N, E)>,
    ) -> Self {
        self.put_named("assign", named(columns))
    }

    /// Selects the columns of numbers (`"number"`), integers (`"integer"`), floats (`"float"`),
    /// strings (`"str"`), or of a type given by name (`"int64"`, `"datetime"`).
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("x", Series::from_iter([1.5])), ("s", Series::from_iter(["a"]))]);
    /// assert_eq!(df.select_dtypes("number").columns()?, ["x"]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn select_dtypes(&self, kind: &str) -> Self {
        self.project("select_dtypes", |plan| {
            let fits = dtype::named(kind)
                .ok_or_else(|| Error::bad_argument("select_dtypes", dtype::unknown(kind)))?;
            let fields =
                plan.schema().fields().iter().filter(|f| fits(&DType::of(f.data_type()), kind));
            Ok(fields.map(|f| ident(f.name())).collect())
        })
    }

    /// Changes the values of the columns whose type passes a test.
    #[inline(never)]
    #[track_caller]
    pub(in crate::frame) fn each_column(
        &self,
        method: &str,
        fits: &dyn Fn(&arrow::datatypes::DataType) -> bool,
        change: &dyn Fn(&Expr) -> Expr,
    ) -> Self {
        let Ok(plan) = self.quiet() else { return self.clone() };
        let columns = plan.schema().fields().iter().filter(|f| fits(f.data_type()));
        self.put_columns(
            method,
            columns.map(|f| (f.name().clone(), change(&col(f.name())))).collect(),
        )
    }

    /// Returns the rows without nulls.
    #[track_caller]
    pub fn dropna(&self) -> Self {
        self.dropna_of("dropna", None)
    }

    /// Returns the rows without nulls in these columns.
    #[track_caller]
    pub fn dropna_in(&self, columns: impl IntoNames) -> Self {
        self.dropna_of("dropna_in", Some(columns.into_names()))
    }

    #[inline(never)]
    #[track_caller]
    fn dropna_of(&self, method: &str, columns: Option<Vec<String>>) -> Self {
        self.step(method, |b, plan| {
            let columns = columns.unwrap_or_else(|| names_of(plan));
            let there = columns
                .iter()
                .map(|n| resolve(method, col(n).notna().get(), plan))
                .collect::<Result<Vec<_>>>()?;
            match there.into_iter().reduce(df::Expr::and) {
                Some(there) => b.filter(there).during(method),
                None => Ok(b),
            }
        })
    }

    /// Replaces nulls in all columns that have the type of the value: a number in numeric columns,
    /// a string in string columns.
    #[track_caller]
    pub fn fillna(&self, value: impl IntoExpr) -> Self {
        self.fill(&value.into_expr())
    }

    #[inline(never)]
    #[track_caller]
    fn fill(&self, value: &Expr) -> Self {
        self.fitting("fillna", value, &|x, value| x.fillna(value))
    }

    /// Changes the values of the columns that have the type of a value.
    #[inline(never)]
    #[track_caller]
    pub(in crate::frame) fn fitting(
        &self,
        method: &str,
        value: &Expr,
        change: &dyn Fn(&Expr, &Expr) -> Expr,
    ) -> Self {
        let kind = match value.get() {
            df::Expr::Literal(v, _) => v.data_type(),
            _ => arrow::datatypes::DataType::Null,
        };
        let fits = |t: &arrow::datatypes::DataType| {
            t.is_numeric() && kind.is_numeric()
                || t.is_string() && kind.is_string()
                || *t == kind
                || kind.is_null()
        };
        self.each_column(method, &fits, &|x| change(x, value))
    }

    /// Returns whether each value is null.
    #[track_caller]
    pub fn isna(&self) -> Self {
        self.each_column("isna", &|_| true, &Expr::isna)
    }

    /// Returns whether each value is not null.
    #[track_caller]
    pub fn notna(&self) -> Self {
        self.each_column("notna", &|_| true, &Expr::notna)
    }

    /// Fills each null with the last non-null value before.
    #[track_caller]
    pub fn ffill(&self) -> Self {
        self.each_column("ffill", &|_| true, &Expr::ffill)
    }

    /// Fills each null with the next non-null value after.
    #[track_caller]
    pub fn bfill(&self) -> Self {
        self.each_column("bfill", &|_| true, &Expr::bfill)
    }

    /// Shifts all columns by `periods` rows.
    #[track_caller]
    pub fn shift(&self, periods: i64) -> Self {
        self.each_column("shift", &|_| true, &|x| x.shift(periods))
    }

    /// Casts columns: pairs of a column and its new type.
    #[track_caller]
    pub fn astype<N: AsRef<str>>(&self, types: impl IntoIterator<Item = (N, DType)>) -> Self {
        let mut columns = Vec::new();
        for (name, dtype) in types {
            let name = name.as_ref();
            put_named(&mut columns, name, col(name).astype(dtype));
        }
        self.put_columns("astype", columns)
    }

    /// Computes the last `n` rows.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn tail(&self, n: usize) -> Result<Table> {
        let last = self.step("tail", |_, plan| {
            let plan = numbered(plan).during("tail")?;
            let b =
                sorted(LogicalPlanBuilder::from(plan), [ident(ROW).sort(false, false)], Some(n));
            b.and_then(|b| sorted(b, [ident(ROW).sort(true, false)], None)).during("tail")
        });
        last.unnumbered(self).compute()
    }

    /// Selects the columns of `like`, in its order, without row numbers.
    #[track_caller]
    pub(in crate::frame) fn unnumbered(&self, like: &Self) -> Self {
        match like.quiet() {
            Ok(plan) => {
                let names = names_of(plan);
                self.project("order", |_| Ok(names.iter().map(|n| ident(n)).collect()))
            }
            Err(_) => self.clone(),
        }
    }

    /// Returns the `n` rows with the largest values of a column, largest first; among equal ones,
    /// those that come first.
    #[track_caller]
    pub fn nlargest(&self, n: usize, column: &str) -> Self {
        self.top("nlargest", n, column, false)
    }

    /// Returns the `n` rows with the smallest values of a column, smallest first; among equal ones,
    /// those that come first.
    #[track_caller]
    pub fn nsmallest(&self, n: usize, column: &str) -> Self {
        self.top("nsmallest", n, column, true)
    }

    #[inline(never)]
    #[track_caller]
    fn top(&self, method: &str, n: usize, column: &str, ascending: bool) -> Self {
        let sorted = self.step(method, |_, plan| {
            let key = resolve(method, col(column).get(), plan)?;
            let b = LogicalPlanBuilder::from(numbered(plan).during(method)?);
            sorted(b, [key.sort(ascending, false), ident(ROW).sort(true, false)], Some(n))
                .during(method)
        });
        sorted.unnumbered(self)
    }

    /// Returns the distinct rows: the first of each set of equal rows.
    #[track_caller]
    pub fn drop_duplicates(&self) -> Self {
        self.distinct("drop_duplicates", None)
    }

    /// Returns the first row for each combination of values of these columns.
    #[track_caller]
    pub fn drop_duplicates_by(&self, columns: impl IntoNames) -> Self {
        self.distinct("drop_duplicates_by", Some(columns.into_names()))
    }

    #[inline(never)]
    #[track_caller]
    pub(in crate::frame) fn distinct(&self, method: &str, by: Option<Vec<String>>) -> Self {
        let first = self.step(method, |b, plan| {
            let all = names_of(plan);
            if all.is_empty() {
                return Ok(b);
            }
            let by = by.unwrap_or_else(|| all.clone());
            let keys = by
                .iter()
                .map(|n| resolve(method, col(n).get(), plan))
                .collect::<Result<Vec<_>>>()?;
            let row = || vec![ident(ROW).sort(true, false)];
            let others = all.iter().filter(|n| !by.contains(n));
            let mut firsts: Vec<_> =
                others.map(|n| expr_fn::first_value(ident(n), row()).alias(n)).collect();
            firsts.push(expr_fn::min(ident(ROW)).alias(ROW));
            let b = LogicalPlanBuilder::from(numbered(plan).during(method)?)
                .aggregate(keys, firsts)
                .during(method)?;
            sorted(b, row(), None).during(method)
        });
        first.unnumbered(self)
    }

    /// Creates a row for each item of the lists in a column; an empty or null list gives one row
    /// with a null.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("t", Series::from_iter(["a b", "c"]))]).with_column("t", col("t").str().split(" "));
    /// assert_eq!(df.explode("t").compute()?.column("t")?.to_vec::<String>()?, ["a", "b", "c"]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn explode(&self, column: &str) -> Self {
        self.step("explode", |_, plan| {
            resolve("explode", col(column).get(), plan)?;
            let field = plan.schema().field_with_unqualified_name(column).during("explode")?;
            let arrow::datatypes::DataType::List(_) = field.data_type() else {
                let (dtype, wanted) =
                    (DType::of(field.data_type()).to_string(), "a list".to_owned());
                let hint =
                    "str().split(..) and str().findall(..) return lists of strings".to_owned();
                return Err(ErrorKind::WrongType {
                    method: "explode".to_owned(),
                    column: column.to_owned(),
                    dtype,
                    wanted,
                    hint,
                }
                .into());
            };
            let null_handling = datafusion::common::NullHandling::PreserveAndExpandEmpty;
            let options = datafusion::common::UnnestOptions { null_handling, ..Default::default() };
            // Row numbers keep the rows in order, which DataFusion's unnest alone does not.
            let names = names_of(plan);
            let b = LogicalPlanBuilder::from(numbered(plan).during("explode")?);
            let b = b.project(names.iter().map(|n| ident(n))).during("explode")?;
            b.unnest_column_with_options(
                datafusion::common::Column::new_unqualified(column),
                options,
            )
            .during("explode")
        })
    }

    /// Adds the row index, from 0, as the first column, with this name.
    #[track_caller]
    pub fn with_row_index(&self, name: &str) -> Self {
        match free("with_row_index", [&name.to_owned()]) {
            Ok(()) => self.with_places(name),
            Err(e) => self.failed(e),
        }
    }

    /// Adds the row index as the first column, whose name may be a hidden one.
    #[track_caller]
    pub(in crate::frame) fn with_places(&self, name: &str) -> Self {
        self.step("with_row_index", |_, plan| {
            let mut names = vec![name.to_owned()];
            names.extend(names_of(plan));
            check_names("with_row_index", names.iter())?;
            let indexed = indexed(plan, name).during("with_row_index")?;
            LogicalPlanBuilder::from(indexed)
                .project(names.iter().map(|n| ident(n)))
                .during("with_row_index")
        })
    }

    /// Adds the row index, from 0, as the first column `index`.
    #[track_caller]
    pub fn reset_index(&self) -> Self {
        self.with_row_index("index")
    }

    /// Returns the rows for which a condition in SQL holds: `"x > 15 and c = 'a'"`; `==` is
    /// accepted for `=`.
    #[track_caller]
    pub fn query(&self, condition: &str) -> Self {
        match self.quiet().and_then(|plan| sql::expression("query", condition, plan)) {
            Ok(condition) => self.filter_by(&condition),
            Err(_) if self.quiet().is_err() => self.clone(),
            Err(e) => Self::from_result(Err(e)),
        }
    }

    /// Adds a column computed by an expression in SQL: `"w * 2 + r"`.
    #[track_caller]
    pub fn eval(&self, name: &str, expression: &str) -> Self {
        match self.quiet().and_then(|plan| sql::expression("eval", expression, plan)) {
            Ok(value) => self.put_named("eval", vec![(name.to_owned(), value)]),
            Err(_) if self.quiet().is_err() => self.clone(),
            Err(e) => Self::from_result(Err(e)),
        }
    }

    /// Computes the number of rows and of columns.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    pub fn shape(&self) -> Result<(usize, usize)> {
        Ok((self.len()?, self.columns()?.len()))
    }

    /// Calls a closure with the frame, for custom steps in a method chain.
    pub fn pipe<R>(&self, step: impl FnOnce(&Self) -> R) -> R {
        step(self)
    }

    /// Computes several results as one row: each with its name, the column and the aggregation;
    /// without a name, a result is named after its column.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("x", Series::from_iter([1.0, 4.0]))]);
    /// let t = df.agg([("total", "x", "sum"), ("top", "x", "max")]).compute()?;
    /// assert_eq!(t.column("total")?.to_vec::<f64>()?, [5.0]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn agg<S: IntoSpec>(&self, results: impl IntoIterator<Item = S>) -> Self {
        self.agg_all(specs(results))
    }

    #[inline(never)]
    #[track_caller]
    fn agg_all(&self, specs: Result<Vec<Spec>>) -> Self {
        self.step("agg", |_, plan| {
            let specs = specs?;
            check_names("agg", specs.iter().map(|s| &s.0))?;
            free("agg", specs.iter().map(|s| &s.0))?;
            aggregated("agg", plan, &[], &specs)
        })
    }

    /// Reduces each column that has the aggregation, as one row.
    #[inline(never)]
    #[track_caller]
    pub(in crate::frame) fn reduced(&self, agg: Agg) -> Self {
        let method = agg.name();
        self.step(&method, |_, plan| {
            let fields = plan.schema().fields();
            let specs: Vec<_> = fields
                .iter()
                .filter(|f| agg.fits(f.data_type()))
                .map(|f| (f.name().clone(), f.name().clone(), agg))
                .collect();
            if specs.is_empty() {
                return Err(Error::bad_argument(
                    &method,
                    "the frame has no numeric columns".to_owned(),
                ));
            }
            aggregated(&method, plan, &[], &specs)
        })
    }
}

macro_rules! define {
    ([] $($(#[$doc:meta])* $name:ident $agg:ident;)*) => {
        impl DataFrame {$(
            $(#[$doc])*
            /// One result for each column of a suitable type, as a single row.
            #[track_caller]
            pub fn $name(&self) -> Self {
                self.reduced(Agg::$agg)
            }
        )*}
    };
}
aggregates!(define);

impl DataFrame {
    /// Computes the sum of each numeric column if at least this many values are not null, else
    /// null; as a single row.
    #[track_caller]
    pub fn sum_min_count(&self, least: usize) -> Self {
        self.reduced(crate::frame::expr::agg::Agg::SumMinCount(least))
    }

    /// Computes a quantile of each numeric column, exactly; as a single row.
    #[track_caller]
    pub fn quantile(&self, share: f64) -> Self {
        self.reduced(crate::frame::expr::agg::Agg::Quantile(share))
    }
}

macro_rules! for_numbers {
    ($($(#[$doc:meta])* $name:ident($($a:ident: $t:ty),*);)*) => {
        impl DataFrame {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, $($a: $t),*) -> Self {
                self.each_column(stringify!($name), &arrow::datatypes::DataType::is_numeric, &|x| x.$name($($a),*))
            }
        )*}
    };
}
for_numbers! {
    /// Computes absolute values of the numeric columns; other columns are unchanged.
    abs();
    /// Rounds the numeric columns to a number of decimal places; other columns are unchanged.
    round(decimals: i32);
    /// Clips the numeric columns to two bounds; other columns are unchanged.
    clip(low: f64, high: f64);
    /// Computes differences from the values `periods` rows before in the numeric columns; other
    /// columns are unchanged.
    diff(periods: i64);
    /// Computes cumulative sums of the numeric columns; other columns are unchanged.
    cumsum();
    /// Computes cumulative products of the numeric columns; other columns are unchanged.
    cumprod();
    /// Computes cumulative minimums of the numeric columns; other columns are unchanged.
    cummin();
    /// Computes cumulative maximums of the numeric columns; other columns are unchanged.
    cummax();
}
