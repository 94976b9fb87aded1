//! As-of joins, by the nearest value: each row matches the row before it, after it, or nearest to
//! it.

use crate::error::{Error, ErrorKind, Result};
use crate::frame::dataframe::DataFrame;
use crate::frame::dataframe::tables::IntoFrame;
use crate::frame::expr::when::when;
use crate::frame::expr::{Expr, IntoExpr, col};
use crate::frame::join::merge::{Join, Merge, concat};
use crate::frame::types::freq::step;
use crate::frame::types::names::IntoNames;

/// Hidden columns: the row indices of both sides, and the value of the match.
const LEFT: &str = "__rask_left__";
const RIGHT: &str = "__rask_right__";
const VALUE: &str = "__rask_value__";
const AHEAD: &str = "__rask_ahead__";
const VALUE_AHEAD: &str = "__rask_value_ahead__";

/// The direction in which matches are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The last row whose value is less than or equal to that of the left row.
    Backward,
    /// The first row whose value is greater than or equal to that of the left row.
    Forward,
    /// The nearer of the two; of equally near ones, the one before.
    Nearest,
}

impl From<&str> for Direction {
    /// Parses pandas' names. An unknown name becomes `Backward`, with an error reported under the
    /// cell.
    #[track_caller]
    fn from(name: &str) -> Self {
        match name {
            "backward" => Self::Backward,
            "forward" => Self::Forward,
            "nearest" => Self::Nearest,
            _ => {
                let expected = "expected \"backward\", \"forward\" or \"nearest\"";
                let e = bad(format!("unknown direction {name:?}: {expected}"));
                crate::deferred::note(&e, std::panic::Location::caller());
                Self::Backward
            }
        }
    }
}

/// The maximum distance of a match: a number, or a duration such as `"2s"`.
#[derive(Debug, Clone, PartialEq)]
pub enum Tolerance {
    /// For numbers.
    Number(f64),
    /// For timestamps.
    Time(String),
}

impl From<f64> for Tolerance {
    fn from(most: f64) -> Self {
        Self::Number(most)
    }
}

impl From<i64> for Tolerance {
    fn from(most: i64) -> Self {
        Self::Number(most as f64)
    }
}

impl From<i32> for Tolerance {
    fn from(most: i32) -> Self {
        Self::Number(f64::from(most))
    }
}

impl From<&str> for Tolerance {
    fn from(most: &str) -> Self {
        Self::Time(most.to_owned())
    }
}

/// An as-of join, with pandas' names: `MergeAsof::new().on("t").by("k").join(&l, &r)`.
///
/// Each row of the left frame is kept, in order, with the columns of its match, or nulls if there
/// is none. The frames do not have to be sorted. Rows with a null in `on` or `by` have no match.
///
/// ```
/// use rask::prelude::*;
/// let trades = DataFrame::from_columns([("t", Series::from_iter([1i64, 5, 10])), ("n", Series::from_iter([1i64, 2, 3]))]);
/// let quotes = DataFrame::from_columns([("t", Series::from_iter([2i64, 6])), ("bid", Series::from_iter([0.5, 0.7]))]);
/// let both = MergeAsof::new().on("t").direction("nearest").tolerance(2).join(&trades, &quotes).compute()?;
/// assert_eq!(both.column("bid")?.to_vec::<Option<f64>>()?, [Some(0.5), Some(0.7), None]);
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a join does nothing until it is given frames"]
pub struct MergeAsof {
    on: String,
    by: Vec<String>,
    direction: Direction,
    tolerance: Option<Tolerance>,
    exact: bool,
    suffixes: (String, String),
}

impl Default for MergeAsof {
    fn default() -> Self {
        let suffixes = ("_x".to_owned(), "_y".to_owned());
        let (by, direction) = (Vec::new(), Direction::Backward);
        Self { on: String::new(), by, direction, tolerance: None, exact: true, suffixes }
    }
}

fn bad(message: String) -> Error {
    Error::bad_argument("merge_asof", message)
}

impl MergeAsof {
    /// Creates a join that searches backward, without a tolerance.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the column of both frames whose values are compared: numbers or timestamps.
    pub fn on(mut self, column: &str) -> Self {
        self.on = column.to_owned();
        self
    }

    /// Sets columns of both frames whose values must be equal.
    pub fn by(mut self, columns: impl IntoNames) -> Self {
        self.by = columns.into_names();
        self
    }

    /// Sets the direction in which matches are searched. Default: [`Direction::Backward`].
    pub fn direction(mut self, direction: impl Into<Direction>) -> Self {
        self.direction = direction.into();
        self
    }

    /// Sets the maximum distance of a match: a number, or a duration such as `"2s"`.
    pub fn tolerance(mut self, most: impl Into<Tolerance>) -> Self {
        self.tolerance = Some(most.into());
        self
    }

