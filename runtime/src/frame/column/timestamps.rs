//! Further methods of timestamps: calendars, rounding, time zones, formatting, and durations.

use crate::csv::kind::Kind;
use crate::frame::column::dt::{Dt, is_time};
use crate::frame::column::target::Target;
use crate::frame::expr::udf::{scalar_fn, window_fn};
use crate::frame::expr::{Expr, window_function};
use crate::frame::types::clock::{
    Below, Changes, Clock, IntoAmbiguous, Never, Rule, Twice, datetimes, exact, located, micros,
    naive, nanos_below, zone_of,
};
use crate::frame::types::freq::{DAY, step};
use crate::frame::types::wrong::{wrong_type, wrong_value};
use arrow::array::timezone::Tz;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array,
    StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, DurationMicrosecondType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeZone};
use datafusion::error::{DataFusionError, Result as DfResult};
use std::sync::Arc;

/// Returns the timestamps in local time, in microseconds; smaller digits are truncated.
pub(in crate::frame) fn wall(array: &ArrayRef) -> DfResult<TimestampMicrosecondArray> {
    let utc = micros(array, Below::Down)?;
    match Clock::of(array.data_type())? {
        Some(clock) => Ok(utc.unary::<_, TimestampMicrosecondType>(|t| clock.shown(t))),
        None => Ok(utc),
    }
}

type Of = Arc<dyn Fn(&TimestampMicrosecondArray) -> DfResult<ArrayRef> + Send + Sync>;

/// A type, or what is wrong with an argument.
type Gives = Result<DataType, String>;

/// Builds a function of a column of timestamps.
#[inline(never)]
pub(in crate::frame) fn of_instants(
    x: &Expr,
    name: &'static str,
    key: String,
    gives: Gives,
    f: impl Fn(&ArrayRef) -> DfResult<ArrayRef> + Send + Sync + 'static,
) -> Expr {
    let returns = move |t: &[DataType]| match &gives {
        Err(problem) => Err(DataFusionError::Plan(format!("dt().{name}: {problem}"))),
        Ok(gives) if is_time(&t[0]) || t[0].is_null() => Ok(gives.clone()),
        Ok(_) => wrong_type(
            &format!("dt().{name}"),
            &t[0],
            "a datetime; help: parse strings with to_datetime(format)",
        ),
    };
    Expr::new(scalar_fn(&format!("dt_{name}"), key, vec![x.get().clone()], returns, move |a| {
        f(&a[0])
    }))
}

/// Builds a function of local times.
#[inline(never)]
fn over(x: &Expr, name: &'static str, key: String, gives: Gives, f: Of) -> Expr {
    of_instants(x, name, key, gives, move |a| f(&wall(a)?))
}

fn each<A: FromIterator<Option<V>> + Array + 'static, V>(
    a: &TimestampMicrosecondArray,
    f: impl Fn(NaiveDateTime) -> V,
) -> DfResult<ArrayRef> {
    Ok(Arc::new(a.iter().map(|t| t.and_then(naive).map(&f)).collect::<A>()))
}

fn last_day(t: NaiveDateTime) -> u32 {
    let (year, month) = if t.month() == 12 { (t.year() + 1, 1) } else { (t.year(), t.month() + 1) };
    NaiveDate::from_ymd_opt(year, month, 1).and_then(|d| d.pred_opt()).map_or(31, |d| d.day())
}

fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

