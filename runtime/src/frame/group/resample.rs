//! Resampling: rows grouped by fixed intervals such as `"15min"`, or by weeks, months, quarters and
//! years.

use crate::csv::value;
use crate::error::Error;
use crate::frame::column::steps::{Base, End, Origin, Step, Steps};
use crate::frame::column::timestamps::kept;
use crate::frame::dataframe::DataFrame;
use crate::frame::expr::agg::{Agg, IntoSpec, Spec, aggregates, filled, of_named_columns, specs};
use crate::frame::expr::udf::scalar_fn;
use crate::frame::expr::when::when;
use crate::frame::expr::{Expr, IntoExpr, col};
use crate::frame::types::clock::{Below, Clock, micros, zone_of};
use crate::frame::types::freq::{DAY, step};
use crate::frame::types::names::{IntoNames, free};
use crate::frame::types::wrong::wrong_value;
use arrow::array::{Array, ArrayBuilder, ListBuilder, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::error::Result as DfResult;
use std::sync::Arc;

impl DataFrame {
    /// Groups the rows by intervals of a column of timestamps: fixed lengths such as `"1h"` or
    /// `"15min"`, counted from the start of the first day, or weeks (`"W"`, labelled by their
    /// Sunday), months, quarters and years (`"MS"`, `"QS"`, `"YS"` labelled by their first day,
    /// `"ME"`, `"QE"`, `"YE"` by their last). The result includes empty intervals, from the first
    /// to the last.
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
        Resampler {
            frame: self.clone(),
            steps: Step::parse(step).map(Steps::of),
            on: on.to_owned(),
        }
    }

    /// Replaces timestamps by the labels of their intervals.
    #[inline(never)]
    #[track_caller]
    fn by_steps(&self, steps: Steps, on: &str) -> Self {
        const FIRST: &str = "__rask_first__";
        let zoned = self.quiet().is_ok_and(|p| {
            let field = p.schema().field_with_unqualified_name(on);
            field.is_ok_and(|f| matches!(f.data_type(), DataType::Timestamp(_, Some(_))))
        });
        if !steps.needs_first(zoned) {
            return self
                .put_columns("resample", vec![(on.to_owned(), stepped(&col(on), None, steps))]);
        }
        let first = self.select(on).reduced(Agg::Min).renamed(&[(on.to_owned(), FIRST.to_owned())]);
        let both = crate::frame::join::merge::Merge::new()
            .how(crate::frame::join::merge::Join::Cross)
            .join(self, &first);
        both.put_columns(
            "resample",
            vec![(on.to_owned(), stepped(&col(on), Some(&col(FIRST)), steps))],
        )
        .drop(FIRST)
    }
}

/// Rows grouped by intervals of time; created by [`DataFrame::resample`].
#[derive(Debug, Clone)]
#[must_use = "a grouping does nothing until one of its methods is called"]
pub struct Resampler {
    frame: DataFrame,
    steps: std::result::Result<Steps, String>,
    on: String,
}

fn ended(method: &str, end: &str) -> std::result::Result<End, String> {
    match end {
        "left" => Ok(End::Left),
        "right" => Ok(End::Right),
        _ => Err(format!("{method}: invalid end {end:?}: expected \"left\" or \"right\"")),
    }
}

fn origin(from: &str) -> std::result::Result<Origin, String> {
    match from {
        "start_day" => Ok(Origin::StartDay),
        "start" => Ok(Origin::Start),
        "epoch" => Ok(Origin::Epoch),
        text => value::time(text.as_bytes())
            .map(Origin::At)
            .ok_or_else(|| format!("origin: invalid origin {text:?}: expected \"start_day\", \"start\", \"epoch\" or a timestamp")),
    }
}

impl Resampler {
    /// Sets which end of an interval is closed, `"left"` or `"right"`. Default: the right one for
    /// weeks, `"ME"`, `"QE"` and `"YE"`, else the left one.
    pub fn closed(self, end: &str) -> Self {
        let end = ended("closed", end);
        self.changed(|s| Ok(Steps { closed: end?, ..s }))
    }

    /// Sets which end labels an interval, `"left"` or `"right"`. Default: as for
    /// [`closed`](Resampler::closed).
    pub fn label(self, end: &str) -> Self {
        let end = ended("label", end);
        self.changed(|s| Ok(Steps { label: end?, ..s }))
    }

