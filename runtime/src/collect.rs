//! Computing several collections at once: tasks that they share run once.

use crate::array::{Array, ArrayElement, bridge};
use crate::bag::{Bag, Element};
use crate::delayed::{Delayed, take_or_clone, typed};
use crate::error::Result;
use crate::frame::DataFrame;
use crate::frame::Table;
use crate::graph::{Point, Value};
use crate::sched;
use ndarray::ArrayD;
use std::sync::Arc;

/// A lazy collection, or a tuple, array or list of those: the argument of [`compute`].
pub trait Collection {
    /// The computed value.
    type Output;
    #[doc(hidden)]
    fn ask(&self, wanted: &mut Wanted);
    #[doc(hidden)]
    fn take(&self, given: &mut Given) -> Result<Self::Output>;
}

/// The tasks whose values are requested.
#[doc(hidden)]
#[derive(Default)]
pub struct Wanted(Vec<Point>);

/// The values of the requested tasks, in the same order.
#[doc(hidden)]
pub struct Given(std::vec::IntoIter<Value>);

impl Wanted {
    #[inline(never)]
    fn add(&mut self, point: Point) {
        self.0.push(point);
    }

    #[inline(never)]
    fn add_all(&mut self, points: Vec<Point>) {
        self.0.extend(points);
    }
}

impl Given {
    #[inline(never)]
    fn next(&mut self) -> Value {
        // `take` reads exactly the values that `ask` requested.
        self.0.next().expect("a value for every requested task")
    }
}

/// Computes several collections at once: tasks that they share run once, and all tasks run in
/// parallel. Frames run on DataFusion; they are computed last, one after another.
///
/// # Errors
/// Returns the first error of any collection.
///
/// ```
/// use rask::prelude::*;
/// let numbers = Bag::from_iter(1..=10i64).map(|x| x * x);
/// let (sum, most) = compute((&numbers.sum(), &numbers.max()))?;
/// assert_eq!((sum, most), (385, 100));
/// # Ok::<(), rask::Error>(())
/// ```
pub fn compute<C: Collection>(collections: C) -> Result<C::Output> {
    let mut wanted = Wanted::default();
    collections.ask(&mut wanted);
    match values(wanted) {
        Ok(mut given) => collections.take(&mut given),
        Err(e) => Err(e),
    }
}

#[inline(never)]
fn values(wanted: Wanted) -> Result<Given> {
    Ok(Given(sched::compute(&wanted.0)?.into_iter()))
}

impl<C: Collection + ?Sized> Collection for &C {
    type Output = C::Output;
    fn ask(&self, wanted: &mut Wanted) {
        (**self).ask(wanted);
    }
    fn take(&self, given: &mut Given) -> Result<C::Output> {
        (**self).take(given)
    }
}

impl<T: Element> Collection for Delayed<T> {
    type Output = T;
    fn ask(&self, wanted: &mut Wanted) {
        wanted.add(self.point());
    }
    fn take(&self, given: &mut Given) -> Result<T> {
        Ok(Arc::unwrap_or_clone(typed(given.next())))
    }
}

impl<T: Element> Collection for Bag<T> {
    type Output = Vec<T>;
    fn ask(&self, wanted: &mut Wanted) {
        self.each_point(&mut |point| wanted.add(point));
    }
    fn take(&self, given: &mut Given) -> Result<Vec<T>> {
        let (mut all, mut left) = (Vec::new(), self.npartitions());
        while left > 0 {
            all.append(&mut take_or_clone::<Vec<T>>(given.next()));
            left -= 1;
        }
        Ok(all)
    }
}

impl<T: ArrayElement> Collection for Array<T> {
    type Output = ArrayD<T>;
    fn ask(&self, wanted: &mut Wanted) {
        // The error of a step that failed is returned by `take`.
        if let Ok(points) = bridge::points(self) {
            wanted.add_all(points);
        }
    }
    fn take(&self, given: &mut Given) -> Result<ArrayD<T>> {
        let (mut values, mut left) = (Vec::new(), self.npartitions());
        while left > 0 {
            values.push(given.next());
            left -= 1;
        }
        bridge::whole(self, values)
    }
}

impl Collection for DataFrame {
    type Output = Table;
    fn ask(&self, _: &mut Wanted) {}
    fn take(&self, _: &mut Given) -> Result<Table> {
        self.compute()
    }
}

impl<C: Collection> Collection for [C] {
    type Output = Vec<C::Output>;
    fn ask(&self, wanted: &mut Wanted) {
        for c in self {
            c.ask(wanted);
        }
    }
    fn take(&self, given: &mut Given) -> Result<Vec<C::Output>> {
        let mut all = Vec::with_capacity(self.len());
        for c in self {
            match c.take(given) {
                Ok(value) => all.push(value),
                Err(e) => return Err(e),
            }
        }
        Ok(all)
    }
}

impl<C: Collection> Collection for Vec<C> {
    type Output = Vec<C::Output>;
    fn ask(&self, wanted: &mut Wanted) {
        self.as_slice().ask(wanted);
    }
    fn take(&self, given: &mut Given) -> Result<Self::Output> {
        self.as_slice().take(given)
    }
}

impl<C: Collection, const N: usize> Collection for [C; N] {
    type Output = Vec<C::Output>;
    fn ask(&self, wanted: &mut Wanted) {
        self.as_slice().ask(wanted);
    }
    fn take(&self, given: &mut Given) -> Result<Self::Output> {
        self.as_slice().take(given)
    }
}

macro_rules! tuples {
    ($(($($c:ident),*))*) => {$(
        impl<$($c: Collection),*> Collection for ($($c,)*) {
            type Output = ($($c::Output,)*);
            #[allow(non_snake_case)]
            fn ask(&self, wanted: &mut Wanted) {
                let ($($c,)*) = self;
                $($c.ask(wanted);)*
            }
            #[allow(non_snake_case)]
            fn take(&self, given: &mut Given) -> Result<Self::Output> {
                let ($($c,)*) = self;
                Ok(($($c.take(given)?,)*))
            }
        }
    )*};
}
tuples! { (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) (A, B, C, D, E, F, G) (A, B, C, D, E, F, G, H) }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn what_several_share_is_computed_once() {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let bag = Bag::from_sequence_with(1..=100i64, 4).map(|x| {
            RUNS.fetch_add(1, Ordering::SeqCst);
            x * 2
        });
        let (sum, count, some) =
            compute((&bag.sum(), &bag.count(), bag.filter(|x| x % 100 == 0))).unwrap();
        assert_eq!((sum, count, some), (10_100, 100, vec![100, 200]));
        assert_eq!(RUNS.load(Ordering::SeqCst), 100);
        let one = delayed(|| 1u64).call(());
        assert_eq!(compute(vec![one.clone(), one.clone()]).unwrap(), [1, 1]);
        assert_eq!(compute((one, [&bag.max(), &bag.min()])).unwrap(), (1, vec![200, 2]));
        let x = da::arange(0..6i64).rechunk(2) * 2;
        let (all, most) = compute((&x, &x.max())).unwrap();
        assert_eq!((all.sum(), most), (30, 10));
        assert!(compute((&x, &(&x + da::ones(4)))).unwrap_err().to_string().starts_with("add"));
        let df = DataFrame::from_columns([("x", Series::from_iter([1, 2]))]);
        assert_eq!(compute((&df, &bag.count())).unwrap().0.len(), 2);
    }
}
