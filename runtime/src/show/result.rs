//! Display of the value of a cell's last expression, by autoref specialization: the first trait
//! that fits the type is used.

use super::{Bundle, Debug, Role, Show, debug_bundle, wire};

/// A wrapper around the value of a cell's last expression.
pub struct Value<'a, T: ?Sized>(pub &'a T);

/// Values that show nothing: `()`, and expressions that never return. Comes first, as a type that
/// is not yet inferred fits all of the traits.
pub trait Nothing {
    /// Shows nothing.
    fn rask_result(&self) {}
}
impl Nothing for &&&&Value<'_, ()> {}

/// Values of common types, whose `Debug` form is written here: to find it, the compiler of a cell
/// would search the types of all crates.
pub trait Usual {
    /// Shows the `Debug` form.
    fn rask_result(&self);
}
macro_rules! usual {
    ($($t:ty)*) => {$(
        impl Usual for &&&Value<'_, $t> {
            #[inline(never)]
            fn rask_result(&self) {
                plain(&|f| self.0.fmt(f));
            }
        }
        impl Usual for &&&Value<'_, Vec<$t>> {
            #[inline(never)]
            fn rask_result(&self) {
                plain(&|f| self.0.fmt(f));
            }
        }
    )*};
}
usual! { i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64 bool char String &str }

/// Values with a rich form.
pub trait Rich {
    /// Shows the rich form.
    fn rask_result(&self);
}
impl<T: Show + ?Sized> Rich for &&Value<'_, T> {
    fn rask_result(&self) {
        rich(&|| self.0.show());
    }
}

/// Values with a `Debug` form.
pub trait Plain {
    /// Shows the `Debug` form.
    fn rask_result(&self);
}
impl<T: Debug + ?Sized> Plain for &Value<'_, T> {
    fn rask_result(&self) {
        plain(&|f| self.0.fmt(f));
    }
}

/// All other values.
pub trait Unknown {
    /// Shows the type and how to see more.
    fn rask_result(&self);
}
impl<T: ?Sized> Unknown for Value<'_, T> {
    fn rask_result(&self) {
        unknown(std::any::type_name::<T>());
    }
}

/// Shows a value as formatted by the user's format string, optionally with its type.
#[doc(hidden)]
#[inline(never)]
pub fn written(text: &str, type_name: Option<&str>) {
    emit(Bundle::text(type_name.map_or_else(|| text.to_owned(), |t| format!(": {t} = {text}"))));
}

/// Returns the name of the type of a value.
#[doc(hidden)]
#[must_use]
pub fn type_of<T: ?Sized>(_: &T) -> &'static str {
    std::any::type_name::<T>()
}

// The following functions are compiled here and not with every cell.

#[inline(never)]
fn rich(show: &dyn Fn() -> Bundle) {
    emit(show());
}

#[inline(never)]
fn plain(write: &dyn Fn(&mut std::fmt::Formatter<'_>) -> std::fmt::Result) {
    emit(debug_bundle(write));
}

#[inline(never)]
fn unknown(type_name: &str) {
    emit(Bundle::text(format!("a value of type {type_name} (add #[derive(Debug)] to see inside)")));
}

#[inline(never)]
fn emit(bundle: Bundle) {
    wire::show(Role::Result, None, bundle);
}

/// Shows the value of a cell's last expression; the kernel wraps it in this macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __result {
    (as $format:literal, $types:literal; $value:expr) => {
        match &$value {
            value => $crate::show::result::written(
                &format!($format, value),
                $types.then(|| $crate::show::result::type_of(value)),
            ),
        }
    };
    ($value:expr) => {
        match &$value {
            value => {
                #[allow(unused_imports)]
                use $crate::show::result::{
                    Nothing as _, Plain as _, Rich as _, Unknown as _, Usual as _,
                };
                (&&&&&$crate::show::result::Value(value)).rask_result();
            }
        }
    };
}
