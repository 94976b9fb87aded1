//! Parsing of values: integers, floats, dates and timestamps, booleans, and the texts that mean
//! null.
//!
//! A float whose digits are at most 2^53 as an integer, scaled by up to 10^22, takes one division,
//! which rounds correctly (Clinger, "How to read floating point numbers accurately", PLDI 1990);
//! others are parsed by the standard library.

use chrono::{NaiveDate, NaiveDateTime};

/// The texts that mean null by default: pandas' list.
pub(crate) const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];
const TRUE: [&str; 3] = ["True", "TRUE", "true"];
const FALSE: [&str; 3] = ["False", "FALSE", "false"];

/// A field inside of its text: bytes before it may be read too, and are masked out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl<'a> Field<'a> {
    pub(crate) fn of(data: &'a [u8]) -> Self {
        Self { data, start: 0, end: data.len() }
    }

    #[inline(always)]
    pub(crate) fn text(self) -> &'a [u8] {
        &self.data[self.start..self.end]
    }

    /// Returns whether the field has a minus sign, and the field without its sign.
    #[inline(always)]
    fn unsigned(self) -> (bool, Self) {
        match self.data.get(self.start).filter(|_| self.start < self.end) {
            Some(b'-') => (true, Self { start: self.start + 1, ..self }),
            Some(b'+') => (false, Self { start: self.start + 1, ..self }),
            _ => (false, self),
        }
    }

    /// Returns up to 16 bytes as an integer, the last byte highest, padded with the digit `0` at
    /// the front; `None` if the field is empty, longer, or too close to the start of the text.
    #[inline(always)]
    fn sixteen(self) -> Option<u128> {
        const ZEROS: u128 = 0x3030_3030_3030_3030_3030_3030_3030_3030;
        let n = self.end - self.start;
        let bytes = u128::from_le_bytes(
            *self.data.get(self.end.checked_sub(16)?..self.end)?.first_chunk()?,
        );
        if n == 0 || n > 16 {
            return None;
        }
        let own = u128::MAX << (128 - 8 * n as u32);
        Some(bytes & own | ZEROS & !own)
    }

    /// Returns the eight bytes before an offset of the text.
    #[inline(always)]
    fn eight_before(self, end: usize) -> Option<u64> {
        self.data.get(..end)?.last_chunk().map(|eight| u64::from_le_bytes(*eight))
    }

    /// Returns whether the field, which has no sign, has a leading zero.
    #[inline(always)]
    fn leads_with_zero(self) -> bool {
        self.data[self.start] == b'0'
            && self.end - self.start > 1
            && self.data[self.start + 1] != b'.'
    }

    /// Returns a field of up to twelve bytes as Arrow's inline string view: its length, its bytes,
    /// and zeros. `None` if it is longer, or too close to the end of the text.
    #[inline(always)]
    pub(crate) fn short_view(self) -> Option<u128> {
        let n = self.end - self.start;
        let bytes =
            u128::from_le_bytes(*self.data.get(self.start..self.start + 16)?.first_chunk()?);
        if n > 12 {
            return None;
        }
        Some((bytes & ((1 << (8 * n)) - 1)) << 32 | n as u128)
    }

    /// As [`sixteen`](Field::sixteen), for up to 8 bytes.
    #[inline(always)]
    fn eight(self) -> Option<u64> {
        let n = self.end - self.start;
        let bytes =
            u64::from_le_bytes(*self.data.get(self.end.checked_sub(8)?..self.end)?.first_chunk()?);
        if n == 0 || n > 8 {
            return None;
        }
        let own = u64::MAX << (64 - 8 * n as u32);
        Some(bytes & own | ZEROS & !own)
    }
}

/// The rules by which fields are parsed.
#[derive(Debug, Clone)]
pub(crate) struct Values {
    missing: Vec<Vec<u8>>,
    longest: usize,
    /// For each first byte of a text that means null, a bit for each length.
    starts: Box<[u64; 256]>,
    /// Whether a text that means null may be a number, so that fields are checked for null first.
    pub(crate) missing_first: bool,
    trues: Vec<Vec<u8>>,
    falses: Vec<Vec<u8>>,
    decimal: u8,
    thousands: Option<u8>,
}