    /// Sets whether equal values match. Default: true.
    pub fn allow_exact_matches(mut self, yes: bool) -> Self {
        self.exact = yes;
        self
    }

    /// Sets the suffixes of column names that both frames have. Default: `_x` and `_y`.
    pub fn suffixes(mut self, left: &str, right: &str) -> Self {
        self.suffixes = (left.to_owned(), right.to_owned());
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
        match self.check(left, right) {
            Ok(()) => self.joined(left, right),
            Err(e) => left.failed(e),
        }
    }

    /// Checks that both frames have the columns, and that the tolerance is valid.
    fn check(&self, left: &DataFrame, right: &DataFrame) -> Result<()> {
        if self.on.is_empty() {
            return Err(bad("missing column to join on: expected .on(\"column\")".to_owned()));
        }
        for frame in [left, right] {
            let available = frame.columns()?;
            if let Some(column) =
                [&self.on].into_iter().chain(&self.by).find(|n| !available.contains(n))
            {
                let (method, column) = ("merge_asof".to_owned(), column.clone());
                return Err(ErrorKind::ColumnNotFound { method, column, available }.into());
            }
        }
        match &self.tolerance {
            Some(Tolerance::Number(most)) if !(0.0..).contains(most) => {
                Err(bad(format!("invalid tolerance {most}: expected a non-negative number")))
            }
            Some(Tolerance::Time(length)) => step(length).map(drop).map_err(bad),
            _ => Ok(()),
        }
    }

    #[track_caller]
    fn joined(&self, left: &DataFrame, right: &DataFrame) -> DataFrame {
        let (l, r) = (left.with_places(LEFT), right.with_places(RIGHT));
        let backward = || self.candidates(&l, &r, false);
        let found = match self.direction {
            Direction::Backward => self.near(&backward()),
            Direction::Forward => self.near(&self.candidates(&l, &r, true)),
            Direction::Nearest => {
                let names = [(RIGHT, AHEAD), (VALUE, VALUE_AHEAD)]
                    .map(|(a, b)| (a.to_owned(), b.to_owned()));
                let ahead = self.near(&self.candidates(&l, &r, true)).renamed(&names);
                let ahead = ahead.select([LEFT, AHEAD, VALUE_AHEAD]);
                let both =
                    Merge::new().how(Join::Left).on(LEFT).join(&self.near(&backward()), &ahead);
                let (value, other) = (col(VALUE), col(VALUE_AHEAD));
                let nearer = (&other - &col(&self.on)).lt(col(&self.on) - &value);
                let takes = other.notna().and(value.isna().or(nearer.fillna(false)));
                put(&both, [(RIGHT, when(takes).then(col(AHEAD)).otherwise(col(RIGHT)))])
            }
        };
        let found = found.select([LEFT, RIGHT]);
        let with_rows = Merge::new().how(Join::Left).on(LEFT).join(&l, &found);
        let shared: Vec<_> = [&self.on].into_iter().chain(&self.by).collect();
        let join = Merge::new().how(Join::Left).on(RIGHT).nulls_match(false);
        let (x, y) = &self.suffixes;
        join.suffixes(x, y).join(&with_rows, &r.drop(shared)).drop([LEFT, RIGHT])
    }

    /// Returns the rows of the left frame with the index and the value of their match in one
    /// direction.
    #[track_caller]
    fn candidates(&self, l: &DataFrame, r: &DataFrame, ahead: bool) -> DataFrame {
        let mut names: Vec<&str> =
            [&self.on].into_iter().chain(&self.by).map(String::as_str).collect();
        let value = when(col(RIGHT).notna()).then(col(&self.on)).into_expr();
        names.push(RIGHT);
        let right = r.select(&names);
        names.pop();
        names.push(LEFT);
        let left = l.select(&names);
        // Equal rows keep this order: a match precedes the row that searches for it.
        let all =
            if ahead == self.exact { concat([&left, &right]) } else { concat([&right, &left]) };
        let known = |x: &Expr| {
            let filled = if ahead { x.bfill() } else { x.ffill() };
            let filled = if self.by.is_empty() { filled } else { filled.over(&self.by) };
            let by = self.by.iter().map(|b| col(b).notna());
            let there = by.fold(col(&self.on).notna(), |all, one| all.and(one));
            // Rows with a null value or key have no match.
            when(there).then(filled).into_expr()
        };
        let sorted = put(&all, [(VALUE, value)]).sort_values(&self.on);
        let found = put(&sorted, [(RIGHT, known(&col(RIGHT))), (VALUE, known(&col(VALUE)))]);
        found.filter(col(LEFT).is_not_null())
    }

