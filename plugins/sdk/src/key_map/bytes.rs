//! Strings and composite keys: a hash table whose keys lie beside their values.
//!
//! With millions of keys each place that a probe reads is one in memory rather than in the cache.
//! Here there are two: a slot, and the entry with value and key. The slots of many keys are
//! loaded first, and later their entries, by loops that do nothing else, so that many loads are
//! under way at once and no branch waits for one.

use arrow_array::ArrayRef;

use super::batch_keys::BatchKeys;
use crate::NO_ROW;

/// Open addressing with linear probing; of slots there are a power of two, or none.
#[derive(Debug, Default)]
pub(super) struct BytesTable {
    slots: Vec<Slot>,
    keys: usize,
    /// For each key an entry: its value, its length in bytes, and its bytes in words, of which the
    /// last is filled up with zeros.
    entries: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u32,
    /// Where the entry begins.
    entry: u32,
}

const FREE: u32 = u32::MAX;
const FREE_SLOT: Slot = Slot {
    hash: 0,
    entry: FREE,
};
const FEWEST_SLOTS: usize = 64;
/// An entry's words before the key.
const HEAD: usize = 2;

/// The slots of so many keys are loaded before their entries.
const PROBED_AT_ONCE: usize = 64;

impl BytesTable {
    pub(super) fn update(&mut self, key: &[ArrayRef], f: &mut impl FnMut(usize, &mut u32)) {
        let keys = BatchKeys::new(key);
        for row in 0..keys.rows() {
            f(row, self.value_mut(keys.row(row)));
        }
    }

    pub(super) fn probe(&self, key: &[ArrayRef]) -> Vec<u32> {
        let keys = BatchKeys::new(key);
        let mut values = vec![NO_ROW; keys.rows()];
        if self.keys > 0 {
            for (number, values) in values.chunks_mut(PROBED_AT_ONCE).enumerate() {
                self.probe_some(&keys, number * PROBED_AT_ONCE, values);
            }
        }
        values
    }

    /// Looks up the keys from the row `first` on, at most [`PROBED_AT_ONCE`]. Where there is none
    /// the value stays as it is.
    // On its own, it keeps what its loops need in registers.
    #[inline(never)]
    fn probe_some(&self, keys: &BatchKeys<'_>, first: usize, values: &mut [u32]) {
        let count = values.len();
        let last = self.slots.len() - 1;
        let mut hashes = [0; PROBED_AT_ONCE];
        for (row, hash) in (first..).zip(&mut hashes[..count]) {
            *hash = hash_of(keys.row(row));
        }
        let mut slots = [FREE_SLOT; PROBED_AT_ONCE];
        let slots = &mut slots[..count];
        for (slot, &hash) in slots.iter_mut().zip(&hashes) {
            *slot = self.slots[hash as usize & last];
        }
        for (slot, &hash) in slots.iter_mut().zip(&hashes) {
            if !slot.ends(hash) {
                *slot = self.slots[self.find(hash, hash as usize)];
            }
        }
        let mut heads = [[0; HEAD]; PROBED_AT_ONCE];
        for (head, slot) in heads.iter_mut().zip(slots.iter()) {
            // For a free slot any entry will do.
            let entry = if slot.entry == FREE { 0 } else { slot.entry };
            *head = [
                self.entries[entry as usize],
                self.entries[entry as usize + 1],
            ];
        }
        for (number, value) in values.iter_mut().enumerate() {
            let (slot, [found, length]) = (slots[number], heads[number]);
            if slot.entry == FREE {
                continue;
            }
            let key = keys.row(first + number);
            *value = if length as usize == key.len() && self.is_at(slot.entry, key) {
                found
            } else {
                self.value(slot.hash, key)
            };
        }
    }

    pub(super) fn for_each_value(&self, f: &mut impl FnMut(u32)) {
        let mut rest = self.entries.as_slice();
        while let Some((&[value, length], after)) = rest.split_first_chunk() {
            f(value);
            rest = &after[length.div_ceil(4) as usize..];
        }
    }

