//! Which keys occur, as a set that now and then says yes to another key, and never no to one that
//! is in it.

/// Keys for each 64-bit word. With four, about one other key in 200 is let through.
const KEYS_PER_WORD: usize = 4;

/// A Bloom filter over the exchange's hashes of keys.
///
/// The bits of a key are all in one word, so that asking for it waits for memory once.
#[derive(Debug)]
pub(crate) struct KeyFilter {
    /// A power of two of them.
    words: Vec<u64>,
}

impl KeyFilter {
    /// Makes a filter that lets these keys through.
    pub(crate) fn new(hashes: &[u64]) -> Self {
        let words = hashes.len().div_ceil(KEYS_PER_WORD).next_power_of_two();
        let mut filter = Self {
            words: vec![0; words],
        };
        for &hash in hashes {
            let word = filter.word(hash);
            filter.words[word] |= bits(hash);
        }
        filter
    }

    /// Says whether the filter lets a key through.
    #[inline]
    pub(crate) fn lets_through(&self, hash: u64) -> bool {
        let bits = bits(hash);
        self.words[self.word(hash)] & bits == bits
    }

    #[inline]
    fn word(&self, hash: u64) -> usize {
        // The last eight bits are the bucket, which all keys of a pass may share.
        (hash >> 8) as usize & (self.words.len() - 1)
    }
}

/// Returns the bits of a key in its word: three, of the highest bits of the hash.
#[inline]
fn bits(hash: u64) -> u64 {
    (1 << (hash >> 58)) | (1 << (hash >> 52 & 63)) | (1 << (hash >> 46 & 63))
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    fn hashes(keys: std::ops::Range<u64>) -> Vec<u64> {
        keys.map(|key| xxh3_64(&key.to_le_bytes())).collect()
    }

    #[test]
    fn every_key_that_is_in_it_is_let_through() {
        for keys in [0, 1, 3, 4, 5, 1_000, 65_536] {
            let inside = hashes(0..keys);
            let filter = KeyFilter::new(&inside);
            assert!(inside.iter().all(|&hash| filter.lets_through(hash)));
        }
    }

    #[test]
    fn few_others_are() {
        let filter = KeyFilter::new(&hashes(0..131_072));
        let others = hashes(1_000_000..2_000_000);
        let through = others.iter().filter(|&&hash| filter.lets_through(hash));
        assert!(through.count() < 10_000);
    }

    #[test]
    fn keys_of_one_bucket_spread_as_well() {
        let of_bucket = |keys| hashes(keys).into_iter().filter(|hash| hash % 256 == 7);
        let inside: Vec<u64> = of_bucket(0..4_000_000).collect();
        let filter = KeyFilter::new(&inside);
        let others: Vec<u64> = of_bucket(10_000_000..14_000_000).collect();
        let through = others.iter().filter(|&&hash| filter.lets_through(hash));
        assert!(through.count() < others.len() / 100);
    }

    #[test]
    fn an_empty_filter_lets_nothing_through() {
        let filter = KeyFilter::new(&[]);
        assert!(!hashes(0..1_000).into_iter().any(|h| filter.lets_through(h)));
    }
}
