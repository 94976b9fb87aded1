//! Joins with pandas' names, and concatenation of frames.

use crate::error::{During, Error, Result};
use crate::frame::column::cat;
use crate::frame::dataframe::DataFrame;
use crate::frame::dataframe::tables::IntoFrame;
use crate::frame::expr::{Expr, col, ident};
use crate::frame::plan::order::{numbered, sorted};
use crate::frame::plan::{Plan, names_of, resolve};
use crate::frame::types::category;
use crate::frame::types::dtype::DType;
use crate::frame::types::names::{IntoNames, ROW, check_names};
use datafusion::common::{Column, NullEquality, ScalarValue};
use datafusion::functions::expr_fn as f;
use datafusion::logical_expr::{self as df, JoinType, LogicalPlanBuilder, Union};
use datafusion::optimizer::analyzer::type_coercion::coerce_union_schema;
use std::sync::Arc;

/// The rows that a join keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// Pairs of rows with equal keys.
    Inner,
    /// Also rows of the left frame without a match.
    Left,
    /// Also rows of the right frame without a match.
    Right,
    /// Also rows of both frames without a match.
    Outer,
    /// All pairs of rows.
    Cross,
    /// Rows of the left frame with a match, without the columns of the right one.
    Semi,
    /// Rows of the left frame without a match.
    Anti,
}

impl From<&str> for Join {
    /// Parses pandas' names. An unknown name becomes an inner join, with an error reported under
    /// the cell.
    #[track_caller]
    fn from(name: &str) -> Self {
        const NAMES: [(&str, Join); 7] = [
            ("inner", Join::Inner),
            ("left", Join::Left),
            ("right", Join::Right),
            ("outer", Join::Outer),
            ("cross", Join::Cross),
            ("semi", Join::Semi),
            ("anti", Join::Anti),
        ];
        NAMES.iter().find(|(n, _)| *n == name).map_or_else(
            || {
                let message = format!(
                    "unknown join {name:?}: expected {}",
                    NAMES.map(|(n, _)| format!("{n:?}")).join(", ")
                );
                crate::deferred::note(&Merge::bad(message), std::panic::Location::caller());
                Self::Inner
            },
            |(_, how)| *how,
        )
    }
}

/// A join with options: `Merge::new().how(Join::Left).on("id").join(&left, &right)`.
///
/// Rows are in the order of the left frame, then of the right one; for `Right` in the order of the
/// right one, and for `Outer` sorted by the keys. Columns that both frames have, except the keys,
/// get a suffix on either side. Null keys are equal to each other, as in pandas; see
/// [`nulls_match`](Merge::nulls_match).
///
/// ```
/// use rask::prelude::*;
/// let cities = DataFrame::from_columns([("id", Series::from_iter([1i64, 2])), ("city", Series::from_iter(["Oslo", "Bergen"]))]);
/// let rain = DataFrame::from_columns([("id", Series::from_iter([2i64, 1, 2])), ("mm", Series::from_iter([1.0, 2.0, 3.0]))]);
/// let both = Merge::new().how(Join::Left).on("id").join(&rain, &cities).compute()?;
/// assert_eq!(both.column("city")?.to_vec::<String>()?, ["Bergen", "Oslo", "Bergen"]);
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a join does nothing until it is given frames"]
pub struct Merge {
    how: Join,
    left_on: Vec<String>,
    right_on: Vec<String>,
    suffixes: (String, String),
    indicator: bool,
    nulls_match: bool,
}

impl Default for Merge {
    fn default() -> Self {
        let suffixes = ("_x".to_owned(), "_y".to_owned());
        Self {
            how: Join::Inner,
            left_on: Vec::new(),
            right_on: Vec::new(),
            suffixes,
            indicator: false,
            nulls_match: true,
        }
    }
}

impl Merge {
    /// Creates an inner join on the columns that both frames have.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets which rows are kept. Default: [`Join::Inner`].
    pub fn how(mut self, how: impl Into<Join>) -> Self {
        self.how = how.into();
        self
    }

    /// Sets columns of both frames whose values must be equal. Default: all that both have.
    pub fn on(self, columns: impl IntoNames) -> Self {
        self.keyed(columns.into_names())
    }