    /// Returns the place of the first slot from `place` on that has this hash or is free.
    #[inline]
    fn find(&self, hash: u32, place: usize) -> usize {
        let last = self.slots.len() - 1;
        let mut place = place & last;
        while !self.slots[place].ends(hash) {
            place = (place + 1) & last;
        }
        place
    }

    /// Returns the place of a key's slot, of a free one if it has none.
    fn find_key(&self, hash: u32, key: &[u8]) -> usize {
        let mut place = self.find(hash, hash as usize);
        loop {
            let entry = self.slots[place].entry;
            if entry == FREE || self.is_key(entry, key) {
                return place;
            }
            place = self.find(hash, place + 1);
        }
    }

    #[cold]
    fn value(&self, hash: u32, key: &[u8]) -> u32 {
        let slot = self.slots[self.find_key(hash, key)];
        if slot.entry == FREE {
            return NO_ROW;
        }
        self.entries[slot.entry as usize]
    }

    fn value_mut(&mut self, key: &[u8]) -> &mut u32 {
        if self.keys * 3 >= self.slots.len() * 2 {
            self.grow();
        }
        let hash = hash_of(key);
        let place = self.find_key(hash, key);
        if self.slots[place].entry == FREE {
            let entry = number(self.entries.len());
            self.slots[place] = Slot { hash, entry };
            self.keys += 1;
            let (words, rest) = key.as_chunks();
            self.entries.extend([NO_ROW, number(key.len())]);
            self.entries
                .extend(words.iter().map(|&word| u32::from_le_bytes(word)));
            if !rest.is_empty() {
                self.entries.push(filled_up(rest));
            }
        }
        &mut self.entries[self.slots[place].entry as usize]
    }

    fn is_key(&self, entry: u32, key: &[u8]) -> bool {
        self.entries[entry as usize + 1] as usize == key.len() && self.is_at(entry, key)
    }

    /// Says whether an entry has this key, whose length it has. Words are compared, since
    /// `memcmp` goes byte by byte in Wasm.
    #[inline]
    fn is_at(&self, entry: u32, key: &[u8]) -> bool {
        let kept = &self.entries[entry as usize + HEAD..][..key.len().div_ceil(4)];
        let (words, rest) = key.as_chunks();
        let same = |(&word, kept): (&[u8; 4], &u32)| u32::from_le_bytes(word) == *kept;
        words.iter().zip(kept).all(same)
            && (rest.is_empty() || kept.last() == Some(&filled_up(rest)))
    }

    /// Doubles the slots. Entries stay where they are, and are not read.
    #[cold]
    fn grow(&mut self) {
        let count = (self.slots.len() * 2).max(FEWEST_SLOTS);
        let slots = std::mem::replace(&mut self.slots, vec![FREE_SLOT; count]);
        for slot in slots.into_iter().filter(|slot| slot.entry != FREE) {
            let mut place = slot.hash as usize & (count - 1);
            while self.slots[place].entry != FREE {
                place = (place + 1) & (count - 1);
            }
            self.slots[place] = slot;
        }
    }
}

impl Slot {
    /// Says whether a search for this hash ends here.
    #[inline]
    fn ends(self, hash: u32) -> bool {
        self.hash == hash || self.entry == FREE
    }
}

/// The one to three bytes behind the whole words of a key.
fn filled_up(rest: &[u8]) -> u32 {
    let shifted = |word: u32, &byte: &u8| word << 8 | u32::from(byte);
    rest.iter().rev().fold(0, shifted)
}

fn number(count: usize) -> u32 {
    let number = u32::try_from(count).ok().filter(|&number| number != FREE);
    number.expect("a plugin's memory has fewer words than 2^32")
}

