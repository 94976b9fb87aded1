//! Random numbers by the place of the element, so that a seed gives the same numbers for any chunks
//! and any number of workers.
//!
//! The generator is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
//! 2011), which passes TestU01's BigCrush: its key is the seed, and its counter is the place.

use super::ops::widest::widest;

/// What random numbers are distributed like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Distribution {
    /// Floats in `[low, low + width)`, multiples of `width` / 2^53.
    Uniform {
        low: f64,
        width: f64,
    },
    Normal {
        mean: f64,
        deviation: f64,
    },
}

/// Returns the four words of a counter.
#[inline(always)]
pub(super) fn philox(seed: u64, counter: u64, stream: u32) -> [u32; 4] {
    const M0: u64 = 0xD251_1F53;
    const M1: u64 = 0xCD9E_8D57;
    let (mut k0, mut k1) = (seed as u32, (seed >> 32) as u32);
    let mut c = [counter as u32, (counter >> 32) as u32, stream, 0];
    let mut round = 0;
    while round < 10 {
        let a = M0 * u64::from(c[0]);
        let b = M1 * u64::from(c[2]);
        c = [(b >> 32) as u32 ^ c[1] ^ k0, b as u32, (a >> 32) as u32 ^ c[3] ^ k1, a as u32];
        k0 = k0.wrapping_add(0x9E37_79B9);
        k1 = k1.wrapping_add(0xBB67_AE85);
        round += 1;
    }
    c
}

/// Returns a float in `[0, 1)` from two words: a multiple of 2^-53.
#[inline(always)]
fn unit(high: u32, low: u32) -> f64 {
    const STEP: f64 = 1.0 / 9_007_199_254_740_992.0;
    // Both parts are exact, and the compiler vectorizes their conversions.
    (f64::from(high >> 5) * 67_108_864.0 + f64::from(low >> 6)) * STEP
}

/// Returns the float in `[0, 1)` at a place: a counter serves two neighbours.
#[inline(always)]
fn uniform(seed: u64, place: u64) -> f64 {
    let c = philox(seed, place >> 1, 0);
    if place & 1 == 0 { unit(c[0], c[1]) } else { unit(c[2], c[3]) }
}

/// Returns the standard normal number at a place: one of the two of Box and Muller ("A note on the
/// generation of random normal deviates", 1958).
fn normal(seed: u64, place: u64) -> f64 {
    let c = philox(seed, place >> 1, 1);
    // In (0, 1], as 0 has no logarithm.
    let radius = (-2.0 * (1.0 - unit(c[0], c[1])).ln()).sqrt();
    let angle = std::f64::consts::TAU * unit(c[2], c[3]);
    radius * if place & 1 == 0 { angle.cos() } else { angle.sin() }
}

/// The counters that are computed side by side.
const LANES: usize = 16;

/// Returns the words of neighbouring counters: the same as [`philox`], word by word, which the
/// compiler vectorizes.
#[inline(always)]
fn philox_lanes(seed: u64, first: u64) -> [[u64; LANES]; 4] {
    const M0: u64 = 0xD251_1F53;
    const M1: u64 = 0xCD9E_8D57;
    const LOW: u64 = 0xFFFF_FFFF;
    let (mut k0, mut k1) = (seed & LOW, seed >> 32);
    let (mut c0, mut c1, mut c2, mut c3) = ([0; LANES], [0; LANES], [0; LANES], [0; LANES]);
    for lane in 0..LANES {
        let counter = first + lane as u64;
        (c0[lane], c1[lane]) = (counter & LOW, counter >> 32);
    }
    for _ in 0..10 {
        for lane in 0..LANES {
            // Products of two words of 32 bits: the mask tells the compiler so.
            let a = M0 * (c0[lane] & LOW);
            let b = M1 * (c2[lane] & LOW);
            // Only the lower halves count: what is above them is cut off where it would matter.
            c0[lane] = (b >> 32) ^ c1[lane] ^ k0;
            c2[lane] = (a >> 32) ^ c3[lane] ^ k1;
            c1[lane] = b;
            c3[lane] = a;
        }
        k0 = (k0 + 0x9E37_79B9) & LOW;
        k1 = (k1 + 0xBB67_AE85) & LOW;
    }
    [c0, c1, c2, c3]
}

