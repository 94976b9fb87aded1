//! Text to values: whole numbers, decimals, dates and instants, true and false, and what stands for a missing value.
//!
//! Decimals of up to 2^53 without their point, scaled by up to 10^22, are divided or multiplied once, which rounds right
//! (Clinger, "How to read floating point numbers accurately", PLDI 1990); others go to the standard library.

use chrono::{NaiveDate, NaiveDateTime};

/// What stands for a missing value where nothing else is said: pandas' list.
pub(crate) const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None",
    "n/a", "nan", "null",
];
const TRUE: [&str; 3] = ["True", "TRUE", "true"];
const FALSE: [&str; 3] = ["False", "FALSE", "false"];

/// How the text of a field becomes a value.
#[derive(Debug, Clone)]
pub(crate) struct Values {
    missing: Vec<Vec<u8>>,
    longest: usize,
    /// The first bytes of what stands for a missing value.
    starts: Box<[bool; 256]>,
    /// Something that could be a number stands for a missing value, so that must be looked at first.
    pub(crate) missing_first: bool,
    trues: Vec<Vec<u8>>,
    falses: Vec<Vec<u8>>,
    decimal: u8,
    thousands: Option<u8>,
}

impl Values {
    pub(crate) fn new(missing: Vec<String>, trues: &[String], falses: &[String], decimal: u8, thousands: Option<u8>) -> Self {
        let bytes = |own: &[&str], more: &[String]| {
            own.iter().map(|s| s.as_bytes().to_vec()).chain(more.iter().map(|s| s.as_bytes().to_vec())).collect()
        };
        let mut starts = Box::new([false; 256]);
        missing.iter().filter_map(|m| m.bytes().next()).for_each(|b| starts[b as usize] = true);
        let standard = |m: &String| MISSING.contains(&m.as_str());
        let mut values = Self {
            longest: missing.iter().map(String::len).max().unwrap_or(0),
            starts,
            missing_first: !missing.iter().all(standard),
            missing: missing.into_iter().map(String::into_bytes).collect(),
            trues: bytes(&TRUE, trues),
            falses: bytes(&FALSE, falses),
            decimal,
            thousands,
        };
        values.missing.sort();
        values
    }

    /// Whether a text stands for a missing value.
    #[inline]
    pub(crate) fn is_missing(&self, text: &[u8]) -> bool {
        let may = text.len() <= self.longest && text.first().is_none_or(|b| self.starts[*b as usize]);
        may && self.missing.binary_search_by(|m| m.as_slice().cmp(text)).is_ok()
    }

    pub(crate) fn bool(&self, text: &[u8]) -> Option<bool> {
        let among = |list: &[Vec<u8>]| list.iter().any(|t| t == text);
        if among(&self.trues) { Some(true) } else { among(&self.falses).then_some(false) }
    }

    #[inline]
    pub(crate) fn int(&self, text: &[u8]) -> Option<i64> {
        match self.thousands {
            Some(mark) if memchr::memchr(mark, text).is_some() => int(&grouped(text, mark, self.decimal)?),
            _ => int(text),
        }
    }

    #[inline]
    pub(crate) fn float(&self, text: &[u8]) -> Option<f64> {
        if self.decimal == b'.' && self.thousands.is_none() {
            return float(text);
        }
        let mut plain = match self.thousands {
            Some(mark) => grouped(text, mark, self.decimal)?,
            None => text.to_vec(),
        };
        if self.decimal != b'.' {
            if plain.contains(&b'.') {
                return None;
            }
            plain.iter_mut().filter(|b| **b == self.decimal).for_each(|b| *b = b'.');
        }
        float(&plain)
    }
}

/// A number without the marks between its thousands, of which none may follow the decimal point.
fn grouped(text: &[u8], mark: u8, decimal: u8) -> Option<Vec<u8>> {
    let whole = &text[..memchr::memchr(decimal, text).unwrap_or(text.len())];
    let sound = !text[whole.len()..].contains(&mark) && whole.first() != Some(&mark) && whole.last() != Some(&mark);
    sound.then(|| text.iter().copied().filter(|b| *b != mark).collect())
}

/// Eight digits at once, where all eight bytes are digits.
#[inline(always)]
fn eight_digits(text: &[u8; 8]) -> Option<u64> {
    let x = u64::from_le_bytes(*text);
    let digits = x.wrapping_sub(0x3030_3030_3030_3030);
    if (x.wrapping_add(0x4646_4646_4646_4646) | digits) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    // Neighbours are put together: digits to pairs, pairs to fours, fours to eight.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    Some(low.wrapping_add(high) >> 32)
}

