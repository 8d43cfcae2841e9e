//! A map from keys of any number of columns to a row number.
//!
//! Integer keys of real tables are dense or nearly so, and a table addressed by the key itself
//! builds and probes several times faster than a hash map. So a single integer key starts out in
//! pages of 4,096 slots, and moves to a hash map when the keys turn out to be sparse. Strings are
//! hashed as they are, and composite keys encoded as bytes.

mod batch_keys;
mod bytes;
mod integers;

use arrow_array::ArrayRef;
use arrow_schema::DataType;

use crate::{Error, NO_ROW};
use batch_keys::is_encodable;
use bytes::BytesTable;
pub(crate) use integers::timestamps;

use integers::{IntegerTable, integers, is_integer};

/// A map from keys to `u32` values, [`NO_ROW`] where a key has none yet.
///
/// Keys are rows of one or several columns: integers, dates, timestamps, booleans, strings and
/// binary. Integers of different widths are the same key if they are the same number.
#[derive(Debug)]
pub struct KeyMap {
    table: Table,
}

#[derive(Debug)]
enum Table {
    Integers(IntegerTable),
    Bytes(BytesTable),
}

impl KeyMap {
    /// Makes a map for keys of these column types.
    ///
    /// # Errors
    ///
    /// - [`Error::Schema`] if there is no column, or a column of another type.
    pub fn try_new<'a>(types: impl IntoIterator<Item = &'a DataType>) -> Result<Self, Error> {
        let types: Vec<_> = types.into_iter().collect();
        let table = match types.as_slice() {
            [] => return Err(Error::schema("a key needs at least one column")),
            [single] if is_integer(single) => Table::Integers(IntegerTable::default()),
            several => {
                if let Some(other) = several.iter().find(|t| !is_encodable(t)) {
                    return Err(Error::schema(format!("a key column cannot be {other}")));
                }
                Table::Bytes(BytesTable::default())
            }
        };
        Ok(Self { table })
    }

    /// Calls `f` with the number and the slot of each row's key, in order. A slot that `f` leaves
    /// at [`NO_ROW`] is as good as none.
    ///
    /// # Panics
    ///
    /// Panics if the columns are not of the types given to [`KeyMap::try_new`].
    pub fn update(&mut self, key: &[ArrayRef], mut f: impl FnMut(usize, &mut u32)) {
        match &mut self.table {
            Table::Integers(table) => table.update(&integers(&key[0]), &mut f),
            Table::Bytes(table) => table.update(key, &mut f),
        }
    }

    /// Returns the value of each row's key, [`NO_ROW`] where it has none.
    ///
    /// # Panics
    ///
    /// Panics if the columns are not of the types given to [`KeyMap::try_new`].
    pub fn probe(&self, key: &[ArrayRef]) -> Vec<u32> {
        match &self.table {
            Table::Integers(table) => table.probe(&integers(&key[0])),
            Table::Bytes(table) => table.probe(key),
        }
    }

    /// Calls `f` with every value that is not [`NO_ROW`], in no order.
    pub fn for_each_value(&self, mut f: impl FnMut(u32)) {
        let mut each = |value| {
            if value != NO_ROW {
                f(value);
            }
        };
        match &self.table {
            Table::Integers(table) => table.for_each_value(&mut each),
            Table::Bytes(table) => table.for_each_value(&mut each),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, reason = "far fewer rows than 2^32")]

    use std::{collections::HashMap, sync::Arc};

    use arrow_array::{Int32Array, Int64Array, StringArray, UInt64Array};
    use proptest::prelude::*;

    use super::*;

    /// What a plain map gives for the same rows: the last row of each key.
    fn check(keys: &[i64], probes: &[i64]) {
        let mut map = KeyMap::try_new([&DataType::Int64]).unwrap();
        let mut model = HashMap::new();
        for (part, chunk) in keys.chunks(7).enumerate() {
            let array: ArrayRef = Arc::new(Int64Array::from(chunk.to_vec()));
            map.update(&[array], |row, slot| *slot = (part * 7 + row) as u32);
        }
        for (row, key) in keys.iter().enumerate() {
            model.insert(*key, row as u32);
        }
        let array: ArrayRef = Arc::new(Int64Array::from(probes.to_vec()));
        let found = map.probe(&[array]);
        let expected: Vec<_> = probes
            .iter()
            .map(|key| model.get(key).copied().unwrap_or(NO_ROW))
            .collect();
        assert_eq!(found, expected);
        let mut values = vec![];
        map.for_each_value(|value| values.push(value));
        values.sort_unstable();
        let mut expected: Vec<_> = model.values().copied().collect();
        expected.sort_unstable();
        assert_eq!(values, expected);
    }

    proptest! {
        #[test]
        fn integers_map_like_a_plain_map(
            keys in prop::collection::vec(prop_oneof![any::<i64>(), -50_000..50_000_i64], 0..300),
            probes in prop::collection::vec(prop_oneof![any::<i64>(), -50_000..50_000_i64], 0..300),
        ) {
            check(&keys, &probes);
            check(&keys, &keys);
        }

        #[test]
        fn composite_keys_map_like_a_plain_map(
            keys in prop::collection::vec((0..5_i64, "[ab]{0,3}|a{6}[ab]{1,12}"), 1..200),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut map = KeyMap::try_new([&DataType::Int64, &DataType::Utf8]).unwrap();
            let (numbers, texts): (Vec<_>, Vec<_>) = keys.iter().cloned().unzip();
            let columns: [ArrayRef; 2] =
                [Arc::new(Int64Array::from(numbers)), Arc::new(StringArray::from(texts))];
            map.update(&columns, |row, slot| *slot = row as u32);
            let model: HashMap<_, _> = keys.iter().cloned().zip(0_u32..).collect();
            let expected: Vec<u32> = keys.iter().map(|key| model[key]).collect();
            prop_assert_eq!(&map.probe(&columns), &expected);
            let cut = cut.index(keys.len());
            let columns = columns.map(|column| column.slice(cut, keys.len() - cut));
            prop_assert_eq!(&map.probe(&columns), &expected[cut..]);
        }
    }

    #[test]
    fn dense_keys_that_turn_sparse_stay_found() {
        let keys: Vec<i64> = (0..100_000)
            .chain((0..10_000).map(|i| i * 1_000_003))
            .collect();
        check(&keys, &keys);
    }

    #[test]
    fn the_same_number_in_another_width_is_the_same_key() {
        let mut map = KeyMap::try_new([&DataType::Int64]).unwrap();
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![-7, 8]));
        map.update(&[wide], |row, slot| *slot = row as u32);
        let narrow: ArrayRef = Arc::new(Int32Array::from(vec![8, -7, 9]));
        assert_eq!(map.probe(&[narrow]), [1, 0, NO_ROW]);
        let unsigned: ArrayRef = Arc::new(UInt64Array::from(vec![8]));
        assert_eq!(map.probe(&[unsigned]), [1]);
    }

    #[test]
    fn composite_keys_do_not_run_together() {
        let mut map = KeyMap::try_new([&DataType::Utf8, &DataType::Utf8]).unwrap();
        let left: ArrayRef = Arc::new(StringArray::from(vec!["ab", "a"]));
        let right: ArrayRef = Arc::new(StringArray::from(vec!["c", "bc"]));
        map.update(&[left, right], |row, slot| {
            assert_eq!(*slot, NO_ROW);
            *slot = row as u32;
        });
    }

    #[test]
    fn floats_are_no_keys() {
        let error = KeyMap::try_new([&DataType::Float64]).unwrap_err();
        assert_eq!(error, Error::schema("a key column cannot be Float64"));
    }
}
