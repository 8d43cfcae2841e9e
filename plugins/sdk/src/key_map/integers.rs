//! Single integer keys: pages addressed by the key, or a hash map if the keys are sparse.
//!
//! A few keys far from the others, such as one that stands for "unknown", do not make the others
//! sparse: they go to a small hash map beside the pages.

use std::{array, borrow::Cow};

use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, cast::AsArray, types as arrow};
use arrow_schema::{DataType, TimeUnit};
use hashbrown::HashTable;

use crate::NO_ROW;

const PAGE_BITS: u32 = 12;
const PAGE_SLOTS: usize = 1 << PAGE_BITS;
const SLOT_MASK: i64 = (1 << PAGE_BITS) - 1;
/// Below this many pages (1 MiB of slots) it does not matter how full they are.
const FREE_PAGES: usize = 64;
/// A page must hold this many keys on average, or the keys count as sparse: a hash map takes 16
/// bytes a key and more, a page 16 KiB.
const KEYS_PER_PAGE: usize = 96;
/// As many keys may lie outside the pages as inside, and at least this many.
const FREE_OUTLIERS: usize = 4096;
/// The directory may span this many pages for each page that exists.
const SPAN_PER_PAGE: usize = 1024;

/// So many keys are probed in each turn of a loop, as Wasm looks at the epoch in every turn.
const GROUP: usize = 4;
/// The pages of so many groups of keys are found before their slots are read.
const GROUPS_AT_ONCE: usize = 16;

/// Any number but 0.
const SEED: u64 = 1;

type Page = Box<[u32; PAGE_SLOTS]>;

static EMPTY_PAGE: [u32; PAGE_SLOTS] = [NO_ROW; PAGE_SLOTS];

#[derive(Debug)]
pub(super) enum IntegerTable {
    Paged(Paged),
    Hashed(HashTable<(i64, u32)>),
}

impl Default for IntegerTable {
    fn default() -> Self {
        Self::Paged(Paged::default())
    }
}

#[derive(Debug, Default)]
pub(super) struct Paged {
    /// The number (`key >> PAGE_BITS`) of the first page of the directory.
    first: i64,
    directory: Vec<Option<Page>>,
    pages: usize,
    keys: usize,
    /// Keys for which no page was added. Their page may have been added later.
    outliers: HashTable<(i64, u32)>,
}

impl IntegerTable {
    pub(super) fn update(&mut self, keys: &[i64], f: &mut impl FnMut(usize, &mut u32)) {
        let mut row = 0;
        if let Self::Paged(paged) = self {
            row = paged.update_pages(keys, 0, f);
            while let Some(&key) = keys.get(row) {
                let slot = paged.slot(key);
                let fresh = *slot == NO_ROW;
                f(row, slot);
                paged.keys += usize::from(fresh);
                row += 1;
                if paged.is_sparse() {
                    *self = Self::Hashed(paged.take_hashed());
                    break;
                }
                row = paged.update_pages(keys, row, f);
            }
        }
        if let Self::Hashed(table) = self {
            for (row, &key) in keys.iter().enumerate().skip(row) {
                f(row, hashed_slot(table, key));
            }
        }
    }

    pub(super) fn probe(&self, keys: &[i64]) -> Vec<u32> {
        match self {
            Self::Paged(paged) => paged.probe(keys),
            Self::Hashed(table) => keys.iter().map(|&key| value_of(table, key)).collect(),
        }
    }

    pub(super) fn for_each_value(&self, f: &mut impl FnMut(u32)) {
        match self {
            Self::Paged(paged) => {
                let slots = paged
                    .directory
                    .iter()
                    .flatten()
                    .flat_map(|page| page.iter());
                slots.copied().for_each(&mut *f);
                paged.outliers.iter().for_each(|entry| f(entry.1));
            }
            Self::Hashed(table) => table.iter().for_each(|entry| f(entry.1)),
        }
    }
}

