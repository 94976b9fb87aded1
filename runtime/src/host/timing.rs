//! `%timeit`: measures how long a piece of code takes, over as many iterations as a reliable result
//! needs.

use std::error::Error;
use std::time::{Duration, Instant};

/// The result of one iteration of the measured code.
type Outcome = Result<(), Box<dyn Error>>;

/// Runs `code` repeatedly and prints its duration: `repeats` rounds of `turns` iterations each, or
/// of as many as take 0.2 seconds.
///
/// # Errors
/// If the code returns an error: the first one.
pub fn timeit(turns: Option<u64>, repeats: usize, mut code: impl FnMut() -> Outcome) -> Outcome {
    measure(turns, repeats, &mut |n| {
        let began = Instant::now();
        for _ in 0..n {
            code()?;
        }
        Ok(began.elapsed())
    })
}

/// A round of the given number of iterations.
type Round<'a> = &'a mut dyn FnMut(u64) -> Result<Duration, Box<dyn Error>>;

#[inline(never)]
fn measure(turns: Option<u64>, repeats: usize, round: Round<'_>) -> Outcome {
    const LONG_ENOUGH: Duration = Duration::from_millis(200);
    let turns = match turns {
        Some(n) => n.max(1),
        None => {
            let mut n = 1;
            while round(n)? < LONG_ENOUGH && n < 1_000_000_000 {
                super::check_cancelled();
                n *= 10;
            }
            n
        }
    };
    let mut each = Vec::new();
    for _ in 0..repeats.max(1) {
        super::check_cancelled();
        each.push(round(turns)?.as_secs_f64() / turns as f64);
    }
    println!("{}", summary(&each, turns));
    Ok(())
}

fn summary(each: &[f64], turns: u64) -> String {
    let count = each.len() as f64;
    let mean = each.iter().sum::<f64>() / count;
    let deviation = (each.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / count).sqrt();
    let least = each.iter().copied().fold(f64::INFINITY, f64::min);
    let s = |n: u64| if n == 1 { "" } else { "s" };
    format!(
        "{} ± {} per loop (mean ± std. dev. of {} run{}, {turns} loop{} each; best {})",
        duration(mean),
        duration(deviation),
        each.len(),
        s(each.len() as u64),
        s(turns),
        duration(least)
    )
}

/// Formats a duration with three digits in a suitable unit: `1.23 µs`.
fn duration(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s >= 1e-6 => (s * 1e6, "µs"),
        s => (s * 1e9, "ns"),
    };
    let digits = if value >= 100.0 { 0 } else { usize::from(value < 10.0) + 1 };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        for (seconds, want) in [
            (1.5, "1.50 s"),
            (0.0123, "12.3 ms"),
            (123e-6, "123 µs"),
            (0.25e-9, "0.25 ns"),
            (0.0, "0.00 ns"),
        ] {
            assert_eq!(duration(seconds), want);
        }
    }

    #[test]
    fn the_code_runs_as_often_as_asked_and_its_error_ends_it() {
        let mut count = 0;
        timeit(Some(10), 3, || {
            count += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(count, 30);
        assert_eq!(timeit(None, 2, || Err("no".into())).unwrap_err().to_string(), "no");
        assert_eq!(
            summary(&[1e-6, 3e-6], 5),
            "2.00 µs ± 1.00 µs per loop (mean ± std. dev. of 2 runs, 5 loops each; best 1.00 µs)"
        );
    }
}