/// The number that the digits at the start of a text are, and how many they are; `None` for the number where they are too many.
#[inline(always)]
fn digits(text: &[u8], mut number: u64) -> (u64, usize) {
    let mut at = 0;
    while let Some(eight) = text.get(at..at + 8).and_then(|t| eight_digits(t.first_chunk()?)) {
        number = number.wrapping_mul(100_000_000).wrapping_add(eight);
        at += 8;
    }
    while let Some(digit) = text.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (number, at)
}

#[inline(always)]
fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text.first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// A whole number; spaces around it are no part of it.
#[inline]
pub(crate) fn int(text: &[u8]) -> Option<i64> {
    let (negative, rest) = sign(text);
    let (number, n) = digits(rest, 0);
    if n == rest.len() && (1..19).contains(&n) {
        return Some(if negative { -(number as i64) } else { number as i64 });
    }
    odd_int(text)
}

#[cold]
fn odd_int(text: &[u8]) -> Option<i64> {
    let trimmed = text.trim_ascii();
    // Nineteen digits or more may not fit; the standard library knows.
    std::str::from_utf8(trimmed).ok()?.parse().ok()
}

const POWERS: [f64; 23] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22];

/// A decimal number, or infinity; spaces around it are no part of it.
#[inline]
pub(crate) fn float(text: &[u8]) -> Option<f64> {
    let (negative, rest) = sign(text);
    let (whole, n) = digits(rest, 0);
    let (number, decimals, end) = match rest.get(n) {
        Some(b'.') => {
            let (number, d) = digits(&rest[n + 1..], whole);
            (number, d, n + 1 + d)
        }
        _ => (whole, 0, n),
    };
    if end == rest.len() && (1..=19).contains(&(n + decimals)) && number <= 1 << 53 {
        let value = number as f64 / POWERS[decimals];
        return Some(if negative { -value } else { value });
    }
    odd_float(text)
}

#[cold]
fn odd_float(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    let bare = text.trim_start_matches(['+', '-']);
    let number = bare.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let infinite = ["inf", "infinity"].iter().any(|i| bare.eq_ignore_ascii_case(i));
    (number || infinite).then(|| text.parse().ok()).flatten()
}

/// A number of `N` digits and no more.
#[inline(always)]
fn fixed<const N: usize>(text: &[u8], at: usize) -> Option<u32> {
    let field: &[u8; N] = text.get(at..at + N)?.first_chunk()?;
    field.iter().try_fold(0, |n, b| Some(n * 10 + u32::from(b.wrapping_sub(b'0'))).filter(|_| b.is_ascii_digit()))
}

/// Days since 1970 of `YYYY-MM-DD`.
#[inline]
pub(crate) fn date(text: &[u8]) -> Option<i32> {
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    days(fixed::<4>(text, 0)?, fixed::<2>(text, 5)?, fixed::<2>(text, 8)?)
}

/// Days since 1970, by the rules of Gregory (after Hinnant, "chrono-compatible low-level date algorithms").
#[inline(always)]
fn days(year: u32, month: u32, day: u32) -> Option<i32> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if day == 0 || day > length {
        return None;
    }
    let (y, m) = if month > 2 { (year as i32, month - 3) } else { (year as i32 - 1, month + 9) };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * m as i32 + 2) / 5 + day as i32 - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// Microseconds since 1970 of `YYYY-MM-DD HH:MM[:SS[.f]]`, with a space or a `T`, up to six decimals; or of a date alone.
