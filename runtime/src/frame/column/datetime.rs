//! Timestamps: parsing of strings, and the fields of timestamps with pandas' names.

use crate::csv::kind::Kind;
use crate::csv::texts::views;
use crate::csv::value::{self, Format};
use crate::frame::column::dt::{Dt, is_time};
use crate::frame::column::lazy_series::LazySeries;
use crate::frame::column::target::Target;
use crate::frame::column::timestamps::{of_instants, since_1970, wall};
use crate::frame::expr::Expr;
use crate::frame::expr::udf::scalar_fn;
use crate::frame::types::clock::{Changes, exact};
use crate::frame::types::freq::DAY;
use crate::frame::types::wrong::wrong_type;
use arrow::array::{Array, ArrayRef, Int32Array, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result as DfResult};
use std::sync::Arc;

impl Expr {
    /// Parses strings as timestamps with a strftime format such as `"%m%d%Y"`, or as ISO 8601 if
    /// the format is empty (with an offset such as `Z`, converted to UTC). A format without a month
    /// or a day means the first. Timestamps and dates become timestamps. A string that does not
    /// match is an error that quotes it; null stays null.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("t", Series::from_iter(["12262006", "01022012"]))]);
    /// let years = df.with_column("year", col("t").to_datetime("%m%d%Y").dt().year()).compute()?;
    /// assert_eq!(years.column("year")?.to_vec::<i64>()?, [2006, 2012]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    pub fn to_datetime(&self, format: &str) -> Self {
        to_datetime(self, format, false)
    }

    /// Parses like [`to_datetime`](Expr::to_datetime), with null for a string that does not match.
    #[must_use]
    pub fn to_datetime_or_null(&self, format: &str) -> Self {
        to_datetime(self, format, true)
    }

    /// Converts numbers of seconds, milliseconds or another unit (`"s"`, `"ms"`, `"us"`, `"D"`)
    /// since 1970 to timestamps.
    #[must_use]
    pub fn to_datetime_from(&self, unit: &str) -> Self {
        since_1970(self, unit)
    }

    /// Returns the methods of timestamps: `col("t").dt().year()`.
    #[must_use]
    pub fn dt(&self) -> Dt<Self> {
        Dt(self.clone(), Changes::default())
    }
}

impl LazySeries {
    /// Parses strings as timestamps; see [`Expr::to_datetime`].
    #[track_caller]
    pub fn to_datetime(&self, format: &str) -> Self {
        self.with("to_datetime", &|x| x.to_datetime(format))
    }

    /// Returns the methods of timestamps.
    #[must_use]
    pub fn dt(&self) -> Dt<Self> {
        Dt(self.clone(), Changes::default())
    }
}

#[inline(never)]
pub(in crate::frame) fn to_datetime(x: &Expr, format: &str, coerce: bool) -> Expr {
    let returns = |t: &[DataType]| match &t[0] {
        t if t.is_string() || is_time(t) || t.is_null() => Ok(Kind::Time.arrow()),
        t => wrong_type(
            "to_datetime",
            t,
            "a string; help: cast numbers with astype(DType::Str) first",
        ),
    };
    let key = format!("{format}, {coerce}");
    let format = (!format.is_empty()).then(|| Format::new(format));
    Expr::new(scalar_fn("to_datetime", key, vec![x.get().clone()], returns, move |a| {
        if a[0].data_type().is_string() {
            return Ok(Arc::new(parsed(&a[0], format.as_ref(), coerce)?));
        }
        exact("to_datetime", &a[0]).and_then(|a| Ok(cast(&a, &Kind::Time.arrow())?))
    }))
}

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident $part:ident,)*) => {
        #[derive(Debug, Clone, Copy)]
        enum Part { $($part,)* }

        impl Part {
            const fn name(self) -> &'static str {
                match self { $(Self::$part => stringify!($name),)* }
            }
        }

        impl<T: Target> Dt<T> {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self) -> T {
                self.0.with(concat!("dt().", stringify!($name)), &|x| part(x, Part::$part))
            }
        )*}
    };
}
parts! {
    /// Returns the year.
    year Year,
    /// Returns the month, from 1.
    month Month,
    /// Returns the day of the month, from 1.
    day Day,
    /// Returns the hour.
    hour Hour,
    /// Returns the minute.
    minute Minute,
    /// Returns the second.
    second Second,
    /// Returns the microseconds within the second.
    microsecond Microsecond,
    /// Returns the day of the week; Monday is 0.
    dayofweek Weekday,
    /// Returns the day of the year, from 1.
    dayofyear Yearday,
    /// Returns the quarter, from 1.
    quarter Quarter,
}

#[inline(never)]
fn part(expr: &Expr, part: Part) -> Expr {
    of_instants(expr, part.name(), String::new(), Ok(DataType::Int32), move |a| {
        Ok(Arc::new(parts(a, part)?))
    })
}

