//! Exact sums of many groups at once: a few floats per group, which hold nearly all sums without
//! rounding, and an [`ExactSum`] for the few groups whose values need more digits.

use super::{ExactSum, product, quotient, two_product, two_sum};
use foldhash::fast::FixedState;
use std::collections::HashMap;

/// The number of values that are summed side by side when there is only one group.
const LANES: usize = 16;

/// The terms of a sum: values, products of two columns, or powers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Terms<'a> {
    /// The values.
    Values(&'a [f64]),
    /// The products of the values of two columns.
    Products(&'a [f64], &'a [f64]),
    /// The cubes of the values.
    Cubes(&'a [f64]),
    /// The fourth powers of the values.
    Fourths(&'a [f64]),
}

impl Terms<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Values(x) | Self::Products(x, _) | Self::Cubes(x) | Self::Fourths(x) => x.len(),
        }
    }
}

/// Returns floats that add up to the square of `x`.
pub(super) fn squares(x: f64) -> [f64; 2] {
    product(x, x)
}

/// Returns floats that add up to the cube of `x`.
pub(super) fn cubes(x: f64) -> [f64; 4] {
    let [[a, b], [c, d]] = product(x, x).map(|part| product(part, x));
    [a, b, c, d]
}

/// Returns floats that add up to the fourth power of `x`.
pub(super) fn fourths(x: f64) -> [f64; 6] {
    let [square, error] = product(x, x);
    let [a, b] = product(square, square);
    let [c, d] = product(2.0 * square, error);
    let [e, f] = product(error, error);
    [a, b, c, d, e, f]
}

/// The sums of groups. A group's sum is the sum of its words and of its entry in `rest`, if any.
#[derive(Debug, Clone)]
pub(crate) struct Cells<const K: usize> {
    words: Vec<[f64; K]>,
    rest: HashMap<usize, ExactSum, FixedState>,
}

impl<const K: usize> Default for Cells<K> {
    fn default() -> Self {
        Self { words: Vec::new(), rest: HashMap::default() }
    }
}

/// The bits of each word of a group without values; any value, 0 included, clears the negative zero
/// of the last word.
const NOTHING: u64 = (-0.0f64).to_bits();

/// Adds a value to the words, each taking what the one before could not hold; returns the new words
/// and the remainder.
#[inline(always)]
fn cascade<const K: usize>(words: &[f64; K], x: f64) -> ([f64; K], f64) {
    let mut left = x;
    let mut sums = [0.0; K];
    for (sum, word) in sums.iter_mut().zip(words) {
        (*sum, left) = two_sum(*word, left);
    }
    (sums, left)
}

/// Adds a value to the words of each lane; returns whether the words can hold all of them.
#[inline(always)]
fn cascade_lanes<const K: usize>(words: &mut [[f64; LANES]; K], values: &[f64; LANES]) -> bool {
    let mut left = *values;
    for word in words {
        for lane in 0..LANES {
            (word[lane], left[lane]) = two_sum(word[lane], left[lane]);
        }
    }
    // A NaN is no 0 either.
    let mut fitted = true;
    for l in left {
        fitted &= l == 0.0;
    }
    fitted
}

impl<const K: usize> Cells<K> {
    /// Resizes to the given number of groups.
    pub(crate) fn resize(&mut self, groups: usize) {
        self.words.resize(groups, [-0.0; K]);
    }

    /// Adds a value to the sum of a group.
    #[inline(always)]
    fn add(&mut self, group: usize, x: f64) {
        let (sums, left) = cascade(&self.words[group], x);
        if left == 0.0 {
            self.words[group] = sums;
        } else {
            self.add_rest(group, x, sums, left);
        }
    }

    /// Adds what the words cannot hold: `left` of `x`, or all of it where a word would overflow.
    #[cold]
    #[inline(never)]
    fn add_rest(&mut self, group: usize, x: f64, sums: [f64; K], left: f64) {
        let rest = self.rest.entry(group).or_default();
        if left.is_finite() && sums.iter().all(|s| s.is_finite()) {
            self.words[group] = sums;
            rest.add(left);
        } else {
            rest.add(x);
            // The group has a value now.
            self.words[group].iter_mut().for_each(|w| *w += 0.0);
        }
    }

    /// Removes a value that was added before from the sum of a group.
    fn remove(&mut self, group: usize, x: f64) {
        if x.is_finite() {
            self.add(group, -x);
        } else {
            self.rest.entry(group).or_default().remove(x);
        }
    }

    /// Adds each term to its group.
    pub(crate) fn update(&mut self, groups: &[usize], terms: Terms<'_>) {
        match terms {
            Terms::Values(x) => self.add_values(groups, x),
            _ => self.each(groups, terms, Self::add),
        }
    }

