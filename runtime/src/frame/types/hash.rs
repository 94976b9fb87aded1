//! Numbers that look random and hang on a seed and a place alone.

/// The golden ratio in 64 bits.
pub(in crate::frame) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The last steps of SplitMix64 (S. Vigna): numbers in a row become numbers without any order.
pub(in crate::frame) fn scrambled(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// From 0 to before 1.
pub(in crate::frame) fn share_of(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}
