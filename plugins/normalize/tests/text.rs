//! What `normalize` makes of text, natively and without a host.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, cast::AsArray};
use arrow_schema::{DataType, Field, Schema};
use serde_json::{Value, json};
use wigeon_normalize::Normalize;
use wigeon_sdk::native::transform;

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("postcode", DataType::Utf8, true),
    ])
}

fn normalized(options: Value) -> Vec<Option<String>> {
    let texts = [Some(" sw19 "), Some(""), Some("  "), None, Some("Straße")];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(0..5)),
        Arc::new(StringArray::from(texts.to_vec())),
    ];
    let batch = RecordBatch::try_new(Arc::new(schema()), columns).unwrap();
    let emitted = transform::<Normalize>(options, &schema(), std::slice::from_ref(&batch)).unwrap();
    assert_eq!(emitted[0].column(0), batch.column(0));
    let column = emitted[0].column(1).as_string::<i32>();
    column.iter().map(|text| text.map(str::to_owned)).collect()
}

fn texts(texts: [Option<&str>; 5]) -> Vec<Option<String>> {
    texts.iter().map(|text| text.map(str::to_owned)).collect()
}

#[test]
fn text_is_trimmed_and_empty_text_is_null_unless_told_otherwise() {
    let columns = json!({ "columns": ["postcode"] });
    let expected = [Some("sw19"), None, None, None, Some("Straße")];
    assert_eq!(normalized(columns), texts(expected));
    let as_it_is = json!({ "columns": ["postcode"], "trim": false, "empty_to_null": false });
    let expected = [Some(" sw19 "), Some(""), Some("  "), None, Some("Straße")];
    assert_eq!(normalized(as_it_is), texts(expected));
}

#[test]
fn case_is_mapped_as_unicode_says() {
    let upper = json!({ "columns": ["postcode"], "case": "upper" });
    assert_eq!(
        normalized(upper),
        texts([Some("SW19"), None, None, None, Some("STRASSE")])
    );
}

#[test]
fn a_column_that_is_no_text_is_refused() {
    let refused = transform::<Normalize>(json!({ "columns": ["id"] }), &schema(), &[]);
    let says = "`columns` names `id`, which is Int64, not text";
    assert_eq!(refused.unwrap_err().to_string(), says);
}
