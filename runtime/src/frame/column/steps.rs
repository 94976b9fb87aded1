//! Frequencies: how they are written, and which interval a timestamp falls into. Times are
//! microseconds since 1970, in local or in elapsed time.

use crate::csv::value;
use crate::frame::types::freq::{DAY, step};

/// A frequency: a fixed length in microseconds, or a number of calendar units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Step {
    /// This many microseconds of elapsed time.
    Length(i64),
    /// This many days of local time.
    Days(i64),
    Calendar(Unit, i64),
}

/// A unit of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Unit {
    /// Weeks that end on this day; Monday is 0.
    Weeks(i64),
    /// This many months, labelled by their first or by their last day.
    Months { each: i64, by_end: bool },
}

const WEEKDAYS: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

impl Step {
    /// Parses a frequency, with pandas' names.
    pub(in crate::frame) fn parse(freq: &str) -> std::result::Result<Self, String> {
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
                let day =
                    other.strip_prefix("W-").and_then(|d| WEEKDAYS.iter().position(|w| *w == d));
                day.map(|d| Unit::Weeks(d as i64))
            }
        };
        let count: i64 = if digits == 0 { 1 } else { freq[..digits].parse().unwrap_or(0) };
        match unit {
            Some(unit) if (1..=1_000_000).contains(&count) => Ok(Self::Calendar(unit, count)),
            _ => match step(freq) {
                Ok(n) if matches!(freq[digits..].trim(), "D" | "d") => Ok(Self::Days(n / DAY)),
                Ok(n) => Ok(Self::Length(n)),
                Err(e) => Err(format!(
                    "{e}, or a calendar unit: \"W\" and \"W-MON\" (weeks), \"MS\", \"QS\", \"YS\" (by their first day), \"ME\", \"QE\", \"YE\" (by their last)"
                )),
            },
        }
    }

    /// Returns the label of the next interval.
    pub(in crate::frame) fn next(self, at: i64) -> i64 {
        match self {
            Self::Length(n) => at + n,
            Self::Days(n) => at + n * DAY,
            Self::Calendar(unit, n) => unit.instant(unit.number(at) + n),
        }
    }
}

/// An end of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum End {
    Left,
    Right,
}

/// The point from which intervals are counted; `At` is local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Origin {
    StartDay,
    Start,
    Epoch,
    At(i64),
}

/// A frequency, with the end that is closed and the end that is the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) struct Steps {
    pub(in crate::frame) step: Step,
    pub(in crate::frame) closed: End,
    pub(in crate::frame) label: End,
    pub(in crate::frame) origin: Origin,
    pub(in crate::frame) offset: i64,
}

/// The possible points from which intervals are counted.
#[derive(Debug, Clone, Copy)]
pub(in crate::frame) struct Base {
    pub(in crate::frame) first: i64,
    pub(in crate::frame) start_day: i64,
    pub(in crate::frame) epoch: i64,
    pub(in crate::frame) at: i64,
}

impl Steps {
    pub(in crate::frame) fn of(step: Step) -> Self {
        let by_end = matches!(step, Step::Calendar(unit, _) if unit.by_end());
        let end = if by_end { End::Right } else { End::Left };
        Self { step, closed: end, label: end, origin: Origin::StartDay, offset: 0 }
    }

    /// Returns whether intervals depend on the first timestamp.
    pub(in crate::frame) fn needs_first(self, zoned: bool) -> bool {
        match (self.step, self.origin) {
            (Step::Calendar(_, n), _) => n != 1,
            (_, Origin::Epoch | Origin::At(_)) => false,
            (_, Origin::Start) => true,
            (Step::Days(n), Origin::StartDay) => n != 1,
            (Step::Length(n), Origin::StartDay) => zoned || DAY % n != 0,
        }
    }

    /// Returns the label of the interval of a timestamp.
    pub(in crate::frame) fn name(self, t: i64, base: Base) -> i64 {
        let (left, right) = match self.step {
            Step::Calendar(unit, n) => unit.ends(t, base.first, self.closed, n),
            Step::Length(n) => self.around(t, base, n),
            Step::Days(n) => self.around(t, base, n * DAY),
        };
        if self.label == End::Left { left } else { right }
    }

    /// Returns both ends of the interval of length `n` that contains a timestamp.
    fn around(self, t: i64, base: Base, n: i64) -> (i64, i64) {
        let from = match self.origin {
            Origin::StartDay => base.start_day,
            Origin::Start => base.first,
            Origin::Epoch => base.epoch,
            Origin::At(_) => base.at,
        };
        let from = from + self.offset;
        let left = match self.closed {
            End::Left => (t - from).div_euclid(n),
            End::Right => -(from - t).div_euclid(n) - 1,
        };
        (from + left * n, from + (left + 1) * n)
    }
}

impl Unit {
    /// Returns the last unit whose label is not later.
    fn floor(self, t: i64) -> i64 {
        let number = self.number(t);
        let within = self.by_end() && self.instant(number) != t.div_euclid(DAY) * DAY;
        number - i64::from(within)
    }

    /// Returns the first unit whose label is not earlier; a last day belongs to its unit as a
    /// whole.
    fn ceil(self, t: i64) -> i64 {
        let number = self.number(t);
        number + i64::from(!self.by_end() && self.instant(number) != t)
    }

    /// Returns both ends of an interval of `n` units.
    fn ends(self, t: i64, first: i64, closed: End, n: i64) -> (i64, i64) {
        let left = match closed {
            End::Left => {
                let from = self.floor(first);
                from + (self.floor(t) - from).div_euclid(n) * n
            }
            End::Right => {
                let from = self.ceil(first.div_euclid(DAY) * DAY);
                from - n - (from - self.ceil(t)).div_euclid(n) * n
            }
        };
        (self.instant(left), self.instant(left + n))
    }

    fn by_end(self) -> bool {
        match self {
            Self::Weeks(_) => true,
            Self::Months { by_end, .. } => by_end,
        }
    }

    /// Returns the number of the unit that contains a timestamp.
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

    /// Returns the timestamp that is the label of a unit.
    fn instant(self, number: i64) -> i64 {
        let first_day = |month: i64| {
            let (year, month) = (month.div_euclid(12), month.rem_euclid(12) as u32 + 1);
            chrono::NaiveDate::from_ymd_opt(year as i32, month, 1).map_or(i64::MIN / DAY, |d| {
                d.signed_duration_since(chrono::NaiveDate::default()).num_days()
            })
        };
        DAY * match self {
            Self::Weeks(last) => number * 7 + last - 3,
            Self::Months { each, by_end: false } => first_day(number * each),
            Self::Months { each, by_end: true } => first_day((number + 1) * each) - 1,
        }
    }
}
