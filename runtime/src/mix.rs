//! Numbers that look random and are the same in every run.

/// The finalizer of SplitMix64 (S. Vigna): turns consecutive numbers into uncorrelated ones.
pub(crate) fn splitmix64(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