impl Values {
    pub(crate) fn new(
        missing: Vec<String>,
        trues: &[String],
        falses: &[String],
        decimal: u8,
        thousands: Option<u8>,
    ) -> Self {
        let bytes = |own: &[&str], more: &[String]| {
            own.iter()
                .map(|s| s.as_bytes().to_vec())
                .chain(more.iter().map(|s| s.as_bytes().to_vec()))
                .collect()
        };
        let mut starts = Box::new([0; 256]);
        missing
            .iter()
            .filter(|m| !m.is_empty())
            .for_each(|m| starts[m.as_bytes()[0] as usize] |= 1 << m.len().min(63));
        let standard = |m: &String| MISSING.contains(&m.as_str());
        Self {
            longest: missing.iter().map(String::len).max().unwrap_or(0),
            starts,
            missing_first: !missing.iter().all(standard),
            missing: missing.into_iter().map(String::into_bytes).collect(),
            trues: bytes(&TRUE, trues),
            falses: bytes(&FALSE, falses),
            decimal,
            thousands,
        }
    }

    /// Returns whether a text means null.
    #[inline]
    pub(crate) fn is_missing(&self, text: &[u8]) -> bool {
        let may = text.len() <= self.longest
            && text.first().is_none_or(|b| self.starts[*b as usize] >> text.len().min(63) & 1 == 1);
        may && self
            .missing
            .iter()
            .any(|m| m.len() == text.len() && m.first() == text.first() && m == text)
    }

    pub(crate) fn bool(&self, text: &[u8]) -> Option<bool> {
        let among = |list: &[Vec<u8>]| list.iter().any(|t| t == text);
        if among(&self.trues) { Some(true) } else { among(&self.falses).then_some(false) }
    }

    /// Returns whether numbers have a decimal point and no thousands separator.
    pub(crate) fn are_plain(&self) -> bool {
        self.decimal == b'.' && self.thousands.is_none()
    }

    #[inline(always)]
    pub(crate) fn int(&self, field: Field<'_>) -> Option<i64> {
        match self.thousands {
            Some(mark) => int(Field::of(&grouped(field.text(), mark, self.decimal)?)),
            None => int(field),
        }
    }

    #[inline(always)]
    pub(crate) fn float(&self, field: Field<'_>) -> Option<f64> {
        if self.are_plain() { float(field) } else { self.marked(field.text()) }
    }

    /// Parses a float with another decimal mark or a thousands separator.
    fn marked(&self, text: &[u8]) -> Option<f64> {
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
        float(Field::of(&plain))
    }
}

/// Removes the thousands separators; `None` if one follows the decimal mark, or is at either end of
/// the integer part.
fn grouped(text: &[u8], mark: u8, decimal: u8) -> Option<Vec<u8>> {
    let whole = &text[..memchr::memchr(decimal, text).unwrap_or(text.len())];
    let sound = !text[whole.len()..].contains(&mark)
        && whole.first() != Some(&mark)
        && whole.last() != Some(&mark);
    sound.then(|| text.iter().copied().filter(|b| *b != mark).collect())
}

/// The text `00000000`.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Parses eight digits at once; `None` if any byte is not a digit.
#[inline(always)]
fn eight_digits(x: u64) -> Option<u64> {
    let digits = x.wrapping_sub(0x3030_3030_3030_3030);
    if (x.wrapping_add(0x4646_4646_4646_4646) | digits) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    // Neighbours are combined: digits to pairs, pairs to fours, fours to eight.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    Some(low.wrapping_add(high) >> 32)
}

#[inline(always)]
fn sixteen_digits(x: u128) -> Option<u64> {
    Some(eight_digits(x as u64)? * 100_000_000 + eight_digits((x >> 64) as u64)?)
}

/// Appends the digits at the start of a text to a number; also returns how many there are.
fn digits(text: &[u8], number: u64) -> (u64, usize) {
    let n = text.iter().take_while(|b| b.is_ascii_digit()).count();
    (
        text[..n]
            .iter()
            .fold(number, |number, b| number.wrapping_mul(10).wrapping_add(u64::from(b - b'0'))),
        n,
    )
}

/// Parses an integer; surrounding spaces are ignored.
#[inline(always)]
pub(crate) fn int(field: Field<'_>) -> Option<i64> {
    let (negative, bare) = field.unsigned();
    let number = match bare.eight() {
        Some(eight) => eight_digits(eight),
        None => bare.sixteen().and_then(sixteen_digits),
    };
    match number {
        Some(number) => Some(if negative { -(number as i64) } else { number as i64 }),
        None => odd_int(field.text()),
    }
}

/// Returns the last `n` of eight bytes (at least one), padded with the digit `0` at the front.
#[inline(always)]
fn last_of(eight: u64, n: usize) -> u64 {
    let own = u64::MAX << ((64 - 8 * n as u32) & 63);
    eight & own | ZEROS & !own
}