    /// Sets where fixed intervals are counted from: `"start_day"` (the default), `"start"`,
    /// `"epoch"`, or a timestamp such as `"2000-01-01 00:15"`.
    pub fn origin(self, from: &str) -> Self {
        let origin = origin(from);
        self.changed(|s| Ok(Steps { origin: origin?, ..s }))
    }

    /// Moves the origin by a duration such as `"15min"`, or back by `"-15min"`.
    pub fn offset(self, length: &str) -> Self {
        let back = length.strip_prefix('-');
        let offset = step(back.unwrap_or(length)).map_err(|e| format!("offset: {e}"));
        self.changed(|s| Ok(Steps { offset: if back.is_some() { -offset? } else { offset? }, ..s }))
    }

    fn changed(mut self, f: impl FnOnce(Steps) -> std::result::Result<Steps, String>) -> Self {
        self.steps = self.steps.and_then(f);
        self
    }

    /// Computes the sum of each given column for each interval if at least this many values are not
    /// null, else null.
    #[track_caller]
    pub fn sum_min_count(&self, columns: impl IntoNames, least: usize) -> DataFrame {
        self.each(Agg::SumMinCount(least), columns.into_names())
    }

    /// Computes several results: each with its name, the column, and the aggregation.
    #[track_caller]
    pub fn agg<S: IntoSpec>(&self, results: impl IntoIterator<Item = S>) -> DataFrame {
        self.agg_all(specs(results))
    }

    #[inline(never)]
    #[track_caller]
    fn agg_all(&self, specs: crate::error::Result<Vec<Spec>>) -> DataFrame {
        match specs.and_then(|specs| free("agg", specs.iter().map(|s| &s.0)).map(|()| specs)) {
            Ok(specs) => self.aggregate(&specs),
            Err(e) => DataFrame::from_result(Err(e)),
        }
    }

    /// Counts the rows of each interval, in a column `size`.
    #[track_caller]
    pub fn size(&self) -> DataFrame {
        self.aggregate(&[("size".to_owned(), String::new(), Agg::Size)])
    }

    /// Computes the first, largest, smallest and last value of a column in each interval, in
    /// columns `open`, `high`, `low` and `close`.
    #[track_caller]
    pub fn ohlc(&self, column: &str) -> DataFrame {
        let four =
            [("open", Agg::First), ("high", Agg::Max), ("low", Agg::Min), ("close", Agg::Last)];
        self.aggregate(&four.map(|(n, a)| (n.to_owned(), column.to_owned(), a)))
    }

    /// Computes a quantile of each given column for each interval, exactly.
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
        const STEPS: &str = "__rask_steps__";
        let of = match &self.steps {
            Ok(steps) => *steps,
            Err(e) => return self.frame.failed(Error::bad_argument("resample", e.clone())),
        };
        let found = self.frame.by_steps(of, &self.on).groupby(&self.on).agg(specs.iter().cloned());
        let next = col(&self.on).shift(-1);
        let steps = steps_between(&col(&self.on), &next, of.step);
        let steps = found.put_columns("resample", vec![(STEPS.to_owned(), steps)]).explode(STEPS);
        let value = |(name, _, agg): &Spec| {
            let non_null = when(col(STEPS).eq(col(&self.on))).then(col(name)).into_expr();
            let value = match agg {
                Agg::Sum | Agg::SumMinCount(0) | Agg::Count | Agg::Size | Agg::Nunique => {
                    or_number(&non_null, 0)
                }
                Agg::Prod => or_number(&non_null, 1),
                _ => non_null,
            };
            (name.clone(), value)
        };
        let values = steps.put_columns("resample", specs.iter().map(value).collect());
        values.with_column(&self.on, col(STEPS)).drop(STEPS)
    }
}

/// How a column's timestamps are counted: in local time, or in elapsed time.
struct Times {
    clock: Option<Clock>,
    by_clock: bool,
}

impl Times {
    fn of(t: &DataType, step: Step) -> DfResult<Self> {
        Ok(Self { clock: Clock::of(t)?, by_clock: !matches!(step, Step::Length(_)) })
    }

    fn inward(&self, utc: i64) -> i64 {
        self.clock.as_ref().filter(|_| self.by_clock).map_or(utc, |c| c.shown(utc))
    }