    /// Adds each value to its group, in one pass as long as the words can hold the values.
    fn add_values(&mut self, groups: &[usize], x: &[f64]) {
        let mut done = 0;
        while done < x.len() {
            let words = self.words.as_mut_slice();
            let rows = groups[done..].iter().zip(&x[done..]);
            let fitted = rows.take_while(|(group, x)| {
                let (sums, left) = cascade(&words[**group], **x);
                if left == 0.0 {
                    words[**group] = sums;
                }
                left == 0.0
            });
            done += fitted.count();
            if let (Some(group), Some(x)) = (groups.get(done), x.get(done)) {
                self.add(*group, *x);
                done += 1;
            }
        }
    }

    /// Removes terms that were added before from one group.
    pub(crate) fn retract(&mut self, group: usize, terms: Terms<'_>) {
        self.each(&vec![group; terms.len()], terms, Self::remove);
    }

    /// Calls a method with each group and each of the floats that add up to its term.
    #[inline(always)]
    fn each(&mut self, groups: &[usize], terms: Terms<'_>, f: impl Fn(&mut Self, usize, f64)) {
        match terms {
            Terms::Values(x) => groups.iter().zip(x).for_each(|(g, x)| f(self, *g, *x)),
            Terms::Products(x, y) => {
                let pairs = x.iter().zip(y);
                for (g, (x, y)) in groups.iter().zip(pairs) {
                    product(*x, *y).into_iter().for_each(|part| f(self, *g, part));
                }
            }
            Terms::Cubes(x) => {
                for (g, x) in groups.iter().zip(x) {
                    cubes(*x).into_iter().for_each(|part| f(self, *g, part));
                }
            }
            Terms::Fourths(x) => {
                for (g, x) in groups.iter().zip(x) {
                    fourths(*x).into_iter().for_each(|part| f(self, *g, part));
                }
            }
        }
    }

    /// Adds all terms to one group.
    pub(crate) fn update_one(&mut self, group: usize, terms: Terms<'_>) {
        match terms {
            Terms::Values(x) => self.add_all(group, x),
            Terms::Products(x, y) => self.add_products(group, x, y),
            Terms::Cubes(x) | Terms::Fourths(x) => self.update(&vec![group; x.len()], terms),
        }
    }

    /// Adds each value to a group of its own, from `first` on; inlined, so that a caller may choose
    /// the instructions.
    #[inline(always)]
    pub(crate) fn add_run(&mut self, first: usize, x: &[f64]) {
        let (whole, rest) = x.as_chunks::<LANES>();
        for (i, values) in whole.iter().enumerate() {
            let at = first + i * LANES;
            let groups = &mut self.words[at..at + LANES];
            let mut words = [[0.0; LANES]; K];
            for (lane, group) in groups.iter().enumerate() {
                (0..K).for_each(|k| words[k][lane] = group[k]);
            }
            if cascade_lanes(&mut words, values) {
                for (lane, group) in groups.iter_mut().enumerate() {
                    (0..K).for_each(|k| group[k] = words[k][lane]);
                }
            } else {
                values.iter().enumerate().for_each(|(lane, x)| self.add(at + lane, *x));
            }
        }
        let at = first + whole.len() * LANES;
        rest.iter().enumerate().for_each(|(i, x)| self.add(at + i, *x));
    }

    /// Adds all values to one group; inlined, so that a caller may choose the instructions.
    #[inline(always)]
    pub(crate) fn add_all(&mut self, group: usize, x: &[f64]) {
        let mut lanes = [[-0.0; LANES]; K];
        let (whole, rest) = x.as_chunks::<LANES>();
        for values in whole {
            let mut next = lanes;
            if cascade_lanes(&mut next, values) {
                lanes = next;
            } else {
                self.update(&[group; LANES], Terms::Values(values));
            }
        }
        self.update(&[group; LANES][..rest.len()], Terms::Values(rest));
        for word in lanes.as_flattened().iter().filter(|w| w.to_bits() != NOTHING) {
            self.add(group, *word);
        }
    }

    fn add_products(&mut self, group: usize, x: &[f64], y: &[f64]) {
        let groups = [group; LANES];
        let whole = x.len() / LANES * LANES;
        let mut lanes = [[-0.0; K]; LANES];
        for from in (0..whole).step_by(LANES) {
            let (x, y) = (&x[from..from + LANES], &y[from..from + LANES]);
            if !Self::add_lanes(&mut lanes, x, y) {
                self.update(&groups, Terms::Products(x, y));
            }
        }
        self.update(&groups[..x.len() - whole], Terms::Products(&x[whole..], &y[whole..]));
        for word in lanes.as_flattened().iter().filter(|w| w.to_bits() != NOTHING) {
            self.add(group, *word);
        }
    }

