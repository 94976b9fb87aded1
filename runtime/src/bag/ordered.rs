//! Hash maps in insertion order, for counts, folds and groups. A slot stores a part of a key's hash
//! next to the index of its entry, so that most keys are found with one access to the slots and one
//! to the entries.

use super::line::{Line, Word};
use foldhash::fast::{FixedState, FoldHasher};
use std::any::Any;
use std::hash::{BuildHasher, Hash, Hasher};
use std::num::NonZeroU8;

/// Bits of a slot that store the index of an entry; the others are the highest bits of the hash.
const PLACE: u32 = 40;

/// A hash map in insertion order.
#[derive(Debug, Clone)]
pub(super) struct Ordered<K, V> {
    /// Empty slots are 0, others store the index of their entry plus one. Their number is a power
    /// of two, always more than twice that of the entries.
    slots: Vec<u64>,
    entries: Vec<(K, V)>,
}

/// Returns the hash of a key, which is the same in all maps.
#[inline]
pub(super) fn hash<K: Hash + 'static>(key: &K) -> u64 {
    // Words are the most common keys; short ones are hashed as integers.
    short(key).map_or_else(|| FixedState::default().hash_one(key), Word::hash)
}

/// As [`hash`], with less code to compile for each type.
pub(super) fn hash_anywhere<K: Hash + 'static>(key: &K) -> u64 {
    match short_hash(key) {
        Some(hash) => hash,
        None => {
            let mut hasher = Hashing(FixedState::default().build_hasher());
            key.hash(&mut hasher);
            hasher.finish()
        }
    }
}

/// The hasher, with its methods compiled here, so that no cell compiles them for its keys.
struct Hashing(FoldHasher<'static>);

macro_rules! hashing {
    ($($write:ident $t:ty),*) => {
        impl Hasher for Hashing {
            #[inline(never)]
            fn finish(&self) -> u64 {
                self.0.finish()
            }
            $(
                #[inline(never)]
                fn $write(&mut self, x: $t) {
                    self.0.$write(x);
                }
            )*
        }
    };
}
hashing!(
    write &[u8], write_u8 u8, write_u16 u16, write_u32 u32, write_u64 u64, write_u128 u128, write_usize usize,
    write_i8 i8, write_i16 i16, write_i32 i32, write_i64 i64, write_i128 i128, write_isize isize
);

#[inline(never)]
fn short_hash(key: &dyn Any) -> Option<u64> {
    key.downcast_ref::<Line>().and_then(Line::as_word).map(Word::hash)
}

/// Returns a key that is a short string as integers.
#[inline(always)]
fn short<K: 'static>(key: &K) -> Option<Word> {
    (key as &dyn Any).downcast_ref::<Line>().and_then(Line::as_word)
}

impl<K, V> Default for Ordered<K, V> {
    fn default() -> Self {
        Self { slots: empty_slots(64), entries: Vec::new() }
    }
}

impl<K: Hash + Eq + 'static, V> Ordered<K, V> {
    /// Returns the index and value of a key's slot: its own, or the empty one where it belongs.
    /// `first` is the value of the slot that is probed first.
    #[inline(always)]
    fn find(&self, hash: u64, first: u64, is: impl Fn(&K) -> bool) -> (usize, u64) {
        let mask = self.slots.len() - 1;
        let (mut at, mut slot) = (hash as usize & mask, first);
        while slot != 0 && !((slot ^ hash) >> PLACE == 0 && is(&self.entries[place(slot)].0)) {
            at = (at + 1) & mask;
            slot = self.slots[at];
        }
        (at, slot)
    }

    /// Returns the value of the slot that is probed first.
    #[inline]
    fn first(&self, hash: u64) -> u64 {
        self.slots[hash as usize & (self.slots.len() - 1)]
    }

    /// Returns the value of a key, inserting one if the key is new.
    #[inline(never)]
    fn or_insert_with(&mut self, key: K, hash: u64, make: impl FnOnce() -> V) -> &mut V {
        let (at, slot) = self.find(hash, self.first(hash), |k| *k == key);
        let entry = if slot == 0 { self.insert(at, hash, (key, make())) } else { place(slot) };
        &mut self.entries[entry].1
    }

    /// Inserts an entry into an empty slot and returns its index.
    fn insert(&mut self, at: usize, hash: u64, entry: (K, V)) -> usize {
        let next = self.entries.len();
        assert!(next + 1 < 1 << PLACE, "a map must have fewer than 2^{PLACE} keys");
        self.entries.push(entry);
        self.slots[at] = slot(hash, next);
        if self.entries.len() * 2 >= self.slots.len() {
            self.grow();
        }
        next
    }

    #[cold]
    fn grow(&mut self) {
        self.slots = empty_slots(self.slots.len() * 2);
        let mask = self.slots.len() - 1;
        for (i, (key, _)) in self.entries.iter().enumerate() {
            let hash = hash(key);
            let mut at = hash as usize & mask;
            while self.slots[at] != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = slot(hash, i);
        }
    }

    /// Merges the entries of another map: `join` merges the values of a key that is in both.
    pub(super) fn merge(mut self, other: Self, join: impl Fn(&mut V, V)) -> Self {
        for (key, value) in other.entries {
            let hash = hash(&key);
            match self.find(hash, self.first(hash), |k| *k == key) {
                (at, 0) => drop(self.insert(at, hash, (key, value))),
                (_, slot) => join(&mut self.entries[place(slot)].1, value),
            }
        }
        self
    }

    /// Returns the keys and values in insertion order.
    pub(super) fn into_entries(self) -> Vec<(K, V)> {
        self.entries
    }
}