fn parsed(
    array: &ArrayRef,
    format: Option<&Format>,
    coerce: bool,
) -> DfResult<TimestampMicrosecondArray> {
    let texts = views(array)?;
    let one = |text: &str| match format {
        Some(format) => format.micros(text.as_bytes()),
        // With an offset, the result is in UTC.
        None => {
            let rfc3339 = || chrono::DateTime::parse_from_rfc3339(text.trim()).ok();
            value::time(text.as_bytes()).or_else(|| value::micros_of(rfc3339()?.naive_utc()))
        }
    };
    let mut out = TimestampMicrosecondArray::builder(texts.len());
    for text in &texts {
        let micros = text.and_then(one);
        if let (Some(text), None, false) = (text, micros, coerce) {
            let format = format.map_or("ISO 8601", Format::text);
            let digits = if is_finer(text) {
                "nanoseconds are not supported, keep the column as strings; "
            } else {
                ""
            };
            let message = format!(
                "to_datetime: {text:?} does not match the format {format:?}; {digits}help: to_datetime_or_null reads it as null"
            );
            return Err(DataFusionError::Execution(message));
        }
        out.append_option(micros);
    }
    Ok(out.finish())
}

/// Returns whether a string has digits below microseconds.
fn is_finer(text: &str) -> bool {
    let digits = |d: &str| d.bytes().take_while(u8::is_ascii_digit).count();
    text.rsplit_once('.').is_some_and(|(_, d)| digits(d) > 6)
}

fn parts(array: &ArrayRef, part: Part) -> DfResult<Int32Array> {
    let micros = wall(array)?;
    Ok(match part {
        // The most frequent field gets a loop of its own.
        Part::Year => micros.unary(|micros| one_part(micros, Part::Year)),
        part => micros.unary(|micros| one_part(micros, part)),
    })
}

#[inline(always)]
fn one_part(micros: i64, part: Part) -> i32 {
    let (days, of_day) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let of_day = |unit: i64, count: i64| (of_day / unit % count) as i32;
    match part {
        Part::Hour => of_day(3_600_000_000, 24),
        Part::Minute => of_day(60_000_000, 60),
        Part::Second => of_day(1_000_000, 60),
        Part::Microsecond => of_day(1, 1_000_000),
        // The first of January 1970 was a Thursday.
        Part::Weekday => (days + 3).rem_euclid(7) as i32,
        Part::Year => value::civil(days).0,
        Part::Month => value::civil(days).1,
        Part::Day => value::civil(days).2,
        Part::Quarter => (value::civil(days).1 + 2) / 3,
        Part::Yearday => {
            let (year, ..) = value::civil(days);
            (days - value::first_of_january(year)) as i32 + 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use chrono::{Datelike, NaiveDateTime, Timelike};

    #[test]
    fn parts_are_those_of_chrono() {
        for i in -400_000i64..400_000 {
            let micros = i * 86_400_000_000 / 3 + i * 7_777_777;
            let want: NaiveDateTime =
                chrono::DateTime::from_timestamp_micros(micros).unwrap().naive_utc();
            let got = |part| one_part(micros, part) as u32;
            assert_eq!(one_part(micros, Part::Year), want.year(), "{want}");
            assert_eq!(
                (got(Part::Month), got(Part::Day), got(Part::Yearday)),
                (want.month(), want.day(), want.ordinal()),
                "{want}"
            );
            assert_eq!(
                (got(Part::Hour), got(Part::Minute), got(Part::Second)),
                (want.hour(), want.minute(), want.second()),
                "{want}"
            );
            assert_eq!(
                (got(Part::Weekday), got(Part::Quarter)),
                (want.weekday().num_days_from_monday(), want.month().div_ceil(3)),
                "{want}"
            );
            assert_eq!(got(Part::Microsecond), want.nanosecond() / 1000, "{want}");
        }
    }

    #[test]
    fn texts_that_do_not_fit_are_named_or_missing() {
        let df = DataFrame::from_columns([
            ("t", Series::from_iter([Some("2020-01-01"), Some("bad"), None])),
            ("n", Series::from_iter([1i64, 2, 3])),
        ]);
        let e = df
            .with_column("d", col("t").to_datetime("%Y-%m-%d"))
            .compute()
            .unwrap_err()
            .to_string();
        assert!(e.contains("\"bad\"") && e.contains("%Y-%m-%d") && e.contains("or_null"), "{e}");
        let t =
            df.with_column("y", col("t").to_datetime_or_null("").dt().year()).compute().unwrap();
        assert_eq!(
            t.column("y").unwrap().to_vec::<Option<i64>>().unwrap(),
            [Some(2020), None, None]
        );
        let e = df.with_column("y", col("n").dt().year()).compute().unwrap_err().to_string();
        assert!(e.contains("int64") && e.contains("to_datetime"), "{e}");
    }
}