impl Paged {
    /// Returns the value of each key.
    ///
    /// With millions of keys nearly every slot comes from memory. So some pages are found first,
    /// and then there is nothing but the loads of their slots, many of them under way at once.
    #[inline(never)]
    fn probe(&self, keys: &[i64]) -> Vec<u32> {
        let mut values = Vec::with_capacity(keys.len());
        let (groups, rest) = keys.as_chunks::<GROUP>();
        let mut pages = [[&EMPTY_PAGE; GROUP]; GROUPS_AT_ONCE];
        for groups in groups.chunks(GROUPS_AT_ONCE) {
            for (pages, keys) in pages.iter_mut().zip(groups) {
                *pages = keys.map(|key| self.page(key));
            }
            for (pages, keys) in pages.iter().zip(groups) {
                let value = |i: usize| pages[i][slot_of(keys[i])];
                values.extend_from_slice(&array::from_fn::<_, GROUP, _>(value));
            }
        }
        values.extend(rest.iter().map(|&key| self.page(key)[slot_of(key)]));
        if !self.outliers.is_empty() {
            let unknown = values.iter_mut().zip(keys);
            for (value, &key) in unknown.filter(|(value, _)| **value == NO_ROW) {
                *value = value_of(&self.outliers, key);
            }
        }
        values
    }

    #[inline]
    fn page(&self, key: i64) -> &[u32; PAGE_SLOTS] {
        let page = (key >> PAGE_BITS).wrapping_sub(self.first);
        let page = usize::try_from(page).ok();
        match page.and_then(|page| self.directory.get(page)) {
            Some(Some(page)) => page,
            _ => &EMPTY_PAGE,
        }
    }

    /// Updates rows from `row` on until one's key has no page or is an outlier. Returns the row
    /// that is to be updated next.
    // On its own, the loop keeps what it needs in registers.
    #[inline(never)]
    fn update_pages(
        &mut self,
        keys: &[i64],
        row: usize,
        f: &mut impl FnMut(usize, &mut u32),
    ) -> usize {
        let outliers = (!self.outliers.is_empty()).then_some(&self.outliers);
        let is_outlier = |key| outliers.is_some_and(|table| value_of(table, key) != NO_ROW);
        let mut fresh = 0;
        let mut done = row;
        for &key in &keys[row..] {
            let page = (key >> PAGE_BITS).wrapping_sub(self.first);
            let page = usize::try_from(page).ok();
            let page = page.and_then(|page| self.directory.get_mut(page));
            let Some(Some(page)) = page else {
                break;
            };
            let slot = &mut page[slot_of(key)];
            if *slot == NO_ROW {
                if is_outlier(key) {
                    break;
                }
                fresh += 1;
            }
            f(done, slot);
            done += 1;
        }
        self.keys += fresh;
        done
    }

    /// Returns the key's slot, which has [`NO_ROW`] if the key is new.
    fn slot(&mut self, key: i64) -> &mut u32 {
        let page = (key >> PAGE_BITS).wrapping_sub(self.first);
        let page = match usize::try_from(page) {
            Ok(page) if matches!(self.directory.get(page), Some(Some(_))) => Some(page),
            _ => self.add_page(key >> PAGE_BITS),
        };
        // An outlier stays one when its page is added.
        let outlier = !self.outliers.is_empty() && value_of(&self.outliers, key) != NO_ROW;
        match page.and_then(|page| self.directory[page].as_mut()) {
            Some(page) if !outlier => &mut page[slot_of(key)],
            _ => hashed_slot(&mut self.outliers, key),
        }
    }

    fn is_sparse(&self) -> bool {
        self.outliers.len() > FREE_OUTLIERS && self.outliers.len() > self.keys / 2
    }

