//! More of what is done with instants: calendars, rounding, time zones, texts, and lengths of time.

use super::elementwise::Target;
use super::expr::Expr;
use super::time::{Dt, is_time};
use super::udf::{rowwise, wrong_type, wrong_value};
use crate::csv::kind::Kind;
use arrow::array::timezone::Tz;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, DurationMicrosecondType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeZone};
use datafusion::error::{DataFusionError, Result as DfResult};
use std::sync::Arc;

pub(super) const DAY: i64 = 86_400_000_000;

/// The instants as a clock at their place shows them, in microseconds.
pub(super) fn wall(array: &ArrayRef) -> DfResult<TimestampMicrosecondArray> {
    let DataType::Timestamp(_, Some(zone)) = array.data_type() else {
        return Ok(cast(array, &Kind::Time.arrow())?.as_primitive::<TimestampMicrosecondType>().clone());
    };
    let zone: Tz = zone.parse()?;
    let utc = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, array_zone(array)))?;
    let shown = |micros: i64| {
        let offset = naive(micros).map_or(0, |t| i64::from(zone.offset_from_utc_datetime(&t).fix().local_minus_utc()));
        micros + offset * 1_000_000
    };
    Ok(utc.as_primitive::<TimestampMicrosecondType>().unary::<_, TimestampMicrosecondType>(shown))
}

fn array_zone(array: &ArrayRef) -> Option<Arc<str>> {
    match array.data_type() {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    }
}

fn naive(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|t| t.naive_utc())
}

type Of = Arc<dyn Fn(&TimestampMicrosecondArray) -> DfResult<ArrayRef> + Send + Sync>;

/// A type, or what is wrong with an argument.
type Gives = Result<DataType, String>;

/// A function of a column of instants as it is.
#[inline(never)]
pub(super) fn of_instants(
    x: &Expr,
    name: &'static str,
    key: String,
    gives: Gives,
    f: impl Fn(&ArrayRef) -> DfResult<ArrayRef> + Send + Sync + 'static,
) -> Expr {
    let returns = move |t: &[DataType]| match &gives {
        Err(problem) => Err(DataFusionError::Plan(format!("dt().{name}: {problem}"))),
        Ok(gives) if is_time(&t[0]) || t[0].is_null() => Ok(gives.clone()),
        Ok(_) => wrong_type(&format!("dt().{name}"), &t[0], "a datetime; to_datetime(format) makes one of text"),
    };
    Expr::new(rowwise(&format!("dt_{name}"), key, vec![x.get().clone()], returns, move |a| f(&a[0])))
}

/// A function of what clocks show.
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

/// The length of a step such as `"15min"`, `"2h"` or `"D"`, in microseconds.
pub(super) fn step(freq: &str) -> Result<i64, String> {
    let digits = freq.find(|c: char| !c.is_ascii_digit()).unwrap_or(freq.len());
    let (count, unit) = freq.split_at(digits);
    let count: i64 = if count.is_empty() { 1 } else { count.parse().unwrap_or(0) };
    let micros = match unit.trim() {
        "us" | "U" => 1,
        "ms" | "L" => 1_000,
        "s" | "S" | "sec" => 1_000_000,
        "min" | "T" | "m" => 60_000_000,
        "h" | "H" => 3_600_000_000,
        "D" | "d" => DAY,
        _ => 0,
    };
    match count.checked_mul(micros) {
        Some(n) if n > 0 => Ok(n),
        _ => Err(format!(
            "{freq:?} is no step of time; there are \"us\", \"ms\", \"s\", \"min\", \"h\" and \"D\", with a number before: \"15min\", \"7D\""
        )),
    }
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
    /// Whether the year has 366 days.
    is_leap_year |t| is_leap(t.year());
    /// Whether it is the first day of a month.
    is_month_start |t| t.day() == 1;
    /// Whether it is the last day of a month.
    is_month_end |t| t.day() == last_day(t);
    /// Whether it is the first day of a quarter.
    is_quarter_start |t| t.day() == 1 && t.month() % 3 == 1;
    /// Whether it is the last day of a quarter.
    is_quarter_end |t| t.day() == last_day(t) && t.month() % 3 == 0;
    /// Whether it is the first of January.
    is_year_start |t| t.ordinal() == 1;
    /// Whether it is the last of December.
    is_year_end |t| t.month() == 12 && t.day() == 31;
}
fields! { Int32Array, DataType::Int32;
    /// Days of the month.
    days_in_month |t| last_day(t) as i32;
    /// The week of the ISO calendar.
    week |t| t.iso_week().week() as i32;
    /// The year of the ISO calendar, whose first week has the first Thursday.
    isoyear |t| t.iso_week().year();
    /// Nanoseconds within the microsecond: instants have none.
    nanosecond |_t| 0;
}
fields! { StringArray, DataType::Utf8;
    /// The name of the day, in English.
    day_name |t| t.format("%A").to_string();
    /// The name of the month, in English.
    month_name |t| t.format("%B").to_string();
    /// The time of the day as text.
    time |t| t.format("%H:%M:%S%.f").to_string();
}
fields! { Date32Array, DataType::Date32;
    /// The day.
    date |t| (t.and_utc().timestamp_micros().div_euclid(DAY)) as i32;
}