    /// Adds a product and its error to each lane; if one does not fit, none is added. Returns
    /// whether all fit.
    #[inline(always)]
    fn add_lanes(lanes: &mut [[f64; K]; LANES], x: &[f64], y: &[f64]) -> bool {
        let mut next = *lanes;
        let mut left = 0.0;
        for (lane, (x, y)) in next.iter_mut().zip(x.iter().zip(y)) {
            let (product, error) = two_product(*x, *y);
            let (sums, first) = cascade(lane, product);
            let (sums, second) = cascade(&sums, error);
            *lane = sums;
            // A NaN propagates into `left`.
            left += first.abs() + second.abs();
        }
        if left == 0.0 {
            *lanes = next;
        }
        left == 0.0
    }

    /// Returns whether the group has no value.
    pub(crate) fn is_untouched(&self, group: usize) -> bool {
        self.words[group][K - 1].to_bits() == NOTHING
    }

    /// Returns the exact sum of a group.
    pub(crate) fn sum(&self, group: usize) -> ExactSum {
        let mut sum = self.rest.get(&group).cloned().unwrap_or_default();
        self.words[group].iter().filter(|w| **w != 0.0).for_each(|w| sum.add(*w));
        sum
    }

    /// Returns the sum of a group, rounded once.
    pub(crate) fn value(&self, group: usize) -> f64 {
        match self.two(group) {
            Some((high, low)) => high + low,
            None => self.sum(group).value(),
        }
    }

    /// Returns the mean of `n` values of a group, rounded once.
    pub(crate) fn mean(&self, group: usize, n: u64) -> f64 {
        let quick = self.two(group).and_then(|(high, low)| mean_of_two(high, low, n));
        quick.unwrap_or_else(|| self.sum(group).mean(n))
    }

    /// Returns the sum as two floats, if two can hold it exactly.
    fn two(&self, group: usize) -> Option<(f64, f64)> {
        let words = &self.words[group];
        let rest = words.get(2..).is_some_and(|rest| rest.iter().any(|w| *w != 0.0));
        let known = !rest && (self.rest.is_empty() || !self.rest.contains_key(&group));
        known.then(|| (words[0], words.get(1).copied().unwrap_or(0.0)))
    }

    /// Removes the first groups and returns their words and, for each, the floats of its rest, if
    /// any.
    pub(crate) fn take(&mut self, groups: usize) -> (Vec<[f64; K]>, Vec<Option<Vec<f64>>>) {
        let words = self.first(groups);
        let of = |g| self.rest.get(&g).map(ExactSum::to_floats);
        let rest = if self.rest.is_empty() { Vec::new() } else { (0..groups).map(of).collect() };
        self.forget(groups);
        (words, rest)
    }

    /// Takes the words of the first groups; the whole allocation if these are all groups.
    fn first(&mut self, groups: usize) -> Vec<[f64; K]> {
        if groups >= self.words.len() {
            return std::mem::take(&mut self.words);
        }
        self.words.drain(..groups).collect()
    }

    /// Drops the rests of the first groups and shifts the others down.
    fn forget(&mut self, groups: usize) {
        let rest = std::mem::take(&mut self.rest);
        let later = rest.into_iter().filter(|(g, _)| *g >= groups);
        self.rest = later.map(|(g, sum)| (g - groups, sum)).collect();
    }

    /// Drops the first groups.
    pub(crate) fn drop_first(&mut self, groups: usize) {
        drop(self.first(groups));
        self.forget(groups);
    }

    /// Merges the sums of another part into the groups, given as one column per word.
    pub(crate) fn merge_words(&mut self, groups: &[usize], columns: [&[f64]; K]) {
        for (i, group) in groups.iter().enumerate() {
            let words = columns.map(|c| c[i]);
            if words[K - 1].to_bits() == NOTHING {
                continue;
            }
            if self.is_untouched(*group) {
                self.words[*group] = words;
            } else {
                words.iter().filter(|w| **w != 0.0).for_each(|w| self.add(*group, *w));
            }
        }
    }

    /// Merges the sum of a group of another part.
    pub(crate) fn merge(&mut self, group: usize, other: &Self) {
        let words = other.words[group];
        if self.is_untouched(group) && !self.rest.contains_key(&group) {
            self.words[group] = words;
        } else {
            words.iter().for_each(|w| self.add(group, *w));
        }
        if let Some(rest) = other.rest.get(&group) {
            self.rest.entry(group).or_default().merge(rest);
        }
    }

    /// Merges the rest of a group of another part.
    pub(crate) fn merge_rest(&mut self, group: usize, floats: &[f64]) {
        self.words[group].iter_mut().for_each(|w| *w += 0.0);
        self.rest.entry(group).or_default().merge_floats(floats);
    }

    /// Returns the bytes on the heap.
    pub(crate) fn heap(&self) -> usize {
        let entry = size_of::<(usize, ExactSum)>() + 6 * size_of::<f64>();
        self.words.capacity() * size_of::<[f64; K]>() + self.rest.capacity() * entry
    }
}