macro_rules! fields {
    ($array:ty, $dtype:expr; $($(#[$doc:meta])* $name:ident |$t:ident| $body:expr;)*) => {
        impl<T: Target> Dt<T> {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self) -> T {
                #[inline(never)]
                fn made(x: &Expr) -> Expr {
                    over(x, stringify!($name), String::new(), Ok($dtype), Arc::new(|a| each::<$array, _>(a, |$t| $body)))
                }
                self.0.with(concat!("dt().", stringify!($name)), &made)
            }
        )*}
    };
}
fields! { BooleanArray, DataType::Boolean;
    /// Returns whether the year is a leap year.
    is_leap_year |t| is_leap(t.year());
    /// Returns whether the date is the first day of a month.
    is_month_start |t| t.day() == 1;
    /// Returns whether the date is the last day of a month.
    is_month_end |t| t.day() == last_day(t);
    /// Returns whether the date is the first day of a quarter.
    is_quarter_start |t| t.day() == 1 && t.month() % 3 == 1;
    /// Returns whether the date is the last day of a quarter.
    is_quarter_end |t| t.day() == last_day(t) && t.month() % 3 == 0;
    /// Returns whether the date is the first of January.
    is_year_start |t| t.ordinal() == 1;
    /// Returns whether the date is the last of December.
    is_year_end |t| t.month() == 12 && t.day() == 31;
}
fields! { Int32Array, DataType::Int32;
    /// Returns the number of days in the month.
    days_in_month |t| last_day(t) as i32;
    /// Returns the week of the ISO calendar.
    week |t| t.iso_week().week() as i32;
    /// Returns the year of the ISO calendar, whose first week contains the first Thursday.
    isoyear |t| t.iso_week().year();
}
fields! { StringArray, DataType::Utf8;
    /// Returns the name of the weekday, in English.
    day_name |t| t.format("%A").to_string();
    /// Returns the name of the month, in English.
    month_name |t| t.format("%B").to_string();
    /// Returns the time of day as a string.
    time |t| t.format("%H:%M:%S%.f").to_string();
}
fields! { Date32Array, DataType::Date32;
    /// Returns the date.
    date |t| (t.and_utc().timestamp_micros().div_euclid(DAY)) as i32;
}

/// How timestamps are rounded.
#[derive(Debug, Clone, Copy)]
enum Rounding {
    Down,
    Up,
    Nearest,
}

impl Rounding {
    /// Rounds a time, with the nanoseconds below it, to a multiple of `n`.
    fn of(self, t: i64, below: i64, n: i64) -> i64 {
        let (steps, rest) =
            (t.div_euclid(n), i128::from(t.rem_euclid(n)) * 1000 + i128::from(below));
        let half = i128::from(n) * 500;
        let up = match self {
            Self::Down => false,
            Self::Up => rest > 0,
            Self::Nearest => rest > half || rest == half && steps % 2 != 0,
        };
        (steps + i64::from(up)) * n
    }
}

/// Builds a function of timestamps that depends on the handling of clock changes; inference needs
/// the order of rows, and gets the whole column.
fn applied(
    x: &Expr,
    name: &str,
    key: &str,
    changes: &Changes,
    returns: impl Fn(&[DataType]) -> DfResult<DataType> + Send + Sync + 'static,
    compute: impl Fn(&[ArrayRef], Rule) -> DfResult<ArrayRef> + Send + Sync + 'static,
) -> Expr {
    let (problem, name) = (changes.0.clone().err(), format!("dt_{name}"));
    let rule = changes.0.clone().unwrap_or((Twice::Raise, Never::Raise));
    let checked = move |t: &[DataType]| match &problem {
        Some(problem) => Err(DataFusionError::Plan(format!("dt().{problem}"))),
        None => returns(t),
    };
    let (key, args) = (format!("{key}, {rule:?}"), vec![x.get().clone()]);
    let run = move |a: &[ArrayRef]| compute(a, rule);
    if rule.0 == Twice::Infer {
        return window_function::in_order(window_fn(&name, key, checked, run), args);
    }
    Expr::new(scalar_fn(&name, key, args, checked, run))
}

/// Returns the type of timestamps in microseconds, with their zone.
pub(in crate::frame) fn kept(method: &str, t: &DataType) -> DfResult<DataType> {
    match t {
        DataType::Timestamp(_, zone) => {
            Ok(DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))
        }
        t if is_time(t) || t.is_null() => Ok(Kind::Time.arrow()),
        t => wrong_type(method, t, "a datetime; help: parse strings with to_datetime(format)"),
    }
}

