//! Lanes: the elements of a block along one axis, the other places being the same.

use super::block::Block;
use super::data::{Data, Slice, sealed::Sealed};
use super::dtype::Dtype;
use crate::error::{Error, Result};
use std::cmp::Ordering;

/// Evaluates an expression for the elements of a type that has an order; its result is a list of
/// the same type.
macro_rules! same_type {
    ($data:expr, $list:ident => $call:expr) => {
        match $data {
            $crate::array::data::Data::F64($list) => $crate::array::data::Data::F64($call),
            $crate::array::data::Data::F32($list) => $crate::array::data::Data::F32($call),
            $crate::array::data::Data::I64($list) => $crate::array::data::Data::I64($call),
            $crate::array::data::Data::I32($list) => $crate::array::data::Data::I32($call),
            $crate::array::data::Data::U64($list) => $crate::array::data::Data::U64($call),
            $crate::array::data::Data::U8($list) => $crate::array::data::Data::U8($call),
            $crate::array::data::Data::Bool($list) => $crate::array::data::Data::Bool($call),
            $crate::array::data::Data::C64(_) => unreachable!("complex numbers are refused"),
        }
    };
}
pub(super) use same_type;

/// Evaluates an expression for the elements of a type that has an order.
macro_rules! any_type {
    ($data:expr, $list:ident => $call:expr) => {
        match $data {
            $crate::array::data::Data::F64($list) => $call,
            $crate::array::data::Data::F32($list) => $call,
            $crate::array::data::Data::I64($list) => $call,
            $crate::array::data::Data::I32($list) => $call,
            $crate::array::data::Data::U64($list) => $call,
            $crate::array::data::Data::U8($list) => $call,
            $crate::array::data::Data::Bool($list) => $call,
            $crate::array::data::Data::C64(_) => unreachable!("complex numbers are refused"),
        }
    };
}
pub(super) use any_type;

/// An element type with an order, in which NaN is the last.
pub(super) trait Ordered: Copy + Default + Sealed {
    fn order(&self, other: &Self) -> Ordering;
    fn is_nan(self) -> bool {
        false
    }
}

macro_rules! floats {
    ($($t:ty),*) => {$(
        impl Ordered for $t {
            fn order(&self, other: &Self) -> Ordering {
                self.partial_cmp(other).unwrap_or_else(|| <$t>::is_nan(*self).cmp(&<$t>::is_nan(*other)))
            }
            fn is_nan(self) -> bool {
                <$t>::is_nan(self)
            }
        }
    )*};
}
floats!(f64, f32);

macro_rules! integers {
    ($($t:ty),*) => {$(
        impl Ordered for $t {
            fn order(&self, other: &Self) -> Ordering {
                self.cmp(other)
            }
        }
    )*};
}
integers!(i64, i32, u64, u8, bool);

/// Refuses the type that has no order.
pub(super) fn refuse_complex(method: &str, dtype: Dtype) -> Result<()> {
    if dtype == Dtype::C64 {
        return Err(Error::bad_argument(
            method,
            "complex numbers have no order; expected real ones; help: take .abs(), .real() or .imag() first".to_owned(),
        ));
    }
    Ok(())
}

/// The lanes of a block: `outer` times `inner` of them, of `n` elements each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lanes {
    pub(super) outer: usize,
    pub(super) n: usize,
    pub(super) inner: usize,
}

impl Lanes {
    pub(super) fn of(shape: &[usize], axis: usize) -> Self {
        let [outer, inner] =
            [&shape[..axis], &shape[axis + 1..]].map(|s| s.iter().product::<usize>());
        Self { outer, n: shape[axis], inner }
    }

    /// Applies a function to each lane, which gives `m` results. The function may change the lane.
    pub(super) fn map<T: Copy, U: Copy + Default>(
        self,
        list: &[T],
        m: usize,
        f: &mut dyn FnMut(&mut [T], &mut [U]),
    ) -> Vec<U> {
        let mut out = vec![U::default(); self.outer * m * self.inner];
        let mut lane = Vec::with_capacity(self.n);
        let mut found = vec![U::default(); m];
        for outer in 0..self.outer {
            for inner in 0..self.inner {
                lane.clear();
                let first = outer * self.n * self.inner + inner;
                lane.extend((0..self.n).map(|i| list[first + i * self.inner]));
                f(&mut lane, &mut found);
                let first = outer * m * self.inner + inner;
                for (i, x) in found.iter().enumerate() {
                    out[first + i * self.inner] = *x;
                }
            }
        }
        out
    }
}

/// Takes elements of a block along an axis, by their places in it.
pub(super) fn gather(block: &Block, axis: usize, places: &[usize], out: &mut Data) {
    let lanes = Lanes::of(&block.shape, axis);
    let data = block.data();
    let slice = data.slice();
    for outer in 0..lanes.outer {
        for place in places {
            let from = (outer * lanes.n + place) * lanes.inner;
            out.extend(slice.part(from, from + lanes.inner));
        }
    }
}

/// Returns the elements as floats.
pub(super) fn floats_of(slice: Slice<'_>) -> Vec<f64> {
    match slice {
        Slice::F64(list) => list.to_vec(),
        Slice::F32(list) => list.iter().map(|x| f64::from(*x)).collect(),
        Slice::I64(list) => list.iter().map(|x| *x as f64).collect(),
        Slice::I32(list) => list.iter().map(|x| f64::from(*x)).collect(),
        Slice::U64(list) => list.iter().map(|x| *x as f64).collect(),
        Slice::U8(list) => list.iter().map(|x| f64::from(*x)).collect(),
        Slice::Bool(list) => list.iter().map(|x| f64::from(u8::from(*x))).collect(),
        Slice::C64(list) => list.iter().map(|x| x.re).collect(),
    }
}
