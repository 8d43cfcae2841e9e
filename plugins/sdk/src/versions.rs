//! The versions of many keys, each key's in the order of `valid_from`.
//!
//! Most keys have one version. So the [`KeyMap`] knows a key's newest version only, and the few
//! older ones hang behind it in a chain. The tables for the chains are as long as they must be.
//! A probe of a key with one version reads its slot in the map and one bit, and nothing else: with
//! millions of keys each further read is one from memory rather than from the cache.

mod times;

use std::borrow::Cow;

use arrow_array::ArrayRef;
use arrow_schema::{Field, Schema};

use crate::{Error, Host, KeyMap, NO_ROW, Origin, Selection, key_map::timestamps};
use times::Times;

/// How many pairs of versions are compared in one call of the host.
const COMPARED_AT_ONCE: usize = 262_144;

/// Versions of keys, under the numbers by which the host keeps them.
///
/// First every version is pushed, then [`Versions::settle`] is called once, then the set is read.
/// Consecutive versions of a key with the same payload are one version that began with the
/// earliest: that a key was away for a time does not make another version of it.
#[derive(Debug)]
pub struct Versions {
    newest: KeyMap,
    /// The host's number of the first version.
    first: u32,
    valid_from: Times,
    /// For a version, the one before it in time; shorter than `valid_from` if no later one has any.
    older: Vec<u32>,
    /// Which versions have one before them.
    chained: Bits,
    /// Which versions have the payload of the one before.
    repeats: Bits,
}

impl Versions {
    /// Makes an empty set with the key `key` of versions of the schema `schema`, the first of
    /// which the host keeps under the number `first`.
    ///
    /// # Errors
    ///
    /// - [`Error::Schema`] if a column cannot be part of a key.
    pub fn try_new(schema: &Schema, key: &[usize], first: u32) -> Result<Self, Error> {
        let types = key.iter().map(|&column| schema.field(column).data_type());
        Ok(Self {
            newest: KeyMap::try_new(types)?,
            first,
            valid_from: Times::default(),
            older: vec![],
            chained: Bits::default(),
            repeats: Bits::default(),
        })
    }

    /// Returns how many versions were pushed.
    pub fn len(&self) -> usize {
        self.valid_from.len()
    }

    /// Says whether no version was pushed.
    pub fn is_empty(&self) -> bool {
        self.valid_from.len() == 0
    }

    /// Adds the versions of one batch: its key columns and its `valid_from`, a timestamp.
    ///
    /// # Errors
    ///
    /// - [`Error::Data`] if a key has two versions from the same time.
    ///
    /// # Panics
    ///
    /// Panics if `valid_from` is not a timestamp.
    pub fn push(&mut self, key: &[ArrayRef], valid_from: &ArrayRef) -> Result<(), Error> {
        let base = self.valid_from.len();
        self.valid_from.extend(&instants(valid_from));
        let Self {
            newest,
            valid_from,
            older,
            ..
        } = self;
        let mut twice = false;
        newest.update(key, |row, newest| {
            let version = base + row;
            if *newest == NO_ROW {
                *newest = number(version);
            } else {
                twice |= !chain(newest, older, valid_from, version);
            }
        });
        if twice {
            return Err(Error::data("a key has two versions from the same time"));
        }
        Ok(())
    }

    /// Finds out which versions repeat the one before them in the columns `payload`.
    pub fn settle(&mut self, payload: &[usize], host: &mut Host<'_>) {
        self.chained = Bits::new(self.older.len());
        self.repeats = Bits::new(self.older.len());
        let (newer, older): (Vec<u32>, Vec<u32>) = (0..)
            .zip(&self.older)
            .filter(|(_, older)| **older != NO_ROW)
            .map(|(newer, older)| (newer, *older))
            .unzip();
        let kept = |versions: &[u32]| {
            let numbers = versions
                .iter()
                .map(|version| version + self.first)
                .collect();
            Selection::new(Origin::Kept, numbers)
        };
        for (newer, older) in newer
            .chunks(COMPARED_AT_ONCE)
            .zip(older.chunks(COMPARED_AT_ONCE))
        {
            let differ = host.differ(kept(newer), payload, kept(older), payload);
            for (&newer, differs) in newer.iter().zip(differ) {
                self.chained.set(newer);
                if !differs {
                    self.repeats.set(newer);
                }
            }
        }
    }

    /// Returns the most recent version of each row's key, [`NO_ROW`] where it has none.
    pub fn most_recent(&self, key: &[ArrayRef]) -> Vec<u32> {
        let mut versions = self.newest.probe(key);
        if self.first > 0 || !self.older.is_empty() {
            for version in versions.iter_mut().filter(|version| **version != NO_ROW) {
                *version = self.beginning_at(*version) + self.first;
            }
        }
        versions
    }