#[inline]
pub(crate) fn time(text: &[u8]) -> Option<i64> {
    if text.len() == 10 {
        return date(text).map(|d| i64::from(d) * 86_400_000_000);
    }
    if text.len() < 16 || !matches!(text[10], b' ' | b'T') || text[13] != b':' {
        return None;
    }
    let day = i64::from(date(&text[..10])?);
    let (hour, minute) = (fixed::<2>(text, 11)?, fixed::<2>(text, 14)?);
    let second = match text.get(16) {
        Some(b':') => fixed::<2>(text, 17)?,
        None => 0,
        _ => return None,
    };
    let micros = match text.get(19) {
        None => 0,
        Some(b'.') if (21..=26).contains(&text.len()) => {
            let (number, n) = digits(&text[20..], 0);
            if n != text.len() - 20 {
                return None;
            }
            number as i64 * 10_i64.pow(6 - n as u32)
        }
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some((day * 86_400 + i64::from(hour * 3600 + minute * 60 + second)) * 1_000_000 + micros)
}

/// Microseconds since 1970 of a text in a format of strftime.
pub(crate) fn formatted(text: &[u8], format: &str) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let instant = NaiveDateTime::parse_from_str(text, format).ok();
    let instant = instant.or_else(|| NaiveDate::parse_from_str(text, format).ok().and_then(|d| d.and_hms_opt(0, 0, 0)));
    instant.map(|t| t.and_utc().timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn numbers_are_those_of_the_standard_library() {
        let mut random = rand::rngs::StdRng::seed_from_u64(5);
        let mut texts: Vec<String> =
            ["0", "-0", "+5", "1.", ".5", ".", "", "-", "1e5", "1E-400", "9223372036854775807", "9223372036854775808"]
                .map(str::to_owned)
                .to_vec();
        texts.extend(
            ["-9223372036854775808", "99999999999999999999", "9007199254740993", "0.1e", "1 2", "0x10", "1_0", "12345678"]
                .map(str::to_owned),
        );
        for _ in 0..20_000 {
            let n = random.random_range(1..22);
            texts.push((0..n).map(|_| char::from(b"0123456789.-e"[random.random_range(0..13)])).collect());
            texts.push(format!("{:.*}", random.random_range(0..9), random.random_range(-1e6..1e6)));
            texts.push(f64::from_bits(random.random()).to_string());
        }
        for t in texts.iter().filter(|t| !t.contains("NaN")) {
            assert_eq!(int(t.as_bytes()), t.parse().ok(), "{t}");
            let (got, want) = (float(t.as_bytes()), t.parse::<f64>().ok());
            assert_eq!(got.map(f64::to_bits), want.map(f64::to_bits), "{t}");
        }
        assert_eq!(
            (int(b" 7 "), float(b" 1.5\t"), float(b"-inf"), float(b"nan"), float(b"x")),
            (Some(7), Some(1.5), Some(f64::NEG_INFINITY), None, None)
        );
    }

    #[test]
    fn dates_and_instants_are_those_of_chrono() {
        for year in [1600, 1899, 1900, 1969, 1970, 2000, 2023, 2024, 9999] {
            for month in 0..14 {
                for day in 0..33 {
                    let text = format!("{year:04}-{month:02}-{day:02}");
                    let want =
                        NaiveDate::from_ymd_opt(year, month, day).map(|d| d.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp() / 86_400);
                    assert_eq!(date(text.as_bytes()).map(i64::from), want, "{text}");
                }
            }
        }
        let micros = |t: &str, f: &str| NaiveDateTime::parse_from_str(t, f).unwrap().and_utc().timestamp_micros();
        assert_eq!(time(b"2014-05-13T23:58:30.457"), Some(micros("2014-05-13T23:58:30.457", "%Y-%m-%dT%H:%M:%S%.f")));
        assert_eq!(time(b"1969-12-31 23:59:59.999999"), Some(-1));
        assert_eq!(time(b"2020-02-29 07:05"), Some(micros("2020-02-29 07:05", "%Y-%m-%d %H:%M")));
        for bad in
            ["2020-02-30", "2020-01-01 24:00", "2020-01-01 10:00:60", "2020-01-01 10:00:00.", "2020-01-01 10:00:00.1234567", "2020-1-1"]
        {
            assert_eq!(time(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(formatted(b"31/12/2019", "%d/%m/%Y"), time(b"2019-12-31"));
    }

    #[test]
    fn what_stands_for_other_things() {
        let values = Values::new(vec![String::new(), "-".to_owned()], &["yes".to_owned()], &["no".to_owned()], b',', Some(b'.'));
        assert!(values.is_missing(b"") && values.is_missing(b"-") && !values.is_missing(b"NA") && values.missing_first);
        assert_eq!((values.bool(b"yes"), values.bool(b"False"), values.bool(b"maybe")), (Some(true), Some(false), None));
        assert_eq!((values.float(b"1.234,5"), values.float(b"-7,25"), values.int(b"1.000")), (Some(1234.5), Some(-7.25), Some(1000)));
        assert_eq!((values.float(b"1,2.3"), values.float(b".1"), values.float(b"12.")), (None, None, None));
    }
}