    fn outward(&self, t: i64) -> i64 {
        self.clock.as_ref().filter(|_| self.by_clock).map_or(t, |c| c.back(t))
    }

    fn base(&self, first: i64, origin: Origin) -> Base {
        let at = if let Origin::At(at) = origin { at } else { 0 };
        let day = |t: i64| t.div_euclid(DAY) * DAY;
        match &self.clock {
            Some(c) if !self.by_clock => Base {
                first,
                start_day: c.back(day(c.shown(first))),
                epoch: c.back(0),
                at: c.back(at),
            },
            _ => Base { first, start_day: day(first), epoch: 0, at },
        }
    }
}

/// Returns the label of the interval of each timestamp.
fn stepped(x: &Expr, first: Option<&Expr>, steps: Steps) -> Expr {
    let args = std::iter::once(x).chain(first).map(|e| e.get().clone()).collect();
    let returns = |t: &[DataType]| kept("resample", &t[0]);
    Expr::new(scalar_fn("stepped", format!("{steps:?}"), args, returns, move |a| {
        let times = Times::of(a[0].data_type(), steps.step)?;
        let below = if steps.closed == End::Right { Below::Up } else { Below::Down };
        let first = match a.get(1) {
            Some(first) => micros(first, Below::Down)?.iter().flatten().next(),
            None => None,
        };
        let base = first.map(|f| times.base(times.inward(f), steps.origin));
        let one = |utc: i64| {
            let t = times.inward(utc);
            times.outward(steps.name(t, base.unwrap_or_else(|| times.base(t, steps.origin))))
        };
        let made = micros(&a[0], below)?.unary::<_, TimestampMicrosecondType>(one);
        Ok(Arc::new(made.with_timezone_opt(zone_of(&a[0]))))
    }))
}

/// Replaces nulls by a number of the column's own type.
fn or_number(x: &Expr, number: i64) -> Expr {
    let returns = |t: &[DataType]| Ok(t[0].clone());
    Expr::new(scalar_fn("filled", number.to_string(), vec![x.get().clone()], returns, move |a| {
        filled(&a[0], number)
    }))
}

/// Returns the intervals from one timestamp up to, not including, the next one, as lists.
fn steps_between(from: &Expr, to: &Expr, step: Step) -> Expr {
    const MOST: usize = 20_000_000;
    let args = vec![from.get().clone(), to.get().clone()];
    let returns = move |t: &[DataType]| Ok(DataType::new_list(kept("resample", &t[0])?, true));
    Expr::new(scalar_fn("steps", format!("{step:?}"), args, returns, move |a| {
        let times = Times::of(a[0].data_type(), step)?;
        let next = |t: &i64| Some(times.outward(step.next(times.inward(*t))));
        let [from, to] = [micros(&a[0], Below::Down)?, micros(&a[1], Below::Down)?];
        let values = TimestampMicrosecondBuilder::new().with_timezone_opt(zone_of(&a[0]));
        let mut lists = ListBuilder::new(values);
        for i in 0..from.len() {
            let start = from.value(i);
            let end = if to.is_valid(i) { to.value(i) } else { start + 1 };
            let room = MOST + 1 - ArrayBuilder::len(lists.values()).min(MOST + 1);
            let steps = std::iter::successors(Some(start), next).take_while(|t| *t < end);
            steps.take(room).for_each(|t| lists.values().append_value(t));
            if ArrayBuilder::len(lists.values()) > MOST {
                return wrong_value(format!(
                    "resample: the result would have more than {MOST} empty intervals"
                ));
            }
            lists.append(from.is_valid(i));
        }
        Ok(Arc::new(lists.finish()))
    }))
}

aggregates!(of_named_columns Resampler "interval");

#[cfg(test)]
mod tests {
    use crate::frame::Resampler;
    use crate::prelude::*;