/// Returns the mean of `n` values whose sum is `high + low`, rounded once; `None` if more digits
/// are needed to decide.
pub(crate) fn mean_of_two(high: f64, low: f64, n: u64) -> Option<f64> {
    let divisor = n as f64;
    let (sum, low) = two_sum(high, low);
    let first = sum / divisor;
    if low == 0.0 || sum == 0.0 {
        return Some(first);
    }
    let left = (-first).mul_add(divisor, sum) + low;
    let (mean, past) = two_sum(first, left / divisor);
    // Near the midpoint of two floats the last digits decide, and here these are rounded.
    let gap = (mean.abs().next_up() - mean.abs()).min(mean.abs() - mean.abs().next_down());
    (past.abs() < gap * 0.499_999 && mean.is_normal()).then_some(mean)
}

/// Returns the mean of `n` integers with this sum, rounded once.
pub(crate) fn mean_of_integers(sum: i128, n: u64) -> f64 {
    let high = sum as f64;
    let low = (sum - high as i128) as f64;
    mean_of_two(high, low, n).unwrap_or_else(|| quotient(&[low, high], n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Values of three kinds: floats with few decimals, with many, and some that overflow and
    /// cancel.
    fn values(rng: &mut StdRng, kind: usize) -> Vec<f64> {
        let one = |rng: &mut StdRng| match kind {
            0 => f64::from(rng.random_range(-10_000..10_000)) / 100.0,
            1 => (rng.random::<f64>() - 0.5) * 10f64.powi(rng.random_range(-12..12)),
            _ => (rng.random::<f64>() - 0.5) * 10f64.powi(rng.random_range(-307..308)),
        };
        (0..rng.random_range(1..400)).map(|_| one(rng)).collect()
    }

    fn check<const K: usize>(x: &[f64], terms: Terms<'_>, add: impl Fn(&mut ExactSum, f64)) {
        let mut want = ExactSum::default();
        x.iter().for_each(|x| add(&mut want, *x));
        let (mut one, mut many) = (Cells::<K>::default(), Cells::<K>::default());
        one.resize(1);
        one.update_one(0, terms);
        many.resize(3);
        many.update(&vec![1; x.len()], terms);
        let n = x.len() as u64;
        for (cells, group) in [(&one, 0), (&many, 1)] {
            assert_eq!(cells.value(group).to_bits(), want.value().to_bits());
            assert_eq!(cells.mean(group, n).to_bits(), want.mean(n).to_bits());
        }
        assert!(many.is_untouched(0) && !many.is_untouched(1));
        many.retract(1, terms);
        assert_eq!(many.value(1), 0.0);
    }

    #[test]
    fn groups_have_the_sums_of_their_values() {
        let mut rng = StdRng::seed_from_u64(11);
        for round in 0..300 {
            let x = values(&mut rng, round % 3);
            check::<2>(&x, Terms::Values(&x), |s, x| s.add(x));
            if round % 3 < 2 {
                check::<3>(&x, Terms::Products(&x, &x), ExactSum::add_square);
            }
        }
    }

    #[test]
    fn parts_of_groups_add_up() {
        let mut rng = StdRng::seed_from_u64(5);
        for round in 0..200 {
            let x = values(&mut rng, round % 3);
            let mut want = ExactSum::default();
            x.iter().for_each(|x| want.add(*x));
            let mut all = Cells::<2>::default();
            all.resize(2);
            for part in x.chunks(rng.random_range(1..60)) {
                let mut cells = Cells::<2>::default();
                cells.resize(2);
                cells.update(&vec![1; part.len()], Terms::Values(part));
                let (words, rest) = cells.take(2);
                let columns = [0, 1].map(|k| words.iter().map(|w| w[k]).collect::<Vec<_>>());
                all.merge_words(&[0, 1], [&columns[0], &columns[1]]);
                rest.iter().enumerate().for_each(|(g, floats)| {
                    floats.iter().for_each(|f| all.merge_rest(g, f));
                });
            }
            assert_eq!(all.value(1).to_bits(), want.value().to_bits());
            assert!(all.is_untouched(0));
        }
    }

    #[test]
    fn means_of_integers_are_rounded_once() {
        assert_eq!(mean_of_integers(7, 2), 3.5);
        assert_eq!(mean_of_integers(i128::from(i64::MAX) * 3, 3), i64::MAX as f64);
        assert_eq!(mean_of_integers((1 << 53) + 1, 1), 9_007_199_254_740_992.0);
        assert_eq!(mean_of_integers((1 << 54) + 6, 2), 9_007_199_254_740_996.0);
        assert_eq!(mean_of_integers(-10, 3), -10.0 / 3.0);
    }
}
