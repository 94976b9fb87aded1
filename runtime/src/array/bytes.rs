//! Elements as bytes, in files of NumPy and in spilled blocks.

use super::data::{Data, Slice};
use super::dtype::Dtype;
use num_complex::Complex64;

/// Returns the elements of little-endian bytes.
pub(super) fn elements(bytes: &[u8], dtype: Dtype) -> Data {
    macro_rules! list {
        ($t:ty) => {
            bytes.as_chunks().0.iter().map(|b| <$t>::from_le_bytes(*b)).collect()
        };
    }
    match dtype {
        Dtype::F64 => Data::F64(list!(f64)),
        Dtype::F32 => Data::F32(list!(f32)),
        Dtype::I64 => Data::I64(list!(i64)),
        Dtype::I32 => Data::I32(list!(i32)),
        Dtype::U64 => Data::U64(list!(u64)),
        Dtype::U8 => Data::U8(bytes.to_vec()),
        Dtype::Bool => Data::Bool(bytes.iter().map(|b| *b != 0).collect()),
        Dtype::C64 => {
            let parts: Vec<f64> = list!(f64);
            Data::C64(parts.as_chunks().0.iter().map(|[re, im]| Complex64::new(*re, *im)).collect())
        }
    }
}

/// Appends elements as little-endian bytes.
pub(super) fn append(slice: Slice<'_>, out: &mut Vec<u8>) {
    macro_rules! bytes {
        ($list:expr) => {
            out.extend($list.iter().flat_map(|x| x.to_le_bytes()))
        };
    }
    match slice {
        Slice::F64(list) => bytes!(list),
        Slice::F32(list) => bytes!(list),
        Slice::I64(list) => bytes!(list),
        Slice::I32(list) => bytes!(list),
        Slice::U64(list) => bytes!(list),
        Slice::U8(list) => out.extend_from_slice(list),
        Slice::Bool(list) => out.extend(list.iter().map(|x| u8::from(*x))),
        Slice::C64(list) => {
            out.extend(list.iter().flat_map(|x| [x.re, x.im]).flat_map(f64::to_le_bytes));
        }
    }
}
