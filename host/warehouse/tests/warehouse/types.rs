//! Every column type goes to DuckDB and back unchanged.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, RecordBatch,
    StringArray, StringViewArray, TimestampMicrosecondArray, TimestampNanosecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
    types::{Int8Type, Int32Type, UInt16Type},
};
use arrow_select::concat::concat_batches;
use wigeon_warehouse::LoadError;

use crate::support::{Context, batch, reader, texts};

fn all_types() -> RecordBatch {
    let decimal = |precision, scale, values: [Option<i128>; 4]| -> ArrayRef {
        Arc::new(
            Decimal128Array::from_iter(values)
                .with_precision_and_scale(precision, scale)
                .unwrap(),
        )
    };
    let times = [Some(-1), None, Some(1_571_842_523_000_001), Some(0)];
    batch(&[
        (
            "boolean",
            Arc::new(BooleanArray::from(vec![
                Some(true),
                None,
                Some(false),
                Some(true),
            ])),
        ),
        (
            "int8",
            Arc::new(Int8Array::from(vec![
                Some(i8::MIN),
                None,
                Some(i8::MAX),
                Some(0),
            ])),
        ),
        (
            "int16",
            Arc::new(Int16Array::from(vec![
                Some(i16::MIN),
                None,
                Some(i16::MAX),
                Some(0),
            ])),
        ),
        (
            "int32",
            Arc::new(Int32Array::from(vec![
                Some(i32::MIN),
                None,
                Some(i32::MAX),
                Some(0),
            ])),
        ),
        (
            "int64",
            Arc::new(Int64Array::from(vec![
                Some(i64::MIN),
                None,
                Some(i64::MAX),
                Some(0),
            ])),
        ),
        (
            "uint8",
            Arc::new(UInt8Array::from(vec![
                Some(0),
                None,
                Some(u8::MAX),
                Some(1),
            ])),
        ),
        (
            "uint16",
            Arc::new(UInt16Array::from(vec![
                Some(0),
                None,
                Some(u16::MAX),
                Some(1),
            ])),
        ),
        (
            "uint32",
            Arc::new(UInt32Array::from(vec![
                Some(0),
                None,
                Some(u32::MAX),
                Some(1),
            ])),
        ),
        (
            "uint64",
            Arc::new(UInt64Array::from(vec![
                Some(0),
                None,
                Some(u64::MAX),
                Some(1),
            ])),
        ),
        (
            "float32",
            Arc::new(Float32Array::from(vec![
                Some(-0.5),
                None,
                Some(f32::INFINITY),
                Some(1e-40),
            ])),
        ),
        (
            "float64",
            Arc::new(Float64Array::from(vec![
                Some(0.1),
                None,
                Some(f64::MIN),
                Some(f64::NAN),
            ])),
        ),
        (
            "utf8",
            texts([
                Some(""),
                None,
                Some("a longer string than twelve bytes, ü"),
                Some("x"),
            ]),
        ),
        (
            "binary",
            Arc::new(BinaryArray::from_opt_vec(vec![
                Some(b""),
                None,
                Some(b"\x00\xff'\""),
                Some(b"x"),
            ])),
        ),
        (
            "date32",
            Arc::new(Date32Array::from(vec![
                Some(-1),
                None,
                Some(20_000),
                Some(0),
            ])),
        ),
        (
            "timestamp",
            Arc::new(TimestampMicrosecondArray::from(times.to_vec())),
        ),
        (
            "timestamp_tz",
            Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC")),
        ),
        (
            "decimal4",
            decimal(4, 1, [Some(-9999), None, Some(9999), Some(0)]),
        ),
        (
            "decimal9",
            decimal(9, 2, [Some(-1), None, Some(999_999_999), Some(0)]),
        ),
        (
            "decimal18",
            decimal(
                18,
                0,
                [Some(-1), None, Some(999_999_999_999_999_999), Some(0)],
            ),
        ),
        (
            "decimal38",
            decimal(
                38,
                10,
                [
                    Some(i128::from(i64::MIN) * 1_000_000),
                    None,
                    Some(1),
                    Some(0),
                ],
            ),
        ),
    ])
}