    /// Adds a page, or not if it would make the pages too sparse.
    #[cold]
    fn add_page(&mut self, number: i64) -> Option<usize> {
        if self.pages >= FREE_PAGES && self.keys < self.pages * KEYS_PER_PAGE {
            return None;
        }
        if self.directory.is_empty() {
            self.first = number;
        }
        let last = self.first + i64::try_from(self.directory.len()).ok()?;
        let (first, end) = (self.first.min(number), last.max(number + 1));
        let span = usize::try_from(end.checked_sub(first)?).ok()?;
        if span > (self.pages + FREE_PAGES) * SPAN_PER_PAGE {
            return None;
        }
        let before = usize::try_from(self.first - first).ok()?;
        self.directory.splice(0..0, (0..before).map(|_| None));
        self.directory.resize_with(span, || None);
        self.first = first;
        self.pages += 1;
        let page = usize::try_from(number - first).ok()?;
        self.directory[page] = Some(Box::new([NO_ROW; PAGE_SLOTS]));
        Some(page)
    }

    fn take_hashed(&mut self) -> HashTable<(i64, u32)> {
        let mut table = std::mem::take(&mut self.outliers);
        // A key without a value may have one in a page that came later.
        table.retain(|entry| entry.1 != NO_ROW);
        table.reserve(self.keys, |entry| hash(entry.0));
        for (number, page) in (self.first..).zip(std::mem::take(&mut self.directory)) {
            for (slot, value) in (0..).zip(page.iter().flat_map(|page| page.iter())) {
                if *value != NO_ROW {
                    let key = (number << PAGE_BITS) | slot;
                    table.insert_unique(hash(key), (key, *value), |entry| hash(entry.0));
                }
            }
        }
        table
    }
}

#[expect(clippy::cast_sign_loss, reason = "the mask leaves 12 bits")]
fn slot_of(key: i64) -> usize {
    (key & SLOT_MASK) as usize
}

fn hashed_slot(table: &mut HashTable<(i64, u32)>, key: i64) -> &mut u32 {
    let entry = table.entry(hash(key), |entry| entry.0 == key, |entry| hash(entry.0));
    &mut entry.or_insert((key, NO_ROW)).into_mut().1
}

fn value_of(table: &HashTable<(i64, u32)>, key: i64) -> u32 {
    let found = table.find(hash(key), |entry| entry.0 == key);
    found.map_or(NO_ROW, |entry| entry.1)
}

/// XXH3 with a seed: without one all keys of a lane would agree in the bits that lanes are told
/// apart by.
fn hash(key: i64) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(&key.to_le_bytes(), SEED)
}

/// Says whether a key column of this type can be told apart by one `i64`.
pub(super) fn is_integer(data_type: &DataType) -> bool {
    data_type.is_integer()
        || matches!(
            data_type,
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _) | DataType::Boolean
        )
}

/// Returns the values of a column for which [`is_integer`] holds: borrowed if they have 64 bits.
///
/// # Panics
///
/// Panics for a column of another type.
pub(super) fn integers(column: &ArrayRef) -> Cow<'_, [i64]> {
    match column.data_type() {
        DataType::Int8 => widened::<arrow::Int8Type>(column),
        DataType::Int16 => widened::<arrow::Int16Type>(column),
        DataType::Int32 => widened::<arrow::Int32Type>(column),
        DataType::Int64 => values::<arrow::Int64Type>(column),
        DataType::UInt8 => widened::<arrow::UInt8Type>(column),
        DataType::UInt16 => widened::<arrow::UInt16Type>(column),
        DataType::UInt32 => widened::<arrow::UInt32Type>(column),
        // The same bits: numbers beyond 2^63 stay apart from all others of their column.
        DataType::UInt64 => {
            let values = column.as_primitive::<arrow::UInt64Type>().values();
            values.iter().map(|&value| value.cast_signed()).collect()
        }
        DataType::Date32 => widened::<arrow::Date32Type>(column),
        DataType::Date64 => values::<arrow::Date64Type>(column),
        DataType::Timestamp(_, _) => timestamps(column),
        DataType::Boolean => column.as_boolean().values().iter().map(i64::from).collect(),
        other => panic!("{other} is no integer key"),
    }
}

