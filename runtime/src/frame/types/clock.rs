//! Local times of time zones: conversion to and from UTC, and the handling of hours that a
//! daylight-saving change skips or repeats. Also nanosecond digits, which are kept or rejected but
//! never truncated.

use crate::csv::kind::Kind;
use crate::frame::types::wrong::wrong_value;
use arrow::array::timezone::Tz;
use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType};
use chrono::offset::LocalResult;
use chrono::{DateTime, NaiveDateTime, Offset, TimeZone};
use datafusion::error::Result as DfResult;
use std::sync::Arc;

const HOUR: i64 = 3_600_000_000;

/// How to resolve an ambiguous local time, which occurs twice when clocks are set back.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twice {
    Raise,
    Earlier,
    Later,
    Null,
    Infer,
}

/// How to resolve a nonexistent local time, which is skipped when clocks are set forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Never {
    Raise,
    Forward,
    Backward,
    Null,
}

/// How to resolve local times at daylight-saving changes.
pub(in crate::frame) type Rule = (Twice, Never);

/// How to resolve local times at daylight-saving changes, or why the given options are invalid.
#[derive(Debug, Clone)]
pub(in crate::frame) struct Changes(pub(in crate::frame) Result<Rule, String>);

impl Default for Changes {
    fn default() -> Self {
        Self(Ok((Twice::Raise, Never::Raise)))
    }
}

/// The argument of [`Dt::ambiguous`](crate::frame::column::dt::Dt::ambiguous): `"raise"`,
/// `"infer"`, `"NaT"`, or whether it is daylight saving time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a valid way to resolve ambiguous local times",
    note = "use \"raise\", \"infer\", \"NaT\", true (the earlier) or false (the later)"
)]
pub trait IntoAmbiguous {
    /// Returns the option, or why it is invalid.
    #[doc(hidden)]
    fn into_ambiguous(self) -> Result<Twice, String>;
}

impl IntoAmbiguous for bool {
    fn into_ambiguous(self) -> Result<Twice, String> {
        Ok(if self { Twice::Earlier } else { Twice::Later })
    }
}

impl IntoAmbiguous for &str {
    fn into_ambiguous(self) -> Result<Twice, String> {
        match self {
            "raise" => Ok(Twice::Raise),
            "infer" => Ok(Twice::Infer),
            "NaT" => Ok(Twice::Null),
            _ => Err(format!(
                "ambiguous: invalid value {self:?}: expected \"raise\", \"infer\", \"NaT\", true or false"
            )),
        }
    }
}

impl Changes {
    #[inline(never)]
    pub(in crate::frame) fn twice(&self, twice: Result<Twice, String>) -> Self {
        Self(self.0.clone().and_then(|(_, never)| Ok((twice?, never))))
    }

    #[inline(never)]
    pub(in crate::frame) fn never(&self, how: &str) -> Self {
        let never = match how {
            "raise" => Ok(Never::Raise),
            "shift_forward" => Ok(Never::Forward),
            "shift_backward" => Ok(Never::Backward),
            "NaT" => Ok(Never::Null),
            _ => Err(format!(
                "nonexistent: invalid value {how:?}: expected \"raise\", \"shift_forward\", \"shift_backward\" or \"NaT\""
            )),
        };
        Self(self.0.clone().and_then(|(twice, _)| Ok((twice, never?))))
    }
}

/// The local time of a time zone; timestamps and local times are in microseconds.
#[derive(Debug, Clone)]
pub(in crate::frame) struct Clock(Tz);

impl Clock {
    /// Returns the clock of a column's time zone if it has one.
    pub(in crate::frame) fn of(t: &DataType) -> DfResult<Option<Self>> {
        match t {
            DataType::Timestamp(_, Some(zone)) => Ok(Some(Self(zone.parse()?))),
            _ => Ok(None),
        }
    }

    /// Returns the local time of a timestamp.
    pub(in crate::frame) fn shown(&self, utc: i64) -> i64 {
        let offset = |t| self.0.offset_from_utc_datetime(&t).fix().local_minus_utc();
        utc + naive(utc).map_or(0, |t| i64::from(offset(t))) * 1_000_000
    }

    /// Returns the timestamps with a local time: none, one, or the earlier and the later.
    fn at(&self, shown: i64) -> LocalResult<i64> {
        let Some(t) = naive(shown) else { return LocalResult::None };
        let utc =
            |o: <Tz as TimeZone>::Offset| shown - i64::from(o.fix().local_minus_utc()) * 1_000_000;
        self.0.offset_from_local_datetime(&t).map(utc)
    }

