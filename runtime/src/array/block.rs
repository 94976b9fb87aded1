//! Blocks: the values of tasks. A block is contiguous in row-major order, or one number for all
//! elements.

use super::bytes::{append, elements};
use super::data::{Data, Number, Slice, sealed::Sealed};
use super::dtype::{Dtype, with_types};
use crate::graph::Value;
use crate::graph::pack::{self, Pack};
use ndarray::ArrayD;
use std::borrow::Cow;
use std::sync::{Arc, Once};

/// The elements of a block.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    List(Data),
    /// The same number everywhere.
    Same(Number),
}

/// The value of a task: a part of an array.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub(crate) shape: Vec<usize>,
    pub(crate) content: Content,
}

impl Block {
    pub(crate) fn new(shape: Vec<usize>, data: Data) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), data.len());
        register();
        Self { shape, content: Content::List(data) }
    }

    pub(crate) fn same(shape: Vec<usize>, number: Number) -> Self {
        register();
        Self { shape, content: Content::Same(number) }
    }

    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Returns the elements: a single one if all are the same.
    pub(crate) fn slice(&self) -> Slice<'_> {
        match &self.content {
            Content::List(data) => data.slice(),
            Content::Same(number) => number.slice(),
        }
    }

    /// Returns the elements as a list, which is borrowed unless all elements are the same.
    pub(crate) fn data(&self) -> Cow<'_, Data> {
        match &self.content {
            Content::List(data) => Cow::Borrowed(data),
            Content::Same(number) => Cow::Owned(number.repeat(self.len())),
        }
    }

    /// Returns the elements as a list.
    pub(crate) fn into_data(self) -> Data {
        match self.content {
            Content::List(data) => data,
            Content::Same(number) => number.repeat(self.shape.iter().product()),
        }
    }
}

/// The conversions between blocks and ndarray's arrays, which are compiled here and not in the cell.
pub trait Held: Sealed {
    /// Returns a block as an array.
    #[doc(hidden)]
    fn array(block: Block) -> ArrayD<Self>;
    /// Returns an array as a block.
    #[doc(hidden)]
    fn block(array: ArrayD<Self>) -> Block;
    /// Returns a block as the value of a task that gives an array.
    #[doc(hidden)]
    fn value(block: &Block) -> Value;
}

macro_rules! held {
    ($(($v:ident, $t:ty, $name:literal))*) => {$(
        impl Held for $t {
            #[inline(never)]
            fn array(block: Block) -> ArrayD<Self> {
                let shape = block.shape.clone();
                // The list has as many elements as the shape.
                ArrayD::from_shape_vec(shape, Self::list(block.into_data()))
                    .expect("a block's list has the length of its shape")
            }
            #[inline(never)]
            fn block(array: ArrayD<Self>) -> Block {
                let (shape, list) = elements_of(array);
                Block::new(shape, Self::data(list))
            }
            #[inline(never)]
            fn value(block: &Block) -> Value {
                Arc::new(Self::array(block.clone()))
            }
        }
    )*};
}
with_types!(held);

/// Returns the list of an array's elements in row-major order, and its shape.
fn elements_of<T: Copy>(array: ArrayD<T>) -> (Vec<usize>, Vec<T>) {
    let shape = array.shape().to_vec();
    let list = if array.is_standard_layout() {
        let (list, offset) = array.into_raw_vec_and_offset();
        match offset {
            // The rest of a larger array that this one was cut out of is not kept.
            Some(at) if at > 0 || list.len() > shape.iter().product() => {
                list[at..at + shape.iter().product::<usize>()].to_vec()
            }
            _ => list,
        }
    } else {
        array.iter().copied().collect()
    };
    (shape, list)
}

/// Makes blocks known to the store, which spills them.
fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        pack::register::<Block>();
        pack::register::<Parts>();
    });
}

/// Several blocks as the value of one task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parts(pub(crate) Vec<Block>);

impl Pack for Parts {
    fn pack(&self, out: &mut Vec<u8>) {
        self.0.len().pack(out);
        self.0.iter().for_each(|block| block.pack(out));
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let n = usize::unpack(from)?;
        (0..n).map(|_| Block::unpack(from)).collect::<Option<Vec<_>>>().map(Self)
    }

    fn heap(&self) -> usize {
        self.0.iter().map(|block| size_of::<Block>() + block.heap()).sum()
    }
}

macro_rules! numbered {
    ($(($v:ident, $t:ty, $name:literal))*) => {
        /// The types, by their numbers in packed blocks.
        const DTYPES: &[Dtype] = &[$(Dtype::$v),*];
    };
}
with_types!(numbered);

/// The shape, whether there is an element for each place, the number of the type, the elements.
impl Pack for Block {
    fn pack(&self, out: &mut Vec<u8>) {
        self.shape.pack(out);
        matches!(self.content, Content::List(_)).pack(out);
        let slice = self.slice();
        (slice.dtype() as u8).pack(out);
        append(slice, out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let shape = Vec::<usize>::unpack(from)?;
        let is_list = bool::unpack(from)?;
        let dtype = *DTYPES.get(usize::from(u8::unpack(from)?))?;
        let whole = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d))?;
        let n = if is_list { whole } else { 1 };
        let (bytes, rest) = from.split_at_checked(n.checked_mul(dtype.size())?)?;
        *from = rest;
        let data = elements(bytes, dtype);
        let content = if is_list { Content::List(data) } else { Content::Same(data.slice().at(0)) };
        Some(Self { shape, content })
    }

    fn heap(&self) -> usize {
        let own = self.shape.capacity() * size_of::<usize>();
        match &self.content {
            Content::List(data) => own + data.heap(),
            Content::Same(_) => own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_complex::Complex64;

    #[test]
    fn blocks_come_back_as_they_were() {
        for block in [
            Block::new(vec![2, 2], Data::F64(vec![1.5, -0.0, f64::INFINITY, 2.0])),
            Block::new(vec![0, 3], Data::Bool(vec![])),
            Block::same(vec![1000, 1000], Number::C64(Complex64::new(1.0, -1.0))),
        ] {
            let packer = pack::packer_of(&block).expect("blocks are registered");
            let mut bytes = Vec::new();
            (packer.pack)(&block, &mut bytes);
            let back = (packer.unpack)(&bytes).unwrap();
            assert_eq!(back.downcast_ref(), Some(&block));
            assert!((packer.unpack)(&bytes[..bytes.len() - 1]).is_none());
        }
    }
}