/// Parses an integer of up to sixteen digits that at least eight bytes of other text precede.
/// `None` for others and for codes; faster than [`int`].
#[inline(always)]
pub(crate) fn plain_int(field: Field<'_>) -> Option<i64> {
    let (negative, bare) = field.unsigned();
    let n = bare.end - bare.start;
    let last = bare.eight_before(bare.end)?;
    let number = match n {
        1..=8 => eight_digits(last_of(last, n))?,
        9..=16 => {
            eight_digits(last_of(bare.eight_before(bare.end - 8)?, n - 8))? * 100_000_000
                + eight_digits(last)?
        }
        _ => return None,
    };
    if bare.leads_with_zero() {
        return None;
    }
    Some(if negative { -(number as i64) } else { number as i64 })
}

/// Parses a float of up to sixteen bytes whose point, if any, is among the last eight, and that at
/// least eight bytes of other text precede. `None` for others and for codes; faster than [`float`].
#[inline(always)]
pub(crate) fn plain_float(field: Field<'_>) -> Option<f64> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (negative, bare) = field.unsigned();
    let n = bare.end - bare.start;
    if !(1..=16).contains(&n) || bare.leads_with_zero() {
        return None;
    }
    let last = last_of(bare.eight_before(bare.end)?, n.min(8));
    let no_point = last ^ (ONES * u64::from(b'.'));
    // The lowest byte that is a point; bytes above it may be wrong, but then the digit check fails.
    let points = no_point.wrapping_sub(ONES) & !no_point & ONES << 7;
    if points == 0 || n == 1 {
        let number = if n <= 8 { eight_digits(last)? } else { return None };
        return Some(if negative { -(number as f64) } else { number as f64 });
    }
    let place = points.trailing_zeros() & !7;
    // The digits before the point are shifted over it.
    let moved = last & (!0xff << place) | (last & ((1 << place) - 1)) << 8;
    let number = if n <= 8 {
        eight_digits(moved | u64::from(b'0'))?
    } else {
        let before = last_of(bare.eight_before(bare.end - 8)?, n - 8);
        eight_digits(before << 8 | u64::from(b'0'))? * 100_000_000
            + eight_digits(moved | before >> 56)?
    };
    // At most fifteen digits, so the number is less than 2^53.
    let value = number as f64 / POWERS[(7 - place / 8) as usize];
    Some(if negative { -value } else { value })
}

