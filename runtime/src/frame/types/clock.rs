//! Clocks of time zones: what they show at a timestamp, which timestamp a shown time is, and what
//! becomes of the hours that a clock change skips or repeats. And digits below microseconds, which
//! are kept or refused but never cut.

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

/// What becomes of a time that a clock shows twice, when it is set back.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twice {
    Raise,
    Earlier,
    Later,
    Null,
    Infer,
}

/// What becomes of a time that a clock never shows, when it is set forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Never {
    Raise,
    Forward,
    Backward,
    Null,
}

/// What is done where clocks change.
pub(in crate::frame) type Rule = (Twice, Never);

/// What is done where clocks change, or what is wrong with what was asked for.
#[derive(Debug, Clone)]
pub(in crate::frame) struct Changes(pub(in crate::frame) Result<Rule, String>);

impl Default for Changes {
    fn default() -> Self {
        Self(Ok((Twice::Raise, Never::Raise)))
    }
}

/// What [`Dt::ambiguous`](crate::frame::column::dt::Dt::ambiguous) takes: `"raise"`, `"infer"`, `"NaT"`, or whether it
/// is daylight saving time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what becomes of times that a clock shows twice",
    note = "use \"raise\", \"infer\", \"NaT\", true (the earlier) or false (the later)"
)]
pub trait IntoAmbiguous {
    /// What is meant, or what is wrong with it.
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
            _ => Err(format!("ambiguous: {self:?} is not known; expected \"raise\", \"infer\", \"NaT\", true or false")),
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
            _ => Err(format!("nonexistent: {how:?} is not known; expected \"raise\", \"shift_forward\", \"shift_backward\" or \"NaT\"")),
        };
        Self(self.0.clone().and_then(|(twice, _)| Ok((twice, never?))))
    }
}

/// The clock of a time zone; timestamps and what it shows are microseconds.
#[derive(Debug, Clone)]
pub(in crate::frame) struct Clock(Tz);

impl Clock {
    /// The clock of a column's zone, where it has one.
    pub(in crate::frame) fn of(t: &DataType) -> DfResult<Option<Self>> {
        match t {
            DataType::Timestamp(_, Some(zone)) => Ok(Some(Self(zone.parse()?))),
            _ => Ok(None),
        }
    }

    /// What it shows at a timestamp.
    pub(in crate::frame) fn shown(&self, utc: i64) -> i64 {
        let offset = |t| self.0.offset_from_utc_datetime(&t).fix().local_minus_utc();
        utc + naive(utc).map_or(0, |t| i64::from(offset(t))) * 1_000_000
    }

    /// The timestamps at which it shows a time: none, one, or the earlier and the later.
    fn at(&self, shown: i64) -> LocalResult<i64> {
        let Some(t) = naive(shown) else { return LocalResult::None };
        let utc = |o: <Tz as TimeZone>::Offset| shown - i64::from(o.fix().local_minus_utc()) * 1_000_000;
        self.0.offset_from_local_datetime(&t).map(utc)
    }

