//! Round numbers for axes.

/// The range widened to round numbers, the distance between ticks, and the decimals that tell them apart.
pub(super) fn nice(low: f64, high: f64, most: usize) -> (f64, f64, f64, usize) {
    // A single large value needs a wider range than half a step on either side.
    let half = 0.5f64.max(low.abs() * 1e-6);
    let (low, high) = if high > low { (low, high) } else { (low - half, high + half) };
    let raw = (high - low) / most as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].iter().map(|m| m * power).find(|s| *s >= raw * 0.999).unwrap_or(10.0 * power);
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    ((low / step).floor() * step, (high / step).ceil() * step, step, decimals)
}

#[cfg(test)]
mod tests {
    use super::nice;

    #[test]
    fn a_single_large_value_has_ticks() {
        let (low, high, step, _) = nice(1.7e18, 1.7e18, 8);
        assert!(low < 1.7e18 && high > 1.7e18 && step > 0.0 && step.is_finite());
    }

    #[test]
    fn ticks_are_round_and_cover_the_range() {
        for (low, high, want) in
            [(-43.0, 1301.0, (-200.0, 1400.0, 200.0, 0)), (0.0, 1.0, (0.0, 1.0, 0.2, 1)), (5.0, 5.0, (4.4, 5.6, 0.2, 1))]
        {
            let got = nice(low, high, 8);
            assert!(
                (got.0 - want.0).abs() < 1e-9 && (got.1 - want.1).abs() < 1e-9 && (got.2 - want.2).abs() < 1e-9 && got.3 == want.3,
                "{got:?}"
            );
        }
    }
}
