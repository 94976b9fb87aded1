//! Maps in the order in which their keys came: what counts, folds and groups hang on. A slot holds a part of a key's hash
//! beside the place of its entry, so that most keys are found with one look at the slots and one at the entries.

use super::line::Line;
use foldhash::fast::FixedState;
use std::any::Any;
use std::hash::{BuildHasher, Hash};

/// Bits of a slot that tell the place of an entry; the others are the highest ones of the hash.
const PLACE: u32 = 40;

/// A map in the order in which its keys came.
#[derive(Debug, Clone)]
pub(super) struct Ordered<K, V> {
    /// Empty ones are 0, others tell the place behind their entry. There are always more than twice as many as entries, and a
    /// power of two.
    slots: Vec<u64>,
    entries: Vec<(K, V)>,
}

impl<K, V> Default for Ordered<K, V> {
    fn default() -> Self {
        Self { slots: vec![0; 64], entries: Vec::new() }
    }
}

/// The hash of a key: the same in all maps.
#[inline]
pub(super) fn hash<K: Hash + 'static>(key: &K) -> u64 {
    // Words of texts are the most usual keys; the short ones are hashed as one number, in the way of foldhash.
    match (key as &dyn Any).downcast_ref::<Line>().and_then(Line::as_number) {
        Some(number) => {
            let [low, high] = [number as u64 ^ 0x9e37_79b9_7f4a_7c15, (number >> 64) as u64 ^ 0xd1b5_4a32_d192_ed03];
            let product = u128::from(low) * u128::from(high);
            product as u64 ^ (product >> 64) as u64
        }
        None => FixedState::default().hash_one(key),
    }
}

impl<K: Hash + Eq + 'static, V> Ordered<K, V> {
    /// The slot of a key: its own, or the empty one where it belongs.
    #[inline]
    fn slot(&self, key: &K, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 || (slot ^ hash) >> PLACE == 0 && self.entries[place(slot)].0 == *key {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    /// The value of a key, which is made where there is none.
    fn or_insert_with(&mut self, key: K, hash: u64, make: impl FnOnce() -> V) -> &mut V {
        let at = self.slot(&key, hash);
        let slot = self.slots[at];
        let entry = if slot == 0 { self.insert(at, hash, (key, make())) } else { place(slot) };
        &mut self.entries[entry].1
    }

    /// Puts an entry into an empty slot; its place.
    fn insert(&mut self, at: usize, hash: u64, entry: (K, V)) -> usize {
        self.entries.push(entry);
        let next = self.entries.len();
        assert!(next < 1 << PLACE, "a map holds less than 2^{PLACE} keys");
        self.slots[at] = hash >> PLACE << PLACE | next as u64;
        if next * 2 >= self.slots.len() {
            self.grow();
        }
        next - 1
    }

    #[cold]
    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 2];
        let mask = self.slots.len() - 1;
        for (i, (key, _)) in self.entries.iter().enumerate() {
            let hash = hash(key);
            let mut at = hash as usize & mask;
            while self.slots[at] != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = hash >> PLACE << PLACE | (i as u64 + 1);
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let slot = self.slots[self.slot(key, hash(key))];
        (slot != 0).then(|| &self.entries[place(slot)].1)
    }

    /// Takes in the entries of another map: `join` puts together the values of a key that both have.
    pub(super) fn merge(mut self, other: Self, join: impl Fn(&mut V, V)) -> Self {
        for (key, value) in other.entries {
            let hash = hash(&key);
            let at = self.slot(&key, hash);
            match self.slots[at] {
                0 => drop(self.insert(at, hash, (key, value))),
                slot => join(&mut self.entries[place(slot)].1, value),
            }
        }
        self
    }

    /// The keys and their values, in their order.
    pub(super) fn into_entries(self) -> Vec<(K, V)> {
        self.entries
    }
}