fn read_back(context: &Context, table: &str, batch: &RecordBatch) -> RecordBatch {
    let schema = batch.schema();
    let names: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let stream = context.warehouse.read_table(table, &names).unwrap();
    let read_schema = stream.schema();
    let batches: Vec<_> = stream.map(Result::unwrap).collect();
    concat_batches(&read_schema, &batches).unwrap()
}

#[test]
fn every_type_is_kept() {
    let context = Context::new();
    let batch = all_types();
    context.append("kept", batch.clone());
    let read = read_back(&context, "kept", &batch);
    assert_eq!(read.schema(), batch.schema());
    for (column, expected) in read.columns().iter().zip(batch.columns()) {
        assert_eq!(column, expected);
    }
    let stage = context.stage(batch.clone());
    assert_eq!(stage.rows(), 4);
    assert_eq!(stage.schema(), batch.schema());
}

#[test]
fn slices_are_read_from_their_offset() {
    let context = Context::new();
    let batch = all_types();
    // An offset within a byte of validity, in many rows.
    let many = concat_batches(&batch.schema(), &vec![batch.clone(); 1000]).unwrap();
    let slice = many.slice(13, 3_500);
    context.append("sliced", slice.slice(0, 1_001));
    context.append("sliced", slice.slice(1_001, 2_499));
    let read = read_back(&context, "sliced", &slice);
    assert_eq!(read.num_rows(), slice.num_rows());
    for (column, expected) in read.columns().iter().zip(slice.columns()) {
        assert_eq!(column, expected);
    }
}

#[test]
fn dictionaries_become_their_values() {
    let context = Context::new();
    let words: DictionaryArray<UInt16Type> = [Some("one"), None, Some("two"), Some("one")]
        .into_iter()
        .collect();
    let bytes: DictionaryArray<Int8Type> = [Some("b"), Some("b"), None, Some("a")]
        .into_iter()
        .collect();
    // A null that is a value of the dictionary.
    let nulls = DictionaryArray::<Int32Type>::new(
        Int32Array::from(vec![Some(0), Some(1), None, Some(1)]),
        Arc::new(StringArray::from(vec![Some("value"), None])),
    );
    let batch = batch(&[
        ("words", Arc::new(words)),
        ("bytes", Arc::new(bytes)),
        ("nulls", Arc::new(nulls)),
    ]);
    context.append("words", batch.slice(1, 3));
    assert_eq!(
        context.query("SELECT * FROM words"),
        "null | b | null\none | a | null\ntwo | null | null"
    );
    let stage = context.stage(batch);
    assert_eq!(
        stage.schema().field(0).data_type(),
        &arrow_schema::DataType::Utf8
    );
}

#[test]
fn views_of_strings_are_kept_as_strings() {
    let context = Context::new();
    let views = StringViewArray::from(vec![Some("short"), None, Some("longer than twelve bytes")]);
    context.append("views", batch(&[("text", Arc::new(views))]));
    assert_eq!(
        context.query("SELECT * FROM views"),
        "longer than twelve bytes\nnull\nshort"
    );
}

#[test]
fn other_types_are_refused() {
    let context = Context::new();
    let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1]));
    let batch = batch(&[("time", Arc::clone(&times))]);
    let load = context.warehouse.begin().unwrap();
    let error = load.append("times", reader(batch.clone())).unwrap_err();
    assert!(
        matches!(&error, LoadError::UnsupportedType { column, data_type }
        if column == "time" && data_type == times.data_type())
    );
    assert!(matches!(
        context.warehouse.stage(reader(batch)).unwrap_err(),
        LoadError::UnsupportedType { .. }
    ));
}