    /// Checks the intervals and the number of rows in each against pandas.
    fn check(freq: &str, want: &[(&str, i64)]) {
        let t = [
            "2019-12-30 01:00",
            "2020-01-05 23:00",
            "2020-01-06 00:00",
            "2020-02-29 12:00",
            "2020-06-30 23:59",
            "2021-01-01 00:00",
        ];
        let df = DataFrame::from_columns([("t", Series::from_iter(t))])
            .with_column("t", col("t").to_datetime(""));
        for parts in [1, 2, 6] {
            let sizes = df
                .repartition(parts)
                .resample(freq, "t")
                .size()
                .with_column("t", col("t").dt().strftime("%Y-%m-%d"))
                .compute()
                .unwrap();
            let (t, n) = (
                sizes.column("t").unwrap().to_vec::<String>().unwrap(),
                sizes.column("size").unwrap().to_vec::<i64>().unwrap(),
            );
            let all: Vec<_> = t.iter().map(String::as_str).zip(n).filter(|(_, n)| *n > 0).collect();
            assert_eq!(all, want, "{freq} in {parts} partitions");
        }
    }

    #[test]
    fn steps_of_the_calendar_are_those_of_pandas() {
        check(
            "W",
            &[
                ("2020-01-05", 2),
                ("2020-01-12", 1),
                ("2020-03-01", 1),
                ("2020-07-05", 1),
                ("2021-01-03", 1),
            ],
        );
        check(
            "W-MON",
            &[
                ("2019-12-30", 1),
                ("2020-01-06", 2),
                ("2020-03-02", 1),
                ("2020-07-06", 1),
                ("2021-01-04", 1),
            ],
        );
        check(
            "MS",
            &[
                ("2019-12-01", 1),
                ("2020-01-01", 2),
                ("2020-02-01", 1),
                ("2020-06-01", 1),
                ("2021-01-01", 1),
            ],
        );
        check(
            "ME",
            &[
                ("2019-12-31", 1),
                ("2020-01-31", 2),
                ("2020-02-29", 1),
                ("2020-06-30", 1),
                ("2021-01-31", 1),
            ],
        );
        check("QS", &[("2019-10-01", 1), ("2020-01-01", 3), ("2020-04-01", 1), ("2021-01-01", 1)]);
        check("QE", &[("2019-12-31", 1), ("2020-03-31", 3), ("2020-06-30", 1), ("2021-03-31", 1)]);
        check("YS", &[("2019-01-01", 1), ("2020-01-01", 4), ("2021-01-01", 1)]);
        check("Y", &[("2019-12-31", 1), ("2020-12-31", 4), ("2021-12-31", 1)]);
        check("2MS", &[("2019-12-01", 3), ("2020-02-01", 1), ("2020-06-01", 1), ("2020-12-01", 1)]);
        check("2ME", &[("2019-12-31", 1), ("2020-02-29", 3), ("2020-06-30", 1), ("2021-02-28", 1)]);
        check(
            "2W",
            &[
                ("2020-01-05", 2),
                ("2020-01-19", 1),
                ("2020-03-01", 1),
                ("2020-07-05", 1),
                ("2021-01-03", 1),
            ],
        );
    }

    /// Checks the intervals and the sums of a column against pandas.
    fn sums(of: &Resampler, format: &str, want: &[(&str, i64)]) {
        let t = of.sum("n").with_column("t", col("t").dt().strftime(format)).compute().unwrap();
        let names = t.column("t").unwrap().to_vec::<String>().unwrap();
        let all: Vec<_> = names
            .iter()
            .map(String::as_str)
            .zip(t.column("n").unwrap().to_vec::<i64>().unwrap())
            .collect();
        assert_eq!(all, want, "{of:?}");
    }