/// Parses what the fast path rejects: long integers, those near the start of the text, and text
/// that is not an integer.
#[cold]
fn odd_int(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Parses a float, or infinity; surrounding spaces are ignored.
#[inline(always)]
pub(crate) fn float(field: Field<'_>) -> Option<f64> {
    let (negative, bare) = field.unsigned();
    let Some((number, decimals)) =
        bare.sixteen().and_then(|x| short_decimal(x, bare.end - bare.start))
    else {
        return odd_float(field.text());
    };
    let value = number as f64 / POWERS[decimals as usize];
    Some(if negative { -value } else { value })
}

/// Parses a number of up to sixteen characters, one of which may be a point. Returns its digits,
/// and the number of decimal places.
#[inline(always)]
fn short_decimal(x: u128, length: usize) -> Option<(u64, u32)> {
    const ONES: u128 = 0x0101_0101_0101_0101_0101_0101_0101_0101;
    const HIGH: u128 = ONES << 7;
    let no_point = x ^ (ONES * b'.' as u128);
    // The lowest byte that is a point; bytes above it may be wrong, but then the digit check fails.
    let points = no_point.wrapping_sub(ONES) & !no_point & HIGH;
    if points == 0 {
        return sixteen_digits(x).filter(|n| *n <= 1 << 53).map(|n| (n, 0));
    }
    if length == 1 {
        return None;
    }
    let place = points.trailing_zeros() - 7;
    let below = (1u128 << place) - 1;
    // The digits before the point are shifted over it.
    let joined = x & !(below | 0xff << place) | (x & below) << 8 | u128::from(b'0');
    let decimals = 15 - place / 8;
    sixteen_digits(joined).filter(|n| *n <= 1 << 53).map(|n| (n, decimals))
}

#[cold]
fn odd_float(text: &[u8]) -> Option<f64> {
    let (negative, rest) = match text.first() {
        Some(b'-') => (true, &text[1..]),
        _ => (false, text),
    };
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
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number = bare.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let infinite = ["inf", "infinity"].iter().any(|i| bare.eq_ignore_ascii_case(i));
    (number || infinite).then(|| text.parse().ok()).flatten()
}

/// Parses exactly `N` digits.
#[inline(always)]
fn fixed<const N: usize>(text: &[u8], at: usize) -> Option<u32> {
    let field: &[u8; N] = text.get(at..at + N)?.first_chunk()?;
    let (mut number, mut digits) = (0, true);
    for b in field {
        let digit = b.wrapping_sub(b'0');
        digits &= digit < 10;
        number = number * 10 + u32::from(digit);
    }
    digits.then_some(number)
}

/// Parses two-digit numbers in eight bytes: the number that starts at byte `i` is byte `i` of the
/// result. `digits` masks the bytes that must be digits.
#[inline(always)]
fn pairs(eight: u64, digits: u64) -> Option<u64> {
    let x = eight & digits | ZEROS & !digits;
    let values = x.wrapping_sub(ZEROS);
    if (x.wrapping_add(0x4646_4646_4646_4646) | values) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    Some(values.wrapping_mul(10).wrapping_add(values >> 8))
}

#[inline(always)]
fn byte(x: u64, i: u32) -> u32 {
    (x >> (8 * i)) as u32 & 0xff
}

/// Parses `YYYY-MM-DD` to days since 1970.
#[inline]
pub(crate) fn date(text: &[u8]) -> Option<i32> {
    let text: &[u8; 10] = text.try_into().ok()?;
    let (start, end) = (text.first_chunk()?, text.last_chunk()?);
    let (start, end) = (u64::from_le_bytes(*start), u64::from_le_bytes(*end));
    if start & 0xff00_00ff_0000_0000 != u64::from_le_bytes(*b"\0\0\0\0-\0\0-") {
        return None;
    }
    let (start, end) = (pairs(start, 0x00ff_ff00_ffff_ffff)?, pairs(end, 0xffff << 48)?);
    days(byte(start, 0) * 100 + byte(start, 2), byte(start, 5), byte(end, 6))
}

/// Returns the days since 1970 in the Gregorian calendar. Free of unpredictable branches, as dates
/// come in any order.
#[inline(always)]
fn days(year: u32, month: u32, day: u32) -> Option<i32> {
    const LENGTHS: [u8; 16] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0];
    const BEFORE: [u16; 16] = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 0, 0, 0];
    // A multiple of 100 is divisible by 400 if and only if it is divisible by 16.
    let leap = year.is_multiple_of(4) & (!year.is_multiple_of(100) | year.is_multiple_of(16));
    let length = u32::from(*LENGTHS.get(month as usize)?) + u32::from(leap & (month == 2));
    if day.wrapping_sub(1) >= length {
        return None;
    }
    let before = i32::from(BEFORE[month as usize]) + i32::from(leap & (month > 2));
    Some(before_year(year as i32) - before_year(1970) + before + day as i32 - 1)
}

/// Returns the days before a year, counted from 4000 years before year 1.
#[inline(always)]
const fn before_year(year: i32) -> i32 {
    let y = year + 3999;
    y * 365 + y / 4 - y / 100 + y / 400
}

/// Converts days since 1970 to year, month and day (Neri and Schneider, "Euclidean affine functions
/// and their application to calendar algorithms", Software: Practice and Experience 53 (2023);
/// dates far from today by a slower algorithm).
#[inline(always)]
pub(crate) fn civil(days: i64) -> (i32, i32, i32) {
    const AHEAD: i64 = 82;
    let Some(n) = u32::try_from(days + 719_468 + 146_097 * AHEAD).ok().filter(|n| *n < 1 << 28)
    else {
        return far_civil(days);
    };
    let n1 = 4 * n + 3;
    let (century, of_century) = (n1 / 146_097, n1 % 146_097 / 4);
    let p2 = 2_939_745 * u64::from(4 * of_century + 3);
    let of_year = (p2 as u32) / 2_939_745 / 4;
    let n3 = 2141 * of_year + 197_913;
    let next = of_year >= 306;
    let year = (100 * century + (p2 >> 32) as u32) as i32 - 400 * AHEAD as i32 + i32::from(next);
    let month = (n3 >> 16) as i32 - if next { 12 } else { 0 };
    (year, month, ((n3 & 0xffff) / 2141) as i32 + 1)
}

#[cold]
fn far_civil(days: i64) -> (i32, i32, i32) {
    let z = days + 719_468;
    let (era, of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    ((year + era * 400 + i64::from(month <= 2)) as i32, month as i32, day as i32)
}

/// Returns the first day of a year, as days since 1970.
pub(crate) fn first_of_january(year: i32) -> i64 {
    let y = i64::from(year) - 1;
    y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) - 719_162
}