    /// Returns the first timestamp after the gap that contains a local time. Found by bisection,
    /// because a gap may have any length.
    fn after_gap(&self, shown: i64) -> i64 {
        let (mut low, mut high) = (shown - 15 * HOUR, shown + 13 * HOUR);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.shown(middle) > shown { high = middle } else { low = middle }
        }
        high
    }

    /// Returns the timestamp for the start of an interval: the earlier of two, or the end of the
    /// gap.
    pub(in crate::frame) fn back(&self, shown: i64) -> i64 {
        match self.at(shown) {
            LocalResult::Single(t) | LocalResult::Ambiguous(t, _) => t,
            LocalResult::None => self.after_gap(shown),
        }
    }

    fn timestamp(&self, shown: i64, rule: Rule) -> Result<Option<i64>, &'static str> {
        match (self.at(shown), rule) {
            (LocalResult::Single(t), _)
            | (LocalResult::Ambiguous(t, _), (Twice::Earlier, _))
            | (LocalResult::Ambiguous(_, t), (Twice::Later, _)) => Ok(Some(t)),
            (LocalResult::Ambiguous(..), (Twice::Null, _))
            | (LocalResult::None, (_, Never::Null)) => Ok(None),
            (LocalResult::None, (_, Never::Forward)) => Ok(Some(self.after_gap(shown))),
            (LocalResult::None, (_, Never::Backward)) => Ok(Some(self.after_gap(shown) - 1)),
            (LocalResult::Ambiguous(..), _) => Err(
                "occurs twice (clocks are set back); help: dt().ambiguous(\"infer\"), or ambiguous(true) for the earlier",
            ),
            (LocalResult::None, _) => Err(
                "does not exist (daylight-saving gap); help: dt().nonexistent(\"shift_forward\")",
            ),
        }
    }

    /// Returns for each local time whether it is the later of two: a run of ambiguous times goes
    /// back once.
    fn inferred(&self, times: &TimestampMicrosecondArray) -> DfResult<Vec<bool>> {
        let mut later = vec![false; times.len()];
        let is_twice = |i: &usize| {
            times.is_valid(*i) && matches!(self.at(times.value(*i)), LocalResult::Ambiguous(..))
        };
        let all: Vec<usize> = (0..times.len()).filter(is_twice).collect();
        for run in all.chunk_by(|a, b| a + 1 == *b) {
            let goes_back = |w: &&[usize]| times.value(w[1]) <= times.value(w[0]);
            let back: Vec<usize> = run.windows(2).filter(goes_back).map(|w| w[1]).collect();
            let [from] = back[..] else {
                let (at, n) = (naive(times.value(run[0])).unwrap_or_default(), back.len());
                return wrong_value(format!(
                    "dt().ambiguous: cannot infer daylight saving time at {at} (row {}): the times go back {n} times; expected once; help: ambiguous(true) or ambiguous(false)",
                    run[0]
                ));
            };
            run.iter().filter(|i| **i >= from).for_each(|i| later[*i] = true);
        }
        Ok(later)
    }
}

/// Converts the local times of a time zone to timestamps.
pub(in crate::frame) fn located(
    method: &str,
    times: &TimestampMicrosecondArray,
    zone: &str,
    rule: Rule,
) -> DfResult<ArrayRef> {
    let clock = Clock(zone.parse()?);
    let later = if rule.0 == Twice::Infer { clock.inferred(times)? } else { Vec::new() };
    let mut made = TimestampMicrosecondArray::builder(times.len());
    for (i, shown) in times.iter().enumerate() {
        let twice = match later.get(i) {
            Some(true) => Twice::Later,
            Some(false) => Twice::Earlier,
            None => rule.0,
        };
        match shown.map(|s| clock.timestamp(s, (twice, rule.1))).transpose() {
            Ok(at) => made.append_option(at.flatten()),
            Err(problem) => {
                let shown = shown.and_then(naive).unwrap_or_default();
                return wrong_value(format!("{method}: local time {shown} in {zone} {problem}"));
            }
        }
    }
    Ok(Arc::new(made.finish().with_timezone(zone)))
}