    /// Removes the candidates that are too far away.
    #[track_caller]
    fn near(&self, found: &DataFrame) -> DataFrame {
        let (on, value) = (col(&self.on), col(VALUE));
        let (ahead, back) = (&value - &on, &on - &value);
        let within = match &self.tolerance {
            None => return found.clone(),
            Some(Tolerance::Number(most)) => ahead.le(*most).and(back.le(*most)),
            Some(Tolerance::Time(length)) => {
                let most = chrono::Duration::microseconds(step(length).unwrap_or_default());
                ahead.le(most).and(back.le(most))
            }
        };
        let kept = |name: &str| when(within.clone()).then(col(name)).into_expr();
        put(found, [(RIGHT, kept(RIGHT)), (VALUE, kept(VALUE))])
    }
}

/// Adds hidden columns to a frame.
#[track_caller]
fn put<const N: usize>(frame: &DataFrame, columns: [(&str, Expr); N]) -> DataFrame {
    frame.put_columns("merge_asof", columns.into_iter().map(|(n, e)| (n.to_owned(), e)).collect())
}

impl DataFrame {
    /// Joins each row with the last row of the right frame whose value of `on` is less than or
    /// equal, among those with the same values of `by` (`&[]` for none). Other columns of the right
    /// frame get the suffix `_y` if both frames have them. [`MergeAsof`] has pandas' options.
    #[track_caller]
    pub fn merge_asof(&self, right: impl IntoFrame, on: &str, by: &[&str]) -> Self {
        MergeAsof::new().on(on).by(by).suffixes("", "_y").of(self, &right.into_frame())
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    /// Checks the values of the right side against those of pandas.
    fn check(asof: &MergeAsof, want: [Option<i64>; 5]) {
        let l = DataFrame::from_columns([
            ("t", Series::from_iter([Some(10i64), Some(1), Some(5), None, Some(7)])),
            ("k", Series::from_iter(["a", "a", "b", "a", "a"])),
        ]);
        let r = DataFrame::from_columns([
            ("t", Series::from_iter([2i64, 7, 5, 1, 13])),
            ("k", Series::from_iter(["a", "a", "b", "b", "a"])),
            ("v", Series::from_iter([20i64, 70, 50, 11, 130])),
        ]);
        for parts in [1, 3] {
            let got = asof.join(l.repartition(parts), r.repartition(parts)).compute().unwrap();
            assert_eq!(got.column("v").unwrap().to_vec::<Option<i64>>().unwrap(), want, "{asof:?}");
            let key = if asof.by.is_empty() { "k_x" } else { "k" };
            assert_eq!(got.columns()[..2], ["t", key]);
        }
    }

    #[test]
    fn partners_are_those_of_pandas() {
        let plain = MergeAsof::new().on("t");
        let by = plain.clone().by("k");
        let (none, some) = (None, Some);
        check(&plain, [some(70), some(11), some(50), none, some(70)]);
        check(&by, [some(70), none, some(50), none, some(70)]);
        check(&by.clone().allow_exact_matches(false), [some(70), none, some(11), none, some(20)]);
        check(&by.clone().direction("forward"), [some(130), some(20), some(50), none, some(70)]);
        check(
            &by.clone().direction("forward").allow_exact_matches(false),
            [some(130), some(20), none, none, some(130)],
        );
        check(&by.clone().direction("nearest"), [some(70), some(20), some(50), none, some(70)]);
        check(
            &by.clone().direction("nearest").tolerance(1),
            [none, some(20), some(50), none, some(70)],
        );
        check(&by.tolerance(2), [none, none, some(50), none, some(70)]);
    }

    #[test]
    fn times_have_tolerances_of_time() {
        let t = |v: [&'static str; 2]| ("t", Series::from_iter(v));
        let l = DataFrame::from_columns([t(["2020-01-01 10:00:00", "2020-01-01 10:00:09"])])
            .with_column("t", col("t").to_datetime(""));
        let r = DataFrame::from_columns([
            t(["2020-01-01 09:59:59", "2020-01-01 10:00:05"]),
            ("v", Series::from_iter([1i64, 2])),
        ]);
        let r = r.with_column("t", col("t").to_datetime(""));
        let got = MergeAsof::new().on("t").tolerance("2s").join(&l, &r).compute().unwrap();
        assert_eq!(got.column("v").unwrap().to_vec::<Option<i64>>().unwrap(), [Some(1), None]);
        let e = MergeAsof::new()
            .on("t")
            .tolerance("soon")
            .join(&l, &r)
            .compute()
            .unwrap_err()
            .to_string();
        assert!(e.contains("\"soon\""), "{e}");
        let e = MergeAsof::new().on("x").join(&l, &r).compute().unwrap_err().to_string();
        assert!(e.contains("no column \"x\""), "{e}");
    }
}
