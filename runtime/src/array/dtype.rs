//! The types of array elements: a closed list, so that all work on them is compiled into this
//! library.

/// Calls a macro with the list of element types: variant, type, and NumPy's name.
macro_rules! with_types {
    ($macro:ident) => {
        $macro! {
            (F64, f64, "float64")
            (F32, f32, "float32")
            (I64, i64, "int64")
            (I32, i32, "int32")
            (U64, u64, "uint64")
            (U8, u8, "uint8")
            (Bool, bool, "bool")
            (C64, num_complex::Complex64, "complex128")
        }
    };
}
pub(super) use with_types;

macro_rules! dtypes {
    ($(($v:ident, $t:ty, $name:literal))*) => {
        /// The type of an array's elements.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Dtype { $($v),* }

        impl Dtype {
            /// Returns NumPy's name of the type.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$v => $name),* }
            }

            /// Returns the bytes of an element.
            pub(crate) fn size(self) -> usize {
                match self { $(Self::$v => size_of::<$t>()),* }
            }
        }
    };
}
with_types!(dtypes);

impl Dtype {
    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32)
    }

    /// Returns the type of functions such as the square root.
    pub(crate) fn float(self) -> Self {
        if self.is_float() || self == Self::C64 { self } else { Self::F64 }
    }
}
