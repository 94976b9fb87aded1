//! Steps of time: rows by lengths such as `"15min"`, or by weeks, months, quarters and years of the calendar.

use super::expr::{Expr, IntoExpr, col};
use super::instants::{DAY, step, wall};
use super::names::IntoNames;
use super::reduce::{IntoSpec, Spec, aggregates, filled, of_named_columns, specs};
use super::time::is_time;
use super::udf::{rowwise, wrong_type, wrong_value};
use super::{Agg, DataFrame};
use crate::csv::kind::Kind;
use crate::csv::value;
use crate::error::Error;
use arrow::array::{Array, ArrayBuilder, AsArray, ListBuilder, TimestampMicrosecondArray, TimestampMicrosecondBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use std::sync::Arc;

/// Steps of time: of one length in microseconds, or so many units of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Length(i64),
    Calendar(Unit, i64),
}

/// A unit of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Weeks that end with this day; Monday is 0.
    Weeks(i64),
    /// So many months, named by their first day or by their last.
    Months { each: i64, by_end: bool },
}

const WEEKDAYS: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

impl Step {
    /// By pandas' names.
    fn parse(freq: &str) -> std::result::Result<Self, String> {
        let digits = freq.find(|c: char| !c.is_ascii_digit()).unwrap_or(freq.len());
        let months = |each, by_end| Some(Unit::Months { each, by_end });
        let unit = match &freq[digits..] {
            "W" => Some(Unit::Weeks(6)),
            "MS" => months(1, false),
            "M" | "ME" => months(1, true),
            "QS" => months(3, false),
            "Q" | "QE" => months(3, true),
            "YS" | "AS" => months(12, false),
            "Y" | "YE" | "A" => months(12, true),
            other => {
                let day = other.strip_prefix("W-").and_then(|d| WEEKDAYS.iter().position(|w| *w == d));
                day.map(|d| Unit::Weeks(d as i64))
            }
        };
        let count: i64 = if digits == 0 { 1 } else { freq[..digits].parse().unwrap_or(0) };
        match unit {
            Some(unit) if (1..=1_000_000).contains(&count) => Ok(Self::Calendar(unit, count)),
            _ => step(freq).map(Self::Length).map_err(|e| {
                format!("{e}; and by the calendar \"W\" and \"W-MON\" (weeks), \"MS\", \"QS\", \"YS\" (by their first day), \"ME\", \"QE\", \"YE\" (by their last)")
            }),
        }
    }

    /// Whether steps are the same whatever the first instant is.
    fn is_fixed(self) -> bool {
        match self {
            Self::Length(n) => DAY % n == 0,
            Self::Calendar(_, n) => n == 1,
        }
    }

    /// The instant that stands for the step of `t`, where the first step is that of `first`.
    fn of(self, t: i64, first: i64) -> i64 {
        match self {
            Self::Length(n) => {
                let day = first.div_euclid(DAY) * DAY;
                day + (t - day).div_euclid(n) * n
            }
            Self::Calendar(unit, n) => {
                let (first, far) = (unit.number(first), unit.number(t) - unit.number(first));
                let steps = if unit.by_end() { -(-far).div_euclid(n) } else { far.div_euclid(n) };
                unit.instant(first + steps * n)
            }
        }
    }

    /// What stands for the next step.
    fn next(self, at: i64) -> i64 {
        match self {
            Self::Length(n) => at + n,
            Self::Calendar(unit, n) => unit.instant(unit.number(at) + n),
        }
    }
}

impl Unit {
    fn by_end(self) -> bool {
        match self {
            Self::Weeks(_) => true,
            Self::Months { by_end, .. } => by_end,
        }
    }

    /// Number of the unit in which an instant lies.
    fn number(self, t: i64) -> i64 {
        let day = t.div_euclid(DAY);
        match self {
            // The first of January 1970 was a Thursday.
            Self::Weeks(last) => (day + 3 - last - 1).div_euclid(7) + 1,
            Self::Months { each, .. } => {
                let (year, month, _) = value::civil(day);
                (i64::from(year) * 12 + i64::from(month) - 1).div_euclid(each)
            }
        }
    }