/// How instants are brought to a step.
#[derive(Debug, Clone, Copy)]
enum Rounding {
    Down,
    Up,
    Nearest,
}

#[inline(never)]
fn rounded(x: &Expr, name: &'static str, freq: &str, how: Rounding) -> Expr {
    let unit = step(freq);
    let n = *unit.as_ref().unwrap_or(&1);
    let one = move |t: i64| {
        let (steps, rest) = (t.div_euclid(n), t.rem_euclid(n));
        let up = match how {
            Rounding::Down => false,
            Rounding::Up => rest > 0,
            Rounding::Nearest => rest * 2 > n || rest * 2 == n && steps % 2 != 0,
        };
        (steps + i64::from(up)) * n
    };
    let gives = unit.map(|_| Kind::Time.arrow());
    over(x, name, freq.to_owned(), gives, Arc::new(move |a| Ok(Arc::new(a.unary::<_, TimestampMicrosecondType>(one)))))
}

impl<T: Target> Dt<T> {
    /// The last step that is not later, such as the full hour of `"h"` or the quarter of an hour of `"15min"`.
    #[must_use]
    #[track_caller]
    pub fn floor(&self, freq: &str) -> T {
        self.0.with("dt().floor", &|x| rounded(x, "floor", freq, Rounding::Down))
    }

    /// The first step that is not earlier.
    #[must_use]
    #[track_caller]
    pub fn ceil(&self, freq: &str) -> T {
        self.0.with("dt().ceil", &|x| rounded(x, "ceil", freq, Rounding::Up))
    }

    /// The nearest step; from the middle to the even one, as in pandas.
    #[must_use]
    #[track_caller]
    pub fn round(&self, freq: &str) -> T {
        self.0.with("dt().round", &|x| rounded(x, "round", freq, Rounding::Nearest))
    }

    /// The start of the day.
    #[must_use]
    #[track_caller]
    pub fn normalize(&self) -> T {
        self.0.with("dt().normalize", &|x| rounded(x, "normalize", "D", Rounding::Down))
    }

    /// The instant as text by a format of strftime.
    #[must_use]
    #[track_caller]
    pub fn strftime(&self, format: &str) -> T {
        self.0.with("dt().strftime", &|x| printed(x, format))
    }

    /// Takes the instants as what a clock in that time zone shows, such as `"Asia/Jakarta"`.
    #[must_use]
    #[track_caller]
    pub fn tz_localize(&self, zone: &str) -> T {
        self.0.with("dt().tz_localize", &|x| localized(x, zone))
    }

    /// The same instants as a clock in another time zone shows them.
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
    let gives = tried.map(|()| DataType::Utf8).map_err(|_| format!("{format:?} is no format of strftime"));
    let text = format.to_owned();
    of_instants(x, "strftime", format.to_owned(), gives, move |a| {
        let zone: Tz = array_zone(a).map_or_else(|| "+00:00".parse(), |z| z.parse())?;
        let utc = cast(a, &Kind::Time.arrow())?;
        let texts = utc
            .as_primitive::<TimestampMicrosecondType>()
            .iter()
            .map(|t| Some(zone.from_utc_datetime(&t.and_then(naive)?).format(&text).to_string()));
        Ok(Arc::new(texts.collect::<StringArray>()))
    })
}