/// Like [`unit`], of words in the lower halves of 64 bits: an integer below 2^52 becomes a float by
/// its bits.
#[inline(always)]
fn unit_of_words(high: u64, low: u64) -> f64 {
    const STEP: f64 = 1.0 / 9_007_199_254_740_992.0;
    const TWO_52: u64 = 0x4330_0000_0000_0000;
    const LOW: u64 = 0xFFFF_FFFF;
    let float = |word: u64| f64::from_bits(word | TWO_52) - 4_503_599_627_370_496.0;
    (float((high & LOW) >> 5) * 67_108_864.0 + float((low & LOW) >> 6)) * STEP
}

/// Fills `out` with the floats in `[0, 1)` of counters from `first` on, two of each.
#[inline(always)]
fn pairs(seed: u64, first: u64, out: &mut [f64]) {
    let mut blocks = out.chunks_exact_mut(2 * LANES);
    let mut counter = first;
    for block in &mut blocks {
        let [c0, c1, c2, c3] = philox_lanes(seed, counter);
        let (mut even, mut odd) = ([0.0; LANES], [0.0; LANES]);
        for lane in 0..LANES {
            even[lane] = unit_of_words(c0[lane], c1[lane]);
            odd[lane] = unit_of_words(c2[lane], c3[lane]);
        }
        for lane in 0..LANES {
            block[2 * lane] = even[lane];
            block[2 * lane + 1] = odd[lane];
        }
        counter += LANES as u64;
    }
    for pair in blocks.into_remainder().chunks_mut(2) {
        let c = philox(seed, counter, 0);
        let both = [unit(c[0], c[1]), unit(c[2], c[3])];
        pair.copy_from_slice(&both[..pair.len()]);
        counter += 1;
    }
}

widest! {
    /// Like [`pairs`], with the widest instructions that the processor has.
    fn pairs_widest(seed: u64, first: u64, out: &mut [f64]) {
        pairs(seed, first, out);
    }
}

impl Distribution {
    /// Appends the numbers at `n` places, `step` apart, from `start`.
    pub(super) fn fill(self, seed: u64, start: u64, step: i64, n: usize, out: &mut Vec<f64>) {
        let places = (0..n as i64).map(|i| start.wrapping_add_signed(i * step));
        let from = out.len();
        match self {
            Self::Uniform { low, width } => {
                if step == 1 && n > 1 {
                    let mut left = n;
                    let mut at = start;
                    if at & 1 == 1 {
                        out.push(uniform(seed, at));
                        at += 1;
                        left -= 1;
                    }
                    let begin = out.len();
                    out.resize(begin + left, 0.0);
                    pairs_widest(seed, at >> 1, &mut out[begin..]);
                } else {
                    out.extend(places.map(|i| uniform(seed, i)));
                }
                if (low, width) != (0.0, 1.0) {
                    out[from..].iter_mut().for_each(|x| *x = low + width * *x);
                }
            }
            Self::Normal { mean, deviation } => {
                out.extend(places.map(|i| mean + deviation * normal(seed, i)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_numbers() {
        // Of Random123's known answers (kat_vectors): all zeros.
        assert_eq!(philox(0, 0, 0), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    }

    #[test]
    fn numbers_depend_on_their_places_only() {
        for of in [
            Distribution::Uniform { low: -1.0, width: 3.0 },
            Distribution::Normal { mean: 1.0, deviation: 2.0 },
        ] {
            let mut all = Vec::new();
            of.fill(7, 0, 1, 1000, &mut all);
            for (start, step, n) in [
                (0, 1, 1000),
                (1, 1, 37),
                (3, 1, 996),
                (999, -1, 1000),
                (5, 7, 100),
                (2, 1, 1),
                (4, 0, 3),
            ] {
                let mut some = Vec::new();
                of.fill(7, start, step, n, &mut some);
                let right = (0..n as i64).map(|i| all[(start as i64 + i * step) as usize]);
                assert_eq!(some, right.collect::<Vec<_>>(), "{start} {step} {n}");
            }
        }
    }

    #[test]
    fn moments_are_right() {
        let n = 1_000_000;
        let mut x = Vec::new();
        Distribution::Normal { mean: 2.0, deviation: 3.0 }.fill(1, 0, 1, n, &mut x);
        let mean = x.iter().sum::<f64>() / n as f64;
        let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n as f64;
        assert!((mean - 2.0).abs() < 0.02 && (variance - 9.0).abs() < 0.1, "{mean} {variance}");
        let mut x = Vec::new();
        Distribution::Uniform { low: 0.0, width: 1.0 }.fill(1, 0, 1, n, &mut x);
        let mean = x.iter().sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 0.002, "{mean}");
        assert!(x.iter().all(|x| (0.0..1.0).contains(x)));
    }
}