    #[inline(never)]
    fn keyed(mut self, columns: Vec<String>) -> Self {
        self.left_on = columns;
        self.right_on.clone_from(&self.left_on);
        self
    }

    /// Sets columns of the left frame whose values must be equal to those of
    /// [`right_on`](Merge::right_on).
    pub fn left_on(mut self, columns: impl IntoNames) -> Self {
        self.left_on = columns.into_names();
        self
    }

    /// Sets columns of the right frame whose values must be equal to those of
    /// [`left_on`](Merge::left_on).
    pub fn right_on(mut self, columns: impl IntoNames) -> Self {
        self.right_on = columns.into_names();
        self
    }

    /// Sets the suffixes of column names that both frames have. Default: `_x` and `_y`.
    pub fn suffixes(mut self, left: &str, right: &str) -> Self {
        self.suffixes = (left.to_owned(), right.to_owned());
        self
    }

    /// Sets whether a column `_merge` is added that says for each row whether it is from `both`,
    /// `left_only` or `right_only`.
    pub fn indicator(mut self, yes: bool) -> Self {
        self.indicator = yes;
        self
    }

    /// Sets whether null keys are equal to each other. Default: true, as in pandas; false is SQL's
    /// rule.
    pub fn nulls_match(mut self, yes: bool) -> Self {
        self.nulls_match = yes;
        self
    }

    /// Joins two frames.
    #[track_caller]
    pub fn join(&self, left: impl IntoFrame, right: impl IntoFrame) -> DataFrame {
        self.of(&left.into_frame(), &right.into_frame())
    }

    #[inline(never)]
    #[track_caller]
    fn of(&self, left: &DataFrame, right: &DataFrame) -> DataFrame {
        let right = match right.quiet() {
            Ok(plan) => plan,
            Err(e) => return DataFrame::from_result(Err(e)),
        };
        left.step("merge", |_, left| self.joined(left, right))
    }

    fn bad(message: String) -> Error {
        Error::bad_argument("merge", message)
    }

    /// Returns the pairs of columns that must be equal.
    fn keys(&self, left: &Plan, right: &Plan) -> Result<Vec<(String, String)>> {
        let (l, r) = (names_of(left), names_of(right));
        if self.how == Join::Cross {
            return Ok(Vec::new());
        }
        if self.left_on.len() != self.right_on.len() {
            let message = format!(
                "left_on names {} columns and right_on {}; expected the same number",
                self.left_on.len(),
                self.right_on.len()
            );
            return Err(Self::bad(message));
        }
        if self.left_on.is_empty() {
            let both: Vec<_> =
                l.iter().filter(|n| r.contains(n)).map(|n| (n.clone(), n.clone())).collect();
            if both.is_empty() {
                return Err(Self::bad(format!(
                    "the frames have no column in common: their columns are {l:?} and {r:?}; help: name the keys with left_on and right_on"
                )));
            }
            return Ok(both);
        }
        let keys: Vec<_> =
            self.left_on.iter().cloned().zip(self.right_on.iter().cloned()).collect();
        for (a, b) in &keys {
            let (x, y) =
                (resolve("merge", col(a).get(), left)?, resolve("merge", col(b).get(), right)?);
            let of =
                |e: &df::Expr, p: &Plan| df::ExprSchemable::get_type(e, p.schema()).during("merge");
            let (x, y) = (of(&x, left)?, of(&y, right)?);
            let fits = x == y
                || x.is_numeric() && y.is_numeric()
                || x.is_temporal() && y.is_temporal()
                || x.is_string() && y.is_string()
                || x.is_null()
                || y.is_null();
            if !fits {
                let (x, y) = (DType::of(&x), DType::of(&y));
                return Err(Self::bad(format!(
                    "cannot join the key {a:?} of the left frame, which is {x}, with {b:?} of the right one, which is {y}; help: cast one of them with astype(..)"
                )));
            }
        }
        Ok(keys)
    }

