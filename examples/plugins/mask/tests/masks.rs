//! What `mask` makes of values, natively and without a host.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, Int32Array, RecordBatch, StringArray, UInt64Array, cast::AsArray,
};
use arrow_schema::{DataType, Field, Schema};
use serde_json::{Value, json};
use wigeon_example_mask::Mask;
use wigeon_sdk::{Error, native::transform};

const KEY: &str = "0f0e0d0c0b0a09080706050403020100000102030405060708090a0b0c0d0e0f";

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("id", DataType::Int32, false),
        Field::new("email", DataType::Utf8, true),
        Field::new("number", DataType::UInt64, true),
        Field::new("code", DataType::Binary, true),
        Field::new("score", DataType::Float64, true),
    ])
}

fn rows() -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![42, -1, 7])),
        Arc::new(StringArray::from(vec![Some("42"), None, Some("")])),
        Arc::new(UInt64Array::from(vec![Some(42), None, Some(u64::MAX)])),
        Arc::new(BinaryArray::from_opt_vec(vec![
            Some(b"42"),
            None,
            Some(b"x"),
        ])),
        arrow_array::new_null_array(&DataType::Float64, 3),
    ];
    RecordBatch::try_new(Arc::new(schema()), columns).unwrap()
}

fn masked(options: Value) -> Result<RecordBatch, Error> {
    transform::<Mask>(options, &schema(), &[rows()]).map(|mut batches| batches.remove(0))
}

fn texts(batch: &RecordBatch, column: usize) -> Vec<Option<String>> {
    let texts = batch.column(column).as_string::<i32>();
    texts.iter().map(|text| text.map(str::to_owned)).collect()
}

// region: native-test
#[test]
fn chosen_columns_are_hashed_under_the_key_and_the_others_are_left_alone() {
    let options = json!({ "columns": ["email"], "key": KEY });
    let batch = masked(options).unwrap();
    let key = blake3::Hash::from_hex(KEY).unwrap();
    let mask = |text: &str| {
        let hash = blake3::keyed_hash(key.as_bytes(), text.as_bytes());
        Some(hash.to_hex().to_string())
    };
    assert_eq!(texts(&batch, 1), [mask("42"), None, mask("")]);
    assert_eq!(batch.column(0), rows().column(0));
}
// endregion: native-test

#[test]
fn a_value_has_one_mask_whatever_its_type() {
    let columns = json!({ "columns": ["id", "email", "number", "code"], "key": KEY });
    let batch = masked(columns).unwrap();
    let first: Vec<_> = (0..4)
        .map(|column| texts(&batch, column).remove(0))
        .collect();
    assert!(first.iter().all(|mask| *mask == first[0]), "{first:?}");
    assert_eq!(batch.schema().field(0).data_type(), &DataType::Utf8);
    assert!(!batch.schema().field(0).is_nullable());
    assert_eq!(batch.column(3).null_count(), 1);
}

#[test]
fn another_key_gives_another_mask() {
    let mask = |key: &str| {
        let batch = masked(json!({ "columns": ["id"], "key": key })).unwrap();
        texts(&batch, 0).remove(0)
    };
    let text = "correct horse battery staple";
    assert_eq!(mask(text), mask(text));
    assert_ne!(mask(text), mask(KEY));
    assert_ne!(mask(text), mask("correct horse battery stable"));
    // 64 characters that are no hexadecimal digits are a text like any other.
    assert_ne!(mask(&"z".repeat(64)), mask(&"y".repeat(64)));
}

#[test]
fn what_cannot_be_masked_is_refused_and_the_key_is_not_told() {
    let says = |columns: &str, key: &str| {
        let refused = masked(json!({ "columns": [columns], "key": key }));
        refused.unwrap_err().to_string()
    };
    assert_eq!(
        says("score", KEY),
        "`columns` names `score`, which is Float64: only text, binary and integers can be masked"
    );
    assert_eq!(
        says("name", KEY),
        "`columns` names `name`, which is no column"
    );
    assert_eq!(
        says("id", "hunter2"),
        "`key` is too short: 16 bytes of text at least, or 64 hexadecimal digits"
    );
}
