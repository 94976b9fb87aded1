//! Displaying values as MIME bundles: the [`Show`] trait, the result of a cell's last expression,
//! and `display`. Knows HTML and SVG as text, and nothing of graphs or frames.

pub mod html;
pub mod result;
pub mod svg;

use crate::wire;
pub use rask_wire::Bundle;
use rask_wire::Role;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

/// Prints a warning to standard error.
pub(crate) fn warn(text: &str) {
    use std::io::Write;
    // If standard error is closed, nobody reads it.
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}

/// A value with a rich form: a table, a picture, a card.
///
/// ```
/// use rask::show::{Bundle, Show};
/// struct Heading(String);
/// impl Show for Heading {
///     fn show(&self) -> Bundle {
///         Bundle::text(&self.0).with("text/html", format!("<h2>{}</h2>", self.0))
///     }
/// }
/// assert_eq!(Heading("Rask".into()).show().data["text/html"], "<h2>Rask</h2>");
/// ```
pub trait Show {
    /// Returns every form of the value; `text/plain` should be among them.
    fn show(&self) -> Bundle;
}

/// Displays a value under the cell immediately, in order with printed output; the handle can
/// replace it later.
///
/// Accepts whatever a cell's last expression may be: values with [`Show`] appear in their rich
/// form, others in their `Debug` form.
///
/// ```
/// use rask::prelude::*;
/// let shown = display(&"one");
/// shown.update(&"two");
/// ```
pub fn display<T: Displayable + ?Sized>(value: &T) -> DisplayHandle {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let handle = DisplayHandle {
        id: format!("rask-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)),
    };
    wire::show(Role::Display, Some(handle.id.clone()), value.displayed());
    handle
}

/// A display that can be replaced.
#[derive(Debug, Clone)]
pub struct DisplayHandle {
    id: String,
}

impl DisplayHandle {
    /// Replaces the displayed value.
    pub fn update<T: Displayable + ?Sized>(&self, value: &T) {
        wire::show(Role::Update, Some(self.id.clone()), value.displayed());
    }
}

/// What [`display`] takes: everything with a `Debug` form.
pub trait Displayable {
    /// Returns every form of the value.
    fn displayed(&self) -> Bundle;
}

impl<T: Debug + ?Sized> Displayable for T {
    fn displayed(&self) -> Bundle {
        debug_bundle(&|f| self.fmt(f))
    }
}

/// Returns the rich form that a `Debug` implementation of this crate leaves behind on request:
/// `display` takes any `Debug` value, and Rust cannot check whether such a value is also a
/// [`Show`].
#[inline(never)]
fn debug_bundle(write: &dyn Fn(&mut std::fmt::Formatter<'_>) -> std::fmt::Result) -> Bundle {
    struct By<'a>(&'a dyn Fn(&mut std::fmt::Formatter<'_>) -> std::fmt::Result);
    impl Debug for By<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            (self.0)(f)
        }
    }
    RICH.with(|r| *r.borrow_mut() = Wanted::Yes);
    let text = format!("{:?}", By(write));
    match RICH.with(|r| std::mem::replace(&mut *r.borrow_mut(), Wanted::No)) {
        Wanted::Found(bundle) if is_whole(&bundle, &text) => bundle,
        _ => Bundle::text(text),
    }
}

/// Returns whether a text is the plain form of a shown value, or of an `Ok` around it.
fn is_whole(bundle: &Bundle, text: &str) -> bool {
    let Some(plain) = bundle.data.get("text/plain") else { return false };
    let inner = text.strip_prefix("Ok(").and_then(|t| t.strip_suffix(')'));
    text == plain || inner == Some(plain)
}

enum Wanted {
    No,
    Yes,
    Found(Bundle),
}

thread_local! {
    static RICH: std::cell::RefCell<Wanted> = const { std::cell::RefCell::new(Wanted::No) };
}

/// Writes the `Debug` form of a [`Show`] value, its plain text; hands the rich form to `display` if
/// that has requested it.
pub(crate) fn debug<T: Show>(value: &T, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    debug_of(value.show(), f)
}

#[inline(never)]
fn debug_of(bundle: Bundle, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    let text = bundle.data.get("text/plain").cloned().unwrap_or_default();
    RICH.with(|r| {
        if let Ok(mut r) = r.try_borrow_mut()
            && matches!(*r, Wanted::Yes)
        {
            *r = Wanted::Found(bundle);
        }
    });
    f.write_str(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::__result;

    struct Card;
    impl Show for Card {
        fn show(&self) -> Bundle {
            Bundle::text("card").with("text/html", "<p>")
        }
    }
    impl Debug for Card {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            debug(self, f)
        }
    }

    #[test]
    fn display_finds_the_rich_form_and_only_that_of_the_value_itself() {
        assert_eq!(Card.displayed(), Card.show());
        assert_eq!(3.displayed(), Bundle::text("3"));
        assert_eq!(vec![Some(Card)].displayed(), Bundle::text("[Some(card)]"));
        assert_eq!("a".displayed(), Bundle::text("\"a\""));
        assert_eq!(Ok::<_, ()>(Card).displayed(), Card.show());
        assert_eq!(Ok::<_, ()>(Some(Card)).displayed(), Bundle::text("Ok(Some(card))"));
    }

    #[test]
    fn every_kind_of_value_has_a_result() {
        struct Opaque;
        __result!(Opaque);
        __result!(());
        __result!(1 + 1);
        __result!(Card);
        __result!(*"str");
        __result!(if false {
            panic!("never")
        });
    }
}