    /// The first timestamp behind the gap in which it would show a time: found by bisection, as a
    /// zone may skip any length.
    fn after_gap(&self, shown: i64) -> i64 {
        let (mut low, mut high) = (shown - 15 * HOUR, shown + 13 * HOUR);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.shown(middle) > shown { high = middle } else { low = middle }
        }
        high
    }

    /// The timestamp for a step of time: the earlier of two, and what follows a gap.
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
            (LocalResult::Ambiguous(..), (Twice::Null, _)) | (LocalResult::None, (_, Never::Null)) => Ok(None),
            (LocalResult::None, (_, Never::Forward)) => Ok(Some(self.after_gap(shown))),
            (LocalResult::None, (_, Never::Backward)) => Ok(Some(self.after_gap(shown) - 1)),
            (LocalResult::Ambiguous(..), _) => Err("is shown twice; help: dt().ambiguous(\"infer\"), or ambiguous(true) for the earlier"),
            (LocalResult::None, _) => Err("is never shown; help: dt().nonexistent(\"shift_forward\")"),
        }
    }

    /// For each time, whether it is the later of two: a run of such times goes back once.
    fn inferred(&self, times: &TimestampMicrosecondArray) -> DfResult<Vec<bool>> {
        let mut later = vec![false; times.len()];
        let is_twice = |i: &usize| times.is_valid(*i) && matches!(self.at(times.value(*i)), LocalResult::Ambiguous(..));
        let all: Vec<usize> = (0..times.len()).filter(is_twice).collect();
        for run in all.chunk_by(|a, b| a + 1 == *b) {
            let goes_back = |w: &&[usize]| times.value(w[1]) <= times.value(w[0]);
            let back: Vec<usize> = run.windows(2).filter(goes_back).map(|w| w[1]).collect();
            let [from] = back[..] else {
                let (at, n) = (naive(times.value(run[0])).unwrap_or_default(), back.len());
                return wrong_value(format!(
                    "dt().ambiguous: the hour of {at} goes back {n} times (row {}); expected once; help: ambiguous(true) or ambiguous(false)",
                    run[0]
                ));
            };
            run.iter().filter(|i| **i >= from).for_each(|i| later[*i] = true);
        }
        Ok(later)
    }
}

/// The timestamps at which a zone's clocks show these times.
pub(in crate::frame) fn located(method: &str, times: &TimestampMicrosecondArray, zone: &str, rule: Rule) -> DfResult<ArrayRef> {
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
                return wrong_value(format!("{method}: {shown} in {zone} {problem}"));
            }
        }
    }
    Ok(Arc::new(made.finish().with_timezone(zone)))
}

/// The zone of a column of timestamps.
pub(in crate::frame) fn zone_of(array: &ArrayRef) -> Option<Arc<str>> {
    match array.data_type() {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    }
}

/// A timestamp as a date and a time in Greenwich.
pub(in crate::frame) fn naive(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|t| t.naive_utc())
}

