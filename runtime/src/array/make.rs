//! Elements that are computed from their places in the array, so that any part of it can be made
//! alone, for any chunks.

use super::data::{Data, Number};
use super::law::{Law, WholeLaw};
use super::random::Distribution;

/// A way to make elements. The place of an element is its number in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Make {
    /// The same number everywhere.
    Fill(Number),
    /// Integers, `step` apart.
    Integers {
        start: i64,
        step: i64,
    },
    /// Floats, `step` apart.
    Floats {
        start: f64,
        step: f64,
    },
    /// `n` floats from `start` to `stop`; the last one is exactly `stop` if `to_end`.
    Between {
        start: f64,
        stop: f64,
        parts: u64,
        to_end: bool,
    },
    /// 1 on a diagonal of a matrix with `columns` columns, else 0.
    Eye {
        columns: u64,
        diagonal: i64,
    },
    /// True on a diagonal.
    Diagonal {
        columns: u64,
        diagonal: i64,
    },
    /// True up to a diagonal.
    Lower {
        columns: u64,
        diagonal: i64,
    },
    /// Random numbers.
    Random {
        seed: u64,
        of: Distribution,
    },
    Drawn {
        seed: u64,
        law: Law,
    },
    Whole {
        seed: u64,
        law: WholeLaw,
    },
}

impl Make {
    /// Returns the number, if it is the same everywhere.
    pub(super) fn same(&self) -> Option<Number> {
        if let Self::Fill(number) = self { Some(*number) } else { None }
    }

    /// Appends the elements at `n` places, `step` apart, from `start`.
    pub(super) fn run(&self, start: u64, step: i64, n: usize, out: &mut Data) {
        let places = (0..n as i64).map(|i| start.wrapping_add_signed(i * step));
        match (self, out) {
            (Self::Fill(number), out) => out.extend(number.repeat(n).slice()),
            (Self::Integers { start, step }, Data::I64(out)) => {
                // Checked when the array was created.
                out.extend(places.map(|i| start.wrapping_add(step.wrapping_mul(i as i64))));
            }
            (Self::Integers { start, step }, Data::I32(out)) => {
                out.extend(places.map(|i| start.wrapping_add(step.wrapping_mul(i as i64)) as i32));
            }
            (Self::Integers { start, step }, Data::U64(out)) => {
                out.extend(places.map(|i| start.wrapping_add(step.wrapping_mul(i as i64)) as u64));
            }
            (Self::Integers { start, step }, Data::U8(out)) => {
                out.extend(places.map(|i| start.wrapping_add(step.wrapping_mul(i as i64)) as u8));
            }
            (Self::Floats { start, step }, Data::F64(out)) => {
                out.extend(places.map(|i| start + step * i as f64));
            }
            (Self::Floats { start, step }, Data::F32(out)) => {
                out.extend(places.map(|i| (start + step * i as f64) as f32));
            }
            (Self::Between { start, stop, parts, to_end }, Data::F64(out)) => {
                let width = (stop - start) / *parts as f64;
                out.extend(places.map(|i| {
                    if *to_end && i == *parts { *stop } else { start + i as f64 * width }
                }));
            }
            (Self::Eye { columns, diagonal }, Data::F64(out)) => {
                out.extend(places.map(|i| f64::from(u8::from(right(i, *columns) == *diagonal))));
            }
            (Self::Diagonal { columns, diagonal }, Data::Bool(out)) => {
                out.extend(places.map(|i| right(i, *columns) == *diagonal));
            }
            (Self::Lower { columns, diagonal }, Data::Bool(out)) => {
                out.extend(places.map(|i| right(i, *columns) <= *diagonal));
            }
            (Self::Random { seed, of }, Data::F64(out)) => of.fill(*seed, start, step, n, out),
            (Self::Drawn { seed, law }, Data::F64(out)) => law.fill(*seed, start, step, n, out),
            (Self::Whole { seed, law }, Data::I64(out)) => law.fill(*seed, start, step, n, out),
            (make, out) => unreachable!("{make:?} is not created with {:?}", out.dtype()),
        }
    }
}

/// Returns how far right of the main diagonal a place is.
fn right(i: u64, columns: u64) -> i64 {
    (i % columns) as i64 - (i / columns) as i64
}