    fn joined(&self, left: &Plan, right: &Plan) -> Result<LogicalPlanBuilder> {
        let keys = self.keys(left, right)?;
        let (l, r) = (names_of(left), names_of(right));
        // Both sides with names of their own, and with row numbers.
        let side = |plan: &Plan, names: &[String], mark: &str| {
            let is_key =
                |n: &String| keys.iter().any(|(x, y)| if mark == "l" { x == n } else { y == n });
            let is_float = |n: &String| {
                plan.schema()
                    .field_with_unqualified_name(n)
                    .is_ok_and(|f| f.data_type().is_floating())
            };
            // NaN is a key like null.
            let column = |n: &String| {
                if is_key(n) && is_float(n) {
                    crate::frame::expr::keys::key(ident(n))
                } else {
                    ident(n)
                }
            };
            let columns = names
                .iter()
                .chain([&ROW.to_owned()])
                .map(|n| column(n).alias(format!("{mark}.{n}")))
                .collect::<Vec<_>>();
            LogicalPlanBuilder::from(numbered(plan)?).project(columns)?.build()
        };
        let (a, b) = (side(left, &l, "l").during("merge")?, side(right, &r, "r").during("merge")?);
        let name = |mark: &str, n: &str| Column::new_unqualified(format!("{mark}.{n}"));
        let (on_left, on_right): (Vec<_>, Vec<_>) =
            keys.iter().map(|(x, y)| (name("l", x), name("r", y))).unzip();
        let how = match self.how {
            Join::Inner | Join::Cross => JoinType::Inner,
            Join::Left => JoinType::Left,
            Join::Right => JoinType::Right,
            Join::Outer => JoinType::Full,
            Join::Semi => JoinType::LeftSemi,
            Join::Anti => JoinType::LeftAnti,
        };
        let nulls = if self.nulls_match {
            NullEquality::NullEqualsNull
        } else {
            NullEquality::NullEqualsNothing
        };
        let b = if self.how == Join::Cross {
            LogicalPlanBuilder::from(a).cross_join(b)
        } else {
            LogicalPlanBuilder::from(a).join_detailed(b, how, (on_left, on_right), None, nulls)
        };
        let b = b.and_then(|b| sorted(b, self.order(&keys), None)).during("merge")?;
        let columns = self.columns(&keys, &l, &r);
        check_names("merge", columns.iter().map(|c| &c.0))?;
        b.project(columns.into_iter().map(|(n, e)| e.alias(n))).during("merge")
    }

    fn order(&self, keys: &[(String, String)]) -> Vec<df::SortExpr> {
        let row = |mark: &str| ident(&format!("{mark}.{ROW}")).sort(true, false);
        match self.how {
            Join::Right => vec![row("r"), row("l")],
            Join::Semi | Join::Anti => vec![row("l")],
            Join::Outer => keys
                .iter()
                .map(|k| self.key(k).sort(true, false))
                .chain([row("l"), row("r")])
                .collect(),
            Join::Inner | Join::Left | Join::Cross => vec![row("l"), row("r")],
        }
    }

    /// Returns a key of the result that both frames have under one name.
    fn key(&self, (left, right): &(String, String)) -> df::Expr {
        let (left, right) = (ident(&format!("l.{left}")), ident(&format!("r.{right}")));
        match self.how {
            Join::Outer => f::coalesce(vec![left, right]),
            Join::Right => right,
            _ => left,
        }
    }

    /// Returns the columns of the result.
    fn columns(
        &self,
        keys: &[(String, String)],
        l: &[String],
        r: &[String],
    ) -> Vec<(String, df::Expr)> {
        let shared = |n: &String| keys.iter().find(|(a, b)| a == n && b == n);
        let alone = matches!(self.how, Join::Semi | Join::Anti);
        let suffixed = |n: &String, others: &[String], suffix: &str| {
            if !alone && others.contains(n) { format!("{n}{suffix}") } else { n.clone() }
        };
        let mut columns = Vec::new();
        for n in l {
            match shared(n) {
                Some(k) if !alone => columns.push((n.clone(), self.key(k))),
                _ => columns.push((suffixed(n, r, &self.suffixes.0), ident(&format!("l.{n}")))),
            }
        }
        if alone {
            return columns;
        }
        for n in r.iter().filter(|n| shared(n).is_none()) {
            columns.push((suffixed(n, l, &self.suffixes.1), ident(&format!("r.{n}"))));
        }
        if self.indicator {
            let from = |mark: &str| Expr::new(ident(&format!("{mark}.{ROW}"))).is_null();
            let told = crate::frame::expr::when::when(from("l"))
                .then("right_only")
                .when(from("r"))
                .then("left_only")
                .otherwise("both");
            columns.push(("_merge".to_owned(), told.get().clone()));
        }
        columns
    }
}

