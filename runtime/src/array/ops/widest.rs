//! Loops that are compiled for several instruction sets, of which the widest one that the processor
//! has is chosen at run time. The results are the same: fused multiply-add is used by name only, and
//! then on every processor.
#![allow(unsafe_code)]

/// Defines a function whose body is compiled for AVX-512, for AVX2 and for any processor. What it
/// calls must be inlined to be compiled with those instructions.
macro_rules! widest {
    ($(#[$doc:meta])* $vis:vis fn $name:ident $(<const $k:ident: usize>)? ($($arg:ident: $t:ty),*) $body:block) => {
        $(#[$doc])*
        #[allow(unsafe_code)]
        $vis fn $name $(<const $k: usize>)? ($($arg: $t),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq,fma")]
                fn wide $(<const $k: usize>)? ($($arg: $t),*) $body
                #[target_feature(enable = "avx2,fma")]
                fn medium $(<const $k: usize>)? ($($arg: $t),*) $body
                if is_x86_feature_detected!("fma") {
                    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
                        // SAFETY: the processor has the instructions.
                        return unsafe { wide($($arg),*) };
                    }
                    if is_x86_feature_detected!("avx2") {
                        // SAFETY: the processor has the instructions.
                        return unsafe { medium($($arg),*) };
                    }
                }
            }
            $body
        }
    };
}
pub(crate) use widest;