/// The slots of a map with type-erased keys: the index of an entry plus one, or 0. Slower than
/// [`Ordered`], as keys are compared by calls, but far less code to compile.
#[derive(Debug)]
struct Slots {
    slots: Vec<usize>,
    hashes: Vec<u64>,
}

impl Clone for Slots {
    #[inline(never)]
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), hashes: self.hashes.clone() }
    }
}

impl Default for Slots {
    #[inline(never)]
    fn default() -> Self {
        Self { slots: vec![0; 64], hashes: Vec::new() }
    }
}

impl Slots {
    /// Returns the entry of a key, or as an error the slot where it belongs.
    #[inline(never)]
    fn find(&self, hash: u64, is: &dyn Fn(usize) -> bool) -> Result<usize, usize> {
        let mut at = hash as usize & (self.slots.len() - 1);
        while self.slots[at] != 0 {
            let entry = self.slots[at] - 1;
            if self.hashes[entry] == hash && is(entry) {
                return Ok(entry);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        Err(at)
    }

    /// Inserts the next entry into an empty slot and returns its index.
    #[inline(never)]
    fn put(&mut self, at: usize, hash: u64) -> usize {
        self.hashes.push(hash);
        self.slots[at] = self.hashes.len();
        if self.hashes.len() * 2 >= self.slots.len() {
            let mask = self.slots.len() * 2 - 1;
            self.slots = vec![0; mask + 1];
            for (entry, hash) in self.hashes.iter().enumerate() {
                let mut at = *hash as usize & mask;
                while self.slots[at] != 0 {
                    at = (at + 1) & mask;
                }
                self.slots[at] = entry + 1;
            }
        }
        self.hashes.len() - 1
    }
}

/// A hash map in insertion order, for keys of any type.
#[derive(Debug, Clone)]
pub(super) struct Keys<K, V> {
    slots: Slots,
    entries: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Keys<K, V> {
    fn default() -> Self {
        Self { slots: Slots::default(), entries: Vec::new() }
    }
}

impl<K: Hash + Eq + 'static, V> Keys<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        match self.slots.find(hash_anywhere(key), &|i| self.entries[i].0 == *key) {
            Ok(i) => self.entries[i].1.as_ref(),
            Err(_) => None,
        }
    }

    /// Returns the value of a key, `None` if the key is new.
    #[inline(never)]
    pub(super) fn value(&mut self, key: K) -> &mut Option<V> {
        let hash = hash_anywhere(&key);
        let i = match self.slots.find(hash, &|i| self.entries[i].0 == key) {
            Ok(i) => i,
            Err(at) => {
                self.entries.push((key, None));
                self.slots.put(at, hash)
            }
        };
        &mut self.entries[i].1
    }

    pub(super) fn merge(mut self, other: Self, join: &dyn Fn(V, V) -> V) -> Self {
        for (key, value) in other.entries {
            let place = self.value(key);
            *place = match (place.take(), value) {
                (Some(own), Some(value)) => Some(join(own, value)),
                (None, value) => value,
                (own, None) => own,
            };
        }
        self
    }

    /// Returns the keys and values in insertion order; every key has a value.
    pub(super) fn into_pairs(self) -> impl Iterator<Item = (K, V)> {
        let mut entries = self.entries.into_iter();
        std::iter::from_fn(move || match entries.next() {
            Some((key, Some(value))) => Some((key, value)),
            _ => None,
        })
    }
}

#[inline(never)]
fn empty_slots(len: usize) -> Vec<u64> {
    vec![0; len]
}

/// Returns the slot value of the entry at an index.
#[inline]
fn slot(hash: u64, place: usize) -> u64 {
    hash >> PLACE << PLACE | (place as u64 + 1)
}

/// Returns the index of the entry of a slot value.
#[inline]
fn place(slot: u64) -> usize {
    (slot & ((1 << PLACE) - 1)) as usize - 1
}

/// Number of keys that are inserted together: random accesses to slots are slow, but independent
/// ones overlap.
const BATCH: usize = 64;