    /// The instant that stands for a unit.
    fn instant(self, number: i64) -> i64 {
        let first_day = |month: i64| {
            let (year, month) = (month.div_euclid(12), month.rem_euclid(12) as u32 + 1);
            chrono::NaiveDate::from_ymd_opt(year as i32, month, 1)
                .map_or(i64::MIN / DAY, |d| d.signed_duration_since(chrono::NaiveDate::default()).num_days())
        };
        DAY * match self {
            Self::Weeks(last) => number * 7 + last - 3,
            Self::Months { each, by_end: false } => first_day(number * each),
            Self::Months { each, by_end: true } => first_day((number + 1) * each) - 1,
        }
    }
}

impl DataFrame {
    /// Groups the rows by steps of time of a column: lengths such as `"1h"` or `"15min"`, counted from the start of the first
    /// day, or weeks (`"W"`, named by their Sunday), months, quarters and years (`"MS"`, `"QS"`, `"YS"` by their first day,
    /// `"ME"`, `"QE"`, `"YE"` by their last). Steps without rows are there too, from the first to the last.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let t = Series::from_iter(["2020-01-01 10:05", "2020-01-01 12:40", "2020-01-01 10:50"]);
    /// let df = DataFrame::from_columns([("t", t), ("x", Series::from_iter([1.0, 2.0, 3.0]))]).with_column("t", col("t").to_datetime(""));
    /// assert_eq!(df.resample("1h", "t").sum("x").compute()?.column("x")?.to_vec::<f64>()?, [4.0, 0.0, 2.0]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[track_caller]
    pub fn resample(&self, step: &str, on: &str) -> Resampler {
        match Step::parse(step) {
            Ok(step) => Resampler { frame: self.by_steps(step, on), step, on: on.to_owned() },
            Err(e) => Resampler { frame: self.failed(Error::bad_argument("resample", e)), step: Step::Length(1), on: on.to_owned() },
        }
    }

    /// The frame with what stands for steps in place of instants.
    #[inline(never)]
    #[track_caller]
    fn by_steps(&self, step: Step, on: &str) -> Self {
        const FIRST: &str = "__first__";
        if step.is_fixed() {
            return self.put_columns("resample", vec![(on.to_owned(), stepped(&col(on), None, step))]);
        }
        let first = self.select(on).reduced(Agg::Min).rename([(on, FIRST)]);
        let both = super::Merge::new().how(super::Join::Cross).join(self, &first);
        both.put_columns("resample", vec![(on.to_owned(), stepped(&col(on), Some(&col(FIRST)), step))]).drop(FIRST)
    }
}

/// Rows by steps of time; made by [`DataFrame::resample`].
#[derive(Debug, Clone)]
#[must_use = "a grouping does nothing until one of its methods is called"]
pub struct Resampler {
    frame: DataFrame,
    step: Step,
    on: String,
}

impl Resampler {
    /// Several results: each with its name, the column, and what becomes of its values.
    #[track_caller]
    pub fn agg<S: IntoSpec>(&self, results: impl IntoIterator<Item = S>) -> DataFrame {
        match specs(results) {
            Ok(specs) => self.aggregate(&specs),
            Err(e) => DataFrame::from_result(Err(e)),
        }
    }

    /// Number of rows of each step, in a column `size`.
    #[track_caller]
    pub fn size(&self) -> DataFrame {
        self.aggregate(&[("size".to_owned(), String::new(), Agg::Size)])
    }

    /// The first, greatest, least and last value of a column in each step, in columns `open`, `high`, `low` and `close`.
    #[track_caller]
    pub fn ohlc(&self, column: &str) -> DataFrame {
        let four = [("open", Agg::First), ("high", Agg::Max), ("low", Agg::Min), ("close", Agg::Last)];
        self.aggregate(&four.map(|(n, a)| (n.to_owned(), column.to_owned(), a)))
    }

