//! Frequency strings: `"15min"`, `"1D"`.

pub(in crate::frame) const DAY: i64 = 86_400_000_000;

/// Parses a frequency such as `"15min"`, `"2h"` or `"D"` into microseconds.
pub(in crate::frame) fn step(freq: &str) -> Result<i64, String> {
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
            "invalid frequency {freq:?}: expected \"us\", \"ms\", \"s\", \"min\", \"h\" or \"D\", optionally with a count: \"15min\", \"7D\""
        )),
    }
}
