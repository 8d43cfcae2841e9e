//! Which integers occur among keys, exactly: for keys that lie close together, as those that were
//! counted up do.
//!
//! A bit for each integer, in pages, and pages only where there are keys. Twenty million users take
//! 2.5 MB, and asking for one takes neither a hash nor a wait for memory. A few keys that lie
//! elsewhere, such as one that stands for unknown users, are in a small set beside the pages.

use std::collections::HashSet;

/// A page has so many bits, as a power of two.
const PAGE_BITS: u32 = 16;

/// 64-bit words of a page.
const PAGE_WORDS: usize = 1 << (PAGE_BITS - 6);

/// Pages on each side of the one in the middle; what lies beyond is in the small set.
const REACH: i64 = 1 << 17;

/// The set takes no more than so many bytes for each key that it was made of.
const BYTES_PER_KEY: usize = 16;

/// So many keys are looked at to find the middle.
const SAMPLE: usize = 1_024;

/// No page.
const NONE: u32 = u32::MAX;

/// A set of integers.
#[derive(Debug)]
pub(crate) struct KeySet {
    /// The number of the first page in `places`.
    first: i64,
    /// Where the words of a page begin, in pages.
    places: Vec<u32>,
    words: Vec<u64>,
    others: HashSet<i64>,
}

impl KeySet {
    /// Makes a set of these keys, unless they are so far from each other that it would take much
    /// memory.
    pub(crate) fn new(keys: &[i64]) -> Option<Self> {
        let mut sample: Vec<_> = keys
            .iter()
            .step_by(keys.len().div_ceil(SAMPLE).max(1))
            .map(|key| key >> PAGE_BITS)
            .collect();
        let middle = sample.len() / 2;
        let middle = match sample.as_mut_slice() {
            [] => 0,
            pages => *pages.select_nth_unstable(middle).1,
        };
        let most_bytes = keys.len().saturating_mul(BYTES_PER_KEY);
        let most_pages = (most_bytes / (PAGE_WORDS * size_of::<u64>())).max(1);
        let most_others = keys.len() / 16;
        let in_reach = |key: &i64| ((key >> PAGE_BITS) - middle).abs() <= REACH;
        let (mut least, mut greatest) = (middle, middle);
        for page in keys
            .iter()
            .filter(|key| in_reach(key))
            .map(|key| key >> PAGE_BITS)
        {
            least = least.min(page);
            greatest = greatest.max(page);
        }
        let mut set = Self {
            first: least,
            places: vec![NONE; usize::try_from(greatest - least + 1).ok()?],
            words: vec![],
            others: HashSet::new(),
        };
        for &key in keys {
            if !set.insert(key) && set.others.insert(key) && set.others.len() > most_others {
                return None;
            }
            if set.words.len() > most_pages * PAGE_WORDS {
                return None;
            }
        }
        Some(set)
    }

    /// Says whether a key is in the set.
    #[inline]
    pub(crate) fn contains(&self, key: i64) -> bool {
        match self.slot(key).map(|slot| self.places[slot]) {
            Some(NONE) => false,
            Some(place) => self.words[word(place, key)] >> (key & 63) & 1 == 1,
            None => !self.others.is_empty() && self.others.contains(&key),
        }
    }

    /// Puts a key into its page; false if it is out of reach.
    fn insert(&mut self, key: i64) -> bool {
        let Some(slot) = self.slot(key) else {
            return false;
        };
        if self.places[slot] == NONE {
            // There are no more pages than `places` has room for.
            self.places[slot] = u32::try_from(self.words.len() / PAGE_WORDS).unwrap_or(NONE);
            self.words.resize(self.words.len() + PAGE_WORDS, 0);
        }
        let word = word(self.places[slot], key);
        self.words[word] |= 1 << (key & 63);
        true
    }

    /// Returns which of `places` is a key's, if any is.
    #[inline]
    fn slot(&self, key: i64) -> Option<usize> {
        let slot = usize::try_from((key >> PAGE_BITS).wrapping_sub(self.first)).ok()?;
        (slot < self.places.len()).then_some(slot)
    }
}

/// Returns the word of a key, in the page that begins at a place.
#[inline]
fn word(place: u32, key: i64) -> usize {
    place as usize * PAGE_WORDS + (key.cast_unsigned() >> 6) as usize % PAGE_WORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a set says of keys around those that are in it, and of the greatest ones.
    fn assert_exact(keys: &[i64]) {
        let set = KeySet::new(keys).expect("they lie close together");
        let known: HashSet<_> = keys.iter().copied().collect();
        let near = |key: &i64| {
            [
                key - 65_536,
                key - 64,
                key - 1,
                *key,
                key + 1,
                key + 64,
                key + 65_536,
            ]
        };
        let asked = keys
            .iter()
            .flat_map(near)
            .chain([i64::MIN, -1, 0, 1, i64::MAX]);
        for key in asked {
            assert_eq!(set.contains(key), known.contains(&key), "{key}");
        }
    }

    #[test]
    fn exactly_the_keys_that_were_put_in_are_in_it() {
        assert_exact(&[]);
        assert_exact(&[7]);
        assert_exact(&(0..100_000).step_by(3).collect::<Vec<_>>());
        assert_exact(&(-70_000..70_000).step_by(7).collect::<Vec<_>>());
        let begin = 1 << 53;
        assert_exact(&(begin..begin + 200_000).step_by(2).collect::<Vec<_>>());
    }

    #[test]
    fn a_few_keys_may_lie_elsewhere() {
        let mut keys: Vec<_> = (0..100_000).collect();
        keys.extend([
            i64::MIN + 100_000,
            -(1 << 40),
            (1 << 53) + 1,
            i64::MAX - 100_000,
        ]);
        assert_exact(&keys);
    }

    #[test]
    fn keys_far_from_each_other_are_left_to_a_filter() {
        let apart = |step: usize| {
            KeySet::new(&(0..i64::MAX).step_by(step).take(10_000).collect::<Vec<_>>())
        };
        assert!(apart(1 << 10).is_none(), "a page for few keys");
        assert!(apart(1 << 40).is_none(), "all out of reach");
        assert!(apart(64).is_some());
    }
}
