//! Pseudo-random numbers that depend only on a seed and an index.

/// The golden ratio in 64 bits.
pub(in crate::frame) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Converts bits to a float in [0, 1).
pub(in crate::frame) fn share_of(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}
