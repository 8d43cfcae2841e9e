//! Single integer keys: pages addressed by the key, or a hash map if the keys are sparse.

use std::borrow::Cow;

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
const KEYS_PER_PAGE: usize = 256;
/// The directory may span this many pages for each page that exists.
const SPAN_PER_PAGE: usize = 1024;

type Page = Box<[u32; PAGE_SLOTS]>;

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
}

impl IntegerTable {
    pub(super) fn update(&mut self, keys: &[i64], f: &mut impl FnMut(usize, &mut u32)) {
        let mut rows = keys.iter().copied().enumerate();
        if let Self::Paged(paged) = self {
            let sparse = loop {
                let Some((row, key)) = rows.next() else {
                    return;
                };
                if let Some(slot) = paged.slot(key) {
                    let fresh = *slot == NO_ROW;
                    f(row, slot);
                    paged.keys += usize::from(fresh);
                } else {
                    break (row, key);
                }
            };
            let mut table = paged.take_hashed();
            f(sparse.0, hashed_slot(&mut table, sparse.1));
            *self = Self::Hashed(table);
        }
        if let Self::Hashed(table) = self {
            for (row, key) in rows {
                f(row, hashed_slot(table, key));
            }
        }
    }

    pub(super) fn probe(&self, keys: &[i64]) -> Vec<u32> {
        match self {
            // Nothing but the loads in this loop, so that many of them are under way at once.
            Self::Paged(paged) => keys.iter().map(|&key| paged.get(key)).collect(),
            Self::Hashed(table) => {
                let find = |&key| table.find(hash(key), |entry| entry.0 == key);
                let value = |found: Option<&(i64, u32)>| found.map_or(NO_ROW, |entry| entry.1);
                keys.iter().map(find).map(value).collect()
            }
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
                slots.copied().for_each(f);
            }
            Self::Hashed(table) => table.iter().for_each(|entry| f(entry.1)),
        }
    }
}

impl Paged {
    #[inline]
    fn get(&self, key: i64) -> u32 {
        let page = (key >> PAGE_BITS).wrapping_sub(self.first);
        match usize::try_from(page)
            .ok()
            .and_then(|page| self.directory.get(page))
        {
            Some(Some(page)) => page[slot_of(key)],
            _ => NO_ROW,
        }
    }

    /// Returns the key's slot, or `None` if the keys are too sparse to go on with pages.
    #[inline]
    fn slot(&mut self, key: i64) -> Option<&mut u32> {
        let page = (key >> PAGE_BITS).wrapping_sub(self.first);
        let page = match usize::try_from(page) {
            Ok(page) if matches!(self.directory.get(page), Some(Some(_))) => page,
            _ => self.add_page(key >> PAGE_BITS)?,
        };
        let page = self.directory[page].as_mut()?;
        Some(&mut page[slot_of(key)])
    }

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
        let mut table = HashTable::with_capacity(self.keys * 2);
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

fn hash(key: i64) -> u64 {
    xxhash_rust::xxh3::xxh3_64(&key.to_le_bytes())
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
