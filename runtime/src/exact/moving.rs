//! Power sums of a moving window: values are added and removed, and the sums stay exact, so that a
//! removed value leaves no trace.

use super::cells::{cubes, fourths, squares};
use super::{ExactSum, moments};

/// The sums of the values in a window, and of their powers up to the given one.
#[derive(Debug, Clone)]
pub(crate) struct Moving {
    n: u64,
    sums: [ExactSum; 4],
    powers: usize,
}

impl Moving {
    /// Creates an empty window with the given number of powers, from 1 to 4.
    pub(crate) fn new(powers: usize) -> Self {
        Self { n: 0, sums: Default::default(), powers }
    }

    /// Adds a value to the window.
    pub(crate) fn add(&mut self, x: f64) {
        self.n += 1;
        self.each(x, ExactSum::add);
    }

    /// Removes a value from the window.
    pub(crate) fn remove(&mut self, x: f64) {
        self.n -= 1;
        self.each(x, ExactSum::remove);
    }

    fn each(&mut self, x: f64, f: fn(&mut ExactSum, f64)) {
        for (power, sum) in self.sums.iter_mut().enumerate().take(self.powers) {
            match power {
                0 => f(sum, x),
                1 => squares(x).into_iter().for_each(|part| f(sum, part)),
                2 => cubes(x).into_iter().for_each(|part| f(sum, part)),
                _ => fourths(x).into_iter().for_each(|part| f(sum, part)),
            }
        }
    }

    /// Returns the number of values.
    pub(crate) fn len(&self) -> usize {
        self.n as usize
    }

    /// Returns the sum.
    pub(crate) fn sum(&self) -> Option<f64> {
        Some(self.sums[0].value())
    }

    /// Returns the mean; `None` for an empty window.
    pub(crate) fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sums[0].mean(self.n))
    }

    /// Returns the sample variance.
    pub(crate) fn variance(&self) -> Option<f64> {
        moments::variance(1, self.n, &self.sums[0], &self.sums[1])
    }

    /// Returns the sample standard deviation.
    pub(crate) fn deviation(&self) -> Option<f64> {
        moments::deviation(1, self.n, &self.sums[0], &self.sums[1])
    }

    /// Returns the unbiased skewness.
    pub(crate) fn skewness(&self) -> Option<f64> {
        let [x, xx, xxx, _] = &self.sums;
        moments::skewness(self.n, [x, xx, xxx])
    }

    /// Returns the unbiased excess kurtosis.
    pub(crate) fn kurtosis(&self) -> Option<f64> {
        let [x, xx, xxx, xxxx] = &self.sums;
        moments::kurtosis(self.n, [x, xx, xxx, xxxx])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_what_has_gone() {
        let mut moving = Moving::new(4);
        for x in [1e300, f64::INFINITY, 3.5, -1e-7] {
            moving.add(x);
        }
        for x in [3.5, f64::INFINITY, 1e300, -1e-7] {
            moving.remove(x);
        }
        let values = [0.1, 0.2, 0.4, 0.7, 1.1, 1.9];
        values.iter().for_each(|x| moving.add(*x));
        assert_eq!((moving.len(), moving.sum()), (6, Some(4.4)));
        assert_eq!(moving.variance(), Some(0.4586666666666666));
        assert_eq!(moving.kurtosis(), Some(0.8201857422931307));
    }
}