/// Returns the time zone of a column of timestamps.
pub(in crate::frame) fn zone_of(array: &ArrayRef) -> Option<Arc<str>> {
    match array.data_type() {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    }
}

/// Returns a timestamp as a date and time in UTC.
pub(in crate::frame) fn naive(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|t| t.naive_utc())
}

/// Casts timestamps to microseconds, keeping the time zone; nanosecond digits are an error, as they
/// would be lost.
pub(in crate::frame) fn exact(method: &str, array: &ArrayRef) -> DfResult<ArrayRef> {
    if let DataType::Timestamp(TimeUnit::Nanosecond, _) = array.data_type() {
        let nanos = array.as_primitive::<TimestampNanosecondType>();
        if let Some(t) = nanos.iter().flatten().find(|t| t % 1000 != 0) {
            let t = DateTime::from_timestamp_nanos(t).naive_utc();
            return wrong_value(format!(
                "{method}: {t} has nanoseconds, which would be lost; expected microseconds; help: round down with dt().floor(\"us\")"
            ));
        }
    }
    let to = match zone_of(array) {
        Some(zone) => DataType::Timestamp(TimeUnit::Microsecond, Some(zone)),
        None => Kind::Time.arrow(),
    };
    let fits = CastOptions { safe: false, ..CastOptions::default() };
    Ok(cast_with_options(array, &to, &fits)?)
}

/// How digits below microseconds are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Below {
    Down,
    Up,
}

/// Returns the timestamps in microseconds in UTC, with digits below rounded.
pub(in crate::frame) fn micros(
    array: &ArrayRef,
    below: Below,
) -> DfResult<TimestampMicrosecondArray> {
    if let DataType::Timestamp(TimeUnit::Nanosecond, _) = array.data_type() {
        let one = move |t: i64| match below {
            Below::Down => t.div_euclid(1000),
            Below::Up => -(-t).div_euclid(1000),
        };
        let nanos = array.as_primitive::<TimestampNanosecondType>();
        return Ok(nanos.unary::<_, TimestampMicrosecondType>(one));
    }
    let exact = exact("datetime", array)?;
    Ok(exact.as_primitive::<TimestampMicrosecondType>().clone().with_timezone_opt(None::<Arc<str>>))
}

/// Returns the timestamps as dates and times in UTC, at full precision.
pub(in crate::frame) fn datetimes(array: &ArrayRef) -> DfResult<Vec<Option<NaiveDateTime>>> {
    if let DataType::Timestamp(TimeUnit::Nanosecond, _) = array.data_type() {
        let one = |t: i64| DateTime::from_timestamp_nanos(t).naive_utc();
        let nanos = array.as_primitive::<TimestampNanosecondType>();
        return Ok(nanos.iter().map(|t| t.map(one)).collect());
    }
    Ok(micros(array, Below::Down)?.iter().map(|t| t.and_then(naive)).collect())
}