    fn rows(times: &[&'static str]) -> DataFrame {
        let n = Series::from_iter(1..=times.len() as i64);
        let t = Series::from_iter(times.iter().copied());
        DataFrame::from_columns([("t", t), ("n", n)]).with_column("t", col("t").to_datetime(""))
    }

    #[test]
    fn ends_and_origins_are_those_of_pandas() {
        let df = rows(&[
            "2024-01-01 00:00",
            "2024-01-01 00:10",
            "2024-01-01 00:30",
            "2024-01-01 01:00",
            "2024-01-01 01:05",
        ]);
        let half = |df: &DataFrame| df.resample("30min", "t");
        for df in [df.clone(), df.repartition(3)] {
            sums(
                &half(&df).closed("right"),
                "%H:%M",
                &[("23:30", 1), ("00:00", 5), ("00:30", 4), ("01:00", 5)],
            );
            sums(&half(&df).label("right"), "%H:%M", &[("00:30", 3), ("01:00", 3), ("01:30", 9)]);
            sums(&half(&df).offset("10min"), "%H:%M", &[("23:40", 1), ("00:10", 5), ("00:40", 9)]);
            sums(&half(&df).offset("-20min"), "%H:%M", &[("23:40", 1), ("00:10", 5), ("00:40", 9)]);
            sums(
                &df.resample("7min", "t").origin("start"),
                "%H:%M",
                &[
                    ("00:00", 1),
                    ("00:07", 2),
                    ("00:14", 0),
                    ("00:21", 0),
                    ("00:28", 3),
                    ("00:35", 0),
                    ("00:42", 0),
                    ("00:49", 0),
                    ("00:56", 4),
                    ("01:03", 5),
                ],
            );
        }
        let months = rows(&[
            "2024-01-01 00:00",
            "2024-01-05 10:00",
            "2024-01-31 00:00",
            "2024-01-31 12:00",
            "2024-02-01 00:00",
            "2024-03-10 00:00",
        ]);
        sums(&months.resample("ME", "t"), "%m-%d", &[("01-31", 10), ("02-29", 5), ("03-31", 6)]);
        sums(
            &months.resample("ME", "t").closed("left"),
            "%m-%d",
            &[("01-31", 3), ("02-29", 12), ("03-31", 6)],
        );
        for (of, part) in [
            (half(&df).closed("up"), "\"up\""),
            (half(&df).label("x"), "\"x\""),
            (half(&df).origin("soon"), "\"soon\""),
            (half(&df).offset("?"), "offset"),
        ] {
            let e = of.sum("n").compute().unwrap_err().to_string();
            assert!(e.contains(part) && e.matches("resample").count() == 1, "{e}");
        }
    }

    #[test]
    fn steps_of_a_zone_go_by_its_clocks_and_keep_it() {
        let zoned = |times: &[&'static str]| {
            rows(times)
                .with_column("t", col("t").dt().tz_localize("UTC").dt().tz_convert("Europe/Berlin"))
        };
        let autumn = zoned(&[
            "2024-10-26 23:30",
            "2024-10-27 00:30",
            "2024-10-27 01:30",
            "2024-10-27 02:30",
        ]);
        sums(
            &autumn.resample("1h", "t"),
            "%d %H:%M%:z",
            &[
                ("27 01:00+02:00", 1),
                ("27 02:00+02:00", 2),
                ("27 02:00+01:00", 3),
                ("27 03:00+01:00", 4),
            ],
        );
        sums(&autumn.resample("1D", "t"), "%d %H:%M%:z", &[("27 00:00+02:00", 10)]);
        sums(
            &autumn.resample("2h", "t"),
            "%d %H:%M%:z",
            &[("27 00:00+02:00", 1), ("27 02:00+02:00", 5), ("27 03:00+01:00", 4)],
        );
        let spring = zoned(&[
            "2024-03-30 22:30",
            "2024-03-31 00:30",
            "2024-03-31 01:30",
            "2024-03-31 22:30",
        ]);
        sums(
            &spring.resample("1D", "t"),
            "%d %H:%M%:z",
            &[("30 00:00+01:00", 1), ("31 00:00+01:00", 5), ("01 00:00+02:00", 4)],
        );
        sums(&spring.resample("MS", "t"), "%m-%d %:z", &[("03-01 +01:00", 6), ("04-01 +02:00", 4)]);
    }

    #[test]
    fn sums_keep_their_type() {
        let t = Series::from_iter(["2020-01-01", "2020-03-01"]);
        let df = DataFrame::from_columns([("t", t), ("n", Series::from_iter([5u64, 7]))])
            .with_column("t", col("t").to_datetime(""));
        let sums = df.resample("MS", "t").sum("n").compute().unwrap();
        assert_eq!(sums.column("n").unwrap().to_vec::<u64>().unwrap(), [5, 0, 7]);
    }

    #[test]
    fn a_step_that_is_none_is_told() {
        let df = DataFrame::from_columns([("t", Series::from_iter(["2020-01-01"]))])
            .with_column("t", col("t").to_datetime(""));
        let e = df.resample("fortnight", "t").size().compute().unwrap_err().to_string();
        assert!(
            e.contains("\"fortnight\"") && e.contains("\"15min\"") && e.contains("\"MS\""),
            "{e}"
        );
        let e = df.resample("0h", "t").size().compute().unwrap_err().to_string();
        assert!(e.contains("\"0h\""), "{e}");
    }
}