fn zoned(zone: &str) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()))
}

#[inline(never)]
fn localized(x: &Expr, zone: &str) -> Expr {
    let known: Result<Tz, _> = zone.parse();
    let gives = known.map(|_| zoned(zone)).map_err(|_| format!("{zone:?} is no time zone"));
    let name = zone.to_owned();
    let there = move |a: &TimestampMicrosecondArray| {
        let made = cast(a, &zoned(&name))?;
        match (0..a.len()).find(|i| a.is_valid(*i) && made.is_null(*i)).and_then(|i| naive(a.value(i))) {
            Some(skipped) => wrong_value(format!("dt().tz_localize: no clock in {name} shows {skipped}")),
            None => Ok(made),
        }
    };
    over(x, "tz_localize", zone.to_owned(), gives, Arc::new(there))
}

#[inline(never)]
fn in_zone(x: &Expr, zone: &str) -> Expr {
    let name = zone.to_owned();
    let known = zone.parse::<Tz>().is_ok();
    let returns = move |t: &[DataType]| match &t[0] {
        _ if !known => Err(DataFusionError::Plan(format!("dt().tz_convert: {name:?} is no time zone"))),
        DataType::Timestamp(_, Some(_)) => Ok(zoned(&name)),
        other => wrong_type("dt().tz_convert", other, "an instant of a time zone; dt().tz_localize(zone) says which"),
    };
    let to = zoned(zone);
    Expr::new(rowwise("dt_tz_convert", zone.to_owned(), vec![x.get().clone()], returns, move |a| Ok(cast(&a[0], &to)?)))
}

#[inline(never)]
pub(super) fn since_1970(x: &Expr, unit: &str) -> Expr {
    let micros = step(unit);
    let n = *micros.as_ref().unwrap_or(&1);
    let returns = move |t: &[DataType]| match &micros {
        Err(problem) => Err(DataFusionError::Plan(format!("to_datetime_from: {problem}"))),
        Ok(_) if t[0].is_numeric() || t[0].is_null() => Ok(Kind::Time.arrow()),
        Ok(_) => wrong_type("to_datetime_from", &t[0], "a number"),
    };
    Expr::new(rowwise("to_datetime_from", unit.to_owned(), vec![x.get().clone()], returns, move |a| {
        if a[0].data_type().is_integer() {
            let whole = cast(&a[0], &DataType::Int64)?;
            let one = |v: Option<i64>| match v.map(|v| (v, v.checked_mul(n))) {
                Some((v, None)) => wrong_value(format!("to_datetime_from: {v} is too great for an instant")),
                v => Ok(v.and_then(|v| v.1)),
            };
            return Ok(Arc::new(whole.as_primitive::<Int64Type>().iter().map(one).collect::<DfResult<TimestampMicrosecondArray>>()?));
        }
        let floats = cast(&a[0], &DataType::Float64)?;
        let one = |v: Option<f64>| v.filter(|v| v.is_finite()).map(|v| (v * n as f64).round() as i64);
        Ok(Arc::new(floats.as_primitive::<Float64Type>().iter().map(one).collect::<TimestampMicrosecondArray>()))
    }))
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
                        other => wrong_type(concat!("dt().", stringify!($name)), other, "a length of time; the difference of two instants is one"),
                    };
                    Expr::new(rowwise(concat!("dt_", stringify!($name)), String::new(), vec![x.get().clone()], returns, |a| {
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
    /// A length of time in seconds.
    total_seconds Float64Array, DataType::Float64, |m| m as f64 / 1e6;
    /// Full days of a length of time.
    days Int64Array, DataType::Int64, |m| m.div_euclid(DAY);
    /// Seconds of a length of time beyond its full days.
    seconds Int64Array, DataType::Int64, |m| m.rem_euclid(DAY) / 1_000_000;
    /// Microseconds of a length of time beyond its full seconds.
    microseconds Int64Array, DataType::Int64, |m| m.rem_euclid(1_000_000);
    /// Nanoseconds of a length of time beyond its full microseconds: there are none.
    nanoseconds Int64Array, DataType::Int64, |_m| 0;
}
