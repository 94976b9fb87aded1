//! Pseudo-random numbers that depend only on a seed and an index.

/// The golden ratio in 64 bits.
pub(in crate::frame) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64 (S. Vigna): turns consecutive numbers into uncorrelated ones.
pub(in crate::frame) fn scrambled(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Converts bits to a float in [0, 1).
pub(in crate::frame) fn share_of(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}