    /// The value of each named column below which a share of the step lies, exactly.
    #[track_caller]
    pub fn quantile(&self, columns: impl IntoNames, share: f64) -> DataFrame {
        self.each(Agg::Quantile(share), columns.into_names())
    }

    #[inline(never)]
    #[track_caller]
    fn each(&self, agg: Agg, columns: Vec<String>) -> DataFrame {
        self.aggregate(&columns.into_iter().map(|c| (c.clone(), c, agg)).collect::<Vec<_>>())
    }

    #[inline(never)]
    #[track_caller]
    fn aggregate(&self, specs: &[Spec]) -> DataFrame {
        const STEPS: &str = "__steps__";
        let found = self.frame.groupby(&self.on).agg(specs.iter().cloned());
        let next = col(&self.on).shift(-1);
        let steps = found.with_column(STEPS, steps_between(&col(&self.on), &next, self.step)).explode(STEPS);
        let value = |(name, _, agg): &Spec| {
            let there = super::when(col(STEPS).eq(col(&self.on))).then(col(name)).into_expr();
            let value = match agg {
                Agg::Sum | Agg::Count | Agg::Size | Agg::Nunique => or_number(&there, 0),
                Agg::Prod => or_number(&there, 1),
                _ => there,
            };
            (name.clone(), value)
        };
        let values = steps.put_columns("resample", specs.iter().map(value).collect());
        values.with_column(&self.on, col(STEPS)).drop(STEPS)
    }
}

/// What stands for the step of each instant.
fn stepped(x: &Expr, first: Option<&Expr>, step: Step) -> Expr {
    let returns = |t: &[DataType]| {
        if is_time(&t[0]) {
            Ok(Kind::Time.arrow())
        } else {
            wrong_type("resample", &t[0], "a datetime; to_datetime(format) makes one of text")
        }
    };
    let args = std::iter::once(x).chain(first).map(|e| e.get().clone()).collect();
    Expr::new(rowwise("stepped", format!("{step:?}"), args, returns, move |a| {
        let times = wall(&a[0])?;
        let Some(firsts) = a.get(1) else { return Ok(Arc::new(times.unary::<_, TimestampMicrosecondType>(|t| step.of(t, t)))) };
        let firsts = wall(firsts)?;
        let one = |(t, first): (Option<i64>, Option<i64>)| Some(step.of(t?, first?));
        Ok(Arc::new(times.iter().zip(firsts.iter()).map(one).collect::<TimestampMicrosecondArray>()))
    }))
}

/// A number of the column's own type where a value is missing.
fn or_number(x: &Expr, number: i64) -> Expr {
    let returns = |t: &[DataType]| Ok(t[0].clone());
    Expr::new(rowwise("filled", number.to_string(), vec![x.get().clone()], returns, move |a| filled(&a[0], number)))
}

/// The steps from one instant to before the next one, as lists.
fn steps_between(from: &Expr, to: &Expr, step: Step) -> Expr {
    const MOST: usize = 20_000_000;
    let list = DataType::new_list(Kind::Time.arrow(), true);
    let args = vec![from.get().clone(), to.get().clone()];
    let returns = move |_: &[DataType]| Ok(list.clone());
    Expr::new(rowwise("steps", format!("{step:?}"), args, returns, move |a| {
        let ends = [cast(&a[0], &Kind::Time.arrow())?, cast(&a[1], &Kind::Time.arrow())?];
        let [from, to] = [0, 1].map(|i| ends[i].as_primitive::<TimestampMicrosecondType>());
        let mut lists = ListBuilder::new(TimestampMicrosecondBuilder::new());
        for i in 0..from.len() {
            let start = from.value(i);
            let end = if to.is_valid(i) { to.value(i) } else { start + 1 };
            let room = MOST + 1 - ArrayBuilder::len(lists.values()).min(MOST + 1);
            let steps = std::iter::successors(Some(start), |t| Some(step.next(*t))).take_while(|t| *t < end);
            steps.take(room).for_each(|t| lists.values().append_value(t));
            if ArrayBuilder::len(lists.values()) > MOST {
                return wrong_value(format!("resample: more than {MOST} steps would have no rows"));
            }
            lists.append(from.is_valid(i));
        }
        Ok(Arc::new(lists.finish()))
    }))
}