/// Keys that wait until their batch is full. Short strings wait as integers, each part in its own
/// array: moving a string that was just created takes longer than reading its parts.
struct Waiting<K> {
    len: usize,
    hashes: [u64; BATCH],
    words: [[u64; BATCH]; 2],
    /// `None` for keys that are not short strings.
    lengths: [Option<NonZeroU8>; BATCH],
    /// The keys that are not short strings; other entries are left over from earlier batches.
    others: Vec<Option<K>>,
}

impl<K: Hash + Eq + Clone + 'static> Waiting<K> {
    fn new() -> Self {
        let mut others = Vec::with_capacity(BATCH);
        while others.len() < BATCH {
            others.push(None);
        }
        Self { len: 0, hashes: [0; BATCH], words: [[0; BATCH]; 2], lengths: [None; BATCH], others }
    }

    /// Adds a key and returns whether the batch is full.
    #[inline(always)]
    fn push(&mut self, key: K) -> bool {
        let i = self.len % BATCH;
        if let Some(word) = short(&key) {
            (self.words[0][i], self.words[1][i], self.lengths[i]) =
                (word.bytes[0], word.bytes[1], Some(word.length));
            self.hashes[i] = word.hash();
        } else {
            self.push_other(i, key);
        }
        self.len = i + 1;
        self.len == BATCH
    }

    // A separate function, so that short strings are not moved for it.
    #[inline(never)]
    fn push_other(&mut self, i: usize, key: K) {
        self.hashes[i] = hash(&key);
        self.lengths[i] = None;
        self.others[i] = Some(key);
    }

    #[inline(always)]
    fn word(&self, i: usize) -> Option<Word> {
        self.lengths[i].map(|length| Word { bytes: [self.words[0][i], self.words[1][i]], length })
    }

    #[inline(always)]
    fn is(&self, i: usize, key: &K) -> bool {
        let word = self.word(i);
        short(key) == word
            && (word.is_some() || matches!(&self.others[i], Some(other) if other == key))
    }

    /// Takes the key itself.
    fn take(&mut self, i: usize) -> K {
        let key = match self.word(i) {
            Some(word) => (&Line::from(word) as &dyn Any).downcast_ref().cloned(),
            None => self.others[i].take(),
        };
        // If there are words, keys are lines; other keys are stored together with their hash.
        key.expect("a key is a word or stored in `others`")
    }
}

/// Fills a map: `add` adds to the value of a key, `begin` creates its first value.
pub(super) struct Gathering<K, X, V, B, A> {
    map: Ordered<K, V>,
    keys: Waiting<K>,
    values: Vec<X>,
    begin: B,
    add: A,
}

impl<K: Hash + Eq + Clone + 'static, X, V, B: Fn() -> V, A: Fn(&mut V, X)>
    Gathering<K, X, V, B, A>
{
    pub(super) fn new(begin: B, add: A) -> Self {
        Self {
            map: Ordered::default(),
            keys: Waiting::new(),
            values: Vec::with_capacity(BATCH),
            begin,
            add,
        }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, key: K, value: X) {
        self.values.push(value);
        if self.keys.push(key) {
            self.take_in();
        }
    }

    #[inline(never)]
    fn take_in(&mut self) {
        let Self { map, keys, values, begin, add } = self;
        let mut slots = [0; BATCH];
        for (i, slot) in slots.iter_mut().enumerate() {
            *slot = map.first(keys.hashes[i]);
        }
        for (i, value) in values.drain(..).enumerate() {
            let hash = keys.hashes[i];
            let (_, slot) = map.find(hash, slots[i], |k| keys.is(i, k));
            // The batch may have inserted the key by now.
            let total = if slot == 0 {
                map.or_insert_with(keys.take(i), hash, &*begin)
            } else {
                &mut map.entries[place(slot)].1
            };
            add(total, value);
        }
        keys.len = 0;
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
                // Some keys are short strings, and some are not.
                let key = Line::from("x".repeat(n % 30) + &n.to_string());
                maps[usize::from(i > adds / 2)].push(key.clone(), i);
                want.entry(key).or_default().push(i);
            }
            let [a, b] = maps.map(Gathering::finish);
            let all = a.merge(b, |a, b| a.extend(b));
            assert_eq!(all.into_entries(), want.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn keys_of_one_slot_are_told_apart() {
        // So many that slots collide.
        let mut map = Gathering::new(|| 0, |sum, i| *sum += i);
        (0..100_000u64).for_each(|i| map.push(i << 40, i));
        (0..100_000u64).for_each(|i| map.push(i << 40, 0));
        let want: Vec<_> = (0..100_000u64).map(|i| (i << 40, i)).collect();
        assert_eq!(map.finish().into_entries(), want);
    }
}