#[inline(never)]
fn rounded(x: &Expr, name: &'static str, freq: &str, how: Rounding, changes: &Changes) -> Expr {
    let (unit, n) = (step(freq), step(freq).unwrap_or(1));
    let returns = move |t: &[DataType]| match &unit {
        Err(problem) => Err(DataFusionError::Plan(format!("dt().{name}: {problem}"))),
        Ok(_) => kept(&format!("dt().{name}"), &t[0]),
    };
    applied(x, name, freq, changes, returns, move |a, rule| {
        let (times, below) = (wall(&a[0])?, nanos_below(&a[0]));
        let one = |(i, t): (usize, Option<i64>)| {
            t.map(|t| how.of(t, below.get(i).copied().unwrap_or(0), n))
        };
        let made: TimestampMicrosecondArray = times.iter().enumerate().map(one).collect();
        match zone_of(&a[0]) {
            Some(zone) => located(&format!("dt().{name}"), &made, &zone, rule),
            None => Ok(Arc::new(made)),
        }
    })
}

impl<T: Target> Dt<T> {
    /// Sets how ambiguous local times, when clocks are set back, are handled by `tz_localize`,
    /// `floor`, `ceil`, `round` and `normalize`, as pandas' `ambiguous`: `"raise"` (the default),
    /// `"infer"` (by the order of rows), `"NaT"`, `true` (the earlier) or `false` (the later).
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("t", Series::from_iter(["2024-10-27 02:30"]))]).with_column("t", col("t").to_datetime(""));
    /// let there = col("t").dt().ambiguous(true).tz_localize("Europe/Berlin").dt().strftime("%H:%M%:z");
    /// assert_eq!(df.with_column("t", there).compute()?.column("t")?.to_vec::<String>()?, ["02:30+02:00"]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    pub fn ambiguous(&self, how: impl IntoAmbiguous) -> Self {
        Self(self.0.clone(), self.1.twice(how.into_ambiguous()))
    }

    /// Sets how nonexistent local times, when clocks are set forward, are handled, as pandas'
    /// `nonexistent`: `"raise"` (the default), `"shift_forward"`, `"shift_backward"` or `"NaT"`.
    #[must_use]
    pub fn nonexistent(&self, how: &str) -> Self {
        Self(self.0.clone(), self.1.never(how))
    }

    /// Returns the nanoseconds within the microsecond.
    #[must_use]
    #[track_caller]
    pub fn nanosecond(&self) -> T {
        self.0.with("dt().nanosecond", &nanosecond)
    }
}

#[inline(never)]
fn nanosecond(x: &Expr) -> Expr {
    of_instants(x, "nanosecond", String::new(), Ok(DataType::Int32), |a| {
        let below = |t: NaiveDateTime| (t.and_utc().timestamp_subsec_nanos() % 1000) as i32;
        Ok(Arc::new(datetimes(a)?.into_iter().map(|t| t.map(below)).collect::<Int32Array>()))
    })
}

impl<T: Target> Dt<T> {
    /// Rounds down to a frequency, such as the full hour for `"h"` or the quarter of an hour for
    /// `"15min"`, in local time; keeps the time zone.
    #[must_use]
    #[track_caller]
    pub fn floor(&self, freq: &str) -> T {
        self.0.with("dt().floor", &|x| rounded(x, "floor", freq, Rounding::Down, &self.1))
    }

    /// Rounds up to a frequency.
    #[must_use]
    #[track_caller]
    pub fn ceil(&self, freq: &str) -> T {
        self.0.with("dt().ceil", &|x| rounded(x, "ceil", freq, Rounding::Up, &self.1))
    }

    /// Rounds to the nearest multiple of a frequency; ties go to the even one, as in pandas.
    #[must_use]
    #[track_caller]
    pub fn round(&self, freq: &str) -> T {
        self.0.with("dt().round", &|x| rounded(x, "round", freq, Rounding::Nearest, &self.1))
    }

    /// Returns the start of the day.
    #[must_use]
    #[track_caller]
    pub fn normalize(&self) -> T {
        self.0.with("dt().normalize", &|x| rounded(x, "normalize", "D", Rounding::Down, &self.1))
    }

