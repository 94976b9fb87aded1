//! Lists of elements whose type is known at run time only.

use super::dtype::{Dtype, with_types};
use std::fmt::Debug;

macro_rules! data {
    ($(($v:ident, $t:ty, $name:literal))*) => {
        /// A list of elements.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Data { $($v(Vec<$t>)),* }

        /// Borrowed elements.
        #[derive(Debug, Clone, Copy)]
        pub enum Slice<'a> { $($v(&'a [$t])),* }

        impl Data {
            pub(crate) fn empty(dtype: Dtype) -> Self {
                match dtype { $(Dtype::$v => Self::$v(Vec::new())),* }
            }

            pub(crate) fn with_capacity(dtype: Dtype, n: usize) -> Self {
                match dtype { $(Dtype::$v => Self::$v(Vec::with_capacity(n))),* }
            }

            pub(crate) fn dtype(&self) -> Dtype {
                match self { $(Self::$v(_) => Dtype::$v),* }
            }

            pub(crate) fn len(&self) -> usize {
                match self { $(Self::$v(list) => list.len()),* }
            }

            /// Returns the bytes on the heap.
            pub(crate) fn heap(&self) -> usize {
                match self { $(Self::$v(list) => list.capacity() * size_of::<$t>()),* }
            }

            pub(crate) fn slice(&self) -> Slice<'_> {
                match self { $(Self::$v(list) => Slice::$v(list)),* }
            }

            pub(crate) fn clear(&mut self) {
                match self { $(Self::$v(list) => list.clear()),* }
            }

            /// Appends elements of the same type.
            pub(crate) fn extend(&mut self, from: Slice<'_>) {
                match (self, from) {
                    $((Self::$v(list), Slice::$v(more)) => list.extend_from_slice(more),)*
                    _ => unreachable!("parts of a block have its type"),
                }
            }

            /// Appends `n` elements, `step` apart, from the one at `start`.
            pub(crate) fn extend_strided(&mut self, from: Slice<'_>, start: usize, step: isize, n: usize) {
                match (self, from) {
                    $((Self::$v(list), Slice::$v(all)) => strided(list, all, start, step, n),)*
                    _ => unreachable!("parts of a block have its type"),
                }
            }

            /// Copies elements to the place from `at`.
            pub(crate) fn write(&mut self, at: usize, from: Slice<'_>) {
                match (self, from) {
                    $((Self::$v(list), Slice::$v(more)) => {
                        list[at..at + more.len()].copy_from_slice(more);
                    })*
                    _ => unreachable!("parts of a block have its type"),
                }
            }
        }

        impl<'a> Slice<'a> {
            pub(crate) fn len(self) -> usize {
                match self { $(Self::$v(list) => list.len()),* }
            }

            pub(crate) fn dtype(self) -> Dtype {
                match self { $(Self::$v(_) => Dtype::$v),* }
            }

            pub(crate) fn part(self, from: usize, to: usize) -> Slice<'a> {
                match self { $(Self::$v(list) => Self::$v(&list[from..to])),* }
            }

            pub(crate) fn at(self, i: usize) -> Number {
                match self { $(Self::$v(list) => Number::$v(list[i])),* }
            }
        }
    };
}
with_types!(data);

fn strided<T: Copy>(list: &mut Vec<T>, from: &[T], start: usize, step: isize, n: usize) {
    match step {
        1 => list.extend_from_slice(&from[start..start + n]),
        0 => list.resize(list.len() + n, from[start]),
        _ => list.extend((0..n).map(|i| from[start.wrapping_add_signed(step * i as isize)])),
    }
}

macro_rules! numbers {
    ($(($v:ident, $t:ty, $name:literal))*) => {
        /// A single element.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum Number { $($v($t)),* }

        impl Number {
            pub(crate) fn dtype(self) -> Dtype {
                match self { $(Self::$v(_) => Dtype::$v),* }
            }

            /// Returns a list of `n` copies.
            pub(crate) fn repeat(self, n: usize) -> Data {
                match self { $(Self::$v(x) => Data::$v(vec![x; n])),* }
            }

            /// Returns the element as a list.
            pub(crate) fn slice(&self) -> Slice<'_> {
                match self { $(Self::$v(x) => Slice::$v(std::slice::from_ref(x))),* }
            }

            /// Returns the element as text: `1.5`, `true`.
            pub(crate) fn text(self) -> String {
                match self { $(Self::$v(x) => format!("{x:?}")),* }
            }
        }

        $(
            impl sealed::Sealed for $t {
                const DTYPE: Dtype = Dtype::$v;
                fn data(list: Vec<Self>) -> Data {
                    Data::$v(list)
                }
                fn list(data: Data) -> Vec<Self> {
                    match data { Data::$v(list) => list, other => other_type(&other) }
                }
                fn slice<'a>(data: Slice<'a>) -> &'a [Self] {
                    match data { Slice::$v(list) => list, other => other_type(&other) }
                }
                fn slice_mut(data: &mut Data) -> &mut Vec<Self> {
                    match data { Data::$v(list) => list, other => other_type(other) }
                }
                fn number(self) -> Number {
                    Number::$v(self)
                }
                fn single(number: Number) -> Self {
                    match number { Number::$v(x) => x, other => other_type(&other) }
                }
            }
        )*
    };
}
with_types!(numbers);

/// Every step is created with the types of its inputs, which this module's callers check.
#[cold]
#[inline(never)]
fn other_type(found: &dyn Debug) -> ! {
    unreachable!("a block has the type of its array: {found:?}")
}

pub(crate) mod sealed {
    use crate::array::data::{Data, Number, Slice};
    use crate::array::dtype::Dtype;

    /// The conversions between typed values and those whose type is known at run time only.
    pub trait Sealed: Sized {
        #[doc(hidden)]
        const DTYPE: Dtype;
        #[doc(hidden)]
        fn data(list: Vec<Self>) -> Data;
        #[doc(hidden)]
        fn list(data: Data) -> Vec<Self>;
        #[doc(hidden)]
        fn slice(data: Slice<'_>) -> &[Self];
        #[doc(hidden)]
        fn slice_mut(data: &mut Data) -> &mut Vec<Self>;
        #[doc(hidden)]
        fn number(self) -> Number;
        #[doc(hidden)]
        fn single(number: Number) -> Self;
    }
}