/// Parses `YYYY-MM-DD HH:MM[:SS[.f]]`, with a space or a `T` and up to six decimal places, or a
/// date alone, to microseconds since 1970.
#[inline]
pub(crate) fn time(text: &[u8]) -> Option<i64> {
    if text.len() == 10 {
        return date(text).map(|d| i64::from(d) * 86_400_000_000);
    }
    if text.len() < 16 || !matches!(text[10], b' ' | b'T') || text[13] != b':' {
        return None;
    }
    let day = i64::from(date(&text[..10])?);
    let clock: [u8; 8] = match text.get(16) {
        Some(b':') => *text.get(11..)?.first_chunk()?,
        None => [text[11], text[12], b':', text[14], text[15], b':', b'0', b'0'],
        _ => return None,
    };
    let clock = pairs(u64::from_le_bytes(clock), 0xffff_00ff_ff00_ffff)?;
    let (hour, minute, second) = (byte(clock, 0), byte(clock, 3), byte(clock, 6));
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

/// A parsed strftime format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format {
    text: String,
    /// The offsets of the fields, if all have a fixed width.
    fixed: Option<Fixed>,
}

/// Offsets in a text of a fixed length: of the year, of month, day, hour, minute and second, and of
/// literal bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Fixed {
    length: usize,
    year: Option<usize>,
    others: [Option<usize>; 5],
    marks: Vec<(usize, u8)>,
}

impl Format {
    pub(crate) fn new(text: &str) -> Self {
        let spelled = text.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S");
        Self { text: text.to_owned(), fixed: Fixed::new(&spelled) }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Parses a text in this format to microseconds since 1970.
    #[inline]
    pub(crate) fn micros(&self, text: &[u8]) -> Option<i64> {
        self.fixed
            .as_ref()
            .and_then(|fixed| fixed.micros(text))
            .or_else(|| formatted(text, &self.text))
    }
}

impl Fixed {
    /// Returns the offsets of a format that has a year, a month and a day once each, and no field
    /// that chrono parses more leniently.
    fn new(format: &str) -> Option<Self> {
        let mut fixed = Self::default();
        let mut bytes = format.bytes();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                fixed.marks.push((fixed.length, byte));
                fixed.length += 1;
                continue;
            }
            let letter = bytes.next()?;
            let (place, width) = match b"mdHMS".iter().position(|l| *l == letter) {
                Some(i) => (&mut fixed.others[i], 2),
                None if letter == b'Y' => (&mut fixed.year, 4),
                None => return None,
            };
            if place.replace(fixed.length).is_some() {
                return None;
            }
            fixed.length += width;
        }
        (fixed.year.is_some() && fixed.others[0].is_some() && fixed.others[1].is_some())
            .then_some(fixed)
    }

    /// Parses a timestamp in which every field has its full width; others are left to chrono.
    #[inline(always)]
    fn micros(&self, text: &[u8]) -> Option<i64> {
        if text.len() != self.length || self.marks.iter().any(|(at, byte)| text[*at] != *byte) {
            return None;
        }
        let two = |at: Option<usize>| at.map_or(Some(0), |at| fixed::<2>(text, at));
        let [month, day, hour, minute, second] = self.others;
        let seconds = if hour.is_none() && minute.is_none() && second.is_none() {
            0
        } else {
            let (hour, minute, second) = (two(hour)?, two(minute)?, two(second)?);
            if hour > 23 || minute > 59 || second > 59 {
                return None;
            }
            hour * 3600 + minute * 60 + second
        };
        let days = days(fixed::<4>(text, self.year?)?, two(month)?, two(day)?)?;
        Some((i64::from(days) * 86_400 + i64::from(seconds)) * 1_000_000)
    }
}

/// Parses a text in a strftime format to microseconds since 1970.
fn formatted(text: &[u8], format: &str) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let instant = NaiveDateTime::parse_from_str(text, format).ok();
    let instant = instant.or_else(|| {
        NaiveDate::parse_from_str(text, format).ok().and_then(|d| d.and_hms_opt(0, 0, 0))
    });
    // A year, or a year and a month, means its first day.
    let instant = instant.or_else(|| {
        let mut parts = chrono::format::Parsed::new();
        chrono::format::parse(&mut parts, text, chrono::format::StrftimeItems::new(format)).ok()?;
        let month = parts.month().unwrap_or(1);
        NaiveDate::from_ymd_opt(parts.year()?, month, parts.day().unwrap_or(1))?
            .and_hms_opt(0, 0, 0)
    });
    instant.and_then(micros_of)
}

/// Returns the microseconds since 1970; `None` if the timestamp has smaller digits.
pub(crate) fn micros_of(t: NaiveDateTime) -> Option<i64> {
    let t = t.and_utc();
    t.timestamp_subsec_nanos().is_multiple_of(1000).then(|| t.timestamp_micros())
}

#[cfg(test)]
mod tests;