    /// Formats the timestamp with a strftime format.
    #[must_use]
    #[track_caller]
    pub fn strftime(&self, format: &str) -> T {
        self.0.with("dt().strftime", &|x| printed(x, format))
    }

    /// Interprets the timestamps as local times of a time zone, such as `"Asia/Jakarta"`.
    #[must_use]
    #[track_caller]
    pub fn tz_localize(&self, zone: &str) -> T {
        self.0.with("dt().tz_localize", &|x| localized(x, zone, &self.1))
    }

    /// Converts the timestamps to another time zone.
    #[must_use]
    #[track_caller]
    pub fn tz_convert(&self, zone: &str) -> T {
        self.0.with("dt().tz_convert", &|x| in_zone(x, zone))
    }
}

#[inline(never)]
fn printed(x: &Expr, format: &str) -> Expr {
    use std::fmt::Write;
    let tried = write!(String::new(), "{}", DateTime::UNIX_EPOCH.format(format));
    let gives =
        tried.map(|()| DataType::Utf8).map_err(|_| format!("invalid strftime format {format:?}"));
    let text = format.to_owned();
    of_instants(x, "strftime", format.to_owned(), gives, move |a| {
        let zone: Tz = zone_of(a).map_or_else(|| "+00:00".parse(), |z| z.parse())?;
        let print = |t: NaiveDateTime| zone.from_utc_datetime(&t).format(&text).to_string();
        Ok(Arc::new(datetimes(a)?.into_iter().map(|t| t.map(print)).collect::<StringArray>()))
    })
}

fn zoned(zone: &str) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()))
}

#[inline(never)]
fn localized(x: &Expr, zone: &str, changes: &Changes) -> Expr {
    let (known, name) = (zone.parse::<Tz>().is_ok(), zone.to_owned());
    let returns = move |t: &[DataType]| match &t[0] {
        _ if !known => {
            let expected =
                "expected a name such as \"Asia/Jakarta\", or an offset such as \"+07:00\"";
            Err(DataFusionError::Plan(format!(
                "dt().tz_localize: unknown time zone {name:?}: {expected}"
            )))
        }
        DataType::Timestamp(_, Some(_)) => wrong_type(
            "dt().tz_localize",
            &t[0],
            "a datetime without a time zone; help: convert to another zone with dt().tz_convert(zone)",
        ),
        t => kept("dt().tz_localize", t).map(|_| zoned(&name)),
    };
    let to = zone.to_owned();
    applied(x, "tz_localize", zone, changes, returns, move |a, rule| {
        let times = exact("dt().tz_localize", &a[0])?;
        located("dt().tz_localize", times.as_primitive(), &to, rule)
    })
}

#[inline(never)]
fn in_zone(x: &Expr, zone: &str) -> Expr {
    let name = zone.to_owned();
    let known = zone.parse::<Tz>().is_ok();
    let returns = move |t: &[DataType]| match &t[0] {
        _ if !known => {
            Err(DataFusionError::Plan(format!("dt().tz_convert: unknown time zone {name:?}")))
        }
        DataType::Timestamp(_, Some(_)) => Ok(zoned(&name)),
        other => wrong_type(
            "dt().tz_convert",
            other,
            "a datetime with a time zone; help: set the zone with dt().tz_localize(zone)",
        ),
    };
    let to = zoned(zone);
    Expr::new(scalar_fn(
        "dt_tz_convert",
        zone.to_owned(),
        vec![x.get().clone()],
        returns,
        move |a| Ok(cast(&exact("dt().tz_convert", &a[0])?, &to)?),
    ))
}

/// Casts to timestamps of a zone: converts those of another zone, and takes others as local times.
#[inline(never)]
pub(in crate::frame) fn of_zone(x: &Expr, zone: &str) -> Expr {
    let (to, shown) = (zoned(zone), zone.to_owned());
    let (known, name) = (zone.parse::<Tz>().is_ok(), zone.to_owned());
    let returns = move |t: &[DataType]| match known {
        true => kept("astype", &t[0]).map(|_| zoned(&name)),
        false => Err(DataFusionError::Plan(format!("astype: unknown time zone {name:?}"))),
    };
    Expr::new(scalar_fn("of_zone", zone.to_owned(), vec![x.get().clone()], returns, move |a| {
        let times = exact("astype", &a[0])?;
        match zone_of(&a[0]) {
            Some(_) => Ok(cast(&times, &to)?),
            None => located("astype", times.as_primitive(), &shown, (Twice::Raise, Never::Raise)),
        }
    }))
}