/// Returns the part of the timestamps below microseconds, in nanoseconds.
pub(in crate::frame) fn nanos_below(array: &ArrayRef) -> Vec<i64> {
    let nanos = array.as_primitive_opt::<TimestampNanosecondType>();
    nanos.map_or_else(Vec::new, |a| a.values().iter().map(|t| t.rem_euclid(1000)).collect())
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    fn times(texts: &[&str]) -> DataFrame {
        let t = Series::from_iter(texts.iter().map(|t| (*t).to_owned()));
        DataFrame::from_columns([("t", t)]).with_column("t", col("t").to_datetime(""))
    }

    fn shown(df: &DataFrame, e: Expr) -> Vec<Option<String>> {
        let text = df.with_column("t", e.dt().strftime("%m-%d %H:%M%:z"));
        text.compute().unwrap().column("t").unwrap().to_vec().unwrap()
    }

    fn check(df: &DataFrame, e: Expr, want: &[&str]) {
        let got: Vec<_> =
            shown(df, e).into_iter().map(|t| t.unwrap_or_else(|| "NaT".into())).collect();
        assert_eq!(got, want);
    }

    const ZONE: &str = "Europe/Berlin";

    #[test]
    fn shown_times_are_located_as_in_pandas() {
        let spring = times(&["2024-03-31 01:30", "2024-03-31 02:30"]);
        let dt = || col("t").dt();
        check(
            &spring,
            dt().nonexistent("shift_forward").tz_localize(ZONE),
            &["03-31 01:30+01:00", "03-31 03:00+02:00"],
        );
        check(
            &spring,
            dt().nonexistent("shift_backward").tz_localize(ZONE),
            &["03-31 01:30+01:00", "03-31 01:59+01:00"],
        );
        check(&spring, dt().nonexistent("NaT").tz_localize(ZONE), &["03-31 01:30+01:00", "NaT"]);
        let autumn = times(&[
            "2024-10-27 02:00",
            "2024-10-27 02:30",
            "2024-10-27 02:00",
            "2024-10-27 02:30",
        ]);
        let later =
            ["10-27 02:00+02:00", "10-27 02:30+02:00", "10-27 02:00+01:00", "10-27 02:30+01:00"];
        check(&autumn, dt().ambiguous("infer").tz_localize(ZONE), &later);
        check(&autumn.repartition(3), dt().ambiguous("infer").tz_localize(ZONE), &later);
        check(
            &autumn,
            dt().ambiguous(true).tz_localize(ZONE),
            &[later[0], later[1], later[0], later[1]],
        );
        check(
            &autumn,
            dt().ambiguous(false).tz_localize(ZONE),
            &[later[2], later[3], later[2], later[3]],
        );
        check(&autumn, dt().ambiguous("NaT").tz_localize(ZONE), &["NaT"; 4]);
        for (df, e, part) in [
            (&spring, dt().tz_localize(ZONE), "does not exist"),
            (&autumn, dt().tz_localize(ZONE), "occurs twice"),
            (&autumn, dt().ambiguous("maybe").tz_localize(ZONE), "\"maybe\""),
            (&spring, dt().nonexistent("later").tz_localize(ZONE), "\"later\""),
            (&spring, dt().tz_localize("Mars/Olympus"), "Mars/Olympus"),
        ] {
            let e = df.with_column("t", e).compute().unwrap_err().to_string();
            assert!(e.contains(part), "{e}");
        }
    }

    #[test]
    fn rounded_times_keep_their_zone() {
        let utc = times(&[
            "2024-10-26 23:40",
            "2024-10-27 00:40",
            "2024-10-27 01:40",
            "2024-10-27 02:40",
        ]);
        let zoned = utc.with_column("t", col("t").dt().tz_localize("UTC").dt().tz_convert(ZONE));
        check(
            &zoned,
            col("t").dt().ambiguous("infer").floor("1h"),
            &["10-27 01:00+02:00", "10-27 02:00+02:00", "10-27 02:00+01:00", "10-27 03:00+01:00"],
        );
        check(&zoned, col("t").dt().normalize(), &["10-27 00:00+02:00"; 4]);
        let e =
            zoned.with_column("t", col("t").dt().floor("1h")).compute().unwrap_err().to_string();
        assert!(e.contains("occurs twice") && e.contains("infer"), "{e}");
    }

    #[test]
    fn digits_that_do_not_fit_are_an_error() {
        let t = "2024-01-01 00:00:00.123456789";
        let df = DataFrame::from_columns([("t", Series::from_iter([t]))]);
        for format in ["", "%Y-%m-%d %H:%M:%S%.f"] {
            let e = df
                .with_column("d", col("t").to_datetime(format))
                .compute()
                .unwrap_err()
                .to_string();
            assert!(e.contains("123456789") && e.contains("nanoseconds"), "{e}");
        }
        let nanos = chrono::NaiveDate::from_ymd_opt(1969, 12, 31)
            .unwrap()
            .and_hms_nano_opt(23, 59, 59, 999_999_999)
            .unwrap();
        let df = DataFrame::from_columns([("t", Series::from_iter([nanos]))]);
        assert_eq!(
            df.compute().unwrap().column("t").unwrap().to_vec::<chrono::NaiveDateTime>().unwrap(),
            [nanos]
        );
        assert_eq!(df.filter(col("t").eq(nanos)).len().unwrap(), 1);
        let parts = df
            .with_columns([("s", col("t").dt().second()), ("n", col("t").dt().nanosecond())])
            .compute()
            .unwrap();
        let of = |name: &str| parts.column(name).unwrap().to_vec::<i64>().unwrap();
        assert_eq!((of("s"), of("n")), (vec![59], vec![999]));
        check(&df, col("t").dt().floor("us"), &["12-31 23:59+00:00"]);
        check(&df, col("t").dt().ceil("1s"), &["01-01 00:00+00:00"]);
    }
}
