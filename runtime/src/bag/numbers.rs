//! Reductions of numbers: sum, mean, variance. Integers and floats are summed exactly, so that the
//! order and the partitioning do not change a bit of the result.

use super::handle::{Bag, Element};
use super::reduce::empty;
use crate::delayed::Delayed;
use crate::error::{ErrorKind, Result};
use crate::exact::{ExactSum, cells::mean_of_integers, moments};

/// A number that can be summed.
pub trait Number: Element + Copy {
    /// The type of the sum: `i64`, `u64` or `f64`.
    type Sum: Element;
    /// Converts the number to a float, rounded if it has more than 53 bits.
    fn to_float(self) -> f64;
    #[doc(hidden)]
    fn add_to(self, total: &mut Total);
    #[doc(hidden)]
    fn sum_of(total: &Total) -> Result<Self::Sum>;
    /// Computes the sum of a bag; like [`moment`](Number::moment) a method of the trait, so that it
    /// is compiled here for each type, and not in cells.
    #[doc(hidden)]
    fn sum(bag: &Bag<Self>) -> Delayed<Self::Sum>;
    #[doc(hidden)]
    fn moment(bag: &Bag<Self>, which: Moment) -> Delayed<f64>;
}

/// A statistic of all numbers, with the `ddof` of its divisor.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    Mean,
    Var(u64),
    Std(u64),
}

/// The methods of [`Number`] that are the same for every type.
macro_rules! reductions {
    () => {
        #[inline(never)]
        fn sum(bag: &Bag<Self>) -> Delayed<Self::Sum> {
            sum(bag)
        }
        #[inline(never)]
        fn moment(bag: &Bag<Self>, which: Moment) -> Delayed<f64> {
            match which {
                Moment::Mean => mean(bag),
                Moment::Var(ddof) => moments(bag, "var", move |m| m.variance(ddof)),
                Moment::Std(ddof) => moments(bag, "std", move |m| m.deviation(ddof)),
            }
        }
    };
}

/// A running sum.
#[doc(hidden)]
#[derive(Debug, Clone, Default)]
pub struct Total {
    whole: i128,
    exact: ExactSum,
}

impl Total {
    fn new() -> Self {
        Self::default()
    }

    fn merge(mut self, other: &Self) -> Self {
        self.whole += other.whole;
        self.exact.merge(&other.exact);
        self
    }

    /// Returns the mean of `n` numbers; one of the parts is 0, as a bag has one type.
    fn mean(&self, n: u64) -> f64 {
        if self.whole == 0 { self.exact.mean(n) } else { mean_of_integers(self.whole, n) }
    }
}

macro_rules! integers {
    ($($t:ty => $sum:ty),*) => {$(
        impl Number for $t {
            type Sum = $sum;
            fn to_float(self) -> f64 {
                self as f64
            }
            fn add_to(self, total: &mut Total) {
                total.whole += self as i128;
            }
            fn sum_of(total: &Total) -> Result<$sum> {
                <$sum>::try_from(total.whole).map_err(|_| overflow(total.whole, stringify!($sum)).into())
            }
            reductions!();
        }
    )*};
}
integers!(u8 => u64, u16 => u64, u32 => u64, u64 => u64, usize => u64, i8 => i64, i16 => i64, i32 => i64, i64 => i64, isize => i64);

macro_rules! floats {
    ($($t:ty),*) => {$(
        impl Number for $t {
            type Sum = f64;
            fn to_float(self) -> f64 {
                f64::from(self)
            }
            fn add_to(self, total: &mut Total) {
                total.exact.add(f64::from(self));
            }
            fn sum_of(total: &Total) -> Result<f64> {
                Ok(total.exact.value())
            }
            reductions!();
        }
    )*};
}
floats!(f32, f64);

#[inline(never)]
fn overflow(sum: i128, of: &str) -> ErrorKind {
    let message = format!("the sum {sum} overflows {of}; help: map the elements to f64 first");
    ErrorKind::BadArgument { method: "sum".to_owned(), message }
}