#[inline(never)]
pub(in crate::frame) fn since_1970(x: &Expr, unit: &str) -> Expr {
    let micros = step(unit);
    let n = *micros.as_ref().unwrap_or(&1);
    let returns = move |t: &[DataType]| match &micros {
        Err(problem) => Err(DataFusionError::Plan(format!("to_datetime_from: {problem}"))),
        Ok(_) if t[0].is_numeric() || t[0].is_null() => Ok(Kind::Time.arrow()),
        Ok(_) => wrong_type("to_datetime_from", &t[0], "a number"),
    };
    Expr::new(scalar_fn(
        "to_datetime_from",
        unit.to_owned(),
        vec![x.get().clone()],
        returns,
        move |a| {
            if a[0].data_type().is_integer() {
                let whole = cast(&a[0], &DataType::Int64)?;
                let one = |v: Option<i64>| match v.map(|v| (v, v.checked_mul(n))) {
                    Some((v, None)) => wrong_value(format!(
                        "to_datetime_from: {v} is out of range for a timestamp"
                    )),
                    v => Ok(v.and_then(|v| v.1)),
                };
                return Ok(Arc::new(
                    whole
                        .as_primitive::<Int64Type>()
                        .iter()
                        .map(one)
                        .collect::<DfResult<TimestampMicrosecondArray>>()?,
                ));
            }
            let floats = cast(&a[0], &DataType::Float64)?;
            let one =
                |v: Option<f64>| v.filter(|v| v.is_finite()).map(|v| (v * n as f64).round() as i64);
            Ok(Arc::new(
                floats
                    .as_primitive::<Float64Type>()
                    .iter()
                    .map(one)
                    .collect::<TimestampMicrosecondArray>(),
            ))
        },
    ))
}

macro_rules! lengths {
    ($($(#[$doc:meta])* $name:ident $array:ty, $dtype:expr, |$m:ident| $body:expr;)*) => {
        impl<T: Target> Dt<T> {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self) -> T {
                #[inline(never)]
                fn made(x: &Expr) -> Expr {
                    let returns = |t: &[DataType]| match &t[0] {
                        DataType::Duration(_) | DataType::Null => Ok($dtype),
                        other => wrong_type(concat!("dt().", stringify!($name)), other, "a duration; help: subtract two timestamps to get one"),
                    };
                    Expr::new(scalar_fn(concat!("dt_", stringify!($name)), String::new(), vec![x.get().clone()], returns, |a| {
                        let micros = cast(&a[0], &DataType::Duration(TimeUnit::Microsecond))?;
                        Ok(Arc::new(micros.as_primitive::<DurationMicrosecondType>().iter().map(|m| m.map(|$m| $body)).collect::<$array>()))
                    }))
                }
                self.0.with(concat!("dt().", stringify!($name)), &made)
            }
        )*}
    };
}
lengths! {
    /// Returns the duration in seconds.
    total_seconds Float64Array, DataType::Float64, |m| m as f64 / 1e6;
    /// Returns the full days of the duration.
    days Int64Array, DataType::Int64, |m| m.div_euclid(DAY);
    /// Returns the seconds of the duration beyond its full days.
    seconds Int64Array, DataType::Int64, |m| m.rem_euclid(DAY) / 1_000_000;
    /// Returns the microseconds of the duration beyond its full seconds.
    microseconds Int64Array, DataType::Int64, |m| m.rem_euclid(1_000_000);
    /// Returns the nanoseconds of the duration beyond its full microseconds: always 0.
    nanoseconds Int64Array, DataType::Int64, |_m| 0;
}
