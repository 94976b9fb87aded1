//! Steps of time: how they are written, and in which of them a time lies. Times are microseconds since
//! 1970, as a clock shows them or as time passes.

use crate::csv::value;
use crate::frame::types::freq::{DAY, step};

/// Steps of time: of one length in microseconds, or so many units of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Step {
    /// So long, as time passes.
    Length(i64),
    /// So many days, as clocks show them.
    Days(i64),
    Calendar(Unit, i64),
}

/// A unit of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Unit {
    /// Weeks that end with this day; Monday is 0.
    Weeks(i64),
    /// So many months, named by their first day or by their last.
    Months { each: i64, by_end: bool },
}

const WEEKDAYS: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

impl Step {
    /// By pandas' names.
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
                let day = other.strip_prefix("W-").and_then(|d| WEEKDAYS.iter().position(|w| *w == d));
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
                    "{e}; and by the calendar \"W\" and \"W-MON\" (weeks), \"MS\", \"QS\", \"YS\" (by their first day), \"ME\", \"QE\", \"YE\" (by their last)"
                )),
            },
        }
    }

    /// What stands for the next step.
    pub(in crate::frame) fn next(self, at: i64) -> i64 {
        match self {
            Self::Length(n) => at + n,
            Self::Days(n) => at + n * DAY,
            Self::Calendar(unit, n) => unit.instant(unit.number(at) + n),
        }
    }
}

/// An end of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum End {
    Left,
    Right,
}

/// What steps are counted from; `At` as a clock shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) enum Origin {
    StartDay,
    Start,
    Epoch,
    At(i64),
}

/// Steps, which of their ends belongs to them and which names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frame) struct Steps {
    pub(in crate::frame) step: Step,
    pub(in crate::frame) closed: End,
    pub(in crate::frame) label: End,
    pub(in crate::frame) origin: Origin,
    pub(in crate::frame) offset: i64,
}

/// The points from which steps may be counted.
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

    /// Whether steps depend on the first timestamp.
    pub(in crate::frame) fn needs_first(self, zoned: bool) -> bool {
        match (self.step, self.origin) {
            (Step::Calendar(_, n), _) => n != 1,
            (_, Origin::Epoch | Origin::At(_)) => false,
            (_, Origin::Start) => true,
            (Step::Days(n), Origin::StartDay) => n != 1,
            (Step::Length(n), Origin::StartDay) => zoned || DAY % n != 0,
        }
    }

    /// What names the step of a timestamp.
    pub(in crate::frame) fn name(self, t: i64, base: Base) -> i64 {
        let (left, right) = match self.step {
            Step::Calendar(unit, n) => unit.ends(t, base.first, self.closed, n),
            Step::Length(n) => self.around(t, base, n),
            Step::Days(n) => self.around(t, base, n * DAY),
        };
        if self.label == End::Left { left } else { right }
    }

    /// Both ends of the step of length `n` in which a timestamp lies.
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
    /// The last unit that is named by a day that is not later.
    fn floor(self, t: i64) -> i64 {
        let number = self.number(t);
        let within = self.by_end() && self.instant(number) != t.div_euclid(DAY) * DAY;
        number - i64::from(within)
    }

    /// The first unit that is named by a day that is not earlier; a last day belongs to its unit whole.
    fn ceil(self, t: i64) -> i64 {
        let number = self.number(t);
        number + i64::from(!self.by_end() && self.instant(number) != t)
    }

    /// Both ends of so many units.
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