/// The sums that variance and standard deviation are computed from.
#[derive(Debug, Clone, Default)]
struct Moments {
    count: u64,
    sum: ExactSum,
    squares: ExactSum,
}

impl Moments {
    fn new() -> Self {
        Self::default()
    }

    fn merge(mut self, other: &Self) -> Self {
        self.count += other.count;
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
        self
    }

    /// Returns the variance; NaN if the divisor is zero or less.
    fn variance(&self, ddof: u64) -> f64 {
        moments::variance(ddof, self.count, &self.sum, &self.squares).unwrap_or(f64::NAN)
    }

    fn deviation(&self, ddof: u64) -> f64 {
        moments::deviation(ddof, self.count, &self.sum, &self.squares).unwrap_or(f64::NAN)
    }
}

fn sum<T: Number>(bag: &Bag<T>) -> Delayed<T::Sum> {
    bag.tree(
        "sum",
        Total::new,
        |total, x: T| x.add_to(total),
        |a, b| a.merge(&b),
        |total| T::sum_of(&total),
    )
}

fn mean<T: Number>(bag: &Bag<T>) -> Delayed<f64> {
    let add = |m: &mut (u64, Total), x: T| {
        m.0 += 1;
        x.add_to(&mut m.1);
    };
    let merge = |a: (u64, Total), b: (u64, Total)| (a.0 + b.0, a.1.merge(&b.1));
    let mean = |(n, total): (u64, Total)| {
        if n == 0 { Err(empty("mean")) } else { Ok(total.mean(n)) }
    };
    bag.tree("mean", || (0, Total::new()), add, merge, mean)
}

fn moments<T: Number>(
    bag: &Bag<T>,
    name: &'static str,
    finish: impl Fn(&Moments) -> f64 + Send + Sync + 'static,
) -> Delayed<f64> {
    let add = |m: &mut Moments, x: T| {
        m.count += 1;
        m.sum.add(x.to_float());
        m.squares.add_square(x.to_float());
    };
    bag.tree(
        name,
        Moments::new,
        add,
        |a, b| a.merge(&b),
        move |m| if m.count == 0 { Err(empty(name)) } else { Ok(finish(&m)) },
    )
}

impl<T: Number> Bag<T> {
    /// Computes the sum: `i64` or `u64` for integers, `f64` for floats. Zero for an empty bag.
    ///
    /// The sum of floats is exact and rounded once: it is the same for every order and
    /// partitioning.
    ///
    /// # Errors
    /// The computation fails if the sum overflows its type.
    ///
    /// ```
    /// use rask::prelude::*;
    /// assert_eq!(Bag::from_iter([0.1f64; 10]).sum().compute()?, 1.0);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn sum(&self) -> Delayed<T::Sum> {
        T::sum(self)
    }

    /// Computes the mean.
    ///
    /// # Errors
    /// The computation fails if the bag is empty.
    pub fn mean(&self) -> Delayed<f64> {
        T::moment(self, Moment::Mean)
    }

    /// Computes the population variance; see [`var_with`](Bag::var_with).
    ///
    /// # Errors
    /// The computation fails if the bag is empty.
    pub fn var(&self) -> Delayed<f64> {
        self.var_with(0)
    }

    /// Computes the variance with the divisor `count - ddof`; NaN if that is zero or less.
    ///
    /// # Errors
    /// The computation fails if the bag is empty.
    pub fn var_with(&self, ddof: u64) -> Delayed<f64> {
        T::moment(self, Moment::Var(ddof))
    }

    /// Computes the population standard deviation; see [`std_with`](Bag::std_with).
    ///
    /// # Errors
    /// The computation fails if the bag is empty.
    pub fn std(&self) -> Delayed<f64> {
        self.std_with(0)
    }

    /// Computes the standard deviation with the divisor `count - ddof`; NaN if that is zero or
    /// less.
    ///
    /// # Errors
    /// The computation fails if the bag is empty.
    pub fn std_with(&self, ddof: u64) -> Delayed<f64> {
        T::moment(self, Moment::Std(ddof))
    }
}
