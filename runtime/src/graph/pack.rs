//! Serialization of values: which types can be written to disk and read back, and how many bytes
//! their values hold in memory. Types are looked up by their ids in one table, as the scheduler
//! sees values without types.

use super::value::Value;
use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::ipc::{reader::StreamReader, writer::StreamWriter};
use foldhash::HashMap;
use ndarray::{Array1, Array2, ArrayD};
use rask_wire::helpers::Whole;
use std::any::{Any, TypeId};
use std::mem::size_of;
use std::sync::{Arc, LazyLock, RwLock};

/// A type whose values can be serialized and read back, in this process.
pub(crate) trait Pack: Send + Sync + Sized + 'static {
    /// Appends the value.
    fn pack(&self, out: &mut Vec<u8>);
    /// Reads a value from the front; `None` if the bytes are not a valid value.
    fn unpack(from: &mut &[u8]) -> Option<Self>;
    /// Returns the bytes that the value owns on the heap.
    fn heap(&self) -> usize;
}

fn take<'a>(from: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (head, rest) = from.split_at_checked(n)?;
    *from = rest;
    Some(head)
}

fn pack_len(n: usize, out: &mut Vec<u8>) {
    (n as u64).pack(out);
}

fn unpack_len(from: &mut &[u8]) -> Option<usize> {
    usize::try_from(u64::unpack(from)?).ok()
}

macro_rules! plain {
    ($($t:ty),*) => {$(
        impl Pack for $t {
            fn pack(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn unpack(from: &mut &[u8]) -> Option<Self> {
                Some(Self::from_le_bytes(take(from, size_of::<$t>())?.try_into().ok()?))
            }
            fn heap(&self) -> usize {
                0
            }
        }
    )*};
}
plain!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);

impl Pack for bool {
    fn pack(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some(u8::unpack(from)? != 0)
    }
    fn heap(&self) -> usize {
        0
    }
}

impl Pack for char {
    fn pack(&self, out: &mut Vec<u8>) {
        (*self as u32).pack(out);
    }
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Self::from_u32(u32::unpack(from)?)
    }
    fn heap(&self) -> usize {
        0
    }
}

impl Pack for String {
    fn pack(&self, out: &mut Vec<u8>) {
        pack_len(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let n = unpack_len(from)?;
        Self::from_utf8(take(from, n)?.to_vec()).ok()
    }
    fn heap(&self) -> usize {
        self.capacity()
    }
}

impl<T: Pack> Pack for Vec<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        pack_len(self.len(), out);
        self.iter().for_each(|x| x.pack(out));
    }
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let n = unpack_len(from)?;
        // A length that exceeds the bytes must not allocate memory.
        let mut out = Self::with_capacity(n.min(from.len()));
        for _ in 0..n {
            out.push(T::unpack(from)?);
        }
        Some(out)
    }
    fn heap(&self) -> usize {
        let own = self.capacity() * size_of::<T>();
        if std::mem::needs_drop::<T>() {
            own + self.iter().map(T::heap).sum::<usize>()
        } else {
            own
        }
    }
}

impl<T: Pack> Pack for Option<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        self.is_some().pack(out);
        self.iter().for_each(|x| x.pack(out));
    }
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some(if bool::unpack(from)? { Some(T::unpack(from)?) } else { None })
    }
    fn heap(&self) -> usize {
        self.as_ref().map_or(0, T::heap)
    }
}

macro_rules! tuples {
    ($(($($t:ident),*))*) => {$(
        impl<$($t: Pack),*> Pack for ($($t,)*) {
            #[allow(non_snake_case)]
            fn pack(&self, out: &mut Vec<u8>) {
                let ($($t,)*) = self;
                $($t.pack(out);)*
            }
            fn unpack(from: &mut &[u8]) -> Option<Self> {
                Some(($($t::unpack(from)?,)*))
            }
            #[allow(non_snake_case)]
            fn heap(&self) -> usize {
                let ($($t,)*) = self;
                0 $(+ $t.heap())*
            }
        }
    )*};
}
tuples! { (A, B) (A, B, C) }

macro_rules! arrays {
    ($($array:ident),*) => {$(
        impl<T: Pack + Clone> Pack for $array<T> {
            fn pack(&self, out: &mut Vec<u8>) {
                self.shape().to_vec().pack(out);
                self.iter().for_each(|x| x.pack(out));
            }
            fn unpack(from: &mut &[u8]) -> Option<Self> {
                let shape = Vec::<usize>::unpack(from)?;
                let n = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d))?;
                let mut items = Vec::with_capacity(n.min(from.len()));
                for _ in 0..n {
                    items.push(T::unpack(from)?);
                }
                ArrayD::from_shape_vec(shape, items).ok()?.into_dimensionality().ok()
            }
            fn heap(&self) -> usize {
                self.len() * size_of::<T>()
            }
        }
    )*};
}
arrays!(Array1, Array2, ArrayD);