/// XXH64, of which Wasm has all instructions; XXH3 needs products of 128 bits.
#[expect(clippy::cast_possible_truncation, reason = "32 bits of a hash")]
fn hash_of(key: &[u8]) -> u32 {
    xxhash_rust::xxh64::xxh64(key, 0) as u32
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, reason = "far fewer rows than 2^32")]

    use std::{collections::HashMap, sync::Arc};

    use arrow_array::{
        Array, BinaryArray, FixedSizeBinaryArray, LargeBinaryArray, LargeStringArray, StringArray,
    };
    use proptest::prelude::*;

    use super::*;

    /// A table of the rows of these keys, and what a plain map knows of them: the last of each.
    fn table(keys: &[Vec<u8>]) -> (BytesTable, HashMap<&[u8], u32>) {
        let mut table = BytesTable::default();
        let mut model = HashMap::new();
        for (part, keys) in keys.chunks(70).enumerate() {
            table.update(&[binary(keys)], &mut |row, value| {
                *value = (part * 70 + row) as u32;
            });
        }
        for (row, key) in keys.iter().enumerate() {
            model.insert(key.as_slice(), row as u32);
        }
        (table, model)
    }

    fn check(keys: &[Vec<u8>], probes: &[Vec<u8>]) {
        let (table, model) = table(keys);
        let value = |key: &Vec<u8>| model.get(key.as_slice()).copied().unwrap_or(NO_ROW);
        for probes in [keys, probes] {
            let expected: Vec<u32> = probes.iter().map(value).collect();
            assert_eq!(table.probe(&[binary(probes)]), expected);
        }
        let mut values = vec![];
        table.for_each_value(&mut |value| values.push(value));
        values.sort_unstable();
        let mut expected: Vec<u32> = model.into_values().collect();
        expected.sort_unstable();
        assert_eq!(values, expected);
    }

    fn binary(keys: &[Vec<u8>]) -> ArrayRef {
        Arc::new(BinaryArray::from_iter_values(keys))
    }

    proptest! {
        #[test]
        fn it_maps_like_a_plain_map(
            keys in prop::collection::vec(prop::collection::vec(0..3_u8, 0..10), 0..300),
            probes in prop::collection::vec(prop::collection::vec(0..3_u8, 0..10), 0..300),
        ) {
            check(&keys, &probes);
        }
    }

    #[test]
    fn keys_that_are_filled_up_with_zeros_are_not_the_same() {
        let zeros: Vec<_> = (0..20).map(|length| vec![0; length]).collect();
        let longer: Vec<_> = (20..40).map(|length| vec![0; length]).collect();
        check(&zeros, &longer);
    }

    #[test]
    fn keys_of_one_hash_are_told_apart() {
        let keys: Vec<_> = (0..300_000_u32)
            .map(|key| key.to_string().into_bytes())
            .collect();
        let mut hashes: Vec<_> = keys.iter().map(|key| hash_of(key)).collect();
        hashes.sort_unstable();
        let twice: Vec<_> = hashes
            .windows(2)
            .filter(|pair| pair[0] == pair[1])
            .collect();
        assert!(!twice.is_empty(), "some keys have the same hash");
        // Keys that are not there, some of which have the hash of one that is.
        let others: Vec<_> = (300_000..600_000_u32)
            .map(|key| key.to_string().into_bytes())
            .collect();
        let known = |key: &Vec<u8>| hashes.binary_search(&hash_of(key)).is_ok();
        assert!(others.iter().any(known), "some have the hash of another");
        check(&keys, &others);
    }

    #[test]
    fn a_column_of_any_type_of_bytes_is_a_key_also_where_it_was_cut() {
        let keys = ["gone", "fowl", "wing", "nest", "bill"];
        let arrays: [ArrayRef; 5] = [
            Arc::new(StringArray::from_iter_values(keys)),
            Arc::new(LargeStringArray::from_iter_values(keys)),
            Arc::new(BinaryArray::from_iter_values(keys)),
            Arc::new(LargeBinaryArray::from_iter_values(keys)),
            Arc::new(FixedSizeBinaryArray::try_from_iter(keys.iter()).unwrap()),
        ];
        let mut table = BytesTable::default();
        for array in &arrays {
            table.update(&[array.slice(1, 3)], &mut |row, value| *value = row as u32);
        }
        for array in &arrays {
            assert_eq!(table.probe(&[array.slice(2, 3)]), [1, 2, NO_ROW]);
        }
    }

    #[test]
    fn an_empty_table_knows_no_key() {
        let table = BytesTable::default();
        assert_eq!(table.probe(&[binary(&[vec![], vec![1]])]), [NO_ROW; 2]);
    }
}