    /// Returns for each row the version that held at its time, going back from its key's most
    /// recent one: the last with `valid_from <= time`. A row without versions has none, and one
    /// that is older than the first version has that if `first_counts_before`, or none.
    ///
    /// # Panics
    ///
    /// Panics if `most_recent.len() != times.len()`.
    pub fn as_of(&self, most_recent: &[u32], times: &[i64], first_counts_before: bool) -> Vec<u32> {
        assert_eq!(most_recent.len(), times.len(), "a time for each row");
        // Without a later version, and without a time that a version must have begun by, there is
        // nothing to look at.
        if first_counts_before && self.older.is_empty() {
            return most_recent.to_vec();
        }
        let version_at = |(&newest, &time): (&u32, &i64)| {
            if newest == NO_ROW {
                return NO_ROW;
            }
            let mut version = newest;
            while self.chained.get(version - self.first) {
                if self.valid_from(version) <= time {
                    return version;
                }
                version = self.before(version);
            }
            if first_counts_before || self.valid_from(version) <= time {
                version
            } else {
                NO_ROW
            }
        };
        most_recent.iter().zip(times).map(version_at).collect()
    }

    /// Calls `f` with the most recent version of every key, in no order.
    pub fn for_each_most_recent(&self, mut f: impl FnMut(u32)) {
        self.newest
            .for_each_value(|version| f(self.beginning_at(version) + self.first));
    }

    /// Returns when `version` began to hold, in the unit of the pushed timestamps.
    pub fn valid_from(&self, version: u32) -> i64 {
        self.valid_from.get((version - self.first) as usize)
    }

    /// Returns the version before `version`, [`NO_ROW`] if it is the first.
    pub fn before(&self, version: u32) -> u32 {
        match self.older.get((version - self.first) as usize) {
            Some(&older) if older != NO_ROW => self.beginning_at(older) + self.first,
            _ => NO_ROW,
        }
    }

    /// Goes back from `version` to the version that it repeats, itself if it repeats none.
    pub fn beginning(&self, version: u32) -> u32 {
        self.beginning_at(version - self.first) + self.first
    }

    #[inline]
    fn beginning_at(&self, mut version: u32) -> u32 {
        while self.repeats.get(version) {
            version = self.older[version as usize];
        }
        version
    }
}

/// One bit for each of some numbers; those beyond the last have none set.
#[derive(Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn new(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    fn set(&mut self, number: u32) {
        self.0[number as usize / 64] |= 1 << (number % 64);
    }

    #[inline]
    fn get(&self, number: u32) -> bool {
        let word = self.0.get(number as usize / 64);
        word.is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

/// Puts one more version of a key into its chain, which begins at `newest`. Returns whether its
/// time is a new one.
#[inline(never)]
fn chain(newest: &mut u32, older: &mut Vec<u32>, valid_from: &Times, version: usize) -> bool {
    let from = valid_from.get(version);
    let mut place = newest;
    // Nearly always the version is the newest.
    while *place != NO_ROW && valid_from.get(*place as usize) > from {
        let newer = *place as usize;
        grow(older, newer);
        place = &mut older[newer];
    }
    let before = std::mem::replace(place, number(version));
    if before == NO_ROW {
        return true;
    }
    grow(older, version);
    older[version] = before;
    valid_from.get(before as usize) != from
}

fn grow(older: &mut Vec<u32>, version: usize) {
    if older.len() <= version {
        older.resize(version + 1, NO_ROW);
    }
}

fn number(version: usize) -> u32 {
    u32::try_from(version).expect("the host keeps fewer than 2^32 rows")
}

/// Returns the values of a timestamp column in its own unit. What stands for a null is not
/// specified.
///
/// # Panics
///
/// Panics if the column is not a timestamp.
pub fn instants(column: &ArrayRef) -> Cow<'_, [i64]> {
    timestamps(column)
}

/// Returns the column `valid_from`, which ends every schema of versions.
///
/// # Errors
///
/// - [`Error::Schema`] if the last column is not that.
pub fn valid_from(versions: &Schema) -> Result<(usize, &Field), Error> {
    let column = versions.fields().len().checked_sub(1);
    let column = column.map(|column| (column, versions.field(column)));
    column
        .filter(|(_, field)| field.name() == "valid_from" && !field.is_nullable())
        .ok_or_else(|| Error::schema("the versions do not end with `valid_from`"))
}
