//! What the value of a cell's last expression goes through: the method picked is the first that fits.

use super::{Bundle, Debug, Role, Show, debug_bundle, wire};

/// The value.
pub struct Value<'a, T: ?Sized>(pub &'a T);

/// `()` shows nothing, and neither does what never comes to an end: first, as a type that is open yet fits all of them.
pub trait Nothing {
    /// Shows nothing.
    fn rask_result(&self) {}
}
impl Nothing for &&&&Value<'_, ()> {}

/// Values of everyday types, whose `Debug` form is written here: to look for it, the compiler of a cell would go
/// through the types of all crates.
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

/// Rich values.
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

/// The rest.
pub trait Unknown {
    /// Shows the type and how to get more.
    fn rask_result(&self);
}
impl<T: ?Sized> Unknown for Value<'_, T> {
    fn rask_result(&self) {
        unknown(std::any::type_name::<T>());
    }
}

/// Shows a value as it was written by a format of the user's choice, with its type where that is wanted.
#[doc(hidden)]
#[inline(never)]
pub fn written(text: &str, type_name: Option<&str>) {
    emit(Bundle::text(type_name.map_or_else(|| text.to_owned(), |t| format!(": {t} = {text}"))));
}

/// Name of the type of a value.
#[doc(hidden)]
#[must_use]
pub fn type_of<T: ?Sized>(_: &T) -> &'static str {
    std::any::type_name::<T>()
}

// What follows is compiled here and not with every cell.

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

/// Shows the value of a cell's last expression; put around it by the kernel.
#[doc(hidden)]
#[macro_export]
macro_rules! __result {
    (as $format:literal, $types:literal; $value:expr) => {
        match &$value {
            value => $crate::show::result::written(&format!($format, value), $types.then(|| $crate::show::result::type_of(value))),
        }
    };
    ($value:expr) => {
        match &$value {
            value => {
                #[allow(unused_imports)]
                use $crate::show::result::{Nothing as _, Plain as _, Rich as _, Unknown as _, Usual as _};
                (&&&&&$crate::show::result::Value(value)).rask_result();
            }
        }
    };
}