/// Returns the values of a timestamp column in its own unit.
///
/// # Panics
///
/// Panics if the column is not a timestamp.
pub(crate) fn timestamps(column: &ArrayRef) -> Cow<'_, [i64]> {
    match column.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => values::<arrow::TimestampSecondType>(column),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            values::<arrow::TimestampMillisecondType>(column)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            values::<arrow::TimestampMicrosecondType>(column)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            values::<arrow::TimestampNanosecondType>(column)
        }
        other => panic!("{other} is no timestamp"),
    }
}

fn values<T: ArrowPrimitiveType<Native = i64>>(column: &ArrayRef) -> Cow<'_, [i64]> {
    Cow::Borrowed(column.as_primitive::<T>().values())
}

fn widened<T>(column: &ArrayRef) -> Cow<'_, [i64]>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64>,
{
    let values = column.as_primitive::<T>().values();
    values.iter().map(|&value| value.into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(keys: impl IntoIterator<Item = i64>) -> (Vec<i64>, IntegerTable) {
        let keys: Vec<_> = keys.into_iter().collect();
        let mut table = IntegerTable::default();
        table.update(&keys, &mut |row, slot| {
            assert_eq!(*slot, NO_ROW, "the keys are different");
            *slot = u32::try_from(row).unwrap();
        });
        (keys, table)
    }

    fn check(keys: &[i64], table: &IntegerTable) {
        let rows: Vec<_> = (0_u32..).take(keys.len()).collect();
        assert_eq!(table.probe(keys), rows);
        let mut values = vec![];
        table.for_each_value(&mut |value| values.push(value));
        values.retain(|value| *value != NO_ROW);
        values.sort_unstable();
        assert_eq!(values, rows);
    }

    #[test]
    fn a_key_far_away_does_not_make_the_others_sparse() {
        let (keys, table) = table(
            (0..50_000)
                .chain([i64::MAX, i64::MIN])
                .chain(50_000..400_000),
        );
        check(&keys, &table);
        assert!(matches!(table, IntegerTable::Paged(_)));
        assert_eq!(table.probe(&[-1, 400_000, i64::MAX - 1]), [NO_ROW; 3]);
    }

    #[test]
    fn an_outlier_whose_page_comes_later_stays_found() {
        // The first 300 pages get one key each, most of which are outliers, and then all others.
        let pages = 300;
        let first = (0..pages).map(|page| page << PAGE_BITS);
        let others = (0..pages << PAGE_BITS).filter(|key| key & SLOT_MASK != 0);
        let (keys, table) = table(first.chain(others));
        check(&keys, &table);
        assert!(matches!(table, IntegerTable::Paged(_)));
    }

    #[test]
    fn a_key_that_was_left_without_a_value_is_as_good_as_none() {
        let mut table = IntegerTable::default();
        let mut set = |keys: &[i64], row: u32| table.update(keys, &mut |_, slot| *slot = row);
        let pages: Vec<_> = (0..64).map(|page| page << PAGE_BITS).collect();
        let outlier = 64 << PAGE_BITS;
        set(&pages, 1);
        set(&[outlier], NO_ROW);
        // There are enough keys for another page now.
        set(&(1..8192).collect::<Vec<_>>(), 2);
        set(&[outlier], 7);
        set(&(1..=10_000).map(|key| key << 40).collect::<Vec<_>>(), 3);
        assert!(matches!(table, IntegerTable::Hashed(_)));
        assert_eq!(table.probe(&[outlier, 1, 1 << 40, -1]), [7, 2, 3, NO_ROW]);
    }

    #[test]
    fn sparse_keys_are_hashed() {
        let (keys, table) = table((0..20_000).map(|i| i * 1_000_003));
        check(&keys, &table);
        assert!(matches!(table, IntegerTable::Hashed(_)));
    }
}