impl DataFrame {
    /// Joins on columns that both frames have, as an inner join; see [`Merge`] for options.
    #[track_caller]
    pub fn merge(&self, right: impl IntoFrame, on: impl IntoNames) -> Self {
        self.merged(&right.into_frame(), Join::Inner, on.into_names())
    }

    /// Joins on columns that both frames have, as a left join; see [`Merge`] for options.
    #[track_caller]
    pub fn join(&self, right: impl IntoFrame, on: impl IntoNames) -> Self {
        self.merged(&right.into_frame(), Join::Left, on.into_names())
    }

    #[inline(never)]
    #[track_caller]
    fn merged(&self, right: &Self, how: Join, on: Vec<String>) -> Self {
        Merge::new().how(how).on(on).of(self, right)
    }
}

/// Concatenates frames vertically, in this order. Columns are matched by name; a column that a
/// frame does not have is null in its rows.
///
/// ```
/// use rask::prelude::*;
/// let a = DataFrame::from_columns([("x", Series::from_iter([1i64]))]);
/// let b = DataFrame::from_columns([("y", Series::from_iter(["b"])), ("x", Series::from_iter([2i64]))]);
/// let both = concat([&a, &b]).compute()?;
/// assert_eq!(both.column("y")?.to_vec::<Option<String>>()?, [None, Some("b".to_owned())]);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn concat<F: IntoFrame>(frames: impl IntoIterator<Item = F>) -> DataFrame {
    let mut all = Vec::new();
    for frame in frames {
        all.push(frame.into_frame());
    }
    below(&all)
}

#[inline(never)]
#[track_caller]
fn below(frames: &[DataFrame]) -> DataFrame {
    let plans = frames.iter().map(|f| f.quiet().cloned()).collect::<Result<Vec<_>>>();
    DataFrame::from_result(plans.and_then(union))
}

/// Concatenates several plans vertically, with their columns matched by name.
pub(in crate::frame) fn union(plans: Vec<Plan>) -> Result<Plan> {
    let mut names: Vec<String> = Vec::new();
    for name in plans.iter().flat_map(names_of) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let differ = |n: &String| {
        let mut of = plans.iter().filter_map(|p| p.schema().field_with_unqualified_name(n).ok());
        let first = of.next();
        first.is_some_and(|f| category::is_known(f) && of.any(|o| o.metadata() != f.metadata()))
            || of.any(|o| category::is_known(o))
    };
    let alike = |plan: &Plan| {
        let have = names_of(plan);
        let column = |n: &String| match have.contains(n) {
            // Where frames have different categories, the result has unknown ones.
            true if differ(n) => cat::unknown(&col(n)).get().clone().alias(n),
            true => ident(n),
            false => df::lit(ScalarValue::Null).alias(n),
        };
        // Row numbers keep the rows in order, which a union alone does not.
        LogicalPlanBuilder::from(numbered(plan)?)
            .project(names.iter().map(column))
            .and_then(LogicalPlanBuilder::build)
    };
    let inputs = plans
        .iter()
        .map(|p| alike(p).map(Arc::new))
        .collect::<std::result::Result<Vec<_>, _>>()
        .during("concat")?;
    if inputs.is_empty() {
        return Err(Error::bad_argument("concat", "expected at least one frame".to_owned()));
    }
    let union = match inputs.len() {
        1 => LogicalPlanBuilder::from(inputs[0].as_ref().clone()),
        _ => {
            let schema = Arc::new(coerce_union_schema(&inputs).during("concat")?);
            LogicalPlanBuilder::from(Plan::Union(Union { inputs, schema }))
        }
    };
    // Columns of a union are only known by the names in its first part.
    union
        .project(names.iter().map(|n| ident(n)))
        .and_then(LogicalPlanBuilder::build)
        .during("concat")
}