/// The place of an entry that a slot tells.
#[inline]
fn place(slot: u64) -> usize {
    (slot & ((1 << PLACE) - 1)) as usize - 1
}

/// Keys that are taken in together: looks at slots far apart take long, but not when they do not wait for one another.
const BATCH: usize = 64;

/// Fills a map: `add` adds to the value of a key, which begins as `begin` says.
pub(super) struct Gathering<K, X, V, B, A> {
    map: Ordered<K, V>,
    /// Keys stay where they are unless they are new: moving each would take as long as finding it.
    keys: Vec<Option<K>>,
    values: Vec<X>,
    begin: B,
    add: A,
}

impl<K: Hash + Eq + 'static, X, V, B: Fn() -> V, A: Fn(&mut V, X)> Gathering<K, X, V, B, A> {
    pub(super) fn new(begin: B, add: A) -> Self {
        Self { map: Ordered::default(), keys: Vec::with_capacity(BATCH), values: Vec::with_capacity(BATCH), begin, add }
    }

    #[inline]
    pub(super) fn push(&mut self, key: K, value: X) {
        self.keys.push(Some(key));
        self.values.push(value);
        if self.keys.len() == BATCH {
            self.take_in();
        }
    }

    fn take_in(&mut self) {
        let Self { map, keys, values, begin, add } = self;
        let (mut hashes, mut slots) = ([0; BATCH], [0; BATCH]);
        keys.iter().flatten().zip(&mut hashes).for_each(|(key, h)| *h = hash(key));
        let mask = map.slots.len() - 1;
        slots.iter_mut().zip(&hashes).for_each(|(slot, h)| *slot = map.slots[*h as usize & mask]);
        for ((key, slot), hash) in keys.iter().flatten().zip(&mut slots).zip(&hashes) {
            let mut at = *hash as usize;
            while *slot != 0 && !((*slot ^ hash) >> PLACE == 0 && map.entries[place(*slot)].0 == *key) {
                at += 1;
                *slot = map.slots[at & mask];
            }
        }
        for (((key, value), slot), hash) in keys.iter_mut().zip(values.drain(..)).zip(slots).zip(hashes) {
            let total = match key.take_if(|_| slot == 0) {
                // It may be there by now.
                Some(new) => map.or_insert_with(new, hash, &*begin),
                None => &mut map.entries[place(slot)].1,
            };
            add(total, value);
        }
        keys.clear();
    }

    pub(super) fn finish(mut self) -> Ordered<K, V> {
        self.take_in();
        self.map
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indexmap::IndexMap;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn it_is_an_ordered_map() {
        let mut random = rand::rngs::StdRng::seed_from_u64(11);
        for (keys, adds) in [(1, 10), (50, 200), (5_000, 20_000)] {
            let count = || Gathering::new(Vec::new, |list: &mut Vec<usize>, i| list.push(i));
            let (mut maps, mut want) = ([count(), count()], IndexMap::<Line, Vec<usize>>::new());
            for i in 0..adds {
                let n = random.random_range(0..keys);
                // Some are short and some are not.
                let key = Line::from("x".repeat(n % 30) + &n.to_string());
                maps[usize::from(i > adds / 2)].push(key.clone(), i);
                want.entry(key).or_default().push(i);
            }
            let [a, b] = maps.map(Gathering::finish);
            let all = a.merge(b, |a, b| a.extend(b));
            assert!(want.iter().all(|(k, v)| all.get(k) == Some(v)));
            assert_eq!(all.get(&Line::from("not there")), None);
            assert_eq!(all.into_entries(), want.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn keys_of_one_slot_are_told_apart() {
        // So many that slots are full of neighbours.
        let mut map = Gathering::new(|| 0, |sum, i| *sum += i);
        (0..100_000u64).for_each(|i| map.push(i << 40, i));
        let map = map.finish();
        assert!((0..100_000u64).all(|i| map.get(&(i << 40)) == Some(&i)));
    }
}