impl Pack for RecordBatch {
    fn pack(&self, out: &mut Vec<u8>) {
        let mut bytes = Vec::new();
        // String views would be written with their whole buffers.
        let own = |c: &ArrayRef| {
            c.as_string_view_opt().map_or_else(|| c.clone(), |views| Arc::new(views.gc()))
        };
        let options = RecordBatchOptions::new().with_row_count(Some(self.num_rows()));
        let whole = Self::try_new_with_options(
            self.schema(),
            self.columns().iter().map(own).collect(),
            &options,
        );
        // Writing to memory does not fail; if it did, the empty bytes would be rejected on reading.
        let written = whole.and_then(|b| {
            StreamWriter::try_new(&mut bytes, &self.schema())
                .and_then(|mut w| w.write(&b).and_then(|()| w.finish()))
        });
        if written.is_err() {
            bytes.clear();
        }
        bytes.pack(out);
    }
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let n = unpack_len(from)?;
        StreamReader::try_new(take(from, n)?, None).ok()?.next()?.ok()
    }
    fn heap(&self) -> usize {
        self.get_array_memory_size()
    }
}

/// The serialization functions of one type.
#[derive(Clone, Copy)]
pub(crate) struct Packer {
    pub(crate) size: fn(&dyn Any) -> u64,
    pub(crate) pack: fn(&dyn Any, &mut Vec<u8>),
    pub(crate) unpack: fn(&[u8]) -> Option<Value>,
}

static TABLE: LazyLock<RwLock<HashMap<TypeId, Packer>>> = LazyLock::new(|| RwLock::new(built_in()));

fn packer<T: Pack>() -> (TypeId, Packer) {
    // The functions in the table are only called with values of their own type.
    fn value<T: Pack>(any: &dyn Any) -> &T {
        any.downcast_ref().expect("a packer is looked up by the value's type")
    }
    let packer = Packer {
        size: |v| (size_of::<T>() + value::<T>(v).heap()) as u64,
        pack: |v, out| value::<T>(v).pack(out),
        unpack: |mut bytes| {
            T::unpack(&mut bytes).filter(|_| bytes.is_empty()).map(|v| Arc::new(v) as Value)
        },
    };
    (TypeId::of::<T>(), packer)
}

fn built_in() -> HashMap<TypeId, Packer> {
    let mut table = HashMap::default();
    macro_rules! add {
        ($($t:ty),*) => {$( table.extend([packer::<$t>(), packer::<Vec<$t>>(), packer::<Vec<Vec<$t>>>()]); )*};
    }
    macro_rules! add_arrays {
        ($($t:ty),*) => {$( table.extend([packer::<Array1<$t>>(), packer::<Array2<$t>>(), packer::<ArrayD<$t>>()]); )*};
    }
    macro_rules! add_pairs {
        ($a:ty: $($b:ty),*) => {$( add!(($a, $b)); )*};
    }
    add!(
        u8,
        u16,
        u32,
        u64,
        u128,
        usize,
        i8,
        i16,
        i32,
        i64,
        i128,
        isize,
        f32,
        f64,
        bool,
        char,
        String,
        RecordBatch,
        Option<String>
    );
    add_arrays!(u8, u16, u32, u64, usize, i8, i16, i32, i64, f32, f64, bool);
    add_pairs!(String: String, u32, u64, usize, i32, i64, f64);
    add_pairs!(u64: String, u64, i64, f64);
    add_pairs!(usize: String, usize, f64);
    add_pairs!(i64: String, u64, usize, i64, f64);
    add_pairs!(i32: String, u64, usize, i32, f64);
    add_pairs!(u32: String, u64, usize, u32, f64);
    add_pairs!(f64: u64, i64, f64);
    table
}

/// Registers a type and lists of it.
pub(crate) fn register<T: Pack>() {
    TABLE.write().whole().extend([packer::<T>(), packer::<Vec<T>>()]);
}

/// Returns the packer of the value's type, if it is registered.
pub(crate) fn packer_of(value: &dyn Any) -> Option<Packer> {
    TABLE.read().whole().get(&value.type_id()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;

    /// Checks that a value is read back unchanged and that truncated bytes are rejected.
    fn check<T: Pack + PartialEq + Debug>(value: T, bytes: usize) {
        let known = packer_of(&value)
            .unwrap_or_else(|| panic!("{} is not in the table", std::any::type_name::<T>()));
        assert_eq!((known.size)(&value), bytes as u64, "{value:?}");
        let mut packed = Vec::new();
        (known.pack)(&value, &mut packed);
        let back = (known.unpack)(&packed).unwrap();
        assert_eq!(back.downcast_ref::<T>(), Some(&value));
        assert!((known.unpack)(&packed[..packed.len() - 1]).is_none());
    }

    #[test]
    fn values_come_back_as_they_were() {
        check(7u8, 1);
        check(vec![1.5f64, -0.0], 24 + 16);
        check(vec![vec![1u32], vec![]], 24 + 48 + 4);
        check("né".to_owned(), 24 + 3);
        check(vec!["a".to_owned(), "bc".to_owned()], 24 + 48 + 3);
        check(vec![("a".to_owned(), 3u64)], 24 + 32 + 1);
        check(vec![true, false], 26);
        check(
            Array2::from_shape_vec((2, 3), vec![1.0f64; 6]).unwrap(),
            size_of::<Array2<f64>>() + 48,
        );
        let column: arrow::array::ArrayRef =
            Arc::new(arrow::array::Int64Array::from(vec![Some(1), None]));
        let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
        let bytes = size_of::<RecordBatch>() + batch.get_array_memory_size();
        check(batch, bytes);
    }

    #[test]
    fn a_length_beyond_the_bytes_is_refused() {
        let mut bytes = Vec::new();
        u64::MAX.pack(&mut bytes);
        assert!(Vec::<u64>::unpack(&mut &bytes[..]).is_none());
    }
}