/// The timestamps in microseconds, with their zone; digits below are an error, as they would be lost.
pub(in crate::frame) fn exact(method: &str, array: &ArrayRef) -> DfResult<ArrayRef> {
    if let DataType::Timestamp(TimeUnit::Nanosecond, _) = array.data_type() {
        let nanos = array.as_primitive::<TimestampNanosecondType>();
        if let Some(t) = nanos.iter().flatten().find(|t| t % 1000 != 0) {
            let t = DateTime::from_timestamp_nanos(t).naive_utc();
            return wrong_value(format!(
                "{method}: {t} has nanoseconds, which would be lost; expected microseconds; help: dt().floor(\"us\") cuts them"
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

/// Where digits below microseconds go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Below {
    Down,
    Up,
}

/// The timestamps in microseconds in Greenwich, digits below rounded.
pub(in crate::frame) fn micros(array: &ArrayRef, below: Below) -> DfResult<TimestampMicrosecondArray> {
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

/// The timestamps as dates and times in Greenwich, to the last digit.
pub(in crate::frame) fn datetimes(array: &ArrayRef) -> DfResult<Vec<Option<NaiveDateTime>>> {
    if let DataType::Timestamp(TimeUnit::Nanosecond, _) = array.data_type() {
        let one = |t: i64| DateTime::from_timestamp_nanos(t).naive_utc();
        let nanos = array.as_primitive::<TimestampNanosecondType>();
        return Ok(nanos.iter().map(|t| t.map(one)).collect());
    }
    Ok(micros(array, Below::Down)?.iter().map(|t| t.and_then(naive)).collect())
}

/// What timestamps have below microseconds, in nanoseconds.
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
        let got: Vec<_> = shown(df, e).into_iter().map(|t| t.unwrap_or_else(|| "NaT".into())).collect();
        assert_eq!(got, want);
    }

    const ZONE: &str = "Europe/Berlin";

    #[test]
    fn shown_times_are_located_as_in_pandas() {
        let spring = times(&["2024-03-31 01:30", "2024-03-31 02:30"]);
        let dt = || col("t").dt();
        check(&spring, dt().nonexistent("shift_forward").tz_localize(ZONE), &["03-31 01:30+01:00", "03-31 03:00+02:00"]);
        check(&spring, dt().nonexistent("shift_backward").tz_localize(ZONE), &["03-31 01:30+01:00", "03-31 01:59+01:00"]);
        check(&spring, dt().nonexistent("NaT").tz_localize(ZONE), &["03-31 01:30+01:00", "NaT"]);
        let autumn = times(&["2024-10-27 02:00", "2024-10-27 02:30", "2024-10-27 02:00", "2024-10-27 02:30"]);
        let later = ["10-27 02:00+02:00", "10-27 02:30+02:00", "10-27 02:00+01:00", "10-27 02:30+01:00"];
        check(&autumn, dt().ambiguous("infer").tz_localize(ZONE), &later);
        check(&autumn.repartition(3), dt().ambiguous("infer").tz_localize(ZONE), &later);
        check(&autumn, dt().ambiguous(true).tz_localize(ZONE), &[later[0], later[1], later[0], later[1]]);
        check(&autumn, dt().ambiguous(false).tz_localize(ZONE), &[later[2], later[3], later[2], later[3]]);
        check(&autumn, dt().ambiguous("NaT").tz_localize(ZONE), &["NaT"; 4]);
        for (df, e, part) in [
            (&spring, dt().tz_localize(ZONE), "never shown"),
            (&autumn, dt().tz_localize(ZONE), "shown twice"),
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
        let utc = times(&["2024-10-26 23:40", "2024-10-27 00:40", "2024-10-27 01:40", "2024-10-27 02:40"]);
        let zoned = utc.with_column("t", col("t").dt().tz_localize("UTC").dt().tz_convert(ZONE));
        check(
            &zoned,
            col("t").dt().ambiguous("infer").floor("1h"),
            &["10-27 01:00+02:00", "10-27 02:00+02:00", "10-27 02:00+01:00", "10-27 03:00+01:00"],
        );
        check(&zoned, col("t").dt().normalize(), &["10-27 00:00+02:00"; 4]);
        let e = zoned.with_column("t", col("t").dt().floor("1h")).compute().unwrap_err().to_string();
        assert!(e.contains("shown twice") && e.contains("infer"), "{e}");
    }

    #[test]
    fn digits_that_do_not_fit_are_an_error() {
        let t = "2024-01-01 00:00:00.123456789";
        let df = DataFrame::from_columns([("t", Series::from_iter([t]))]);
        for format in ["", "%Y-%m-%d %H:%M:%S%.f"] {
            let e = df.with_column("d", col("t").to_datetime(format)).compute().unwrap_err().to_string();
            assert!(e.contains("123456789") && e.contains("nanoseconds"), "{e}");
        }
        let nanos = chrono::NaiveDate::from_ymd_opt(1969, 12, 31).unwrap().and_hms_nano_opt(23, 59, 59, 999_999_999).unwrap();
        let df = DataFrame::from_columns([("t", Series::from_iter([nanos]))]);
        assert_eq!(df.compute().unwrap().column("t").unwrap().to_vec::<chrono::NaiveDateTime>().unwrap(), [nanos]);
        assert_eq!(df.filter(col("t").eq(nanos)).len().unwrap(), 1);
        let parts = df.with_columns([("s", col("t").dt().second()), ("n", col("t").dt().nanosecond())]).compute().unwrap();
        let of = |name: &str| parts.column(name).unwrap().to_vec::<i64>().unwrap();
        assert_eq!((of("s"), of("n")), (vec![59], vec![999]));
        check(&df, col("t").dt().floor("us"), &["12-31 23:59+00:00"]);
        check(&df, col("t").dt().ceil("1s"), &["01-01 00:00+00:00"]);
    }
}