aggregates!(of_named_columns Resampler "step");

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    /// The steps and how many rows each has, as pandas gives them.
    fn check(freq: &str, want: &[(&str, i64)]) {
        let t = ["2019-12-30 01:00", "2020-01-05 23:00", "2020-01-06 00:00", "2020-02-29 12:00", "2020-06-30 23:59", "2021-01-01 00:00"];
        let df = DataFrame::from_columns([("t", Series::from_iter(t))]).with_column("t", col("t").to_datetime(""));
        for parts in [1, 2, 6] {
            let sizes =
                df.repartition(parts).resample(freq, "t").size().with_column("t", col("t").dt().strftime("%Y-%m-%d")).compute().unwrap();
            let (t, n) = (sizes.column("t").unwrap().to_vec::<String>().unwrap(), sizes.column("size").unwrap().to_vec::<i64>().unwrap());
            let all: Vec<_> = t.iter().map(String::as_str).zip(n).filter(|(_, n)| *n > 0).collect();
            assert_eq!(all, want, "{freq} in {parts} partitions");
        }
    }

    #[test]
    fn steps_of_the_calendar_are_those_of_pandas() {
        check("W", &[("2020-01-05", 2), ("2020-01-12", 1), ("2020-03-01", 1), ("2020-07-05", 1), ("2021-01-03", 1)]);
        check("W-MON", &[("2019-12-30", 1), ("2020-01-06", 2), ("2020-03-02", 1), ("2020-07-06", 1), ("2021-01-04", 1)]);
        check("MS", &[("2019-12-01", 1), ("2020-01-01", 2), ("2020-02-01", 1), ("2020-06-01", 1), ("2021-01-01", 1)]);
        check("ME", &[("2019-12-31", 1), ("2020-01-31", 2), ("2020-02-29", 1), ("2020-06-30", 1), ("2021-01-31", 1)]);
        check("QS", &[("2019-10-01", 1), ("2020-01-01", 3), ("2020-04-01", 1), ("2021-01-01", 1)]);
        check("QE", &[("2019-12-31", 1), ("2020-03-31", 3), ("2020-06-30", 1), ("2021-03-31", 1)]);
        check("YS", &[("2019-01-01", 1), ("2020-01-01", 4), ("2021-01-01", 1)]);
        check("Y", &[("2019-12-31", 1), ("2020-12-31", 4), ("2021-12-31", 1)]);
        check("2MS", &[("2019-12-01", 3), ("2020-02-01", 1), ("2020-06-01", 1), ("2020-12-01", 1)]);
        check("2ME", &[("2019-12-31", 1), ("2020-02-29", 3), ("2020-06-30", 1), ("2021-02-28", 1)]);
        check("2W", &[("2020-01-05", 2), ("2020-01-19", 1), ("2020-03-01", 1), ("2020-07-05", 1), ("2021-01-03", 1)]);
    }

    #[test]
    fn sums_keep_their_type() {
        let t = Series::from_iter(["2020-01-01", "2020-03-01"]);
        let df = DataFrame::from_columns([("t", t), ("n", Series::from_iter([5u64, 7]))]).with_column("t", col("t").to_datetime(""));
        let sums = df.resample("MS", "t").sum("n").compute().unwrap();
        assert_eq!(sums.column("n").unwrap().to_vec::<u64>().unwrap(), [5, 0, 7]);
    }

    #[test]
    fn a_step_that_is_none_is_told() {
        let df = DataFrame::from_columns([("t", Series::from_iter(["2020-01-01"]))]).with_column("t", col("t").to_datetime(""));
        let e = df.resample("fortnight", "t").size().compute().unwrap_err().to_string();
        assert!(e.contains("\"fortnight\"") && e.contains("\"15min\"") && e.contains("\"MS\""), "{e}");
        let e = df.resample("0h", "t").size().compute().unwrap_err().to_string();
        assert!(e.contains("\"0h\""), "{e}");
    }
}
