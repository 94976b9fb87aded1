//! Parsing and formatting of sizes and durations: `"2GB"`, `"128 MiB"`, `"300ms"`, by Dask's rules.

use std::time::Duration;

/// The units of bytes, in lower case, and how many bytes each is.
const BYTES: [(&str, f64); 18] = [
    ("", 1.0),
    ("b", 1.0),
    ("k", 1e3),
    ("kb", 1e3),
    ("ki", 1024.0),
    ("kib", 1024.0),
    ("m", 1e6),
    ("mb", 1e6),
    ("mi", 1_048_576.0),
    ("mib", 1_048_576.0),
    ("g", 1e9),
    ("gb", 1e9),
    ("gi", 1_073_741_824.0),
    ("gib", 1_073_741_824.0),
    ("t", 1e12),
    ("tb", 1e12),
    ("ti", 1_099_511_627_776.0),
    ("tib", 1_099_511_627_776.0),
];

/// The units of time, and how many seconds each is.
const TIMES: [(&str, f64); 21] = [
    ("ns", 1e-9),
    ("nanosecond", 1e-9),
    ("nanoseconds", 1e-9),
    ("us", 1e-6),
    ("microsecond", 1e-6),
    ("microseconds", 1e-6),
    ("ms", 1e-3),
    ("millisecond", 1e-3),
    ("milliseconds", 1e-3),
    ("", 1.0),
    ("s", 1.0),
    ("sec", 1.0),
    ("second", 1.0),
    ("seconds", 1.0),
    ("m", 60.0),
    ("min", 60.0),
    ("minute", 60.0),
    ("minutes", 60.0),
    ("h", 3600.0),
    ("hour", 3600.0),
    ("hours", 3600.0),
];

/// The expected form of a number of bytes, for messages.
pub(crate) const BYTES_LOOK: &str = "a number and a unit, such as \"2GB\", \"128 MiB\" or \"1e8\"";
/// The expected form of a duration, for messages.
pub(crate) const TIME_LOOKS: &str =
    "a number and a unit, such as \"300ms\", \"5s\" or \"1.5 hours\"";

/// Parses a number of bytes: `"5kB"` is 5,000, `"5 kiB"` 5,120, `"1e6"` a million, `"MB"` a
/// million.
pub(crate) fn parse_bytes(text: &str) -> Option<u64> {
    parse(text, &BYTES).map(|n| n as u64)
}

/// Parses a duration: `"300ms"`, `"1.5 hours"`; `"2"` is in seconds.
pub(crate) fn parse_time(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(parse(text, &TIMES)?).ok()
}

/// Formats a number of bytes: `512 B`, `1.50 kiB`, `2.00 GiB`.
#[must_use]
pub fn show_bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kiB", "MiB", "GiB", "TiB", "PiB"];
    let power = if n < 1024 { 0 } else { ((63 - n.leading_zeros()) / 10).min(5) as usize };
    if power == 0 {
        format!("{n} B")
    } else {
        format!("{:.2} {}", n as f64 / 1024f64.powi(power as i32), UNITS[power])
    }
}

fn parse(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let joined: String =
        text.chars().filter(|c| !c.is_whitespace() && *c != '_').collect::<String>().to_lowercase();
    // The number is the longest prefix that parses as one: the `e` of `1e6` belongs to it.
    let number = |end: &usize| {
        joined.get(..*end).is_some_and(|s| !s.contains(['i', 'n']) && s.parse::<f64>().is_ok())
    };
    let end = (1..=joined.len()).rev().find(number).unwrap_or(0);
    let amount: f64 = if end == 0 { 1.0 } else { joined[..end].parse().ok()? };
    let (_, factor) = units.iter().find(|(name, _)| *name == &joined[end..])?;
    (!joined.is_empty() && amount >= 0.0 && amount.is_finite()).then_some(amount * factor)
}

/// Formats a duration: `0.8 s`, `12 s`, `3 min 20 s`.
pub(crate) fn shown_time(d: Duration) -> String {
    let s = d.as_secs_f64();
    match s {
        s if s < 0.001 => format!("{:.0} \u{b5}s", s * 1e6),
        s if s < 0.1 => format!("{:.1} ms", s * 1e3),
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 60.0 => format!("{s:.0} s"),
        s if s < 3600.0 => format!("{} min {} s", s as u64 / 60, s as u64 % 60),
        s => format!("{} h {} min", s as u64 / 3600, s as u64 / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_dask_reads_them() {
        let cases = [
            ("100", 100),
            ("100 MB", 100_000_000),
            ("100M", 100_000_000),
            ("5kB", 5000),
            ("5.4 kB", 5400),
            ("1kiB", 1024),
            ("1Mi", 1 << 20),
            ("1e6", 1_000_000),
            ("1e6 kB", 1_000_000_000),
            ("MB", 1_000_000),
            ("2GB", 2_000_000_000),
            ("2GiB", 2 << 30),
            ("0", 0),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_bytes(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "5 foos", "lots", "-1", "inf", "1e999", "GB5"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_read_as_dask_reads_them() {
        for (text, ms) in [
            ("3s", 3000),
            ("3.5 seconds", 3500),
            ("300ms", 300),
            ("1 hour", 3_600_000),
            ("2", 2000),
            ("1 m", 60_000),
        ] {
            assert_eq!(parse_time(text).unwrap(), Duration::from_millis(ms), "{text}");
        }
        assert!(parse_time("3 fortnights").is_none());
    }
}
