//! Axes: their ticks, at round numbers, and the labels of the ticks.

/// An axis: its ends, its ticks and the distance between them.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    ticks: Vec<f64>,
    step: Option<f64>,
}

impl Axis {
    /// Creates an axis for values between two finite ends, with about `most` ticks.
    pub(super) fn new(low: f64, high: f64, most: usize) -> Self {
        let half = 0.5f64.max(low.abs() * 1e-6);
        let (low, high) = if high > low {
            (low, high)
        } else {
            ((low - half).max(-f64::MAX), (low + half).min(f64::MAX))
        };
        // If round numbers cannot be distinguished, the ends are the ticks.
        Self::round(low, high, most).unwrap_or_else(|| Self {
            low,
            high,
            ticks: vec![low, high],
            step: None,
        })
    }

    fn round(low: f64, high: f64, most: usize) -> Option<Self> {
        let raw = high / most as f64 - low / most as f64;
        let power = 10f64.powf(raw.log10().floor());
        let mut steps = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power);
        let step = steps.find(|s| *s >= raw * 0.999 && s.is_normal())?;
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let (start, end) = (first * step, last * step);
        let told_apart = start + step > start && end - step < end;
        let count = last - first;
        if !(start.is_finite() && end.is_finite() && told_apart && count <= 4.0 * most as f64) {
            return None;
        }
        let ticks = (0..=count as usize).map(|i| (first + i as f64) * step).collect();
        let axis = Self { low: start, high: end, ticks, step: Some(step) };
        let labels: Vec<_> = axis.ticks.iter().map(|t| axis.label(*t)).collect();
        labels.windows(2).all(|l| l[0] != l[1]).then_some(axis)
    }

    /// Returns the position of a value on the axis, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        let span = self.high - self.low;
        if span.is_finite() {
            return (value - self.low) / span;
        }
        (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0)
    }

    /// Returns the ticks in ascending order.
    pub(super) fn ticks(&self) -> &[f64] {
        &self.ticks
    }

    /// Formats a number with as many digits as neighbouring ticks need to differ.
    pub(super) fn label(&self, value: f64) -> String {
        let Some(step) = self.step else { return format!("{value:e}") };
        let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
        let largest = self.low.abs().max(self.high.abs());
        let decimals = (-step.log10().floor()).max(0.0);
        if decimals <= 9.0 && largest < 1e15 {
            return format!("{value:.*}", decimals as usize);
        }
        // `clamp` would return NaN for NaN.
        #[allow(clippy::manual_clamp)]
        let digits = (largest.log10().floor() - step.log10().floor()).max(0.0).min(16.0);
        format!("{value:.*e}", digits as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_values() {
        let check = |low: f64, high: f64, want: &[&str]| {
            let axis = Axis::new(low, high, 5);
            let labels: Vec<_> = axis.ticks().iter().map(|t| axis.label(*t)).collect();
            assert_eq!(labels, want, "{low:e} to {high:e}");
            let (first, last) = (axis.ticks()[0], axis.ticks()[axis.ticks().len() - 1]);
            assert!(first <= low && last >= high, "{axis:?}");
        };
        check(0.0, 9.0, &["0", "2", "4", "6", "8", "10"]);
        check(-43.0, 1301.0, &["-500", "0", "500", "1000", "1500"]);
        check(-0.07, 0.11, &["-0.10", "-0.05", "0.00", "0.05", "0.10", "0.15"]);
        check(3.0, 3.0, &["2.4", "2.6", "2.8", "3.0", "3.2", "3.4", "3.6"]);
        check(0.0, 5e-324, &["0e0", "5e-324"]);
        check(-1.7e308, 1.7e308, &["-1.7e308", "1.7e308"]);
        check(1e18, 1e18 + 200.0, &["1e18", "1.0000000000000003e18"]);
    }

    #[test]
    fn places_are_shares_even_of_the_whole_range() {
        let axis = Axis::new(-f64::MAX, f64::MAX, 5);
        assert_eq!([-f64::MAX, 0.0, f64::MAX].map(|v| axis.share(v)), [0.0, 0.5, 1.0]);
    }
}
