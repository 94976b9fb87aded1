//! Power sums of a window that moves: values come in and go out, and the sums are exact all along, so
//! that nothing is left of a value that has gone.

use super::cells::{cubes, fourths, squares};
use super::{ExactSum, moments};

/// The sums of the values in a window, and of their powers up to the one that is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Moving {
    n: u64,
    sums: [ExactSum; 4],
    powers: usize,
}

impl Moving {
    /// Makes an empty window with so many powers, from 1 to 4.
    pub(crate) fn new(powers: usize) -> Self {
        Self { n: 0, sums: Default::default(), powers }
    }

    /// Takes a value into the window.
    pub(crate) fn add(&mut self, x: f64) {
        self.n += 1;
        self.each(x, ExactSum::add);
    }

    /// Takes a value out of the window.
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

    /// The number of values.
    pub(crate) fn len(&self) -> usize {
        self.n as usize
    }

    /// The sum.
    pub(crate) fn sum(&self) -> Option<f64> {
        Some(self.sums[0].value())
    }

    /// The mean; `None` of nothing.
    pub(crate) fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sums[0].mean(self.n))
    }

    /// The variance of a sample.
    pub(crate) fn variance(&self) -> Option<f64> {
        moments::variance(1, self.n, &self.sums[0], &self.sums[1])
    }

    /// The standard deviation of a sample.
    pub(crate) fn deviation(&self) -> Option<f64> {
        moments::deviation(1, self.n, &self.sums[0], &self.sums[1])
    }

    /// The skewness without bias.
    pub(crate) fn skewness(&self) -> Option<f64> {
        let [x, xx, xxx, _] = &self.sums;
        moments::skewness(self.n, [x, xx, xxx])
    }

    /// The excess kurtosis without bias.
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
